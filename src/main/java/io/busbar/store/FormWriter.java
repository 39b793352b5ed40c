package io.busbar.store;

import java.nio.charset.StandardCharsets;

/**
 * Writes a binary form into an array that just fits. The form is walked twice: once to measure,
 * once to write, so that a payload is copied once whatever is around it.
 */
final class FormWriter {
  /** What writes a form: the same each time it is called. */
  interface Form {
    void write(FormWriter out);
  }

  /** Null while measuring. */
  private final byte[] bytes;

  private int at;

  private FormWriter(byte[] bytes) {
    this.bytes = bytes;
  }

  static byte[] bytes(Form form) {
    FormWriter measure = new FormWriter(null);
    form.write(measure);
    FormWriter out = new FormWriter(new byte[measure.at]);
    form.write(out);
    return out.bytes;
  }

  FormWriter u8(int value) {
    if (bytes != null) {
      bytes[at] = (byte) value;
    }
    at = Math.addExact(at, 1);
    return this;
  }

  FormWriter flag(boolean value) {
    return u8(value ? 1 : 0);
  }

  /** A number that is not negative, seven bits a byte, the lowest first. */
  FormWriter number(long value) {
    if (value < 0) {
      throw new IllegalArgumentException("number: " + value + " (allowed: 0 or more)");
    }
    long rest = value;
    while (rest >= 0x80) {
      u8((int) (rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    return u8((int) rest);
  }

  /** A length and so many bytes. */
  FormWriter run(byte[] value) {
    number(value.length);
    if (bytes != null) {
      System.arraycopy(value, 0, bytes, at, value.length);
    }
    at = Math.addExact(at, value.length);
    return this;
  }

  /** A length and so many characters of ASCII. */
  FormWriter ascii(String value) {
    return run(value.getBytes(StandardCharsets.US_ASCII));
  }
}
