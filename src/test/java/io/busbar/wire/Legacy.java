package io.busbar.wire;

import static io.busbar.testing.RawClient.hex;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import java.io.IOException;
import java.util.regex.Pattern;

/** What the cases of the statements of MQTT 3.1.1 are made with. */
final class Legacy {
  private static final Pattern STATEMENT = Pattern.compile("MQTT-\\d+\\.\\d+\\.\\d+-\\d+");

  private Legacy() {}

  /** A case of 3.1.1 only: its title says so behind each statement, since 5.0 counts them anew. */
  static Case legacy(String id, Case.Body body) {
    return Case.v3(STATEMENT.matcher(id).replaceAll("$0 in 3.1.1"), body);
  }

  /** A packet whose body is given in hexadecimal digits and has fewer than 128 bytes. */
  static byte[] packet(int first, String body) {
    byte[] bytes = hex(body);
    assertThat(bytes.length).isLessThan(0x80);
    return ConnectCases.concat(new byte[] {(byte) first, (byte) bytes.length}, bytes);
  }

  /** A CONNECT without keep alive. */
  static byte[] connect(String flags, String payload) {
    return packet(0x10, "0004 4d515454 04" + flags + "0000" + payload);
  }

  /** The next packet is this, byte for byte. */
  static void says(RawClient client, String packet) throws IOException {
    assertThat(client.readPacket()).isEqualTo(hex(packet));
  }

  /** An open connection ends for a packet, and nothing is said before. */
  static void ended(Case.Wire wire, byte[] packet) throws IOException {
    try (RawClient client = wire.connected("ended")) {
      client.send(packet);
      client.expectClose();
    }
  }

  /** A first packet that is no sound CONNECT: closed without CONNACK. */
  static void unread(Case.Wire wire, byte[] packet) throws IOException {
    try (RawClient client = wire.open()) {
      client.send(packet);
      client.expectClose();
    }
  }

  /** A CONNECT that is answered by a code, and the end. */
  static void refused(Case.Wire wire, byte[] packet, int code) throws IOException {
    try (RawClient client = wire.open()) {
      client.send(packet);
      says(client, "2002 00%02x".formatted(code));
      client.expectClose();
    }
  }

  /** A normal DISCONNECT, and the server has seen it. */
  static void end(RawClient client) throws IOException {
    client.send("e000");
    client.expectClose();
  }

  /** Another connection, with clean session, takes the client id over. */
  static void taken(Case.Wire wire, RawClient older, String clientId) throws IOException {
    wire.connected(clientId);
    older.expectEnd(ReasonCode.SESSION_TAKEN_OVER);
  }
}
