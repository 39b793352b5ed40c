package io.busbar.wire;

import static io.busbar.testing.RawClient.hex;
import static io.busbar.wire.Legacy.ended;
import static io.busbar.wire.Legacy.legacy;
import static io.busbar.wire.Legacy.packet;
import static io.busbar.wire.Legacy.says;
import static io.busbar.wire.SubscribeCases.filter;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Publish;
import io.busbar.testing.RawClient;
import java.io.IOException;
import java.util.List;

/** What MQTT 3.1.1 asks of subscriptions: sections 3.8 to 3.11, filters and errors. */
final class LegacySubscribeCases {
  private LegacySubscribeCases() {}

  static final List<Case> TABLE =
      List.of(
          legacy(
              "MQTT-3.8.3-3, MQTT-3.10.3-2 SUBSCRIBE and UNSUBSCRIBE have a filter at least",
              wire -> {
                ended(wire, packet(0x82, "0009"));
                ended(wire, packet(0xa2, "0009"));
              }),
          legacy(
              "MQTT-3.8.3-4 QoS 3, and each reserved bit beside the QoS",
              wire -> {
                for (String options : List.of("03", "04", "08", "10", "20", "40", "80", "ff")) {
                  ended(wire, packet(0x82, "0009 0001 61" + options));
                }
              }),
          legacy(
              "MQTT-3.8.4-1, MQTT-3.8.4-2, MQTT-3.8.4-4, MQTT-3.8.4-5, MQTT-3.9.3-1, MQTT-3.9.3-2"
                  + " one SUBACK, with a code for each filter in order",
              wire -> {
                RawClient client = wire.connected("suback");
                client.send(
                    packet(
                        0x82,
                        "abcd 0002 7331 02 0002 2f23 00 0002 2361 01 0002 7332 01 0002 7333 00"));
                says(client, "9007 abcd 02 00 80 01 00");
                wire.connected("suback-p").publishAcked("s2", "x");
                client.puback(client.expectMessage("x"));
                client.expectNothing();
              }),
          legacy(
              "MQTT-3.8.4-3 a filter that comes again replaces itself and brings what is retained",
              wire -> {
                String topic = RetainCases.topic(wire, "replaced");
                RawClient publisher = wire.connected("replaced-p");
                publisher.retain(topic, "kept");
                RawClient client = wire.connected("replaced");
                client.subscribe(topic, 1);
                client.puback(client.expectMessage("kept"));
                client.subscribe(topic, 0);
                assertThat(client.expectMessage("kept").qos()).isZero();
                publisher.publishAcked(topic, "once");
                assertThat(client.expectMessage("once").qos()).isZero();
                client.expectNothing();
                client.unsubscribe(List.of(topic));
                publisher.publishAcked(topic, "unheard");
                client.expectNothing();
              }),
          legacy(
              "MQTT-3.8.4-6 the lower QoS of the message and of the subscription",
              wire -> {
                RawClient publisher = wire.connected("lower-p");
                for (int granted = 0; granted <= 2; granted++) {
                  RawClient client = wire.subscribed("lower", "lower", granted);
                  publisher.publish("lower", "0");
                  publisher.publishAcked("lower", "1");
                  publisher.publishExactly("lower", "2", 1);
                  for (int qos = 0; qos <= 2; qos++) {
                    assertThat(client.expectMessage("" + qos).qos())
                        .isEqualTo(Math.min(qos, granted));
                  }
                  client.expectNothing();
                }
              }),
          legacy(
              "MQTT-3.10.4-1, MQTT-3.10.4-2, MQTT-3.10.4-4, MQTT-3.10.4-5, MQTT-3.10.4-6"
                  + " one UNSUBACK, and of the filters those are gone that were named exactly",
              wire -> {
                RawClient client = wire.connected("unsuback");
                client.subscribe(filter("un/a", 0), filter("un/+", 0), filter("UN/a", 0));
                // un/#, un/A, UN/+: none of them subscribed to
                client.send(packet(0xa2, "abcd 0004 756e2f23 0004 756e2f41 0004 554e2f2b"));
                says(client, "b002 abcd");
                for (String topic : List.of("un/a", "UN/a")) {
                  client.publish(topic, topic);
                  client.expectMessage(topic);
                }
                client.send(packet(0xa2, "abce 0004 756e2f2b 0004 554e2f61"));
                says(client, "b002 abce");
                client.publish("un/b", "gone");
                client.publish("UN/a", "gone");
                client.publish("un/a", "stays");
                client.expectMessage("stays");
                client.expectNothing();
              }),
          legacy(
              "MQTT-3.10.4-3 what was sent before UNSUBSCRIBE is carried on to its end",
              wire -> {
                RawClient client = wire.open();
                client.resume("begun", 0);
                client.subscribe("begun", 2);
                RawClient publisher = wire.connected("begun-p");
                publisher.publishAcked("begun", "one");
                publisher.publishExactly("begun", "two", 1);
                final int one = client.expectMessage("one").packetId();
                final int two = client.expectMessage("two").packetId();
                client.unsubscribe(List.of("begun"));
                publisher.publishAcked("begun", "unheard");
                client.close();
                RawClient back = wire.open();
                back.resume("begun", 0);
                Publish again = back.expectMessage("one");
                assertThat(again.packetId()).isEqualTo(one);
                back.puback(again);
                again = back.expectMessage("two");
                assertThat(again.packetId()).isEqualTo(two);
                back.complete(again);
                back.expectNothing();
                wire.forget("begun");
              }),
          legacy(
              "MQTT-3.8.3-2, MQTT-4.7.1-2, MQTT-4.7.1-3 where wildcards may be, and what they match",
              wire -> {
                RawClient client = wire.connected("wild");
                for (String bad : List.of("a#", "#/a", "a/#/b", "##", "a+", "+a", "a/+b", "++")) {
                  assertThat(client.subscribe(bad, 1)).as(bad).isEqualTo(0x80);
                }
                // not "#" alone: it would bring what other cases retain
                matches(client, "/#", List.of("/", "/a", "/a/b"), List.of("a", "a/b"));
                matches(client, "a/#", List.of("a", "a/", "a/b/c"), List.of("b", "ab", "/a"));
                matches(client, "/+", List.of("/a", "/"), List.of("a", "/a/b", "a/b"));
                matches(client, "+/+/c", List.of("//c", "a/b/c"), List.of("b/c", "a/b/c/c"));
                matches(client, "a/+/#", List.of("a/", "a/b", "a/b/c"), List.of("a", "b/a"));
                matches(client, "+/b/+", List.of("a/b/c", "/b/"), List.of("a/b", "a/c/b"));
              }),
          legacy(
              "MQTT-4.7.3-4 letters, spaces, accents and empty levels match themselves only",
              wire -> {
                RawClient client = wire.connected("as-is");
                matches(client, "Ab c", List.of("Ab c"), List.of("ab c", "AB C", "Abc", "Ab c "));
                // one letter, or a letter and its accent
                matches(client, "\u00e9", List.of("\u00e9"), List.of("e\u0301", "e"));
                matches(client, "/a//b", List.of("/a//b"), List.of("a//b", "/a/b", "/a//b/"));
                matches(client, "\uD83D\uDE00/\uFFFD", List.of("\uD83D\uDE00/\uFFFD"), List.of());
              }),
          legacy(
              "MQTT-4.8.0-1 a violation ends its own connection, and no other",
              wire -> {
                RawClient other = wire.subscribed("other", "other", 0);
                for (String violation : List.of("2002 0000", "9003 0001 00", "d000", "0000")) {
                  ended(wire, hex(violation));
                }
                other.publish("other", "x");
                other.expectMessage("x");
              }));

  /** Of these topics the first match the filter and the others do not. */
  private static void matches(
      RawClient client, String filter, List<String> matching, List<String> others)
      throws IOException {
    assertThat(client.subscribe(filter, 1)).as(filter).isEqualTo(1);
    for (String topic : matching) {
      client.publish(topic, topic);
      assertThat(client.expectMessage(topic).topic()).isEqualTo(topic);
    }
    for (String topic : others) {
      client.publishAcked(topic, topic);
    }
    client.expectNothing();
    assertThat(client.unsubscribe(List.of(filter)).type()).isEqualTo(Packet.UNSUBACK);
  }
}
