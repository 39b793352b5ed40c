package io.busbar.mqtt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.mqtt.MqttConnAckMessage;
import io.netty.handler.codec.mqtt.MqttConnectMessage;
import io.netty.handler.codec.mqtt.MqttMessage;
import io.netty.handler.codec.mqtt.MqttMessageIdVariableHeader;
import io.netty.handler.codec.mqtt.MqttMessageType;
import io.netty.handler.codec.mqtt.MqttProperties;
import io.netty.handler.codec.mqtt.MqttPubReplyMessageVariableHeader;
import io.netty.handler.codec.mqtt.MqttPublishMessage;
import io.netty.handler.codec.mqtt.MqttReasonCodeAndPropertiesVariableHeader;
import io.netty.handler.codec.mqtt.MqttSubAckMessage;
import io.netty.handler.codec.mqtt.MqttSubscribeMessage;
import io.netty.handler.codec.mqtt.MqttUnsubAckMessage;
import io.netty.handler.codec.mqtt.MqttUnsubscribeMessage;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What we write, read by Netty's decoder and by our own. */
class EncoderTest {
  private static final List<Integer> ACKS =
      List.of(Packet.PUBACK, Packet.PUBREC, Packet.PUBREL, Packet.PUBCOMP);

  private final ByteBuf out = Unpooled.buffer();

  private static PropertyWriter properties() {
    return new PropertyWriter()
        .string(Property.REASON_STRING, "why")
        .user("name", "value")
        .user("name", "other");
  }

  private MqttMessage netty(MqttVersion version) {
    return new NettyTwin(version).decode(out.retainedDuplicate());
  }

  private Packet ours(MqttVersion version) throws MqttException {
    return Packets.decode(ByteBufUtil.getBytes(out), version);
  }

