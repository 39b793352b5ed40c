package io.busbar.wire;

import static io.busbar.testing.RawClient.hex;
import static io.busbar.wire.Legacy.connect;
import static io.busbar.wire.Legacy.ended;
import static io.busbar.wire.Legacy.legacy;
import static io.busbar.wire.Legacy.packet;
import static io.busbar.wire.Legacy.refused;
import static io.busbar.wire.Legacy.says;
import static io.busbar.wire.Legacy.taken;
import static io.busbar.wire.Legacy.unread;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.RawClient.Will;
import io.busbar.testing.WebSocketFrames;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * What MQTT 3.1.1 asks, where its statements are counted otherwise than in 5.0: text, flags,
 * CONNECT, CONNACK, PINGREQ, WebSocket.
 */
final class LegacyCases {
  private static final PropertyWriter NONE = new PropertyWriter();

  /** Characters that a client id may have wherever it goes. */
  private static final String CHARACTERS =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

  private LegacyCases() {}

  static final List<Case> TABLE =
      List.of(
          legacy(
              "MQTT-1.5.3-1, MQTT-1.5.3-2, MQTT-3.8.3-1, MQTT-3.10.3-1 text that is not UTF-8",
              wire -> {
                for (String bad : List.of("00", "c080", "eda080", "edbfbf", "f4908080", "ff")) {
                  String field = prefixed(bad);
                  ended(wire, packet(0x30, field + "78"));
                  ended(wire, packet(0x82, "0009" + field + "00"));
                  ended(wire, packet(0xa2, "0009" + field));
                }
              }),
          legacy(
              "MQTT-3.1.3-4, MQTT-3.1.3-10, MQTT-3.1.3-11 text of CONNECT that is not UTF-8",
              wire -> {
                for (String bad : List.of("00", "c080", "eda080", "ff")) {
                  String field = prefixed(bad);
                  unread(wire, connect("02", field));
                  unread(wire, connect("06", "0001 69" + field + "0001 78"));
                  unread(wire, connect("82", "0001 69" + field));
                }
              }),
          legacy(
              "MQTT-1.5.3-3 U+FEFF is a character like others, in topics and in client ids",
              wire -> {
                RawClient plain = wire.subscribed("mark", "mark/a", 0);
                RawClient marked = wire.subscribed("\uFEFFmark", "mark/\uFEFFa", 0);
                marked.publish("mark/\uFEFFa", "marked");
                assertThat(marked.expectMessage("marked").topic()).isEqualTo("mark/\uFEFFa");
                marked.publish("mark/a", "plain");
                plain.expectMessage("plain");
                marked.expectNothing();
              }),
          legacy(
              "MQTT-2.2.2-1, MQTT-2.3.1-6, MQTT-2.3.1-7 flags and identifiers the server sends",
              wire -> {
                RawClient client = wire.open();
                client.send(client.connectPacket("flags", 0, NONE));
                says(client, "2002 0000");
                client.send("8208 1234 0003 2f2f66 02");
                says(client, "9003 1234 02");
                client.send("3205 0001 66 2345");
                says(client, "4002 2345");
                client.send("3405 0001 66 3456");
                says(client, "5002 3456");
                client.send("6202 3456");
                says(client, "7002 3456");
                wire.connected("flags-p").publishExactly("//f", "x", 1);
                int id = client.expectMessage("x").packetId();
                client.sendAck(Packet.PUBREC, id);
                says(client, "6202 %04x".formatted(id));
                client.sendAck(Packet.PUBCOMP, id);
                client.send("a207 4567 0003 2f2f66");
                says(client, "b002 4567");
                client.send("c000");
                says(client, "d000");
              }),
          legacy(
              "MQTT-2.2.2-2, MQTT-3.6.1-1, MQTT-3.8.1-1, MQTT-3.10.1-1, MQTT-3.14.1-1 wrong flags",
              wire -> {
                for (String sound :
                    List.of("62020009", "820600090001 6100", "a20500090001 61", "e000", "c000")) {
                  for (int bit = 1; bit < 0x10; bit <<= 1) {
                    byte[] wrong = hex(sound);
                    wrong[0] ^= (byte) bit;
                    ended(wire, wrong);
                  }
                }
              }),
          legacy(
              "MQTT-2.3.1-1 a packet identifier is not 0",
              wire -> {
                for (String zero :
                    List.of(
                        "3205 0001 61 0000",
                        "3405 0001 61 0000",
                        "8206 0000 0001 61 00",
                        "a205 0000 0001 61")) {
                  ended(wire, hex(zero));
                }
              }),
          legacy(
              "MQTT-3.1.0-1, MQTT-3.1.0-2 CONNECT comes first, and once",
              wire -> {
                for (String first : List.of("3003 0001 61", "8206 0001 0001 61 00", "c000")) {
                  unread(wire, hex(first));
                }
                ended(wire, connect("02", "0001 69"));
              }),
          legacy(
              "MQTT-3.1.2-1, MQTT-3.1.2-2, MQTT-3.1.2-3 protocol name, level and reserved flag",
              wire -> {
                unread(wire, packet(0x10, "0004 4d515458 04 02 0000 0001 69"));
                for (String level : List.of("00", "01", "02", "03")) {
                  refused(wire, packet(0x10, "0004 4d515454" + level + "02 0000 0001 69"), 1);
                }
                refused(wire, packet(0x10, "0006 4d5149736470 03 02 0000 0001 69"), 1);
                unread(wire, connect("03", "0001 69"));
              }),
          legacy(
              "MQTT-3.1.2-18, MQTT-3.1.2-19, MQTT-3.1.2-20, MQTT-3.1.2-21, MQTT-3.1.2-22"
                  + " user name and password are there where their flags say so",
              wire -> {
                String user = "0001 75";
                String password = "0002 ff00";
                unread(wire, connect("02", "0001 69" + user));
                unread(wire, connect("82", "0001 69"));
                unread(wire, connect("82", "0001 69" + user + password));
                unread(wire, connect("c2", "0001 69" + user));
                unread(wire, connect("42", "0001 69" + password));
                for (byte[] sound :
                    List.of(
                        connect("02", "0001 69"),
                        connect("82", "0001 69" + user),
                        connect("c2", "0001 69" + user + password))) {
                  RawClient client = wire.open();
                  client.send(sound);
                  says(client, "2002 0000");
                }
              }),
          legacy(
              "MQTT-3.1.2-24 silence for one and a half keep alives ends it, as a break would",
              wire -> {
                RawClient watcher = wire.subscribed("silent-w", "silent", 0);
                RawClient client = wire.open();
                byte[] packet = client.connectPacket("silent", true, NONE, Will.of("silent", "x"));
                // the second byte of the keep alive, in seconds
                packet[11] = 1;
                client.send(packet);
                says(client, "2002 0000");
                long start = System.nanoTime();
                client.expectClose();
                assertThat((System.nanoTime() - start) / 1_000_000).isBetween(1_400L, 8_000L);
                watcher.expectMessage("x");
              }),
          legacy(
              "MQTT-3.1.3-1, MQTT-3.1.3-3 the fields of CONNECT come in their order, the id first",
              wire -> {
                RawClient watcher = wire.subscribed("fields-w", "w", 0);
                RawClient client = wire.open();
                client.send(connect("c6", "0001 69 0001 77 0001 78 0001 75 0001 70"));
                says(client, "2002 0000");
                taken(wire, client, "i");
                watcher.expectMessage("x");
                unread(wire, connect("02", ""));
              }),
          legacy(
              "MQTT-3.1.3-5 client ids of 1 to 23 bytes, and here of more",
              wire -> {
                List<RawClient> clients = new ArrayList<>();
                for (int i = 0; i < CHARACTERS.length(); i++) {
                  clients.add(wire.connected(CHARACTERS.substring(i, i + 1)));
                }
                for (int length = 2; length <= 23; length++) {
                  clients.add(wire.connected(CHARACTERS.substring(0, length)));
                }
                clients.add(wire.connected(CHARACTERS));
                for (RawClient client : clients) {
                  client.expectNothing();
                }
              }),
          legacy(
              "MQTT-3.1.3-6 clients without an id do not get in each other's way",
              wire -> {
                RawClient one = wire.subscribed("", "without/1", 0);
                RawClient two = wire.subscribed("", "without/2", 0);
                one.publish("without/2", "two");
                two.expectMessage("two");
                two.publish("without/1", "one");
                one.expectMessage("one");
              }),
          legacy(
              "MQTT-3.1.3-8, MQTT-3.1.3-9, MQTT-3.2.2-4, MQTT-3.2.2-5 client ids that are refused",
              wire -> {
                refused(wire, connect("00", "0000"), 2);
                RawClient client = wire.open();
                String most = "x".repeat((int) wire.node().limit(Limit.CLIENT_ID_BYTES) + 1);
                client.send(client.connectPacket(most, 0, NONE));
                says(client, "2002 0002");
                client.expectClose();
              }),
          legacy(
              "MQTT-3.1.4-1, MQTT-3.2.2-6 CONNECT that is not whole has no code: only closed",
              wire -> {
                byte[] whole = connect("c6", "0001 69 0001 77 0001 78 0001 75 0001 70");
                for (int length = 2; length < whole.length; length++) {
                  byte[] part = Arrays.copyOf(whole, length);
                  part[1] = (byte) (length - 2);
                  unread(wire, part);
                }
              }),
          legacy(
              "MQTT-3.1.4-2 a client id that comes again ends the connection that has it",
              wire -> {
                RawClient client = wire.connected("twice");
                taken(wire, client, "twice");
              }),
          legacy(
              "MQTT-3.1.4-4, MQTT-3.2.0-1 CONNACK is the first packet, with code 0",
              wire -> {
                RawClient client = wire.open();
                client.send(
                    ConnectCases.concat(
                        client.connectPacket("first", 0, NONE), hex("c000 3205 0001 66 0009")));
                says(client, "2002 0000");
                says(client, "d000");
                says(client, "4002 0009");
              }),
          legacy(
              "MQTT-3.1.4-5 what follows a CONNECT that is refused is not read",
              wire -> {
                RawClient watcher = wire.subscribed("unread-w", "unread", 0);
                RawClient client = wire.open();
                client.send(
                    ConnectCases.concat(
                        connect("00", "0000"),
                        client.publishPacket("unread", 1, 9, "x", NONE),
                        hex("c000")));
                says(client, "2002 0002");
                client.expectClose();
                watcher.expectNothing();
              }),
          legacy(
              "MQTT-3.12.4-1 PINGREQ is answered",
              wire -> {
                RawClient client = wire.connected("ping");
                client.send("c000");
                says(client, "d000");
              }),
          legacy(
              "MQTT-6.0.0-1, MQTT-6.0.0-2, MQTT-6.0.0-4 WebSocket: binary frames, cut anywhere",
              wire -> {
                // the client asserts that "mqtt" is the subprotocol that was chosen
                RawClient client = wire.node().open(Transport.WS, MqttVersion.V3_1_1);
                byte[] first = client.connectPacket("frames", 0, NONE);
                byte[] packets = ConnectCases.concat(first, hex("c000 3205 0001 66 0009"));
                client.send(Arrays.copyOf(packets, 5));
                client.send(Arrays.copyOfRange(packets, 5, first.length + 1));
                client.send(Arrays.copyOfRange(packets, first.length + 1, packets.length));
                says(client, "2002 0000");
                says(client, "d000");
                says(client, "4002 0009");
                client.frames().send(WebSocketFrames.TEXT, true, hex("c000"));
                client.expectClose();
              }));

  private static String prefixed(String digits) {
    return HexFormat.of().toHexDigits((short) (digits.length() / 2)) + digits;
  }
}
