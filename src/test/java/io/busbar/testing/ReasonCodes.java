package io.busbar.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Packet;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The reason codes that MQTT 5 lists for what a server sends; each packet has a list of its own.
 */
final class ReasonCodes {
  private static final Map<Integer, Set<Integer>> LISTED =
      Map.of(
          Packet.CONNACK,
          codes("00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f"),
          Packet.PUBACK,
          codes("00 10 80 83 87 90 91 97 99"),
          Packet.PUBREC,
          codes("00 10 80 83 87 90 91 97 99"),
          Packet.PUBREL,
          codes("00 92"),
          Packet.PUBCOMP,
          codes("00 92"),
          Packet.SUBACK,
          codes("00 01 02 80 83 87 8f 91 97 9e a1 a2"),
          Packet.UNSUBACK,
          codes("00 11 80 83 87 8f 91"),
          Packet.DISCONNECT,
          codes(
              "00 80 81 82 83 87 89 8b 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2"),
          Packet.AUTH,
          codes("00 18"));

  private ReasonCodes() {}

  private static Set<Integer> codes(String digits) {
    Set<Integer> codes = new HashSet<>();
    for (byte code : HexFormat.ofDelimiter(" ").parseHex(digits)) {
      codes.add(code & 0xff);
    }
    return codes;
  }

  /** The packet's codes are among those that the standard lists for its type. */
  static void check(Packet packet) {
    if (packet instanceof Packet.Connack connack) {
      check(Packet.CONNACK, List.of(connack.code()));
    } else if (packet instanceof Packet.Ack ack) {
      check(ack.type(), List.of(ack.reason().code()));
    } else if (packet instanceof Packet.Suback suback) {
      check(suback.type(), suback.codes());
    } else if (packet instanceof Packet.Disconnect disconnect) {
      check(Packet.DISCONNECT, List.of(disconnect.reason().code()));
    } else if (packet instanceof Packet.Auth auth) {
      check(Packet.AUTH, List.of(auth.reason().code()));
    }
  }

  private static void check(int type, List<Integer> codes) {
    assertThat(LISTED.get(type)).as("codes of packet type %d", type).containsAll(codes);
  }
}
