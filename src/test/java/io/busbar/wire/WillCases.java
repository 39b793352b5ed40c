package io.busbar.wire;

import static io.busbar.wire.Case.both;
import static io.busbar.wire.Case.v5;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Will;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Section 3.1.2.5: wills. */
final class WillCases {
  private static final PropertyWriter NONE = new PropertyWriter();

  private WillCases() {}

  static final List<Case> TABLE =
      List.of(
          both(
              "MQTT-3.1.2-7, MQTT-3.1.2-8 published when the connection breaks, with its QoS",
              wire -> {
                RawClient watcher = wire.subscribed("will-w", "will/+", 2);
                for (int qos = 0; qos < 3; qos++) {
                  RawClient client =
                      dying(wire, "will-c", new Will("will/" + qos, "x" + qos, qos, false, NONE));
                  client.close();
                  Publish message = watcher.expectMessage("x" + qos);
                  assertThat(message.qos()).isEqualTo(qos);
                  assertThat(message.retain()).isFalse();
                  if (qos == 1) {
                    watcher.puback(message);
                  } else if (qos == 2) {
                    watcher.complete(message);
                  }
                }
              }),
          both(
              "MQTT-3.1.2-10, MQTT-3.14.4-3 not after a normal DISCONNECT",
              wire -> {
                RawClient watcher = wire.subscribed("normal-w", "normal", 0);
                dying(wire, "normal-c", Will.of("normal", "x")).send(RawClient.hex("e000"));
                watcher.expectNothing();
              }),
          v5(
              "3.14.2.1 DISCONNECT 0x04 wants it published",
              wire -> {
                RawClient watcher = wire.subscribed("with-w", "with", 0);
                dying(wire, "with-c", Will.of("with", "x")).send(RawClient.hex("e00104"));
                watcher.expectMessage("x");
              }),
          both(
              "MQTT-3.1.2-14, MQTT-3.1.2-15 a will with RETAIN is retained, another is not",
              wire -> {
                String topic = RetainCases.topic(wire, "will");
                RawClient watcher = wire.subscribed("retained-w", topic, 0);
                dying(wire, "retained-c", new Will(topic, "x", 1, true, NONE)).close();
                assertThat(watcher.expectMessage("x").retain()).isFalse();
                RawClient late = wire.subscribed("retained-l", topic, 1);
                Publish message = late.expectMessage("x");
                assertThat(message.retain()).isTrue();
                late.puback(message);
                String other = RetainCases.topic(wire, "will-other");
                RawClient there = wire.subscribed("retained-o", other, 0);
                dying(wire, "retained-c", new Will(other, "y", 1, false, NONE)).close();
                there.expectMessage("y");
                wire.subscribed("retained-n", other, 0).expectNothing();
              }),
          both(
              "3.1.2.5 published on a protocol error",
              wire -> {
                RawClient watcher = wire.subscribed("error-w", "error", 0);
                dying(wire, "error-c", Will.of("error", "x")).send("f000");
                watcher.expectMessage("x");
              }),
          both(
              "3.1.4 published when another connection takes the session over",
              wire -> {
                RawClient watcher = wire.subscribed("taken-w", "taken", 0);
                RawClient first = dying(wire, "taken-c", Will.of("taken", "x"));
                wire.connected("taken-c");
                first.expectEnd(ReasonCode.SESSION_TAKEN_OVER);
                watcher.expectMessage("x");
                watcher.expectNothing();
              }),
          v5(
              "MQTT-3.1.3-10 its properties are those of the message, in order",
              wire -> {
                RawClient watcher = wire.subscribed("props-w", "props", 0);
                PropertyWriter properties =
                    new PropertyWriter()
                        .number(Property.WILL_DELAY_INTERVAL, 0)
                        .number(Property.PAYLOAD_FORMAT_INDICATOR, 1)
                        .string(Property.CONTENT_TYPE, "text/plain")
                        .string(Property.RESPONSE_TOPIC, "answer")
                        .binary(Property.CORRELATION_DATA, new byte[] {1, 2})
                        .number(Property.MESSAGE_EXPIRY_INTERVAL, 60)
                        .user("b", "1")
                        .user("a", "2")
                        .user("b", "3");
                dying(wire, "props-c", new Will("props", "x", 0, false, properties)).close();
                Publish message = watcher.expectMessage("x");
                assertThat(message.payloadFormatUtf8()).isTrue();
                assertThat(message.contentType()).isEqualTo("text/plain");
                assertThat(message.responseTopic()).isEqualTo("answer");
                assertThat(message.correlationData()).containsExactly(1, 2);
                assertThat(message.expirySeconds()).isEqualTo(60);
                assertThat(message.userProperties())
                    .containsExactly(Map.entry("b", "1"), Map.entry("a", "2"), Map.entry("b", "3"));
              }),
          v5(
              "MQTT-3.1.3-9 a delayed one is not published to a client that comes back",
              wire -> {
                RawClient watcher = wire.subscribed("back-w", "back", 0);
                RawClient client = wire.open();
                client.resume("back-c", 100, delayed("back", 1));
                client.close();
                RawClient back = wire.open();
                assertThat(back.resume("back-c", 100).sessionPresent()).isTrue();
                Await.elapsed(Duration.ofMillis(1_500));
                watcher.expectNothing();
                wire.forget("back-c");
              }),
          v5(
              "3.1.3.2.2 a delayed one is published when its delay ends",
              wire -> {
                RawClient watcher = wire.subscribed("delay-w", "delay", 0);
                RawClient client = wire.open();
                client.resume("delay-c", 100, delayed("delay", 1));
                long from = System.nanoTime();
                client.close();
                watcher.expectMessage("x");
                assertThat(System.nanoTime() - from).isGreaterThan(900_000_000L);
                wire.forget("delay-c");
              }),
          v5(
              "MQTT-3.3.2-14, MQTT-4.7.3-1 its Response Topic is a topic name",
              wire -> {
                for (String topic : List.of("", "a/#")) {
                  RawClient client = wire.open();
                  PropertyWriter answer =
                      new PropertyWriter().string(Property.RESPONSE_TOPIC, topic);
                  Will will = new Will("asks", "x", 0, false, answer);
                  client.send(client.connectPacket("asks-c", true, NONE, will));
                  assertThat(client.read(Packet.Connack.class).code()).isNotZero();
                  client.expectClose();
                }
              }),
          v5(
              "MQTT-3.1.2-8 or when its session ends before",
              wire -> {
                RawClient watcher = wire.subscribed("ends-w", "ends", 0);
                RawClient client = wire.open();
                client.resume("ends-c", 100, delayed("ends", 100));
                client.close();
                wire.forget("ends-c");
                watcher.expectMessage("x");
              }),
          v5(
              "MQTT-3.1.2-8 a session without expiry ends with its connection, and its delay too",
              wire -> {
                RawClient watcher = wire.subscribed("none-w", "none", 0);
                dying(wire, "none-c", delayed("none", 100)).close();
                watcher.expectMessage("x");
              }));

  private static Will delayed(String topic, long seconds) {
    PropertyWriter delay = new PropertyWriter().number(Property.WILL_DELAY_INTERVAL, seconds);
    return new Will(topic, "x", 0, false, delay);
  }

  private static RawClient dying(Case.Wire wire, String clientId, Will will) throws IOException {
    RawClient client = wire.open();
    client.send(client.connectPacket(clientId, true, NONE, will));
    assertThat(client.read(Packet.Connack.class).code()).isZero();
    return client;
  }
}
