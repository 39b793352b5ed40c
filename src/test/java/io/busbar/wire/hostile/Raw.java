package io.busbar.wire.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Packet;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

/** Packets that no encoder makes, put together from hexadecimal digits; and what answers them. */
final class Raw {
  private Raw() {}

  /** A packet of a first byte and a body, with the length that fits. */
  static byte[] packet(int first, String body) {
    return RawClient.hex("%02x".formatted(first) + sized(body));
  }

  /** A CONNECT of MQTT 5. */
  static byte[] connect(int flags, String properties, String payload) {
    return packet(
        0x10, text("MQTT") + "05" + "%02x".formatted(flags) + "0000" + sized(properties) + payload);
  }

  /** A CONNECT with a will. */
  static byte[] connectWithWill(String willProperties, String topic) {
    return connect(0x06, "", text("willing") + sized(willProperties) + topic + text("x"));
  }

  /** Digits behind their length as a variable byte integer. */
  static String sized(String hex) {
    String digits = hex.replace(" ", "");
    StringBuilder out = new StringBuilder();
    int length = digits.length() / 2;
    while (length >= 0x80) {
      out.append("%02x".formatted((length & 0x7f) | 0x80));
      length >>>= 7;
    }
    return out.append("%02x".formatted(length)).append(digits).toString();
  }

  /** A text behind its length in two bytes. */
  static String text(String text) {
    return field(HexFormat.of().formatHex(RawClient.utf8(text)));
  }

  /** Bytes, given as digits, behind their length in two bytes. */
  static String field(String hex) {
    String digits = hex.replace(" ", "");
    return "%04x".formatted(digits.length() / 2) + digits;
  }

  static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  static byte[] concat(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Arrays.stream(parts).forEach(out::writeBytes);
    return out.toByteArray();
  }

  /** Reads until the server closes; whatever it says before is its affair. */
  static void drained(RawClient client) throws IOException {
    while (client.readPacket() != null) {
      // until the end
    }
  }

  /** A client that is not let in yet sends this and is refused with one of these codes. */
  static void refused(RawClient client, byte[] connect, ReasonCode... reasons) throws IOException {
    client.sendUnlessClosed(connect);
    assertThat(client.read(Packet.Connack.class).code())
        .as(HexFormat.of().formatHex(Arrays.copyOf(connect, Math.min(60, connect.length))))
        .isIn(Arrays.stream(reasons).map(ReasonCode::code).toArray());
    client.expectClose();
  }

  /** A client that is let in sends this and is told to go with one of these codes. */
  static void ended(RawClient client, byte[] packet, ReasonCode... reasons) throws IOException {
    client.sendUnlessClosed(packet);
    String what = HexFormat.of().formatHex(Arrays.copyOf(packet, Math.min(60, packet.length)));
    if (client.v5()) {
      assertThat(client.read(Packet.Disconnect.class).reason()).as(what).isIn((Object[]) reasons);
    }
    assertThat(client.readPacket()).as(what).isNull();
  }
}
