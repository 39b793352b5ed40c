package io.busbar.wire;

import static io.busbar.wire.Case.both;
import static io.busbar.wire.Case.v5;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/** Sections 4.8.2, 3.8.2.1.2 and 3.3.2.3.4: shares, subscription identifiers, aliases. */
final class SharedCases {
  private SharedCases() {}

  static final List<Case> TABLE =
      List.of(
          both(
              "4.8.2 each message of a share goes to one member",
              wire -> {
                List<RawClient> members = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                  members.add(wire.subscribed("member-" + i, "$share/g/share/+", 1));
                }
                RawClient alone = wire.subscribed("alone", "$share/h/share/+", 1);
                RawClient publisher = wire.connected("share-p");
                int count = 40;
                for (int i = 0; i < count; i++) {
                  publisher.publishAcked("share/a", "" + i);
                }
                for (RawClient member : members) {
                  // in turn
                  for (int i = 0; i < count / members.size(); i++) {
                    member.readPublish();
                  }
                }
                for (int i = 0; i < count; i++) {
                  alone.expectMessage("" + i);
                }
                members.add(alone);
                for (RawClient member : members) {
                  member.expectNothing();
                }
              }),
          both(
              "4.8.2 a share and a subscription of one client are two",
              wire -> {
                RawClient client = wire.subscribed("both", "both", 0);
                client.subscribe("$share/g/both", 0);
                wire.connected("both-p").publish("both", "x");
                client.expectMessage("x");
                client.expectMessage("x");
                client.expectNothing();
              }),
          both(
              "4.8.2 a member that leaves hands on what it did not acknowledge",
              wire -> {
                RawClient first = wire.subscribed("leaves", "$share/g/hand", 1);
                RawClient publisher = wire.connected("hand-p");
                for (int i = 0; i < 10; i++) {
                  publisher.publishAcked("hand", "" + i);
                  first.expectMessage("" + i);
                }
                RawClient second = wire.subscribed("stays", "$share/g/hand", 1);
                first.close();
                for (int i = 0; i < 10; i++) {
                  second.puback(second.expectMessage("" + i));
                }
                second.expectNothing();
              }),
          v5(
              "MQTT-3.3.2-6 what a member hands on has less time left, or none",
              wire -> {
                RawClient first = wire.subscribed("late", "$share/g/late", 1);
                RawClient publisher = wire.connected("late-p");
                for (int expiry : List.of(1, 100)) {
                  publisher.publishAcked(
                      "late",
                      "" + expiry,
                      new PropertyWriter().number(Property.MESSAGE_EXPIRY_INTERVAL, expiry));
                  first.expectMessage("" + expiry);
                }
                final RawClient second = wire.subscribed("next", "$share/g/late", 1);
                long start = System.nanoTime();
                Await.until(
                    "time passes",
                    () -> System.nanoTime() - start > 1_200_000_000L,
                    () -> System.nanoTime() - start);
                first.close();
                assertThat(second.expectMessage("100").expirySeconds()).isBetween(90L, 99L);
                second.expectNothing();
              }),
          both(
              "4.8.2 a share of stored sessions keeps what no member can take",
              wire -> {
                RawClient client = wire.open();
                client.resume("pool", 100);
                client.subscribe("$share/g/pool", 1);
                end(client);
                RawClient publisher = wire.connected("pool-p");
                for (int i = 0; i < 10; i++) {
                  assertThat(publisher.publishAcked("pool", "" + i)).isEqualTo(ReasonCode.SUCCESS);
                }
                RawClient back = wire.open();
                back.resume("pool", 100);
                // in any order: what the leaving member was picked for comes back a little later
                Set<String> payloads = new HashSet<>();
                for (int i = 0; i < 10; i++) {
                  Publish message = back.readPublish();
                  payloads.add(RawClient.payload(message));
                  back.puback(message);
                }
                assertThat(payloads).hasSize(10);
                publisher.publishAcked("pool", "live");
                back.puback(back.expectMessage("live"));
                back.expectNothing();
                wire.forget("pool");
              }),
          both(
              "MQTT-3.10.4-1 UNSUBSCRIBE names the share",
              wire -> {
                RawClient client = wire.subscribed("name", "$share/g/name", 0);
                Packet.Suback suback =
                    client.unsubscribe(List.of("name", "$share/h/name", "$share/g/name"));
                if (wire.v5()) {
                  assertThat(suback.codes()).containsExactly(0x11, 0x11, 0);
                }
                wire.connected("name-p").publish("name", "x");
                client.expectNothing();
              }),
          both(
              "MQTT-4.8.2-3 each member gets messages at its own QoS",
              wire -> {
                RawClient zero = wire.subscribed("own-0", "$share/g/own", 0);
                RawClient two = wire.subscribed("own-2", "$share/g/own", 2);
                RawClient publisher = wire.connected("own-p");
                for (int i = 0; i < 4; i++) {
                  publisher.publishExactly("own", "x", 1);
                }
                for (int i = 0; i < 2; i++) {
                  assertThat(zero.expectMessage("x").qos()).isZero();
                  assertThat(two.expectMessage("x").qos()).isEqualTo(2);
                }
                zero.expectNothing();
                two.expectNothing();
              }),
          both(
              "MQTT-4.8.2-4 QoS 2 under way goes on when its member is back",
              wire -> {
                RawClient client = wire.open();
                client.resume("way", 100);
                client.subscribe("$share/g/way", 2);
                RawClient publisher = wire.connected("way-p");
                publisher.publishExactly("way", "released", 1);
                int released = client.expectMessage("released").packetId();
                client.sendAck(Packet.PUBREC, released);
                client.expectAck(Packet.PUBREL, released);
                publisher.publishExactly("way", "sent", 1);
                client.expectMessage("sent");
                RawClient other = wire.subscribed("way-2", "$share/g/way", 2);
                client.close();
                RawClient back = wire.open();
                back.resume("way", 100);
                back.expectAck(Packet.PUBREL, released);
                Publish again = back.expectMessage("sent");
                assertThat(again.dup()).isTrue();
                back.sendAck(Packet.PUBCOMP, released);
                back.complete(again);
                back.expectNothing();
                other.expectNothing();
                wire.forget("way");
              }),
          both(
              "MQTT-4.8.2-5 and goes to no other where that session has ended",
              wire -> {
                RawClient first = wire.subscribed("gone-1", "$share/g/gone", 2);
                RawClient publisher = wire.connected("gone-p");
                publisher.publishExactly("gone", "sent", 1);
                first.expectMessage("sent");
                RawClient second = wire.subscribed("gone-2", "$share/g/gone", 2);
                first.close();
                alone(wire);
                publisher.publishExactly("gone", "next", 1);
                second.complete(second.expectMessage("next"));
                second.expectNothing();
              }),
          v5(
              "MQTT-4.8.2-6 a message that a member refuses goes to no other",
              wire -> {
                RawClient first = wire.subscribed("refuses", "$share/g/refused", 2);
                RawClient publisher = wire.connected("refused-p");
                publisher.publishAcked("refused", "one");
                publisher.publishExactly("refused", "two", 1);
                int one = first.expectMessage("one").packetId();
                int two = first.expectMessage("two").packetId();
                RawClient second = wire.subscribed("refuses-2", "$share/g/refused", 2);
                first.send("4003%04x80".formatted(one));
                first.send("5003%04x80".formatted(two));
                first.expectNothing();
                second.expectNothing();
                first.close();
                alone(wire);
                publisher.publishAcked("refused", "next");
                second.puback(second.expectMessage("next"));
                second.expectNothing();
              }),
          v5(
              "MQTT-3.3.4-5 two copies have an identifier each",
              wire -> {
                RawClient client = wire.connected("copies");
                subscribe(client, "copies", 5);
                subscribe(client, "$share/g/copies", 6);
                wire.connected("copies-p").publish("copies", "x");
                List<String> packets =
                    List.of(hex(client.readPacket()), hex(client.readPacket())).stream()
                        .sorted()
                        .toList();
                String topic = "0006" + hex(RawClient.utf8("copies"));
                assertThat(packets)
                    .containsExactly("300c" + topic + "020b0578", "300c" + topic + "020b0678");
                client.expectNothing();
              }),
          v5(
              "MQTT-3.3.4-3, MQTT-3.3.4-4 a message carries its subscriptions' identifiers",
              wire -> {
                RawClient client = wire.connected("ids");
                subscribe(client, "ids/+", 268_435_455);
                subscribe(client, "ids/a", 7);
                client.subscribe("ids/#", 1);
                wire.connected("ids-p").publishAcked("ids/a", "x");
                byte[] packet = client.readPacket();
                assertThat(hex(packet)).contains("0b07").contains("0bffffff7f");
                client.expectNothing();
              }),
          v5(
              "3.8.2.1.2 subscribing again replaces the identifier, 0 is an error",
              wire -> {
                RawClient client = wire.connected("id");
                subscribe(client, "id", 5);
                client.subscribe("id", 0);
                wire.connected("id-p").publish("id", "x");
                assertThat(hex(client.readPacket())).doesNotContain("0b05");
                client.send("8209 0003 02 0b00 0001 61 00");
                client.expectEnd(ReasonCode.PROTOCOL_ERROR);
              }));

  private static void subscribe(RawClient client, String filter, int id) throws IOException {
    client.send(
        client.subscribePacket(
            List.of(new Packet.Filter(RawClient.utf8(filter), 1, false, false, 0)),
            new PropertyWriter().number(Property.SUBSCRIPTION_IDENTIFIER, id)));
    assertThat(client.read(Packet.Suback.class).codes()).containsExactly(1);
  }

  /** One subscription is left. */
  private static void alone(Case.Wire wire) {
    Await.until(
        "one subscription",
        () -> wire.node().gauge(Meter.SUBSCRIPTIONS) == 1,
        () -> wire.node().gauge(Meter.SUBSCRIPTIONS));
  }

  private static String hex(byte[] packet) {
    return HexFormat.of().formatHex(packet);
  }

  private static void end(RawClient client) throws IOException {
    client.send(RawClient.hex("e000"));
    client.expectClose();
  }
}
