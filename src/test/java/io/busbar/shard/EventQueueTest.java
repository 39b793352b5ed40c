package io.busbar.shard;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.shard.Command.Return.Kind;
import io.busbar.shard.Outcome.Settled;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Events of a subscription that are given out and settled, or not. */
class EventQueueTest {
  private static final long LOCK = 60_000;
  private static final long TTL = 600_000;
  private static final int RESULT = 404;

  private final Group group = new Group(Bounds.INITIAL);
  private final List<Effect> effects = new ArrayList<>();
  private long now = 1_000_000;

  @BeforeEach
  void queues() {
    for (String name : List.of("q", "r")) {
      apply(new Command.Queue(name, rules("")));
    }
  }

  private static QueueRules rules(String deadLetters) {
    return new QueueRules(LOCK, 3, TTL, 10, 4_000, deadLetters);
  }

  private Outcome apply(Command command) {
    return group.apply(now, command, effects::add);
  }

  private Outcome put(String... events) {
    return apply(
        new Command.Enqueue(
            true,
            Arrays.stream(events)
                .map(event -> new Command.Incoming(List.of("q"), event.getBytes(UTF_8)))
                .toList()));
  }

  private record Got(String event, Command.Token token) {}

  private List<Got> take(int most) {
    Outcome.Given given = (Outcome.Given) apply(new Command.Take("q", most, 1_000_000));
    List<byte[]> bodies = group.events("q", given.events());
    return IntStream.range(0, bodies.size())
        .mapToObj(
            i ->
                new Got(
                    new String(bodies.get(i), UTF_8),
                    new Command.Token(
                        given.queue(),
                        given.events().get(i).sequence(),
                        given.events().get(i).deliveries())))
        .toList();
  }

  private List<String> taken(int most) {
    return take(most).stream().map(Got::event).toList();
  }

  private Settled settle(Kind kind, long delay, Command.Token token) {
    Outcome.Returned returned =
        (Outcome.Returned) apply(new Command.Return("q", kind, delay, RESULT, List.of(token)));
    return returned.events().get(0);
  }

  private void pass(long millis) {
    now += millis;
    apply(new Command.Tick());
  }

  private long lost(Effect.Loss loss) {
    return effects.stream()
        .filter(one -> one instanceof Effect.Lost lost && lost.loss() == loss)
        .mapToLong(one -> ((Effect.Lost) one).deliveries())
        .sum();
  }

  private long rung() {
    return effects.stream().filter(one -> one.equals(new Effect.Ready("q"))).count();
  }

  @Test
  void viewsTellWhatWaits_andSinceWhen() {
    put("a", "b", "c");
    now += 1_000;
    take(2);
    EventQueueView q = group.queues(null, 1).get(0);
    assertThat(q.name()).isEqualTo("q");
    assertThat(q.events()).isEqualTo(3);
    assertThat(q.away()).isEqualTo(2);
    assertThat(q.bytes()).isEqualTo(3L + 3 * EventQueue.OVERHEAD);
    assertThat(q.oldest()).isEqualTo(now - 1_000);
    take(1);
    assertThat(group.queues(null, 1).get(0).oldest()).as("nothing is ready").isZero();
    assertThat(group.queues("q", 5)).extracting(EventQueueView::name).containsExactly("r");
    assertThat(group.queues("r", 5)).isEmpty();
  }

  @Test
  void eventsAreGivenOutOnceInTheirOrder() {
    assertThat(put("a", "b", "c")).isEqualTo(new Outcome.Published(3));
    assertThat(rung()).isEqualTo(1);
    assertThat(taken(2)).containsExactly("a", "b");
    assertThat(taken(2)).containsExactly("c");
    assertThat(taken(2)).isEmpty();
    put("d");
    assertThat(rung()).isEqualTo(2);
    assertThat(taken(2)).containsExactly("d");
  }

  @Test
  void oneMessageHasSoManyBytes() {
    put("aaaa", "bbbb", "c");
    Outcome.Given given = (Outcome.Given) apply(new Command.Take("q", 9, 6));
    assertThat(given.events()).hasSize(1);
    given = (Outcome.Given) apply(new Command.Take("q", 9, 1));
    assertThat(given.events()).hasSize(1);
  }

