package io.busbar.mqtt;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Decodes packets from bytes, as strictly as the standards ask. One per thread: it keeps a cursor.
 *
 * <p>The caller frames first ({@link #packetLength}), reads PUBLISH with {@link Publish} and all
 * else with {@link #decode}.
 */
public final class Decoder {
  /** Result of {@link #packetLength} when the length itself has not wholly arrived. */
  public static final int INCOMPLETE = -1;

  private final Reader in = new Reader();

  /**
   * The whole length in bytes of the packet that begins at {@code start}, which may end beyond
   * {@code end}, or {@link #INCOMPLETE}.
   *
   * @throws MqttException 0x81 if the remaining length has more than four bytes or is not minimal
   */
  public static int packetLength(byte[] buffer, int start, int end) throws MqttException {
    int value = 0;
    for (int i = 0; i < 4; i++) {
      int at = start + 1 + i;
      if (at >= end) {
        return INCOMPLETE;
      }
      int b = buffer[at];
      value |= (b & 0x7f) << (7 * i);
      if (b >= 0) {
        if (b == 0 && i > 0) {
          throw Reader.malformed("remaining length is not minimally encoded");
        }
        return value + 2 + i;
      }
    }
    throw Reader.malformed("remaining length has more than four bytes");
  }

  /**
   * Decodes a whole packet other than PUBLISH.
   *
   * @param version what CONNECT said; ignored for CONNECT itself
   * @throws MqttException with the code that the standard asks for
   */
  public Packet decode(byte[] buffer, int start, int end, MqttVersion version)
      throws MqttException {
    int header = buffer[start] & 0xff;
    int type = header >> 4;
    int flags = header & 0x0f;
    int body = start + 1;
    while (buffer[body++] < 0) {
      // the remaining length, known to be sound
    }
    in.of(buffer, body, end);
    int wanted =
        type == Packet.PUBREL || type == Packet.SUBSCRIBE || type == Packet.UNSUBSCRIBE ? 2 : 0;
    if (flags != wanted) {
      throw Reader.malformed(
          "fixed header flags of packet type %d are %d (allowed: %d)"
              .formatted(type, flags, wanted));
    }
    boolean v5 = version == MqttVersion.V5;
    Packet packet =
        switch (type) {
          case Packet.CONNECT -> connect();
          case Packet.CONNACK -> connack(v5);
          case Packet.PUBACK, Packet.PUBREC, Packet.PUBREL, Packet.PUBCOMP -> ack(type, v5);
          case Packet.SUBSCRIBE -> subscribe(v5);
          case Packet.SUBACK, Packet.UNSUBACK -> suback(type, v5);
          case Packet.UNSUBSCRIBE -> unsubscribe(v5);
          case Packet.PINGREQ, Packet.PINGRESP -> new Packet.Ping(type);
          case Packet.DISCONNECT -> disconnect(v5);
          case Packet.AUTH -> auth(v5);
          default -> throw Reader.malformed("packet type " + type + " is reserved");
        };
    if (in.remaining() != 0) {
      throw Reader.malformed(in.remaining() + " bytes follow the end of the packet");
    }
    return packet;
  }

  private Packet connect() throws MqttException {
    String protocol = in.string("protocol name");
    int level = in.u8();
    MqttVersion version;
    if (protocol.equals("MQTT") && level == MqttVersion.V3_1_1.level()) {
      version = MqttVersion.V3_1_1;
    } else if (protocol.equals("MQTT") && level == MqttVersion.V5.level()) {
      version = MqttVersion.V5;
    } else if (protocol.equals("MQTT") || protocol.equals("MQIsdp")) {
      throw new MqttException(
          ReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
          "protocol level %d of %s (allowed: 4 for MQTT 3.1.1, 5 for MQTT 5)"
              .formatted(level, protocol));
    } else {
      throw new MqttException(
          ReasonCode.MALFORMED_PACKET, "the protocol name is not MQTT [MQTT-3.1.2-1]");
    }
    boolean v5 = version == MqttVersion.V5;
    int flags = in.u8();
    if ((flags & 0x01) != 0) {
      throw Reader.malformed("reserved flag of CONNECT is 1 [MQTT-3.1.2-3]");
    }
    boolean hasWill = (flags & 0x04) != 0;
    int willQos = (flags >> 3) & 0x03;
    boolean willRetain = (flags & 0x20) != 0;
    boolean hasPassword = (flags & 0x40) != 0;
    boolean hasUserName = (flags & 0x80) != 0;
    if (willQos == 3 || (!hasWill && (willQos != 0 || willRetain))) {
      throw Reader.malformed("will flags of CONNECT contradict each other [MQTT-3.1.2-11]");
    }
    if (!v5 && hasPassword && !hasUserName) {
      throw Reader.malformed("password without user name [MQTT-3.1.2-22]");
    }
    final int keepAlive = in.u16();
    final Properties properties = v5 ? Properties.read(in, Property.CONNECT) : Properties.NONE;
    if (properties.authenticationData() != null && properties.authenticationMethod() == null) {
      throw Reader.protocol("authentication data without authentication method");
    }
    final String clientId = in.string("client id");
    Packet.Will will = null;
    if (hasWill) {
      int propertiesAt = in.position;
      Properties willProperties = v5 ? Properties.read(in, Property.WILL) : Properties.NONE;
      byte[] ofMessage = messageProperties(propertiesAt, in.position);
      int at = in.stringAt("will topic");
      String error = Topics.nameError(in.buffer, at, in.position - at, Integer.MAX_VALUE);
      if (error != null) {
        throw new MqttException(ReasonCode.TOPIC_NAME_INVALID, "will: " + error);
      }
      String topic = new String(in.buffer, at, in.position - at, StandardCharsets.UTF_8);
      will = new Packet.Will(willQos, willRetain, topic, in.binary(), ofMessage, willProperties);
    }
    String userName = hasUserName ? in.string("user name") : null;
    byte[] password = hasPassword ? in.binary() : null;
    boolean cleanStart = (flags & 0x02) != 0;
    return new Packet.Connect(
        version, cleanStart, keepAlive, clientId, will, userName, password, properties);
  }

  /** What a will's properties hold of its message: all but the Will Delay Interval. */
  private byte[] messageProperties(int at, int end) throws MqttException {
    if (at == end) {
      return new byte[0];
    }
    Reader scan = new Reader().of(in.buffer, at, end);
    scan.variable();
    ByteArrayOutputStream kept = new ByteArrayOutputStream();
    while (scan.position < end) {
      int from = scan.position;
      int id = scan.variable();
      scan.skip(Property.type(id));
      if (id != Property.WILL_DELAY_INTERVAL) {
        kept.write(in.buffer, from, scan.position - from);
      }
    }
    return kept.toByteArray();
  }

  private Packet connack(boolean v5) throws MqttException {
    int flags = in.u8();
    if ((flags & 0xfe) != 0) {
      throw Reader.malformed("reserved flags of CONNACK are set");
    }
    int code = in.u8();
    return new Packet.Connack(
        flags == 1, code, v5 ? Properties.read(in, Property.CONNACK) : Properties.NONE);
  }

  private Packet ack(int type, boolean v5) throws MqttException {
    int packetId = packetId();
    ReasonCode reason = ReasonCode.SUCCESS;
    Properties properties = Properties.NONE;
    if (v5 && in.remaining() > 0) {
      reason = reason(type);
      if (in.remaining() > 0) {
        properties = Properties.read(in, Property.ACK);
      }
    }
    return new Packet.Ack(type, packetId, reason, properties);
  }

  private Packet subscribe(boolean v5) throws MqttException {
    final int packetId = packetId();
    final Properties properties = v5 ? Properties.read(in, Property.SUBSCRIBE) : Properties.NONE;
    List<Packet.Filter> filters = new ArrayList<>();
    while (in.remaining() > 0) {
      byte[] filter = in.binary();
      int options = in.u8();
      int qos = options & 0x03;
      int retainHandling = (options >> 4) & 0x03;
      if (qos == 3) {
        // the versions differ: 3.1.1 [MQTT-3-8.3-4], 5.0 section 3.8.3.1
        String message = "subscription option QoS is 3 (allowed: 0 to 2)";
        throw v5 ? Reader.protocol(message) : Reader.malformed(message);
      }
      if ((options & (v5 ? 0xc0 : 0xfc)) != 0) {
        throw Reader.malformed("reserved subscription options are set [MQTT-3.8.3-5]");
      }
      if (retainHandling == 3) {
        throw Reader.protocol("retain handling is 3 (allowed: 0 to 2)");
      }
      filters.add(
          new Packet.Filter(
              filter, qos, (options & 0x04) != 0, (options & 0x08) != 0, retainHandling));
    }
    if (filters.isEmpty()) {
      throw Reader.protocol("SUBSCRIBE without a topic filter [MQTT-3.8.3-2]");
    }
    return new Packet.Subscribe(packetId, filters, properties);
  }

  private Packet suback(int type, boolean v5) throws MqttException {
    int packetId = packetId();
    Properties properties = v5 ? Properties.read(in, Property.ACK) : Properties.NONE;
    List<Integer> codes = new ArrayList<>();
    boolean coded = v5 || type == Packet.SUBACK;
    while (coded && in.remaining() > 0) {
      codes.add(in.u8());
    }
    if (coded && codes.isEmpty()) {
      throw Reader.protocol("packet type " + type + " without a reason code");
    }
    return new Packet.Suback(type, packetId, codes, properties);
  }

  private Packet unsubscribe(boolean v5) throws MqttException {
    int packetId = packetId();
    Properties properties = v5 ? Properties.read(in, Property.UNSUBSCRIBE) : Properties.NONE;
    List<byte[]> filters = new ArrayList<>();
    while (in.remaining() > 0) {
      filters.add(in.binary());
    }
    if (filters.isEmpty()) {
      throw Reader.protocol("UNSUBSCRIBE without a topic filter [MQTT-3.10.3-2]");
    }
    return new Packet.Unsubscribe(packetId, filters, properties);
  }

  private Packet disconnect(boolean v5) throws MqttException {
    ReasonCode reason = ReasonCode.SUCCESS;
    Properties properties = Properties.NONE;
    if (v5 && in.remaining() > 0) {
      reason = reason(Packet.DISCONNECT);
      if (in.remaining() > 0) {
        properties = Properties.read(in, Property.DISCONNECT);
      }
    }
    return new Packet.Disconnect(reason, properties);
  }

  private Packet auth(boolean v5) throws MqttException {
    if (!v5) {
      throw Reader.malformed("packet type 15 is reserved in MQTT 3.1.1");
    }
    ReasonCode reason = ReasonCode.SUCCESS;
    Properties properties = Properties.NONE;
    if (in.remaining() > 0) {
      reason = reason(Packet.AUTH);
      properties = Properties.read(in, Property.AUTH);
    }
    return new Packet.Auth(reason, properties);
  }

  private ReasonCode reason(int type) throws MqttException {
    int code = in.u8();
    ReasonCode reason = ReasonCode.of(code);
    if (reason == null || !reason.isFor(type)) {
      throw Reader.protocol("reason code 0x%02x is none of packet type %d".formatted(code, type));
    }
    return reason;
  }

  private int packetId() throws MqttException {
    int id = in.u16();
    if (id == 0) {
      throw Reader.protocol("packet identifier is 0 [MQTT-2.2.1-3]");
    }
    return id;
  }
}
