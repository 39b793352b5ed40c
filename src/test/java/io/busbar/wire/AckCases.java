package io.busbar.wire;

import static io.busbar.testing.RawClient.bytes;
import static io.busbar.testing.RawClient.hex;
import static io.busbar.wire.Case.both;
import static io.busbar.wire.Case.v5;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Sections 2.2.1 and 3.4 to 3.7: packet identifiers, acknowledgements and their codes. */
final class AckCases {
  private static final PropertyWriter NONE = new PropertyWriter();

  private AckCases() {}

  static final List<Case> TABLE =
      List.of(
          both(
              "MQTT-2.2.1-2, MQTT-2.2.2-1 QoS 0 has no packet identifier, no properties a length",
              wire -> {
                RawClient client = wire.connected("bare");
                List<Packet.Filter> filters = List.of(SubscribeCases.filter("bare", 0));
                client.send(client.subscribePacket(filters, NONE));
                assertThat(client.readPacket())
                    .isEqualTo(hex(wire.v5() ? "9004 0007 00 00" : "9003 0007 00"));
                client.publish("bare", "x");
                assertThat(client.readPacket())
                    .isEqualTo(
                        hex(wire.v5() ? "3008 0004 62617265 00 78" : "3007 0004 62617265 78"));
                client.send(
                    bytes(
                        out -> Encoder.unsubscribe(out, wire.version(), 8, List.of("bare"), NONE)));
                assertThat(client.readPacket())
                    .isEqualTo(hex(wire.v5() ? "b004 0008 00 00" : "b002 0008"));
              }),
          both(
              "MQTT-2.2.1-4, MQTT-4.3.2-1, MQTT-4.3.3-1 each message in flight has an identifier",
              wire -> {
                RawClient subscriber = wire.subscribed("own-s", "own/+", 2);
                RawClient publisher = wire.connected("own-p");
                Set<Integer> open = new HashSet<>();
                for (int round = 0; round < 3; round++) {
                  List<Integer> once = new ArrayList<>();
                  for (int i = 0; i < 10; i++) {
                    publisher.publishAcked("own/1", "x");
                    publisher.publishExactly("own/2", "x", 1);
                  }
                  for (int i = 0; i < 20; i++) {
                    Publish message = subscriber.expectMessage("x");
                    assertThat(message.packetId()).isBetween(1, 65_535);
                    assertThat(open.add(message.packetId())).as("not in use").isTrue();
                    if (message.qos() == 1) {
                      once.add(message.packetId());
                    }
                  }
                  for (int id : once) {
                    subscriber.sendAck(Packet.PUBACK, id);
                    open.remove(id);
                  }
                }
                assertThat(open).hasSize(30);
              }),
          both(
              "MQTT-4.3.2-5 after PUBACK the identifier is a new message's, whatever DUP says",
              wire -> {
                RawClient subscriber = wire.subscribed("new-s", "new", 0);
                RawClient publisher = wire.connected("new-p");
                byte[] packet = publisher.publishPacket("new", 1, 5, "x", NONE);
                publisher.send(packet);
                publisher.expectAck(Packet.PUBACK, 5);
                packet[0] |= 0x08;
                publisher.send(packet);
                publisher.expectAck(Packet.PUBACK, 5);
                subscriber.expectMessage("x");
                subscriber.expectMessage("x");
                subscriber.expectNothing();
              }),
          v5(
              "MQTT-3.3.4-1, MQTT-3.4.2-1, MQTT-3.5.2-1 PUBLISH is answered by its QoS, with a code",
              wire -> {
                RawClient subscriber = wire.subscribed("codes-s", "codes", 2);
                RawClient client = wire.connected("codes-p");
                client.publish("codes", "0");
                client.expectNothing();
                assertThat(client.publishAcked("codes", "1")).isEqualTo(ReasonCode.SUCCESS);
                assertThat(client.publishExactly("codes", "2", 2)).isEqualTo(ReasonCode.SUCCESS);
                for (int qos = 0; qos < 3; qos++) {
                  assertThat(subscriber.expectMessage("" + qos).qos()).isEqualTo(qos);
                }
                assertThat(client.publishAcked("codes/no", ""))
                    .isEqualTo(ReasonCode.NO_MATCHING_SUBSCRIBERS);
                assertThat(client.publishExactly("codes/no", "", 2))
                    .isEqualTo(ReasonCode.NO_MATCHING_SUBSCRIBERS);
                assertThat(client.publishAcked("$SYS/x", "")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
                assertThat(client.publishExactly("$SYS/x", "", 2))
                    .isEqualTo(ReasonCode.NOT_AUTHORIZED);
              }),
          v5(
              "MQTT-3.6.2-1, MQTT-3.7.2-1 PUBREL and PUBCOMP have code 0 or 0x92",
              wire -> {
                RawClient client = wire.subscribed("released", "released", 2);
                RawClient publisher = wire.connected("released-p");
                publisher.send(publisher.publishPacket("released", 2, 5, "x", NONE));
                publisher.expectAck(Packet.PUBREC, 5);
                for (ReasonCode code :
                    List.of(ReasonCode.SUCCESS, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND)) {
                  publisher.sendAck(Packet.PUBREL, 5);
                  assertThat(publisher.expectAck(Packet.PUBCOMP, 5).reason()).isEqualTo(code);
                }
                int id = client.expectMessage("x").packetId();
                client.sendAck(Packet.PUBREC, id);
                assertThat(client.expectAck(Packet.PUBREL, id).reason())
                    .isEqualTo(ReasonCode.SUCCESS);
                client.sendAck(Packet.PUBCOMP, id);
                client.sendAck(Packet.PUBREC, id);
                assertThat(client.expectAck(Packet.PUBREL, id).reason())
                    .isEqualTo(ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);
              }),
          v5(
              "MQTT-3.4.2-2, MQTT-3.5.2-2 a reason comes only where it fits",
              wire -> {
                for (int most : List.of(24, 40, 48, 50, 52, 54, 56, 58, 60, 62, 64, 200)) {
                  RawClient client = wire.open();
                  client.connect(
                      "fits", new PropertyWriter().number(Property.MAXIMUM_PACKET_SIZE, most));
                  for (int qos = 1; qos <= 2; qos++) {
                    client.send(client.publishPacket("$x", qos, 5, "", NONE));
                    byte[] ack = client.readPacket();
                    assertThat(ack).hasSizeLessThanOrEqualTo(most);
                    assertThat((ack[0] & 0xf0) >> 4).isEqualTo(qos + 3);
                    if (most == 200) {
                      assertThat(ack).hasSizeGreaterThan(40);
                    }
                  }
                  client.send("e000");
                  client.expectClose();
                }
              }));
}
