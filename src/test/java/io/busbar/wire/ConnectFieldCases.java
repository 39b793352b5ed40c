package io.busbar.wire;

import static io.busbar.testing.RawClient.hex;
import static io.busbar.wire.Case.both;
import static io.busbar.wire.Case.v5;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Will;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;

/** Sections 3.1.3 and 3.2.2: the fields of CONNECT, and CONNACK's flags and codes. */
final class ConnectFieldCases {
  private static final PropertyWriter NONE = new PropertyWriter();
  private static final String ID = "0001 69";
  private static final String TOPIC = "0001 77";
  private static final String PAYLOAD = "0001 78";
  private static final String USER = "0001 75";
  private static final String PASSWORD = "0001 70";

  private ConnectFieldCases() {}

  static final List<Case> TABLE =
      List.of(
          both(
              "MQTT-3.1.2-9, MQTT-3.1.2-16, MQTT-3.1.2-17, MQTT-3.1.2-18, MQTT-3.1.2-19"
                  + " a field is there if its flag says so, and only then",
              wire -> {
                String none = wire.v5() ? "00" : "";
                refused(wire, "06", ID);
                refused(wire, "06", ID + none + TOPIC);
                refused(wire, "02", ID + none + TOPIC + PAYLOAD);
                refused(wire, "82", ID);
                refused(wire, "02", ID + USER);
                refused(wire, "c2", ID + USER);
                refused(wire, "82", ID + USER + PASSWORD);
                refused(wire, "86", ID + none + TOPIC + PAYLOAD);
                for (String whole : List.of("02", "06", "82", "c2", "86", "c6")) {
                  int flags = Integer.parseInt(whole, 16);
                  String fields = (flags & 0x04) == 0 ? ID : ID + none + TOPIC + PAYLOAD;
                  fields += (flags & 0x80) == 0 ? "" : USER;
                  fields += (flags & 0x40) == 0 ? "" : PASSWORD;
                  RawClient client = wire.open();
                  client.send(connect(wire, whole, fields));
                  assertThat(client.read(Packet.Connack.class).code()).as(whole).isZero();
                  client.send("e000");
                  client.expectClose();
                }
              }),
          both(
              "MQTT-3.1.3-1 client id, will topic, will payload, user name and password in order",
              wire -> {
                RawClient watcher = wire.subscribed("w", "w", 1);
                RawClient client = wire.open();
                String will = (wire.v5() ? "00" : "") + TOPIC + PAYLOAD;
                client.send(connect(wire, "ce", ID + will + USER + PASSWORD));
                assertThat(client.read(Packet.Connack.class).code()).isZero();
                client.close();
                Publish message = watcher.expectMessage("x");
                assertThat(message.topic()).isEqualTo("w");
                assertThat(message.qos()).isEqualTo(1);
              }),
          both(
              "MQTT-3.1.3-4, MQTT-3.1.3-11, MQTT-3.1.3-12 strings of CONNECT that are not UTF-8",
              wire -> {
                String none = wire.v5() ? "00" : "";
                for (String digits : List.of("00", "ff", "c080", "c328", "eda080", "f4908080")) {
                  String length = HexFormat.of().toHexDigits((short) (digits.length() / 2));
                  String bad = length + digits;
                  refused(wire, "02", bad);
                  refused(wire, "06", ID + none + bad + PAYLOAD);
                  refused(wire, "82", ID + bad);
                }
              }),
          both(
              "MQTT-3.1.3-5 client ids of 1 to 23 letters and digits",
              wire -> {
                for (String id :
                    List.of(
                        "0",
                        "0123456789abcdefghijklm",
                        "nopqrstuvwxyzABCDEFGHIJ",
                        "KLMNOPQRSTUVWXYZ")) {
                  wire.connected(id).expectNothing();
                }
              }),
          v5(
              "MQTT-3.1.3-8, MQTT-3.2.2-7 a client id that is too long is told 0x85",
              wire -> {
                RawClient client = wire.open();
                client.send(client.connectPacket(tooLong(wire), 0, NONE));
                assertThat(client.read(Packet.Connack.class).code()).isEqualTo(0x85);
                client.expectClose();
              }),
          v5(
              "MQTT-3.1.2-28 no response information for a client that did not ask for it",
              wire -> {
                for (PropertyWriter properties :
                    List.of(
                        NONE,
                        new PropertyWriter().number(Property.REQUEST_RESPONSE_INFORMATION, 0))) {
                  Packet.Connack connack = wire.open().connect("uninformed", properties);
                  assertThat(connack.properties().has(Property.RESPONSE_INFORMATION)).isFalse();
                }
              }),
          both(
              "MQTT-3.1.4-6 what comes behind a CONNECT that is refused is not handled",
              wire -> {
                RawClient watcher = wire.subscribed("behind-w", "behind", 0);
                RawClient client = wire.open();
                client.send(
                    ConnectCases.concat(
                        client.connectPacket(tooLong(wire), 0, NONE),
                        client.publishPacket("behind", 0, 0, "x", NONE)));
                assertThat(client.read(Packet.Connack.class).code())
                    .isEqualTo(wire.v5() ? 0x85 : 2);
                client.expectClose();
                watcher.expectNothing();
              }),
          v5(
              "MQTT-3.2.2-1, MQTT-3.2.2-6 CONNACK's flags say session present, a refusal none",
              wire -> {
                PropertyWriter kept =
                    new PropertyWriter().number(Property.SESSION_EXPIRY_INTERVAL, 100);
                for (int present = 0; present < 2; present++) {
                  RawClient client = wire.open();
                  client.send(client.connectPacket("flags", false, kept, null));
                  assertThat(client.readPacket())
                      .startsWith(0x20)
                      .satisfies(at(2, present), at(3, 0));
                  client.send("e000");
                  client.expectClose();
                }
                RawClient refused = wire.open();
                refused.send(refused.connectPacket("flags", false, kept, Will.of("$SYS/x", "")));
                assertThat(refused.readPacket()).startsWith(0x20).satisfies(at(2, 0), at(3, 0x87));
                refused.expectClose();
                wire.forget("flags");
              }),
          v5(
              "MQTT-3.2.2-8, MQTT-4.13.2-1 CONNACK's codes are those of its list, errors its last",
              wire -> {
                List<Integer> codes = new ArrayList<>();
                List<byte[]> packets = new ArrayList<>();
                RawClient shape = wire.open();
                packets.add(connect(wire, "03", ID));
                packets.add(hex("100f 0004 4d515454 05 02 0000 02 1702 0000"));
                packets.add(hex("100d 0004 4d515454 06 02 0000 00 0000"));
                packets.add(shape.connectPacket(tooLong(wire), 0, NONE));
                packets.add(shape.connectPacket("codes", true, NONE, Will.of("$SYS/x", "")));
                packets.add(shape.connectPacket("codes", true, NONE, Will.of("x/+", "")));
                for (byte[] packet : packets) {
                  RawClient client = wire.open();
                  client.send(packet);
                  codes.add(client.read(Packet.Connack.class).code());
                  client.expectClose();
                }
                assertThat(codes).containsExactly(0x81, 0x82, 0x84, 0x85, 0x87, 0x90);
              }));

  private static Consumer<byte[]> at(int index, int value) {
    return packet -> assertThat(packet[index] & 0xff).as("byte %d", index).isEqualTo(value);
  }

  private static String tooLong(Case.Wire wire) {
    return "x".repeat((int) wire.node().limit(Limit.CLIENT_ID_BYTES) + 1);
  }

  private static byte[] connect(Case.Wire wire, String flags, String payload) {
    String version = wire.v5() ? "05" : "04";
    String properties = wire.v5() ? "00" : "";
    byte[] body = hex("0004 4d515454" + version + flags + "0000" + properties + payload);
    return ConnectCases.concat(new byte[] {0x10, (byte) body.length}, body);
  }

  private static void refused(Case.Wire wire, String flags, String payload) throws IOException {
    RawClient client = wire.open();
    client.send(connect(wire, flags, payload));
    if (wire.v5()) {
      assertThat(client.read(Packet.Connack.class).code())
          .as(flags + " " + payload)
          .isEqualTo(ReasonCode.MALFORMED_PACKET.code());
    }
    client.expectClose();
  }
}
