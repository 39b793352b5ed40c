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
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Sections 3.1.2.4, 4.1 and 4.4: stored sessions and what is delivered again. */
final class SessionCases {
  private static final PropertyWriter NONE = new PropertyWriter();

  private SessionCases() {}

  static final List<Case> TABLE =
      List.of(
          both(
              "MQTT-3.1.2-5, MQTT-3.1.2-6, MQTT-3.1.2-23, MQTT-3.2.2-3, MQTT-4.5.0-1"
                  + " a session is resumed with what came since",
              wire -> {
                RawClient client = stored(wire, "resume");
                client.subscribe("resume/+", 1);
                end(client);
                RawClient publisher = wire.connected("resume-p");
                for (int i = 0; i < 50; i++) {
                  assertThat(publisher.publishAcked("resume/a", "" + i))
                      .isEqualTo(ReasonCode.SUCCESS);
                }
                RawClient back = wire.open();
                assertThat(back.resume("resume", 100).sessionPresent()).isTrue();
                for (int i = 0; i < 50; i++) {
                  Publish message = back.expectMessage("" + i);
                  assertThat(message.dup()).isFalse();
                  back.puback(message);
                }
                publisher.publishAcked("resume/b", "live");
                back.puback(back.expectMessage("live"));
                publisher.publish("resume/b", "live at 0");
                back.expectMessage("live at 0");
                wire.forget("resume");
              }),
          both(
              "MQTT-3.1.2-4, MQTT-3.1.4-4, MQTT-3.2.2-2, MQTT-3.2.2-1 in 3.1.1: clean start ends it",
              wire -> {
                RawClient client = stored(wire, "clean");
                client.subscribe("clean", 1);
                end(client);
                wire.connected("clean-p").publishAcked("clean", "lost");
                RawClient fresh = wire.connected("clean");
                wire.connected("clean-p").publishAcked("clean", "unheard");
                fresh.expectNothing();
                end(fresh);
                RawClient again = wire.open();
                assertThat(again.resume("clean", 0).sessionPresent()).isFalse();
                wire.forget("clean");
              }),
          both(
              "MQTT-4.4.0-1, MQTT-3.3.1-1, MQTT-4.3.3-3 sent again with DUP and the same id",
              wire -> {
                RawClient client = stored(wire, "dup");
                client.subscribe("dup", 2);
                RawClient publisher = wire.connected("dup-p");
                publisher.publishAcked("dup", "one");
                publisher.publishExactly("dup", "two", 1);
                final Publish one = client.expectMessage("one");
                final int idOfOne = one.packetId();
                final Publish two = client.expectMessage("two");
                final int idOfTwo = two.packetId();
                client.close();
                RawClient back = wire.open();
                back.resume("dup", 100);
                Publish again = back.expectMessage("one");
                assertThat(again.dup()).isTrue();
                assertThat(again.packetId()).isEqualTo(idOfOne);
                back.puback(again);
                again = back.expectMessage("two");
                assertThat(again.dup()).isTrue();
                assertThat(again.qos()).isEqualTo(2);
                assertThat(again.packetId()).isEqualTo(idOfTwo);
                back.complete(again);
                back.expectNothing();
                wire.forget("dup");
              }),
          both(
              "MQTT-3.1.3-2 a session belongs to its client id",
              wire -> {
                RawClient client = stored(wire, "mine");
                client.subscribe("mine", 1);
                end(client);
                RawClient other = stored(wire, "mine-2");
                wire.connected("mine-p").publishAcked("mine", "x");
                other.expectNothing();
                RawClient back = wire.open();
                assertThat(back.resume("mine", 100).sessionPresent()).isTrue();
                back.puback(back.expectMessage("x"));
                wire.forget("mine");
                wire.forget("mine-2");
              }),
          v5(
              "MQTT-4.4.0-2 an error acknowledges too: nothing is sent again",
              wire -> {
                RawClient client = stored(wire, "nack");
                client.subscribe("nack", 2);
                RawClient publisher = wire.connected("nack-p");
                publisher.publishAcked("nack", "one");
                publisher.publishExactly("nack", "two", 1);
                int one = client.expectMessage("one").packetId();
                int two = client.expectMessage("two").packetId();
                client.send("4003%04x80".formatted(one));
                client.send("5003%04x80".formatted(two));
                client.expectNothing();
                client.close();
                RawClient back = wire.open();
                assertThat(back.resume("nack", 100).sessionPresent()).isTrue();
                back.expectNothing();
                wire.forget("nack");
              }),
          both(
              "MQTT-4.3.3-5, MQTT-4.3.3-6 after PUBREC only PUBREL is sent again",
              wire -> {
                RawClient client = stored(wire, "rel");
                client.subscribe("rel", 2);
                wire.connected("rel-p").publishExactly("rel", "x", 1);
                int id = client.expectMessage("x").packetId();
                client.sendAck(Packet.PUBREC, id);
                client.expectAck(Packet.PUBREL, id);
                client.close();
                RawClient back = wire.open();
                back.resume("rel", 100);
                back.expectAck(Packet.PUBREL, id);
                back.sendAck(Packet.PUBCOMP, id);
                back.expectNothing();
                wire.forget("rel");
              }),
          both(
              "4.3.3 a QoS 2 publish goes on over a reconnect, and is delivered once",
              wire -> {
                RawClient subscriber = wire.subscribed("on-s", "on", 0);
                RawClient client = stored(wire, "on");
                byte[] packet = client.publishPacket("on", 2, 5, "once", NONE);
                client.send(packet);
                client.expectAck(Packet.PUBREC, 5);
                client.close();
                RawClient back = wire.open();
                back.resume("on", 100);
                packet[0] |= 0x08;
                back.send(packet);
                back.expectAck(Packet.PUBREC, 5);
                back.sendAck(Packet.PUBREL, 5);
                back.expectAck(Packet.PUBCOMP, 5);
                subscriber.expectMessage("once");
                subscriber.expectNothing();
                wire.forget("on");
              }),
          both(
              "4.9 more than the window waits, in order, whatever is acknowledged late",
              wire -> {
                RawClient client = stored(wire, "window");
                client.subscribe("window", 1);
                end(client);
                RawClient publisher = wire.connected("window-p");
                int count = 3_000;
                for (int i = 0; i < count; i++) {
                  publisher.send(publisher.publishPacket("window", 1, 1 + i % 500, "" + i, NONE));
                  publisher.read(Packet.Ack.class);
                }
                RawClient back = wire.open();
                back.resume("window", 100);
                List<Integer> waits = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                  waits.add(back.expectMessage("" + i).packetId());
                  if (waits.size() == 300) {
                    for (int id : waits) {
                      back.sendAck(Packet.PUBACK, id);
                    }
                    waits.clear();
                  }
                }
                back.expectNothing();
                wire.forget("window");
              }),
          v5(
              "MQTT-4.1.0-1, MQTT-4.1.0-2 it ends when its expiry has passed, but not while"
                  + " connected",
              wire -> {
                RawClient client = wire.open();
                client.resume("expires", 1);
                client.subscribe("expires", 1);
                client.close();
                RawClient stays = wire.open();
                stays.resume("stays", 1);
                Await.elapsed(Duration.ofMillis(1_500));
                assertThat(wire.open().resume("expires", 0).sessionPresent()).isFalse();
                stays.close();
                assertThat(wire.open().resume("stays", 0).sessionPresent()).isTrue();
              }),
          v5(
              "3.14.2.2.2 DISCONNECT changes its expiry: to 0 it ends",
              wire -> {
                RawClient client = wire.open();
                client.resume("to-0", 100);
                client.send(RawClient.hex("e007 00 05 11 00000000"));
                client.expectClose();
                assertThat(wire.open().resume("to-0", 0).sessionPresent()).isFalse();
              }),
          v5(
              "3.14.2.2.2 DISCONNECT may not raise it from 0",
              wire -> {
                RawClient client = wire.connected("from-0");
                client.send(RawClient.hex("e007 00 05 11 00000001"));
                client.expectEnd(ReasonCode.PROTOCOL_ERROR);
              }),
          v5(
              "3.1.2.11.2 a stored session that is resumed with expiry 0 ends with the connection",
              wire -> {
                RawClient client = wire.open();
                client.resume("last", 100);
                end(client);
                RawClient back = wire.open();
                assertThat(back.resume("last", 0).sessionPresent()).isTrue();
                end(back);
                assertThat(wire.open().resume("last", 0).sessionPresent()).isFalse();
              }),
          both(
              "MQTT-3.1.4-3 another connection takes it over with all that is under way",
              wire -> {
                RawClient first = stored(wire, "over");
                first.subscribe("over", 1);
                RawClient publisher = wire.connected("over-p");
                publisher.publishAcked("over", "a");
                int id = first.expectMessage("a").packetId();
                RawClient second = wire.open();
                assertThat(second.resume("over", 100).sessionPresent()).isTrue();
                first.expectEnd(ReasonCode.SESSION_TAKEN_OVER);
                Publish again = second.expectMessage("a");
                assertThat(again.packetId()).isEqualTo(id);
                assertThat(again.dup()).isTrue();
                second.puback(again);
                publisher.publishAcked("over", "b");
                second.puback(second.expectMessage("b"));
                wire.forget("over");
              }),
          both(
              "MQTT-3.10.4-2 UNSUBSCRIBE of a stored session ends what it stores",
              wire -> {
                RawClient client = stored(wire, "unsub");
                client.subscribe("unsub", 1);
                client.unsubscribe(List.of("unsub"));
                end(client);
                wire.connected("unsub-p").publishAcked("unsub", "x");
                RawClient back = wire.open();
                assertThat(back.resume("unsub", 100).sessionPresent()).isTrue();
                back.expectNothing();
                wire.forget("unsub");
              }),
          v5(
              "MQTT-3.3.2-5, MQTT-3.3.2-6, MQTT-4.3.3-7 message expiry goes on until it is sent",
              wire -> {
                RawClient client = stored(wire, "expiry");
                client.subscribe("expiry", 1);
                end(client);
                RawClient there = stored(wire, "expiry-there");
                there.subscribe("expiry-there", 2);
                RawClient publisher = wire.connected("expiry-p");
                PropertyWriter soon =
                    new PropertyWriter().number(Property.MESSAGE_EXPIRY_INTERVAL, 1);
                publisher.publishAcked("expiry", "gone", soon);
                publisher.publishAcked(
                    "expiry",
                    "late",
                    new PropertyWriter().number(Property.MESSAGE_EXPIRY_INTERVAL, 100));
                publisher.send(publisher.publishPacket("expiry-there", 2, 5, "sent", soon));
                publisher.expectAck(Packet.PUBREC, 5);
                final Publish sent = there.expectMessage("sent");
                Await.elapsed(Duration.ofMillis(1_200));
                publisher.expectNothing();
                there.complete(sent);
                there.expectNothing();
                RawClient back = wire.open();
                back.resume("expiry", 100);
                Publish message = back.expectMessage("late");
                assertThat(message.expirySeconds()).isBetween(95L, 99L);
                back.puback(message);
                back.expectNothing();
                wire.forget("expiry");
                wire.forget("expiry-there");
              }),
          v5(
              "MQTT-4.3.3-7 a QoS 2 message that was sent does not expire, over a reconnect neither",
              wire -> {
                RawClient client = stored(wire, "no-expiry");
                client.subscribe("no-expiry", 2);
                RawClient publisher = wire.connected("no-expiry-p");
                PropertyWriter soon =
                    new PropertyWriter().number(Property.MESSAGE_EXPIRY_INTERVAL, 1);
                publisher.send(publisher.publishPacket("no-expiry", 2, 5, "sent", soon));
                publisher.expectAck(Packet.PUBREC, 5);
                final int id = client.expectMessage("sent").packetId();
                client.close();
                Await.elapsed(Duration.ofMillis(1_200));
                try {
                  RawClient back = wire.open();
                  assertThat(back.resume("no-expiry", 100).sessionPresent()).isTrue();
                  back.setPatience(2_000);
                  Publish again = back.expectMessage("sent");
                  assertThat(again.dup()).isTrue();
                  assertThat(again.packetId()).isEqualTo(id);
                  back.complete(again);
                  back.expectNothing();
                } finally {
                  wire.forget("no-expiry");
                }
              }),
          v5(
              "MQTT-3.8.3-3 no-local holds for a stored session",
              wire -> {
                RawClient client = stored(wire, "no-local");
                client.subscribe(new Packet.Filter(RawClient.utf8("nl"), 1, true, false, 0));
                client.publishAcked("nl", "own");
                wire.connected("no-local-p").publishAcked("nl", "other");
                client.puback(client.expectMessage("other"));
                client.expectNothing();
                wire.forget("no-local");
              }),
          both(
              "3.3.1.3 retained messages reach a stored session over a reconnect",
              wire -> {
                String topic = RetainCases.topic(wire, "session");
                wire.connected("keeps-p").retain(topic, "x");
                RawClient client = stored(wire, "keeps");
                client.subscribe(topic, 1);
                int id = client.expectMessage("x").packetId();
                client.close();
                RawClient back = wire.open();
                back.resume("keeps", 100);
                Publish again = back.expectMessage("x");
                assertThat(again.retain()).isTrue();
                assertThat(again.packetId()).isEqualTo(id);
                back.puback(again);
                back.expectNothing();
                wire.forget("keeps");
              }));

  private static RawClient stored(Case.Wire wire, String clientId) throws IOException {
    RawClient client = wire.open();
    assertThat(client.resume(clientId, 100).sessionPresent()).isFalse();
    return client;
  }

  /** A normal DISCONNECT, and the server has seen it. */
  private static void end(RawClient client) throws IOException {
    client.send(RawClient.hex("e000"));
    client.expectClose();
  }
}
