package io.busbar.fuzz;

import io.busbar.mqtt.MqttVersion;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A second reading of the standards' packets, driven by tables and made of nothing of the product:
 * what a packet says, in one line, or that it is wrong.
 */
final class SlowPacket {
  private static final HexFormat HEX = HexFormat.of();

  /** Identifier: type of value, then the packets that may carry it (W is the will). */
  private static final Map<Integer, String> PROPERTIES = new TreeMap<>();

  static {
    put("byte", "PUBLISH W", 0x01);
    put("four", "PUBLISH W", 0x02);
    put("string", "PUBLISH W", 0x03, 0x08);
    put("binary", "PUBLISH W", 0x09);
    put("variable", "SUBSCRIBE", 0x0b);
    put("four", "CONNECT CONNACK DISCONNECT", 0x11);
    put("string", "CONNACK", 0x12, 0x1a);
    put("two", "CONNACK", 0x13);
    put("string", "CONNECT CONNACK AUTH", 0x15);
    put("binary", "CONNECT CONNACK AUTH", 0x16);
    put("byte", "CONNECT", 0x17, 0x19);
    put("four", "W", 0x18);
    put("string", "CONNACK DISCONNECT", 0x1c);
    put("string", "CONNACK ACK DISCONNECT AUTH", 0x1f);
    put("two", "CONNECT CONNACK", 0x21, 0x22);
    put("two", "PUBLISH", 0x23);
    put("byte", "CONNACK", 0x24, 0x25, 0x28, 0x29, 0x2a);
    put("pair", "CONNECT CONNACK PUBLISH W ACK SUBSCRIBE UNSUBSCRIBE DISCONNECT AUTH", 0x26);
    put("four", "CONNECT CONNACK", 0x27);
  }

  private static void put(String type, String packets, int... ids) {
    for (int id : ids) {
      PROPERTIES.put(id, type + ": " + packets + " ");
    }
  }

