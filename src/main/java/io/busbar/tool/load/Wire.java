package io.busbar.tool.load;

import io.busbar.mqtt.MqttVersion;
import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;

/**
 * The few MQTT packets that a load needs, written and read without objects (MQTT 5.0 and 3.1.1,
 * chapter 3). Deliberately not the broker's codec.
 */
final class Wire {
  static final int CONNACK = 2;
  static final int PUBLISH = 3;
  static final int PUBACK = 4;
  static final int SUBACK = 9;
  static final int UNSUBACK = 11;
  static final int PINGRESP = 13;
  static final int DISCONNECT = 14;

  /** {@link #frame}: the buffer holds no whole fixed header yet. */
  static final long INCOMPLETE = -1;

  private static final int CLEAN_START = 0x02;
  private static final int USER_NAME = 0x80;
  private static final int SESSION_EXPIRY_INTERVAL = 0x11;
  private static final int RECEIVE_MAXIMUM = 0x21;
  private static final int SERVER_KEEP_ALIVE = 0x13;

  private Wire() {}

  /** What a CONNACK granted. */
  record Connack(boolean isSessionPresent, int reason, int receiveMaximum, int keepAliveSeconds) {}

  /**
   * Writes a CONNECT.
   *
   * @param expirySeconds 0: the session begins and ends with the connection
   * @param userName none if empty
   */
  static void connect(
      ByteBuf out,
      MqttVersion version,
      String clientId,
      int keepAliveSeconds,
      int expirySeconds,
      String userName) {
    byte[] id = clientId.getBytes(StandardCharsets.UTF_8);
    byte[] user = userName.getBytes(StandardCharsets.UTF_8);
    boolean v5 = version == MqttVersion.V5;
    out.writeByte(0x10);
    int properties = v5 && expirySeconds > 0 ? 5 : 0;
    int userLength = user.length == 0 ? 0 : 2 + user.length;
    writeVariable(out, 6 + 1 + 1 + 2 + (v5 ? 1 + properties : 0) + 2 + id.length + userLength);
    out.writeShort(4).writeBytes(new byte[] {'M', 'Q', 'T', 'T'});
    out.writeByte(version.level());
    out.writeByte((expirySeconds > 0 ? 0 : CLEAN_START) | (userLength > 0 ? USER_NAME : 0));
    out.writeShort(keepAliveSeconds);
    if (v5) {
      out.writeByte(properties);
    }
    if (properties > 0) {
      out.writeByte(SESSION_EXPIRY_INTERVAL).writeInt(expirySeconds);
    }
    out.writeShort(id.length).writeBytes(id);
    if (userLength > 0) {
      out.writeShort(user.length).writeBytes(user);
    }
  }

  static void subscribe(ByteBuf out, MqttVersion version, int packetId, String filter, int qos) {
    byte[] bytes = filter.getBytes(StandardCharsets.UTF_8);
    boolean v5 = version == MqttVersion.V5;
    out.writeByte(0x82);
    writeVariable(out, 2 + (v5 ? 1 : 0) + 2 + bytes.length + 1);
    out.writeShort(packetId);
    if (v5) {
      out.writeByte(0);
    }
    out.writeShort(bytes.length).writeBytes(bytes).writeByte(qos);
  }

  static void unsubscribe(ByteBuf out, MqttVersion version, int packetId, String filter) {
    byte[] bytes = filter.getBytes(StandardCharsets.UTF_8);
    boolean v5 = version == MqttVersion.V5;
    out.writeByte(0xA2);
    writeVariable(out, 2 + (v5 ? 1 : 0) + 2 + bytes.length);
    out.writeShort(packetId);
    if (v5) {
      out.writeByte(0);
    }
    out.writeShort(bytes.length).writeBytes(bytes);
  }

  /**
   * Writes a PUBLISH up to its payload.
   *
   * @return where the packet id stands from the writer index before the call, or 0 at QoS 0
   */
  static int publishHead(ByteBuf out, MqttVersion version, byte[] topic, int qos, int payload) {
    boolean v5 = version == MqttVersion.V5;
    int start = out.writerIndex();
    out.writeByte(0x30 | (qos << 1));
    writeVariable(out, 2 + topic.length + (qos > 0 ? 2 : 0) + (v5 ? 1 : 0) + payload);
    out.writeShort(topic.length).writeBytes(topic);
    int packetIdAt = 0;
    if (qos > 0) {
      packetIdAt = out.writerIndex() - start;
      out.writeShort(0);
    }
    if (v5) {
      out.writeByte(0);
    }
    return packetIdAt;
  }

