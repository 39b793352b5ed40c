package io.busbar.mqtt;

/**
 * UTF-8 encoded strings as MQTT 5.0 section 1.5.4 restricts them.
 *
 * <p>Nearly all that devices send is ASCII, so eight bytes are looked at as one word: subtracting 1
 * from each byte of a word sets a high bit exactly if some byte is 0 or above 0x80, unless one had
 * its high bit set before; so {@code ((w - 1…1) | w) & 0x80…80} is 0 for eight bytes from 0x01 to
 * 0x7f and for nothing else. Where it is not, bytes are looked at one by one.
 */
public final class Utf8 {
  static final long ONES = 0x0101_0101_0101_0101L;
  static final long HIGH_BITS = 0x8080_8080_8080_8080L;

  private Utf8() {}

  /**
   * Whether bytes are well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF)
   * without U+0000 [MQTT-1.5.4-1] [MQTT-1.5.4-2]. Control characters and non-characters, which the
   * standard lets a receiver refuse, are accepted.
   */
  public static boolean isValid(byte[] bytes, int offset, int length) {
    return isPlain(bytes, offset, length) || isValidSlowly(bytes, offset, offset + length);
  }

  /** Whether all is ASCII and nothing is 0; false may also mean that it was not looked at. */
  private static boolean isPlain(byte[] bytes, int offset, int length) {
    int end = offset + length;
    if (length >= 8) {
      // words at both ends overlap where they must: most strings are done without a loop
      long suspect = suspect(Bytes.word(bytes, offset)) | suspect(Bytes.word(bytes, end - 8));
      return (suspect & HIGH_BITS) == 0 && (length <= 16 || isPlainWithin(bytes, offset + 8, end));
    }
    return length == 0 || (end >= 8 && (suspect(lastBytes(bytes, end, length)) & HIGH_BITS) == 0);
  }

  private static boolean isPlainWithin(byte[] bytes, int from, int end) {
    long suspect = 0;
    for (int i = from; i < end - 8; i += 8) {
      suspect |= suspect(Bytes.word(bytes, i));
    }
    return (suspect & HIGH_BITS) == 0;
  }

  /** No high bit is set in the result if all eight bytes are ASCII and none is 0. */
  static long suspect(long word) {
    return (word - ONES) | word;
  }

  /**
   * One to seven bytes as a word that is filled up with bytes of 1, which stand for nothing.
   *
   * @param end where they end, 8 or more: they are read with what precedes them
   */
  static long lastBytes(byte[] bytes, int end, int length) {
    int bits = 8 * length;
    return (Bytes.word(bytes, end - 8) >>> (64 - bits)) | (ONES << bits);
  }

  private static boolean isValidSlowly(byte[] bytes, int from, int end) {
    int i = from;
    while (i < end) {
      int b = bytes[i++];
      if (b > 0) {
        continue;
      }
      if (b == 0) {
        return false;
      }
      int lead = b & 0xff;
      int more;
      int least;
      int code;
      if (lead >= 0xc2 && lead <= 0xdf) {
        more = 1;
        least = 0x80;
        code = lead & 0x1f;
      } else if (lead >= 0xe0 && lead <= 0xef) {
        more = 2;
        least = 0x800;
        code = lead & 0x0f;
      } else if (lead >= 0xf0 && lead <= 0xf4) {
        more = 3;
        least = 0x10000;
        code = lead & 0x07;
      } else {
        return false;
      }
      if (end - i < more) {
        return false;
      }
      for (int k = 0; k < more; k++) {
        int next = bytes[i++] & 0xff;
        if ((next & 0xc0) != 0x80) {
          return false;
        }
        code = (code << 6) | (next & 0x3f);
      }
      if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return false;
      }
    }
    return true;
  }
}
