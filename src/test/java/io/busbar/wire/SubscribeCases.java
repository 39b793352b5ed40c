package io.busbar.wire;

import static io.busbar.testing.RawClient.hex;
import static io.busbar.testing.RawClient.utf8;
import static io.busbar.wire.Case.both;
import static io.busbar.wire.Case.v3;
import static io.busbar.wire.Case.v5;
import static java.nio.charset.StandardCharsets.UTF_8;
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
import java.io.IOException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** Sections 3.8 to 3.11 and 4.7: subscriptions, filters and their end. */
final class SubscribeCases {
  private static final PropertyWriter NONE = new PropertyWriter();

  private SubscribeCases() {}

  static final List<Case> TABLE =
      List.of(
          both(
              "MQTT-2.2.1-6, MQTT-3.8.4-1, MQTT-3.8.4-2, MQTT-3.8.4-5, MQTT-3.8.4-6, MQTT-3.8.4-7,"
                  + " MQTT-3.9.3-1, MQTT-3.9.3-2 SUBACK has the id and a code for each filter",
              wire -> {
                RawClient client = wire.connected("suback");
                Packet.Suback suback =
                    client.subscribe(
                        filter("a", 0), filter("b", 1), filter("c", 2), filter("d/#/e", 1));
                assertThat(suback.packetId()).isEqualTo(7);
                assertThat(suback.type()).isEqualTo(Packet.SUBACK);
                assertThat(suback.codes()).containsExactly(0, 1, 2, error(wire, 0x8F));
              }),
          both(
              "MQTT-4.7.0-1, MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.3-1 filters that are not valid",
              wire -> {
                RawClient client = wire.connected("invalid");
                for (String bad : List.of("", "a+", "+a/b", "a/#/b", "a#", "#/", "a/b#", "++")) {
                  assertThat(client.subscribe(bad, 0)).as(bad).isEqualTo(error(wire, 0x8F));
                }
              }),
          both(
              "MQTT-3.8.3-1, MQTT-4.7.3-2 a filter is UTF-8 without U+0000",
              wire -> {
                for (String bad : List.of("00", "c080", "eda080", "f4908080", "ff")) {
                  RawClient client = wire.connected("utf8");
                  client.send(
                      client.subscribePacket(
                          List.of(new Packet.Filter(hex(bad), 0, false, false, 0)),
                          new PropertyWriter()));
                  client.expectEnd(ReasonCode.MALFORMED_PACKET);
                }
              }),
          both(
              "MQTT-3.8.3-2, MQTT-3.10.3-2 at least one filter",
              wire -> {
                String none = wire.v5() ? "03 0001 00" : "02 0001";
                ended(wire, "82" + none, ReasonCode.PROTOCOL_ERROR);
                ended(wire, "a2" + none, ReasonCode.PROTOCOL_ERROR);
              }),
          both(
              "MQTT-2.2.1-3 the packet identifier is not 0",
              wire -> {
                String rest = wire.v5() ? "07 0000 00" : "06 0000";
                ended(wire, "82" + rest + "0001 61 00", ReasonCode.PROTOCOL_ERROR);
                String shorter = wire.v5() ? "06 0000 00" : "05 0000";
                ended(wire, "a2" + shorter + "0001 61", ReasonCode.PROTOCOL_ERROR);
              }),
          both(
              "MQTT-3.8.3-5, MQTT-3.8.3-4 in 3.1.1: QoS 3 and reserved options",
              wire -> {
                String head = wire.v5() ? "82 07 0001 00 0001 61" : "82 06 0001 0001 61";
                ended(
                    wire,
                    head + "03",
                    wire.v5() ? ReasonCode.PROTOCOL_ERROR : ReasonCode.MALFORMED_PACKET);
                ended(wire, head + "40", ReasonCode.MALFORMED_PACKET);
                ended(wire, head + "80", ReasonCode.MALFORMED_PACKET);
                ended(
                    wire,
                    head + "30",
                    wire.v5() ? ReasonCode.PROTOCOL_ERROR : ReasonCode.MALFORMED_PACKET);
              }),
          both(
              "MQTT-4.8.2-1, MQTT-4.8.2-2 share names that are not valid",
              wire -> {
                RawClient client = wire.connected("shared");
                for (String share :
                    List.of(
                        "$share/",
                        "$share//a",
                        "$share/g",
                        "$share/g/",
                        "$share/g+/a",
                        "$share/#/a",
                        "$share/+/a",
                        "$share/g/a#")) {
                  assertThat(client.subscribe(share, 1)).as(share).isEqualTo(error(wire, 0x8F));
                }
                assertThat(client.publishAcked("a", "x")).isEqualTo(none(wire));
              }),
          v5(
              "MQTT-3.8.3-4 no-local on a shared subscription is a protocol error",
              wire ->
                  ended(
                      wire,
                      "82 10 0001 00 000a 2473686172652f672f61 04",
                      ReasonCode.PROTOCOL_ERROR)),
          v5(
              "MQTT-3.9.2-1 SUBACK has a reason only where it fits",
              wire -> {
                int count = (int) wire.node().limit(Limit.FILTERS_PER_SUBSCRIBE) + 1;
                Packet.Filter[] tooMany = new Packet.Filter[count];
                Arrays.fill(tooMany, filter("many", 0));
                int bare = 1 + 2 + 2 + 1 + count;
                for (int most = bare; most < bare + 100; most += 9) {
                  RawClient client = wire.open();
                  client.connect(
                      "many", new PropertyWriter().number(Property.MAXIMUM_PACKET_SIZE, most));
                  client.send(client.subscribePacket(List.of(tooMany), new PropertyWriter()));
                  byte[] suback = client.readPacket();
                  assertThat(suback).hasSizeBetween(bare, most).startsWith(0x90);
                  if (most > bare + 70) {
                    assertThat(suback.length).as("with a reason").isGreaterThan(bare);
                  }
                  client.send("e000");
                  client.expectClose();
                }
              }),
          both(
              "MQTT-3.8.4-4 no message is lost while a subscription is replaced",
              wire -> {
                RawClient client = wire.subscribed("swap", "swap", 1);
                RawClient publisher = wire.connected("swap-p");
                byte[] again = client.subscribePacket(List.of(filter("swap", 1)), NONE);
                int count = 200;
                for (int i = 0; i < count; i++) {
                  publisher.send(publisher.publishPacket("swap", 1, i + 1, "" + i, NONE));
                  if (i % 10 == 0) {
                    client.send(again);
                  }
                }
                int subacks = 0;
                int next = 0;
                while (next < count || subacks < count / 10) {
                  byte[] packet = client.readPacket();
                  if ((packet[0] & 0xf0) >> 4 == Packet.SUBACK) {
                    subacks++;
                  } else {
                    int idAt = 2 + 2 + "swap".length();
                    int textAt = idAt + 2 + (wire.v5() ? 1 : 0);
                    String text = new String(packet, textAt, packet.length - textAt, UTF_8);
                    assertThat(text).isEqualTo("" + next);
                    next++;
                    client.send(new byte[] {0x40, 2, packet[idAt], packet[idAt + 1]});
                  }
                }
                client.expectNothing();
              }),
          both(
              "MQTT-3.10.4-1 UNSUBSCRIBE takes the very same filter only",
              wire -> {
                RawClient client = wire.subscribed("same", "same/+", 0);
                List<String> others =
                    List.of("same/a", "same/#", "#", "Same/+", "same/+/", "same", "same/+ ");
                Packet.Suback unsuback = client.unsubscribe(others);
                if (wire.v5()) {
                  assertThat(unsuback.codes()).hasSize(others.size()).containsOnly(0x11);
                }
                client.publish("same/a", "still");
                client.expectMessage("still");
                client.unsubscribe(List.of("same/+"));
                client.publish("same/a", "gone");
                client.expectNothing();
              }),
          both(
              "MQTT-3.10.4-3 what was sent before UNSUBSCRIBE goes on to its end",
              wire -> {
                RawClient client = wire.subscribed("rest", "rest", 2);
                RawClient publisher = wire.connected("rest-p");
                publisher.publishExactly("rest", "two", 1);
                final int two = client.expectMessage("two").packetId();
                publisher.publishAcked("rest", "one");
                Publish one = client.expectMessage("one");
                client.unsubscribe(List.of("rest"));
                client.puback(one);
                client.sendAck(Packet.PUBREC, two);
                Packet.Ack released = client.expectAck(Packet.PUBREL, two);
                assertThat(released.reason()).isEqualTo(ReasonCode.SUCCESS);
                client.sendAck(Packet.PUBCOMP, two);
                client.expectNothing();
                Await.until(
                    "nothing is pending",
                    () -> wire.node().gauge(Meter.DELIVERIES_PENDING) == 0,
                    () -> wire.node().gauge(Meter.DELIVERIES_PENDING));
              }),
          v5(
              "MQTT-3.10.4-4, MQTT-3.10.4-5, MQTT-3.10.4-6, MQTT-3.11.3-1, MQTT-3.11.3-2"
                  + " UNSUBACK says of each filter whether it was there",
              wire -> {
                RawClient client = wire.connected("unsuback");
                client.subscribe(filter("a", 0), filter("b/+", 1));
                Packet.Suback unsuback = client.unsubscribe(List.of("b/+", "c", "a", "a"));
                assertThat(unsuback.type()).isEqualTo(Packet.UNSUBACK);
                assertThat(unsuback.packetId()).isEqualTo(8);
                assertThat(unsuback.codes()).containsExactly(0x00, 0x11, 0x00, 0x11);
              }),
          v3(
              "MQTT-3.10.4-5 in 3.1.1: UNSUBACK where nothing is subscribed too, without codes",
              wire -> {
                RawClient client = wire.connected("unsuback");
                assertThat(client.unsubscribe(List.of("a")).codes()).isEmpty();
              }),
          both(
              "MQTT-3.10.4-2 after UNSUBACK no more messages, the other filters stay",
              wire -> {
                RawClient client = wire.connected("unsubscribed");
                client.subscribe(filter("u/1", 0), filter("u/2", 0));
                client.unsubscribe(List.of("u/1"));
                client.publish("u/1", "gone");
                client.publish("u/2", "kept");
                client.expectMessage("kept");
                client.expectNothing();
              }),
          both(
              "MQTT-3.8.4-3 the same filter again replaces the subscription",
              wire -> {
                RawClient client = wire.connected("again");
                client.subscribe("again", 1);
                client.subscribe("again", 0);
                client.publish("again", "once");
                client.expectMessage("once");
                client.send(client.publishPacket("again", 1, 9, "lower", new PropertyWriter()));
                assertThat(client.expectMessage("lower").qos()).isZero();
                assertThat(client.read(Packet.Ack.class).reason()).isEqualTo(ReasonCode.SUCCESS);
                client.subscribe(filter("again", 0), filter("again", 1));
                client.publish("again", "twice in a packet");
                client.expectMessage("twice in a packet");
                client.expectNothing();
              }),
          both(
              "MQTT-3.3.4-2, MQTT-3.3.5-1 in 3.1.1: overlapping subscriptions, at the highest QoS",
              wire -> {
                RawClient one = wire.connected("overlap-1");
                one.subscribe(filter("o/+", 0), filter("o/#", 1), filter("o/a", 0));
                RawClient two = wire.connected("overlap-2");
                two.subscribe(filter("o/a", 1), filter("#", 0));
                RawClient publisher = wire.connected("overlap-3");
                assertThat(publisher.publishAcked("o/a", "x")).isEqualTo(ReasonCode.SUCCESS);
                for (RawClient client : List.of(one, two)) {
                  Publish message = client.expectMessage("x");
                  assertThat(message.qos()).isEqualTo(1);
                  client.puback(message);
                }
                publisher.publish("o/a", "next");
                one.expectMessage("next");
                two.expectMessage("next");
              }),
          both(
              "MQTT-1.5.4-3, MQTT-3.3.2-3, MQTT-4.7.3-4, MQTT-4.7.1-3 in 3.1.1: what filters match",
              wire -> {
                matches(wire, "sport/tennis/#", "sport/tennis", true);
                matches(wire, "sport/tennis/#", "sport/tennis/p/ranking", true);
                matches(wire, "sport/#", "sports", false);
                matches(wire, "#", "/finance", true);
                matches(wire, "+", "/finance", false);
                matches(wire, "+/+", "/finance", true);
                matches(wire, "/+", "/finance", true);
                matches(wire, "sport/+", "sport", false);
                matches(wire, "sport/+", "sport/", true);
                matches(wire, "sport/+", "sport/a/b", false);
                matches(wire, "sport/+/p", "sport/tennis/p", true);
                matches(wire, "a//b", "a/b", false);
                matches(wire, "a/+/b", "a//b", true);
                matches(wire, "Accounts", "ACCOUNTS", false);
                matches(wire, "a b/ü/\uD83D\uDE00", "a b/ü/\uD83D\uDE00", true);
                matches(wire, "a", "\uFEFFa", false);
              }),
          both(
              "4.7.2 topics with $ may be subscribed to, clients may not publish there",
              wire -> {
                RawClient client = wire.connected("dollar");
                assertThat(client.subscribe("$SYS/#", 1)).isEqualTo(1);
                assertThat(client.subscribe("#", 1)).isEqualTo(1);
                client.send(client.publishPacket("$SYS/x", 1, 9, "x", new PropertyWriter()));
                if (wire.v5()) {
                  assertThat(client.read(Packet.Ack.class).reason())
                      .isEqualTo(ReasonCode.NOT_AUTHORIZED);
                  client.publish("$other/x", "x");
                }
                client.expectEnd(ReasonCode.NOT_AUTHORIZED);
              }),
          v5(
              "MQTT-3.8.3-3 no-local: not what one published oneself",
              wire -> {
                RawClient client = wire.connected("local");
                client.subscribe(new Packet.Filter(utf8("local/+"), 0, true, false, 0));
                RawClient other = wire.subscribed("other", "local/+", 0);
                client.publish("local/a", "mine");
                other.expectMessage("mine");
                other.publish("local/a", "theirs");
                other.expectMessage("theirs");
                client.expectMessage("theirs");
                client.subscribe(filter("local/a", 0));
                client.publish("local/a", "by the other subscription");
                client.expectMessage("by the other subscription");
              }),
          v5(
              "3.8.3.1 each subscription of a client has options of its own",
              wire -> {
                RawClient client = wire.connected("options");
                client.subscribe(
                    filter("options/0", 0),
                    filter("options/1", 1),
                    new Packet.Filter(utf8("options/local"), 1, true, false, 0),
                    filter("options/same", 1));
                client.send(
                    client.subscribePacket(
                        List.of(filter("options/id", 1)),
                        new PropertyWriter().number(Property.SUBSCRIPTION_IDENTIFIER, 5)));
                client.read(Packet.Suback.class);
                RawClient other = wire.connected("options-p");
                for (int round = 0; round < 2; round++) {
                  for (String level : List.of("0", "1", "id", "local", "same")) {
                    String topic = "options/" + level;
                    other.publishAcked(topic, "x");
                    byte[] packet = client.readPacket();
                    assertThat(packet[0])
                        .as(topic)
                        .isEqualTo((byte) (level.equals("0") ? 0x30 : 0x32));
                    String digits = HexFormat.of().formatHex(packet);
                    assertThat(digits.contains("020b0578")).as(topic).isEqualTo(level.equals("id"));
                    client.publish(topic, "mine");
                    if (!level.equals("local")) {
                      assertThat(client.readPacket()[0]).isEqualTo((byte) 0x30);
                    }
                  }
                }
                client.expectNothing();
              }));

  private static void matches(Case.Wire wire, String filter, String topic, boolean expected)
      throws IOException {
    RawClient client = wire.connected("matches");
    assertThat(client.subscribe(filter, 0)).isZero();
    if (expected) {
      client.publish(topic, topic);
      assertThat(client.expectMessage(topic).topic()).isEqualTo(topic);
    } else {
      assertThat(client.publishAcked(topic, "")).as(filter + " and " + topic).isEqualTo(none(wire));
    }
    // nothing of it is to be left when the next one looks
    client.unsubscribe(List.of(filter));
    client.send("e000");
    client.expectClose();
  }

  private static ReasonCode none(Case.Wire wire) {
    return wire.v5() ? ReasonCode.NO_MATCHING_SUBSCRIBERS : ReasonCode.SUCCESS;
  }

  private static void ended(Case.Wire wire, String packet, ReasonCode reason) throws IOException {
    RawClient client = wire.connected("ended");
    client.send(packet);
    client.expectEnd(reason);
  }

  private static int error(Case.Wire wire, int code) {
    return wire.v5() ? code : 0x80;
  }

  static Packet.Filter filter(String filter, int qos) {
    return new Packet.Filter(utf8(filter), qos, false, false, 0);
  }
}
