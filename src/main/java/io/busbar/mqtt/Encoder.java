package io.busbar.mqtt;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Writes packets, those of servers first, then those of clients (for the built-in clients and
 * tests). Properties and reason codes are left out for MQTT 3.1.1.
 */
public final class Encoder {
  private Encoder() {}

  // --- server to client ---

  /** CONNACK. For 3.1.1 the code is {@link ReasonCode#connectReturnCode}. */
  public static void connack(
      ByteBuf out,
      MqttVersion version,
      boolean sessionPresent,
      ReasonCode reason,
      PropertyWriter properties) {
    boolean v5 = version == MqttVersion.V5;
    header(out, Packet.CONNACK, 0, 2 + (v5 ? properties.sizeWithLength() : 0));
    out.writeByte(sessionPresent ? 1 : 0);
    out.writeByte(v5 ? reason.code() : reason.connectReturnCode());
    if (v5) {
      properties.write(out);
    }
  }

  /** PUBACK, PUBREC, PUBREL or PUBCOMP in its shortest form. */
  public static void ack(ByteBuf out, MqttVersion version, int type, int id, ReasonCode reason) {
    int flags = type == Packet.PUBREL ? 2 : 0;
    boolean coded = version == MqttVersion.V5 && reason != ReasonCode.SUCCESS;
    out.writeByte((type << 4) | flags);
    out.writeByte(coded ? 3 : 2);
    out.writeShort(id);
    if (coded) {
      out.writeByte(reason.code());
    }
  }

  /** An acknowledgement with properties; MQTT 5 only. */
  public static void ack(
      ByteBuf out, int type, int id, ReasonCode reason, PropertyWriter properties) {
    header(out, type, type == Packet.PUBREL ? 2 : 0, 3 + properties.sizeWithLength());
    out.writeShort(id);
    out.writeByte(reason.code());
    properties.write(out);
  }

  /** SUBACK; a code for each filter. For 3.1.1 each error is 0x80. */
  public static void suback(
      ByteBuf out, MqttVersion version, int id, List<ReasonCode> codes, PropertyWriter properties) {
    boolean v5 = version == MqttVersion.V5;
    int length = 2 + codes.size() + (v5 ? properties.sizeWithLength() : 0);
    header(out, Packet.SUBACK, 0, length);
    out.writeShort(id);
    if (v5) {
      properties.write(out);
    }
    for (ReasonCode code : codes) {
      out.writeByte(code.isError() && !v5 ? 0x80 : code.code());
    }
  }

  /** UNSUBACK; 3.1.1 carries no codes. */
  public static void unsuback(
      ByteBuf out, MqttVersion version, int id, List<ReasonCode> codes, PropertyWriter properties) {
    boolean v5 = version == MqttVersion.V5;
    int length = 2 + (v5 ? codes.size() + properties.sizeWithLength() : 0);
    header(out, Packet.UNSUBACK, 0, length);
    out.writeShort(id);
    if (v5) {
      properties.write(out);
      for (ReasonCode code : codes) {
        out.writeByte(code.code());
      }
    }
  }

  /** AUTH, of either side; MQTT 5 only. */
  public static void auth(ByteBuf out, ReasonCode reason, PropertyWriter properties) {
    header(out, Packet.AUTH, 0, 1 + properties.sizeWithLength());
    out.writeByte(reason.code());
    properties.write(out);
  }

  /** PINGRESP. */
  public static void pingresp(ByteBuf out) {
    header(out, Packet.PINGRESP, 0, 0);
  }

  /** DISCONNECT; 3.1.1 carries neither code nor properties, and servers do not send it. */
  public static void disconnect(
      ByteBuf out, MqttVersion version, ReasonCode reason, PropertyWriter properties) {
    if (version != MqttVersion.V5) {
      header(out, Packet.DISCONNECT, 0, 0);
    } else if (properties.size() == 0) {
      header(out, Packet.DISCONNECT, 0, 1);
      out.writeByte(reason.code());
    } else {
      header(out, Packet.DISCONNECT, 0, 1 + properties.sizeWithLength());
      out.writeByte(reason.code());
      properties.write(out);
    }
  }

