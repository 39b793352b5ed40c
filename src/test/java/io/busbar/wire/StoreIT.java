package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Profile;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.shard.Command;
import io.busbar.store.Stores;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.ReluctantStore;
import io.busbar.testing.ReluctantStore.Mood;
import io.busbar.testing.TestNode;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What devices see of a store that answers later, refuses, does not know, or is silent. */
class StoreIT {
  private static final PropertyWriter NONE = new PropertyWriter();
  private static final byte[] DISCONNECT = {(byte) 0xe0, 0};
  private static final String FULL = "the store is full";
  private static final String AWAY = "the store is not available";
  private static final String UNKNOWN = "the store did not answer";

  private static ReluctantStore store;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.with(2, Profile.OPEN, Map.of())
          .storing(
              (settings, meters) -> {
                store = new ReluctantStore(Stores.bounds(settings.limits()), meters);
                return store;
              });

  private long full;
  private long unavailable;

  @BeforeEach
  void ledger() {
    full = NODE.lost(Loss.STORE_FULL);
    unavailable = NODE.lost(Loss.STORE_UNAVAILABLE);
  }

  @AfterEach
  void willing() throws Exception {
    store.be(Mood.WILLING);
    for (String session : List.of("receiver", "keeper")) {
      NODE.connected(MqttVersion.V5, session).send(DISCONNECT);
    }
    Await.until(
        "no session is left",
        () -> NODE.gauge(Meter.SESSIONS_STORED) == 0,
        () -> NODE.gauge(Meter.SESSIONS_STORED));
  }

  private static RawClient stored(MqttVersion version, String session) throws IOException {
    RawClient client = NODE.open(Transport.TCP, version);
    client.resume(session, 100);
    return client;
  }

  /** A receiver of "t", and a publisher whose first message it got and has not acknowledged. */
  private static final class Pair {
    final RawClient receiver;
    final RawClient publisher;
    final Publish first;

    Pair(MqttVersion version) throws IOException {
      receiver = stored(version, "receiver");
      long before = NODE.measured(Meter.STORE_COMMIT);
      receiver.subscribe("t", 2);
      Await.until(
          "what is retained was read, which is nothing, and the store knows it",
          () -> NODE.measured(Meter.STORE_COMMIT) >= before + 2,
          () -> NODE.measured(Meter.STORE_COMMIT) - before);
      publisher = NODE.connected(version, "publisher");
      assertThat(publisher.publishAcked("t", "first")).isEqualTo(ReasonCode.SUCCESS);
      first = receiver.expectMessage("first");
    }
  }

  private static void publish(RawClient client, int qos, int id, String payload)
      throws IOException {
    client.send(client.publishPacket("t", qos, id, payload, NONE));
  }

  private static void expectRefusal(RawClient client, int type, ReasonCode reason, String why)
      throws IOException {
    Packet.Ack ack = client.read(Packet.Ack.class);
    assertThat(ack.type()).isEqualTo(type);
    assertThat(ack.reason()).isEqualTo(reason);
    assertThat(ack.properties().reasonString()).isEqualTo(why);
  }

  private static void expectEnd(RawClient client, ReasonCode reason, String why)
      throws IOException {
    if (client.v5()) {
      Packet.Disconnect end = client.read(Packet.Disconnect.class);
      assertThat(end.reason()).isEqualTo(reason);
      assertThat(end.properties().reasonString()).isEqualTo(why);
    }
    client.expectClose();
  }

  /** So many rows of the ledger have been added. */
  private void expectLost(int ofFull, int ofUnavailable) {
    Await.until(
        "%d and %d messages are lost".formatted(ofFull, ofUnavailable),
        () ->
            NODE.lost(Loss.STORE_FULL) == full + ofFull
                && NODE.lost(Loss.STORE_UNAVAILABLE) == unavailable + ofUnavailable,
        () -> NODE.lost(Loss.STORE_FULL) - full);
  }

  // --- later ---

  /** Whoever subscribed hears the latest of its words last. */
  @Test
  void theNextWillWaitsForOneThatTheStoreDidNotTake() throws Exception {
    Pair pair = new Pair(MqttVersion.V5);
    pair.receiver.puback(pair.first);
    store.refuseOnce(Command.Once.class);
    for (String last : List.of("one", "two")) {
      RawClient device = NODE.open(Transport.TCP, MqttVersion.V5);
      device.resume("keeper", 100, new RawClient.Will("t", last, 1, false, NONE));
      device.close();
    }
    pair.receiver.puback(pair.receiver.expectMessage("one"));
    pair.receiver.puback(pair.receiver.expectMessage("two"));
  }

