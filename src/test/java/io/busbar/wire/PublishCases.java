package io.busbar.wire;

import static io.busbar.testing.RawClient.hex;
import static io.busbar.wire.Case.both;
import static io.busbar.wire.Case.v3;
import static io.busbar.wire.Case.v5;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Loss;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Sections 3.3 to 3.7 and 4.3 to 4.9: messages and their acknowledgement. */
final class PublishCases {
  private static final PropertyWriter NONE = new PropertyWriter();

  private PublishCases() {}

  static final List<Case> TABLE =
      List.of(
          both(
              "MQTT-3.8.4-8, MQTT-4.3.1-1, MQTT-4.3.2-2, MQTT-4.3.2-4 delivered at the lower"
                  + " QoS, DUP 0",
              wire -> {
                RawClient zero = wire.subscribed("zero", "qos", 0);
                RawClient one = wire.subscribed("one", "qos", 1);
                RawClient publisher = wire.connected("publisher");
                publisher.publish("qos", "0");
                assertThat(publisher.publishAcked("qos", "1")).isEqualTo(ReasonCode.SUCCESS);
                for (RawClient client : List.of(zero, one)) {
                  Publish first = client.expectMessage("0");
                  assertThat(first.qos()).isZero();
                  assertThat(first.topic()).isEqualTo("qos");
                  assertThat(first.retain()).isFalse();
                }
                assertThat(zero.expectMessage("1").qos()).isZero();
                Publish message = one.expectMessage("1");
                assertThat(message.qos()).isEqualTo(1);
                assertThat(message.packetId()).isPositive();
                assertThat(message.dup()).isFalse();
                one.puback(message);
                one.expectNothing();
              }),
          both(
              "3.4.2.1 a publish without subscribers is told 0x10",
              wire -> {
                long before = wire.node().lost(Loss.NO_SUBSCRIBER);
                assertThat(wire.connected("alone").publishAcked("alone", "x"))
                    .isEqualTo(wire.v5() ? ReasonCode.NO_MATCHING_SUBSCRIBERS : ReasonCode.SUCCESS);
                Await.until(
                    "one more without subscriber",
                    () -> wire.node().lost(Loss.NO_SUBSCRIBER) == before + 1,
                    () -> wire.node().lost(Loss.NO_SUBSCRIBER));
              }),
          both(
              "MQTT-3.3.1-3 DUP is not passed on",
              wire -> {
                RawClient client = wire.subscribed("dup", "dup", 1);
                byte[] packet = client.publishPacket("dup", 1, 9, "x", NONE);
                packet[0] |= 0x08;
                client.send(packet);
                Publish message = client.expectMessage("x");
                assertThat(message.dup()).isFalse();
                client.puback(message);
              }),
          both(
              "MQTT-4.6.0-5, MQTT-4.6.0-6 messages and acknowledgements keep their order",
              wire -> {
                int count = 1_000;
                RawClient one = wire.subscribed("in-order-1", "order/+", 1);
                RawClient two = wire.subscribed("in-order-2", "order/a", 1);
                RawClient publisher = wire.connected("publisher");
                for (int i = 0; i < count; i++) {
                  publisher.send(
                      publisher.publishPacket("order/a", i % 3 == 0 ? 0 : 1, i + 1, "" + i, NONE));
                }
                inOrder(one, count);
                inOrder(two, count);
                for (int i = 0; i < count; i++) {
                  if (i % 3 != 0) {
                    assertThat(publisher.read(Packet.Ack.class).packetId()).isEqualTo(i + 1);
                  }
                }
              }),
          both(
              "an empty payload and one of each length around the length's bytes",
              wire -> {
                RawClient client = wire.subscribed("lengths", "l", 0);
                for (int length : List.of(0, 1, 120, 124, 125, 127, 128, 16_370, 16_384, 300_000)) {
                  String payload = "x".repeat(length);
                  client.publish("l", payload);
                  client.expectMessage(payload);
                }
              }),
          both(
              "MQTT-3.3.1-4, MQTT-3.3.1-2 QoS 3, DUP with QoS 0",
              wire -> {
                String rest = wire.v5() ? "05 0001 74 00 78" : "04 0001 74 78";
                ended(wire, "36" + rest, ReasonCode.MALFORMED_PACKET);
                ended(wire, "38" + rest, ReasonCode.MALFORMED_PACKET);
              }),
          both(
              "MQTT-2.2.1-3 packet identifier 0, or none",
              wire -> {
                String properties = wire.v5() ? "00" : "";
                String length = wire.v5() ? "06" : "05";
                ended(wire, "32" + length + "0001 74 0000" + properties, ReasonCode.PROTOCOL_ERROR);
                ended(wire, "32 03 0001 74", ReasonCode.MALFORMED_PACKET);
                ended(wire, "32 04 0001 74 00", ReasonCode.MALFORMED_PACKET);
              }),
          both(
              "MQTT-3.3.2-2, MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-4.7.0-1, MQTT-4.7.3-2 bad topic names",
              wire -> {
                topic(wire, "t/+", ReasonCode.TOPIC_NAME_INVALID);
                topic(wire, "#", ReasonCode.TOPIC_NAME_INVALID);
                topic(wire, "a\u0000b", ReasonCode.MALFORMED_PACKET);
                String rest = wire.v5() ? "00" : "";
                String length = wire.v5() ? "06" : "05";
                ended(wire, "30" + length + "0003 eda080" + rest, ReasonCode.MALFORMED_PACKET);
                ended(wire, "30" + length + "0003 e08080" + rest, ReasonCode.MALFORMED_PACKET);
              }),
          both(
              "MQTT-3.3.2-1, MQTT-4.7.3-1 a topic name has at least one character",
              wire -> topic(wire, "", wire.v5() ? ReasonCode.PROTOCOL_ERROR : null)),
          both(
              "MQTT-3.2.2-15 a packet beyond the server's maximum packet size: 0x95, at its header",
              wire -> {
                RawClient client = wire.connected("large");
                client.send("30 ff ff ff 7f");
                client.expectEnd(ReasonCode.PACKET_TOO_LARGE);
              }),
          both(
              "4.3.3 acknowledgements of what was never sent",
              wire -> {
                RawClient client = wire.connected("unsolicited");
                client.sendAck(Packet.PUBACK, 77);
                client.sendAck(Packet.PUBCOMP, 77);
                client.expectNothing();
                client.sendAck(Packet.PUBREC, 77);
                expectAck(client, Packet.PUBREL);
                client.sendAck(Packet.PUBREL, 78);
                expectAck(client, Packet.PUBCOMP);
              }),
          both(
              "MQTT-3.3.2-4, MQTT-3.3.2-15, MQTT-3.3.2-16, MQTT-3.3.2-17, MQTT-3.3.2-18,"
                  + " MQTT-3.3.2-20 properties are passed on as they are",
              wire -> {
                RawClient receiver = wire.node().open(wire.transport(), MqttVersion.V5);
                receiver.connect("properties");
                receiver.subscribe("p", 0);
                RawClient publisher = wire.connected("publisher");
                publisher.send(publisher.publishPacket("p", 0, 0, "all", all()));
                Publish message = receiver.expectMessage("all");
                if (wire.v5()) {
                  assertThat(message.contentType()).isEqualTo("text/plain");
                  assertThat(message.responseTopic()).isEqualTo("re/ply");
                  assertThat(message.correlationData()).isEqualTo(hex("00ff10"));
                  assertThat(message.payloadFormatUtf8()).isTrue();
                  assertThat(message.expirySeconds()).isEqualTo(100);
                  assertThat(message.userProperties())
                      .containsExactly(
                          Map.entry("b", "1"), Map.entry("a", "2"), Map.entry("b", "3"));
                } else {
                  assertThat(message.userProperties()).isEmpty();
                  assertThat(message.expirySeconds()).isEqualTo(-1);
                }
              }),
          v5(
              "MQTT 5 to 3.1.1 at both QoS: the properties stay behind",
              wire -> {
                RawClient receiver = wire.node().open(wire.transport(), MqttVersion.V3_1_1);
                receiver.connect("older");
                receiver.subscribe("p", 1);
                RawClient publisher = wire.connected("publisher");
                publisher.send(publisher.publishPacket("p", 0, 0, "plain", all()));
                assertThat(publisher.publishAcked("p", "acked", all()).reason())
                    .isEqualTo(ReasonCode.SUCCESS);
                assertThat(receiver.expectMessage("plain").topic()).isEqualTo("p");
                Publish message = receiver.expectMessage("acked");
                assertThat(message.qos()).isEqualTo(1);
                receiver.puback(message);
              }),
          v5(
              "MQTT-3.3.2-14, 3.3.2.3 properties of PUBLISH that are not valid",
              wire -> {
                properties(wire, "08 0001 2b", ReasonCode.PROTOCOL_ERROR);
                properties(wire, "01 02", ReasonCode.PROTOCOL_ERROR);
                properties(wire, "0b 01", ReasonCode.PROTOCOL_ERROR);
                properties(wire, "03 0001 61 03 0001 61", ReasonCode.PROTOCOL_ERROR);
                properties(wire, "11 00000001", ReasonCode.MALFORMED_PACKET);
                properties(wire, "7e 00", ReasonCode.MALFORMED_PACKET);
                properties(wire, "02 0000", ReasonCode.MALFORMED_PACKET);
                properties(wire, "03 0002 c080", ReasonCode.MALFORMED_PACKET);
                properties(wire, "23 0000", ReasonCode.TOPIC_ALIAS_INVALID);
              }),
          v5(
              "MQTT-3.3.2-5, MQTT-3.3.2-6 expiry counts down in the queue, and ends there",
              wire -> {
                RawClient receiver = wire.open();
                receiver.connect("window", number(Property.RECEIVE_MAXIMUM, 1));
                receiver.subscribe("expiry", 1);
                RawClient publisher = wire.connected("publisher");
                final long before = wire.node().lost(Loss.EXPIRED);
                publisher.publishAcked("expiry", "first");
                publisher.publishAcked(
                    "expiry", "short", number(Property.MESSAGE_EXPIRY_INTERVAL, 1));
                publisher.publishAcked(
                    "expiry", "long", number(Property.MESSAGE_EXPIRY_INTERVAL, 100));
                publisher.publishAcked("expiry", "ever");
                Publish first = receiver.expectMessage("first");
                Await.elapsed(Duration.ofMillis(1_200));
                receiver.puback(first);
                Publish second = receiver.expectMessage("long");
                assertThat(second.expirySeconds()).isBetween(80L, 99L);
                receiver.puback(second);
                Publish third = receiver.expectMessage("ever");
                assertThat(third.expirySeconds()).isEqualTo(-1);
                receiver.puback(third);
                Await.until(
                    "one expired",
                    () -> wire.node().lost(Loss.EXPIRED) == before + 1,
                    () -> wire.node().lost(Loss.EXPIRED));
              }),
          v5(
              "MQTT-3.3.4-9, MQTT-3.3.4-10, MQTT-4.9.0-1, MQTT-4.9.0-2, MQTT-4.9.0-3,"
                  + " MQTT-4.3.2-3 the client's receive maximum is kept",
              wire -> {
                RawClient receiver = wire.open();
                receiver.connect("window", number(Property.RECEIVE_MAXIMUM, 1));
                receiver.subscribe("window", 1);
                RawClient publisher = wire.connected("publisher");
                for (int i = 0; i < 5; i++) {
                  publisher.publishAcked("window", "" + i);
                }
                publisher.publish("window", "QoS 0 has no window");
                Publish open = receiver.expectMessage("0");
                receiver.expectMessage("QoS 0 has no window");
                receiver.expectNothing();
                for (int i = 1; i < 5; i++) {
                  receiver.puback(open);
                  open = receiver.expectMessage("" + i);
                  receiver.expectNothing();
                }
                receiver.puback(open);
              }),
          v5(
              "MQTT-3.1.2-24, MQTT-3.1.2-25 what the client finds too large is not sent",
              wire -> {
                long before = wire.node().lost(Loss.TOO_LARGE);
                RawClient receiver = wire.open();
                receiver.connect("small", number(Property.MAXIMUM_PACKET_SIZE, 30));
                receiver.subscribe("small", 1);
                RawClient other = wire.subscribed("other", "small", 1);
                String fits = "x".repeat(30 - 2 - 2 - "small".length() - 2 - 1);
                RawClient publisher = wire.connected("publisher");
                publisher.publish("small", fits + "xxx");
                publisher.publishAcked("small", fits + "x");
                publisher.publishAcked("small", fits);
                other.expectMessage(fits + "xxx");
                other.puback(other.expectMessage(fits + "x"));
                other.puback(other.expectMessage(fits));
                Publish message = receiver.expectMessage(fits);
                assertThat(message.packetLength()).isEqualTo(30);
                receiver.puback(message);
                receiver.expectNothing();
                Await.until(
                    "two too large",
                    () -> wire.node().lost(Loss.TOO_LARGE) == before + 2,
                    () -> wire.node().lost(Loss.TOO_LARGE));
              }),
          v3(
              "3.1.1 to MQTT 5: no properties, the same message",
              wire -> {
                RawClient receiver = wire.node().open(wire.transport(), MqttVersion.V5);
                receiver.connect("newer");
                receiver.subscribe("p", 1);
                RawClient publisher = wire.connected("publisher");
                assertThat(publisher.publishAcked("p", "acked")).isEqualTo(ReasonCode.SUCCESS);
                Publish message = receiver.expectMessage("acked");
                assertThat(message.qos()).isEqualTo(1);
                receiver.puback(message);
                receiver.expectNothing();
              }));

