package io.busbar.wire;

import static io.busbar.testing.RawClient.hex;
import static io.busbar.wire.Case.both;
import static io.busbar.wire.Case.v5;
import static io.busbar.wire.ConnectCases.concat;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Packet;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import java.io.IOException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Packets that break the grammar in one place, made by loops: each type, each place. */
final class StrictCases {
  /** Bytes that are no UTF-8 string of MQTT (section 1.5.4). */
  private static final List<String> BAD_UTF8 =
      List.of(
          "00",
          "80",
          "c3",
          "c328",
          "c080",
          "c1bf",
          "e282",
          "e08080",
          "e09fbf",
          "eda080",
          "edbfbf",
          "f09f98",
          "f08fbfbf",
          "f4908080",
          "f888808080",
          "fe",
          "ff");

  /** A packet with a place for properties: what is before it, and what after it. */
  private record Place(int first, String before, String after, Set<Integer> allowed) {
    byte[] with(byte[] properties) {
      byte[] length = {(byte) properties.length};
      return packet(first, concat(hex(before), length, properties, hex(after)));
    }
  }

  private static final int USER = 0x26;
  private static final Map<String, Place> PLACES = new LinkedHashMap<>();

  /** A sound value of each property, by its identifier. */
  private static final Map<Integer, String> VALUES = new LinkedHashMap<>();

  static {
    Set<Integer> ack = Set.of(0x1f, USER);
    Set<Integer> connect = Set.of(0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, USER, 0x27);
    Set<Integer> will = Set.of(0x01, 0x02, 0x03, 0x08, 0x09, 0x18, USER);
    Set<Integer> message = Set.of(0x01, 0x02, 0x03, 0x08, 0x09, 0x23, USER);
    String head = "0004 4d515454 05";
    PLACES.put("CONNECT", new Place(0x10, head + "02 0000", "0001 69", connect));
    PLACES.put("will", new Place(0x10, head + "06 0000 00 0001 69", "0001 77 0001 78", will));
    PLACES.put("PUBLISH", new Place(0x32, "0001 74 0009", "78", message));
    PLACES.put("PUBACK", new Place(0x40, "0009 00", "", ack));
    PLACES.put("PUBREC", new Place(0x50, "0009 00", "", ack));
    PLACES.put("PUBREL", new Place(0x62, "0009 00", "", ack));
    PLACES.put("PUBCOMP", new Place(0x70, "0009 00", "", ack));
    PLACES.put("SUBSCRIBE", new Place(0x82, "0009", "0001 61 00", Set.of(0x0b, USER)));
    PLACES.put("UNSUBSCRIBE", new Place(0xa2, "0009", "0001 61", Set.of(USER)));
    PLACES.put("DISCONNECT", new Place(0xe0, "00", "", Set.of(0x11, 0x1c, 0x1f, USER)));
    PLACES.put("AUTH", new Place(0xf0, "18", "", Set.of(0x15, 0x16, 0x1f, USER)));
    List.of(0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2a, 0x0b).forEach(i -> VALUES.put(i, "01"));
    List.of(0x13, 0x21, 0x22, 0x23).forEach(i -> VALUES.put(i, "0001"));
    List.of(0x02, 0x11, 0x18, 0x27).forEach(i -> VALUES.put(i, "00000100"));
    List.of(0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1a, 0x1c, 0x1f)
        .forEach(i -> VALUES.put(i, "0001 61"));
    VALUES.put(USER, "0001 61 0001 62");
  }

  private StrictCases() {}

