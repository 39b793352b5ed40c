package io.busbar.mqtt;

/**
 * What {@link Publish} reads, without any of its checks: what they cost is the difference. Sound
 * packets of MQTT 5 only.
 */
final class LenientPublish {
  int header;
  int topicAt;
  int topicLength;
  int packetId;
  int propertiesAt;
  int propertiesEnd;
  int payloadAt;
  int topicAlias;
  int expiryAt;
  long expirySeconds;
  int payloadFormat;
  int contentTypeAt;
  int responseTopicAt;
  int correlationDataAt;
  int userPropertiesBytes;
  long present;

  private byte[] buffer;
  private int at;

  void parse(byte[] packet, int start) {
    buffer = packet;
    header = packet[start];
    at = start + 1;
    variable();
    topicLength = u16();
    topicAt = at;
    at += topicLength;
    packetId = (header & 0x06) == 0 ? 0 : u16();
    present = 0;
    topicAlias = 0;
    expiryAt = -1;
    expirySeconds = -1;
    payloadFormat = 0;
    userPropertiesBytes = 0;
    int length = variable();
    propertiesAt = at;
    propertiesEnd = at + length;
    while (at < propertiesEnd) {
      property();
    }
    payloadAt = at;
  }

  private void property() {
    int from = at;
    int id = buffer[at++];
    present |= 1L << id;
    switch (id) {
      case Property.PAYLOAD_FORMAT_INDICATOR -> payloadFormat = buffer[at++];
      case Property.MESSAGE_EXPIRY_INTERVAL -> {
        expiryAt = at;
        expirySeconds = ((long) u16() << 16) | u16();
      }
      case Property.TOPIC_ALIAS -> topicAlias = u16();
      case Property.CONTENT_TYPE -> contentTypeAt = passed();
      case Property.RESPONSE_TOPIC -> responseTopicAt = passed();
      case Property.CORRELATION_DATA -> correlationDataAt = passed();
      default -> {
        passed();
        passed();
        userPropertiesBytes += at - from - 5;
      }
    }
  }

  private int passed() {
    int length = u16();
    int from = at;
    at += length;
    return from;
  }

  private int u16() {
    int value = ((buffer[at] & 0xff) << 8) | (buffer[at + 1] & 0xff);
    at += 2;
    return value;
  }

  private int variable() {
    int value = 0;
    for (int shift = 0; ; shift += 7) {
      int b = buffer[at++];
      value |= (b & 0x7f) << shift;
      if (b >= 0) {
        return value;
      }
    }
  }
}
