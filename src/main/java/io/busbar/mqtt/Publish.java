package io.busbar.mqtt;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A PUBLISH (section 3.3) read in place: a view of bytes that somebody else owns, filled again for
 * each packet, so that the hot path makes no objects. Not thread-safe.
 *
 * <p>Between event loops and between nodes messages travel as runs of MQTT 5 PUBLISH packets, so
 * this is also their reader and writer.
 */
public final class Publish {
  private static final int ABSENT = -1;
  private static final int[] NO_IDS = {};

  /** Bit n: the flags n of the fixed header are none: QoS 3, or QoS 0 and DUP. */
  private static final int FORBIDDEN_FLAGS = 0b1100_0011_1100_0000;

  /** What may be there once only, as bits. */
  private static final long ONCE = ~(1L << Property.USER_PROPERTY);

  private final Reader in = new Reader();
  private byte[] buffer;
  private int start;
  private int end;
  private MqttVersion version;
  private int header;
  private byte[] topic;
  private int topicAt;
  private int topicLength;
  private int packetId;
  private int propertiesAt;
  private int propertiesEnd;
  private int payloadAt;

  private long present;
  private int aliasAt;
  private int topicAlias;
  private int expiryAt;
  private long expirySeconds;
  private int payloadFormat;
  private int contentTypeAt;
  private int responseTopicAt;
  private int correlationDataAt;
  private int userPropertiesBytes;
  private int writtenExpiryAt;

  /**
   * Reads a whole packet.
   *
   * <p>The topic is neither checked nor, where it is an alias, known afterwards: see {@link
   * #topicLength} and {@link #resolve}.
   *
   * @throws MqttException with the code that the standard asks for
   */
  public void parse(byte[] packet, int start, int end, MqttVersion version) throws MqttException {
    // the collector makes storing a reference dearer than looking whether it is there already
    if (buffer != packet) {
      buffer = packet;
    }
    if (topic != packet) {
      topic = packet;
    }
    if (this.version != version) {
      this.version = version;
    }
    this.start = start;
    this.end = end;
    int flags = packet[start];
    if ((FORBIDDEN_FLAGS >> (flags & 0x0f) & 1) != 0) {
      throw forbidden(flags);
    }
    header = flags;
    int at = start + 1;
    while (packet[at++] < 0) {
      // the remaining length, known to be sound
    }
    if (end - at < 2) {
      throw endsEarly();
    }
    topicAt = at + 2;
    topicLength = Bytes.u16(packet, at);
    at = topicAt + topicLength;
    int id = 0;
    if ((flags & 0x06) != 0) {
      at += 2;
      if (at > end) {
        throw endsEarly();
      }
      id = Bytes.u16(packet, at - 2);
    } else if (at > end) {
      throw endsEarly();
    }
    packetId = id;
    present = 0;
    topicAlias = 0;
    expirySeconds = ABSENT;
    expiryAt = ABSENT;
    payloadFormat = 0;
    userPropertiesBytes = 0;
    propertiesAt = at;
    propertiesEnd = at;
    if (version == MqttVersion.V5) {
      readProperties(packet, at, end);
    }
    payloadAt = propertiesEnd;
  }

  private void readProperties(byte[] packet, int from, int end) throws MqttException {
    if (from == end) {
      throw endsEarly();
    }
    int at = from + 1;
    int length = packet[from];
    if (length < 0) {
      length = in.of(packet, from, end).variable();
      at = in.position;
    }
    if (length > end - at) {
      throw Reader.malformed("property length " + length + " goes beyond the packet");
    }
    propertiesAt = at;
    propertiesEnd = at + length;
    if (length > 0) {
      present = readEach(packet, at, at + length);
    }
  }

