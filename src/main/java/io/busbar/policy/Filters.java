package io.busbar.policy;

import io.busbar.mqtt.Topics;
import java.util.Arrays;
import java.util.Collection;

/**
 * A few topic filters, tried one by one: whether one matches a topic, or covers a filter. Takes no
 * lock and allocates nothing when asked. Topics and filters that begin with {@code $} are never
 * matched nor covered.
 */
final class Filters {
  private final byte[][] filters;

  /** The bytes of each filter that a topic must begin with. */
  private final int[] heads;

  /** The filter is its head and "/#": one comparison decides. */
  private final boolean[] subtree;

  Filters(Collection<byte[]> filters) {
    this.filters = filters.toArray(byte[][]::new);
    heads = new int[this.filters.length];
    subtree = new boolean[this.filters.length];
    for (int i = 0; i < heads.length; i++) {
      byte[] filter = this.filters[i];
      int head = 0;
      while (head < filter.length && filter[head] != '+' && filter[head] != '#') {
        head++;
      }
      subtree[i] = head > 0 && head == filter.length - 1 && filter[head] == '#';
      heads[i] = subtree[i] ? head - 1 : head;
    }
  }

  /** Whether one matches a valid topic name. */
  boolean matches(byte[] topic, int offset, int length) {
    if (length == 0 || topic[offset] == '$') {
      return false;
    }
    for (int i = 0; i < filters.length; i++) {
      byte[] filter = filters[i];
      int head = heads[i];
      // single bytes first: they tell most filters apart
      if (length < head
          || (head > 0 && topic[offset + head - 1] != filter[head - 1])
          || (subtree[i] && length > head && topic[offset + head] != '/')
          || !Arrays.equals(filter, 0, head, topic, offset, offset + head)) {
        continue;
      }
      if (subtree[i] || (head == filter.length && head == length)) {
        return true;
      }
      if (head < filter.length && Topics.matches(filter, topic, offset, length)) {
        return true;
      }
    }
    return false;
  }

  /** Whether one covers a whole valid filter. */
  boolean covers(byte[] filter) {
    for (byte[] wide : filters) {
      if (covers(wide, filter)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether a valid filter matches every topic that another valid filter matches.
   *
   * <pre>
   *   a/#    covers   a   a/+   a/b/#         but not   #   +/b
   *   a/+    covers   a/b   a/+               but not   a   a/#   a/b/c
   *   +/#    covers   #                           for every topic has a first level
   * </pre>
   */
  static boolean covers(byte[] wide, byte[] narrow) {
    boolean isReserved = narrow.length > 0 && narrow[0] == '$';
    if (narrow.length == 0 || (isReserved && (wide.length == 0 || wide[0] != '$'))) {
      return false;
    }
    int w = 0;
    int n = 0;
    while (true) {
      if (levelIs(wide, w, '#')) {
        return true;
      }
      if (levelIs(narrow, n, '#')) {
        // its parent is matched too, so only another '#' is as wide; but where the parent would be
        // the empty topic, which there is not ("#", "/#"), "+/#" is
        return n <= 1 && w == wide.length - 3 && wide[w] == '+' && wide[w + 2] == '#';
      }
      int wideEnd = endOfLevel(wide, w);
      int narrowEnd = endOfLevel(narrow, n);
      if (!levelIs(wide, w, '+') && !Arrays.equals(wide, w, wideEnd, narrow, n, narrowEnd)) {
        return false;
      }
      if (narrowEnd == narrow.length) {
        // "a/#" covers "a"
        return wideEnd == wide.length || (wideEnd == wide.length - 2 && wide[wideEnd + 1] == '#');
      }
      if (wideEnd == wide.length) {
        return false;
      }
      w = wideEnd + 1;
      n = narrowEnd + 1;
    }
  }

  private static boolean levelIs(byte[] filter, int start, char wildcard) {
    return start < filter.length
        && filter[start] == wildcard
        && (start + 1 == filter.length || filter[start + 1] == '/');
  }

  private static int endOfLevel(byte[] filter, int start) {
    int end = start;
    while (end < filter.length && filter[end] != '/') {
      end++;
    }
    return end;
  }
}
