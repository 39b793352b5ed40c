package io.busbar.wire;

import static io.busbar.wire.Case.both;
import static io.busbar.wire.Case.v5;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

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
                for (int i = 0; i < 10; i++) {
                  back.puback(back.expectMessage("" + i));
                }
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
              }),
          v5(
              "MQTT-3.1.2-26, MQTT-3.3.2-8, MQTT-3.3.2-11 topics that are sent often go under"
                  + " an alias",
              wire -> {
                RawClient client = wire.open();
                client.connect(
                    "alias", new PropertyWriter().number(Property.TOPIC_ALIAS_MAXIMUM, 2));
                client.subscribe("alias/#", 1);
                RawClient publisher = wire.connected("alias-p");
                List<String> topics = new ArrayList<>();
                int shortest = Integer.MAX_VALUE;
                String[] known = new String[3];
                for (int i = 0; i < 30; i++) {
                  String topic = "alias/" + i % 2;
                  publisher.publishAcked(topic, "" + i);
                  Publish message = client.readPublish();
                  assertThat(message.topicAlias()).isBetween(0, 2);
                  if (message.topicLength() > 0) {
                    known[message.topicAlias()] = message.topic();
                    topics.add(message.topic());
                  } else {
                    topics.add(known[message.topicAlias()]);
                  }
                  shortest = Math.min(shortest, message.topicLength());
                  assertThat(topics.get(i)).isEqualTo(topic);
                  client.puback(message);
                }
                assertThat(shortest).isZero();
              }),
          v5(
              "MQTT-3.1.2-27 no alias for a client that wants none",
              wire -> {
                RawClient client = wire.subscribed("no-alias", "no-alias", 0);
                RawClient publisher = wire.connected("no-alias-p");
                for (int i = 0; i < 5; i++) {
                  publisher.publish("no-alias", "x");
                  assertThat(client.expectMessage("x").topicAlias()).isZero();
                }
              }));

  private static void subscribe(RawClient client, String filter, int id) throws IOException {
    client.send(
        client.subscribePacket(
            List.of(new Packet.Filter(RawClient.utf8(filter), 1, false, false, 0)),
            new PropertyWriter().number(Property.SUBSCRIPTION_IDENTIFIER, id)));
    assertThat(client.read(Packet.Suback.class).codes()).containsExactly(1);
  }

  private static String hex(byte[] packet) {
    return HexFormat.of().formatHex(packet);
  }

  private static void end(RawClient client) throws IOException {
    client.send(RawClient.hex("e000"));
    client.expectClose();
  }
}
