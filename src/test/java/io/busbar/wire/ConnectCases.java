package io.busbar.wire;

import static io.busbar.testing.RawClient.bytes;
import static io.busbar.testing.RawClient.hex;
import static io.busbar.wire.Case.both;
import static io.busbar.wire.Case.v3;
import static io.busbar.wire.Case.v5;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Sections 3.1, 3.2, 3.12, 3.14 and 4.13: opening, staying and ending. */
final class ConnectCases {
  private static final PropertyWriter NONE = new PropertyWriter();

  private ConnectCases() {}

  static final List<Case> TABLE =
      List.of(
          both(
              "MQTT-3.1.0-1 the first packet is CONNECT",
              wire -> {
                for (String first : List.of("c000", "3003 000174", "e000", "0000", "f000")) {
                  RawClient client = wire.open();
                  client.send(first);
                  client.expectClose();
                }
              }),
          both(
              "MQTT-3.1.0-2, MQTT-3.2.0-2 a second CONNECT is a protocol error",
              wire -> {
                RawClient client = wire.connected("twice");
                client.send(client.connectPacket("twice", 0, NONE));
                client.expectEnd(ReasonCode.PROTOCOL_ERROR);
              }),
          both(
              "MQTT-3.1.2-1 another protocol name is closed without a CONNACK",
              wire -> {
                RawClient client = wire.open();
                client.send(connect("0004 4d515458", wire.v5() ? "05" : "04", "02", "0000"));
                client.expectClose();
              }),
          both(
              "MQTT-3.1.2-2 an unknown protocol level is told 0x84, or 1",
              wire -> {
                for (String level : List.of("00", "03", "06", "7f")) {
                  RawClient client = wire.open();
                  client.send(connect("0004 4d515454", level, "02", "0000"));
                  int code = client.readPacket()[3] & 0xff;
                  boolean newer = Integer.parseInt(level, 16) > 5;
                  assertThat(code).as("level " + level).isEqualTo(newer ? 0x84 : 1);
                  client.expectClose();
                }
              }),
          both(
              "MQTT-3.1.2-3 the reserved flag is 0",
              wire -> refusedUnread(wire, "03", ReasonCode.MALFORMED_PACKET)),
          both(
              "MQTT-3.1.2-11, MQTT-3.1.2-12, MQTT-3.1.2-13 will flags without a will, will QoS 3",
              wire -> {
                for (String flags : List.of("0a", "22", "1e")) {
                  refusedUnread(wire, flags, ReasonCode.MALFORMED_PACKET);
                }
              }),
          v3(
              "MQTT-3.1.2-22 in 3.1.1: a password needs a user name",
              wire -> refusedUnread(wire, "42", ReasonCode.MALFORMED_PACKET)),
          v5(
              "3.1.2.9 a password needs no user name",
              wire -> {
                RawClient client = wire.open();
                client.send(
                    bytes(
                        out ->
                            Encoder.connect(
                                out, wire.version(), "pw", true, 0, null, hex("ff00"), NONE)));
                assertThat(client.read(Packet.Connack.class).code()).isZero();
              }),
          v5(
              "MQTT-3.1.3-6, MQTT-3.1.3-7, MQTT-3.2.2-16 an empty client id gets one, unique, told",
              wire -> {
                String one = wire.open().connect("").properties().assignedClientId();
                String other = wire.open().connect("").properties().assignedClientId();
                assertThat(one).isNotEmpty().isNotEqualTo(other);
              }),
          v3(
              "MQTT-3.1.3-6 in 3.1.1: an empty client id with clean session is let in",
              wire -> {
                wire.connected("").expectNothing();
                wire.connected("").expectNothing();
              }),
          v3(
              "MQTT-3.1.3-8 in 3.1.1: an empty client id without clean session is told 2",
              wire -> refusedClean(wire, "", 2)),
          v5(
              "MQTT-4.12.0-1 enhanced authentication is not available: 0x8C",
              wire -> {
                RawClient client = wire.open();
                PropertyWriter method =
                    new PropertyWriter().string(Property.AUTHENTICATION_METHOD, "SCRAM-SHA-1");
                client.send(client.connectPacket("auth", 0, method));
                assertThat(client.read(Packet.Connack.class).code()).isEqualTo(0x8C);
                client.expectClose();
              }),
          both(
              "MQTT-4.12.0-7 AUTH without a method is a protocol error, to 3.1.1 a reserved type",
              wire -> ended(wire, "f000", ReasonCode.PROTOCOL_ERROR)),
          v5(
              "MQTT-4.12.0-6 CONNACK says what is available, and no method",
              wire -> {
                var says = wire.open().connect("says").properties();
                assertThat(says.number(Property.MAXIMUM_QOS, 2)).isEqualTo(2);
                assertThat(says.number(Property.RETAIN_AVAILABLE, 1)).isEqualTo(1);
                assertThat(says.number(Property.SHARED_SUBSCRIPTION_AVAILABLE, 1)).isEqualTo(1);
                assertThat(says.number(Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE, 1)).isEqualTo(1);
                assertThat(says.number(Property.WILDCARD_SUBSCRIPTION_AVAILABLE, 1)).isEqualTo(1);
                assertThat(says.number(Property.RECEIVE_MAXIMUM, 65_535))
                    .isEqualTo(wire.node().limit(Limit.RECEIVE_MAXIMUM));
                assertThat(says.number(Property.MAXIMUM_PACKET_SIZE, -1))
                    .isEqualTo(wire.node().limit(Limit.PACKET_BYTES));
                assertThat(says.number(Property.TOPIC_ALIAS_MAXIMUM, 0))
                    .isEqualTo(wire.node().limit(Limit.TOPIC_ALIASES));
                assertThat(says.has(Property.SERVER_KEEP_ALIVE)).isFalse();
                assertThat(says.assignedClientId()).isNull();
                assertThat(says.authenticationMethod()).isNull();
              }),
          v5(
              "MQTT-3.1.2-24, MQTT-3.2.2-20 CONNACK keeps the client's maximum packet size",
              wire -> {
                for (int most : List.of(24, 40, 64, 100, 300)) {
                  RawClient client = wire.open();
                  PropertyWriter size =
                      new PropertyWriter().number(Property.MAXIMUM_PACKET_SIZE, most);
                  client.send(client.connectPacket("size-" + most, 0, size));
                  assertThat(client.readPacket()).hasSizeLessThanOrEqualTo(most).startsWith(0x20);
                  client.expectNothing();
                }
              }),
          v5(
              "MQTT-3.1.2-24 a CONNACK that is too large for the client is not sent",
              wire -> {
                RawClient client = wire.open();
                PropertyWriter size = new PropertyWriter().number(Property.MAXIMUM_PACKET_SIZE, 2);
                client.send(client.connectPacket("tiny", 0, size));
                client.expectClose();
              }),
          v5(
              "MQTT-3.2.2-19, MQTT-3.14.2-3 reason strings keep the maximum packet size",
              wire -> {
                PropertyWriter size = new PropertyWriter().number(Property.MAXIMUM_PACKET_SIZE, 30);
                RawClient client = wire.open();
                client.connect("brief", size);
                client.send(client.publishPacket("t/+", 1, 1, "", NONE));
                assertThat(client.readPacket()).isEqualTo(hex("e001 90"));
                RawClient refused = wire.open();
                size.string(Property.AUTHENTICATION_METHOD, "x");
                refused.send(refused.connectPacket("brief", 0, size));
                assertThat(refused.readPacket()).isEqualTo(hex("2003 008c 00"));
              }),
          v5(
              "MQTT-3.1.2-29 without problem information no reason string but in CONNACK, DISCONNECT",
              wire -> {
                RawClient told = wire.connected("told");
                assertThat(told.publishAcked("$SYS/x", "", NONE).properties().reasonString())
                    .isNotEmpty();
                RawClient untold = wire.open();
                untold.connect(
                    "untold", new PropertyWriter().number(Property.REQUEST_PROBLEM_INFORMATION, 0));
                Packet.Ack ack = untold.publishAcked("$SYS/x", "", NONE);
                assertThat(ack.reason()).isEqualTo(ReasonCode.NOT_AUTHORIZED);
                assertThat(ack.properties().reasonString()).isNull();
              }),
          v5(
              "3.1.2.11, 2.2.2 properties: twice, misplaced, out of range, unknown",
              wire -> {
                refusedProperties(wire, "11 00000000 11 00000000", ReasonCode.PROTOCOL_ERROR);
                refusedProperties(wire, "23 0001", ReasonCode.MALFORMED_PACKET);
                refusedProperties(wire, "21 0000", ReasonCode.PROTOCOL_ERROR);
                refusedProperties(wire, "27 00000000", ReasonCode.PROTOCOL_ERROR);
                refusedProperties(wire, "17 02", ReasonCode.PROTOCOL_ERROR);
                refusedProperties(wire, "16 0001 00", ReasonCode.PROTOCOL_ERROR);
                refusedProperties(wire, "7f 00", ReasonCode.MALFORMED_PACKET);
                refusedProperties(wire, "26 0001 61 0002 62", ReasonCode.MALFORMED_PACKET);
                refusedProperties(wire, "15 0002 c080", ReasonCode.MALFORMED_PACKET);
              }),
          both(
              "MQTT-3.1.2-22, MQTT-3.2.2-22, MQTT-3.1.2-24 in 3.1.1: one and a half keep alives",
              wire -> {
                RawClient client = wire.open();
                client.send(client.connectPacket("silent", 1, NONE));
                Packet.Connack connack = client.read(Packet.Connack.class);
                assertThat(connack.code()).isZero();
                assertThat(connack.properties().has(Property.SERVER_KEEP_ALIVE)).isFalse();
                long start = System.nanoTime();
                client.expectEnd(ReasonCode.KEEP_ALIVE_TIMEOUT);
                assertThat((System.nanoTime() - start) / 1_000_000).isBetween(1_400L, 8_000L);
              }),
          both(
              "MQTT-3.12.4-1 PINGREQ is answered",
              wire -> {
                RawClient client = wire.connected("ping");
                client.send("c000 c000");
                assertThat(client.readPacket()).isEqualTo(hex("d000"));
                assertThat(client.readPacket()).isEqualTo(hex("d000"));
              }),
          both(
              "MQTT-3.1.4-3, MQTT-3.1.4-2 in 3.1.1: a newer connection takes over, the older"
                  + " is told",
              wire -> {
                RawClient older = wire.subscribed("same", "taken", 0);
                RawClient newer = wire.connected("same");
                older.expectEnd(ReasonCode.SESSION_TAKEN_OVER);
                newer.publish("taken", "not to me: the session is clean");
                assertThat(newer.subscribe("taken", 0)).isZero();
                newer.publish("taken", "to me");
                newer.expectMessage("to me");
              }),
          both(
              "MQTT-3.1.4-5, MQTT-3.2.0-1 packets sent before CONNACK are handled after it",
              wire -> {
                RawClient client = wire.open();
                client.send(
                    concat(
                        client.connectPacket("early", 0, NONE),
                        client.publishPacket("early", 1, 9, "x", NONE),
                        bytes(Encoder::pingreq)));
                assertThat(client.read(Packet.Connack.class).code()).isZero();
                assertThat(client.read(Packet.Ack.class).packetId()).isEqualTo(9);
                assertThat(client.read()).isInstanceOf(Packet.Ping.class);
              }),
          both(
              "2.1 packets may be split anywhere",
              wire -> {
                RawClient client = wire.open();
                for (byte b : client.connectPacket("split", 0, NONE)) {
                  client.send(new byte[] {b});
                }
                assertThat(client.read(Packet.Connack.class).code()).isZero();
                client.subscribe("split/+", 1);
                byte[] publish = client.publishPacket("split/a", 1, 3, "payload", NONE);
                for (int i = 1; i < publish.length; i++) {
                  client.send(Arrays.copyOf(publish, i));
                  client.send(Arrays.copyOfRange(publish, i, publish.length));
                  List<Integer> types = new ArrayList<>();
                  for (int n = 0; n < 2; n++) {
                    byte[] packet = client.readPacket();
                    types.add(packet[0] >> 4);
                    if (packet[0] >> 4 == Packet.PUBLISH) {
                      int idAt = 2 + 2 + "split/a".length();
                      client.sendAck(Packet.PUBACK, (packet[idAt] << 8) | packet[idAt + 1]);
                    }
                  }
                  assertThat(types).containsExactlyInAnyOrder(Packet.PUBLISH, Packet.PUBACK);
                }
              }),
          both(
              "MQTT-2.1.3-1, MQTT-3.6.1-1, MQTT-3.8.1-1, MQTT-3.10.1-1, MQTT-3.14.1-1,"
                  + " MQTT-3.15.1-1 flags",
              wire -> {
                List<String> wrong =
                    List.of(
                        "41 02 0001",
                        "51 02 0001",
                        "60 02 0001",
                        "71 02 0001",
                        "c1 00",
                        "e1 00",
                        "80 06 0001 0001 61 00",
                        "a0 05 0001 0001 61",
                        "00 00",
                        "f1 00");
                for (String packet : wrong) {
                  ended(wire, packet, ReasonCode.MALFORMED_PACKET);
                }
              }),
          both(
              "packets that only servers send are a protocol error",
              wire -> {
                for (String packet : List.of("d000", "9003 0001 00", "2002 0000")) {
                  String v5 = packet.replace("9003 0001 00", "9004 0001 00 00");
                  ended(
                      wire,
                      wire.v5() ? v5.replace("2002 0000", "2003 0000 00") : packet,
                      ReasonCode.PROTOCOL_ERROR);
                }
              }),
          both(
              "1.5.5 a remaining length of five bytes, or longer than needed",
              wire -> {
                ended(wire, "c0 ffffffff01", ReasonCode.MALFORMED_PACKET);
                ended(wire, "c0 8000", ReasonCode.MALFORMED_PACKET);
              }));

