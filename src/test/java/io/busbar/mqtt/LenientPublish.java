package io.busbar.mqtt;

/**
 * {@link Publish#parse} without its checks, else the same in each step: what the checks cost is the
 * difference. Sound packets only.
 */
public final class LenientPublish {
  byte[] buffer;
  int start;
  int end;
  MqttVersion version;
  int header;
  byte[] topic;
  int topicAt;
  int topicLength;
  int packetId;
  int propertiesAt;
  int propertiesEnd;
  int payloadAt;
  long present;
  int aliasAt;
  int topicAlias;
  int expiryAt;
  long expirySeconds;
  int payloadFormat;
  int contentTypeAt;
  int responseTopicAt;
  int correlationDataAt;
  int userPropertiesBytes;

  /** Reads a whole packet. */
  public void parse(byte[] packet, int start, int end, MqttVersion version) {
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
    header = flags;
    int at = start + 1;
    while (packet[at++] < 0) {
      // the remaining length
    }
    topicAt = at + 2;
    topicLength = Bytes.u16(packet, at);
    at = topicAt + topicLength;
    int id = 0;
    if ((flags & 0x06) != 0) {
      at += 2;
      id = Bytes.u16(packet, at - 2);
    }
    packetId = id;
    present = 0;
    topicAlias = 0;
    expirySeconds = -1;
    expiryAt = -1;
    payloadFormat = 0;
    userPropertiesBytes = 0;
    propertiesAt = at;
    propertiesEnd = at;
    if (version == MqttVersion.V5) {
      readProperties(packet, at);
    }
    payloadAt = propertiesEnd;
  }

  private void readProperties(byte[] packet, int from) {
    int at = from + 1;
    int length = packet[from];
    if (length < 0) {
      length &= 0x7f;
      int shift = 0;
      int b;
      do {
        b = packet[at++];
        shift += 7;
        length |= (b & 0x7f) << shift;
      } while (b < 0);
    }
    propertiesAt = at;
    propertiesEnd = at + length;
    if (length > 0) {
      present = readEach(packet, at, at + length);
    }
  }

  private long readEach(byte[] packet, int from, int end) {
    long seen = 0;
    int at = from;
    while (at < end) {
      int id = packet[at];
      seen |= 1L << id;
      switch (id) {
        case Property.PAYLOAD_FORMAT_INDICATOR -> {
          payloadFormat = packet[at + 1];
          at += 2;
        }
        case Property.MESSAGE_EXPIRY_INTERVAL -> {
          expiryAt = at + 1;
          expirySeconds = Bytes.u32(packet, at + 1);
          at += 5;
        }
        case Property.TOPIC_ALIAS -> {
          aliasAt = at;
          topicAlias = Bytes.u16(packet, at + 1);
          at += 3;
        }
        case Property.CONTENT_TYPE -> {
          contentTypeAt = at + 3;
          at = pass(packet, at + 1);
        }
        case Property.RESPONSE_TOPIC -> {
          responseTopicAt = at + 3;
          at = pass(packet, at + 1);
        }
        case Property.CORRELATION_DATA -> {
          correlationDataAt = at + 3;
          at = pass(packet, at + 1);
        }
        default -> {
          int next = pass(packet, pass(packet, at + 1));
          userPropertiesBytes += next - at - 5;
          at = next;
        }
      }
    }
    return seen;
  }

  private static int pass(byte[] packet, int at) {
    return at + 2 + Bytes.u16(packet, at);
  }

  /** Framing without checks, but for a length that has not wholly arrived. */
  public static int packetLength(byte[] buffer, int start, int end) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
      int at = start + 1 + i;
      if (at >= end) {
        return Decoder.INCOMPLETE;
      }
      int b = buffer[at];
      value |= (b & 0x7f) << (7 * i);
      if (b >= 0) {
        return value + 2 + i;
      }
    }
    return Decoder.INCOMPLETE;
  }

  /** The array that holds the topic name. */
  public byte[] topicArray() {
    return topic;
  }

  /** Where the topic name begins. */
  public int topicOffset() {
    return topicAt;
  }

  /** Bytes of the topic name. */
  public int topicLength() {
    return topicLength;
  }

  /** Whether it read of a packet what the strict one did. */
  public boolean isSame(Publish strict) {
    return payloadAt == strict.payloadOffset()
        && topicAt == strict.topicOffset()
        && topicLength == strict.topicLength()
        && packetId == strict.packetId()
        && expiryAt == strict.expiryOffset()
        && expirySeconds == strict.expirySeconds()
        && topicAlias == strict.topicAlias()
        && userPropertiesBytes == strict.userPropertiesBytes();
  }
}