  /** What is not a packet. */
  static final class Wrong extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Wrong(String message) {
      super(message, null, false, false);
    }
  }

  /** A PUBLISH in parts; properties in order as identifier and value. */
  record Message(
      int qos,
      boolean retain,
      boolean dup,
      String topic,
      int id,
      List<Pair> properties,
      String payload) {
    Message {
      properties = List.copyOf(properties);
    }

    /** The value of a property that is there once, or a default. */
    String value(int id, String absent) {
      return properties.stream()
          .filter(p -> p.id() == id)
          .findFirst()
          .map(Pair::value)
          .orElse(absent);
    }
  }

  /** A property and its value as text. */
  record Pair(int id, String value) {}

  private final ByteBuffer in;
  private final boolean v5;

  private SlowPacket(ByteBuffer in, boolean v5) {
    this.in = in;
    this.v5 = v5;
  }

  /** How long the packet is, -1 if too few bytes tell, -2 if the length is wrong. */
  static int length(byte[] bytes) {
    long value = 0;
    for (int i = 1; i <= 4; i++) {
      if (i >= bytes.length) {
        return -1;
      }
      value += (long) (bytes[i] & 127) * Math.round(Math.pow(128, i - 1));
      if ((bytes[i] & 128) == 0) {
        return i > 1 && bytes[i] == 0 ? -2 : (int) (value + 1 + i);
      }
    }
    return -2;
  }

  /** What a whole packet other than PUBLISH says, or null if it is wrong. */
  static String read(byte[] packet, MqttVersion version) {
    ByteBuffer in = body(packet);
    try {
      String said = new SlowPacket(in, version == MqttVersion.V5).body(packet[0] & 255);
      return in.hasRemaining() ? null : said;
    } catch (Wrong | BufferUnderflowException e) {
      return null;
    }
  }

  /** What a PUBLISH says, or null; a server's may carry subscription identifiers. */
  static Message publish(byte[] packet, MqttVersion version, boolean fromServer) {
    try {
      return new SlowPacket(body(packet), version == MqttVersion.V5)
          .message(packet[0] & 15, fromServer);
    } catch (Wrong | BufferUnderflowException e) {
      return null;
    }
  }

  private static ByteBuffer body(byte[] packet) {
    ByteBuffer in = ByteBuffer.wrap(packet);
    in.get();
    while ((in.get() & 128) != 0) {
      // the remaining length
    }
    return in;
  }

  private String body(int header) {
    int type = header / 16;
    check(header % 16 == (type == 6 || type == 8 || type == 10 ? 2 : 0), "flags");
    return switch (type) {
      case 1 -> connect();
      case 2 -> {
        int flags = u8();
        check(flags < 2, "flags");
        yield "CONNACK " + flags + " " + u8() + properties("CONNACK");
      }
      case 4, 5, 6, 7 -> "ACK " + type + " " + id() + coded("ACK", type);
      case 8 -> subscribe();
      case 9, 11 -> {
        String said = "SUBACK " + type + " " + id() + properties("ACK");
        List<Integer> codes = new ArrayList<>();
        while ((v5 || type == 9) && in.hasRemaining()) {
          codes.add(u8());
        }
        check(!codes.isEmpty() || (!v5 && type == 11), "no codes");
        yield said + codes;
      }
      case 10 -> {
        String said = "UNSUBSCRIBE " + id() + properties("UNSUBSCRIBE");
        do {
          said += " " + binary();
        } while (in.hasRemaining());
        yield said;
      }
      case 12, 13 -> "PING " + type;
      case 14 -> "DISCONNECT" + coded("DISCONNECT", 14);
      case 15 -> {
        check(v5 && in.remaining() != 1, "AUTH");
        yield "AUTH" + coded("AUTH", 15);
      }
      default -> throw new Wrong("type");
    };
  }

  private String connect() {
    check(string().equals("MQTT"), "protocol");
    int level = u8();
    check(level == 4 || level == 5, "level");
    String bits = Integer.toBinaryString(256 + u8()).substring(1);
    boolean will = bits.charAt(5) == '1';
    int willQos = Integer.parseInt(bits.substring(3, 5), 2);
    check(bits.charAt(7) == '0' && willQos < 3, "flags");
    check(will || bits.substring(2, 5).equals("000"), "will flags");
    check(level == 5 || bits.charAt(1) == '0' || bits.charAt(0) == '1', "password alone");
    int keepAlive = u16();
    SlowPacket rest = new SlowPacket(in, level == 5);
    String properties = rest.properties("CONNECT");
    check(!properties.contains(" 22=") || properties.contains(" 21="), "data without method");
    String said =
        "CONNECT " + level + " " + bits.charAt(6) + " " + keepAlive + " " + string() + properties;
    if (will) {
      String ofWill = rest.properties("W");
      String topic = string();
      check(SlowTopics.isName(topic), "will topic");
      said += " will " + willQos + bits.charAt(2) + ofWill + " " + topic + " " + binary();
    }
    said += " user " + (bits.charAt(0) == '1' ? string() : null);
    return said + " password " + (bits.charAt(1) == '1' ? binary() : null);
  }

  private String subscribe() {
    String said = "SUBSCRIBE " + id() + properties("SUBSCRIBE");
    do {
      said += " " + binary();
      int options = u8();
      check(options < (v5 ? 64 : 4) && options % 4 < 3 && options / 16 < 3, "options");
      said += ":" + options;
    } while (in.hasRemaining());
    return said;
  }

  /** The tables of sections 3.4.2.1, 3.5.2.1, 3.6.2.1, 3.7.2.1, 3.14.2.1 and 3.15.2.1. */
  private static String codes(int type) {
    return switch (type) {
      case 4, 5 -> "00 10 80 83 87 90 91 97 99";
      case 6, 7 -> "00 92";
      case 14 ->
          "00 04 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1"
              + " a2";
      default -> "00 18 19";
    };
  }

  private String coded(String packet, int type) {
    int reason = 0;
    String properties = "";
    if (v5 && in.hasRemaining()) {
      reason = u8();
      check(codes(type).matches("(.* )?%02x( .*)?".formatted(reason)), "reason");
      if (in.hasRemaining()) {
        properties = properties(packet);
      }
    }
    return " " + reason + properties;
  }

  private Message message(int flags, boolean fromServer) {
    int qos = flags / 2 % 4;
    boolean dup = flags >= 8;
    check(qos < 3 && !(qos == 0 && dup), "flags");
    String topic = binary();
    int id = qos > 0 ? u16() : 0;
    List<Pair> properties = new ArrayList<>();
    if (v5) {
      properties = pairs("PUBLISH", fromServer);
      for (Pair pair : properties) {
        check(pair.id() != 0x23 || !pair.value().equals("0"), "alias 0");
      }
    }
    byte[] payload = new byte[in.remaining()];
    in.get(payload);
    return new Message(qos, flags % 2 == 1, dup, topic, id, properties, HEX.formatHex(payload));
  }

  /** In the order of identifiers; values that the product keeps to itself are left out. */
  private String properties(String packet) {
    TreeMap<Integer, String> sorted = new TreeMap<>();
    if (v5) {
      for (Pair pair : pairs(packet, false)) {
        boolean kept = !List.of(0x03, 0x08, 0x09, 0x1a, 0x1c).contains(pair.id());
        sorted.merge(pair.id(), kept ? pair.value() : "", (a, b) -> a + "," + b);
      }
    }
    StringBuilder said = new StringBuilder();
    sorted.forEach((id, value) -> said.append(' ').append(id).append('=').append(value));
    return said.toString();
  }

  private List<Pair> pairs(String packet, boolean fromServer) {
    int length = variable();
    check(length <= in.remaining(), "property length");
    SlowPacket part = new SlowPacket(in.slice(in.position(), length), true);
    in.position(in.position() + length);
    List<Pair> pairs = new ArrayList<>();
    while (part.in.hasRemaining()) {
      int id = part.u8();
      String row = PROPERTIES.getOrDefault(id, "none: ");
      boolean ofServer = fromServer && id == 0x0b;
      check(ofServer || row.matches(".*[: ]" + packet + " .*"), "property");
      check(ofServer || id == 0x26 || pairs.stream().noneMatch(p -> p.id() == id), "twice");
      String value = part.value(row.substring(0, row.indexOf(':')));
      check(!value.equals("0") || !List.of(0x0b, 0x21, 0x27).contains(id), "zero");
      check(id != 0x08 || SlowTopics.isName(value), "response topic");
      pairs.add(new Pair(id, value));
    }
    return pairs;
  }

  private String value(String type) {
    switch (type) {
      case "byte" -> {
        int value = u8();
        check(value < 2, "range");
        return "" + value;
      }
      case "two" -> {
        return "" + u16();
      }
      case "four" -> {
        return "" + Integer.toUnsignedLong(in.getInt());
      }
      case "variable" -> {
        return "" + variable();
      }
      case "string" -> {
        return string();
      }
      case "binary" -> {
        return binary();
      }
      default -> {
        String name = string();
        return name + ":" + string();
      }
    }
  }

  private int variable() {
    byte[] some = new byte[Math.min(5, in.remaining() + 1)];
    in.slice().get(some, 1, some.length - 1);
    int length = length(some);
    check(length >= 0, "variable byte integer");
    int bytes = 1;
    while ((in.get() & 128) != 0) {
      bytes++;
    }
    return length - 1 - bytes;
  }

  private int id() {
    int id = u16();
    check(id != 0, "packet identifier");
    return id;
  }

  private int u8() {
    return in.get() & 255;
  }

  private int u16() {
    return in.getShort() & 65_535;
  }

  private byte[] bytes() {
    byte[] bytes = new byte[u16()];
    in.get(bytes);
    return bytes;
  }

  private String binary() {
    return HEX.formatHex(bytes());
  }

  private String string() {
    String text = SlowTopics.text(bytes());
    check(text != null, "UTF-8");
    return text;
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new Wrong(what);
    }
  }
}