  static final List<Case> TABLE =
      List.of(
          both(
              "MQTT-3.1.0-1, MQTT-3.14.0-1 each type of packet but CONNECT, sent first: closed",
              wire -> {
                for (int first = 0; first < 0x100; first++) {
                  if (first >> 4 != Packet.CONNECT) {
                    RawClient client = wire.open();
                    client.send(new byte[] {(byte) first, 2, 0, 1});
                    client.expectClose();
                  }
                }
              }),
          both(
              "MQTT-2.1.3-1, MQTT-3.6.1-1, MQTT-3.8.1-1, MQTT-3.10.1-1, MQTT-3.14.1-1,"
                  + " MQTT-2.2.2-2 in 3.1.1: each flag that is not as given",
              wire -> {
                for (byte[] packet : sound(wire).values()) {
                  for (int flags = 0; flags < 16; flags++) {
                    byte[] wrong = packet.clone();
                    wrong[0] = (byte) ((packet[0] & 0xf0) | flags);
                    if (wrong[0] != packet[0]) {
                      ended(wire, wrong, ReasonCode.MALFORMED_PACKET);
                    }
                  }
                }
              }),
          both(
              "MQTT-1.5.5-1 a remaining length of more bytes than four, or than it needs",
              wire -> {
                for (byte[] packet : sound(wire).values()) {
                  byte[] body = Arrays.copyOfRange(packet, 2, packet.length);
                  byte[] head = {packet[0], (byte) (0x80 | body.length)};
                  for (String rest : List.of("00", "8000", "808000", "8080808000")) {
                    ended(wire, concat(head, hex(rest), body), ReasonCode.MALFORMED_PACKET);
                  }
                }
              }),
          both(
              "MQTT-4.13.1-1, MQTT-4.8.0-1 in 3.1.1: each type of packet with a byte too many",
              wire -> {
                for (byte[] packet : sound(wire).values()) {
                  byte[] longer = concat(packet, hex("00"));
                  longer[1]++;
                  ended(wire, longer, ReasonCode.MALFORMED_PACKET);
                }
              }),
          both(
              "MQTT-3.1.3-3, MQTT-3.1.4-1 CONNECT cut off at each byte: 0x81 once its version"
                  + " is known",
              wire -> {
                String none = wire.v5() ? "00" : "";
                byte[] body =
                    hex(
                        "0004 4d515454"
                            + (wire.v5() ? "05" : "04")
                            + "ee 0009"
                            + none
                            + "0003 637574"
                            + none
                            + "0004 77696c6c 0001 78 0004 75736572 0004 70617373");
                for (int length = 0; length < body.length; length++) {
                  RawClient client = wire.open();
                  client.send(packet(0x10, Arrays.copyOf(body, length)));
                  if (wire.v5() && length > 6) {
                    int code = client.read(Packet.Connack.class).code();
                    assertThat(code).as("first %d bytes", length).isEqualTo(0x81);
                  }
                  client.expectClose();
                }
              }),
          both(
              "MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-3.3.2-1, MQTT-3.8.3-1, MQTT-3.10.3-1,"
                  + " MQTT-4.7.3-2, MQTT-1.5.3-1 in 3.1.1: topics that are not UTF-8",
              wire -> {
                String none = wire.v5() ? "00" : "";
                for (String bad : BAD_UTF8) {
                  String field = prefixed(bad);
                  for (byte[] packet :
                      List.of(
                          packet(0x30, hex(field + none)),
                          packet(0x82, hex("0001" + none + field + "00")),
                          packet(0xa2, hex("0001" + none + field)))) {
                    ended(wire, packet, ReasonCode.MALFORMED_PACKET);
                  }
                }
              }),
          v5(
              "2.2.2.2, MQTT-3.3.4-6 each property in each packet where it does not belong",
              wire -> {
                for (Place place : PLACES.values()) {
                  for (int id : VALUES.keySet()) {
                    if (!place.allowed().contains(id)) {
                      boolean identifier = place.first() == 0x32 && id == 0x0b;
                      refused(
                          wire,
                          place.with(property(id)),
                          identifier ? ReasonCode.PROTOCOL_ERROR : ReasonCode.MALFORMED_PACKET);
                    }
                  }
                }
              }),
          v5(
              "MQTT-1.5.7-1, MQTT-3.3.2-13, MQTT-3.3.2-19 strings of properties that are not UTF-8",
              wire -> {
                Set<Integer> strings = Set.of(0x03, 0x08, 0x15, 0x1c, 0x1f);
                for (Place place : PLACES.values()) {
                  for (String digits : List.of("00", "c080", "c328", "eda080", "f4908080")) {
                    String bad = prefixed(digits);
                    byte[] name = hex("26" + bad + "0001 62");
                    refused(wire, place.with(name), ReasonCode.MALFORMED_PACKET);
                    byte[] value = hex("26 0001 61" + bad);
                    refused(wire, place.with(value), ReasonCode.MALFORMED_PACKET);
                    for (int id : place.allowed()) {
                      if (strings.contains(id)) {
                        byte[] property = concat(new byte[] {(byte) id}, hex(bad));
                        refused(wire, place.with(property), ReasonCode.MALFORMED_PACKET);
                      }
                    }
                  }
                }
              }),
          v5(
              "2.2.2.2 each property twice, but for user properties",
              wire -> {
                for (Place place : PLACES.values()) {
                  for (int id : place.allowed()) {
                    if (id != USER) {
                      byte[] twice = concat(property(id), property(USER), property(id));
                      refused(wire, place.with(twice), ReasonCode.PROTOCOL_ERROR);
                    }
                  }
                }
              }),
          v5(
              "2.2.2.2 each property cut off at each byte, and properties that do not exist",
              wire -> {
                for (Place place : PLACES.values()) {
                  for (int id : place.allowed()) {
                    byte[] whole = property(id);
                    for (int length = 1; length < whole.length; length++) {
                      byte[] cut = Arrays.copyOf(whole, length);
                      refused(wire, place.with(cut), ReasonCode.MALFORMED_PACKET);
                    }
                  }
                  for (String id : List.of("00", "04", "14", "2b", "7f", "8001", "ffffffff7f")) {
                    byte[] unknown = concat(hex(id), hex("0001 61 0001 62"));
                    refused(wire, place.with(unknown), ReasonCode.MALFORMED_PACKET);
                  }
                }
              }));

