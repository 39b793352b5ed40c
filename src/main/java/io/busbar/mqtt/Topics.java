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
  private Topics() {}

  /**
   * Finds what is wrong with a topic name.
   *
   * @param maxLevels the most levels allowed
   * @return null if it is valid, else what is wrong
   */
  public static String nameError(byte[] topic, int offset, int length, int maxLevels) {
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