  private static void same(MqttProperties properties, MqttVersion version) {
    if (version == MqttVersion.V5) {
      assertThat(properties.getProperty(Property.REASON_STRING).value()).isEqualTo("why");
      assertThat(properties.getProperties(Property.USER_PROPERTY)).hasSize(2);
    } else {
      assertThat(properties.listAll()).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource
  void connack(MqttVersion version) throws MqttException {
    PropertyWriter all =
        properties()
            .number(Property.SESSION_EXPIRY_INTERVAL, 0xffff_ffffL)
            .number(Property.RECEIVE_MAXIMUM, 65_535)
            .number(Property.MAXIMUM_QOS, 1)
            .number(Property.MAXIMUM_PACKET_SIZE, 524_288)
            .number(Property.SERVER_KEEP_ALIVE, 1_160)
            .string(Property.ASSIGNED_CLIENT_IDENTIFIER, "id");
    Encoder.connack(out, version, true, ReasonCode.SUCCESS, all);

    MqttConnAckMessage read = (MqttConnAckMessage) netty(version);
    assertThat(read.variableHeader().isSessionPresent()).isTrue();
    assertThat(read.variableHeader().connectReturnCode().byteValue()).isZero();
    same(read.variableHeader().properties(), version);
    Packet.Connack connack = (Packet.Connack) ours(version);
    boolean v5 = version == MqttVersion.V5;
    assertThat(connack.sessionPresent()).isTrue();
    assertThat(connack.properties().number(Property.SESSION_EXPIRY_INTERVAL, -1))
        .isEqualTo(v5 ? 0xffff_ffffL : -1);
    assertThat(connack.properties().number(Property.MAXIMUM_PACKET_SIZE, -1))
        .isEqualTo(v5 ? 524_288 : -1);
    assertThat(connack.properties().number(Property.SERVER_KEEP_ALIVE, -1))
        .isEqualTo(v5 ? 1_160 : -1);
    assertThat(connack.properties().assignedClientId()).isEqualTo(v5 ? "id" : null);
  }

  @ParameterizedTest
  @EnumSource
  void connackRefusing(MqttVersion version) {
    Encoder.connack(out, version, false, ReasonCode.NOT_AUTHORIZED, properties());

    MqttConnAckMessage read = (MqttConnAckMessage) netty(version);
    assertThat(read.variableHeader().isSessionPresent()).isFalse();
    assertThat(read.variableHeader().connectReturnCode().byteValue())
        .isEqualTo((byte) (version == MqttVersion.V5 ? 0x87 : 5));
  }

  @ParameterizedTest
  @EnumSource
  void shortestAcknowledgements(MqttVersion version) throws MqttException {
    for (int type : ACKS) {
      out.clear();
      Encoder.ack(out, version, type, 0xfffe, ReasonCode.SUCCESS);

      assertThat(out.readableBytes()).isEqualTo(4);
      MqttMessage read = netty(version);
      assertThat(read.fixedHeader().messageType()).isEqualTo(MqttMessageType.valueOf(type));
      assertThat(((MqttMessageIdVariableHeader) read.variableHeader()).messageId())
          .isEqualTo(0xfffe);
      assertThat(ours(version))
          .isEqualTo(new Packet.Ack(type, 0xfffe, ReasonCode.SUCCESS, Properties.NONE));
    }
  }

  @ParameterizedTest
  @EnumSource
  void acknowledgementsWithCode(MqttVersion version) {
    for (int type : ACKS) {
      out.clear();
      Encoder.ack(out, version, type, 1, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);

      boolean v5 = version == MqttVersion.V5;
      assertThat(out.readableBytes()).isEqualTo(v5 ? 5 : 4);
      Object header = netty(version).variableHeader();
      if (v5) {
        assertThat(((MqttPubReplyMessageVariableHeader) header).reasonCode())
            .isEqualTo((byte) 0x92);
      }
    }
  }

  @Test
  void acknowledgementsWithProperties() throws MqttException {
    for (int type : ACKS) {
      out.clear();
      boolean first = type == Packet.PUBACK || type == Packet.PUBREC;
      ReasonCode reason =
          first ? ReasonCode.NOT_AUTHORIZED : ReasonCode.PACKET_IDENTIFIER_NOT_FOUND;
      Encoder.ack(out, type, 1, reason, properties());

      MqttPubReplyMessageVariableHeader header =
          (MqttPubReplyMessageVariableHeader) netty(MqttVersion.V5).variableHeader();
      assertThat(header.reasonCode()).isEqualTo((byte) reason.code());
      same(header.properties(), MqttVersion.V5);
      Packet.Ack ack = (Packet.Ack) ours(MqttVersion.V5);
      assertThat(ack.reason()).isEqualTo(reason);
      assertThat(ack.properties().reasonString()).isEqualTo("why");
    }
  }

  @ParameterizedTest
  @EnumSource
  void suback(MqttVersion version) throws MqttException {
    List<ReasonCode> codes =
        List.of(
            ReasonCode.SUCCESS,
            ReasonCode.GRANTED_QOS_1,
            ReasonCode.GRANTED_QOS_2,
            ReasonCode.TOPIC_FILTER_INVALID);
    Encoder.suback(out, version, 9, codes, properties());

    int error = version == MqttVersion.V5 ? 0x8f : 0x80;
    MqttSubAckMessage read = (MqttSubAckMessage) netty(version);
    assertThat(read.variableHeader().messageId()).isEqualTo(9);
    assertThat(read.payload().reasonCodes()).containsExactly(0, 1, 2, error);
    same(read.idAndPropertiesVariableHeader().properties(), version);
    assertThat(((Packet.Suback) ours(version)).codes()).containsExactly(0, 1, 2, error);
  }

  @ParameterizedTest
  @EnumSource
  void unsuback(MqttVersion version) throws MqttException {
    List<ReasonCode> codes = List.of(ReasonCode.SUCCESS, ReasonCode.NO_SUBSCRIPTION_EXISTED);
    Encoder.unsuback(out, version, 10, codes, properties());

    MqttUnsubAckMessage read = (MqttUnsubAckMessage) netty(version);
    assertThat(read.variableHeader().messageId()).isEqualTo(10);
    boolean v5 = version == MqttVersion.V5;
    List<Integer> expected = v5 ? List.of(0, 0x11) : List.of();
    assertThat(read.payload().unsubscribeReasonCodes().stream().map(c -> c & 0xff).toList())
        .isEqualTo(expected);
    assertThat(((Packet.Suback) ours(version)).codes()).isEqualTo(expected);
  }

  @ParameterizedTest
  @EnumSource
  void pings(MqttVersion version) throws MqttException {
    Encoder.pingresp(out);
    assertThat(netty(version).fixedHeader().messageType()).isEqualTo(MqttMessageType.PINGRESP);
    out.clear();
    Encoder.pingreq(out);
    assertThat(netty(version).fixedHeader().messageType()).isEqualTo(MqttMessageType.PINGREQ);
    assertThat(ours(version)).isEqualTo(new Packet.Ping(Packet.PINGREQ));
  }

  @ParameterizedTest
  @EnumSource
  void disconnect(MqttVersion version) throws MqttException {
    Encoder.disconnect(out, version, ReasonCode.SESSION_TAKEN_OVER, properties());

    Object header = netty(version).variableHeader();
    if (version == MqttVersion.V5) {
      MqttReasonCodeAndPropertiesVariableHeader read =
          (MqttReasonCodeAndPropertiesVariableHeader) header;
      assertThat(read.reasonCode()).isEqualTo((byte) 0x8e);
      same(read.properties(), version);
      out.clear();
      Encoder.disconnect(out, version, ReasonCode.SERVER_BUSY, new PropertyWriter());
      assertThat(((Packet.Disconnect) ours(version)).reason()).isEqualTo(ReasonCode.SERVER_BUSY);
      assertThat(out.readableBytes()).isEqualTo(3);
    } else {
      assertThat(out.readableBytes()).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @EnumSource
  void connect(MqttVersion version) throws MqttException {
    PropertyWriter receive = new PropertyWriter().number(Property.RECEIVE_MAXIMUM, 7);
    byte[] password = {(byte) 0xff, 0};
    Encoder.connect(out, version, "cliënt", true, 30, "user", password, receive);

    MqttConnectMessage read = (MqttConnectMessage) netty(version);
    assertThat(read.variableHeader().version()).isEqualTo(version.level());
    assertThat(read.variableHeader().isCleanSession()).isTrue();
    assertThat(read.variableHeader().keepAliveTimeSeconds()).isEqualTo(30);
    assertThat(read.payload().clientIdentifier()).isEqualTo("cliënt");
    assertThat(read.payload().userName()).isEqualTo("user");
    assertThat(read.payload().passwordInBytes()).isEqualTo(password);
    Packet.Connect connect = (Packet.Connect) ours(version);
    assertThat(connect.clientId()).isEqualTo("cliënt");
    assertThat(connect.password()).isEqualTo(password);
  }

  @ParameterizedTest
  @EnumSource
  void publish(MqttVersion version) {
    PropertyWriter expiry = new PropertyWriter().number(Property.MESSAGE_EXPIRY_INTERVAL, 5);
    Encoder.publish(out, version, "a/b", 1, 77, new byte[200], expiry);

    MqttPublishMessage read = (MqttPublishMessage) netty(version);
    assertThat(read.variableHeader().topicName()).isEqualTo("a/b");
    assertThat(read.variableHeader().packetId()).isEqualTo(77);
    assertThat(read.payload().readableBytes()).isEqualTo(200);
    read.release();
  }

  @ParameterizedTest
  @EnumSource
  void subscribeAndUnsubscribe(MqttVersion version) {
    boolean v5 = version == MqttVersion.V5;
    byte[] name = "a/+".getBytes(StandardCharsets.UTF_8);
    PropertyWriter id = new PropertyWriter().number(Property.SUBSCRIPTION_IDENTIFIER, 268_435_455);
    List<Packet.Filter> filters = List.of(new Packet.Filter(name, 1, v5, v5, v5 ? 2 : 0));
    Encoder.subscribe(out, version, 3, filters, id);

    MqttSubscribeMessage read = (MqttSubscribeMessage) netty(version);
    assertThat(read.variableHeader().messageId()).isEqualTo(3);
    assertThat(read.payload().topicSubscriptions()).hasSize(1);
    assertThat(read.payload().topicSubscriptions().get(0).topicFilter()).isEqualTo("a/+");
    assertThat(read.payload().topicSubscriptions().get(0).option().isNoLocal()).isEqualTo(v5);
    assertThat(read.payload().topicSubscriptions().get(0).option().qos().value()).isEqualTo(1);
    if (v5) {
      MqttProperties properties = read.idAndPropertiesVariableHeader().properties();
      assertThat(properties.getProperty(Property.SUBSCRIPTION_IDENTIFIER).value())
          .isEqualTo(268_435_455);
    }

    out.clear();
    Encoder.unsubscribe(out, version, 4, List.of("a/+", "b"), new PropertyWriter());
    MqttUnsubscribeMessage gone = (MqttUnsubscribeMessage) netty(version);
    assertThat(gone.variableHeader().messageId()).isEqualTo(4);
    assertThat(gone.payload().topics()).containsExactly("a/+", "b");
  }

  @Test
  void propertyLongerThanItsLengthCanSay() {
    PropertyWriter writer = new PropertyWriter();
    byte[] value = new byte[65_536];

    assertThatIllegalArgumentException()
        .isThrownBy(() -> writer.binary(Property.CORRELATION_DATA, value))
        .withMessageContaining("65536 bytes (allowed: 65535)");
  }

  @ParameterizedTest
  @EnumSource
  void reasonCodesAreFoundByTheirByte(ReasonCode reason) {
    assertThat(ReasonCode.of(reason.code())).isEqualTo(reason);
    assertThat(reason.isError()).isEqualTo(reason.code() >= 0x80);
    assertThat(reason.connectReturnCode()).isBetween(0, reason.isError() ? 5 : 0);
  }
}
