package io.busbar.event;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;

/** A JSON text being written as UTF-8 bytes, and the check that bytes are one. */
final class JsonText {
  /**
   * How deep values may nest. With the event around them they stay within 64 levels, which the
   * strictest of the common parsers read by default.
   */
  static final int MAX_DEPTH = 63;

  /**
   * Names are not kept in the factory's shared table: those that strangers send would fill it, or
   * be chosen to collide in it.
   */
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .disable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).build())
          .build();

  private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

  private byte[] bytes;
  private int length;

  JsonText(int capacity) {
    bytes = new byte[capacity];
  }

  /** A streaming parser of UTF-8 bytes, strict and bounded in depth; the caller closes it. */
  static JsonParser parser(byte[] utf8, int offset, int length) throws IOException {
    return FACTORY.createParser(utf8, offset, length);
  }

  /**
   * Whether valid UTF-8 without U+0000 is exactly one JSON value (RFC 8259), nested at most {@link
   * #MAX_DEPTH} deep.
   */
  static boolean isValue(byte[] utf8, int offset, int length) {
    try (JsonParser parser = parser(utf8, offset, length)) {
      if (parser.nextToken() == null) {
        return false;
      }
      parser.skipChildren();
      return parser.nextToken() == null;
    } catch (IOException e) {
      return false; // not JSON is an answer here, not a failure
    }
  }

  /** Writes ASCII as it is: punctuation, names that need no escape. */
  JsonText raw(String ascii) {
    int count = ascii.length();
    ensure(count);
    for (int i = 0; i < count; i++) {
      bytes[length++] = (byte) ascii.charAt(i);
    }
    return this;
  }

  /** Writes bytes as they are. */
  JsonText raw(byte[] utf8, int offset, int count) {
    ensure(count);
    System.arraycopy(utf8, offset, bytes, length, count);
    length += count;
    return this;
  }

  /** Writes a string. */
  JsonText string(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    return string(utf8, 0, utf8.length);
  }

  /** Writes valid UTF-8 as a string. */
  JsonText string(byte[] utf8, int offset, int count) {
    ensure(count + 2);
    bytes[length++] = '"';
    int end = offset + count;
    int from = offset;
    for (int i = offset; i < end; i++) {
      byte b = utf8[i];
      if (b < 0 || (b >= ' ' && b != '"' && b != '\\')) {
        continue;
      }
      raw(utf8, from, i - from);
      escape(b);
      from = i + 1;
    }
    raw(utf8, from, end - from);
    return raw("\"");
  }

  private void escape(byte b) {
    ensure(6);
    bytes[length++] = '\\';
    switch (b) {
      case '"', '\\' -> bytes[length++] = b;
      case '\n' -> bytes[length++] = 'n';
      case '\r' -> bytes[length++] = 'r';
      case '\t' -> bytes[length++] = 't';
      default -> {
        bytes[length++] = 'u';
        bytes[length++] = '0';
        bytes[length++] = '0';
        bytes[length++] = HEX[b >> 4];
        bytes[length++] = HEX[b & 0x0f];
      }
    }
  }

  /** Writes bytes as a Base64 string (RFC 4648 section 4). */
  JsonText base64(byte[] data, int offset, int count) {
    ByteBuffer encoded = Base64.getEncoder().encode(ByteBuffer.wrap(data, offset, count));
    raw("\"").raw(encoded.array(), encoded.arrayOffset(), encoded.remaining());
    return raw("\"");
  }

  /** Writes a number with leading zeros, for dates. */
  JsonText digits(long value, int count) {
    ensure(count);
    for (int i = count - 1; i >= 0; i--) {
      bytes[length + i] = (byte) ('0' + value % 10);
      value /= 10;
    }
    length += count;
    return this;
  }

  /** The text so far. */
  byte[] toBytes() {
    return length == bytes.length ? bytes : Arrays.copyOf(bytes, length);
  }

  private void ensure(int more) {
    if (bytes.length - length < more) {
      bytes = Arrays.copyOf(bytes, Math.max(length + more, bytes.length + (bytes.length >> 1)));
    }
  }
}