  @Test
  void whatIsAcknowledgedIsGone() {
    put("a");
    Command.Token token = take(1).get(0).token();
    assertThat(settle(Kind.ACKNOWLEDGE, 0, token)).isEqualTo(Settled.DONE);
    assertThat(settle(Kind.ACKNOWLEDGE, 0, token)).isEqualTo(Settled.LOST);
    pass(LOCK);
    assertThat(taken(1)).isEmpty();
    assertThat(group.queuedEvents()).isZero();
    assertThat(group.nextDue()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void whatIsNotSettledInTimeIsGivenOutAgainSoOften() {
    put("a");
    Command.Token first = take(1).get(0).token();
    pass(LOCK - 1);
    assertThat(taken(1)).isEmpty();
    pass(1);
    assertThat(rung()).isEqualTo(2);
    Command.Token second = take(1).get(0).token();
    assertThat(second.deliveries()).isEqualTo(2);
    assertThat(settle(Kind.ACKNOWLEDGE, 0, first)).isEqualTo(Settled.LOST);
    pass(LOCK);
    assertThat(take(1)).hasSize(1);
    assertThat(lost(Effect.Loss.EVENT_UNDELIVERED)).isZero();
    pass(LOCK);
    assertThat(lost(Effect.Loss.EVENT_UNDELIVERED)).isEqualTo(1);
    assertThat(taken(1)).isEmpty();
  }

  @Test
  void aLockThatHasEndedIsOverWithoutATickToo() {
    put("a");
    Command.Token token = take(1).get(0).token();
    now += LOCK;
    assertThat(settle(Kind.ACKNOWLEDGE, 0, token)).isEqualTo(Settled.LOST);
    assertThat(taken(1)).containsExactly("a");
  }

  @Test
  void whatIsReleasedIsReadyAtOnceOrLater() {
    put("a", "b");
    List<Got> both = take(2);
    assertThat(settle(Kind.RELEASE, 0, both.get(0).token())).isEqualTo(Settled.DONE);
    assertThat(rung()).isEqualTo(2);
    assertThat(settle(Kind.RELEASE, 10_000, both.get(1).token())).isEqualTo(Settled.DONE);
    assertThat(settle(Kind.ACKNOWLEDGE, 0, both.get(1).token())).isEqualTo(Settled.LOST);
    assertThat(taken(2)).containsExactly("a");
    pass(9_999);
    assertThat(taken(2)).isEmpty();
    pass(1);
    assertThat(taken(2)).containsExactly("b");
  }

  @Test
  void whatIsReleasedTheLastTimeIsDropped() {
    put("a");
    for (int i = 1; i < 3; i++) {
      settle(Kind.RELEASE, 0, take(1).get(0).token());
    }
    assertThat(settle(Kind.RELEASE, 0, take(1).get(0).token())).isEqualTo(Settled.DONE);
    assertThat(lost(Effect.Loss.EVENT_UNDELIVERED)).isEqualTo(1);
    assertThat(taken(1)).isEmpty();
  }

  @Test
  void whatIsRejectedIsDropped() {
    put("a");
    assertThat(settle(Kind.REJECT, 0, take(1).get(0).token())).isEqualTo(Settled.DONE);
    assertThat(lost(Effect.Loss.EVENT_REJECTED)).isEqualTo(1);
    assertThat(group.queuedEvents()).isZero();
  }

  @Test
  void aLockIsRenewedForAnHourAtMost() {
    apply(
        new Command.Queue("q", new QueueRules(LOCK, 3, 10 * EventQueue.RENEWABLE, 10, 4_000, "")));
    put("a");
    Command.Token token = take(1).get(0).token();
    long given = now;
    while (now + LOCK / 2 <= given + EventQueue.RENEWABLE) {
      pass(LOCK / 2);
      assertThat(settle(Kind.RENEW, 0, token)).isEqualTo(Settled.DONE);
    }
    pass(LOCK / 2);
    assertThat(settle(Kind.RENEW, 0, token)).isEqualTo(Settled.LOST);
    assertThat(settle(Kind.ACKNOWLEDGE, 0, token)).isEqualTo(Settled.DONE);
  }

  @Test
  void whatIsTooOldIsDroppedButNotWhileSomebodyHasIt() {
    put("a", "b");
    now += TTL - LOCK / 2;
    Command.Token token = take(1).get(0).token();
    pass(LOCK / 2);
    assertThat(lost(Effect.Loss.EVENT_EXPIRED)).isEqualTo(1);
    pass(LOCK / 2 - 1);
    assertThat(settle(Kind.ACKNOWLEDGE, 0, token)).isEqualTo(Settled.DONE);
    put("c");
    take(1);
    now += TTL;
    assertThat(taken(1)).isEmpty();
    assertThat(lost(Effect.Loss.EVENT_EXPIRED)).isEqualTo(2);
  }

  @Test
  void tokensOfOthersAreKnownAsSuch() {
    put("a");
    Command.Token token = take(1).get(0).token();
    List<Command.Token> forged =
        List.of(
            new Command.Token(token.queue() + 1, token.sequence(), token.deliveries()),
            new Command.Token(token.queue(), token.sequence() + 1, token.deliveries()));
    for (Command.Token one : forged) {
      assertThat(settle(Kind.ACKNOWLEDGE, 0, one)).isEqualTo(Settled.UNKNOWN);
    }
    // a queue of the same name that was made anew
    apply(new Command.Unqueue("q"));
    assertThat(lost(Effect.Loss.EVENT_QUEUE_GONE)).isEqualTo(1);
    assertThat(apply(new Command.Take("q", 1, 1))).isEqualTo(new Outcome.Stale());
    assertThat(apply(new Command.Return("q", Kind.RENEW, 0, 0, List.of(token))))
        .isEqualTo(new Outcome.Stale());
    queues();
    put("b");
    take(1);
    assertThat(settle(Kind.ACKNOWLEDGE, 0, token)).isEqualTo(Settled.UNKNOWN);
  }

  @Test
  void aQueueThatIsFullTakesAllOrNothing() {
    put("1", "2", "3", "4", "5", "6", "7", "8");
    Command.Incoming both = new Command.Incoming(List.of("q", "r", "gone"), "x".getBytes(UTF_8));
    assertThat(apply(new Command.Enqueue(true, List.of(both, both, both))))
        .isEqualTo(new Outcome.Refused());
    assertThat(group.queuedEvents()).isEqualTo(8);
    assertThat(apply(new Command.Enqueue(true, List.of(both, both))))
        .isEqualTo(new Outcome.Published(4));
    assertThat(put("y")).isEqualTo(new Outcome.Refused());
    settle(Kind.ACKNOWLEDGE, 0, take(1).get(0).token());
    assertThat(put("x".repeat(5_000))).isEqualTo(new Outcome.Refused());
    assertThat(put("y")).isEqualTo(new Outcome.Published(1));
  }

  @Test
  void whatNeedNotBeWholeComesWhereThereIsRoom() {
    put("1", "2", "3", "4", "5", "6", "7", "8", "9");
    Command.Incoming both = new Command.Incoming(List.of("q", "r"), "x".getBytes(UTF_8));
    assertThat(apply(new Command.Enqueue(false, List.of(both, both))))
        .isEqualTo(new Outcome.Published(3));
    assertThat(lost(Effect.Loss.EVENT_QUEUE_FULL)).isEqualTo(1);
    assertThat(group.queuedEvents()).isEqualTo(12);
  }

  @Test
  void rulesMayChangeAndEventsStay() {
    put("a");
    apply(new Command.Queue("q", new QueueRules(5, 1, TTL, 1, 4_000, "")));
    assertThat(put("b")).isEqualTo(new Outcome.Refused());
    assertThat(taken(1)).containsExactly("a");
    pass(5);
    assertThat(lost(Effect.Loss.EVENT_UNDELIVERED)).isEqualTo(1);
  }

  private List<Outcome.Took> letters() {
    return ((Outcome.Given) apply(new Command.Take("r", 10, 1_000_000))).events();
  }

  @Test
  void whatNobodyTookIsADeadLetterWithWhatBecameOfIt() {
    apply(new Command.Queue("q", rules("r")));
    apply(new Command.Queue("r", new QueueRules(LOCK, 3, 10 * TTL, 10, 4_000, "")));
    put("a", "b", "c", "d");
    long published = now;
    Command.Token rejected = take(1).get(0).token();
    now += 5;
    assertThat(settle(Kind.REJECT, 0, rejected)).isEqualTo(Settled.DONE);
    Command.Token given = take(1).get(0).token();
    long first = now;
    settle(Kind.RELEASE, 0, given);
    for (int i = 0; i < 2; i++) {
      now += 7;
      Command.Token again = take(1).get(0).token();
      settle(Kind.RELEASE, 0, again);
    }
    take(1);
    long taken = now;
    pass(TTL);
    List<Outcome.Took> letters = letters();
    assertThat(letters)
        .extracting(Outcome.Took::letter)
        .containsExactlyInAnyOrder(
            new DeadLetter(DeadLetter.Cause.REJECTED, 1, published, published, RESULT),
            new DeadLetter(DeadLetter.Cause.UNDELIVERED, 3, published, first + 14, RESULT),
            new DeadLetter(DeadLetter.Cause.EXPIRED, 1, published, taken, 0),
            new DeadLetter(DeadLetter.Cause.EXPIRED, 0, published, 0, 0));
    assertThat(group.events("r", letters).stream().map(one -> new String(one, UTF_8)))
        .containsExactlyInAnyOrder("a", "b", "c", "d");
    assertThat(effects.stream().filter(one -> one.equals(new Effect.Ready("r")))).hasSize(1);
    assertThat(effects.stream().filter(Effect.Lost.class::isInstance)).isEmpty();
  }

  @Test
  void aDeadLetterThatHasNoRoomOrNoQueueIsLost() {
    apply(new Command.Queue("q", rules("r")));
    for (int i = 0; i < 10; i++) {
      apply(
          new Command.Enqueue(
              true, List.of(new Command.Incoming(List.of("r"), "x".getBytes(UTF_8)))));
    }
    put("a", "b");
    settle(Kind.REJECT, 0, take(1).get(0).token());
    assertThat(lost(Effect.Loss.EVENT_REJECTED)).isEqualTo(1);
    apply(new Command.Unqueue("r"));
    settle(Kind.REJECT, 0, take(1).get(0).token());
    assertThat(lost(Effect.Loss.EVENT_REJECTED)).isEqualTo(2);
  }

  @Test
  void whatIsPutBackWasNotGivenOut() {
    put("a", "b");
    Command.Token token = take(1).get(0).token();
    assertThat(settle(Kind.PUT_BACK, 0, token)).isEqualTo(Settled.DONE);
    assertThat(settle(Kind.PUT_BACK, 0, token)).isEqualTo(Settled.LOST);
    for (int i = 0; i < 5; i++) {
      Got again = take(1).get(0);
      assertThat(again.event()).isEqualTo("a");
      assertThat(again.token().deliveries()).isEqualTo(1);
      settle(Kind.PUT_BACK, 0, again.token());
    }
    assertThat(taken(9)).containsExactly("a", "b");
  }

  @Test
  void whatWasNeverTriedSaysSoAsADeadLetter() {
    apply(new Command.Queue("q", rules("r")));
    apply(new Command.Queue("r", new QueueRules(LOCK, 3, 10 * TTL, 10, 4_000, "")));
    put("a");
    long published = now;
    now += 5;
    settle(Kind.PUT_BACK, 0, take(1).get(0).token());
    pass(TTL);
    assertThat(letters())
        .extracting(Outcome.Took::letter)
        .containsExactly(new DeadLetter(DeadLetter.Cause.EXPIRED, 0, published, 0, 0));
  }
}
