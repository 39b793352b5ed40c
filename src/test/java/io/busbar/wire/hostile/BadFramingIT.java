package io.busbar.wire.hostile;

import static io.busbar.testing.RawClient.hex;
import static io.busbar.wire.hostile.Raw.connect;
import static io.busbar.wire.hostile.Raw.ended;
import static io.busbar.wire.hostile.Raw.packet;
import static io.busbar.wire.hostile.Raw.refused;
import static io.busbar.wire.hostile.Raw.sized;
import static io.busbar.wire.hostile.Raw.text;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import io.busbar.testing.WebSocketFrames;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Families 1 to 6 of docs/hardening.md: lengths that lie, packets that end early or never. */
class BadFramingIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  @Order(1)
  @RegisterExtension
  static final TestNode NODE = TestNode.with(1, Profile.OPEN, Map.of(Limit.CONNECT_TIMEOUT, 2L));

  @Order(2)
  @RegisterExtension
  static final Bystander BYSTANDER = new Bystander(id -> NODE.connected(MqttVersion.V5, id));

  private static RawClient open(Transport transport) throws IOException {
    return NODE.open(transport, MqttVersion.V5);
  }

  private static RawClient connected(Transport transport, String clientId) throws IOException {
    RawClient client = open(transport);
    client.connect(clientId);
    return client;
  }

  // --- 1 ---

  @Test
  void family01_lengthBeyondTheWebSocketFrame() throws IOException {
    RawClient first = open(Transport.WS);
    first.send("10 8020 000000");
    RawClient client = connected(Transport.WS, "beyond");
    client.subscribe("t", 0);
    byte[] packet = packet(0x30, text("t") + "00" + "78".repeat(4_092));
    assertThat(Arrays.copyOf(packet, 3)).isEqualTo(hex("308020"));
    client.send(Arrays.copyOf(packet, 6));
    // three of 4096 bytes were there: the rest is what the next frames hold, nothing else
    client.send(Arrays.copyOfRange(packet, 6, 4_000));
    client.send(Raw.concat(Arrays.copyOfRange(packet, 4_000, packet.length), hex("c000")));
    client.expectMessage("x".repeat(4_092));
    assertThat(client.read()).isInstanceOf(Packet.Ping.class);
    // the CONNECT that never ended
    first.expectClose();
  }

  @Test
  void family01_packetsSplitAndMergedOverFrames() throws IOException {
    RawClient client = open(Transport.WS);
    byte[] connect = client.connectPacket("split", 0, new PropertyWriter().user("a", "b"));
    for (byte b : connect) {
      client.send(new byte[] {b});
    }
    assertThat(client.read(Packet.Connack.class).code()).isZero();
    byte[] publish = client.publishPacket("t", 1, 9, "split", NONE);
    for (int at = 0; at <= publish.length; at++) {
      client.send(Raw.concat(hex("c000"), Arrays.copyOf(publish, at)));
      client.send(Raw.concat(Arrays.copyOfRange(publish, at, publish.length), hex("c000")));
      assertThat(client.read()).isInstanceOf(Packet.Ping.class);
      assertThat(client.read(Packet.Ack.class).packetId()).isEqualTo(9);
      assertThat(client.read()).isInstanceOf(Packet.Ping.class);
    }
  }

  /** Before anybody is let in; WebSocketIT has them after CONNECT. */
  @Test
  void family01_frameLengthsThatOverflow() throws IOException {
    for (String frame :
        List.of(
            "82 ff ffffffffffffffff 00000000",
            "82 ff 8000000000000000 00000000",
            "82 ff 7fffffffffffffff 00000000",
            "82 ff 0000000100000001 00000000",
            "82 ff 0000000000000001 00000000 10",
            "82 fe 0001 00000000 10")) {
      RawClient client = open(Transport.WS);
      client.frames().sendRaw(hex(frame));
      client.expectClose();
      assertThat(client.frames().closeStatus()).as(frame).isIn(1000, 1002, 1009);
    }
    // a binary message of many frames is bounded as a packet is
    RawClient client = open(Transport.WS);
    client.frames().send(WebSocketFrames.BINARY, false, hex("10 ffffff7f 0004 4d515454 05"));
    assertThat(client.read(Packet.Connack.class).code())
        .isEqualTo(ReasonCode.PACKET_TOO_LARGE.code());
    client.expectClose();
  }

  // --- 2 ---

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family02_variableByteIntegersOfFiveBytes(Transport transport) throws IOException {
    RawClient first = open(transport);
    first.send("10 ffffffff01");
    first.expectClose();
    String five = "8080808001";
    String head = text("MQTT") + "05 02 0000";
    refused(open(transport), packet(0x10, head + five + text("a")), ReasonCode.MALFORMED_PACKET);
    refused(
        open(transport),
        packet(0x10, text("MQTT") + "05 06 0000 00" + text("a") + five + text("t") + text("x")),
        ReasonCode.MALFORMED_PACKET);
    for (byte[] packet :
        List.of(
            hex("30 ffffffff7f"),
            hex("30 ffffffffff"),
            hex("c0 8080808000"),
            packet(0x30, text("a") + five),
            packet(0x40, "0001 00" + five),
            packet(0x82, "0001" + five + text("a") + "00"),
            packet(0x82, "0001" + sized("0b ffffffff01") + text("a") + "00"),
            packet(0xa2, "0001" + five + text("a")),
            packet(0xe0, "00" + five))) {
      ended(connected(transport, "five"), packet, ReasonCode.MALFORMED_PACKET);
    }
  }

  // --- 3 ---

  /** The remaining length says less than the packet needs. */
  @Test
  void family03_remainingLengthSmallerThanTheContent() throws IOException {
    RawClient maker = open(Transport.TCP);
    byte[] publish = maker.publishPacket("topic", 1, 1, "", new PropertyWriter().user("a", "b"));
    byte[] subscribe =
        maker.subscribePacket(List.of(new Packet.Filter(hex("61"), 1, false, false, 0)), NONE);
    byte[] connect = maker.connectPacket("small", 0, new PropertyWriter().user("a", "b"));
    for (byte[] packet : List.of(publish, subscribe, connect)) {
      for (int length = 0; length < packet.length - 2; length++) {
        byte[] cut = Arrays.copyOf(packet, 2 + length);
        cut[1] = (byte) length;
        if (packet == connect) {
          RawClient client = open(Transport.TCP);
          client.send(cut);
          Raw.drained(client);
        } else {
          // 0x82 where what is left is a SUBSCRIBE without filters
          ended(
              connected(Transport.TCP, "short"),
              cut,
              ReasonCode.MALFORMED_PACKET,
              ReasonCode.PROTOCOL_ERROR);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family03_remainingLengthLargerByOne(Transport transport) throws IOException {
    for (String packet :
        List.of(
            "40 05 0001 00 00 c0",
            "50 05 0001 00 00 c0",
            "62 05 0001 00 00 c0",
            "82 08 0001 00 0001 61 00 c0",
            "a2 07 0001 00 0001 61 c0",
            "c0 01 c0",
            "e0 03 00 00 c0")) {
      // what follows is taken for a part of it
      ended(connected(transport, "larger"), hex(packet + "00"), ReasonCode.MALFORMED_PACKET);
    }
    RawClient client = connected(transport, "payload");
    client.subscribe("t", 0);
    client.send("30 06 0001 74 00 78 c0 c000");
    assertThat(client.readPublish().payloadLength()).isEqualTo(2);
    assertThat(client.read()).isInstanceOf(Packet.Ping.class);
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family03_remainingLengthZero(Transport transport) throws IOException {
    RawClient first = open(transport);
    first.send("1000");
    first.expectClose();
    for (int head : new int[] {0x20, 0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xa2}) {
      ended(connected(transport, "empty"), packet(head, ""), ReasonCode.MALFORMED_PACKET);
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family03_announced256MbThenSilence(Transport transport) throws Exception {
    for (int i = 0; i < 20; i++) {
      refused(
          open(transport),
          hex("10 ffffff7f 0004 4d515454 05 02 0000 00"),
          ReasonCode.PACKET_TOO_LARGE);
      ended(connected(transport, "large"), hex("30 ffffff7f"), ReasonCode.PACKET_TOO_LARGE);
    }
    // as much as is allowed: 300 MB if a length were enough to be given memory
    for (int i = 0; i < 300; i++) {
      connected(transport, "silent-" + i).send("30 c0843d 0001 74");
    }
    BYSTANDER.assertHeap();
  }

  // --- 4 ---

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family04_packetIdentifierMissingOrZero(Transport transport) throws IOException {
    for (MqttVersion version : MqttVersion.values()) {
      boolean v5 = version == MqttVersion.V5;
      for (int head : new int[] {0x32, 0x34, 0x3a, 0x3c}) {
        for (String rest : List.of("", "00", "0000" + (v5 ? "00" : ""))) {
          RawClient client = NODE.open(transport, version);
          client.connect("no-id");
          ended(
              client,
              packet(head, text("a") + rest),
              rest.length() < 4 ? ReasonCode.MALFORMED_PACKET : ReasonCode.PROTOCOL_ERROR);
        }
      }
      String none = v5 ? "00" : "";
      for (byte[] packet :
          List.of(
              packet(0x40, "0000"),
              packet(0x50, "0000"),
              packet(0x62, "0000"),
              packet(0x70, "0000"),
              packet(0x82, "0000" + none + text("a") + "00"),
              packet(0xa2, "0000" + none + text("a")))) {
        RawClient client = NODE.open(transport, version);
        client.connect("zero");
        ended(client, packet, ReasonCode.PROTOCOL_ERROR);
      }
    }
  }

  // --- 5 ---

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family05_firstPacketIsNotConnectAndHuge(Transport transport) throws IOException {
    byte[] much = new byte[262_144];
    for (int type = 0; type < 16; type++) {
      if (type == Packet.CONNECT) {
        continue;
      }
      RawClient client = open(transport);
      client.sendUnlessClosed(
          Raw.concat(new byte[] {(byte) (type << 4)}, hex(type % 2 == 0 ? "ffffff7f" : "ffff3f")));
      for (int i = 0; i < 8; i++) {
        client.sendUnlessClosed(much);
      }
      client.expectClose();
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family05_secondConnect(Transport transport) throws IOException {
    for (MqttVersion version : MqttVersion.values()) {
      RawClient client = NODE.open(transport, version);
      client.connect("twice");
      ended(client, client.connectPacket("twice", 0, NONE), ReasonCode.PROTOCOL_ERROR);
      // in one piece with the first
      RawClient hasty = NODE.open(transport, version);
      byte[] connect = hasty.connectPacket("hasty", 0, NONE);
      hasty.send(Raw.concat(connect, connect, hex("c000")));
      assertThat(hasty.read(Packet.Connack.class).code()).isZero();
      hasty.expectEnd(ReasonCode.PROTOCOL_ERROR);
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family05_connectThatIsNeverFinished(Transport transport) throws IOException {
    RawClient client = open(transport);
    byte[] connect = client.connectPacket("x".repeat(1_000), 0, NONE);
    long before = NODE.total(Meter.DISCONNECTS);
    int[] sent = {0};
    Await.until(
        "the connection is closed",
        () -> {
          client.sendUnlessClosed(new byte[] {connect[sent[0]++]});
          return NODE.total(Meter.DISCONNECTS) > before;
        },
        () -> sent[0] + " bytes were taken");
    Raw.drained(client);
  }

  @Test
  void family05_nothingIsSent() throws IOException {
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      clients.add(NODE.bare(i % 2 == 0 ? Transport.TCP : Transport.WS));
    }
    for (RawClient client : clients) {
      client.expectClose();
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family05_everyPacketCutShort(Transport transport) throws IOException {
    RawClient maker = open(transport);
    byte[] connect = maker.connectPacket("cut", 10, new PropertyWriter().user("a", "b"));
    byte[] publish = maker.publishPacket("a", 1, 1, "x", new PropertyWriter().user("a", "b"));
    byte[] subscribe = packet(0x82, "0001 00" + text("a") + "01");
    for (int i = 1; i < connect.length; i++) {
      RawClient client = open(transport);
      client.send(Arrays.copyOf(connect, i));
      client.close();
    }
    for (byte[] packet : List.of(publish, subscribe)) {
      for (int i = 1; i < packet.length; i++) {
        RawClient client = connected(transport, "cut");
        client.send(Arrays.copyOf(packet, i));
        client.close();
      }
    }
  }

  /** All that comes before CONNACK waits in the socket, not on the heap, and then is answered. */
  @ParameterizedTest
  @EnumSource(Transport.class)
  void family05_bytesBeforeTheAnswer(Transport transport) throws Exception {
    byte[] pings = new byte[60_000];
    for (int i = 0; i < pings.length; i += 2) {
      pings[i] = (byte) (Packet.PINGREQ << 4);
    }
    RawClient client = open(transport);
    client.send(Raw.concat(client.connectPacket("before", 0, NONE), pings));
    assertThat(client.read(Packet.Connack.class).code()).isZero();
    for (int i = 0; i < pings.length / 2; i++) {
      assertThat(client.read()).isInstanceOf(Packet.Ping.class);
    }
    for (int i = 0; i < 50; i++) {
      RawClient refused = open(transport);
      refused.sendUnlessClosed(Raw.concat(connect(0x02, "21 0000", text("a")), pings));
      Raw.drained(refused);
    }
  }

  // --- 6 ---

  /** The answer comes on the word of the length: nothing of the fields is waited for. */
  @ParameterizedTest
  @EnumSource(Transport.class)
  void family06_hugeFieldsAreRefusedBeforeTheyCome(Transport transport) throws IOException {
    String most = "78".repeat(65_535);
    String will = sized("") + Raw.field(most) + Raw.field(most);
    for (byte[] connect :
        List.of(
            connect(0x02, "", Raw.field(most)),
            connect(0x82, "", text("a") + Raw.field(most)),
            connect(0x42, "", text("a") + Raw.field(most)),
            connect(0x06, "", text("a") + will),
            connect(0x02, "26" + text("n") + Raw.field(most), text("a")),
            connect(0xc6, "", Raw.field(most) + will + Raw.field(most) + Raw.field(most)))) {
      refused(open(transport), Arrays.copyOf(connect, 12), ReasonCode.PACKET_TOO_LARGE);
      refused(open(transport), connect, ReasonCode.PACKET_TOO_LARGE);
    }
    // MQTT 3.1.1 has no code for it
    RawClient older = NODE.open(transport, MqttVersion.V3_1_1);
    older.send("10 ffff7f 0004 4d515454 04 02 0000");
    Raw.drained(older);
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family06_fieldsThatJustFit(Transport transport) throws IOException {
    String large = "78".repeat(64_000);
    for (int i = 0; i < 20; i++) {
      refused(
          open(transport),
          connect(0x02, "", Raw.field(large)),
          ReasonCode.CLIENT_IDENTIFIER_NOT_VALID);
      refused(
          open(transport),
          connect(0x06, "", text("a") + sized("") + Raw.field(large) + text("x")),
          ReasonCode.TOPIC_NAME_INVALID);
      // one that says more than it holds
      refused(
          open(transport),
          packet(0x10, text("MQTT") + "05 02 0000 00 ffff" + large),
          ReasonCode.MALFORMED_PACKET);
    }
  }
}
