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
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Section 3.3.1.3: retained messages. */
final class RetainCases {
  private RetainCases() {}

  static final List<Case> TABLE =
      List.of(
          both(
              "MQTT-3.3.1-5, MQTT-3.3.1-9 the last message of a topic is kept for new subscribers",
              wire -> {
                String topic = topic(wire, "kept");
                RawClient publisher = wire.connected("retain-p");
                publisher.retain(topic, "old");
                assertThat(publisher.retain(topic, "new")).isEqualTo(ReasonCode.SUCCESS);
                RawClient client = wire.subscribed("retain-s", topic, 1);
                Publish message = client.expectMessage("new");
                assertThat(message.retain()).isTrue();
                assertThat(message.qos()).isEqualTo(1);
                client.puback(message);
                client.expectNothing();
              }),
          both(
              "MQTT-3.3.1-12, MQTT-3.3.1-9 in 3.1.1: to one that is there it goes without RETAIN",
              wire -> {
                String topic = topic(wire, "live");
                RawClient client = wire.subscribed("live-s", topic, 0);
                wire.connected("live-p").retain(topic, "x");
                assertThat(client.expectMessage("x").retain()).isFalse();
                client.expectNothing();
              }),
          both(
              "MQTT-3.3.1-6, MQTT-3.3.1-7 an empty one removes it and is not kept itself",
              wire -> {
                String topic = topic(wire, "gone");
                RawClient there = wire.subscribed("gone-0", topic, 0);
                RawClient publisher = wire.connected("gone-p");
                publisher.retain(topic, "x");
                publisher.retain(topic, "");
                there.expectMessage("x");
                there.expectMessage("");
                wire.subscribed("gone-s", topic, 0).expectNothing();
              }),
          both(
              "MQTT-3.3.1-8, MQTT-3.3.1-12 in 3.1.1: a message without RETAIN leaves it as it is",
              wire -> {
                String topic = topic(wire, "stays");
                RawClient publisher = wire.connected("stays-p");
                publisher.retain(topic, "kept");
                publisher.publishAcked(topic, "passing");
                wire.subscribed("stays-s", topic, 0).expectMessage("kept");
              }),
          both(
              "3.3.1.3 wildcards get what is retained below them, in pages",
              wire -> {
                String root = topic(wire, "many");
                int count = 700;
                RawClient publisher = wire.connected("many-p");
                for (int i = 0; i < count; i++) {
                  publisher.retain(root + "/" + i, "" + i);
                }
                RawClient client = wire.subscribed("many-s", root + "/#", 1);
                Set<String> got = new HashSet<>();
                for (int i = 0; i < count; i++) {
                  Publish message = client.readPublish();
                  assertThat(message.retain()).isTrue();
                  assertThat(got.add(message.topic())).isTrue();
                  client.puback(message);
                }
                client.expectNothing();
              }),
          both(
              "MQTT-3.8.4-4 subscribing again sends it again",
              wire -> {
                String topic = topic(wire, "again");
                wire.connected("again-p").retain(topic, "x");
                RawClient client = wire.subscribed("again-s", topic, 0);
                client.expectMessage("x");
                client.subscribe(topic, 0);
                client.expectMessage("x");
              }),
          v5(
              "MQTT-3.3.1-10, MQTT-3.3.1-11 retain handling: 1 only where it is new, 2 never",
              wire -> {
                String topic = topic(wire, "handling");
                wire.connected("handling-p").retain(topic, "x");
                RawClient client = wire.connected("handling-s");
                client.subscribe(filter(topic, 0, false, 2));
                client.expectNothing();
                client.subscribe(filter(topic, 0, false, 1));
                client.expectNothing();
                client.unsubscribe(List.of(topic));
                client.subscribe(filter(topic, 0, false, 1));
                client.expectMessage("x");
              }),
          v5(
              "MQTT-3.3.1-13 retain as published",
              wire -> {
                String topic = topic(wire, "as-published");
                RawClient client = wire.connected("as-published-s");
                client.subscribe(filter(topic, 1, true, 0));
                RawClient publisher = wire.connected("as-published-p");
                publisher.retain(topic, "kept");
                publisher.publishAcked(topic, "passing");
                assertThat(client.expectMessage("kept").retain()).isTrue();
                assertThat(client.expectMessage("passing").retain()).isFalse();
              }),
          v5(
              "MQTT-3.3.2-5, MQTT-3.3.2-6 its expiry counts down, and it is gone after",
              wire -> {
                String topic = topic(wire, "expiry");
                PropertyWriter soon =
                    new PropertyWriter().number(Property.MESSAGE_EXPIRY_INTERVAL, 1);
                PropertyWriter late =
                    new PropertyWriter().number(Property.MESSAGE_EXPIRY_INTERVAL, 100);
                RawClient publisher = wire.connected("expiry-p");
                publisher.retain(topic + "/soon", "x", soon);
                publisher.retain(topic + "/late", "x", late);
                Await.elapsed(Duration.ofMillis(1_200));
                RawClient client = wire.subscribed("expiry-s", topic + "/+", 0);
                Publish message = client.expectMessage("x");
                assertThat(message.topic()).endsWith("late");
                assertThat(message.expirySeconds()).isBetween(95L, 99L);
                client.expectNothing();
              }),
          v5(
              "4.8.2 shared subscriptions get no retained messages",
              wire -> {
                String topic = topic(wire, "shared");
                wire.connected("shared-p").retain(topic, "x");
                RawClient client = wire.connected("shared-s");
                client.subscribe("$share/g/" + topic, 1);
                client.expectNothing();
              }));

  static Packet.Filter filter(
      String topic, int qos, boolean retainAsPublished, int retainHandling) {
    return new Packet.Filter(RawClient.utf8(topic), qos, false, retainAsPublished, retainHandling);
  }

  /** Retained messages outlive a case: each run has topics of its own. */
  static String topic(Case.Wire wire, String name) {
    return "retain-" + name + "-" + wire.version() + "-" + wire.transport();
  }
}
