package io.busbar.mqtt;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What people are shown of packets, and what not. */
class PacketFieldsTest {
  private static byte[] packet(Consumer<ByteBuf> encoder) {
    ByteBuf out = Unpooled.buffer();
    encoder.accept(out);
    return ByteBufUtil.getBytes(out);
  }

  private static PacketFields of(byte[] packet, MqttVersion version, int payload) {
    return PacketFields.of(packet, 0, packet.length, version, payload);
  }

  private static PacketFields connect(String user) {
    PropertyWriter properties =
        new PropertyWriter()
            .number(Property.SESSION_EXPIRY_INTERVAL, 60)
            .string(Property.AUTHENTICATION_METHOD, "CUSTOM-JWT")
            .binary(Property.AUTHENTICATION_DATA, "a secret".getBytes(UTF_8))
            .user("key", "another secret");
    byte[] password = "the secret".getBytes(UTF_8);
    return of(
        packet(
            out ->
                Encoder.connect(out, MqttVersion.V5, "id", true, 30, user, password, properties)),
        MqttVersion.V3_1_1,
        1_024);
  }

  @Test
  void ofConnectNothingSecretIsShown() {
    PacketFields connect = connect("press-7");
    assertThat(connect.type()).isEqualTo("CONNECT");
    assertThat(connect.fields())
        .containsEntry("version", "5")
        .containsEntry("clientId", "id")
        .containsEntry("userName", "press-7")
        .containsEntry("cleanStart", true)
        .containsEntry("keepAlive", 30)
        .containsEntry("sessionExpiry", 60L)
        .containsEntry("authenticationMethod", "CUSTOM-JWT")
        .containsEntry("authenticationDataBytes", 8)
        .containsEntry("passwordBytes", 10)
        .containsEntry("userProperties", List.of("key (14 bytes)"));
    assertThat(connect.toString()).doesNotContain("secret");
  }

  @Test
  void aUserNameThatIsATokenIsNotShown() {
    assertThat(connect("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig").fields())
        .containsEntry("userName", "(a token)");
    assertThat(connect("hub/device?sig=abc&se=1").fields())
        .containsEntry("userName", "hub/device?…");
  }

  private static byte[] publish(MqttVersion version, String topic, byte[] payload) {
    PropertyWriter properties =
        new PropertyWriter().number(Property.MESSAGE_EXPIRY_INTERVAL, 9).user("trip", "forty-two");
    byte[] packet = packet(out -> Encoder.publish(out, version, topic, 1, 7, payload, properties));
    packet[0] |= 0x09;
    return packet;
  }

  @ParameterizedTest
  @EnumSource
  void whatAMessageCarriesIsShownOnlyIfItIsAskedFor(MqttVersion version) {
    byte[] packet = publish(version, "a/b", "hello".getBytes(UTF_8));
    PacketFields shown = of(packet, version, 0);
    assertThat(shown.type()).isEqualTo("PUBLISH");
    assertThat(shown.fields())
        .containsEntry("topic", "a/b")
        .containsEntry("qos", 1)
        .containsEntry("packetId", 7)
        .containsEntry("dup", true)
        .containsEntry("retain", true)
        .containsEntry("bytes", 5)
        .doesNotContainKey("payloadBase64");
    assertThat(shown.toString()).doesNotContain("forty-two", "hello");

    PacketFields asked = of(packet, version, 3);
    assertThat((byte[]) asked.fields().get("payloadBase64")).isEqualTo("hel".getBytes(UTF_8));
    if (version == MqttVersion.V5) {
      assertThat(shown.fields())
          .containsEntry("messageExpiry", 9L)
          .containsEntry("userProperties", List.of("trip (9 bytes)"));
      assertThat(asked.fields()).containsEntry("userProperties", List.of("trip: forty-two"));
    }
  }

  @Test
  void aMessageWithSubscriptionIdentifiersIsRead_asServersSendIt() {
    byte[] packet = {0x30, 9, 0, 1, 't', 4, 0x0b, 1, 0x0b, 2, 'x'};
    assertThat(of(packet, MqttVersion.V5, 0).fields())
        .containsEntry("topic", "t")
        .containsEntry("subscriptionIdentifier", 2)
        .containsEntry("bytes", 1);
  }

  @Test
  void acknowledgementsHaveTheirReasons() {
    assertThat(
            of(
                    packet(
                        out ->
                            Encoder.ack(
                                out,
                                Packet.PUBACK,
                                3,
                                ReasonCode.NOT_AUTHORIZED,
                                new PropertyWriter().string(Property.REASON_STRING, "no"))),
                    MqttVersion.V5,
                    0)
                .fields())
        .isEqualTo(Map.of("packetId", 3, "reason", "0x87 not authorized", "reasonString", "no"));
    assertThat(
            of(
                    packet(
                        out ->
                            Encoder.suback(
                                out,
                                MqttVersion.V5,
                                3,
                                List.of(ReasonCode.GRANTED_QOS_1, ReasonCode.NOT_AUTHORIZED),
                                new PropertyWriter())),
                    MqttVersion.V5,
                    0)
                .fields())
        .containsEntry("reasons", List.of("granted qos 1", "0x87 not authorized"));
  }

  @Test
  void whateverIsLongIsCut() {
    byte[] topic = publish(MqttVersion.V5, "\uD83D\uDE00".repeat(10_000), new byte[0]);
    String shown = (String) of(topic, MqttVersion.V5, 0).fields().get("topic");
    assertThat(shown).hasSizeLessThanOrEqualTo(PacketFields.MOST_TEXT + 1).endsWith("…");
    assertThat(shown.chars().filter(c -> Character.isHighSurrogate((char) c)).count())
        .isEqualTo(shown.chars().filter(c -> Character.isLowSurrogate((char) c)).count());

    List<Packet.Filter> filters = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      filters.add(new Packet.Filter("f".getBytes(UTF_8), 0, false, false, 0));
    }
    byte[] subscribe =
        packet(out -> Encoder.subscribe(out, MqttVersion.V5, 1, filters, new PropertyWriter()));
    assertThat((List<?>) of(subscribe, MqttVersion.V5, 0).fields().get("filters"))
        .hasSize(PacketFields.MOST_ITEMS + 1)
        .last()
        .isEqualTo("… 984 more");
  }

  @Test
  void whateverComesIsShownAsFarAsItCanBeRead() {
    byte[] bytes = publish(MqttVersion.V5, "a/b", "hello".getBytes(UTF_8));
    Random random = new Random(7);
    for (int i = 0; i < 20_000; i++) {
      byte[] broken = bytes.clone();
      broken[random.nextInt(broken.length)] = (byte) random.nextInt(256);
      broken[0] = (byte) random.nextInt(256);
      int end = 2 + random.nextInt(broken.length - 1);
      assertThat(PacketFields.of(broken, 0, end, MqttVersion.V5, 1_024).type()).isNotEmpty();
    }
    assertThat(of(new byte[] {0x40, 1, 7}, MqttVersion.V5, 0).fields())
        .containsEntry("malformed", "packet ends inside a field");
  }
}
