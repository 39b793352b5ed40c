package io.busbar.shard;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Writes the data types that all forms of this package are made of. {@link FormReader} reads them.
 *
 * <pre>
 *   u8       one byte
 *   i64      eight bytes, big-endian
 *   number   1 to 10 bytes, seven bits each, the lowest first; the last has no 0x80. Short for
 *            small ones that are not negative.
 *   bytes    number of bytes, the bytes
 *   string   bytes in UTF-8
 *   list     number of elements, the elements
 * </pre>
 */
final class FormWriter {
  private byte[] buffer;
  private int length;

  FormWriter(int expectedBytes) {
    buffer = new byte[Math.max(16, expectedBytes)];
  }

  private void room(int bytes) {
    if (buffer.length - length < bytes) {
      buffer = Arrays.copyOf(buffer, Math.max(length + bytes, length * 2));
    }
  }

  FormWriter u8(int value) {
    room(1);
    buffer[length++] = (byte) value;
    return this;
  }

  FormWriter flag(boolean value) {
    return u8(value ? 1 : 0);
  }

  FormWriter i64(long value) {
    room(8);
    for (int shift = 56; shift >= 0; shift -= 8) {
      buffer[length++] = (byte) (value >>> shift);
    }
    return this;
  }

  FormWriter number(long value) {
    room(10);
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      buffer[length++] = (byte) (rest | 0x80);
      rest >>>= 7;
    }
    buffer[length++] = (byte) rest;
    return this;
  }

  FormWriter bytes(byte[] value) {
    number(value.length);
    room(value.length);
    System.arraycopy(value, 0, buffer, length, value.length);
    length += value.length;
    return this;
  }

  FormWriter string(String value) {
    return bytes(value.getBytes(StandardCharsets.UTF_8));
  }

  int length() {
    return length;
  }

  /** What was written, behind so many bytes of room; then nothing is. */
  byte[] take(int roomBefore) {
    byte[] taken = new byte[roomBefore + length];
    System.arraycopy(buffer, 0, taken, roomBefore, length);
    length = 0;
    return taken;
  }

  byte[] toBytes() {
    return Arrays.copyOf(buffer, length);
  }
}
