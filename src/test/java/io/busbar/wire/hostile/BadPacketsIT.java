package io.busbar.wire.hostile;

import static io.busbar.testing.RawClient.hex;
import static io.busbar.wire.hostile.Raw.connect;
import static io.busbar.wire.hostile.Raw.connectWithWill;
import static io.busbar.wire.hostile.Raw.ended;
import static io.busbar.wire.hostile.Raw.packet;
import static io.busbar.wire.hostile.Raw.refused;
import static io.busbar.wire.hostile.Raw.sized;
import static io.busbar.wire.hostile.Raw.text;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Families 7 and 8 of docs/hardening.md: properties and fixed headers that are wrong. */
class BadPacketsIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  @Order(1)
  @RegisterExtension
  static final TestNode NODE = TestNode.with(1, Profile.OPEN, Map.of(Limit.CONNECT_TIMEOUT, 1L));

  @Order(2)
  @RegisterExtension
  static final Bystander BYSTANDER = new Bystander(id -> NODE.connected(MqttVersion.V5, id));

  private static RawClient open(Transport transport) throws IOException {
    return NODE.open(transport, MqttVersion.V5);
  }

  // --- 7 ---

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family07_willPropertiesThatAreWrong(Transport transport) throws IOException {
    Map<String, ReasonCode> wrong =
        Map.ofEntries(
            // unknown, or another packet's
            Map.entry("7f00", ReasonCode.MALFORMED_PACKET),
            Map.entry("0400", ReasonCode.MALFORMED_PACKET),
            Map.entry("0b01", ReasonCode.MALFORMED_PACKET),
            Map.entry("11 00000001", ReasonCode.MALFORMED_PACKET),
            Map.entry("21 0001", ReasonCode.MALFORMED_PACKET),
            Map.entry("23 0001", ReasonCode.MALFORMED_PACKET),
            // cut short, or no text
            Map.entry("18 0000", ReasonCode.MALFORMED_PACKET),
            Map.entry("02 000000", ReasonCode.MALFORMED_PACKET),
            Map.entry("26 0001 61", ReasonCode.MALFORMED_PACKET),
            Map.entry("03 ffff 61", ReasonCode.MALFORMED_PACKET),
            Map.entry("03 0002 c328", ReasonCode.MALFORMED_PACKET),
            Map.entry("26 0001 00 0000", ReasonCode.MALFORMED_PACKET),
            // out of range, or twice
            Map.entry("01 02", ReasonCode.PROTOCOL_ERROR),
            Map.entry("01 00 01 00", ReasonCode.PROTOCOL_ERROR),
            Map.entry("18 00000001 18 00000001", ReasonCode.PROTOCOL_ERROR),
            Map.entry("02 00000001 02 00000001", ReasonCode.PROTOCOL_ERROR),
            Map.entry("03 0000 03 0000", ReasonCode.PROTOCOL_ERROR),
            Map.entry("08 0001 61 08 0001 61", ReasonCode.PROTOCOL_ERROR),
            Map.entry("09 0000 09 0000", ReasonCode.PROTOCOL_ERROR));
    for (Map.Entry<String, ReasonCode> one : wrong.entrySet()) {
      refused(open(transport), connectWithWill(one.getKey(), text("t")), one.getValue());
    }
    // their length is a lie
    refused(
        open(transport),
        connect(0x06, "", text("w") + "7f" + "01 00" + text("t") + text("x")),
        ReasonCode.MALFORMED_PACKET);
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family07_connectPropertiesThatAreWrong(Transport transport) throws IOException {
    Map<String, ReasonCode> wrong =
        Map.ofEntries(
            Map.entry("01 01", ReasonCode.MALFORMED_PACKET),
            Map.entry("0b 01", ReasonCode.MALFORMED_PACKET),
            Map.entry("12 0001 61", ReasonCode.MALFORMED_PACKET),
            Map.entry("18 00000001", ReasonCode.MALFORMED_PACKET),
            Map.entry("23 0001", ReasonCode.MALFORMED_PACKET),
            Map.entry("24 01", ReasonCode.MALFORMED_PACKET),
            Map.entry("ffffff7f", ReasonCode.MALFORMED_PACKET),
            Map.entry("11 00000001 11 00000001", ReasonCode.PROTOCOL_ERROR),
            Map.entry("22 0001 22 0001", ReasonCode.PROTOCOL_ERROR),
            Map.entry("21 0000", ReasonCode.PROTOCOL_ERROR),
            Map.entry("27 00000000", ReasonCode.PROTOCOL_ERROR),
            Map.entry("17 02", ReasonCode.PROTOCOL_ERROR),
            Map.entry("19 ff", ReasonCode.PROTOCOL_ERROR),
            Map.entry("16 0001 61", ReasonCode.PROTOCOL_ERROR),
            Map.entry("15 0001 61", ReasonCode.BAD_AUTHENTICATION_METHOD));
    for (Map.Entry<String, ReasonCode> one : wrong.entrySet()) {
      refused(open(transport), connect(0x02, one.getKey(), text("a")), one.getValue());
    }
    // will and password flags without a will or a user name
    for (int flags : new int[] {0x03, 0x0a, 0x22, 0x1e}) {
      refused(
          open(transport),
          connect(flags, "", text("a") + sized("") + text("t") + text("x")),
          ReasonCode.MALFORMED_PACKET);
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family07_propertiesInTheWrongPacketOrTwice(Transport transport) throws IOException {
    for (byte[] packet :
        List.of(
            packet(0x30, text("t") + sized("11 00000001")),
            packet(0x30, text("t") + sized("24 01")),
            packet(0x82, "0001" + sized("23 0001") + text("t") + "00"),
            packet(0xa2, "0001" + sized("0b 01") + text("t")),
            packet(0x40, "0001 00" + sized("11 00000001")),
            packet(0xe0, "00" + sized("21 0001")))) {
      RawClient client = open(transport);
      client.connect("misplaced");
      // 0x82 where the standard names it for one
      ended(client, packet, ReasonCode.MALFORMED_PACKET, ReasonCode.PROTOCOL_ERROR);
    }
    for (byte[] packet :
        List.of(
            packet(0x30, text("t") + sized("02 00000001 02 00000001")),
            packet(0x30, text("t") + sized("23 0001 23 0001")),
            packet(0x82, "0001" + sized("0b 01 0b 01") + text("t") + "00"),
            packet(0x82, "0001" + sized("0b 00") + text("t") + "00"),
            packet(0x40, "0001 00" + sized("1f 0000 1f 0000")),
            packet(0xe0, "00" + sized("11 00000000 11 00000000")))) {
      RawClient client = open(transport);
      client.connect("twice");
      ended(client, packet, ReasonCode.PROTOCOL_ERROR);
    }
  }

  @Test
  void family07_userPropertyFloods() throws IOException {
    PropertyWriter flood = new PropertyWriter();
    IntStream.range(0, 10_000).forEach(i -> flood.user("name" + i, "v"));
    RawClient publisher = NODE.connected(MqttVersion.V5, "publisher");
    ended(publisher, publisher.publishPacket("t", 1, 1, "", flood), ReasonCode.QUOTA_EXCEEDED);
    RawClient first = open(Transport.TCP);
    refused(first, first.connectPacket("flood", 0, flood), ReasonCode.PACKET_TOO_LARGE);
    RawClient subscriber = NODE.connected(MqttVersion.V5, "subscriber");
    Packet.Filter filter = new Packet.Filter(hex("61"), 0, false, false, 0);
    subscriber.send(subscriber.subscribePacket(List.of(filter), flood));
    assertThat(subscriber.read(Packet.Suback.class).codes()).containsExactly(0);
    // as many as a CONNECT holds, empty ones, in CONNECT and in its will
    for (int i = 0; i < 20; i++) {
      RawClient client = open(Transport.TCP);
      client.send(connect(0x02, "26 0000 0000".repeat(6_000), text("empty")));
      assertThat(client.read(Packet.Connack.class).code()).isZero();
      RawClient willing = open(Transport.TCP);
      willing.send(connectWithWill("26 0000 0000".repeat(6_000), text("t")));
      assertThat(willing.read(Packet.Connack.class).code()).isZero();
    }
  }

  // --- 8 ---

  /** The shortest good body of each type, in MQTT 5 and in MQTT 3.1.1. */
  private static String body(int type, boolean v5) {
    String none = v5 ? "00" : "";
    return switch (type) {
      case Packet.CONNECT -> text("MQTT") + (v5 ? "05" : "04") + "02 0000" + none + text("a");
      case Packet.CONNACK -> "0000" + none;
      case Packet.PUBLISH -> text("a") + "0001" + none;
      case Packet.PUBACK, Packet.PUBREC, Packet.PUBREL, Packet.PUBCOMP -> "0001";
      case Packet.SUBSCRIBE -> "0001" + none + text("a") + "00";
      case Packet.SUBACK -> "0001" + none + "00";
      case Packet.UNSUBSCRIBE -> "0001" + none + text("a");
      case Packet.UNSUBACK -> "0001" + (v5 ? "0000" : "");
      default -> "";
    };
  }

  private static boolean areRight(int type, int flags) {
    return switch (type) {
      case 0 -> false;
      // all but QoS 3, and DUP at QoS 0
      case Packet.PUBLISH -> (flags & 0x06) != 0x06 && (flags & 0x0e) != 0x08;
      case Packet.PUBREL, Packet.SUBSCRIBE, Packet.UNSUBSCRIBE -> flags == 2;
      default -> flags == 0;
    };
  }

  @ParameterizedTest
  @EnumSource(MqttVersion.class)
  void family08_fixedHeaderFlagsOfEveryType(MqttVersion version) throws IOException {
    for (Transport transport : Transport.values()) {
      for (int head = 0; head < 256; head++) {
        int type = head >> 4;
        if (areRight(type, head & 0x0f)) {
          continue;
        }
        byte[] packet = packet(head, body(type, version == MqttVersion.V5));
        RawClient client = NODE.open(transport, version);
        client.connect("flags");
        ended(client, packet, ReasonCode.MALFORMED_PACKET);
        if (type == Packet.CONNECT || type == 0) {
          RawClient first = NODE.open(transport, version);
          first.send(packet);
          first.expectClose();
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family08_typesOnlyAServerSends(Transport transport) throws IOException {
    for (int type :
        new int[] {Packet.CONNACK, Packet.SUBACK, Packet.UNSUBACK, Packet.PINGRESP, Packet.AUTH}) {
      RawClient client = open(transport);
      client.connect("server");
      ended(client, packet(type << 4, body(type, true)), ReasonCode.PROTOCOL_ERROR);
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family08_randomBytes(Transport transport) throws IOException {
    Random random = new Random(20261123);
    for (int i = 0; i < 150; i++) {
      byte[] garbage = new byte[1 + random.nextInt(400)];
      random.nextBytes(garbage);
      RawClient client = open(transport);
      if (i % 3 != 0) {
        // past CONNECT it goes deeper
        client.connect("random");
        client.sendUnlessClosed(garbage);
        client.sendUnlessClosed(hex("e000"));
        client.close();
      } else {
        garbage[0] |= (byte) 0x80;
        client.sendUnlessClosed(garbage);
        Raw.drained(client);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family08_mutatedPackets(Transport transport) throws IOException {
    Random random = new Random(20261124);
    RawClient maker = open(transport);
    PropertyWriter properties =
        new PropertyWriter()
            .user("name", "value")
            .number(Property.MESSAGE_EXPIRY_INTERVAL, 5)
            .string(Property.CONTENT_TYPE, "text")
            .number(Property.TOPIC_ALIAS, 1);
    List<byte[]> seeds =
        List.of(
            maker.publishPacket("a/b", 1, 1, "payload", properties),
            packet(0x82, "0007 00" + text("a/+") + "01"),
            RawClient.bytes(
                out -> Encoder.unsubscribe(out, MqttVersion.V5, 1, List.of("a/+"), NONE)),
            hex("4004 0001 00 00"),
            hex("e002 00 00"));
    for (int i = 0; i < 300; i++) {
      byte[] packet = seeds.get(i % seeds.size()).clone();
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        packet[random.nextInt(packet.length)] = (byte) random.nextInt(256);
      }
      RawClient client = open(transport);
      client.connect("mutant-" + i);
      client.send(packet);
      client.sendUnlessClosed(hex("c000"));
      client.close();
    }
  }
}
