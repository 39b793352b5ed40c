package io.busbar.mqtt;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.mqtt.MqttDecoder;
import io.netty.handler.codec.mqtt.MqttProperties;
import io.netty.handler.codec.mqtt.MqttPublishMessage;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What a subscription adds to a message, read by a codec of others. */
class PublishVariantsTest {
  private static final byte[] PAYLOAD = "payload".getBytes(StandardCharsets.UTF_8);

  static Stream<Arguments> variants() {
    return Stream.of(0, 1, 2)
        .flatMap(
            qos ->
                Stream.of(new int[0], new int[] {1}, new int[] {200, 268_435_455})
                    .flatMap(
                        ids ->
                            Stream.of(true, false)
                                .flatMap(
                                    aliasIn ->
                                        Stream.of(0, 7, -7)
                                            .map(a -> Arguments.of(qos, ids, aliasIn, a)))));
  }

  /**
   * Writes one of the forms.
   *
   * @param aliasIn whether the message came with a topic alias, which is not passed on
   * @param alias 0 for none, negative where the client knows it
   */
  @ParameterizedTest
  @MethodSource("variants")
  void isReadAsItWasMeant(int qos, int[] ids, boolean aliasIn, int alias) throws Exception {
    PropertyWriter properties = new PropertyWriter().string(Property.CONTENT_TYPE, "text");
    if (aliasIn) {
      properties.number(Property.TOPIC_ALIAS, 3);
    }
    properties.number(Property.MESSAGE_EXPIRY_INTERVAL, 60).user("a", "b");
    ByteBuf source = Unpooled.buffer();
    Encoder.publish(source, MqttVersion.V5, "a/b", 2, 9, PAYLOAD, properties);
    byte[] bytes = ByteBufUtil.getBytes(source);
    Publish publish = new Publish();
    publish.parse(bytes, 0, bytes.length, MqttVersion.V5);

    ByteBuf out = Unpooled.buffer().writeZero(3);
    int idAt =
        alias == 0
            ? publish.write(out, MqttVersion.V5, qos, true, ids)
            : publish.write(out, qos, true, ids, Math.abs(alias), alias < 0);
    if (alias == 0) {
      assertThat(out.readableBytes() - 3)
          .isEqualTo(publish.writtenLength(MqttVersion.V5, qos, ids));
    }
    assertThat(idAt >= 0).isEqualTo(qos > 0);
    if (qos > 0) {
      assertThat(out.getShort(idAt)).isZero();
      out.setShort(idAt, 5);
    }
    assertThat(out.getInt(publish.writtenExpiryAt())).isEqualTo(60);

    MqttPublishMessage read = netty(out.skipBytes(3));
    assertThat(read.fixedHeader().qosLevel().value()).isEqualTo(qos);
    assertThat(read.fixedHeader().isRetain()).isTrue();
    assertThat(read.fixedHeader().isDup()).isFalse();
    assertThat(read.variableHeader().topicName()).isEqualTo(alias < 0 ? "" : "a/b");
    MqttProperties got = read.variableHeader().properties();
    List<Integer> gotIds = new ArrayList<>();
    for (MqttProperties.MqttProperty<?> id : got.getProperties(Property.SUBSCRIPTION_IDENTIFIER)) {
      gotIds.add((Integer) id.value());
    }
    assertThat(gotIds).containsExactlyElementsOf(Arrays.stream(ids).boxed().toList());
    MqttProperties.MqttProperty<?> gotAlias = got.getProperty(Property.TOPIC_ALIAS);
    assertThat(gotAlias == null ? 0 : gotAlias.value()).isEqualTo(Math.abs(alias));
    assertThat(got.getProperty(Property.CONTENT_TYPE).value()).isEqualTo("text");
    assertThat(ByteBufUtil.getBytes(read.payload())).isEqualTo(PAYLOAD);
    read.release();
  }

  /** As a client of MQTT 5 reads it: the decoder learns the version from a CONNECT. */
  private static MqttPublishMessage netty(ByteBuf packet) {
    EmbeddedChannel channel = new EmbeddedChannel(new MqttDecoder(1_000_000));
    ByteBuf connect = Unpooled.buffer();
    Encoder.connect(connect, MqttVersion.V5, "c", true, 0, null, null, new PropertyWriter());
    channel.writeInbound(connect);
    channel.readInbound();
    channel.writeInbound(packet);
    return channel.readInbound();
  }
}