  // --- client to server ---

  /** CONNECT without a will. */
  public static void connect(
      ByteBuf out,
      MqttVersion version,
      String clientId,
      boolean cleanStart,
      int keepAlive,
      String userName,
      byte[] password,
      PropertyWriter properties) {
    boolean v5 = version == MqttVersion.V5;
    byte[] id = clientId.getBytes(StandardCharsets.UTF_8);
    byte[] user = userName == null ? null : userName.getBytes(StandardCharsets.UTF_8);
    int length = 10 + 2 + id.length + (v5 ? properties.sizeWithLength() : 0);
    length += user == null ? 0 : 2 + user.length;
    length += password == null ? 0 : 2 + password.length;
    header(out, Packet.CONNECT, 0, length);
    prefixed(out, new byte[] {'M', 'Q', 'T', 'T'});
    out.writeByte(version.level());
    out.writeByte(
        (user == null ? 0 : 0x80) | (password == null ? 0 : 0x40) | (cleanStart ? 0x02 : 0));
    out.writeShort(keepAlive);
    if (v5) {
      properties.write(out);
    }
    prefixed(out, id);
    if (user != null) {
      prefixed(out, user);
    }
    if (password != null) {
      prefixed(out, password);
    }
  }

  /** PUBLISH; the packet id is ignored for QoS 0. */
  public static void publish(
      ByteBuf out,
      MqttVersion version,
      String topic,
      int qos,
      int id,
      byte[] payload,
      PropertyWriter properties) {
    boolean v5 = version == MqttVersion.V5;
    byte[] name = topic.getBytes(StandardCharsets.UTF_8);
    int length = 2 + name.length + (qos > 0 ? 2 : 0) + payload.length;
    header(out, Packet.PUBLISH, qos << 1, length + (v5 ? properties.sizeWithLength() : 0));
    prefixed(out, name);
    if (qos > 0) {
      out.writeShort(id);
    }
    if (v5) {
      properties.write(out);
    }
    out.writeBytes(payload);
  }

  /** SUBSCRIBE; the options byte of a filter is its QoS with no-local. */
  public static void subscribe(
      ByteBuf out,
      MqttVersion version,
      int id,
      List<Packet.Filter> filters,
      PropertyWriter properties) {
    boolean v5 = version == MqttVersion.V5;
    int length = 2 + (v5 ? properties.sizeWithLength() : 0);
    for (Packet.Filter filter : filters) {
      length += 3 + filter.filter().length;
    }
    header(out, Packet.SUBSCRIBE, 2, length);
    out.writeShort(id);
    if (v5) {
      properties.write(out);
    }
    for (Packet.Filter filter : filters) {
      prefixed(out, filter.filter());
      out.writeByte(
          filter.qos()
              | (filter.noLocal() ? 0x04 : 0)
              | (filter.retainAsPublished() ? 0x08 : 0)
              | (filter.retainHandling() << 4));
    }
  }

  /** UNSUBSCRIBE. */
  public static void unsubscribe(
      ByteBuf out, MqttVersion version, int id, List<String> filters, PropertyWriter properties) {
    boolean v5 = version == MqttVersion.V5;
    List<byte[]> names = filters.stream().map(f -> f.getBytes(StandardCharsets.UTF_8)).toList();
    int length = 2 + (v5 ? properties.sizeWithLength() : 0);
    for (byte[] name : names) {
      length += 2 + name.length;
    }
    header(out, Packet.UNSUBSCRIBE, 2, length);
    out.writeShort(id);
    if (v5) {
      properties.write(out);
    }
    names.forEach(name -> prefixed(out, name));
  }

  /** PINGREQ. */
  public static void pingreq(ByteBuf out) {
    header(out, Packet.PINGREQ, 0, 0);
  }

  private static void header(ByteBuf out, int type, int flags, int remainingLength) {
    out.writeByte((type << 4) | flags);
    Variable.write(out, remainingLength);
  }

  private static void prefixed(ByteBuf out, byte[] bytes) {
    out.writeShort(bytes.length);
    out.writeBytes(bytes);
  }
}
