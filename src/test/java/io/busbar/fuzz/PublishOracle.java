package io.busbar.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.Publish;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** Reads a PUBLISH and writes it in every form that a receiver may need. */
final class PublishOracle {
  private static final HexFormat HEX = HexFormat.of();
  private static final byte[] RESOLVED = "resolved/topic".getBytes(UTF_8);
  private static final int[][] IDS = {{}, {1}, {128, 268_435_455}};
  private static final int ALIAS = 258;

  private PublishOracle() {}

  /** The packet is read as the model reads it, and all that is written of it says the same. */
  static void check(byte[] bytes, MqttVersion version) {
    SlowPacket.Message expected = SlowPacket.publish(bytes, version, false);
    // not at the beginning of its array, as in a buffer of several packets
    byte[] array = new byte[bytes.length + 5];
    System.arraycopy(bytes, 0, array, 3, bytes.length);
    Publish publish = new Publish();
    try {
      publish.parse(array, 3, 3 + bytes.length, version);
    } catch (MqttException e) {
      assertThat(e.reason().isError()).isTrue();
      assertThat(expected).as("refused: %s", e.getMessage()).isNull();
      return;
    }
    assertThat(expected).as("accepted: %s of %s", HEX.formatHex(bytes), version).isNotNull();
    fields(publish, expected);
    if (publish.topicLength() == 0 && publish.topicAlias() != 0) {
      publish.resolve(RESOLVED);
    }
    for (int qos = 0; qos < 3; qos++) {
      written(publish, expected, new Form(MqttVersion.V3_1_1, qos, false, IDS[2], 0, false));
      for (int[] ids : IDS) {
        for (boolean flag : new boolean[] {false, true}) {
          written(publish, expected, new Form(MqttVersion.V5, qos, flag, ids, 0, false));
          written(publish, expected, new Form(MqttVersion.V5, qos, flag, ids, ALIAS, flag));
        }
      }
    }
  }

  private static void fields(Publish p, SlowPacket.Message expected) {
    assertThat(p.qos()).isEqualTo(expected.qos());
    assertThat(p.retain()).isEqualTo(expected.retain());
    assertThat(p.dup()).isEqualTo(expected.dup());
    assertThat(topic(p)).isEqualTo(expected.topic());
    assertThat(p.packetId()).isEqualTo(expected.id());
    assertThat(HEX.formatHex(p.array(), p.payloadOffset(), p.payloadOffset() + p.payloadLength()))
        .isEqualTo(expected.payload());
    assertThat("" + p.topicAlias()).isEqualTo(expected.value(Property.TOPIC_ALIAS, "0"));
    assertThat("" + p.expirySeconds())
        .isEqualTo(expected.value(Property.MESSAGE_EXPIRY_INTERVAL, "-1"));
    if (p.expirySeconds() >= 0) {
      int written = ByteBuffer.wrap(p.array()).getInt(p.expiryOffset());
      assertThat(Integer.toUnsignedLong(written)).isEqualTo(p.expirySeconds());
    }
    assertThat(p.payloadFormatUtf8())
        .isEqualTo(expected.value(Property.PAYLOAD_FORMAT_INDICATOR, "0").equals("1"));
    assertThat(p.contentType()).isEqualTo(expected.value(Property.CONTENT_TYPE, null));
    assertThat(p.responseTopic()).isEqualTo(expected.value(Property.RESPONSE_TOPIC, null));
    byte[] correlation = p.correlationData();
    assertThat(correlation == null ? null : HEX.formatHex(correlation))
        .isEqualTo(expected.value(Property.CORRELATION_DATA, null));
    List<String> user = new ArrayList<>();
    p.userProperties().forEach(pair -> user.add(pair.getKey() + ":" + pair.getValue()));
    List<String> expectedUser =
        expected.properties().stream()
            .filter(pair -> pair.id() == Property.USER_PROPERTY)
            .map(SlowPacket.Pair::value)
            .toList();
    assertThat(user).isEqualTo(expectedUser);
    int bytes = expectedUser.stream().mapToInt(text -> text.getBytes(UTF_8).length - 1).sum();
    assertThat(p.userPropertiesBytes()).isEqualTo(bytes);
  }

  private static String topic(Publish p) {
    return HEX.formatHex(p.topicArray(), p.topicOffset(), p.topicOffset() + p.topicLength());
  }

  /** How a receiver wants it; alias 0 for none. */
  private record Form(
      MqttVersion to, int qos, boolean retain, int[] ids, int alias, boolean known) {
    int write(Publish p, ByteBuf out) {
      return alias == 0
          ? p.write(out, to, qos, retain, ids)
          : p.write(out, qos, retain, ids, alias, known);
    }

    SlowPacket.Message of(Publish p, SlowPacket.Message read) {
      List<SlowPacket.Pair> properties = new ArrayList<>();
      if (to == MqttVersion.V5) {
        properties.addAll(read.properties());
        properties.removeIf(pair -> pair.id() == Property.TOPIC_ALIAS);
        Arrays.stream(ids)
            .forEach(
                id ->
                    properties.add(new SlowPacket.Pair(Property.SUBSCRIPTION_IDENTIFIER, "" + id)));
        if (alias != 0) {
          properties.add(new SlowPacket.Pair(Property.TOPIC_ALIAS, "" + alias));
        }
      }
      return new SlowPacket.Message(
          qos, retain, false, known ? "" : topic(p), 0, properties, read.payload());
    }
  }

  private static void written(Publish p, SlowPacket.Message read, Form form) {
    ByteBuf out = Unpooled.buffer(64).writeByte(0x55);
    int idAt = form.write(p, out);
    byte[] packet = ByteBufUtil.getBytes(out, 1, out.readableBytes() - 1);
    assertThat(SlowPacket.length(packet)).as("%s", form).isEqualTo(packet.length);
    SlowPacket.Message again = SlowPacket.publish(packet, form.to(), true);
    assertThat(again).as("%s", form).isEqualTo(form.of(p, read));
    assertThat(idAt).isEqualTo(form.qos() == 0 ? -1 : 1 + idAt(packet));
    if (form.alias() == 0) {
      assertThat(packet).hasSize(p.writtenLength(form.to(), form.qos(), form.ids()));
    }
    long expiry = form.to() == MqttVersion.V5 ? p.expirySeconds() : -1;
    assertThat(p.writtenExpiryAt() < 0 ? -1 : out.getUnsignedInt(p.writtenExpiryAt()))
        .as("the expiry written for %s", form)
        .isEqualTo(expiry);
    if (form.ids().length == 0 || form.to() == MqttVersion.V3_1_1) {
      try {
        new Publish().parse(packet, 0, packet.length, form.to());
      } catch (MqttException e) {
        throw new AssertionError(HEX.formatHex(packet), e);
      }
    }
  }

  /** Behind the fixed header and the topic. */
  private static int idAt(byte[] packet) {
    int at = 1;
    while (packet[at++] < 0) {
      // the remaining length
    }
    return at + 2 + (ByteBuffer.wrap(packet).getShort(at) & 0xffff);
  }
}
