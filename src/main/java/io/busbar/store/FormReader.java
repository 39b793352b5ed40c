package io.busbar.store;

import io.busbar.shard.FormException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;

/**
 * Reads what {@link FormWriter} wrote, and nothing else: each form has one spelling. Whatever the
 * bytes say, no more memory is taken than a small multiple of their length; every objection is a
 * {@link FormException}.
 */
final class FormReader {
  /** Seven bits each: a positive long. */
  private static final int MAX_NUMBER_BYTES = 9;

  private final ByteBuffer in;

  private FormReader(ByteBuffer in) {
    this.in = in;
  }

  /** Reads on from where the buffer is; what follows the form is left. */
  static FormReader open(ByteBuffer in) {
    return new FormReader(in);
  }

  /** Reads a form that begins with its version and ends where the buffer does. */
  static <T> T read(ByteBuffer in, int version, Function<FormReader, T> form) {
    FormReader reader = new FormReader(in);
    int found = reader.u8();
    if (found != version) {
      throw new FormException("version %d (known: %d)".formatted(found, version));
    }
    T value = form.apply(reader);
    if (in.hasRemaining()) {
      throw new FormException(in.remaining() + " bytes too many");
    }
    return value;
  }

  int u8() {
    need(1);
    return Byte.toUnsignedInt(in.get());
  }

  boolean flag() {
    int value = u8();
    if (value > 1) {
      throw new FormException("flag of " + value + " (known: 0, 1)");
    }
    return value == 1;
  }

  long number() {
    long value = 0;
    for (int i = 0; i < MAX_NUMBER_BYTES; i++) {
      int next = u8();
      value |= (long) (next & 0x7f) << (7 * i);
      if (next < 0x80) {
        if (next == 0 && i > 0) {
          throw new FormException("number with a needless zero");
        }
        return value;
      }
    }
    throw new FormException("number of more than " + MAX_NUMBER_BYTES + " bytes");
  }

  /** A number up to some bound. */
  int number(int most) {
    long value = number();
    if (value > most) {
      throw new FormException("number %d (allowed: up to %d)".formatted(value, most));
    }
    return (int) value;
  }

  /** How many things follow that take at least so many bytes each. */
  int count(int bytesEach) {
    long count = number();
    if (count > in.remaining() / bytesEach) {
      throw new FormException("%d things in %d bytes".formatted(count, in.remaining()));
    }
    return (int) count;
  }

  byte[] run() {
    byte[] value = new byte[count(1)];
    in.get(value);
    return value;
  }

  /** Printable ASCII, so that it may stand in a log. */
  String ascii() {
    String text = new String(run(), StandardCharsets.ISO_8859_1);
    if (!text.chars().allMatch(NodeEndpoint::isAllowed)) {
      throw new FormException("text of %d characters not all printable".formatted(text.length()));
    }
    return text;
  }

  private void need(int bytes) {
    if (in.remaining() < bytes) {
      throw new FormException("cut short");
    }
  }
}
