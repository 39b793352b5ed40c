package io.busbar.shard;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.shard.Bounds.Overflow;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class GroupTest {
  private static final Location HERE = new Location("n", 0, 1);
  private static final long NEVER = 0xffff_ffffL;

  private final List<Effect> effects = new ArrayList<>();
  private Group group = group(Overflow.DROP_OLDEST);
  private long now = 1_000_000;

  private static Group group(Overflow overflow) {
    return new Group(new Bounds(5, 1_000_000, overflow, 100, 100, 1_000_000));
  }

  private Outcome apply(Command command) {
    return group.apply(now, command, effects::add);
  }

  private Outcome.Opened open(String name, boolean clean, long expiry, Will will) {
    Outcome outcome = apply(new Command.Open(name, "owner", clean, expiry, will, HERE, 2));
    return (Outcome.Opened) outcome;
  }

  private long open(String name) {
    return open(name, false, 100, null).epoch();
  }

  private void subscribe(String name, long epoch, StoredSubscription... subscriptions) {
    Outcome outcome = apply(new Command.Subscribe(name, epoch, List.of(subscriptions)));
    assertThat(outcome).isInstanceOf(Outcome.Subscribed.class);
  }

  private static StoredSubscription sub(String filter, int qos) {
    return sub(filter, null, qos, false, 0);
  }

  private static StoredSubscription sub(
      String filter, String share, int qos, boolean noLocal, int id) {
    String name = share == null ? filter : "$share/" + share + "/" + filter;
    byte[] bytes = filter.getBytes(StandardCharsets.UTF_8);
    return new StoredSubscription(name, share, bytes, qos, noLocal, false, 2, id);
  }

  private Outcome publish(String topic, String payload, int qos) {
    byte[] packet = Messages.publish(topic, payload, qos, false, -1);
    return apply(new Command.Publish(packet, "publisher", true, List.of()));
  }

  private void close(String name, long epoch, boolean normal, long sentUpTo) {
    assertThat(apply(new Command.Close(name, epoch, -1, normal, sentUpTo)))
        .isInstanceOf(Outcome.Done.class);
  }

  private List<String> inbox(String name, long epoch) {
    return group.inbox(name, epoch, 0, 100).stream()
        .map(delivery -> Messages.payload(delivery.packet()))
        .toList();
  }

  private <E extends Effect> List<E> taken(Class<E> kind) {
    List<E> found = effects.stream().filter(kind::isInstance).map(kind::cast).toList();
    effects.removeAll(found);
    return found;
  }

  // --- who looks ---

  @Test
  void whoLooksIsToldWhatBecomesOfMessages() {
    long epoch = open("s");
    subscribe("s", epoch, sub("a", 1));
    long other = open("other");
    subscribe("other", other, sub("a", 1));
    group.watch((session, owner) -> session.equals("s") && owner.equals("owner"));
    publish("a", "1", 1);
    List<Effect.Watched> kept = taken(Effect.Watched.class);
    assertThat(kept).hasSize(1);
    assertThat(kept.get(0).change()).isEqualTo(Effect.Change.KEPT);
    assertThat(Messages.payload(kept.get(0).packet())).isEqualTo("1");

    close("s", epoch, true, 1);
    for (int i = 2; i < 8; i++) {
      publish("a", String.valueOf(i), 1);
    }
    assertThat(taken(Effect.Watched.class))
        .filteredOn(one -> one.change() == Effect.Change.QUEUE_FULL)
        .extracting(one -> Messages.payload(one.packet()))
        .containsExactly("2");

    apply(new Command.End("s"));
    assertThat(taken(Effect.Watched.class))
        .extracting(Effect.Watched::change)
        .containsExactly(Effect.Change.SESSION_ENDED);
    group.watch(null);
    publish("a", "x", 1);
    assertThat(taken(Effect.Watched.class)).isEmpty();
  }

  @Test
  void whoLooksIsToldWhatHasExpired() {
    long epoch = open("s");
    subscribe("s", epoch, sub("a", 1));
    close("s", epoch, true, 0);
    byte[] packet = Messages.publish("a", "1", 1, false, 1);
    apply(new Command.Publish(packet, "publisher", true, List.of()));
    group.watch((session, owner) -> true);
    now += 2_000;
    open("s");
    assertThat(taken(Effect.Watched.class))
        .extracting(Effect.Watched::change)
        .containsExactly(Effect.Change.EXPIRED);
  }

  // --- sessions ---

  @Test
  void expiryZeroIsNotStored() {
    assertThat(open("s", true, 0, null).epoch()).isZero();
    assertThat(group.sessions()).isZero();
  }

  @Test
  void resumedWithARisingEpoch_andTheOldOneIsStale() {
    long first = open("s");
    subscribe("s", first, sub("a", 1));
    close("s", first, true, 0);
    Outcome.Opened again = open("s", false, 100, null);

    assertThat(again.present()).isTrue();
    assertThat(again.epoch()).isGreaterThan(first);
    assertThat(again.subscriptions()).hasSize(1);
    for (Command stale :
        List.of(
            new Command.Close("s", first, -1, true, 0),
            new Command.Subscribe("s", first, List.of(sub("b", 1))),
            new Command.Unsubscribe("s", first, List.of("a")),
            new Command.Settle("s", first, new long[] {0}, new long[0]),
            new Command.Receive("s", first, 1, true, null),
            new Command.Replay("s", first, "a", List.of(), null))) {
      assertThat(apply(stale)).as("%s", stale).isInstanceOf(Outcome.Stale.class);
    }
  }

  @Test
  void anotherOwnerIsRefused() {
    open("s");
    Outcome outcome = apply(new Command.Open("s", "other", true, 100, null, HERE, 2));
    assertThat(outcome).isInstanceOf(Outcome.Refused.class);
  }

  private Outcome open(String name, String owner, long expiry, int most, String... elsewhere) {
    return apply(
        new Command.Open(
            name,
            owner,
            false,
            expiry,
            null,
            HERE,
            2,
            new Command.Quota(most, List.of(elsewhere))));
  }

  @Test
  void anOwnerHasAsManySessionsAsItMay() {
    open("s");
    // stored ones count, its own does not, whoever resumes it
    assertThat(open("t", "owner", 100, 1)).isEqualTo(new Outcome.Exceeded());
    assertThat(open("t", "owner", 0, 1)).isEqualTo(new Outcome.Exceeded());
    assertThat(open("s", "owner", 100, 1, "s")).isInstanceOf(Outcome.Opened.class);
    assertThat(open("t", "other", 100, 1)).isInstanceOf(Outcome.Opened.class);
    // so do those that only nodes know, each name once
    assertThat(open("u", "owner", 100, 2, "x")).isEqualTo(new Outcome.Exceeded());
    assertThat(open("u", "owner", 100, 2, "s", "u")).isInstanceOf(Outcome.Opened.class);
    // a session that has ended leaves room
    apply(new Command.End("s"));
    assertThat(open("v", "owner", 100, 2)).isInstanceOf(Outcome.Opened.class);
    assertThat(open("w", "owner", 100, 2)).isEqualTo(new Outcome.Exceeded());
  }

  @Test
  void cleanStartEndsWhatWasThere() {
    long epoch = open("s");
    subscribe("s", epoch, sub("a", 1));
    publish("a", "x", 1);
    assertThat(taken(Effect.Interest.class)).hasSize(1);

    assertThat(open("s", true, 100, null).present()).isFalse();

    assertThat(taken(Effect.Interest.class)).singleElement().matches(gone -> !gone.added());
    assertThat(taken(Effect.Lost.class))
        .containsExactly(new Effect.Lost(Effect.Loss.SESSION_ENDED, 1));
    assertThat(taken(Effect.Ended.class))
        .singleElement()
        .matches(ended -> ended.reason() == Effect.Reason.CLEAN_START);
    assertThat(((Outcome.Published) publish("a", "y", 1)).sessions()).isZero();
  }

  @Test
  void endsWhenItsExpiryHasPassed() {
    long epoch = open("s");
    close("s", epoch, true, 0);
    assertThat(group.nextDue()).isEqualTo(now + 100_000);
    now += 99_999;
    apply(new Command.Tick());
    assertThat(group.sessions()).isOne();
    now += 1;
    apply(new Command.Tick());
    assertThat(group.sessions()).isZero();
    assertThat(group.nextDue()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void neverExpires() {
    long epoch = open("s", false, NEVER, null).epoch();
    close("s", epoch, true, 0);
    assertThat(group.nextDue()).isEqualTo(Long.MAX_VALUE);
  }

  // --- wills ---

  @Test
  void aWillIsDueAfterItsDelay_atTheEndAtTheLatest_notAfterAReturn_notAfterDisconnect() {
    Will will = new Will(Messages.publish("w", "x", 0, false, -1), 10);
    long epoch = open("s", false, 100, will).epoch();
    close("s", epoch, false, 0);
    now += 9_999;
    apply(new Command.Tick());
    assertThat(taken(Effect.WillDue.class)).isEmpty();
    now += 1;
    apply(new Command.Tick());
    assertThat(taken(Effect.WillDue.class)).hasSize(1);

    epoch = open("s", false, 100, will).epoch();
    close("s", epoch, false, 0);
    epoch = open("s", false, 5, will).epoch();
    now += 20_000;
    apply(new Command.Tick());
    assertThat(taken(Effect.WillDue.class)).as("came back").isEmpty();
    close("s", epoch, false, 0);
    now += 5_000;
    apply(new Command.Tick());
    assertThat(taken(Effect.WillDue.class)).as("ended before the delay").hasSize(1);

    epoch = open("s", false, 100, will).epoch();
    close("s", epoch, true, 0);
    now += 200_000;
    apply(new Command.Tick());
    assertThat(taken(Effect.WillDue.class)).as("said DISCONNECT").isEmpty();
  }

  @Test
  void takeOverFiresAWillWithoutDelayOnly() {
    Will now0 = new Will(Messages.publish("w", "x", 0, false, -1), 0);
    Will later = new Will(Messages.publish("w", "x", 0, false, -1), 10);
    open("s", false, 100, now0);
    open("s", false, 100, later);
    assertThat(taken(Effect.WillDue.class)).hasSize(1);
    open("s", false, 100, null);
    assertThat(taken(Effect.WillDue.class)).isEmpty();
  }

  // --- deliveries ---

  @Test
  void overlappingSubscriptionsAreOneDelivery() {
    long epoch = open("s");
    subscribe(
        "s", epoch, sub("a/+", null, 1, false, 7), sub("a/b", null, 2, false, 3), sub("#", 0));
    publish("a/b", "x", 2);

    Delivery delivery = taken(Effect.Bell.class).get(0).delivery();
    assertThat(delivery.qos()).isEqualTo(2);
    assertThat(delivery.ids()).containsExactly(3, 7);
    assertThat(group.inbox("s", epoch, 0, 9)).hasSize(1);
    publish("a/b", "y", 0);
    assertThat(group.inbox("s", epoch, 0, 9)).as("QoS 0 is not stored").hasSize(1);
  }

  @Test
  void noLocal() {
    long epoch = open("publisher");
    subscribe("publisher", epoch, sub("a", null, 1, true, 0));
    assertThat(((Outcome.Published) publish("a", "x", 1)).sessions()).isZero();
  }

  @Test
  void onlyTheWindowIsInFlight_andWhatWasSentIsSentAgain() {
    long epoch = open("s");
    subscribe("s", epoch, sub("a", 2));
    for (int i = 0; i < 4; i++) {
      publish("a", "" + i, 2);
    }
    assertThat(inbox("s", epoch)).containsExactly("0", "1");
    apply(new Command.Settle("s", epoch, new long[] {0}, new long[] {1}));
    assertThat(inbox("s", epoch)).containsExactly("1", "2");
    close("s", epoch, true, 2);
    long again = open("s");

    List<Delivery> deliveries = group.inbox("s", again, 0, 9);
    assertThat(deliveries).extracting(Delivery::released).containsExactly(true, false);
    assertThat(deliveries).extracting(Delivery::sent).containsExactly(true, false);
    assertThat(deliveries).extracting(Delivery::sequence).containsExactly(1L, 2L);
  }

  @ParameterizedTest
  @EnumSource
  void overflow(Overflow overflow) {
    group = group(overflow);
    long epoch = open("s");
    subscribe("s", epoch, sub("a", 1));
    for (int i = 0; i < 7; i++) {
      publish("a", "" + i, 1);
    }
    effects.clear();
    Outcome outcome = publish("a", "7", 1);

    List<Effect.Lost> lost = taken(Effect.Lost.class);
    switch (overflow) {
      case DROP_OLDEST -> {
        assertThat(lost).containsExactly(new Effect.Lost(Effect.Loss.QUEUE_FULL, 1));
        apply(new Command.Settle("s", epoch, new long[] {0, 1}, new long[0]));
        assertThat(inbox("s", epoch)).containsExactly("3", "4");
      }
      case DROP_NEWEST -> {
        assertThat(lost).containsExactly(new Effect.Lost(Effect.Loss.QUEUE_FULL, 1));
        apply(new Command.Settle("s", epoch, new long[] {0, 1}, new long[0]));
        assertThat(inbox("s", epoch)).containsExactly("2", "3");
      }
      case END_SESSION -> {
        assertThat(lost).extracting(Effect.Lost::deliveries).containsExactly(1, 7);
        assertThat(taken(Effect.Ended.class))
            .singleElement()
            .matches(
                ended -> ended.reason() == Effect.Reason.OVERFLOW && HERE.equals(ended.location()));
      }
      case REFUSE -> {
        assertThat(outcome).isInstanceOf(Outcome.Refused.class);
        assertThat(lost).isEmpty();
      }
    }
  }

  @Test
  void expiredOnesAreLeftOut() {
    long epoch = open("s");
    subscribe("s", epoch, sub("a", 1));
    close("s", epoch, true, 0);
    byte[] packet = Messages.publish("a", "x", 1, false, 5);
    apply(new Command.Publish(packet, null, true, List.of()));
    publish("a", "y", 1);
    now += 5_000;
    assertThat(inbox("s", open("s"))).containsExactly("y");
    assertThat(taken(Effect.Lost.class)).containsExactly(new Effect.Lost(Effect.Loss.EXPIRED, 1));
  }

  @Test
  void identifiersThatAreInUseComeBack() {
    long epoch = open("s");
    apply(new Command.Receive("s", epoch, 5, true, null));
    Sending sending = new Sending(-1, 9);
    apply(new Command.Receive("s", epoch, 6, true, sending));
    apply(new Command.Receive("s", epoch, 5, false, null));
    assertThat(open("s", false, 100, null).receiving())
        .containsExactly(new Outcome.Receiving(6, sending));
  }

  // --- shares ---

  private void pick(String payload, String session) {
    byte[] packet = Messages.publish("a", payload, 1, false, -1);
    byte[] filter = "a".getBytes(StandardCharsets.UTF_8);
    List<Command.Pick> picks = List.of(new Command.Pick("g", filter, session));
    apply(new Command.Publish(packet, null, true, picks));
  }

  @Test
  void aShareKeepsWhatNoMemberCanTake_andHandsOnWhatOneLeaves() {
    long one = open("one");
    subscribe("one", one, sub("a", "g", 1, false, 0));
    assertThat(taken(Effect.ShareInterest.class)).hasSize(1);
    close("one", one, true, 0);
    for (int i = 0; i < 7; i++) {
      pick("" + i, null);
    }
    assertThat(taken(Effect.Lost.class)).as("5 may wait").hasSize(2);

    one = open("one");
    assertThat(inbox("one", one)).containsExactly("2", "3");
    apply(new Command.Settle("one", one, new long[] {0}, new long[0]));
    assertThat(inbox("one", one)).containsExactly("3", "4");
    taken(Effect.Repick.class);
    close("one", one, true, 2);
    assertThat(taken(Effect.Repick.class)).as("what was not sent").hasSize(1);
    open("one");
    effects.clear();
    apply(new Command.End("one"));
    assertThat(taken(Effect.Repick.class)).as("what was not acknowledged").isNotEmpty();
    assertThat(taken(Effect.ShareInterest.class)).singleElement().matches(i -> !i.added());
  }

  // --- retained ---

  @Test
  void replayLeavesOutWhatIsNotRetainedAnyMore() {
    byte[] old = Messages.publish("a", "old", 1, true, -1);
    byte[] kept = Messages.publish("b", "kept", 1, true, -1);
    apply(new Command.Publish(old, null, true, List.of()));
    apply(new Command.Publish(kept, null, true, List.of()));
    long epoch = open("s");
    StoredSubscription all =
        new StoredSubscription("#", null, new byte[] {'#'}, 1, false, false, 0, 0);
    subscribe("s", epoch, all);
    assertThat(open("s", false, 100, null).replays()).hasSize(1);
    epoch = open("s");
    byte[] newer = Messages.publish("a", "new", 1, true, -1);
    apply(new Command.Publish(newer, null, true, List.of()));
    apply(new Command.Replay("s", epoch, "#", List.of(old, kept), null));

    assertThat(inbox("s", epoch)).containsExactly("new", "kept");
    assertThat(open("s", false, 100, null).replays()).isEmpty();
  }

  // --- what was once wrong ---

  private Command.Publish picked(String payload, int qos, long expiry, String session) {
    byte[] packet = Messages.publish("a", payload, qos, false, expiry);
    byte[] filter = "a".getBytes(StandardCharsets.UTF_8);
    return new Command.Publish(packet, null, true, List.of(new Command.Pick("g", filter, session)));
  }

  @Test
  void whatIsHandedOnKeepsItsExpiry_andIsNotHandedOnAfterIt() {
    long one = open("one");
    subscribe("one", one, sub("a", "g", 1, false, 0));
    apply(picked("soon", 1, 5, "one"));
    apply(picked("later", 1, 60, "one"));
    now += 10_000;
    close("one", one, true, 0);

    Effect.Repick repick = taken(Effect.Repick.class).get(0);
    assertThat(Messages.payload(repick.packet())).isEqualTo("later");
    assertThat(Messages.parsed(repick.packet()).expirySeconds()).isEqualTo(50);
    assertThat(taken(Effect.Lost.class)).containsExactly(new Effect.Lost(Effect.Loss.EXPIRED, 1));
  }

  @Test
  void aPickOfAShareWithoutStoredMembersIsHandedOn() {
    Outcome outcome = apply(picked("x", 1, -1, "gone"));
    assertThat(((Outcome.Published) outcome).sessions()).isOne();
    assertThat(taken(Effect.Repick.class)).hasSize(1);
  }

  @Test
  void aMemberAtQos0GetsNothingOfTheShareHere() {
    long one = open("one");
    long two = open("two");
    subscribe("one", one, sub("a", "g", 1, false, 0));
    subscribe("two", two, sub("a", "g", 1, false, 0));
    subscribe("one", one, sub("a", "g", 0, false, 0));
    apply(picked("x", 1, -1, "one"));
    assertThat(inbox("one", one)).isEmpty();
    assertThat(inbox("two", two)).containsExactly("x");
  }

  @Test
  void aFullMemberOrPoolOfAShareRefuses() {
    group = group(Overflow.REFUSE);
    long one = open("one");
    subscribe("one", one, sub("a", "g", 1, false, 0));
    for (int i = 0; i < 7; i++) {
      assertThat(apply(picked("" + i, 1, -1, "one"))).isInstanceOf(Outcome.Published.class);
    }
    assertThat(apply(picked("7", 1, -1, "one"))).isInstanceOf(Outcome.Refused.class);
    close("one", one, true, 0);
    for (int i = 0; i < 5; i++) {
      assertThat(apply(picked("" + i, 1, -1, null))).isInstanceOf(Outcome.Published.class);
    }
    assertThat(apply(picked("5", 1, -1, null))).isInstanceOf(Outcome.Refused.class);
    assertThat(taken(Effect.Lost.class)).isEmpty();
  }

  @Test
  void whatGoesStraightIntoFlightMayBeLargerThanTheQueue_whatWaitsMayNot() {
    group = new Group(new Bounds(5, 1_000, Overflow.DROP_OLDEST, 100, 100, 1_000_000));
    long epoch = open("s");
    subscribe("s", epoch, sub("a", 1));
    String large = "x".repeat(2_000);
    publish("a", large, 1);
    publish("a", large, 1);
    assertThat(inbox("s", epoch)).hasSize(2);
    assertThat(taken(Effect.Bell.class)).hasSize(2);
    publish("a", large, 1);
    assertThat(taken(Effect.Lost.class)).hasSize(1);
    assertThat(taken(Effect.Bell.class)).as("of what was dropped").isEmpty();
  }

  @Test
  void aPoolCountsWhatEachMessageCostsBesides() {
    group = new Group(new Bounds(100, 640, Overflow.DROP_OLDEST, 100, 100, 1_000_000));
    long one = open("one");
    subscribe("one", one, sub("a", "g", 1, false, 0));
    close("one", one, true, 0);
    for (int i = 0; i < 10; i++) {
      apply(picked("", 1, -1, null));
    }
    assertThat(taken(Effect.Lost.class)).isNotEmpty();
  }

  @Test
  void whatWasDueBeforeAReturnHappensThough() {
    Will will = new Will(Messages.publish("w", "x", 0, false, -1), 10);
    close("s", open("s", false, 100, will).epoch(), false, 0);
    now += 20_000;
    long epoch = open("s", false, 100, null).epoch();
    assertThat(taken(Effect.WillDue.class)).as("its delay had passed").hasSize(1);
    close("s", epoch, true, 0);
    now += 100_000;
    assertThat(open("s", false, 100, null).present()).as("its expiry had passed").isFalse();
    assertThat(taken(Effect.Ended.class))
        .singleElement()
        .matches(ended -> ended.reason() == Effect.Reason.EXPIRED);
  }

  @Test
  void unsubscribingHandsOnWhatAnEarlierShareOfTheNameChose() {
    long one = open("one");
    subscribe("one", one, sub("a", "g", 1, false, 0));
    apply(picked("x", 1, -1, "one"));
    subscribe("one", one, sub("a", "g", 0, false, 0));
    subscribe("one", one, sub("a", "g", 1, false, 0));
    apply(new Command.Unsubscribe("one", one, List.of("$share/g/a")));
    assertThat(taken(Effect.Repick.class)).hasSize(1);
    assertThat(group.deliveries()).isZero();
  }

  // --- nodes that are gone ---

  @Test
  void theSessionsOfANodeThatIsGoneAreDisconnected() {
    long epoch =
        open("s", false, 100, new Will(Messages.publish("w", "x", 0, false, -1), 0)).epoch();
    subscribe("s", epoch, sub("a", 1));
    publish("a", "x", 1);
    taken(Effect.Bell.class);

    apply(new Command.Gone("another"));
    assertThat(taken(Effect.WillDue.class)).isEmpty();
    apply(new Command.Gone(HERE.node()));
    assertThat(taken(Effect.WillDue.class)).hasSize(1);
    publish("a", "y", 1);
    assertThat(taken(Effect.Bell.class)).as("it is not connected").isEmpty();
    long again = open("s");
    assertThat(group.inbox("s", again, 0, 9))
        .extracting(Delivery::sent)
        .containsExactly(true, false);
  }

  @Test
  void aNodesNameStandsForAllItsLives() {
    String name = "busbar-1" + Command.Gone.OF_NAME;
    List<String> nodes = List.of(name + "disk", name + "other", "busbar-10@disk", "busbar-1");
    for (String node : nodes) {
      apply(new Command.Open(node, "owner", false, 100, null, new Location(node, 0, 1), 10));
    }
    apply(new Command.Gone(name));
    assertThat(taken(Effect.Left.class)).containsExactly(new Effect.Left(name));
    Map<String, Boolean> connected = new HashMap<>();
    for (String node : nodes) {
      connected.put(node, group.session(node).location != null);
    }
    assertThat(connected)
        .isEqualTo(
            Map.of(
                name + "disk",
                false,
                name + "other",
                false,
                "busbar-10@disk",
                true,
                "busbar-1",
                true));
  }

  /** The client sends it again where it is now: it must not come twice. */
  @Test
  void whatAnEarlierConnectionPublishedHasNoEffectAfterATakeover() {
    subscribe("s", open("s"), sub("a", 1));
    long before = open("p");
    assertThat(apply(published("p", before, "x"))).isEqualTo(new Outcome.Published(1));
    long after = open("p");
    assertThat(apply(published("p", before, "y"))).isEqualTo(new Outcome.Stale());
    assertThat(apply(published("p", after, "y"))).isEqualTo(new Outcome.Published(1));
    apply(new Command.Gone(HERE.node()));
    assertThat(apply(published("p", after, "z"))).isEqualTo(new Outcome.Stale());
    assertThat(group.deliveries()).isEqualTo(2);
  }

  private static Command published(String publisher, long epoch, String payload) {
    byte[] packet = Messages.publish("a", payload, 1, false, -1);
    return new Command.Publish(packet, publisher, epoch, true, List.of());
  }

  @Test
  void whatNobodyWasChosenForGoesToAConnectedMemberThatMayHaveMore() {
    long full = open("full");
    long free = open("free");
    subscribe("full", full, sub("a", "g", 1, false, 0));
    subscribe("free", free, sub("a", "g", 1, false, 0));
    for (String chosen : List.of("free", "full", "full")) {
      apply(picked("x", 1, -1, chosen));
    }
    apply(new Command.Settle("free", free, new long[] {0}, new long[0]));
    apply(picked("1", 1, -1, "free"));
    apply(picked("2", 1, -1, null));
    assertThat(inbox("free", free)).as("though full was served before it").hasSize(2);
    apply(picked("3", 1, -1, null));
    close("free", free, true, 2);
    assertThat(inbox("full", full)).hasSize(2);
    apply(new Command.Settle("full", full, new long[] {0, 1}, new long[0]));
    assertThat(inbox("full", full)).as("then to one that will").containsExactly("3");
  }

  @Test
  void anIndexIsToldWhatIsDifferentFromWhatItKnows() {
    long epoch = open("s");
    subscribe("s", epoch, sub("both", 1), sub("old", 1), sub("c", "old", 1, false, 0));
    final Group before = group;
    group = group(Overflow.DROP_OLDEST);
    subscribe("s", open("s"), sub("both", 1), sub("new", 1), sub("c", "new", 1, false, 0));
    List<Effect> told = new ArrayList<>();
    group.tellDifference(before, told::add);
    assertThat(told)
        .usingRecursiveFieldByFieldElementComparator()
        .containsExactlyInAnyOrder(
            new Effect.Interest("new".getBytes(StandardCharsets.UTF_8), true),
            new Effect.Interest("old".getBytes(StandardCharsets.UTF_8), false),
            new Effect.ShareInterest("new", "c".getBytes(StandardCharsets.UTF_8), true),
            new Effect.ShareInterest("old", "c".getBytes(StandardCharsets.UTF_8), false));
  }

  @Test
  void anIndexThatKnowsNothingIsToldEachFilterOnce() {
    subscribe("s", open("s"), sub("a", 1), sub("b", 0), sub("c", "g", 1, false, 0));
    subscribe("t", open("t"), sub("a", 2), sub("c", "g", 1, false, 0));
    List<Effect> told = new ArrayList<>();
    group.tellAll(told::add);
    assertThat(told)
        .usingRecursiveFieldByFieldElementComparator()
        .containsExactlyInAnyOrder(
            new Effect.Interest("a".getBytes(StandardCharsets.UTF_8), true),
            new Effect.ShareInterest("g", "c".getBytes(StandardCharsets.UTF_8), true));
  }

  // --- what must not be lost ---

  @Test
  void aWillStaysPendingUntilItIsConfirmed() {
    open("s", false, 100, new Will(Messages.publish("w", "will", 1, false, -1), 0));
    close("s", 1, false, 0);
    Effect.WillDue told = taken(Effect.WillDue.class).get(0);

    assertThat(group.pending()).containsExactly(told);
    apply(new Command.Confirm(new long[] {told.id() + 1}));
    assertThat(group.pending()).containsExactly(told);
    apply(new Command.Confirm(new long[] {told.id()}));
    assertThat(group.pending()).isEmpty();
  }

  @Test
  void aMessageOfAnEffectIsTakenOnce() {
    long epoch = open("s");
    subscribe("s", epoch, sub("w", 1));
    byte[] packet = Messages.publish("w", "will", 1, false, -1);
    Command.Publish publish = new Command.Publish(packet, null, true, List.of());
    assertThat(apply(new Command.Once(1, 7, publish))).isEqualTo(new Outcome.Published(1));
    assertThat(apply(new Command.Once(1, 7, publish))).isEqualTo(new Outcome.Published(0));
    assertThat(apply(new Command.Once(2, 7, publish))).isEqualTo(new Outcome.Published(1));
    assertThat(inbox("s", epoch)).hasSize(2);
  }

  @Test
  void boundsAreToldByTheLog() {
    open("s");
    apply(new Command.Configure(new Bounds(5, 1_000, Overflow.DROP_OLDEST, 1, 1, 1_000)));
    Outcome second = apply(new Command.Open("t", "owner", true, 100, null, HERE, 2));
    assertThat(second).isInstanceOf(Outcome.Refused.class);
    for (String topic : List.of("a", "b")) {
      byte[] packet = Messages.publish(topic, "x", 1, true, -1);
      apply(new Command.Publish(packet, null, true, List.of()));
    }
    assertThat(group.retained().size()).isEqualTo(1);
  }

  /** What is retained after SUBSCRIBE comes by itself: also to who reads on much later. */
  @Test
  void whatIsRetainedAfterASubscriptionIsNotReplayed() {
    byte[] before = Messages.publish("a", "before", 1, true, -1);
    byte[] replaced = Messages.publish("b", "before", 1, true, -1);
    apply(new Command.Publish(before, null, true, List.of()));
    apply(new Command.Publish(replaced, null, true, List.of()));
    long epoch = open("s");
    subscribe(
        "s", epoch, new StoredSubscription("#", null, new byte[] {'#'}, 1, false, false, 0, 0));
    for (String topic : List.of("b", "c")) {
      byte[] after = Messages.publish(topic, "after", 1, true, -1);
      apply(new Command.Publish(after, null, true, List.of()));
    }
    close("s", epoch, false, 0);
    epoch = open("s");
    assertThat(inbox("s", epoch)).as("by themselves").hasSize(2);
    Retained.Page page = group.retained("s", "#", null, 10, 10_000, 0);
    assertThat(page.packets()).containsExactly(before);
    assertThat(apply(new Command.Replay("s", epoch, "#", page.packets(), page.next())))
        .isEqualTo(new Outcome.Published(1));
    assertThat(group.retained("s", "#", null, 10, 10_000, 0).packets()).as("done").isEmpty();
  }

  // --- random walks ---

  @Test
  void walksAsTheModelDoes() {
    for (int seed = 0; seed < 500; seed++) {
      Random random = new Random(seed);
      try {
        GroupWalk.walk(random::nextInt, 200);
      } catch (AssertionError e) {
        throw new AssertionError("seed " + seed, e);
      }
    }
  }

  @Test
  void aResourceIsKeptUnderItsNameAndItsKey() {
    Group group = new Group(Bounds.INITIAL);
    List<Effect> told = new ArrayList<>();
    assertThat(group.apply(1, put("c", "k", 1), told::add)).isEqualTo(new Outcome.Put(true));
    assertThat(group.apply(2, put("c", "k", 1), told::add)).isEqualTo(new Outcome.Put(false));
    assertThat(told).as("nothing changed by the second").hasSize(1);
    assertThat(group.apply(3, put("d", "k", 1), told::add)).isEqualTo(new Outcome.Taken("c"));
    assertThat(group.apply(4, put("c", "l", 2), told::add)).isEqualTo(new Outcome.Put(false));
    assertThat(group.apply(5, put("d", "k", 1), told::add)).isEqualTo(new Outcome.Put(true));
    Command delete = new Command.DeleteResource(1, "c");
    assertThat(group.apply(6, delete, told::add)).isEqualTo(new Outcome.Deleted(true));
    assertThat(group.apply(7, delete, told::add)).isEqualTo(new Outcome.Deleted(false));
    assertThat(group.apply(8, put("e", "l", 1), told::add)).isEqualTo(new Outcome.Put(true));

    assertThat(told.stream().map(effect -> text((Effect.Changed) effect)))
        .containsExactly(
            "c=1 of 1 at 1", "c=2 of 1 at 4", "d=1 of 5 at 5", "c gone", "e=1 of 8 at 8");
  }

  @Test
  void whoKnowsTheResourcesOfAnotherGroupIsToldWhatDiffers() {
    Group before = new Group(Bounds.INITIAL);
    Group now = new Group(Bounds.INITIAL);
    for (String name : List.of("a", "b", "c")) {
      before.apply(1, put(name, null, 1), effect -> {});
    }
    now.apply(1, put("a", null, 1), effect -> {});
    now.apply(1, put("b", null, 2), effect -> {});
    now.apply(1, put("d", null, 1), effect -> {});
    List<Effect> told = new ArrayList<>();
    now.tellDifference(before, told::add);

    assertThat(told.stream().map(effect -> text((Effect.Changed) effect)))
        .containsExactlyInAnyOrder("b=2 of 1 at 1", "d=1 of 1 at 1", "c gone");
  }

  @Test
  void aRevokedSubscriptionGetsNothingMore() {
    Group group = new Group(Bounds.INITIAL);
    List<Effect> told = new ArrayList<>();
    byte[] filter = {'f'};
    Location here = new Location("n", 0, 1);
    group.apply(1, new Command.Open("s", "o", false, 100, null, here, 5), told::add);
    StoredSubscription one = new StoredSubscription("f", null, filter, 1, false, false, 0, 0);
    group.apply(1, new Command.Subscribe("s", 1, List.of(one)), told::add);
    group.beginReview();
    assertThat(group.review(10)).hasSize(1);
    assertThat(group.review(10)).isEmpty();
    group.apply(2, new Command.Revoke("s", List.of("f", "other")), told::add);
    byte[] message = Messages.publish("f", "x", 1, false, -1);

    assertThat(group.apply(3, new Command.Publish(message, null, true, List.of()), told::add))
        .isEqualTo(new Outcome.Published(0));
    assertThat(told).anyMatch(e -> e instanceof Effect.Interest i && !i.added());
  }

  @Test
  void commandsTakeEffectTogetherOrNoneOfThemDoes() {
    Group group = new Group(Bounds.INITIAL);
    List<Effect> told = new ArrayList<>();
    group.apply(1, put("c", "k", 1), told::add);
    group.apply(1, put("d", "l", 1), told::add);
    told.clear();
    Command delete = new Command.DeleteResource(1, "c");

    assertThat(group.apply(2, together(put("e", "m", 1), put("f", "k", 1)), told::add))
        .as("the key of one that stays")
        .isEqualTo(new Outcome.Taken("c"));
    assertThat(group.apply(2, together(put("e", "m", 1), put("f", "m", 1)), told::add))
        .as("the key of another one of them")
        .isEqualTo(new Outcome.Taken("e"));
    assertThat(group.apply(2, together(delete, put("c", "k", 1), put("f", "k", 1)), told::add))
        .as("a key that is given up and taken again")
        .isEqualTo(new Outcome.Taken("c"));
    assertThat(told).isEmpty();

    Command swapped = together(delete, put("d", "k", 2), put("c", "l", 2));
    assertThat(group.apply(3, swapped, told::add))
        .isEqualTo(
            new Outcome.Together(
                List.of(new Outcome.Deleted(true), new Outcome.Put(false), new Outcome.Put(true))));
    assertThat(told.stream().map(effect -> text((Effect.Changed) effect)))
        .containsExactly("c gone", "d=2 of 1 at 3", "c=2 of 3 at 3");
  }

  private static Command together(Command... commands) {
    return new Command.Together(List.of(commands));
  }

  private static Command put(String name, String key, int value) {
    return new Command.PutResource(1, name, key, "o", new byte[] {(byte) value});
  }

  private static String text(Effect.Changed changed) {
    StoredResource now = changed.resource();
    return now == null
        ? changed.name() + " gone"
        : "%s=%d of %d at %d"
            .formatted(changed.name(), now.value()[0], now.created(), now.modified());
  }
}
