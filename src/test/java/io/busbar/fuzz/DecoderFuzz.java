package io.busbar.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Decoder;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Properties;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * The data is a packet. It is read as it is, and once more with its remaining length put right, so
 * that changes of its length do not hide what is within. {@link SlowPacket} says what it means.
 */
public final class DecoderFuzz {
  private static final HexFormat HEX = HexFormat.of();
  private static final List<Integer> TEXTS_KEPT =
      List.of(
          Property.AUTHENTICATION_METHOD,
          Property.REASON_STRING,
          Property.ASSIGNED_CLIENT_IDENTIFIER);

  private DecoderFuzz() {}

  /** Throws if the product and the model disagree. */
  public static void fuzzerTestOneInput(byte[] data) {
    int length = framed(data);
    for (MqttVersion version : MqttVersion.values()) {
      if (length >= 0 && length <= data.length) {
        packet(Arrays.copyOf(data, length), version);
      }
      if (data.length > 0 && length != data.length) {
        packet(mended(data), version);
      }
    }
  }

  private static int framed(byte[] data) {
    int expected = SlowPacket.length(data);
    int length;
    try {
      length = Decoder.packetLength(data, 0, data.length);
    } catch (MqttException e) {
      length = -2;
    }
    assertThat(length).as("packet length").isEqualTo(expected);
    return length;
  }

  private static byte[] mended(byte[] data) {
    int from = 1;
    while (from < data.length && from < 5 && data[from] < 0) {
      from++;
    }
    from = Math.min(from + 1, data.length);
    return packet(data[0], Arrays.copyOfRange(data, from, data.length));
  }

