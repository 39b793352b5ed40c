package io.busbar.shard;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/**
 * Reads what {@link FormWriter} wrote. Whatever the bytes are, it ends, takes no more memory than a
 * small multiple of theirs, and throws nothing but {@link FormException}.
 */
final class FormReader {
  private final byte[] buffer;
  private int position;

  FormReader(byte[] buffer) {
    this.buffer = buffer;
  }

  private void need(long bytes, String what) {
    if (buffer.length - position < bytes) {
      throw wrong(what + " of " + bytes + " bytes goes beyond the end");
    }
  }

  FormException wrong(String what) {
    return new FormException(
        what + ", at byte " + position + " of " + buffer.length + ": damaged, or of another form");
  }

  int u8() {
    need(1, "a value");
    return buffer[position++] & 0xff;
  }

  boolean flag() {
    int value = u8();
    if (value > 1) {
      throw wrong("a flag is " + value);
    }
    return value == 1;
  }

  /** A byte that must be a known version. */
  void version(int known) {
    int version = u8();
    if (version != known) {
      throw wrong("version " + version + " (known: " + known + ")");
    }
  }

  long i64() {
    need(8, "a value");
    long value = 0;
    for (int i = 0; i < 8; i++) {
      value = value << 8 | (buffer[position++] & 0xff);
    }
    return value;
  }

  long number() {
    long value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      int b = u8();
      value |= (long) (b & 0x7f) << shift;
      if (b < 0x80) {
        if ((b == 0 && shift > 0) || (shift == 63 && b > 1)) {
          throw wrong("a number is not in its only form");
        }
        return value;
      }
    }
    throw wrong("a number has more than 10 bytes");
  }

  /** A number from 0 to a greatest one. */
  int number(int most, String what) {
    long value = number();
    if (value < 0 || value > most) {
      throw wrong(what + " is " + value + " (0 to " + most + ")");
    }
    return (int) value;
  }

  int u31() {
    return number(Integer.MAX_VALUE, "a number");
  }

  byte[] bytes() {
    long size = number();
    if (size < 0) {
      throw wrong("a length is negative");
    }
    need(size, "a run");
    position += (int) size;
    return Arrays.copyOfRange(buffer, position - (int) size, position);
  }

  String string() {
    byte[] bytes = bytes();
    String value = new String(bytes, StandardCharsets.UTF_8);
    // what is not UTF-8 becomes U+FFFD, which would be written otherwise than it was read
    if (value.indexOf('\ufffd') >= 0
        && !Arrays.equals(bytes, value.getBytes(StandardCharsets.UTF_8))) {
      throw wrong("a string is not UTF-8");
    }
    return value;
  }

  /** How many elements follow, of which each has a byte at least. */
  int count() {
    return number(buffer.length - position, "the length of a list");
  }

  <T> List<T> list(Function<FormReader, T> element) {
    int count = count();
    List<T> list = new ArrayList<>(Math.min(count, 64));
    for (int i = 0; i < count; i++) {
      list.add(element.apply(this));
    }
    return list;
  }

  boolean isAtEnd() {
    return position == buffer.length;
  }

  /** Nothing may follow. */
  void end() {
    if (!isAtEnd()) {
      throw wrong((buffer.length - position) + " bytes are left over");
    }
  }
}