  /** Reads all properties and returns which of them, but for user properties, there are. */
  private long readEach(byte[] packet, int from, int end) throws MqttException {
    long seen = 0;
    int at = from;
    while (at < end) {
      int id = packet[at];
      seen = once(seen, id);
      switch (id) {
        case Property.PAYLOAD_FORMAT_INDICATOR -> {
          need(2, at, end);
          payloadFormat = format(packet[at + 1]);
          at += 2;
        }
        case Property.MESSAGE_EXPIRY_INTERVAL -> {
          need(5, at, end);
          expiryAt = at + 1;
          expirySeconds = Bytes.u32(packet, at + 1);
          at += 5;
        }
        case Property.TOPIC_ALIAS -> {
          need(3, at, end);
          aliasAt = at;
          topicAlias = alias(Bytes.u16(packet, at + 1));
          at += 3;
        }
        case Property.CONTENT_TYPE -> {
          contentTypeAt = at + 3;
          at = passString(packet, at + 1, end, "content type");
        }
        case Property.RESPONSE_TOPIC -> {
          responseTopicAt = at + 3;
          at = passName(packet, at + 1, end);
        }
        case Property.CORRELATION_DATA -> {
          correlationDataAt = at + 3;
          at = passBinary(packet, at + 1, end);
        }
        case Property.USER_PROPERTY -> {
          int next = passPair(packet, at + 1, end);
          userPropertiesBytes += next - at - 5;
          at = next;
        }
        default -> throw misplaced(id);
      }
    }
    return seen;
  }

  private static long once(long seen, int id) throws MqttException {
    long bit = 1L << id;
    if ((seen & bit) != 0) {
      throw again(id);
    }
    return seen | (bit & ONCE);
  }

  private static int format(int value) throws MqttException {
    if ((value & ~1) != 0) {
      throw Reader.protocol("payload format is " + (value & 0xff) + " (allowed: 0 or 1)");
    }
    return value;
  }

  private static int alias(int value) throws MqttException {
    if (value == 0) {
      throw new MqttException(ReasonCode.TOPIC_ALIAS_INVALID, "topic alias is 0 [MQTT-3.3.2-8]");
    }
    return value;
  }

  private static void need(int bytes, int at, int end) throws MqttException {
    if (end - at < bytes) {
      throw endsEarly();
    }
  }

  /** Where binary data ends whose length stands at a place. */
  private static int passBinary(byte[] packet, int at, int end) throws MqttException {
    need(2, at, end);
    int next = at + 2 + Bytes.u16(packet, at);
    if (next > end) {
      throw endsEarly();
    }
    return next;
  }

  private static int passString(byte[] packet, int at, int end, String what) throws MqttException {
    int next = passBinary(packet, at, end);
    if (!Utf8.isValid(packet, at + 2, next - at - 2)) {
      throw Reader.malformed(what + " is not valid UTF-8 without U+0000");
    }
    return next;
  }

  private static int passPair(byte[] packet, int at, int end) throws MqttException {
    int value = passString(packet, at, end, "user property name");
    return passString(packet, value, end, "user property value");
  }

  private static int passName(byte[] packet, int at, int end) throws MqttException {
    int next = passBinary(packet, at, end);
    int length = next - at - 2;
    if (!Topics.isPlainName(packet, at + 2, length)) {
      lookAtName(packet, at + 2, length);
    }
    return next;
  }

  private static void lookAtName(byte[] packet, int at, int length) throws MqttException {
    String error = Topics.nameError(packet, at, length, Integer.MAX_VALUE);
    if (error != null && !Utf8.isValid(packet, at, length)) {
      throw Reader.malformed("response topic is not valid UTF-8 without U+0000");
    }
    if (error != null) {
      throw Reader.protocol("response topic: " + error + " [MQTT-3.3.2-14]");
    }
  }

  // --- refusals, kept out of the way of what is read all the time ---

  private static MqttException forbidden(int flags) {
    return (flags & 0x06) == 0x06
        ? Reader.malformed("PUBLISH with QoS 3 [MQTT-3.3.1-4]")
        : Reader.malformed("PUBLISH with QoS 0 and DUP [MQTT-3.3.1-2]");
  }

  private static MqttException endsEarly() {
    return Reader.malformed("packet ends inside a field");
  }

  /** An identifier whose bit was seen, which may be that of another: bits count modulo 64. */
  private static MqttException again(int id) {
    return id > 0 && id < 64 && (Property.PUBLISH & (1L << id)) != 0
        ? Reader.protocol("property 0x%02x is there twice".formatted(id))
        : misplaced(id);
  }

  private static MqttException misplaced(int id) {
    if (id == Property.SUBSCRIPTION_IDENTIFIER) {
      return Reader.protocol("subscription identifier from a client [MQTT-3.3.4-6]");
    }
    String why = Property.type(id) == null ? "is unknown" : "does not belong in PUBLISH";
    return Reader.malformed("property 0x%02x %s".formatted(id & 0xff, why));
  }

