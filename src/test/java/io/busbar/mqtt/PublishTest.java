package io.busbar.mqtt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.mqtt.MqttFixedHeader;
import io.netty.handler.codec.mqtt.MqttMessageType;
import io.netty.handler.codec.mqtt.MqttProperties;
import io.netty.handler.codec.mqtt.MqttPublishMessage;
import io.netty.handler.codec.mqtt.MqttPublishVariableHeader;
import io.netty.handler.codec.mqtt.MqttQoS;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PublishTest {
  private static final int MESSAGES = 1_500;

  /**
   * What a PUBLISH says.
   *
   * @param order identifiers of its properties as they stand in the packet; a user property takes
   *     the next of {@code users}
   */
  record Message(
      String topic,
      int qos,
      boolean dup,
      boolean retain,
      int packetId,
      List<Integer> order,
      long expiry,
      int alias,
      String contentType,
      String responseTopic,
      byte[] correlation,
      List<Map.Entry<String, String>> users,
      byte[] payload) {

    boolean has(int property) {
      return order.contains(property);
    }

    /** The packet, without its topic where only the alias is to be sent. */
    byte[] packet(MqttVersion version, boolean topicSent) {
      byte[] properties = new byte[0];
      if (version == MqttVersion.V5) {
        int user = 0;
        List<byte[]> all = new ArrayList<>();
        for (int id : order) {
          all.add(Packets.u8(id));
          all.add(value(id, user));
          user += id == Property.USER_PROPERTY ? 1 : 0;
        }
        properties = Packets.properties(all.toArray(byte[][]::new));
      }
      return Packets.packet(
          0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0),
          Packets.string(topicSent ? topic : ""),
          qos == 0 ? new byte[0] : Packets.u16(packetId),
          properties,
          payload);
    }

    private byte[] value(int id, int user) {
      return switch (id) {
        case Property.PAYLOAD_FORMAT_INDICATOR -> Packets.u8(1);
        case Property.MESSAGE_EXPIRY_INTERVAL ->
            Packets.cat(Packets.u16((int) (expiry >> 16)), Packets.u16((int) expiry));
        case Property.TOPIC_ALIAS -> Packets.u16(alias);
        case Property.CONTENT_TYPE -> Packets.string(contentType);
        case Property.RESPONSE_TOPIC -> Packets.string(responseTopic);
        case Property.CORRELATION_DATA -> Packets.binary(correlation);
        default ->
            Packets.cat(
                Packets.string(users.get(user).getKey()),
                Packets.string(users.get(user).getValue()));
      };
    }
  }

  private final Random random = new Random(333);
  private final Publish publish = new Publish();
  private final Publish again = new Publish();

  private Message random(MqttVersion version) {
    List<Integer> order = new ArrayList<>();
    List<Map.Entry<String, String>> users = new ArrayList<>();
    if (version == MqttVersion.V5 && random.nextInt(4) > 0) {
      for (int id : new int[] {0x01, 0x02, 0x03, 0x08, 0x09, 0x23}) {
        if (random.nextBoolean()) {
          order.add(id);
        }
      }
      for (int i = random.nextInt(4); i > 0; i--) {
        order.add(Property.USER_PROPERTY);
        users.add(Map.entry(text(5), text(100)));
      }
      Collections.shuffle(order, random);
    }
    int qos = random.nextInt(3);
    byte[] payload = new byte[random.nextInt(4) == 0 ? random.nextInt(20_000) : random.nextInt(99)];
    random.nextBytes(payload);
    byte[] correlation = new byte[random.nextInt(20)];
    random.nextBytes(correlation);
    return new Message(
        "t/" + text(20),
        qos,
        qos > 0 && random.nextBoolean(),
        random.nextBoolean(),
        qos == 0 ? 0 : 1 + random.nextInt(65_535),
        order,
        order.contains(0x02) ? random.nextLong(1L << 32) : -1,
        order.contains(0x23) ? 1 + random.nextInt(65_535) : 0,
        order.contains(0x03) ? text(30) : null,
        order.contains(0x08) ? "r/" + text(30) : null,
        order.contains(0x09) ? correlation : null,
        users,
        payload);
  }

  private String text(int most) {
    int[] letters = {'a', 'b', '/', ' ', 'x', 0xe4, 0x20ac, 0x1f600};
    StringBuilder text = new StringBuilder();
    for (int i = random.nextInt(most); i > 0; i--) {
      text.appendCodePoint(letters[random.nextInt(letters.length)]);
    }
    return text.toString();
  }

  private static byte[] padded(byte[] packet, int before) {
    return Packets.cat(new byte[before], packet, Packets.hex("3002c0c0"));
  }

  private static void same(Publish publish, Message message, MqttVersion version) {
    boolean v5 = version == MqttVersion.V5;
    assertThat(publish.topic()).isEqualTo(message.topic);
    assertThat(payload(publish)).isEqualTo(message.payload);
    assertThat(publish.expirySeconds()).isEqualTo(v5 ? message.expiry : -1);
    assertThat(publish.contentType()).isEqualTo(v5 ? message.contentType : null);
    assertThat(publish.responseTopic()).isEqualTo(v5 ? message.responseTopic : null);
    assertThat(publish.correlationData()).isEqualTo(v5 ? message.correlation : null);
    assertThat(publish.payloadFormatUtf8()).isEqualTo(v5 && message.has(0x01));
    List<Map.Entry<String, String>> users = v5 ? message.users : List.of();
    assertThat(publish.userProperties()).isEqualTo(users);
    int bytes = 0;
    for (Map.Entry<String, String> user : users) {
      bytes += Packets.string(user.getKey()).length + Packets.string(user.getValue()).length - 4;
    }
    assertThat(publish.userPropertiesBytes()).isEqualTo(bytes);
  }

  private static byte[] payload(Publish publish) {
    int from = publish.payloadOffset();
    return Arrays.copyOfRange(publish.array(), from, from + publish.payloadLength());
  }

  /** Reads a message of its own encoding, by alias where it has one, and resolves that. */
  private void parse(Message message, MqttVersion version) throws MqttException {
    boolean topicSent = message.alias == 0 || random.nextBoolean();
    byte[] packet = message.packet(version, topicSent);
    int before = random.nextInt(9);
    publish.parse(padded(packet, before), before, before + packet.length, version);
    assertThat(publish.packetLength()).isEqualTo(packet.length);
    assertThat(publish.topicLength() == 0).isEqualTo(!topicSent);
    if (!topicSent) {
      publish.resolve(message.topic.getBytes(StandardCharsets.UTF_8));
    }
  }

  @ParameterizedTest
  @EnumSource
  void readsWhatIsThere(MqttVersion version) throws MqttException {
    for (int i = 0; i < MESSAGES; i++) {
      Message message = random(version);
      parse(message, version);

      same(publish, message, version);
      assertThat(publish.qos()).isEqualTo(message.qos);
      assertThat(publish.dup()).isEqualTo(message.dup);
      assertThat(publish.retain()).isEqualTo(message.retain);
      assertThat(publish.packetId()).isEqualTo(message.packetId);
      assertThat(publish.topicAlias()).isEqualTo(message.alias);
    }
  }

  @Test
  void isRefusedWhereverItIsCutOff() throws MqttException {
    byte[] properties =
        Packets.cat(
            Packets.hex("0101" + "02000000ff" + "230007"),
            Packets.cat(Packets.u8(Property.CONTENT_TYPE), Packets.string("text/plain; long one")),
            Packets.cat(Packets.u8(Property.RESPONSE_TOPIC), Packets.string("answers")),
            Packets.cat(Packets.u8(Property.CORRELATION_DATA), Packets.binary(new byte[5])),
            Packets.cat(Packets.u8(0x26), Packets.string("site"), Packets.string("north-west")));
    byte[] head = Packets.cat(Packets.string("a/b"), Packets.u16(9));
    byte[] body = Packets.cat(head, Packets.properties(properties));
    byte[] whole = Packets.packet(0x32, body);
    publish.parse(whole, 0, whole.length, MqttVersion.V5);
    assertThat(publish.payloadLength()).isZero();
    for (int length = 0; length < body.length; length++) {
      refused(Packets.packet(0x32, Arrays.copyOf(body, length)));
    }
    // a property that goes beyond the properties, into the payload
    for (int length = 1; length < properties.length; length++) {
      byte[] shorter = Packets.properties(Arrays.copyOf(properties, length));
      byte[] rest = Arrays.copyOfRange(properties, length, properties.length);
      byte[] packet = Packets.packet(0x32, head, shorter, rest);
      if (List.of(2, 7, 10, 33, 43, 51).contains(length)) {
        publish.parse(packet, 0, packet.length, MqttVersion.V5);
        assertThat(publish.payloadLength()).isEqualTo(rest.length);
      } else {
        refused(packet);
      }
    }
  }

  private void refused(byte[] packet) {
    // at the end of its array, and with something after it
    for (byte[] array : List.of(packet, padded(packet, 0))) {
      assertThatThrownBy(() -> publish.parse(array, 0, packet.length, MqttVersion.V5))
          .isInstanceOfSatisfying(
              MqttException.class,
              e -> assertThat(e.reason()).isEqualTo(ReasonCode.MALFORMED_PACKET));
    }
  }

  @Test
  void whatAnAliasStoodForIsForgotten() throws MqttException {
    byte[] aliased =
        Packets.packet(0x30, Packets.string(""), Packets.properties(Packets.hex("230001")));
    byte[] named = Packets.packet(0x30, Packets.string("c/d"), Packets.u8(0));
    byte[] both = Packets.cat(aliased, named);
    publish.parse(both, 0, aliased.length, MqttVersion.V5);
    publish.resolve("a/b".getBytes(StandardCharsets.UTF_8));
    assertThat(publish.topic()).isEqualTo("a/b");
    publish.parse(both, aliased.length, both.length, MqttVersion.V5);
    assertThat(publish.topic()).isEqualTo("c/d");
  }

  @ParameterizedTest
  @EnumSource
  void writesForEachVersionAndQos(MqttVersion from) throws MqttException {
    for (int i = 0; i < MESSAGES; i++) {
      Message message = random(from);
      parse(message, from);
      for (MqttVersion to : MqttVersion.values()) {
        for (int qos = 0; qos < 3; qos++) {
          written(message, from == MqttVersion.V5 ? to : MqttVersion.V3_1_1, to, qos);
        }
      }
    }
  }

  /**
   * Writes the message that was read.
   *
   * @param kept the version whose properties must be there
   */
  private void written(Message message, MqttVersion kept, MqttVersion to, int qos)
      throws MqttException {
    ByteBuf out = Unpooled.buffer();
    out.writeZero(random.nextInt(9));
    int start = out.writerIndex();

    int idAt = publish.write(out, to, qos);
    final int expiryAt = publish.writtenExpiryAt();

    int end = out.writerIndex();
    assertThat(end - start).isEqualTo(publish.writtenLength(to, qos, new int[0]));
    byte[] bytes = ByteBufUtil.getBytes(out, 0, end);
    assertThat(Decoder.packetLength(bytes, start, end)).isEqualTo(end - start);
    again.parse(bytes, start, end, to);
    same(again, message, kept);
    assertThat(again.qos()).isEqualTo(qos);
    assertThat(again.packetId()).isZero();
    assertThat(again.topicAlias()).isZero();
    assertThat(again.dup()).isFalse();
    assertThat(again.retain()).isFalse();

    assertThat(idAt > 0).isEqualTo(qos > 0);
    if (qos > 0) {
      out.setShort(idAt, 0xabcd);
      bytes = ByteBufUtil.getBytes(out, 0, end);
      again.parse(bytes, start, end, to);
      same(again, message, kept);
      assertThat(again.packetId()).isEqualTo(0xabcd);
    }

    assertThat(expiryAt > 0).isEqualTo(kept == MqttVersion.V5 && message.expiry >= 0);
    if (expiryAt > 0) {
      out.setInt(expiryAt, 0x87654321);
      again.parse(ByteBufUtil.getBytes(out, 0, end), start, end, to);
      assertThat(again.expirySeconds()).isEqualTo(0x87654321L);
      assertThat(again.userProperties()).isEqualTo(message.users);
      assertThat(payload(again)).isEqualTo(message.payload);
    }
  }

  @ParameterizedTest
  @EnumSource
  void nettyReadsWhatWeWrite(MqttVersion version) throws MqttException {
    NettyTwin netty = new NettyTwin(version);
    for (int i = 0; i < MESSAGES; i++) {
      Message message = random(version);
      parse(message, version);
      int qos = random.nextInt(3);
      ByteBuf out = Unpooled.buffer();
      int idAt = publish.write(out, version, qos);
      if (qos > 0) {
        out.setShort(idAt, 77);
      }

      MqttPublishMessage read = (MqttPublishMessage) netty.decode(out);

      assertThat(read.variableHeader().topicName()).isEqualTo(message.topic);
      assertThat(read.fixedHeader().qosLevel().value()).isEqualTo(qos);
      assertThat(read.fixedHeader().isDup()).isFalse();
      assertThat(read.fixedHeader().isRetain()).isFalse();
      assertThat(read.variableHeader().packetId()).isEqualTo(qos > 0 ? 77 : -1);
      assertThat(ByteBufUtil.getBytes(read.payload())).isEqualTo(message.payload);
      MqttProperties properties = read.variableHeader().properties();
      for (int id : List.of(0x01, 0x02, 0x03, 0x08, 0x09)) {
        assertThat(properties.getProperty(id) != null).isEqualTo(message.has(id));
      }
      assertThat(properties.getProperty(Property.TOPIC_ALIAS)).isNull();
      if (message.has(0x02)) {
        assertThat(properties.getProperty(0x02).value()).isEqualTo((int) message.expiry);
      }
      assertThat(
              properties.getProperties(Property.USER_PROPERTY).stream()
                  .map(p -> ((MqttProperties.UserProperty) p).value())
                  .map(p -> Map.entry(p.key, p.value))
                  .toList())
          .isEqualTo(message.users);
      read.release();
    }
  }

  @ParameterizedTest
  @EnumSource
  void readsWhatNettyWrites(MqttVersion version) throws MqttException {
    NettyTwin netty = new NettyTwin(version);
    for (int i = 0; i < MESSAGES; i++) {
      Message message = random(version);
      byte[] packet = netty.encode(forNetty(message));

      publish.parse(packet, 0, packet.length, version);

      same(publish, message, version);
      assertThat(publish.qos()).isEqualTo(message.qos);
      assertThat(publish.dup()).isEqualTo(message.dup);
      assertThat(publish.retain()).isEqualTo(message.retain);
      assertThat(publish.packetId()).isEqualTo(message.packetId);
      assertThat(publish.topicAlias()).isEqualTo(message.alias);
    }
  }

  private static MqttPublishMessage forNetty(Message message) {
    MqttProperties properties = new MqttProperties();
    int user = 0;
    for (int id : message.order) {
      properties.add(
          switch (id) {
            case Property.PAYLOAD_FORMAT_INDICATOR -> new MqttProperties.IntegerProperty(id, 1);
            case Property.MESSAGE_EXPIRY_INTERVAL ->
                new MqttProperties.IntegerProperty(id, (int) message.expiry);
            case Property.TOPIC_ALIAS -> new MqttProperties.IntegerProperty(id, message.alias);
            case Property.CONTENT_TYPE ->
                new MqttProperties.StringProperty(id, message.contentType);
            case Property.RESPONSE_TOPIC ->
                new MqttProperties.StringProperty(id, message.responseTopic);
            case Property.CORRELATION_DATA ->
                new MqttProperties.BinaryProperty(id, message.correlation);
            default -> {
              Map.Entry<String, String> pair = message.users.get(user++);
              yield new MqttProperties.UserProperty(pair.getKey(), pair.getValue());
            }
          });
    }
    MqttFixedHeader header =
        new MqttFixedHeader(
            MqttMessageType.PUBLISH, message.dup, MqttQoS.valueOf(message.qos), message.retain, 0);
    return new MqttPublishMessage(
        header,
        new MqttPublishVariableHeader(message.topic, message.packetId, properties),
        Unpooled.wrappedBuffer(message.payload));
  }
}
