package io.busbar.mqtt;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/** Packets built byte by byte, so that tests depend on no encoder. */
final class Packets {
  static final MqttVersion V4 = MqttVersion.V3_1_1;
  static final MqttVersion V5 = MqttVersion.V5;

  /**
   * A valid packet.
   *
   * @param shorter lengths of its body at which the standard lets it end earlier
   */
  record Valid(String name, MqttVersion version, byte[] bytes, Set<Integer> shorter) {
    int type() {
      return (bytes[0] & 0xf0) >> 4;
    }

    /** What follows the fixed header. */
    byte[] body() {
      int at = 1;
      while (bytes[at++] < 0) {
        // the remaining length
      }
      return Arrays.copyOfRange(bytes, at, bytes.length);
    }

    @Override
    public String toString() {
      return name + " of " + version;
    }
  }

  private Packets() {}

  static byte[] hex(String digits) {
    return HexFormat.of().parseHex(digits.replace(" ", ""));
  }

  static byte[] cat(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  static byte[] u8(int value) {
    return new byte[] {(byte) value};
  }

  static byte[] u16(int value) {
    return new byte[] {(byte) (value >> 8), (byte) value};
  }

  static byte[] variable(int value) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int rest = value;
    do {
      out.write((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
      rest >>>= 7;
    } while (rest > 0);
    return out.toByteArray();
  }

  static byte[] binary(byte[] value) {
    return cat(u16(value.length), value);
  }

  static byte[] string(String value) {
    return binary(value.getBytes(StandardCharsets.UTF_8));
  }

  /** Properties behind their length. */
  static byte[] properties(byte[]... properties) {
    byte[] all = cat(properties);
    return cat(variable(all.length), all);
  }

  static byte[] properties(String digits) {
    return properties(hex(digits));
  }

  static byte[] packet(int header, byte[]... body) {
    byte[] all = cat(body);
    return cat(u8(header), variable(all.length), all);
  }

  /** The part of CONNECT before its payload. */
  static byte[] connectHead(MqttVersion version, int flags) {
    return cat(string("MQTT"), u8(version.level()), u8(flags), u16(60));
  }

  /** Frames and decodes a packet that lies between other bytes; null for PUBLISH. */
  static Packet decode(byte[] packet, MqttVersion version) throws MqttException {
    byte[] buffer = cat(hex("c000"), packet, hex("c000c000c000"));
    int length = Decoder.packetLength(buffer, 2, 2 + packet.length);
    if (length != packet.length) {
      throw new AssertionError("framed " + length + " bytes of " + packet.length);
    }
    if ((packet[0] & 0xf0) >> 4 == Packet.PUBLISH) {
      new Publish().parse(buffer, 2, 2 + packet.length, version);
      return null;
    }
    return new Decoder().decode(buffer, 2, 2 + packet.length, version);
  }

  /** At least one valid packet of each type and version, with every property it may carry. */
  static List<Valid> valid() {
    List<Valid> all = new ArrayList<>();
    byte[] user = cat(u8(0x26), string("name"), string("value"));
    byte[] reason = cat(u8(0x1f), string("why"));
    for (MqttVersion version : MqttVersion.values()) {
      boolean v5 = version == V5;
      byte[] none = v5 ? hex("00") : hex("");
      add(all, "CONNECT", version, 0x10, cat(connectHead(version, 0x02), none, string("")));
      add(
          all,
          "CONNECT with will, user name and password",
          version,
          0x10,
          cat(
              connectHead(version, 0xee),
              v5
                  ? properties(
                      cat(
                          hex("11 0000000a 21 000a 27 00001000 22 000a 19 01 17 00"),
                          user,
                          user,
                          u8(0x15),
                          string("X"),
                          u8(0x16),
                          string("data")))
                  : none,
              string("cliënt"),
              v5
                  ? properties(
                      cat(
                          hex("18 00000001 01 01 02 00000005"),
                          u8(0x03),
                          string("text"),
                          u8(0x08),
                          string("a/b"),
                          u8(0x09),
                          binary(hex("00ff")),
                          user))
                  : none,
              string("will/topic"),
              binary(hex("00ff80")),
              string("user"),
              binary(hex("ff00"))));
      add(all, "CONNACK", version, 0x20, cat(hex("0100"), none));
      byte[] payload = hex("ff00ff00");
      add(all, "PUBLISH QoS 0", version, 0x31, cat(string("a/b"), none, payload), 4);
      add(
          all,
          "PUBLISH QoS 1",
          version,
          0x3a,
          cat(
              string("a/b"),
              u16(7),
              v5
                  ? properties(
                      cat(
                          hex("01 01 02 00000005 23 0003"),
                          u8(0x03),
                          string("text"),
                          user,
                          u8(0x08),
                          string("c"),
                          u8(0x09),
                          binary(hex("00ff")),
                          user))
                  : none,
              payload),
          4);
      add(all, "PUBLISH QoS 2", version, 0x34, cat(string("a"), u16(65535), none, payload), 4);
      for (int type = Packet.PUBACK; type <= Packet.PUBCOMP; type++) {
        int header = (type << 4) | (type == Packet.PUBREL ? 2 : 0);
        add(all, "acknowledgement " + type, version, header, u16(1));
        if (v5) {
          boolean first = type == Packet.PUBACK || type == Packet.PUBREC;
          byte[] coded = cat(u16(1), u8(first ? 0x91 : 0x92), properties(reason, user));
          all.add(new Valid("coded " + type, version, packet(header, coded), Set.of(2, 3)));
        }
      }
      byte[] subscribeProperties = v5 ? properties(cat(hex("0b 8001"), user)) : none;
      int second = 2 + subscribeProperties.length + 6;
      byte[] filters = cat(string("a/b"), hex("01"), string("+/#"), v5 ? hex("2e") : hex("02"));
      all.add(
          new Valid(
              "SUBSCRIBE",
              version,
              packet(0x82, u16(2), subscribeProperties, filters),
              Set.of(second)));
      byte[] subackProperties = v5 ? properties(reason, user) : none;
      all.add(
          new Valid(
              "SUBACK",
              version,
              packet(0x90, u16(2), subackProperties, hex("0180")),
              Set.of(3 + subackProperties.length)));
      byte[] unsubscribeProperties = v5 ? properties(user) : none;
      all.add(
          new Valid(
              "UNSUBSCRIBE",
              version,
              packet(0xa2, u16(3), unsubscribeProperties, string("a"), string("b/+")),
              Set.of(5 + unsubscribeProperties.length)));
      if (v5) {
        all.add(new Valid("UNSUBACK", version, packet(0xb0, hex("0003 00 0011")), Set.of(4)));
      } else {
        add(all, "UNSUBACK", version, 0xb0, u16(3));
      }
      add(all, "PINGREQ", version, 0xc0);
      add(all, "PINGRESP", version, 0xd0);
      add(all, "DISCONNECT", version, 0xe0);
    }
    add(
        all,
        "CONNACK with all properties",
        V5,
        0x20,
        cat(
            hex("0000"),
            properties(
                hex(
                    "11 0000000a 21 000a 24 01 25 00 27 00001000 22 000a 28 01 29 00 2a 01 13 000a"),
                cat(u8(0x12), string("id")),
                reason,
                user,
                cat(u8(0x1a), string("r")),
                cat(u8(0x1c), string("s")),
                cat(u8(0x15), string("X")),
                cat(u8(0x16), hex("0001ff")))));
    byte[] leave = properties(hex("11 00000000"), reason, user, cat(u8(0x1c), string("s")));
    all.add(new Valid("coded DISCONNECT", V5, packet(0xe0, u8(0x04), leave), Set.of(0, 1)));
    byte[] method = cat(u8(0x15), string("X"));
    byte[] data = cat(u8(0x16), hex("0001ff"));
    all.add(
        new Valid(
            "AUTH", V5, packet(0xf0, u8(0x18), properties(method, data, reason, user)), Set.of(0)));
    return all;
  }

  private static void add(List<Valid> all, String name, MqttVersion version, int header) {
    add(all, name, version, header, new byte[0]);
  }

  private static void add(
      List<Valid> all, String name, MqttVersion version, int header, byte[] body) {
    all.add(new Valid(name, version, packet(header, body), Set.of()));
  }

  /** Adds a PUBLISH, whose payload may end anywhere. */
  private static void add(
      List<Valid> all, String name, MqttVersion version, int header, byte[] body, int payload) {
    Set<Integer> shorter = new HashSet<>();
    for (int length = body.length - payload; length < body.length; length++) {
      shorter.add(length);
    }
    all.add(new Valid(name, version, packet(header, body), shorter));
  }
}