  private static String level(Case.Wire wire) {
    return wire.v5() ? "05" : "04";
  }

  private static byte[] connect(
      String name, String level, String flags, String keepAlive, String... rest) {
    boolean v5 = level.equals("05");
    byte[] body =
        hex(
            name
                + level
                + flags
                + keepAlive
                + (v5 ? "00" : "")
                + "0001 69"
                + String.join("", rest));
    return concat(new byte[] {0x10, (byte) body.length}, body);
  }

  /** A CONNECT that cannot be read: MQTT 5 has a code for it, 3.1.1 has none and closes. */
  private static void refusedUnread(Case.Wire wire, String flags, ReasonCode reason)
      throws IOException {
    RawClient client = wire.open();
    client.send(connect("0004 4d515454", level(wire), flags, "0000", "0001 78"));
    if (wire.v5()) {
      assertThat(client.read(Packet.Connack.class).code()).isEqualTo(reason.code());
    }
    client.expectClose();
  }

  private static void refusedProperties(Case.Wire wire, String properties, ReasonCode reason)
      throws IOException {
    byte[] encoded = hex(properties);
    byte[] body =
        concat(hex("0004 4d515454 05 02 0000"), new byte[] {(byte) encoded.length}, encoded);
    byte[] whole = concat(body, hex("0001 69"));
    RawClient client = wire.open();
    client.send(concat(new byte[] {0x10, (byte) whole.length}, whole));
    assertThat(client.read(Packet.Connack.class).code()).as(properties).isEqualTo(reason.code());
    client.expectClose();
  }

  private static void refusedClean(Case.Wire wire, String clientId, int code) throws IOException {
    RawClient client = wire.open();
    client.send(
        bytes(
            out -> Encoder.connect(out, MqttVersion.V3_1_1, clientId, false, 0, null, null, NONE)));
    assertThat(client.read(Packet.Connack.class).code()).isEqualTo(code);
    client.expectClose();
  }

  /** An open connection ends for what was sent. */
  private static void ended(Case.Wire wire, String packet, ReasonCode reason) throws IOException {
    RawClient client = wire.connected("ended");
    client.send(packet);
    client.expectEnd(reason);
  }

  static byte[] concat(byte[]... parts) {
    return bytes(
        out -> Arrays.stream(parts).forEach(p -> out.writeBytes(Unpooled.wrappedBuffer(p))));
  }
}
