package io.busbar.wire;

import static io.busbar.wire.Case.both;
import static io.busbar.wire.Case.v5;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import java.util.List;

/** Section 4.3.3: QoS 2, both ways. */
final class ExactlyOnceCases {
  private static final PropertyWriter NONE = new PropertyWriter();

  private ExactlyOnceCases() {}

  static final List<Case> TABLE =
      List.of(
          both(
              "MQTT-2.2.1-5, MQTT-4.3.3-2, MQTT-4.3.3-4, MQTT-4.3.3-8, MQTT-4.3.3-11 exactly once",
              wire -> {
                RawClient subscriber = wire.subscribed("x2-s", "x2/#", 2);
                RawClient publisher = wire.connected("x2-p");
                for (int i = 0; i < 5; i++) {
                  assertThat(publisher.publishExactly("x2/a", "m" + i, 1))
                      .isEqualTo(ReasonCode.SUCCESS);
                  Publish message = subscriber.expectMessage("m" + i);
                  assertThat(message.qos()).isEqualTo(2);
                  assertThat(message.dup()).isFalse();
                  subscriber.complete(message);
                }
                subscriber.expectNothing();
              }),
          both(
              "MQTT-4.3.3-10, MQTT-4.3.3-12 the same packet identifier before PUBREL, and"
                  + " after PUBCOMP",
              wire -> {
                RawClient subscriber = wire.subscribed("again-s", "again", 0);
                RawClient publisher = wire.connected("again-p");
                byte[] packet = publisher.publishPacket("again", 2, 7, "once", NONE);
                publisher.send(packet);
                publisher.expectAck(Packet.PUBREC, 7);
                packet[0] |= 0x08;
                for (int i = 0; i < 3; i++) {
                  publisher.send(packet);
                  publisher.expectAck(Packet.PUBREC, 7);
                }
                publisher.sendAck(Packet.PUBREL, 7);
                publisher.expectAck(Packet.PUBCOMP, 7);
                publisher.publishExactly("again", "twice", 7);
                subscriber.expectMessage("once");
                subscriber.expectMessage("twice");
                subscriber.expectNothing();
              }),
          both(
              "MQTT-3.8.4-8 the QoS of a delivery is the lower of the two",
              wire -> {
                RawClient two = wire.subscribed("lower-2", "lower", 2);
                RawClient one = wire.subscribed("lower-1", "lower", 1);
                RawClient publisher = wire.connected("lower-p");
                publisher.publishExactly("lower", "2", 1);
                publisher.publishAcked("lower", "1");
                publisher.publish("lower", "0");
                assertThat(two.expectMessage("2").qos()).isEqualTo(2);
                assertThat(two.expectMessage("1").qos()).isEqualTo(1);
                assertThat(two.expectMessage("0").qos()).isZero();
                assertThat(one.expectMessage("2").qos()).isEqualTo(1);
              }),
          v5(
              "4.3.3 an exchange ends with a PUBREC that is an error",
              wire -> {
                RawClient subscriber = wire.subscribed("error-s", "error", 2);
                RawClient publisher = wire.connected("error-p");
                publisher.publishExactly("error", "a", 1);
                Publish message = subscriber.expectMessage("a");
                subscriber.send(RawClient.hex("5003%04x80".formatted(message.packetId())));
                subscriber.expectNothing();
                Await.until(
                    "nothing is pending",
                    () -> wire.node().gauge(Meter.DELIVERIES_PENDING) == 0,
                    () -> wire.node().gauge(Meter.DELIVERIES_PENDING));
              }),
          v5(
              "MQTT-4.3.3-9 after a PUBREC that is an error the identifier is free",
              wire -> {
                RawClient subscriber = wire.subscribed("free-s", "free", 0);
                RawClient publisher = wire.connected("free-p");
                publisher.send(publisher.publishPacket("$SYS/x", 2, 5, "", NONE));
                assertThat(publisher.expectAck(Packet.PUBREC, 5).reason())
                    .isEqualTo(ReasonCode.NOT_AUTHORIZED);
                assertThat(publisher.publishExactly("free", "x", 5)).isEqualTo(ReasonCode.SUCCESS);
                subscriber.expectMessage("x");
                subscriber.expectNothing();
              }),
          v5(
              "MQTT-4.3.3-13 the exchange goes on for a message that expired",
              wire -> {
                RawClient receiver = wire.open();
                receiver.connect(
                    "late-s", new PropertyWriter().number(Property.RECEIVE_MAXIMUM, 1));
                receiver.subscribe("late", 2);
                RawClient publisher = wire.connected("late-p");
                publisher.publishExactly("late", "first", 1);
                final Publish first = receiver.expectMessage("first");
                PropertyWriter at =
                    new PropertyWriter().number(Property.MESSAGE_EXPIRY_INTERVAL, 0);
                publisher.send(publisher.publishPacket("late", 2, 5, "expired", at));
                publisher.expectAck(Packet.PUBREC, 5);
                // each loop reads the clock at its own turns
                long now = System.currentTimeMillis();
                Await.until("time passes", () -> System.currentTimeMillis() > now + 20, () -> now);
                receiver.complete(first);
                receiver.expectNothing();
                publisher.sendAck(Packet.PUBREL, 5);
                assertThat(publisher.expectAck(Packet.PUBCOMP, 5).reason())
                    .isEqualTo(ReasonCode.SUCCESS);
              }),
          both(
              "4.3.3 acknowledgements of what is not in flight: 0x92",
              wire -> {
                RawClient client = wire.connected("nothing");
                client.sendAck(Packet.PUBREL, 5);
                Packet.Ack completed = client.expectAck(Packet.PUBCOMP, 5);
                client.sendAck(Packet.PUBREC, 6);
                Packet.Ack released = client.expectAck(Packet.PUBREL, 6);
                client.sendAck(Packet.PUBCOMP, 7);
                client.sendAck(Packet.PUBACK, 8);
                client.expectNothing();
                if (wire.v5()) {
                  assertThat(completed.reason()).isEqualTo(ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);
                  assertThat(released.reason()).isEqualTo(ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);
                }
              }),
          both(
              "3.5.2.1 a QoS 2 publish without subscribers is told 0x10, and its exchange goes on",
              wire ->
                  assertThat(wire.connected("unheard").publishExactly("unheard", "x", 3))
                      .isEqualTo(
                          wire.v5() ? ReasonCode.NO_MATCHING_SUBSCRIBERS : ReasonCode.SUCCESS)),
          v5(
              "MQTT-3.3.4-7 more than Receive Maximum that are not released: 0x93",
              wire -> {
                RawClient client = wire.connected("unreleased");
                int most = (int) wire.node().limit(Limit.RECEIVE_MAXIMUM);
                for (int i = 1; i <= most; i++) {
                  client.send(client.publishPacket("unreleased", 2, i, "", NONE));
                  client.expectAck(Packet.PUBREC, i);
                }
                client.send(client.publishPacket("unreleased", 2, most + 1, "", NONE));
                client.expectEnd(ReasonCode.RECEIVE_MAXIMUM_EXCEEDED);
              }));
}