  private static byte[] packet(byte header, byte[] body) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(header);
    int rest = body.length;
    for (; rest > 127; rest /= 128) {
      out.write(rest % 128 + 128);
    }
    out.write(rest);
    out.writeBytes(body);
    return out.toByteArray();
  }

  private static void packet(byte[] bytes, MqttVersion version) {
    if ((bytes[0] & 0xf0) >> 4 == Packet.PUBLISH) {
      PublishOracle.check(bytes, version);
      return;
    }
    String expected = SlowPacket.read(bytes, version);
    Packet packet;
    try {
      packet = decode(bytes, version);
    } catch (MqttException e) {
      assertThat(e.reason().isError()).isTrue();
      assertThat(expected).as("refused: %s", e.getMessage()).isNull();
      return;
    }
    assertThat(said(packet)).as("%s of %s", HEX.formatHex(bytes), version).isEqualTo(expected);
    ByteBuf again = Unpooled.buffer();
    MqttVersion as = packet instanceof Packet.Connect connect ? connect.version() : version;
    if (encode(packet, as, again)) {
      byte[] encoded = ByteBufUtil.getBytes(again);
      assertThat(framed(encoded)).isEqualTo(encoded.length);
      try {
        assertThat(said(decode(encoded, as))).as("again").isEqualTo(expected);
      } catch (MqttException e) {
        throw new AssertionError("encoded again: " + HEX.formatHex(encoded), e);
      }
    }
    if (packet instanceof Packet.Connect connect && connect.will() != null) {
      will(connect.will());
    }
  }

  private static Packet decode(byte[] bytes, MqttVersion version) throws MqttException {
    return new Decoder().decode(bytes, 0, bytes.length, version);
  }

  // --- what a packet says, as SlowPacket says it ---

  private static String said(Packet packet) {
    String properties = said(packet.properties());
    if (packet instanceof Packet.Connect c) {
      Packet.Will will = c.will();
      return "CONNECT "
          + c.version().level()
          + " "
          + bit(c.cleanStart())
          + " "
          + c.keepAlive()
          + " "
          + c.clientId()
          + properties
          + (will == null
              ? ""
              : " will "
                  + will.qos()
                  + bit(will.retain())
                  + said(will.properties())
                  + " "
                  + will.topic()
                  + " "
                  + HEX.formatHex(will.payload()))
          + " user "
          + c.userName()
          + " password "
          + (c.password() == null ? null : HEX.formatHex(c.password()));
    } else if (packet instanceof Packet.Connack c) {
      return "CONNACK " + bit(c.sessionPresent()) + " " + c.code() + properties;
    } else if (packet instanceof Packet.Ack a) {
      return "ACK " + a.type() + " " + a.packetId() + " " + a.reason().code() + properties;
    } else if (packet instanceof Packet.Subscribe s) {
      StringBuilder text = new StringBuilder("SUBSCRIBE " + s.packetId() + properties);
      for (Packet.Filter f : s.filters()) {
        text.append(' ').append(HEX.formatHex(f.filter())).append(':').append(options(f));
      }
      return text.toString();
    } else if (packet instanceof Packet.Suback s) {
      return "SUBACK " + s.type() + " " + s.packetId() + properties + s.codes();
    } else if (packet instanceof Packet.Unsubscribe u) {
      StringBuilder text = new StringBuilder("UNSUBSCRIBE " + u.packetId() + properties);
      u.filters().forEach(f -> text.append(' ').append(HEX.formatHex(f)));
      return text.toString();
    } else if (packet instanceof Packet.Ping p) {
      return "PING " + p.type();
    } else if (packet instanceof Packet.Disconnect d) {
      return "DISCONNECT " + d.reason().code() + properties;
    } else if (packet instanceof Packet.Auth a) {
      return "AUTH " + a.reason().code() + properties;
    }
    throw new AssertionError(packet);
  }

  private static int bit(boolean set) {
    return set ? 1 : 0;
  }

  private static int options(Packet.Filter filter) {
    return filter.qos()
        + 4 * bit(filter.noLocal())
        + 8 * bit(filter.retainAsPublished())
        + 16 * filter.retainHandling();
  }

  private static String text(Properties properties, int id) {
    return switch (id) {
      case Property.AUTHENTICATION_METHOD -> properties.authenticationMethod();
      case Property.REASON_STRING -> properties.reasonString();
      default -> properties.assignedClientId();
    };
  }

  private static String said(Properties properties) {
    StringBuilder text = new StringBuilder();
    for (int id = 0; id < 64; id++) {
      if (!properties.has(id)) {
        continue;
      }
      text.append(' ').append(id).append('=');
      if (TEXTS_KEPT.contains(id)) {
        text.append(text(properties, id));
      } else if (id == Property.AUTHENTICATION_DATA) {
        text.append(HEX.formatHex(properties.authenticationData()));
      } else if (id == Property.USER_PROPERTY) {
        List<String> pairs = new ArrayList<>();
        properties.userProperties().forEach(p -> pairs.add(p.getKey() + ":" + p.getValue()));
        text.append(String.join(",", pairs));
      } else if (!List.of(0x03, 0x08, 0x09, 0x1a, 0x1c).contains(id)) {
        text.append(properties.number(id, -1));
      }
    }
    return text.toString();
  }

  // --- written again ---

  /** Writes a packet that the encoder knows with all it says; false for others. */
  private static boolean encode(Packet packet, MqttVersion version, ByteBuf out) {
    boolean v5 = version == MqttVersion.V5;
    Properties of = packet.properties();
    if (of.has(Property.RESPONSE_INFORMATION) || of.has(Property.SERVER_REFERENCE)) {
      return false;
    }
    PropertyWriter properties = again(of);
    if (packet instanceof Packet.Connect c && c.will() == null) {
      Encoder.connect(
          out,
          version,
          c.clientId(),
          c.cleanStart(),
          c.keepAlive(),
          c.userName(),
          c.password(),
          properties);
    } else if (packet instanceof Packet.Connack c
        && (v5 || c.code() == 0)
        && ReasonCode.of(c.code()) != null) {
      Encoder.connack(out, version, c.sessionPresent(), ReasonCode.of(c.code()), properties);
    } else if (packet instanceof Packet.Ack a && said(of).isEmpty()) {
      Encoder.ack(out, version, a.type(), a.packetId(), a.reason());
    } else if (packet instanceof Packet.Ack a) {
      Encoder.ack(out, a.type(), a.packetId(), a.reason(), properties);
    } else if (packet instanceof Packet.Subscribe s) {
      Encoder.subscribe(out, version, s.packetId(), s.filters(), properties);
    } else if (packet instanceof Packet.Suback s) {
      List<ReasonCode> codes = new ArrayList<>();
      for (int code : s.codes()) {
        if (ReasonCode.of(code) == null || (!v5 && code > 0x80)) {
          return false;
        }
        codes.add(ReasonCode.of(code));
      }
      if (s.type() == Packet.SUBACK) {
        Encoder.suback(out, version, s.packetId(), codes, properties);
      } else {
        Encoder.unsuback(out, version, s.packetId(), codes, properties);
      }
    } else if (packet instanceof Packet.Unsubscribe u) {
      List<String> filters = u.filters().stream().map(SlowTopics::text).toList();
      if (filters.contains(null)) {
        return false;
      }
      Encoder.unsubscribe(out, version, u.packetId(), filters, properties);
    } else if (packet instanceof Packet.Disconnect d) {
      Encoder.disconnect(out, version, d.reason(), properties);
    } else if (packet instanceof Packet.Ping p && p.type() == Packet.PINGREQ) {
      Encoder.pingreq(out);
    } else if (packet instanceof Packet.Ping) {
      Encoder.pingresp(out);
    } else {
      return false;
    }
    return true;
  }

  private static PropertyWriter again(Properties from) {
    PropertyWriter to = new PropertyWriter();
    for (int id = 0; id < 64; id++) {
      if (!from.has(id)) {
        continue;
      }
      if (TEXTS_KEPT.contains(id)) {
        to.string(id, text(from, id));
      } else if (id == Property.AUTHENTICATION_DATA) {
        to.binary(id, from.authenticationData());
      } else if (id == Property.USER_PROPERTY) {
        from.userProperties().forEach(pair -> to.user(pair.getKey(), pair.getValue()));
      } else {
        to.number(id, from.number(id, -1));
      }
    }
    return to;
  }

  /** A will becomes a message of its own. */
  private static void will(Packet.Will will) {
    byte[] bytes = will.publish();
    assertThat(framed(bytes)).isEqualTo(bytes.length);
    SlowPacket.Message message = SlowPacket.publish(bytes, MqttVersion.V5, false);
    assertThat(message).as("the message of a will").isNotNull();
    assertThat(message.topic())
        .isEqualTo(HEX.formatHex(will.topic().getBytes(StandardCharsets.UTF_8)));
    assertThat(message.payload()).isEqualTo(HEX.formatHex(will.payload()));
    PublishOracle.check(bytes, MqttVersion.V5);
  }
}
