package io.busbar.wire;

import static io.busbar.wire.Legacy.connect;
import static io.busbar.wire.Legacy.end;
import static io.busbar.wire.Legacy.legacy;
import static io.busbar.wire.Legacy.says;
import static io.busbar.wire.Legacy.taken;
import static io.busbar.wire.Legacy.unread;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Will;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** What MQTT 3.1.1 asks of sessions, their state and their wills. */
final class LegacySessionCases {
  private static final PropertyWriter NONE = new PropertyWriter();

  private LegacySessionCases() {}

  static final List<Case> TABLE =
      List.of(
          legacy(
              "MQTT-3.1.2-4, MQTT-3.1.2-5, MQTT-3.2.2-2, MQTT-3.2.2-3 a session is resumed",
              wire -> {
                RawClient client = wire.open();
                assertThat(client.resume("kept", 0).sessionPresent()).isFalse();
                client.subscribe("kept", 2);
                end(client);
                RawClient publisher = wire.connected("kept-p");
                publisher.publishAcked("kept", "one");
                publisher.publishExactly("kept", "two", 1);
                RawClient back = wire.open();
                assertThat(back.resume("kept", 0).sessionPresent()).isTrue();
                back.puback(back.expectMessage("one"));
                back.complete(back.expectMessage("two"));
                publisher.publish("kept", "live");
                back.expectMessage("live");
                wire.forget("kept");
              }),
          legacy(
              "MQTT-3.1.2-6, MQTT-3.2.2-1, MQTT-3.1.4-3 clean session 1 begins anew and stays alone",
              wire -> {
                RawClient stored = wire.open();
                stored.resume("anew", 0);
                stored.subscribe("anew/stored", 1);
                end(stored);
                RawClient publisher = wire.connected("anew-p");
                publisher.publishAcked("anew/stored", "for the session that ends");
                RawClient clean = wire.subscribed("anew", "anew/clean", 1);
                publisher.publishAcked("anew/stored", "not subscribed any more");
                clean.expectNothing();
                end(clean);
                RawClient again = wire.open();
                assertThat(again.resume("anew", 0).sessionPresent()).isFalse();
                publisher.publishAcked("anew/clean", "nor this");
                again.expectNothing();
                wire.forget("anew");
              }),
          legacy(
              "MQTT-3.1.2-7 what is retained outlives the session of its publisher",
              wire -> {
                String topic = RetainCases.topic(wire, "outlives");
                RawClient publisher = wire.connected("outlives-p");
                publisher.retain(topic, "x");
                end(publisher);
                end(wire.connected("outlives-p"));
                wire.subscribed("outlives-s", topic, 0).expectMessage("x");
              }),
          legacy(
              "MQTT-3.1.2-8, MQTT-3.1.2-9, MQTT-3.1.2-16 a will, after each end but DISCONNECT",
              wire -> {
                RawClient watcher = wire.subscribed("end-w", "end/+", 2);
                dying(wire, "end-c", new Will("end/broken", "x", 0, false, NONE)).close();
                willed(watcher, "end/broken", 0);
                dying(wire, "end-c", new Will("end/violation", "x", 1, false, NONE)).send("f000");
                willed(watcher, "end/violation", 1);
                dying(wire, "end-c", new Will("end/taken", "x", 2, false, NONE));
                wire.connected("end-c");
                willed(watcher, "end/taken", 2);
                wire.subscribed("end-l", "end/+", 0).expectNothing();
                unread(wire, connect("06", "0001 69 0001 77"));
                unread(wire, connect("06", "0001 69"));
              }),
          legacy(
              "MQTT-3.1.2-10, MQTT-3.14.4-3 a will is gone once published, and after DISCONNECT",
              wire -> {
                RawClient watcher = wire.subscribed("gone-w", "gone", 0);
                RawClient client = wire.open();
                client.resume("gone-c", 0, Will.of("gone", "once"));
                client.close();
                watcher.expectMessage("once");
                RawClient back = wire.open();
                back.resume("gone-c", 0);
                taken(wire, back, "gone-c");
                end(dying(wire, "gone-c", Will.of("gone", "never")));
                dying(wire, "gone-m", Will.of("gone", "marker")).close();
                watcher.expectMessage("marker");
              }),
          legacy(
              "MQTT-3.1.2-11, MQTT-3.1.2-13, MQTT-3.1.2-15 no will, and yet something of one",
              wire -> {
                for (String flags : List.of("0a", "12", "22")) {
                  unread(wire, connect(flags, "0001 69"));
                }
                unread(wire, connect("02", "0001 69 0001 77 0001 78"));
              }),
          legacy(
              "MQTT-3.1.2-12 without a will nothing is published, not even the one of before",
              wire -> {
                RawClient watcher = wire.subscribed("none-w", "none", 0);
                end(dying(wire, "none-c", Will.of("none", "of before")));
                taken(wire, wire.connected("none-c"), "none-c");
                dying(wire, "none-m", Will.of("none", "marker")).close();
                watcher.expectMessage("marker");
              }),
          legacy(
              "MQTT-3.1.2-14 a will at QoS 3",
              wire -> unread(wire, connect("1e", "0001 69 0001 77 0001 78"))),
          legacy(
              "MQTT-3.1.2-17 a will that is to be retained is",
              wire -> {
                String topic = RetainCases.topic(wire, "legacy-will");
                RawClient watcher = wire.subscribed("keep-w", topic, 0);
                dying(wire, "keep-c", new Will(topic, "x", 1, true, NONE)).close();
                assertThat(watcher.expectMessage("x").retain()).isFalse();
                Publish kept = wire.subscribed("keep-l", topic, 0).expectMessage("x");
                assertThat(kept.retain()).isTrue();
              }),
          legacy(
              "MQTT-3.1.3-2 the client id, letter for letter, is what a session is known by",
              wire -> {
                List<String> ids = List.of("known", "KNOWN", "known ");
                for (String id : ids) {
                  RawClient client = wire.open();
                  assertThat(client.resume(id, 0).sessionPresent()).isFalse();
                  client.subscribe("known/" + id, 1);
                  end(client);
                }
                RawClient publisher = wire.connected("known-p");
                for (String id : ids) {
                  publisher.publishAcked("known/" + id, id);
                }
                for (String id : ids) {
                  RawClient client = wire.open();
                  assertThat(client.resume(id, 0).sessionPresent()).isTrue();
                  client.puback(client.expectMessage(id));
                  client.expectNothing();
                  wire.forget(id);
                }
              }),
          legacy(
              "MQTT-4.1.0-1, MQTT-4.1.0-2, MQTT-4.5.0-1 state lasts as long as its session",
              wire -> {
                RawClient client = wire.open();
                client.resume("lasts", 0);
                client.subscribe("lasts", 1);
                RawClient watcher = wire.subscribed("lasts-w", "lasts/2", 0);
                byte[] packet = client.publishPacket("lasts/2", 2, 5, "once", NONE);
                client.send(packet);
                client.expectAck(Packet.PUBREC, 5);
                RawClient publisher = wire.connected("lasts-p");
                for (int i = 0; i < 3; i++) {
                  end(client);
                  publisher.publishAcked("lasts", "" + i);
                  client = wire.open();
                  assertThat(client.resume("lasts", 0).sessionPresent()).isTrue();
                  client.puback(client.expectMessage("" + i));
                  packet[0] |= 0x08;
                  client.send(packet);
                  client.expectAck(Packet.PUBREC, 5);
                }
                client.sendAck(Packet.PUBREL, 5);
                client.expectAck(Packet.PUBCOMP, 5);
                watcher.expectMessage("once");
                watcher.expectNothing();
                wire.forget("lasts");
              }),
          legacy(
              "MQTT-4.4.0-1, MQTT-3.3.1-1, MQTT-2.3.1-3, MQTT-4.6.0-1"
                  + " what is not acknowledged is sent again: in order, with its identifier and DUP",
              wire -> {
                RawClient client = wire.open();
                client.resume("resent", 0);
                client.subscribe("resent", 2);
                RawClient publisher = wire.connected("resent-p");
                List<Integer> ids = new ArrayList<>();
                for (int i = 0; i < 20; i++) {
                  if (i % 2 == 0) {
                    publisher.publishAcked("resent", "" + i);
                  } else {
                    publisher.publishExactly("resent", "" + i, 1);
                  }
                  Publish message = client.expectMessage("" + i);
                  assertThat(message.dup()).isFalse();
                  ids.add(message.packetId());
                }
                client.close();
                for (int n = 0; n < 2; n++) {
                  client = wire.open();
                  client.resume("resent", 0);
                  for (int i = 0; i < 20; i++) {
                    Publish again = client.expectMessage("" + i);
                    assertThat(again.dup()).isTrue();
                    assertThat(again.qos()).isEqualTo(1 + i % 2);
                    assertThat(again.packetId()).isEqualTo(ids.get(i));
                  }
                  client.expectNothing();
                  client.close();
                }
                wire.forget("resent");
              }),
          legacy(
              "MQTT-4.4.0-1 PUBREL is sent again until PUBCOMP",
              wire -> {
                RawClient client = wire.open();
                client.resume("release", 0);
                client.subscribe("release", 2);
                wire.connected("release-p").publishExactly("release", "x", 1);
                int id = client.expectMessage("x").packetId();
                client.sendAck(Packet.PUBREC, id);
                client.expectAck(Packet.PUBREL, id);
                for (int n = 0; n < 2; n++) {
                  client.close();
                  client = wire.open();
                  client.resume("release", 0);
                  says(client, "6202 %04x".formatted(id));
                  client.expectNothing();
                }
                client.sendAck(Packet.PUBCOMP, id);
                client.expectNothing();
                wire.forget("release");
              }));

  private static RawClient dying(Case.Wire wire, String clientId, Will will) throws IOException {
    RawClient client = wire.open();
    client.send(client.connectPacket(clientId, true, NONE, will));
    says(client, "2002 0000");
    return client;
  }

  /** The will came, as a message that is not retained. */
  private static void willed(RawClient watcher, String topic, int qos) throws IOException {
    Publish will = watcher.expectMessage("x");
    assertThat(will.topic()).isEqualTo(topic);
    assertThat(will.qos()).isEqualTo(qos);
    assertThat(will.retain()).isFalse();
    if (qos == 1) {
      watcher.puback(will);
    } else if (qos == 2) {
      watcher.complete(will);
    }
  }
}