  /** 0, 1 or 2. */
  public int qos() {
    return (header >> 1) & 0x03;
  }

  /** Whether the RETAIN flag is set. */
  public boolean retain() {
    return (header & 0x01) != 0;
  }

  /** Whether the DUP flag is set. */
  public boolean dup() {
    return (header & 0x08) != 0;
  }

  /** The packet identifier; 0 in QoS 0 and in messages between loops, not allowed in others. */
  public int packetId() {
    return packetId;
  }

  /** The topic alias, or 0 if there is none. */
  public int topicAlias() {
    return topicAlias;
  }

  /** Gives the message the topic that its alias stands for. */
  public void resolve(byte[] name) {
    topic = name;
    topicAt = 0;
    topicLength = name.length;
  }

  /** The array that holds the topic name. */
  public byte[] topicArray() {
    return topic;
  }

  /** Where the topic name begins in its array. */
  public int topicOffset() {
    return topicAt;
  }

  /** Bytes of the topic name; 0 where only an alias was sent. */
  public int topicLength() {
    return topicLength;
  }

  /** The topic name. */
  public String topic() {
    return new String(topic, topicAt, topicLength, StandardCharsets.UTF_8);
  }

  /** The array that holds the packet. */
  public byte[] array() {
    return buffer;
  }

  /** Where the payload begins in {@link #array}. */
  public int payloadOffset() {
    return payloadAt;
  }

  /** Bytes of the payload. */
  public int payloadLength() {
    return end - payloadAt;
  }

  /** Bytes of the packet as it was read. */
  public int packetLength() {
    return end - start;
  }

  /** Message Expiry Interval in seconds, or -1 where there is none. */
  public long expirySeconds() {
    return expirySeconds;
  }

  /** Where the four bytes of the Message Expiry Interval stand in {@link #array}, or -1. */
  public int expiryOffset() {
    return expiryAt;
  }

  /** Whether the payload is said to be UTF-8. */
  public boolean payloadFormatUtf8() {
    return payloadFormat == 1;
  }

  /** Content Type, or null. */
  public String contentType() {
    return string(Property.CONTENT_TYPE, contentTypeAt);
  }

  /** Response Topic, or null. */
  public String responseTopic() {
    return string(Property.RESPONSE_TOPIC, responseTopicAt);
  }

  /** Correlation Data, or null. */
  public byte[] correlationData() {
    if ((present & (1L << Property.CORRELATION_DATA)) == 0) {
      return null;
    }
    return Arrays.copyOfRange(
        buffer, correlationDataAt, correlationDataAt + lengthBefore(correlationDataAt));
  }

  /** Bytes of all names and values of user properties together. */
  public int userPropertiesBytes() {
    return userPropertiesBytes;
  }

  /** The user properties in order. */
  public List<Map.Entry<String, String>> userProperties() {
    List<Map.Entry<String, String>> pairs = new ArrayList<>();
    try {
      in.of(buffer, propertiesAt, propertiesEnd);
      while (in.position < in.end) {
        int id = in.u8();
        if (id == Property.USER_PROPERTY) {
          String name = in.string("user property name");
          pairs.add(Map.entry(name, in.string("user property value")));
        } else {
          in.skip(Property.type(id));
        }
      }
    } catch (MqttException e) {
      throw new IllegalStateException("properties that parse() accepted", e);
    }
    return pairs;
  }

  private String string(int id, int at) {
    return (present & (1L << id)) == 0
        ? null
        : new String(buffer, at, lengthBefore(at), StandardCharsets.UTF_8);
  }

  private int lengthBefore(int at) {
    return ((buffer[at - 2] & 0xff) << 8) | (buffer[at - 1] & 0xff);
  }

  /**
   * Bytes of the packet that {@link #write} makes.
   *
   * @param subscriptionIds as given to it
   */
  public int writtenLength(MqttVersion to, int qos, int[] subscriptionIds) {
    int remaining = remainingLength(to, qos, topicLength, addedLength(subscriptionIds));
    return 1 + Variable.size(remaining) + remaining;
  }

  private int remainingLength(MqttVersion to, int qos, int topicBytes, int addedProperties) {
    int length = 2 + topicBytes + (qos > 0 ? 2 : 0) + payloadLength();
    if (to == MqttVersion.V5) {
      int properties = propertiesLength() + addedProperties;
      length += Variable.size(properties) + properties;
    }
    return length;
  }