  /** Packets that end where their last field ends, as a client may send them when it is open. */
  private static Map<String, byte[]> sound(Case.Wire wire) {
    String reason = wire.v5() ? "00 08 26 0001 61 0002 6263" : "";
    String none = wire.v5() ? "00" : "";
    Map<String, byte[]> packets = new LinkedHashMap<>();
    packets.put("PUBACK", packet(0x40, hex("0009" + reason)));
    packets.put("PUBREC", packet(0x50, hex("0009" + reason)));
    packets.put("PUBREL", packet(0x62, hex("0009" + reason)));
    packets.put("PUBCOMP", packet(0x70, hex("0009" + reason)));
    packets.put("SUBSCRIBE", packet(0x82, hex("0009" + none + "0001 61 00")));
    packets.put("UNSUBSCRIBE", packet(0xa2, hex("0009" + none + "0001 61")));
    packets.put("PINGREQ", packet(0xc0, new byte[0]));
    packets.put("DISCONNECT", packet(0xe0, hex(reason)));
    return packets;
  }

  /** A packet of fewer than 128 bytes behind its length. */
  private static byte[] packet(int first, byte[] body) {
    assertThat(body.length).isLessThan(0x80);
    return concat(new byte[] {(byte) first, (byte) body.length}, body);
  }

  private static byte[] property(int id) {
    return concat(new byte[] {(byte) id}, hex(VALUES.get(id)));
  }

  private static String prefixed(String digits) {
    return HexFormat.of().toHexDigits((short) (digits.length() / 2)) + digits;
  }

  private static void refused(Case.Wire wire, byte[] packet, ReasonCode reason) throws IOException {
    if (packet[0] != 0x10) {
      ended(wire, packet, reason);
      return;
    }
    try (RawClient client = wire.open()) {
      client.send(packet);
      assertThat(client.read(Packet.Connack.class).code())
          .as(HexFormat.of().formatHex(packet))
          .isEqualTo(reason.code());
      client.expectClose();
    }
  }

  /** An open connection ends for a packet. */
  private static void ended(Case.Wire wire, byte[] packet, ReasonCode reason) throws IOException {
    try (RawClient client = wire.connected("ended")) {
      client.send(packet);
      if (wire.v5()) {
        assertThat(client.read(Packet.Disconnect.class).reason())
            .as(HexFormat.of().formatHex(packet))
            .isEqualTo(reason);
      }
      client.expectClose();
    }
  }
}
