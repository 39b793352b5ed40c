package io.busbar.mqtt;

import io.netty.buffer.ByteBuf;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Collects the properties of a packet to be written; an MQTT 3.1.1 packet has none. */
public final class PropertyWriter {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  /** Adds a numeric property in the width of its type. */
  public PropertyWriter number(int id, long value) {
    bytes.write(id);
    switch (Property.type(id)) {
      case BYTE -> bytes.write((int) value);
      case TWO_BYTE -> u16((int) value);
      case FOUR_BYTE -> {
        u16((int) (value >>> 16));
        u16((int) value);
      }
      case VARIABLE -> {
        long rest = value;
        while (rest >= 0x80) {
          bytes.write((int) (rest & 0x7f) | 0x80);
          rest >>>= 7;
        }
        bytes.write((int) rest);
      }
      default -> throw new IllegalArgumentException("property " + id + " is not a number");
    }
    return this;
  }

  /** Adds a string property. */
  public PropertyWriter string(int id, String value) {
    return binary(id, value.getBytes(StandardCharsets.UTF_8));
  }

  /** Adds a string or binary property. */
  public PropertyWriter binary(int id, byte[] value) {
    bytes.write(id);
    prefixed(value);
    return this;
  }

  /** Adds a user property. */
  public PropertyWriter user(String name, String value) {
    bytes.write(Property.USER_PROPERTY);
    prefixed(name.getBytes(StandardCharsets.UTF_8));
    prefixed(value.getBytes(StandardCharsets.UTF_8));
    return this;
  }

  /** Their bytes so far. */
  public int size() {
    return bytes.size();
  }

  int sizeWithLength() {
    return Variable.size(bytes.size()) + bytes.size();
  }

  void write(ByteBuf out) {
    Variable.write(out, bytes.size());
    out.writeBytes(bytes.toByteArray());
  }

  private void prefixed(byte[] value) {
    if (value.length > 65_535) {
      throw new IllegalArgumentException("value: " + value.length + " bytes (allowed: 65535)");
    }
    u16(value.length);
    bytes.writeBytes(value);
  }

  private void u16(int value) {
    bytes.write(value >>> 8);
    bytes.write(value);
  }
}
