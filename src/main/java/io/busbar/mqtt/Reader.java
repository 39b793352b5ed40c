package io.busbar.mqtt;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads the data types of MQTT 5.0 section 1.5 from a range of bytes, strictly. Not thread-safe.
 */
final class Reader {
  byte[] buffer;
  int position;
  int end;

  Reader of(byte[] buffer, int position, int end) {
    if (this.buffer != buffer) {
      this.buffer = buffer;
    }
    this.position = position;
    this.end = end;
    return this;
  }

  int remaining() {
    return end - position;
  }

  private void need(int bytes) throws MqttException {
    if (end - position < bytes) {
      throw malformed("packet ends inside a field");
    }
  }

  int u8() throws MqttException {
    need(1);
    return buffer[position++] & 0xff;
  }

  int u16() throws MqttException {
    need(2);
    int value = ((buffer[position] & 0xff) << 8) | (buffer[position + 1] & 0xff);
    position += 2;
    return value;
  }

  /** Goes past the value of a property that was found valid before. */
  void skip(Property.Type type) throws MqttException {
    switch (type) {
      case BYTE -> position++;
      case TWO_BYTE -> position += 2;
      case FOUR_BYTE -> position += 4;
      case VARIABLE -> variable();
      case STRING, BINARY -> binaryAt();
      case PAIR -> {
        binaryAt();
        binaryAt();
      }
    }
  }

  /** An unsigned 32-bit value. */
  long u32() throws MqttException {
    return ((long) u16() << 16) | u16();
  }

  /** A variable byte integer of at most four bytes, minimally encoded [MQTT-1.5.5-1]. */
  int variable() throws MqttException {
    int value = 0;
    for (int shift = 0; shift < 28; shift += 7) {
      int b = u8();
      value |= (b & 0x7f) << shift;
      if ((b & 0x80) == 0) {
        if (b == 0 && shift > 0) {
          throw malformed("variable byte integer is not minimally encoded");
        }
        return value;
      }
    }
    throw malformed("variable byte integer has more than four bytes");
  }

  /** Passes over binary data and returns where it begins; it ends at {@link #position}. */
  int binaryAt() throws MqttException {
    int length = u16();
    need(length);
    int at = position;
    position += length;
    return at;
  }

  byte[] binary() throws MqttException {
    int at = binaryAt();
    return Arrays.copyOfRange(buffer, at, position);
  }

  /** Passes over a valid UTF-8 string and returns where it begins. */
  int stringAt(String what) throws MqttException {
    int at = binaryAt();
    if (!Utf8.isValid(buffer, at, position - at)) {
      throw malformed(what + " is not valid UTF-8 without U+0000");
    }
    return at;
  }

  String string(String what) throws MqttException {
    int at = stringAt(what);
    return new String(buffer, at, position - at, StandardCharsets.UTF_8);
  }

  static MqttException malformed(String message) {
    return new MqttException(ReasonCode.MALFORMED_PACKET, message);
  }

  static MqttException protocol(String message) {
    return new MqttException(ReasonCode.PROTOCOL_ERROR, message);
  }
}
