package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What clients may do in a second, and what they are told beyond that. */
@Timeout(60)
class RatesIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  @RegisterExtension
  static final TestNode CLIENTS =
      TestNode.with(
          1,
          Profile.OPEN,
          Map.of(
              Limit.PUBLISH_MESSAGES, 10L,
              Limit.PUBLISH_BYTES, 20_000L,
              Limit.SUBSCRIBES, 3L,
              Limit.SESSION_CONNECTS, 2L));

  @RegisterExtension
  static final TestNode NODE =
      TestNode.with(
          2,
          Profile.OPEN,
          Map.of(
              Limit.NODE_PUBLISH_MESSAGES, 10L,
              Limit.NODE_PUBLISH_BYTES, 20_000L,
              Limit.NODE_SUBSCRIBES, 3L,
              Limit.CONNECTS, 5L));

  @RegisterExtension
  static final TestNode RECEIVERS =
      TestNode.with(
          1, Profile.OPEN, Map.of(Limit.DELIVER_MESSAGES, 10L, Limit.DELIVER_BYTES, 20_000L));

  private static byte[] burst(RawClient client, int qos, int count, String payload) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (int i = 1; i <= count; i++) {
      all.writeBytes(client.publishPacket("burst", qos, i, payload + i, NONE));
    }
    return all.toByteArray();
  }

  private static void untilAccepted(RawClient client) {
    Await.until(
        "a message is accepted again",
        () -> !publishAcked(client).isError(),
        () -> publishAcked(client));
  }

  private static ReasonCode publishAcked(RawClient client) {
    try {
      return client.publishAcked("burst", "one more");
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String why(Packet packet) {
    return packet.properties().reasonString();
  }

  /** What may be so after some requests. */
  private interface Attempt {
    boolean succeeds() throws IOException;
  }

  private static void until(String what, Attempt attempt) {
    Await.until(
        what,
        () -> {
          try {
            return attempt.succeeds();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        },
        () -> "it is not so");
  }

  // --- publishing ---

  @Test
  void beyondTheRateMessagesAreRefused_andWhy() throws IOException {
    RawClient client = CLIENTS.connected(MqttVersion.V5, "often");
    client.send(burst(client, 1, 30, "m"));
    List<ReasonCode> codes = new ArrayList<>();
    for (int i = 1; i <= 30; i++) {
      Packet.Ack ack = client.expectAck(Packet.PUBACK, i);
      codes.add(ack.reason());
      if (ack.reason().isError()) {
        assertThat(why(ack)).isEqualTo("more than publish-messages = 10 messages/s");
      }
    }
    assertThat(codes.subList(0, 10)).containsOnly(ReasonCode.NO_MATCHING_SUBSCRIBERS);
    assertThat(codes).contains(ReasonCode.QUOTA_EXCEEDED);
    long refused = codes.stream().filter(ReasonCode::isError).count();
    CLIENTS.untilLost(Loss.PUBLISHER_THROTTLED, refused);
    assertThat(CLIENTS.total(Meter.THROTTLED)).isGreaterThanOrEqualTo(refused);
    untilAccepted(client);
    // of others it is none of the business
    RawClient other = CLIENTS.connected(MqttVersion.V5, "other");
    assertThat(other.publishAcked("burst", "x").isError()).isFalse();
  }

  @Test
  void aQos2MessageThatIsRefusedIsOver() throws IOException {
    RawClient client = CLIENTS.connected(MqttVersion.V5, "exactly");
    client.send(burst(client, 2, 30, "m"));
    int refused = 0;
    for (int i = 1; i <= 30; i++) {
      if (client.expectAck(Packet.PUBREC, i).reason() == ReasonCode.QUOTA_EXCEEDED) {
        refused = i;
      }
    }
    assertThat(refused).isPositive();
    client.sendAck(Packet.PUBREL, refused);
    assertThat(client.expectAck(Packet.PUBCOMP, refused).reason())
        .isEqualTo(ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);
  }

  @Test
  void beyondTheBytesMessagesAreRefused() throws IOException {
    RawClient client = CLIENTS.connected(MqttVersion.V5, "much");
    String large = "x".repeat(19_000);
    assertThat(client.publishAcked("burst", large).isError()).isFalse();
    assertThat(client.publishAcked("burst", large).isError()).isFalse();
    Packet.Ack ack = client.publishAcked("burst", large, NONE);
    assertThat(ack.reason()).isEqualTo(ReasonCode.QUOTA_EXCEEDED);
    assertThat(why(ack)).isEqualTo("more than publish-bytes = 20000 bytes/s");
    untilAccepted(client);
  }

  @Test
  void qos0BeyondTheRateIsDropped() throws IOException {
    RawClient client = CLIENTS.connected(MqttVersion.V5, "dropped");
    long before = CLIENTS.lost(Loss.PUBLISHER_THROTTLED);
    client.send(burst(client, 0, 30, "m"));
    client.expectNothing();
    CLIENTS.untilLost(Loss.PUBLISHER_THROTTLED, before + 1);
  }

  @Test
  void whoCannotBeToldIsDisconnected() throws IOException {
    RawClient older = CLIENTS.connected(MqttVersion.V3_1_1, "older");
    older.send(burst(older, 1, 30, "m"));
    for (int i = 1; i <= 10; i++) {
      older.expectAck(Packet.PUBACK, i);
    }
    Await.until("the connection ends", () -> isAtEnd(older), () -> "it goes on");
  }

  private static boolean isAtEnd(RawClient client) {
    try {
      return client.readPacket() == null;
    } catch (IOException e) {
      return true;
    }
  }

  @Test
  void allClientsOfANodeTogetherHaveARate() throws IOException {
    RawClient one = NODE.connected(MqttVersion.V5, "one");
    RawClient other = NODE.connected(MqttVersion.V5, "other");
    one.send(burst(one, 1, 30, "m"));
    for (int i = 1; i <= 30; i++) {
      one.expectAck(Packet.PUBACK, i);
    }
    other.send(burst(other, 1, 30, "m"));
    List<String> reasons = new ArrayList<>();
    for (int i = 1; i <= 30; i++) {
      reasons.add(why(other.expectAck(Packet.PUBACK, i)));
    }
    assertThat(reasons).contains("more than node-publish-messages = 10 messages/s");
    untilAccepted(other);
    String large = "x".repeat(19_000);
    until(
        "its bytes are bounded, too",
        () ->
            "more than node-publish-bytes = 20000 bytes/s"
                .equals(why(other.publishAcked("burst", large, NONE))));
  }

  // --- subscribing ---

  @Test
  void subscribingTooOftenIsRefused() throws IOException {
    for (TestNode node : List.of(CLIENTS, NODE)) {
      RawClient client = node.connected(MqttVersion.V5, "subscriber");
      String limit = node == NODE ? "node-subscribes = 3 requests/s" : "subscribes = 3 requests/s";
      Packet.Filter filter = new Packet.Filter(new byte[] {'a'}, 1, false, false, 0);
      until(
          "a SUBSCRIBE is refused",
          () -> {
            Packet.Suback suback = client.subscribe(filter);
            return suback.codes().get(0) == ReasonCode.QUOTA_EXCEEDED.code()
                && why(suback).equals("more than " + limit);
          });
      until(
          "an UNSUBSCRIBE is refused",
          () -> {
            Packet.Suback unsuback = client.unsubscribe(List.of("a"));
            return unsuback.codes().get(0) == ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR.code()
                && why(unsuback).equals("more than " + limit);
          });
    }
  }

  @Test
  void anUnsubscribeThatCannotBeRefusedEndsTheConnection() throws IOException {
    RawClient older = CLIENTS.connected(MqttVersion.V3_1_1, "older-subscriber");
    until("a SUBSCRIBE is refused", () -> older.subscribe("a", 1) == 0x80);
    Await.until(
        "an UNSUBSCRIBE ends it",
        () -> {
          try {
            older.unsubscribe(List.of("a"));
            return false;
          } catch (IOException | AssertionError e) {
            return true;
          }
        },
        () -> "none does");
  }

  // --- connecting ---

  private static int connect(TestNode node, MqttVersion version, String id) throws IOException {
    RawClient client = node.open(RawClient.Transport.TCP, version);
    client.send(client.connectPacket(id, 0, NONE));
    Packet.Connack connack = client.read(Packet.Connack.class);
    if (connack.code() == ReasonCode.CONNECTION_RATE_EXCEEDED.code()) {
      String limit = node == NODE ? "connects = 5 connects/s" : "session-connects = 2 connects/s";
      assertThat(why(connack)).isEqualTo("more than " + limit);
    }
    if (connack.code() != 0) {
      client.expectClose();
    }
    return connack.code();
  }

  @Test
  void whoConnectsTooOftenIsRefused() throws IOException {
    for (TestNode node : List.of(CLIENTS, NODE)) {
      for (MqttVersion version : List.of(MqttVersion.V5, MqttVersion.V3_1_1)) {
        int refused = version == MqttVersion.V5 ? 0x9f : 3;
        until("a CONNECT is refused", () -> connect(node, version, "again-" + version) == refused);
      }
    }
    assertThat(connect(CLIENTS, MqttVersion.V5, "another")).isZero();
  }

  // --- delivering ---

  @Test
  void whatAClientGetsInASecondIsBounded_andTheRestWaits() throws IOException {
    for (boolean isStored : List.of(true, false)) {
      RawClient subscriber = RECEIVERS.open(RawClient.Transport.TCP, MqttVersion.V5);
      if (isStored) {
        subscriber.resume("stored", 60);
      } else {
        subscriber.connect("transient");
      }
      subscriber.subscribe("burst", 1);
      RawClient publisher = RECEIVERS.connected(MqttVersion.V5, "publisher-" + isStored);
      long start = System.nanoTime();
      publisher.send(burst(publisher, 1, 30, "m"));
      for (int i = 1; i <= 30; i++) {
        publisher.expectAck(Packet.PUBACK, i);
      }
      for (int i = 1; i <= 30; i++) {
        int id = subscriber.expectMessage("m" + i).packetId();
        subscriber.sendAck(Packet.PUBACK, id);
      }
      assertThat((System.nanoTime() - start) / 1_000_000).isGreaterThan(1_500);
      subscriber.unsubscribe(List.of("burst"));
    }
  }

  @Test
  void qos0BeyondWhatAClientGetsIsDropped() throws IOException {
    RawClient subscriber = RECEIVERS.connected(MqttVersion.V5, "at-most");
    subscriber.subscribe("burst", 0);
    RawClient publisher = RECEIVERS.connected(MqttVersion.V5, "publisher-0");
    publisher.send(burst(publisher, 0, 30, "m"));
    for (int i = 1; i <= 10; i++) {
      subscriber.expectMessage("m" + i);
    }
    RECEIVERS.untilLost(Loss.RECEIVER_THROTTLED, 1);
    assertThat(RECEIVERS.lost(Loss.SLOW_RECEIVER)).isZero();
  }

  @Test
  void theBytesThatAClientGetsAreBounded() throws IOException {
    RawClient subscriber = RECEIVERS.connected(MqttVersion.V5, "few-bytes");
    subscriber.subscribe("large", 1);
    RawClient publisher = RECEIVERS.connected(MqttVersion.V5, "publisher-bytes");
    String large = "x".repeat(19_000);
    long start = System.nanoTime();
    for (int i = 0; i < 4; i++) {
      assertThat(publisher.publishAcked("large", large)).isEqualTo(ReasonCode.SUCCESS);
    }
    for (int i = 0; i < 4; i++) {
      subscriber.sendAck(Packet.PUBACK, subscriber.expectMessage(large).packetId());
    }
    assertThat((System.nanoTime() - start) / 1_000_000).isGreaterThan(900);
  }
}
