package io.busbar.chaos;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;

/** The few packets of MQTT 5 (chapter 3) that the kill test needs. Not the broker's codec. */
final class Wire {
  static final int CONNACK = 2;
  static final int PUBLISH = 3;
  static final int PUBACK = 4;
  static final int PUBREC = 5;
  static final int PUBREL = 6;
  static final int PUBCOMP = 7;
  static final int SUBACK = 9;
  static final int PINGRESP = 13;
  static final int DISCONNECT = 14;

  /** From here on reason codes are errors. */
  static final int FIRST_ERROR = 0x80;

  static final int PACKET_ID_NOT_FOUND = 0x92;

  private static final int RECEIVE_MAXIMUM = 0x21;
  private static final int SESSION_EXPIRY = 0x11;
  private static final int DUP = 0x08;

  private Wire() {}

  /** CONNECT with Clean Start or, to go on with a session, without. */
  static void connect(
      ByteBuf out, String clientId, boolean cleanStart, int expirySeconds, int receiveMaximum) {
    byte[] id = clientId.getBytes(StandardCharsets.UTF_8);
    header(out, 0x10, 10 + 1 + 8 + 2 + id.length);
    out.writeShort(4).writeBytes(new byte[] {'M', 'Q', 'T', 'T'});
    out.writeByte(5).writeByte(cleanStart ? 0x02 : 0).writeShort(60);
    out.writeByte(8);
    out.writeByte(SESSION_EXPIRY).writeInt(expirySeconds);
    out.writeByte(RECEIVE_MAXIMUM).writeShort(receiveMaximum);
    out.writeShort(id.length).writeBytes(id);
  }

  /** CONNECT of a durable session with a will, which comes at once. */
  static void connectWithWill(
      ByteBuf out, String clientId, int expirySeconds, String topic, int qos, byte[] payload) {
    byte[] id = clientId.getBytes(StandardCharsets.UTF_8);
    byte[] name = topic.getBytes(StandardCharsets.UTF_8);
    int rest = 2 + id.length + 1 + 2 + name.length + 2 + payload.length;
    header(out, 0x10, 10 + 1 + 5 + rest);
    out.writeShort(4).writeBytes(new byte[] {'M', 'Q', 'T', 'T'});
    out.writeByte(5).writeByte(0x04 | qos << 3).writeShort(60);
    out.writeByte(5).writeByte(SESSION_EXPIRY).writeInt(expirySeconds);
    out.writeShort(id.length).writeBytes(id).writeByte(0);
    out.writeShort(name.length).writeBytes(name);
    out.writeShort(payload.length).writeBytes(payload);
  }

  static void subscribe(ByteBuf out, int packetId, String filter, int options) {
    byte[] bytes = filter.getBytes(StandardCharsets.UTF_8);
    header(out, 0x82, 2 + 1 + 2 + bytes.length + 1);
    out.writeShort(packetId).writeByte(0);
    out.writeShort(bytes.length).writeBytes(bytes).writeByte(options);
  }

  static void publish(
      ByteBuf out,
      String topic,
      int qos,
      boolean dup,
      boolean retain,
      int packetId,
      byte[] payload) {
    byte[] name = topic.getBytes(StandardCharsets.UTF_8);
    header(
        out,
        PUBLISH << 4 | qos << 1 | (dup ? DUP : 0) | (retain ? 1 : 0),
        2 + name.length + 3 + payload.length);
    out.writeShort(name.length).writeBytes(name);
    out.writeShort(packetId).writeByte(0).writeBytes(payload);
  }

  /** PUBACK, PUBREC, PUBREL or PUBCOMP; the reason is left out if it is 0. */
  static void ack(ByteBuf out, int type, int packetId, int reason) {
    header(out, type << 4 | (type == PUBREL ? 2 : 0), reason == 0 ? 2 : 3);
    out.writeShort(packetId);
    if (reason != 0) {
      out.writeByte(reason);
    }
  }

  static void ping(ByteBuf out) {
    header(out, 0xC0, 0);
  }

  static void disconnect(ByteBuf out) {
    header(out, 0xE0, 0);
  }

  /**
   * The whole length in bytes of the packet at the reader index, or -1 if that has not arrived yet.
   */
  static int length(ByteBuf in) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
      if (in.readableBytes() < 2 + i) {
        return -1;
      }
      int b = in.getByte(in.readerIndex() + 1 + i);
      value |= (b & 0x7f) << (7 * i);
      if (b >= 0) {
        return value + 2 + i;
      }
    }
    throw new KillException("the broker sent a packet whose length has more than four bytes");
  }

  /** Reads a variable byte integer. */
  static int variable(ByteBuf in) {
    int value = 0;
    for (int shift = 0; ; shift += 7) {
      int b = in.readByte();
      value |= (b & 0x7f) << shift;
      if (b >= 0) {
        return value;
      }
    }
  }

  /** The Receive Maximum among the properties of a CONNACK, which are read; 65,535 if absent. */
  static int receiveMaximum(ByteBuf in) {
    int end = variable(in);
    end += in.readerIndex();
    int found = 65_535;
    while (in.readerIndex() < end) {
      int id = in.readUnsignedByte();
      switch (id) {
        case RECEIVE_MAXIMUM -> found = in.readUnsignedShort();
        case 0x24, 0x25, 0x28, 0x29, 0x2A -> in.skipBytes(1);
        case 0x13, 0x22 -> in.skipBytes(2);
        case 0x11, 0x27 -> in.skipBytes(4);
        case 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F -> in.skipBytes(in.readUnsignedShort());
        case 0x26 -> {
          in.skipBytes(in.readUnsignedShort());
          in.skipBytes(in.readUnsignedShort());
        }
        default ->
            throw new KillException("the broker's CONNACK has property 0x%02x".formatted(id));
      }
    }
    return found;
  }

  private static void header(ByteBuf out, int first, int remaining) {
    out.writeByte(first);
    int rest = remaining;
    while (rest > 0x7f) {
      out.writeByte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    out.writeByte(rest);
  }
}
