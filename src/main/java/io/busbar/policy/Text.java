package io.busbar.policy;

import java.util.Locale;

/** Names as they are compared, and texts as they are shown. */
final class Text {
  /** The longest line shown to people, in UTF-16 units. */
  static final int LINE = 400;

  private static final int QUOTED = 80;

  private Text() {}

  /** The form under which authentication names are equal, whatever their case. */
  static String fold(String name) {
    return name.toLowerCase(Locale.ROOT);
  }

  /** Whether a text can be encoded: every surrogate has its partner. */
  static boolean isWellFormed(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isSurrogate(c)) {
        if (!Character.isHighSurrogate(c)
            || i + 1 == text.length()
            || !Character.isLowSurrogate(text.charAt(i + 1))) {
          return false;
        }
        i++;
      }
    }
    return true;
  }

  /** A value in single quotes, cut to a bounded length, harmless in a log. */
  static String quote(String value) {
    boolean cut = value.length() > QUOTED;
    return "'" + escape(cut ? value.substring(0, QUOTED) + "…" : value) + "'";
  }

  /** A finished line, cut to {@link #LINE}. */
  static String line(String text) {
    return text.length() <= LINE ? text : text.substring(0, LINE - 1) + "…";
  }

  /** Control and formatting characters, line ends and lone surrogates become {@code \\uXXXX}. */
  private static String escape(String value) {
    StringBuilder out = new StringBuilder(value.length());
    value
        .codePoints()
        .forEach(
            c -> {
              switch (Character.getType(c)) {
                case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR ->
                    out.append("\\u%04x".formatted(c));
                default -> out.appendCodePoint(c);
              }
            });
    return out.toString();
  }
}
