package io.busbar.fuzz;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Topic names and filters, level by level on strings: the model that fast code is held against. */
final class SlowTopics {
  private SlowTopics() {}

  /** Bytes as a string of MQTT by the JDK's strict decoder, or null if they are not one. */
  static String text(byte[] bytes) {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      return text.indexOf('\0') >= 0 ? null : text;
    } catch (CharacterCodingException e) {
      return null;
    }
  }

  static List<String> levels(String text) {
    return Arrays.asList(text.split("/", -1));
  }

  /** Whether a text is a topic name. */
  static boolean isName(String text) {
    return !text.isEmpty() && !text.contains("+") && !text.contains("#");
  }

  /** Whether a text is a topic filter. */
  static boolean isFilter(String text) {
    List<String> levels = levels(text);
    for (int i = 0; i < levels.size(); i++) {
      String level = levels.get(i);
      boolean wildcard = level.contains("+") || level.contains("#");
      if ((wildcard && level.length() > 1) || (level.equals("#") && i < levels.size() - 1)) {
        return false;
      }
    }
    return !text.isEmpty();
  }

  /** Whether a filter matches a topic name. */
  static boolean matches(String filter, String topic) {
    if (topic.startsWith("$") && (filter.startsWith("+") || filter.startsWith("#"))) {
      return false;
    }
    return matches(levels(filter), levels(topic));
  }

  private static boolean matches(List<String> filter, List<String> topic) {
    if (filter.equals(List.of("#"))) {
      return true;
    }
    if (filter.isEmpty() || topic.isEmpty()) {
      return filter.isEmpty() && topic.isEmpty();
    }
    String level = filter.get(0);
    return (level.equals("+") || level.equals(topic.get(0)))
        && matches(filter.subList(1, filter.size()), topic.subList(1, topic.size()));
  }

  /**
   * Topics such that a filter matches all that another filter does if it matches these: each
   * wildcard of the other stands for levels that no filter names.
   *
   * @param depth how many levels a {@code #} is made into, at most
   */
  static List<String> witnesses(String filter, int depth) {
    String fresh = "\u0001fresh";
    List<String> levels = new ArrayList<>(levels(filter));
    levels.replaceAll(level -> level.equals("+") ? fresh : level);
    List<String> topics = new ArrayList<>();
    if (!levels.get(levels.size() - 1).equals("#")) {
      topics.add(String.join("/", levels));
    } else {
      levels.remove(levels.size() - 1);
      for (int more = 0; more <= depth; more++) {
        topics.add(String.join("/", levels));
        levels.add(fresh);
      }
    }
    // only a filter that names them has topics of the server
    topics.removeIf(topic -> topic.isEmpty() || (topic.startsWith("$") && !filter.startsWith("$")));
    return topics;
  }

  /** Lines of the fuzz data as bytes, at most so many of so many bytes. */
  static List<byte[]> lines(byte[] data, int most, int length) {
    List<byte[]> lines = new ArrayList<>();
    int from = 0;
    for (int i = 0; i <= data.length && lines.size() < most; i++) {
      if (i == data.length || data[i] == '\n') {
        lines.add(Arrays.copyOfRange(data, from, Math.min(i, from + length)));
        from = i + 1;
      }
    }
    return lines;
  }
}
