package io.busbar.wire;

import static io.busbar.wire.Case.v5;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Section 3.3.2.3.4: topic aliases, those of clients and those of the server. */
final class AliasCases {
  private AliasCases() {}

  static final List<Case> TABLE =
      List.of(
          v5(
              "MQTT-3.3.2-7, MQTT-3.3.2-12 topic aliases: set, used, set anew, not passed on",
              wire -> {
                RawClient receiver = wire.subscribed("aliases", "al/+", 0);
                RawClient publisher = wire.connected("publisher");
                alias(publisher, "al/1", 1, "one");
                alias(publisher, "al/2", 2, "two");
                alias(publisher, "", 1, "one again");
                alias(publisher, "al/3", 1, "now three");
                alias(publisher, "", 1, "three again");
                alias(publisher, "", 2, "two again");
                expect(receiver, "al/1", "one");
                expect(receiver, "al/2", "two");
                expect(receiver, "al/1", "one again");
                expect(receiver, "al/3", "now three");
                expect(receiver, "al/3", "three again");
                expect(receiver, "al/2", "two again");
                RawClient another = wire.connected("another");
                alias(another, "", 1, "aliases are a connection's own");
                another.expectEnd(ReasonCode.PROTOCOL_ERROR);
              }),
          v5(
              "MQTT-3.2.2-17, MQTT-3.3.2-8, MQTT-3.3.2-9, MQTT-3.3.2-12 topic aliases up to"
                  + " the most",
              wire -> {
                long most = wire.node().limit(Limit.TOPIC_ALIASES);
                alias(wire, "t", most, null);
                alias(wire, "t", most + 1, ReasonCode.TOPIC_ALIAS_INVALID);
                alias(wire, "t", 0, ReasonCode.TOPIC_ALIAS_INVALID);
                alias(wire, "", most, ReasonCode.PROTOCOL_ERROR);
                alias(wire, "t/#", 1, ReasonCode.TOPIC_NAME_INVALID);
              }),
          v5(
              "MQTT-3.3.2-12 every alias up to the most is taken",
              wire -> {
                int most = (int) wire.node().limit(Limit.TOPIC_ALIASES);
                RawClient receiver = wire.subscribed("every", "every/+", 0);
                RawClient publisher = wire.connected("publisher");
                for (int i = 1; i <= most; i++) {
                  alias(publisher, "every/" + i, i, "set");
                  expect(receiver, "every/" + i, "set");
                }
                for (int i = most; i >= 1; i--) {
                  alias(publisher, "", i, "used");
                  expect(receiver, "every/" + i, "used");
                }
              }),
          v5(
              "MQTT-3.1.2-26, MQTT-3.3.2-11 topics that are sent often go under an alias",
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

  private static void alias(RawClient client, String topic, long alias, String payload)
      throws IOException {
    client.send(
        client.publishPacket(
            topic, 0, 0, payload, new PropertyWriter().number(Property.TOPIC_ALIAS, alias)));
  }

  private static void alias(Case.Wire wire, String topic, long alias, ReasonCode reason)
      throws IOException {
    RawClient client = wire.connected("alias");
    alias(client, topic, alias, "x");
    if (reason == null) {
      client.expectNothing();
    } else {
      client.expectEnd(reason);
    }
  }

  private static void expect(RawClient client, String topic, String payload) throws IOException {
    Publish message = client.expectMessage(payload);
    assertThat(message.topic()).isEqualTo(topic);
    assertThat(message.topicAlias()).isZero();
  }
}
