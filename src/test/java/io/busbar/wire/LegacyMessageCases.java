package io.busbar.wire;

import static io.busbar.wire.Legacy.ended;
import static io.busbar.wire.Legacy.legacy;
import static io.busbar.wire.Legacy.packet;
import static io.busbar.wire.Legacy.says;
import static io.busbar.wire.SubscribeCases.filter;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.testing.RawClient;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What MQTT 3.1.1 asks of messages: section 3.3, the flows of section 4.3, and order. */
final class LegacyMessageCases {
  private static final PropertyWriter NONE = new PropertyWriter();

  private LegacyMessageCases() {}

  static final List<Case> TABLE =
      List.of(
          legacy(
              "MQTT-2.3.1-5, MQTT-4.3.1-1, MQTT-3.3.1-2 QoS 0 has no identifier and no DUP",
              wire -> {
                RawClient client = wire.subscribed("zero", "z", 2);
                client.publish("z", "x");
                says(client, "3004 0001 7a 78");
                ended(wire, packet(0x38, "0001 7a 78"));
              }),
          legacy(
              "MQTT-2.3.1-4, MQTT-4.3.2-1 identifiers at QoS 1 are in use until PUBACK",
              wire -> {
                RawClient client = wire.subscribed("ids", "ids", 1);
                RawClient publisher = wire.connected("ids-p");
                Set<Integer> open = new HashSet<>();
                for (int i = 0; i < 50; i++) {
                  publisher.publishAcked("ids", "" + i);
                  Publish message = client.expectMessage("" + i);
                  assertThat(message.qos()).isEqualTo(1);
                  assertThat(message.dup()).isFalse();
                  assertThat(message.packetId()).isBetween(1, 0xffff);
                  assertThat(open.add(message.packetId())).as("it was not in use").isTrue();
                  if (i % 3 == 0) {
                    client.puback(message);
                    open.remove(message.packetId());
                  }
                }
                client.expectNothing();
              }),
          legacy(
              "MQTT-4.3.2-2 after PUBACK an identifier is of a new message, whatever DUP says",
              wire -> {
                RawClient client = wire.subscribed("anew-s", "anew", 0);
                RawClient publisher = wire.connected("anew-p");
                publisher.publishAcked("anew", "x");
                byte[] again = publisher.publishPacket("anew", 1, 9, "x", NONE);
                again[0] |= 0x08;
                publisher.send(again);
                says(publisher, "4002 0009");
                client.expectMessage("x");
                client.expectMessage("x");
                client.expectNothing();
              }),
          legacy(
              "MQTT-4.3.3-1 QoS 2 sent: PUBLISH, then PUBREL, each until it is answered",
              wire -> {
                RawClient client = wire.open();
                client.resume("exactly", 0);
                client.subscribe("exactly", 2);
                RawClient publisher = wire.connected("exactly-p");
                publisher.publishExactly("exactly", "a", 1);
                publisher.publishExactly("exactly", "b", 1);
                Publish message = client.expectMessage("a");
                final int a = message.packetId();
                assertThat(message.qos()).isEqualTo(2);
                assertThat(message.dup()).isFalse();
                final int b = client.expectMessage("b").packetId();
                assertThat(b).isNotEqualTo(a);
                client.sendAck(Packet.PUBREC, a);
                client.expectAck(Packet.PUBREL, a);
                client.close();
                RawClient back = wire.open();
                back.resume("exactly", 0);
                // "a" itself does not come again: it is the client's since its PUBREC
                Set<String> again = new HashSet<>();
                for (int i = 0; i < 2; i++) {
                  byte[] packet = back.readPacket();
                  int idAt = packet[0] == 0x62 ? 2 : 4 + "exactly".length();
                  int id = (packet[idAt] & 0xff) << 8 | (packet[idAt + 1] & 0xff);
                  again.add("%02x %d".formatted(packet[0], id));
                }
                assertThat(again).containsExactlyInAnyOrder("62 " + a, "3c " + b);
                back.sendAck(Packet.PUBCOMP, a);
                back.sendAck(Packet.PUBREC, b);
                back.expectAck(Packet.PUBREL, b);
                back.sendAck(Packet.PUBCOMP, b);
                back.expectNothing();
                wire.forget("exactly");
              }),
          legacy(
              "MQTT-4.3.3-2 QoS 2 received: one message until PUBREL, a new one after PUBCOMP",
              wire -> {
                RawClient client = wire.subscribed("received-s", "received", 0);
                RawClient publisher = wire.connected("received-p");
                byte[] packet = publisher.publishPacket("received", 2, 0x0102, "x", NONE);
                publisher.send(packet);
                says(publisher, "5002 0102");
                packet[0] |= 0x08;
                publisher.send(packet);
                says(publisher, "5002 0102");
                publisher.send("6202 0102");
                says(publisher, "7002 0102");
                client.expectMessage("x");
                client.expectNothing();
                publisher.send(packet);
                says(publisher, "5002 0102");
                publisher.send("6202 0102");
                says(publisher, "7002 0102");
                client.expectMessage("x");
                client.expectNothing();
              }),
          legacy(
              "MQTT-3.3.1-3 DUP of a publisher is not passed on",
              wire -> {
                RawClient client = wire.subscribed("dup-s", "dup", 2);
                RawClient publisher = wire.connected("dup-p");
                publisher.send(packet(0x3a, "0003 647570 0009 31"));
                says(publisher, "4002 0009");
                publisher.send(packet(0x3c, "0003 647570 0009 32"));
                says(publisher, "5002 0009");
                publisher.send("6202 0009");
                says(publisher, "7002 0009");
                Publish one = client.expectMessage("1");
                assertThat(one.dup()).isFalse();
                client.puback(one);
                Publish two = client.expectMessage("2");
                assertThat(two.dup()).isFalse();
                client.complete(two);
              }),
          legacy("MQTT-3.3.1-4 QoS 3", wire -> ended(wire, packet(0x36, "0001 61 0009 78"))),
          legacy(
              "MQTT-3.3.1-5, MQTT-3.3.1-6, MQTT-3.3.1-8, MQTT-3.3.1-9 the last one is retained",
              wire -> {
                for (int qos = 1; qos <= 2; qos++) {
                  String topic = RetainCases.topic(wire, "last-" + qos);
                  RawClient there = wire.subscribed("last-t", topic, 0);
                  RawClient publisher = wire.connected("last-p");
                  publisher.retain(topic, "first");
                  byte[] packet = publisher.publishPacket(topic, qos, 9, "last", NONE);
                  packet[0] |= 0x01;
                  publisher.send(packet);
                  publisher.expectAck(qos == 1 ? Packet.PUBACK : Packet.PUBREC, 9);
                  if (qos == 2) {
                    publisher.sendAck(Packet.PUBREL, 9);
                    publisher.expectAck(Packet.PUBCOMP, 9);
                  }
                  for (String payload : List.of("first", "last")) {
                    assertThat(there.expectMessage(payload).retain()).isFalse();
                  }
                  RawClient late = wire.subscribed("last-l", topic, 2);
                  Publish kept = late.expectMessage("last");
                  assertThat(kept.retain()).isTrue();
                  assertThat(kept.qos()).isEqualTo(qos);
                  late.expectNothing();
                }
              }),
          legacy(
              "MQTT-3.3.1-7 one at QoS 0 takes the place of what is retained",
              wire -> {
                String topic = RetainCases.topic(wire, "at-0");
                RawClient publisher = wire.connected("at-0-p");
                publisher.retain(topic, "before");
                byte[] packet = publisher.publishPacket(topic, 0, 0, "after", NONE);
                packet[0] |= 0x01;
                publisher.send(packet);
                // on its way when this is answered
                publisher.retain(topic + "/next", "x");
                Publish kept = wire.subscribed("at-0-s", topic, 1).expectMessage("after");
                assertThat(kept.qos()).isZero();
                assertThat(kept.retain()).isTrue();
              }),
          legacy(
              "MQTT-3.3.1-10, MQTT-3.3.1-11, MQTT-3.3.1-12 what removes a retained one",
              wire -> {
                String topic = RetainCases.topic(wire, "removed");
                RawClient there = wire.subscribed("removed-t", topic, 0);
                RawClient publisher = wire.connected("removed-p");
                publisher.retain(topic, "x");
                there.expectMessage("x");
                for (String payload : List.of("passing", "")) {
                  publisher.publishAcked(topic, payload);
                  there.expectMessage(payload);
                }
                wire.subscribed("removed-l", topic, 0).expectMessage("x");
                publisher.retain(topic, "");
                there.expectMessage("");
                wire.subscribed("removed-l", topic, 0).expectNothing();
                publisher.publishAcked(topic, "not retained");
                wire.subscribed("removed-l", topic, 0).expectNothing();
              }),
          legacy(
              "MQTT-3.3.2-1, MQTT-3.3.2-2, MQTT-4.7.1-1, MQTT-4.7.3-1, MQTT-4.7.3-2 topic names",
              wire -> {
                for (String bad :
                    List.of("0000", "0001 23", "0001 2b", "0003 612f2b", "0001 00", "0009 61")) {
                  ended(wire, packet(0x30, bad));
                }
                ended(wire, packet(0x30, "00"));
                RawClient client = wire.connected("filters");
                assertThat(client.subscribe("", 0)).isEqualTo(0x80);
                ended(wire, packet(0x82, "0009 0001 00 00"));
              }),
          legacy(
              "MQTT-3.3.2-3 a message comes with the topic it was published to",
              wire -> {
                RawClient client = wire.subscribed("named", "named/+/#", 0);
                for (String topic : List.of("named/a", "named//", "named/a/b/c")) {
                  client.publish(topic, topic);
                  assertThat(client.expectMessage(topic).topic()).isEqualTo(topic);
                }
              }),
          legacy(
              "MQTT-3.3.4-1 a publish is answered by nothing, PUBACK or PUBREC",
              wire -> {
                RawClient client = wire.connected("answers");
                client.send(packet(0x30, "0001 66"));
                client.expectNothing();
                client.send(packet(0x32, "0001 66 0009"));
                says(client, "4002 0009");
                client.send(packet(0x34, "0001 66 0009"));
                says(client, "5002 0009");
                client.expectNothing();
              }),
          legacy(
              "MQTT-3.3.5-1 overlapping subscriptions: at the highest QoS of them",
              wire -> {
                RawClient client = wire.connected("overlap");
                client.subscribe(filter("lap/#", 1), filter("lap/+", 2), filter("lap/a", 0));
                wire.connected("overlap-p").publishExactly("lap/a", "x", 1);
                Publish message = client.expectMessage("x");
                assertThat(message.qos()).isEqualTo(2);
                client.complete(message);
                client.expectNothing();
              }),
          legacy(
              "MQTT-3.3.5-2, MQTT-4.7.2-1 a publish that is denied ends the connection",
              wire -> {
                RawClient watcher = wire.connected("denied-w");
                watcher.subscribe(filter("+/x", 0), filter("$other/#", 0));
                for (int first : new int[] {0x30, 0x32, 0x34}) {
                  String id = first == 0x30 ? "" : "0009";
                  ended(wire, packet(first, "0008 246f746865722f78" + id));
                }
                watcher.expectNothing();
              }),
          legacy(
              "MQTT-4.6.0-2, MQTT-4.6.0-3 PUBACK and PUBREC in the order of the messages",
              wire -> {
                RawClient client = wire.subscribed("acks", "acks", 0);
                int count = 100;
                for (int i = 1; i <= count; i++) {
                  client.send(client.publishPacket(i % 4 == 0 ? "acks" : "-", 1, i, "", NONE));
                  client.send(client.publishPacket("-", 2, count + i, "", NONE));
                }
                int[] last = {0, count};
                for (int i = 0; i < 2 * count + count / 4; i++) {
                  byte[] packet = client.readPacket();
                  int type = (packet[0] & 0xff) >> 4;
                  if (type != Packet.PUBLISH) {
                    int at = type == Packet.PUBACK ? 0 : 1;
                    assertThat(packet[2] << 8 | (packet[3] & 0xff)).isEqualTo(++last[at]);
                  }
                }
                assertThat(last).containsExactly(count, 2 * count);
              }),
          legacy(
              "MQTT-4.6.0-4 PUBREL in the order of the PUBRECs",
              wire -> {
                RawClient client = wire.subscribed("rels", "rels", 2);
                RawClient publisher = wire.connected("rels-p");
                int count = 10;
                int[] ids = new int[count];
                for (int i = 0; i < count; i++) {
                  publisher.publishExactly("rels", "" + i, 1);
                  ids[i] = client.expectMessage("" + i).packetId();
                }
                for (int i = 0; i < count; i++) {
                  client.sendAck(Packet.PUBREC, ids[i * 3 % count]);
                }
                for (int i = 0; i < count; i++) {
                  client.expectAck(Packet.PUBREL, ids[i * 3 % count]);
                  client.sendAck(Packet.PUBCOMP, ids[i * 3 % count]);
                }
                client.expectNothing();
              }),
          legacy(
              "MQTT-4.6.0-5, MQTT-4.6.0-6 messages of a topic and QoS keep their publisher's order",
              wire -> {
                List<RawClient> clients =
                    List.of(
                        wire.subscribed("order-1", "order/a", 2),
                        wire.subscribed("order-2", "order/#", 2));
                RawClient publisher = wire.connected("order-p");
                int count = 150;
                for (int i = 0; i < count; i++) {
                  int qos = i % 3;
                  int id = qos == 0 ? 0 : i;
                  publisher.send(publisher.publishPacket("order/a", qos, id, "" + i, NONE));
                }
                for (RawClient client : clients) {
                  inOrder(client, count);
                }
              }));

  private static void inOrder(RawClient client, int count) throws IOException {
    int[] next = {0, 1, 2};
    for (int i = 0; i < count; i++) {
      Publish message = client.readPublish();
      int qos = message.qos();
      assertThat(RawClient.payload(message)).isEqualTo("" + next[qos]);
      next[qos] += 3;
    }
    assertThat(next).containsExactly(count, count + 1, count + 2);
  }
}
