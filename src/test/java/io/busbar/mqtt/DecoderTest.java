package io.busbar.mqtt;

import static io.busbar.mqtt.Packets.V4;
import static io.busbar.mqtt.Packets.V5;
import static io.busbar.mqtt.Packets.binary;
import static io.busbar.mqtt.Packets.cat;
import static io.busbar.mqtt.Packets.connectHead;
import static io.busbar.mqtt.Packets.decode;
import static io.busbar.mqtt.Packets.hex;
import static io.busbar.mqtt.Packets.packet;
import static io.busbar.mqtt.Packets.properties;
import static io.busbar.mqtt.Packets.string;
import static io.busbar.mqtt.Packets.u16;
import static io.busbar.mqtt.Packets.u8;
import static io.busbar.mqtt.ReasonCode.MALFORMED_PACKET;
import static io.busbar.mqtt.ReasonCode.PROTOCOL_ERROR;
import static io.busbar.mqtt.ReasonCode.TOPIC_ALIAS_INVALID;
import static io.busbar.mqtt.ReasonCode.TOPIC_NAME_INVALID;
import static io.busbar.mqtt.ReasonCode.UNSUPPORTED_PROTOCOL_VERSION;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class DecoderTest {

  /** A packet that must be refused, and the reason code that the standard gives for it. */
  record Bad(String name, MqttVersion version, byte[] bytes, ReasonCode expected) {
    @Override
    public String toString() {
      return name + " (" + version + ")";
    }
  }

  static Stream<Packets.Valid> packets() {
    return Packets.valid().stream();
  }

  @ParameterizedTest
  @MethodSource("packets")
  void valid(Packets.Valid packet) throws MqttException {
    Packet decoded = decode(packet.bytes(), packet.version());

    assertThat(decoded == null).isEqualTo(packet.type() == Packet.PUBLISH);
  }

  @ParameterizedTest
  @MethodSource("packets")
  void truncatedAnywhereIsMalformed(Packets.Valid packet) {
    byte[] body = packet.body();
    for (int length = 0; length < body.length; length++) {
      byte[] cut = packet(packet.bytes()[0], Arrays.copyOf(body, length));
      Throwable thrown = catchThrowable(() -> decode(cut, packet.version()));
      if (packet.shorter().contains(length)) {
        assertThat(thrown).as("cut to %d bytes", length).isNull();
      } else {
        assertThat(thrown)
            .as("cut to %d bytes", length)
            .isInstanceOfSatisfying(
                MqttException.class,
                e -> assertThat(e.reason()).isIn(MALFORMED_PACKET, PROTOCOL_ERROR));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("packets")
  void bytesBehindTheEndAreMalformed(Packets.Valid packet) {
    if (packet.type() == Packet.PUBLISH
        || packet.type() == Packet.SUBACK
        || (packet.type() == Packet.UNSUBACK && packet.version() == V5)) {
      return; // their last field runs to the end
    }
    byte[] longer = packet(packet.bytes()[0], packet.body(), hex("00"));
    if (packet.version() == V5 && packet.body().length < 3 && packet.type() != Packet.CONNECT) {
      longer = packet(packet.bytes()[0], packet.body(), hex("00 00 00"));
    }

    refused(longer, packet.version(), MALFORMED_PACKET);
  }

  @ParameterizedTest
  @MethodSource("packets")
  void otherFixedHeaderFlagsAreMalformed(Packets.Valid packet) {
    if (packet.type() == Packet.PUBLISH) {
      return; // its flags have meanings
    }
    for (int flags = 0; flags < 16; flags++) {
      byte[] other = packet.bytes().clone();
      other[0] = (byte) ((other[0] & 0xf0) | flags);
      if (other[0] != packet.bytes()[0]) {
        refused(other, packet.version(), MALFORMED_PACKET);
      }
    }
  }

  static List<Bad> cases() {
    List<Bad> all = new ArrayList<>();
    for (MqttVersion version : MqttVersion.values()) {
      byte[] none = version == V5 ? hex("00") : hex("");
      connects(all, version, none);
      publishes(all, version, none);
      subscriptions(all, version, none);
      utf8(all, version, none);
      bad(all, "packet type 0", version, packet(0x00), MALFORMED_PACKET);
      bad(all, "[MQTT-2.2.1-3] PUBACK of 0", version, packet(0x40, u16(0)), PROTOCOL_ERROR);
      bad(all, "[MQTT-2.2.1-3] PUBREL of 0", version, packet(0x62, u16(0)), PROTOCOL_ERROR);
      byte[] connack = packet(0x20, hex("0200"), none);
      bad(all, "[MQTT-3.2.2-1] reserved CONNACK flag", version, connack, MALFORMED_PACKET);
      byte[] suback = packet(0x90, u16(1), none);
      bad(all, "SUBACK without a code", version, suback, PROTOCOL_ERROR);
    }
    bad(all, "AUTH", V4, packet(0xf0), MALFORMED_PACKET);
    bad(all, "DISCONNECT with a code", V4, packet(0xe0, u8(0)), MALFORMED_PACKET);
    bad(all, "PUBACK with a code", V4, packet(0x40, u16(1), u8(0)), MALFORMED_PACKET);
    bad(all, "UNSUBACK with a code", V4, packet(0xb0, u16(1), u8(0)), MALFORMED_PACKET);
    bad(all, "PUBACK, unknown code", V5, packet(0x40, u16(1), u8(0x7f)), PROTOCOL_ERROR);
    bad(all, "DISCONNECT, unknown code", V5, packet(0xe0, u8(0x03)), PROTOCOL_ERROR);
    // section 2.4: which packet may carry which code
    for (int code = 0; code < 0x100; code++) {
      for (int type : new int[] {0x40, 0x50, 0x62, 0x70, 0xe0, 0xf0}) {
        ReasonCode reason = ReasonCode.of(code);
        if (reason == null || !reason.isFor(type >> 4)) {
          byte[] id = type < 0x80 ? u16(1) : new byte[0];
          byte[] empty = type == 0xf0 ? u8(0) : new byte[0];
          String name = "code 0x%02x in %02x".formatted(code, type);
          bad(all, name, V5, packet(type, id, u8(code), empty), PROTOCOL_ERROR);
        }
      }
    }
    propertyRules(all);
    return all;
  }

  private static void connects(List<Bad> all, MqttVersion version, byte[] none) {
    byte[] id = cat(none, string("id"));
    byte[] will = cat(id, none, string("w"), binary(hex("01")));
    bad(all, "[MQTT-3.1.2-3] reserved CONNECT flag", version, 0x03, id, MALFORMED_PACKET);
    bad(all, "[MQTT-3.1.2-11] will QoS without will", version, 0x0a, id, MALFORMED_PACKET);
    bad(all, "[MQTT-3.1.2-13] will retain without will", version, 0x22, id, MALFORMED_PACKET);
    bad(all, "[MQTT-3.1.2-12] will QoS 3", version, 0x1e, will, MALFORMED_PACKET);
    bad(all, "will flag without will", version, 0x06, id, MALFORMED_PACKET);
    byte[] wildcard = cat(id, none, string("w/+"), binary(hex("01")));
    bad(
        all,
        "[MQTT-3.3.2-2] will topic with wildcard",
        version,
        0x06,
        wildcard,
        TOPIC_NAME_INVALID);
    byte[] empty = cat(id, none, string(""), binary(hex("01")));
    bad(all, "[MQTT-4.7.3-1] empty will topic", version, 0x06, empty, TOPIC_NAME_INVALID);
    bad(all, "[MQTT-3.1.2-17] user name missing", version, 0x82, id, MALFORMED_PACKET);
    byte[] password = cat(id, string("password"));
    if (version == V4) {
      bad(all, "[MQTT-3.1.2-22] password without user", V4, 0x42, password, MALFORMED_PACKET);
    }
    byte[] tail = cat(hex("02 003c"), id);
    int level = version.level();
    byte[] name = packet(0x10, string("MQTX"), u8(level), tail);
    bad(all, "[MQTT-3.1.2-1] protocol name", version, name, MALFORMED_PACKET);
    byte[] lower = packet(0x10, string("mqtt"), u8(level), tail);
    bad(all, "[MQTT-3.1.2-1] protocol name in lower case", version, lower, MALFORMED_PACKET);
    for (int unknown : new int[] {0, 3, 6, 0x84, 255}) {
      byte[] other = packet(0x10, string("MQTT"), u8(unknown), tail);
      String what = "[MQTT-3.1.2-2] protocol level " + unknown;
      bad(all, what, version, other, UNSUPPORTED_PROTOCOL_VERSION);
    }
    byte[] old = packet(0x10, string("MQIsdp"), u8(3), tail);
    bad(all, "[MQTT-3.1.2-2] MQTT 3.1", version, old, UNSUPPORTED_PROTOCOL_VERSION);
  }

  private static void publishes(List<Bad> all, MqttVersion version, byte[] none) {
    byte[] qos3 = packet(0x36, string("a"), u16(1), none);
    bad(all, "[MQTT-3.3.1-4] QoS 3", version, qos3, MALFORMED_PACKET);
    byte[] dup = packet(0x38, string("a"), none);
    bad(all, "[MQTT-3.3.1-2] DUP with QoS 0", version, dup, MALFORMED_PACKET);
    byte[] noId = packet(0x32, string("a"));
    bad(all, "[MQTT-2.2.1-4] QoS 1 without packet id", version, noId, MALFORMED_PACKET);
    byte[] beyond = packet(0x30, u16(9), hex("6161"));
    bad(all, "topic length beyond the packet", version, beyond, MALFORMED_PACKET);
  }

  private static void subscriptions(List<Bad> all, MqttVersion version, byte[] none) {
    for (int header : new int[] {0x82, 0xa2}) {
      String what = header == 0x82 ? "SUBSCRIBE" : "UNSUBSCRIBE";
      byte[] options = header == 0x82 ? hex("00") : hex("");
      byte[] zero = packet(header, u16(0), none, string("a"), options);
      bad(all, "[MQTT-2.2.1-3] " + what + " of 0", version, zero, PROTOCOL_ERROR);
      byte[] nothing = packet(header, u16(1), none);
      bad(all, "[MQTT-3.8.3-2] " + what + " of nothing", version, nothing, PROTOCOL_ERROR);
      byte[] cut = packet(header, u16(1), none, string("a"), options, u16(3), hex("6161"));
      bad(all, what + " ends inside a filter", version, cut, MALFORMED_PACKET);
    }
    // 3.1.1 calls QoS 3 malformed [MQTT-3-8.3-4]; 5.0 a protocol error (section 3.8.3.1)
    byte[] qos3 = packet(0x82, u16(1), none, string("a"), hex("03"));
    ReasonCode three = version == V5 ? PROTOCOL_ERROR : MALFORMED_PACKET;
    bad(all, "SUBSCRIBE with QoS 3", version, qos3, three);
    for (int reserved :
        version == V5 ? new int[] {0x40, 0x80} : new int[] {4, 8, 16, 32, 64, 128}) {
      byte[] set = packet(0x82, u16(1), none, string("a"), u8(reserved));
      bad(all, "[MQTT-3.8.3-5] reserved option " + reserved, version, set, MALFORMED_PACKET);
    }
    if (version == V5) {
      byte[] handling = packet(0x82, u16(1), none, string("a"), hex("30"));
      bad(all, "retain handling 3", V5, handling, PROTOCOL_ERROR);
    }
  }

  private static void utf8(List<Bad> all, MqttVersion version, byte[] none) {
    Map<String, String> invalid =
        Map.of(
            "[MQTT-1.5.4-1] surrogate", "eda080",
            "[MQTT-1.5.4-1] paired surrogates", "eda080edb080",
            "[MQTT-1.5.4-2] U+0000", "610062",
            "overlong U+0000", "c080",
            "overlong slash", "c0af",
            "overlong in three bytes", "e08080",
            "above U+10FFFF", "f4908080",
            "truncated character", "61e282",
            "stray continuation", "80");
    invalid.forEach(
        (what, digits) -> {
          byte[] text = binary(hex(digits));
          bad(all, what + " in client id", version, 0x02, cat(none, text), MALFORMED_PACKET);
          byte[] will = cat(none, string("id"), none, text, binary(hex("01")));
          bad(all, what + " in will topic", version, 0x06, will, MALFORMED_PACKET);
          byte[] user = cat(none, string("id"), text);
          bad(all, what + " in user name", version, 0x82, user, MALFORMED_PACKET);
          if (version == V5) {
            for (int property : new int[] {0x03, 0x08}) {
              byte[] with = properties(u8(property), text);
              byte[] publish = packet(0x30, string("a"), with);
              bad(all, what + " in property " + property, V5, publish, MALFORMED_PACKET);
            }
            byte[] name = packet(0x30, string("a"), properties(hex("26"), text, string("v")));
            bad(all, what + " in user property name", V5, name, MALFORMED_PACKET);
            byte[] value = packet(0x40, hex("0001 00"), properties(hex("26"), string("n"), text));
            bad(all, what + " in user property value", V5, value, MALFORMED_PACKET);
          }
        });
  }

  /** Properties: misplaced and unknown ones are malformed by section 2.2.2.2. */
  private static void propertyRules(List<Bad> all) {
    property(all, "unknown property", "04 00", MALFORMED_PACKET);
    property(all, "unknown property 0", "00 00", MALFORMED_PACKET);
    property(all, "unknown property above", "2b 00", MALFORMED_PACKET);
    property(all, "unknown property 0x7f", "7f 00", MALFORMED_PACKET);
    property(all, "unknown property in two bytes", "a601 0000", MALFORMED_PACKET);
    property(all, "[MQTT-1.5.5-1] identifier not minimal", "a100 000a", MALFORMED_PACKET);
    property(all, "property of another packet", "23 0001", MALFORMED_PACKET);
    property(all, "property cut off by the property length", "21 00", MALFORMED_PACKET);
    property(all, "Receive Maximum twice", "21 0001 21 0001", PROTOCOL_ERROR);
    property(all, "Receive Maximum 0", "21 0000", PROTOCOL_ERROR);
    property(all, "Maximum Packet Size 0", "27 00000000", PROTOCOL_ERROR);
    property(all, "Session Expiry twice", "11 00000001 11 00000001", PROTOCOL_ERROR);
    property(all, "Request Problem Information 2", "17 02", PROTOCOL_ERROR);
    property(all, "Request Response Information 2", "19 02", PROTOCOL_ERROR);
    property(all, "Authentication Data without method", "16 0000", PROTOCOL_ERROR);
    property(all, "Authentication Method twice", "15 0001 61 15 0001 61", PROTOCOL_ERROR);

    byte[] head = connectHead(V5, 0x02);
    byte[] beyond = packet(0x10, head, hex("7f 21 000a"), string("id"));
    bad(all, "property length beyond the packet", V5, beyond, MALFORMED_PACKET);
    byte[] loose = packet(0x10, head, hex("8000"), string("id"));
    bad(all, "[MQTT-1.5.5-1] property length not minimal", V5, loose, MALFORMED_PACKET);
    byte[] five = packet(0x10, head, hex("8080808001"), string("id"));
    bad(all, "property length in five bytes", V5, five, MALFORMED_PACKET);

    message(all, "[MQTT-3.3.2-8] Topic Alias 0", "23 0000", TOPIC_ALIAS_INVALID);
    message(all, "Topic Alias twice", "23 0001 23 0001", PROTOCOL_ERROR);
    message(all, "Message Expiry twice", "02 00000001 02 00000001", PROTOCOL_ERROR);
    message(all, "Payload Format twice", "01 01 01 01", PROTOCOL_ERROR);
    message(all, "Payload Format 2", "01 02", PROTOCOL_ERROR);
    message(all, "[MQTT-3.3.4-6] Subscription Identifier", "0b 01", PROTOCOL_ERROR);
    message(all, "property of CONNECT", "21 0001", MALFORMED_PACKET);
    message(all, "unknown property", "04 00", MALFORMED_PACKET);
    message(all, "[MQTT-3.3.2-14] Response Topic with wildcard", "08 0001 23", PROTOCOL_ERROR);
    message(all, "[MQTT-4.7.3-1] empty Response Topic", "08 0000", PROTOCOL_ERROR);
    message(all, "Content Type twice", "03 0001 61 03 0001 61", PROTOCOL_ERROR);
    message(all, "Correlation Data twice", "09 0000 09 0000", PROTOCOL_ERROR);
    message(all, "Response Topic twice", "08 0001 61 08 0001 61", PROTOCOL_ERROR);
    message(all, "property cut off by the property length", "02 0000", MALFORMED_PACKET);
    byte[] over = packet(0x30, string("a"), hex("05 01 01"));
    bad(all, "PUBLISH, property length beyond the packet", V5, over, MALFORMED_PACKET);
    byte[] long5 = packet(0x30, string("a"), hex("8080808001 00"));
    bad(all, "PUBLISH, property length in five bytes", V5, long5, MALFORMED_PACKET);
    byte[] not = packet(0x30, string("a"), hex("8000"));
    bad(all, "[MQTT-1.5.5-1] PUBLISH, property length not minimal", V5, not, MALFORMED_PACKET);

    byte[] filter = cat(string("a"), u8(0));
    byte[] zero = packet(0x82, u16(1), properties("0b 00"), filter);
    bad(all, "Subscription Identifier 0", V5, zero, PROTOCOL_ERROR);
    byte[] twice = packet(0x82, u16(1), properties("0b 01 0b 02"), filter);
    bad(all, "Subscription Identifier twice", V5, twice, PROTOCOL_ERROR);
    byte[] minimal = packet(0x82, u16(1), properties("0b 8100"), filter);
    bad(all, "[MQTT-1.5.5-1] identifier not minimal", V5, minimal, MALFORMED_PACKET);
    byte[] large = packet(0x82, u16(1), properties("0b 8080808001"), filter);
    bad(all, "Subscription Identifier in five bytes", V5, large, MALFORMED_PACKET);
    byte[] unsubscribe = packet(0xa2, u16(1), properties("0b 01"), string("a"));
    bad(all, "Subscription Identifier in UNSUBSCRIBE", V5, unsubscribe, MALFORMED_PACKET);
    byte[] will = properties("21 0001");
    byte[] connect =
        packet(0x10, connectHead(V5, 0x06), hex("00"), string("id"), will, string("w"), u16(0));
    bad(all, "Receive Maximum in a will", V5, connect, MALFORMED_PACKET);
    byte[] puback = packet(0x40, hex("0001 00"), properties("11 00000001"));
    bad(all, "Session Expiry in PUBACK", V5, puback, MALFORMED_PACKET);
    byte[] reasons = properties(hex("1f 0001 61 1f 0001 61"));
    bad(all, "Reason String twice", V5, packet(0x40, hex("0001 00"), reasons), PROTOCOL_ERROR);
    bad(all, "Reason String twice", V5, packet(0xe0, u8(0), reasons), PROTOCOL_ERROR);
    bad(all, "AUTH of one byte", V5, packet(0xf0, u8(0x18)), MALFORMED_PACKET);
  }

  private static void property(List<Bad> all, String name, String digits, ReasonCode expected) {
    byte[] packet = packet(0x10, connectHead(V5, 0x02), properties(digits), string("id"));
    bad(all, "CONNECT, " + name, V5, packet, expected);
  }

  private static void message(List<Bad> all, String name, String digits, ReasonCode expected) {
    byte[] packet = packet(0x30, string("a"), properties(digits), hex("ff"));
    bad(all, "PUBLISH, " + name, V5, packet, expected);
  }

  private static void bad(
      List<Bad> all, String name, MqttVersion version, int flags, byte[] body, ReasonCode reason) {
    bad(all, name, version, packet(0x10, connectHead(version, flags), body), reason);
  }

  private static void bad(
      List<Bad> all, String name, MqttVersion version, byte[] packet, ReasonCode expected) {
    all.add(new Bad(name, version, packet, expected));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void bad(Bad bad) {
    refused(bad.bytes, bad.version, bad.expected);
  }

  private static void refused(byte[] packet, MqttVersion version, ReasonCode expected) {
    assertThatExceptionOfType(MqttException.class)
        .isThrownBy(() -> decode(packet, version))
        .satisfies(e -> assertThat(e.reason()).as(e.getMessage()).isEqualTo(expected));
  }

  @Test
  void connectKeepsEveryField() throws MqttException {
    Packets.Valid whole = Packets.valid().stream().filter(p -> p.version() == V5).toList().get(1);
    Packet.Connect connect = (Packet.Connect) decode(whole.bytes(), V4);

    assertThat(connect.version()).isEqualTo(V5);
    assertThat(connect.cleanStart()).isTrue();
    assertThat(connect.keepAlive()).isEqualTo(60);
    assertThat(connect.clientId()).isEqualTo("cliënt");
    assertThat(connect.userName()).isEqualTo("user");
    assertThat(connect.password()).isEqualTo(hex("ff00"));
    Properties properties = connect.properties();
    assertThat(properties.number(Property.SESSION_EXPIRY_INTERVAL, 0)).isEqualTo(10);
    assertThat(properties.number(Property.RECEIVE_MAXIMUM, 65535)).isEqualTo(10);
    assertThat(properties.number(Property.MAXIMUM_PACKET_SIZE, 0)).isEqualTo(4096);
    assertThat(properties.number(Property.REQUEST_PROBLEM_INFORMATION, 1)).isZero();
    assertThat(properties.number(Property.SERVER_KEEP_ALIVE, -1)).isEqualTo(-1);
    assertThat(properties.authenticationMethod()).isEqualTo("X");
    assertThat(properties.authenticationData()).isEqualTo("data".getBytes(StandardCharsets.UTF_8));
    assertThat(properties.userProperties())
        .containsExactly(Map.entry("name", "value"), Map.entry("name", "value"));
    Packet.Will will = connect.will();
    assertThat(will.qos()).isEqualTo(1);
    assertThat(will.retain()).isTrue();
    assertThat(will.topic()).isEqualTo("will/topic");
    assertThat(will.payload()).isEqualTo(hex("00ff80"));
    assertThat(will.properties().number(Property.WILL_DELAY_INTERVAL, 0)).isEqualTo(1);
  }

  @Test
  void subscribeKeepsEveryOption() throws MqttException {
    byte[] bytes = packet(0x82, u16(513), properties("0b ffffff7f"), string("a/+"), hex("2d"));
    Packet.Subscribe subscribe = (Packet.Subscribe) decode(bytes, V5);

    assertThat(subscribe.packetId()).isEqualTo(513);
    assertThat(subscribe.properties().number(Property.SUBSCRIPTION_IDENTIFIER, 0))
        .isEqualTo(268_435_455);
    Packet.Filter filter = subscribe.filters().get(0);
    assertThat(filter.filter()).isEqualTo("a/+".getBytes(StandardCharsets.UTF_8));
    assertThat(filter.qos()).isEqualTo(1);
    assertThat(filter.noLocal()).isTrue();
    assertThat(filter.retainAsPublished()).isTrue();
    assertThat(filter.retainHandling()).isEqualTo(2);
  }

  @Test
  void passwordWithoutUserNameIsAllowedInVersion5() throws MqttException {
    byte[] bytes = packet(0x10, connectHead(V5, 0x42), hex("00"), string("id"), string("secret"));
    Packet.Connect connect = (Packet.Connect) decode(bytes, V5);

    assertThat(connect.userName()).isNull();
    assertThat(connect.password()).isEqualTo("secret".getBytes(StandardCharsets.UTF_8));
  }

  @ParameterizedTest
  @ValueSource(strings = {"e000", "e00100", "e0020000", "e0020400"})
  void disconnectMayEndEarly(String digits) throws MqttException {
    assertThat(decode(hex(digits), V5)).isInstanceOf(Packet.Disconnect.class);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 2",
    "127, 129",
    "128, 131",
    "16383, 16386",
    "16384, 16388",
    "2097151, 2097155",
    "2097152, 2097157",
    "268435455, 268435460"
  })
  void packetLength(int remaining, int expected) throws MqttException {
    byte[] header = cat(hex("ff30"), Packets.variable(remaining), hex("00"));

    assertThat(Decoder.packetLength(header, 1, header.length)).isEqualTo(expected);
    for (int end = 1; end < header.length - 1; end++) {
      assertThat(Decoder.packetLength(header, 1, end)).isEqualTo(Decoder.INCOMPLETE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"8000", "ff00", "808000", "80808000", "8080808001", "ffffffff"})
  void remainingLengthNotMinimalOrTooLong(String digits) {
    byte[] header = cat(hex("30"), hex(digits));

    assertThatExceptionOfType(MqttException.class)
        .isThrownBy(() -> Decoder.packetLength(header, 0, header.length))
        .satisfies(e -> assertThat(e.reason()).isEqualTo(MALFORMED_PACKET));
  }
}