  /** Of messages 0 to count each third has QoS 0; each QoS keeps its own order. */
  private static void inOrder(RawClient client, int count) throws IOException {
    int[] last = {-3, -1};
    for (int i = 0; i < count; i++) {
      Publish message = client.readPublish();
      int number = Integer.parseInt(RawClient.payload(message));
      int qos = message.qos();
      assertThat(qos).isEqualTo(number % 3 == 0 ? 0 : 1);
      assertThat(number).isGreaterThan(last[qos]);
      last[qos] = number;
      if (qos == 1) {
        client.puback(message);
      }
    }
    client.expectNothing();
  }

  private static PropertyWriter number(int property, long value) {
    return new PropertyWriter().number(property, value);
  }

  private static PropertyWriter all() {
    return new PropertyWriter()
        .user("b", "1")
        .number(Property.MESSAGE_EXPIRY_INTERVAL, 100)
        .user("a", "2")
        .number(Property.PAYLOAD_FORMAT_INDICATOR, 1)
        .string(Property.CONTENT_TYPE, "text/plain")
        .string(Property.RESPONSE_TOPIC, "re/ply")
        .binary(Property.CORRELATION_DATA, hex("00ff10"))
        .user("b", "3");
  }

  private static void ended(Case.Wire wire, String packet, ReasonCode reason) throws IOException {
    RawClient client = wire.connected("ended");
    client.send(packet);
    client.expectEnd(reason);
  }

  private static void topic(Case.Wire wire, String topic, ReasonCode reason) throws IOException {
    RawClient client = wire.connected("topic");
    client.send(client.publishPacket(topic, 0, 0, "x", NONE));
    client.expectEnd(reason);
  }

  private static void properties(Case.Wire wire, String properties, ReasonCode reason)
      throws IOException {
    byte[] encoded = hex(properties);
    RawClient client = wire.connected("properties");
    client.send(
        ConnectCases.concat(
            new byte[] {0x30, (byte) (4 + encoded.length), 0, 1, 't', (byte) encoded.length},
            encoded));
    client.expectEnd(reason);
  }

  private static void expectAck(RawClient client, int type) throws IOException {
    Packet.Ack ack = client.read(Packet.Ack.class);
    assertThat(ack.type()).isEqualTo(type);
    if (client.v5()) {
      assertThat(ack.reason()).isEqualTo(ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);
    }
  }
}