  /** Else it would be lost with the node, which holds it alone until then. */
  @Test
  void whatIsHandedOnIsOwedUntilTheStoreHasIt() throws Exception {
    List<String> topics = List.of("owed/a", "owed/b", "owed/c");
    List<String> shares = topics.stream().map(topic -> "$share/g/" + topic).toList();
    RawClient leaver = stored(MqttVersion.V5, "receiver");
    RawClient stayer = stored(MqttVersion.V5, "keeper");
    RawClient publisher = NODE.connected(MqttVersion.V5, "publisher");
    for (int i = 0; i < topics.size(); i++) {
      leaver.subscribe(shares.get(i), 1);
      assertThat(publisher.publishAcked(topics.get(i), "m" + i)).isEqualTo(ReasonCode.SUCCESS);
      leaver.expectMessage("m" + i);
      stayer.subscribe(shares.get(i), 1);
    }
    int before = store.carriedOut().size();
    leaver.unsubscribe(shares);
    for (int i = 0; i < topics.size(); i++) {
      stayer.puback(stayer.expectMessage("m" + i));
    }
    Await.until(
        "all of it is done",
        () -> store.carriedOut().size() == before + 2 * topics.size(),
        () -> store.carriedOut().size() - before);
    Set<Long> has = new HashSet<>();
    for (Command one : store.carriedOut().subList(before, store.carriedOut().size())) {
      if (one instanceof Command.Once once) {
        has.add(once.id());
      } else {
        long[] done = ((Command.Confirm) one).ids();
        assertThat(has).contains(Arrays.stream(done).boxed().toArray(Long[]::new));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(MqttVersion.class)
  void nothingIsAcknowledgedBeforeTheStoreAnswers(MqttVersion version) throws Exception {
    Pair pair = new Pair(version);
    store.be(Mood.STALLED);
    publish(pair.publisher, 1, 5, "second");
    publish(pair.publisher, 2, 6, "third");
    pair.publisher.expectNothing();
    pair.receiver.expectNothing();
    store.be(Mood.WILLING);
    pair.publisher.expectAck(Packet.PUBACK, 5);
    pair.publisher.expectAck(Packet.PUBREC, 6);
    pair.receiver.expectMessage("second");
    pair.receiver.expectMessage("third");
  }

  @Test
  void aSubscriptionIsInTheIndexBeforeItsSuback() throws Exception {
    RawClient receiver = stored(MqttVersion.V5, "receiver");
    RawClient publisher = NODE.connected(MqttVersion.V5, "publisher");
    for (int i = 0; i < 200; i++) {
      String topic = "index/" + i;
      assertThat(receiver.subscribe(topic, 1)).isEqualTo(1);
      assertThat(publisher.publishAcked(topic, "" + i)).isEqualTo(ReasonCode.SUCCESS);
      receiver.puback(receiver.expectMessage("" + i));
    }
  }

  @Test
  void measuresWhatTheStoreDoes() throws Exception {
    long commits = NODE.measured(Meter.STORE_COMMIT);
    long syncs = NODE.measured(Meter.STORE_SYNC);
    double bytes = NODE.gauge(Meter.STORE_JOURNAL_BYTES);
    long refused = NODE.total(Meter.STORE_REFUSED);
    Pair pair = new Pair(MqttVersion.V5);
    assertThat(NODE.measured(Meter.STORE_COMMIT)).isGreaterThan(commits);
    assertThat(NODE.measured(Meter.STORE_SYNC)).isGreaterThan(syncs);
    assertThat(NODE.gauge(Meter.STORE_JOURNAL_BYTES)).isGreaterThan(bytes);
    assertThat(NODE.gauge(Meter.STORE_FULL)).isZero();
    store.be(Mood.FULL);
    pair.publisher.publishAcked("t", "refused");
    assertThat(NODE.gauge(Meter.STORE_FULL)).isEqualTo(1);
    assertThat(NODE.total(Meter.STORE_REFUSED)).isEqualTo(refused + 1);
  }

  // --- full ---

  @Test
  void full_publishersAreTold_andStay() throws Exception {
    Pair pair = new Pair(MqttVersion.V5);
    store.be(Mood.FULL);
    publish(pair.publisher, 1, 1, "refused");
    expectRefusal(pair.publisher, Packet.PUBACK, ReasonCode.QUOTA_EXCEEDED, FULL);
    publish(pair.publisher, 2, 2, "refused");
    expectRefusal(pair.publisher, Packet.PUBREC, ReasonCode.QUOTA_EXCEEDED, FULL);
    expectLost(2, 0);
    store.be(Mood.WILLING);
    assertThat(pair.publisher.publishExactly("t", "taken", 2)).isEqualTo(ReasonCode.SUCCESS);
    pair.receiver.complete(pair.receiver.expectMessage("taken"));
  }

  /** It sends the message again: what it sent after that must not be taken before. */
  @Test
  void refused_aPublisherOf311EndsBeforeWhatItSentEarlierIsSettled() throws Exception {
    Pair pair = new Pair(MqttVersion.V3_1_1);
    store.be(Mood.STALLED);
    publish(pair.publisher, 1, 1, "waits");
    Await.until(
        "the store has it", () -> store.hasStalled(Command.Publish.class), () -> "it has not");
    store.refuseOnce(Command.Publish.class);
    publish(pair.publisher, 1, 2, "refused");
    pair.publisher.expectClose();
    store.be(Mood.WILLING);
    pair.receiver.expectMessage("waits");
    pair.receiver.expectNothing();
    expectLost(0, 1);
  }

  /** PUBACK of 3.1.1 can only say yes. */
  @ParameterizedTest
  @EnumSource(
      value = Mood.class,
      names = {"FULL", "AWAY"})
  void refused_publishersOf311AreNotAcknowledged(Mood mood) throws Exception {
    Pair pair = new Pair(MqttVersion.V3_1_1);
    store.be(mood);
    publish(pair.publisher, 1, 1, "refused");
    pair.publisher.expectClose();
    if (mood == Mood.FULL) {
      RawClient exactly = NODE.connected(MqttVersion.V3_1_1, "exactly");
      publish(exactly, 2, 1, "refused");
      exactly.expectClose();
    }
    store.be(Mood.WILLING);
    pair.receiver.puback(pair.first);
    pair.receiver.expectNothing();
    expectLost(mood == Mood.FULL ? 2 : 0, mood == Mood.FULL ? 0 : 1);
  }

  @Test
  void full_aStoredPublishersExchangeEndsWithThePubrec() throws Exception {
    RawClient keeper = stored(MqttVersion.V5, "keeper");
    Pair pair = new Pair(MqttVersion.V5);
    store.be(Mood.FULL);
    publish(keeper, 2, 3, "refused");
    expectRefusal(keeper, Packet.PUBREC, ReasonCode.QUOTA_EXCEEDED, FULL);
    store.be(Mood.WILLING);
    assertThat(keeper.publishExactly("t", "taken", 3)).isEqualTo(ReasonCode.SUCCESS);
    pair.receiver.complete(pair.receiver.expectMessage("taken"));
  }

  /** What makes room is taken, even with what needs some in one batch. */
  @ParameterizedTest
  @EnumSource(MqttVersion.class)
  void full_settlementsAreTaken(MqttVersion version) throws Exception {
    Pair pair = new Pair(version);
    assertThat(pair.publisher.publishExactly("t", "exactly", 1)).isEqualTo(ReasonCode.SUCCESS);
    final Publish exactly = pair.receiver.expectMessage("exactly");
    store.be(Mood.FULL);
    pair.receiver.puback(pair.first);
    pair.receiver.complete(exactly);
    if (version == MqttVersion.V5) {
      byte[] both =
          RawClient.bytes(
              out -> {
                out.writeBytes(
                    pair.receiver.publishPacket("t", 1, 9, "refused with a PUBACK", NONE));
                out.writeBytes(RawClient.hex("40020001"));
              });
      pair.receiver.send(both);
      expectRefusal(pair.receiver, Packet.PUBACK, ReasonCode.QUOTA_EXCEEDED, FULL);
    }
    assertThat(pair.receiver.unsubscribe(List.of("t")).type()).isEqualTo(Packet.UNSUBACK);
    pair.receiver.expectNothing();
    pair.receiver.close();
    store.be(Mood.WILLING);
    RawClient back = NODE.open(Transport.TCP, version);
    assertThat(back.resume("receiver", 100).sessionPresent()).isTrue();
    back.expectNothing();
    pair.publisher.publishAcked("t", "unheard");
    back.expectNothing();
  }

  @ParameterizedTest
  @EnumSource(MqttVersion.class)
  void full_subscribeIsRefused_andWhatWasThereStays(MqttVersion version) throws Exception {
    Pair pair = new Pair(version);
    store.be(Mood.FULL);
    Packet.Suback suback =
        pair.receiver.subscribe(
            filter("t", 0), filter("new", 1), filter("t", 1), filter("bad/#/filter", 1));
    int refused = version == MqttVersion.V5 ? 0x97 : 0x80;
    int invalid = version == MqttVersion.V5 ? 0x8f : 0x80;
    assertThat(suback.codes()).containsExactly(refused, refused, refused, invalid);
    assertThat(suback.properties().reasonString())
        .isEqualTo(version == MqttVersion.V5 ? FULL : null);
    store.be(Mood.WILLING);
    pair.publisher.publishAcked("new", "unheard");
    pair.publisher.publishAcked("t", "second");
    assertThat(pair.receiver.expectMessage("second").qos()).isEqualTo(1);
    pair.publisher.publish("t", "at 0");
    pair.receiver.expectMessage("at 0");
    assertThat(pair.receiver.unsubscribe(List.of("t")).type()).isEqualTo(Packet.UNSUBACK);
    pair.publisher.publish("t", "unheard");
    pair.receiver.expectNothing();
  }

  private static Packet.Filter filter(String filter, int qos) {
    return new Packet.Filter(RawClient.utf8(filter), qos, false, false, 0);
  }

  @Test
  void full_transientSessionsDoNotNotice() throws Exception {
    Pair pair = new Pair(MqttVersion.V5);
    store.be(Mood.FULL);
    RawClient receiver = NODE.connected(MqttVersion.V5, "transient");
    receiver.subscribe("here", 2);
    RawClient publisher = NODE.connected(MqttVersion.V5, "transient-p");
    assertThat(publisher.publishAcked("here", "1")).isEqualTo(ReasonCode.SUCCESS);
    receiver.puback(receiver.expectMessage("1"));
    assertThat(publisher.publishExactly("here", "2", 1)).isEqualTo(ReasonCode.SUCCESS);
    receiver.complete(receiver.expectMessage("2"));
    publisher.publish("t", "0");
    pair.receiver.expectMessage("0");
  }

  // --- refused openings ---

  private static Packet.Connack connect(MqttVersion version, String session) throws IOException {
    RawClient client = NODE.open(Transport.TCP, version);
    PropertyWriter expiry = new PropertyWriter().number(Property.SESSION_EXPIRY_INTERVAL, 100);
    client.setPatience(40_000);
    client.send(client.connectPacket(session, false, expiry, null));
    Packet.Connack connack = client.read(Packet.Connack.class);
    if (connack.code() != 0) {
      client.expectClose();
    }
    return connack;
  }

  @Test
  void refused_connectIsTold() throws Exception {
    store.be(Mood.FULL);
    Packet.Connack connack = connect(MqttVersion.V5, "receiver");
    assertThat(connack.code()).isEqualTo(ReasonCode.QUOTA_EXCEEDED.code());
    assertThat(connack.properties().reasonString()).isEqualTo(FULL);
    assertThat(connect(MqttVersion.V3_1_1, "receiver").code()).isEqualTo(3);
    store.be(Mood.AWAY);
    connack = connect(MqttVersion.V5, "receiver");
    assertThat(connack.code()).isEqualTo(ReasonCode.SERVER_UNAVAILABLE.code());
    assertThat(connack.properties().reasonString()).isEqualTo(AWAY);
    assertThat(connect(MqttVersion.V3_1_1, "receiver").code()).isEqualTo(3);
    store.be(Mood.WILLING);
    connack = connect(MqttVersion.V5, "receiver");
    assertThat(connack.code()).isZero();
    assertThat(connack.sessionPresent()).isFalse();
  }

  // --- away ---

  @Test
  void away_publishersAreTold_subscribersEnd_andTheEndIsTriedAgain() throws Exception {
    Pair pair = new Pair(MqttVersion.V5);
    RawClient keeper = stored(MqttVersion.V5, "keeper");
    store.be(Mood.AWAY);
    publish(pair.publisher, 1, 1, "refused");
    expectRefusal(pair.publisher, Packet.PUBACK, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, AWAY);
    expectLost(0, 1);
    Packet.Suback suback = keeper.subscribe(filter("k", 1));
    assertThat(suback.codes()).containsExactly(ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR.code());
    // it ends in one second: the store hears of that later
    keeper.send(RawClient.hex("e0 07 00 05 11 00000001"));
    keeper.expectClose();
    // what it has settled is not known: it may not go on as if it were
    pair.receiver.puback(pair.first);
    expectEnd(pair.receiver, ReasonCode.UNSPECIFIED_ERROR, AWAY);
    assertThat(NODE.gauge(Meter.SESSIONS_STORED)).isEqualTo(2);
    store.be(Mood.WILLING);
    Await.until(
        "the session that was closed ends",
        () -> NODE.gauge(Meter.SESSIONS_STORED) == 1,
        () -> NODE.gauge(Meter.SESSIONS_STORED));
    RawClient back = NODE.open(Transport.TCP, MqttVersion.V5);
    assertThat(back.resume("receiver", 100).sessionPresent()).isTrue();
    Publish again = back.expectMessage("first");
    assertThat(again.dup()).isTrue();
  }

  @Test
  void away_retainedMessagesOfAStoredSessionAreNotSkipped() throws Exception {
    RawClient publisher = NODE.connected(MqttVersion.V5, "publisher");
    publisher.retain("kept", "x");
    RawClient receiver = stored(MqttVersion.V5, "receiver");
    store.be(Mood.STALLED);
    receiver.send(receiver.subscribePacket(List.of(filter("kept", 1)), NONE));
    receiver.expectNothing();
    store.be(Mood.WILLING);
    receiver.read(Packet.Suback.class);
    receiver.expectMessage("x");
    publisher.retain("kept", "");
  }

  // --- unknown ---

  @ParameterizedTest
  @EnumSource(MqttVersion.class)
  void unknown_isNeitherAcknowledgedNorRefused(MqttVersion version) throws Exception {
    for (int qos = 1; qos <= 2; qos++) {
      Pair pair = new Pair(version);
      store.be(Mood.UNSURE);
      publish(pair.publisher, qos, 1, "unknown");
      expectEnd(pair.publisher, ReasonCode.UNSPECIFIED_ERROR, UNKNOWN);
      store.be(Mood.WILLING);
      pair.receiver.puback(pair.first);
      pair.receiver.expectNothing();
      pair.receiver.close();
    }
    Pair pair = new Pair(version);
    store.be(Mood.UNSURE);
    pair.receiver.send(pair.receiver.subscribePacket(List.of(filter("u", 1)), NONE));
    expectEnd(pair.receiver, ReasonCode.UNSPECIFIED_ERROR, UNKNOWN);
    Packet.Connack connack = connect(version, "receiver");
    assertThat(connack.code())
        .isEqualTo(version == MqttVersion.V5 ? ReasonCode.SERVER_UNAVAILABLE.code() : 3);
    expectLost(0, 0);
  }

  /** As long as a device can wait: the bounds of an answer that never comes. */
  @Test
  void silent_connectionsEndWithinTheirBounds() throws Exception {
    Pair pair = new Pair(MqttVersion.V5);
    store.be(Mood.SILENT);
    publish(pair.publisher, 1, 1, "unknown");
    Packet.Connack connack = connect(MqttVersion.V5, "keeper");
    assertThat(connack.code()).isEqualTo(ReasonCode.SERVER_UNAVAILABLE.code());
    assertThat(connack.properties().reasonString()).isEqualTo(UNKNOWN);
    pair.publisher.setPatience(40_000);
    expectEnd(pair.publisher, ReasonCode.UNSPECIFIED_ERROR, UNKNOWN);
  }

  /** The device has gone by then: nobody would ever close the session. */
  @Test
  void aSessionThatIsOpenedTooLateIsClosedAgain() throws Exception {
    store.be(Mood.STALLED);
    RawClient client = NODE.open(Transport.TCP, MqttVersion.V5);
    client.setPatience(40_000);
    PropertyWriter expiry = new PropertyWriter().number(Property.SESSION_EXPIRY_INTERVAL, 1);
    client.send(client.connectPacket("late", true, expiry, null));
    Packet.Connack connack = client.read(Packet.Connack.class);
    assertThat(connack.code()).isEqualTo(ReasonCode.SERVER_UNAVAILABLE.code());
    assertThat(NODE.gauge(Meter.SESSIONS_STORED)).isZero();
    store.be(Mood.WILLING);
    // be() returns when what was stalled is applied
    assertThat(NODE.gauge(Meter.SESSIONS_STORED)).isEqualTo(1);
    Await.until(
        "it has ended",
        () -> NODE.gauge(Meter.SESSIONS_STORED) == 0,
        () -> NODE.gauge(Meter.SESSIONS_STORED));
  }
}
