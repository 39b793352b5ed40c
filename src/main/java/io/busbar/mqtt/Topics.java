package io.busbar.mqtt;

/**
 * The grammar of topic names and topic filters (MQTT 5.0 section 4.7), on UTF-8 bytes.
 *
 * <pre>
 *   name     sport/tennis/player1     no wildcard
 *   filter   sport/+/player1          + is one whole level
 *            sport/#                  # is the parent and all below it, and is last
 * </pre>
 */
public final class Topics {
  private static final long WILDCARDS = Utf8.ONES * '+';
  private static final long EIGHTS = Utf8.ONES * 0x08;

  private Topics() {}

  /**
   * Finds what is wrong with a topic name.
   *
   * @param maxLevels the most levels allowed
   * @return null if it is valid, else what is wrong
   */
  public static String nameError(byte[] topic, int offset, int length, int maxLevels) {
    if (isPlainName(topic, offset, length)
        && (length < maxLevels || levels(topic, offset, length) <= maxLevels)) {
      return null;
    }
    if (length == 0) {
      return "topic name is empty (allowed: 1 to 65535 bytes)";
    }
    if (!Utf8.isValid(topic, offset, length)) {
      return "topic name is not valid UTF-8 without U+0000";
    }
    int levels = 1;
    for (int i = offset, end = offset + length; i < end; i++) {
      byte b = topic[i];
      if (b == '/') {
        levels++;
      } else if (b == '+' || b == '#') {
        return "topic name contains the wildcard '" + (char) b + "'";
      }
    }
    return levels > maxLevels ? levelsError("topic name", levels, maxLevels) : null;
  }

  /**
   * Whether nothing in a name is to be looked at closely: all is ASCII, nothing is U+0000, {@code
   * +} or {@code #}. False may also mean that it was not looked at. Eight bytes at a time: see
   * {@link Utf8}.
   */
  static boolean isPlainName(byte[] topic, int offset, int length) {
    int end = offset + length;
    if (length >= 8) {
      long suspect = suspect(Bytes.word(topic, offset)) | suspect(Bytes.word(topic, end - 8));
      return (suspect & Utf8.HIGH_BITS) == 0
          && (length <= 16 || isPlainWithin(topic, offset + 8, end));
    }
    return length > 0
        && end >= 8
        && (suspect(Utf8.lastBytes(topic, end, length)) & Utf8.HIGH_BITS) == 0;
  }

  private static boolean isPlainWithin(byte[] topic, int from, int end) {
    long suspect = 0;
    for (int i = from; i < end - 8; i += 8) {
      suspect |= suspect(Bytes.word(topic, i));
    }
    return (suspect & Utf8.HIGH_BITS) == 0;
  }

  /** No high bit is set in the result if all eight bytes are plain. */
  private static long suspect(long word) {
    // '+' and '#' differ in one bit: of ASCII, only they become 0, and less 1 then a high bit
    long wildcards = (word | EIGHTS) ^ WILDCARDS;
    return Utf8.suspect(word) | (wildcards - Utf8.ONES);
  }

  private static int levels(byte[] topic, int offset, int length) {
    int levels = 1;
    for (int i = offset, end = offset + length; i < end; i++) {
      if (topic[i] == '/') {
        levels++;
      }
    }
    return levels;
  }

  /**
   * Finds what is wrong with a topic filter ({@code $share/…} is not judged here).
   *
   * @param maxLevels the most levels allowed
   * @return null if it is valid, else what is wrong
   */
  public static String filterError(byte[] filter, int offset, int length, int maxLevels) {
    if (length == 0) {
      return "topic filter is empty (allowed: 1 to 65535 bytes)";
    }
    if (!Utf8.isValid(filter, offset, length)) {
      return "topic filter is not valid UTF-8 without U+0000";
    }
    int levels = 1;
    int end = offset + length;
    for (int i = offset; i < end; i++) {
      byte b = filter[i];
      if (b == '/') {
        levels++;
      } else if (b == '+' || b == '#') {
        boolean alone =
            (i == offset || filter[i - 1] == '/') && (i + 1 == end || filter[i + 1] == '/');
        if (!alone) {
          return "'" + (char) b + "' is not a level of its own in the topic filter";
        }
        if (b == '#' && i + 1 != end) {
          return "'#' is not the last level of the topic filter";
        }
      }
    }
    return levels > maxLevels ? levelsError("topic filter", levels, maxLevels) : null;
  }

  /** Whether a valid filter contains a wildcard. */
  public static boolean hasWildcard(byte[] filter) {
    for (byte b : filter) {
      if (b == '+' || b == '#') {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether a valid filter matches a valid topic name: the slow, obvious form, for filters that are
   * tried one by one. The index of {@code match} serves many.
   */
  public static boolean matches(byte[] filter, byte[] topic, int offset, int length) {
    int end = offset + length;
    // [MQTT-4.7.2-1] a leading wildcard does not match a topic that begins with $
    if (filter.length > 0
        && length > 0
        && topic[offset] == '$'
        && (filter[0] == '+' || filter[0] == '#')) {
      return false;
    }
    int f = 0;
    int t = offset;
    while (true) {
      if (f < filter.length && filter[f] == '#') {
        return true;
      }
      if (f < filter.length && filter[f] == '+') {
        f++;
        while (t < end && topic[t] != '/') {
          t++;
        }
      } else {
        while (f < filter.length && filter[f] != '/') {
          if (t >= end || topic[t] != filter[f]) {
            return false;
          }
          f++;
          t++;
        }
      }
      boolean filterEnds = f >= filter.length;
      boolean topicEnds = t >= end;
      if (filterEnds || topicEnds) {
        if (filterEnds && topicEnds) {
          return true;
        }
        // "sport/#" also matches "sport": the filter has "/#" left and nothing else
        return topicEnds && filter.length - f == 2 && filter[f] == '/' && filter[f + 1] == '#';
      }
      if (topic[t] != '/') {
        return false;
      }
      f++;
      t++;
    }
  }

  private static String levelsError(String what, int levels, int maxLevels) {
    return what + " has " + levels + " levels (allowed: at most " + maxLevels + ")";
  }
}
