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
  public void parse(byte[] buffer, int start, int end, MqttVersion version) throws MqttException {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    this.version = version;
    header = buffer[start];
    if ((header & 0x06) == 0x06) {
      throw Reader.malformed("PUBLISH with QoS 3 [MQTT-3.3.1-4]");
    }
    if ((header & 0x0e) == 0x08) {
      throw Reader.malformed("PUBLISH with QoS 0 and DUP [MQTT-3.3.1-2]");
    }
    int at = start + 1;
    while (buffer[at++] < 0) {
      // the remaining length, known to be sound
    }
    in.of(buffer, at, end);
    topicAt = in.binaryAt();
    topic = buffer;
    topicLength = in.position - topicAt;
    packetId = 0;
    if (qos() > 0) {
      packetId = in.u16();
    }
    present = 0;
    topicAlias = 0;
    expirySeconds = ABSENT;
    expiryAt = ABSENT;
    payloadFormat = 0;
    userPropertiesBytes = 0;
    propertiesAt = in.position;
    propertiesEnd = in.position;
    if (version == MqttVersion.V5) {
      readProperties();
    }
    payloadAt = in.position;
  }

  private void readProperties() throws MqttException {
    int length = in.variable();
    propertiesAt = in.position;
    propertiesEnd = in.position;
    if (length == 0) {
      return;
    }
    if (length > in.remaining()) {
      throw Reader.malformed("property length " + length + " goes beyond the packet");
    }
    propertiesEnd = in.position + length;
    in.end = propertiesEnd;
    while (in.position < in.end) {
      readProperty();
    }
    in.end = end;
  }

  private void readProperty() throws MqttException {
    int at = in.position;
    int id = in.u8();
    Property.Type type = Property.type(id);
    if (type == null) {
      throw Reader.malformed("property 0x%02x is unknown".formatted(id));
    }
    if ((Property.PUBLISH & (1L << id)) == 0) {
      if (id == Property.SUBSCRIPTION_IDENTIFIER) {
        throw Reader.protocol("subscription identifier from a client [MQTT-3.3.4-6]");
      }
      throw Reader.malformed("property 0x%02x does not belong in PUBLISH".formatted(id));
    }
    if ((present & (1L << id)) != 0 && id != Property.USER_PROPERTY) {
      throw Reader.protocol("property 0x%02x is there twice".formatted(id));
    }
    present |= 1L << id;
    switch (id) {
      case Property.PAYLOAD_FORMAT_INDICATOR -> {
        payloadFormat = in.u8();
        if (payloadFormat > 1) {
          throw Reader.protocol("payload format is " + payloadFormat + " (allowed: 0 or 1)");
        }
      }
      case Property.MESSAGE_EXPIRY_INTERVAL -> {
        expiryAt = in.position;
        expirySeconds = in.u32();
      }
      case Property.TOPIC_ALIAS -> {
        aliasAt = at;
        topicAlias = in.u16();
        if (topicAlias == 0) {
          throw new MqttException(
              ReasonCode.TOPIC_ALIAS_INVALID, "topic alias is 0 [MQTT-3.3.2-8]");
        }
      }
      case Property.CONTENT_TYPE -> contentTypeAt = in.stringAt("content type");
      case Property.RESPONSE_TOPIC -> {
        responseTopicAt = in.stringAt("response topic");
        String error =
            Topics.nameError(
                buffer, responseTopicAt, in.position - responseTopicAt, Integer.MAX_VALUE);
        if (error != null) {
          throw Reader.protocol("response topic: " + error + " [MQTT-3.3.2-14]");
        }
      }
      case Property.CORRELATION_DATA -> correlationDataAt = in.binaryAt();
      default -> {
        in.stringAt("user property name");
        in.stringAt("user property value");
        userPropertiesBytes += in.position - at - 5;
      }
    }
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