  static void puback(ByteBuf out, int packetId) {
    out.writeInt(0x4002_0000 | packetId);
  }

  static void pingreq(ByteBuf out) {
    out.writeShort(0xC000);
  }

  /** Writes a DISCONNECT; {@code ends}: with a session expiry of 0 (MQTT 5). */
  static void disconnect(ByteBuf out, boolean ends) {
    if (ends) {
      out.writeShort(0xE007).writeShort(5).writeByte(SESSION_EXPIRY_INTERVAL).writeInt(0);
    } else {
      out.writeShort(0xE000);
    }
  }

  /**
   * Looks at a PUBLISH's body.
   *
   * @return its packet id, 0 at QoS 0, in the upper half, and where its payload begins in the lower
   */
  static long published(ByteBuf in, MqttVersion version, int first, int at, int end) {
    int p = at + 2 + in.getUnsignedShort(at);
    long packetId = 0;
    if ((first & 0x06) != 0) {
      packetId = in.getUnsignedShort(p);
      p += 2;
    }
    return packetId << 32 | skipProperties(in, version, p, end);
  }

  /**
   * Reads the fixed header at {@code at}.
   *
   * @return the header's bytes in the upper, the remaining length in the lower half, or {@link
   *     #INCOMPLETE}
   * @throws LoadException if the remaining length has more than four bytes
   */
  static long frame(ByteBuf in, int at, int end) {
    long length = 0;
    for (int i = 1; i <= 4; i++) {
      if (at + i >= end) {
        return INCOMPLETE;
      }
      byte b = in.getByte(at + i);
      length |= (long) (b & 0x7F) << (7 * (i - 1));
      if (b >= 0) {
        return ((long) (i + 1) << 32) | length;
      }
    }
    throw new LoadException("remaining length: more than four bytes");
  }

  /** Where the payload of a PUBLISH stands whose properties, if any, begin at {@code at}. */
  static int skipProperties(ByteBuf in, MqttVersion version, int at, int end) {
    if (version != MqttVersion.V5) {
      return at;
    }
    // A property length is a variable byte integer like a remaining length, without its first byte.
    long frame = frame(in, at - 1, end);
    if (frame == INCOMPLETE) {
      throw new LoadException("property length: cut off");
    }
    return at - 1 + (int) (frame >>> 32) + (int) frame;
  }

  /** Reads a CONNACK's body; what it does not state has the standard's default. */
  static Connack connack(
      ByteBuf in, MqttVersion version, int at, int length, int keepAliveSeconds) {
    int reason = in.getUnsignedByte(at + 1);
    int receiveMaximum = 65_535;
    int keepAlive = keepAliveSeconds;
    if (version == MqttVersion.V5 && length > 3) {
      int end = at + length;
      int p = at + 1 + (int) (frame(in, at + 1, end) >>> 32);
      while (p < end) {
        int id = in.getUnsignedByte(p++);
        if (id == RECEIVE_MAXIMUM) {
          receiveMaximum = in.getUnsignedShort(p);
        } else if (id == SERVER_KEEP_ALIVE) {
          keepAlive = in.getUnsignedShort(p);
        }
        p += propertyLength(in, id, p);
      }
    }
    return new Connack((in.getByte(at) & 1) != 0, reason, receiveMaximum, keepAlive);
  }

  /**
   * Bytes of the value of property {@code id} (5.0 section 2.2.2.2), of those a CONNACK may have.
   */
  private static int propertyLength(ByteBuf in, int id, int at) {
    return switch (id) {
      case 0x24, 0x25, 0x28, 0x29, 0x2A -> 1;
      case 0x13, 0x21, 0x22 -> 2;
      case 0x11, 0x27 -> 4;
      case 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F -> 2 + in.getUnsignedShort(at);
      case 0x26 -> {
        int name = 2 + in.getUnsignedShort(at);
        yield name + 2 + in.getUnsignedShort(at + name);
      }
      default -> throw new LoadException("CONNACK property: 0x" + Integer.toHexString(id));
    };
  }

  private static void writeVariable(ByteBuf out, int value) {
    int rest = value;
    while (rest > 0x7F) {
      out.writeByte((rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    out.writeByte(rest);
  }
}
