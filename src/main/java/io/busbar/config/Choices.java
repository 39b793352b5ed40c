package io.busbar.config;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Words that a value may be, in the order in which messages list them. */
final class Choices {
  private Choices() {}

  static <T> Map<String, T> of(String first, T one, String second, T other) {
    Map<String, T> choices = new LinkedHashMap<>();
    choices.put(first, one);
    choices.put(second, other);
    return Collections.unmodifiableMap(choices);
  }

  /** The constants of an enumeration, each word of them with a capital and no hyphen. */
  static <E extends Enum<E>> Map<String, E> words(Class<E> type) {
    Map<String, E> choices = new LinkedHashMap<>();
    for (E constant : type.getEnumConstants()) {
      StringBuilder word = new StringBuilder();
      for (String part : constant.name().split("_")) {
        word.append(part.charAt(0)).append(part.substring(1).toLowerCase(Locale.ROOT));
      }
      choices.put(word.toString(), constant);
    }
    return Collections.unmodifiableMap(choices);
  }

  /** The constants of an enumeration, in lower case and with hyphens. */
  static <E extends Enum<E>> Map<String, E> of(Class<E> type) {
    Map<String, E> choices = new LinkedHashMap<>();
    for (E constant : type.getEnumConstants()) {
      choices.put(constant.name().toLowerCase(Locale.ROOT).replace('_', '-'), constant);
    }
    return Collections.unmodifiableMap(choices);
  }
}