  private int propertiesLength() {
    return propertiesEnd - propertiesAt - (topicAlias == 0 ? 0 : 3);
  }

  private static int addedLength(int[] subscriptionIds) {
    int length = 0;
    for (int id : subscriptionIds) {
      length += 1 + Variable.size(id);
    }
    return length;
  }

  /**
   * Writes the message as a PUBLISH of a version at a QoS, without DUP, RETAIN and topic alias.
   *
   * @return the writer index of the packet identifier (0, to be set by the caller), or -1 for QoS 0
   */
  public int write(ByteBuf out, MqttVersion to, int qos) {
    int at = out.writerIndex();
    if (to == version && qos == qos() && topicAlias == 0) {
      // the packet as it came, but for DUP and RETAIN
      out.writeBytes(buffer, start, end - start);
      out.setByte(at, header & 0xf6);
      writtenExpiryAt = expiryAt == ABSENT ? ABSENT : at + expiryAt - start;
      if (qos == 0) {
        return -1;
      }
      int idAt = at + topicAt + topicLength - start;
      out.setShort(idAt, 0);
      return idAt;
    }
    return write(out, to, qos, false, NO_IDS, 0, topicLength);
  }

  /**
   * Writes the message as {@link #write(ByteBuf, MqttVersion, int)} does, with what a subscription
   * adds to it.
   *
   * @param subscriptionIds left out for 3.1.1
   */
  public int write(ByteBuf out, MqttVersion to, int qos, boolean retain, int[] subscriptionIds) {
    if (subscriptionIds.length == 0) {
      int at = out.writerIndex();
      int idAt = write(out, to, qos);
      if (retain) {
        out.setByte(at, out.getByte(at) | 0x01);
      }
      return idAt;
    }
    return write(out, to, qos, retain, subscriptionIds, 0, topicLength);
  }

  /**
   * Writes the message for an MQTT 5 client under a topic alias (section 3.3.2.3.4).
   *
   * @param known whether the client knows the alias: then the topic is left out
   */
  public int write(
      ByteBuf out, int qos, boolean retain, int[] subscriptionIds, int alias, boolean known) {
    int topicBytes = known ? 0 : topicLength;
    return write(out, MqttVersion.V5, qos, retain, subscriptionIds, alias, topicBytes);
  }

  private int write(
      ByteBuf out,
      MqttVersion to,
      int qos,
      boolean retain,
      int[] subscriptionIds,
      int alias,
      int topicBytes) {
    int added = addedLength(subscriptionIds) + (alias == 0 ? 0 : 3);
    writtenExpiryAt = ABSENT;
    out.writeByte((Packet.PUBLISH << 4) | (qos << 1) | (retain ? 1 : 0));
    Variable.write(out, remainingLength(to, qos, topicBytes, added));
    out.writeShort(topicBytes);
    out.writeBytes(topic, topicAt, topicBytes);
    int idAt = -1;
    if (qos > 0) {
      idAt = out.writerIndex();
      out.writeShort(0);
    }
    if (to == MqttVersion.V5) {
      Variable.write(out, propertiesLength() + added);
      if (expiryAt != ABSENT) {
        int before = topicAlias != 0 && aliasAt < expiryAt ? 3 : 0;
        writtenExpiryAt = out.writerIndex() + expiryAt - propertiesAt - before;
      }
      if (topicAlias == 0) {
        out.writeBytes(buffer, propertiesAt, propertiesEnd - propertiesAt);
      } else {
        out.writeBytes(buffer, propertiesAt, aliasAt - propertiesAt);
        out.writeBytes(buffer, aliasAt + 3, propertiesEnd - aliasAt - 3);
      }
      for (int id : subscriptionIds) {
        out.writeByte(Property.SUBSCRIPTION_IDENTIFIER);
        Variable.write(out, id);
      }
      if (alias != 0) {
        out.writeByte(Property.TOPIC_ALIAS);
        out.writeShort(alias);
      }
    }
    out.writeBytes(buffer, payloadAt, end - payloadAt);
    return idAt;
  }

  /**
   * The writer index of the Message Expiry Interval's four bytes in the packet last written, or -1
   * if it carries none.
   */
  public int writtenExpiryAt() {
    return writtenExpiryAt;
  }
}
