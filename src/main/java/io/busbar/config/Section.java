package io.busbar.config;

import io.busbar.policy.PolicyException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A mapping of a configuration file, read by type. Every error names file, line and path: {@code
 * ns.yaml:12: clients[2].state: "Enable" (allowed: Enabled, Disabled)}.
 */
final class Section {
  private static final Pattern STEP = Pattern.compile("([^.\\[\\]]+)|\\[([0-9]{1,9})]");
  private static final Pattern VARIABLE = Pattern.compile("\\$\\{env:([^:}]*)(?::([^}]*))?}");
  private final Path file;
  private final String path;
  private final Yaml.Fields fields;
  private final Function<String, String> environment;

  private Section(
      Path file, String path, Yaml.Fields fields, Function<String, String> environment) {
    this.file = file;
    this.path = path;
    this.fields = fields;
    this.environment = environment;
  }

  /** Reads a file in which values mean what they say. */
  static Section read(Path file) {
    return new Section(file, "", Yaml.read(file), null);
  }

  /** A mapping of no file, in which unknown keys are no error. */
  static Section of(Yaml.Fields fields) {
    return new Section(null, "", fields, null);
  }

  /** This place, with nothing in it. */
  Section nothing() {
    return new Section(file, path, new Yaml.Fields(fields.line(), 1, Map.of()), environment);
  }

  /** The same with a name, whatever name it has. */
  Section named(String name) {
    Map<String, Yaml.Field> with = new LinkedHashMap<>(fields.fields());
    int line = fields.line();
    with.put("name", new Yaml.Field(line, new Yaml.Scalar(line, name, false)));
    return new Section(file, path, new Yaml.Fields(line, fields.size() + 1, with), environment);
  }

  /**
   * Reads a file in which {@code ${env:NAME}} and {@code ${env:NAME:default}} within values stand
   * for variables of an environment, which gives null for one that is not set.
   */
  static Section read(Path file, Function<String, String> environment) {
    return new Section(file, "", Yaml.read(file), environment);
  }

  /** Refuses keys other than these and {@code description}, which people may add anywhere. */
  Section only(String... keys) {
    if (file == null) {
      return this;
    }
    Set<String> allowed = Set.of(keys);
    fields
        .fields()
        .forEach(
            (key, field) -> {
              if (!allowed.contains(key) && !key.equals("description")) {
                throw at(
                    field.line(),
                    "unknown key %s (allowed: %s)"
                        .formatted(Yaml.quote(key), String.join(", ", keys)));
              }
            });
    return this;
  }

  Set<String> keys() {
    return fields.fields().keySet();
  }

  boolean has(String key) {
    return fields.fields().containsKey(key);
  }

  Optional<String> text(String key) {
    return field(key).map(node -> text(key, node));
  }

  String requiredText(String key) {
    return text(key).orElseThrow(() -> missing(key));
  }

  /** A text that is one of the keys of a map; absent, the default. */
  <T> T choice(String key, Map<String, T> allowed, T absent) {
    Optional<String> text = text(key);
    if (text.isEmpty()) {
      return absent;
    }
    T chosen = allowed.get(text.get());
    if (chosen == null) {
      throw error(key, found(key) + " (allowed: " + String.join(", ", allowed.keySet()) + ")");
    }
    return chosen;
  }

  boolean flag(String key, boolean absent) {
    Optional<Yaml.Node> node = field(key);
    if (node.isEmpty()) {
      return absent;
    }
    if (node.get() instanceof Yaml.Scalar scalar && (scalar.isFlag() || isVariable(scalar))) {
      switch (substitute(key, scalar).toLowerCase(Locale.ROOT)) {
        case "true" -> {
          return true;
        }
        case "false" -> {
          return false;
        }
        default -> {
          // refused below
        }
      }
    }
    throw error(key, found(key) + " (allowed: true, false)");
  }

  /** A whole number within bounds; the unit, or an empty text, is for people. */
  OptionalLong whole(String key, long least, long most, String unit) {
    Optional<Yaml.Node> node = field(key);
    if (node.isEmpty()) {
      return OptionalLong.empty();
    }
    if (node.get() instanceof Yaml.Scalar scalar && (scalar.isWhole() || isVariable(scalar))) {
      try {
        long value = Long.parseLong(substitute(key, scalar));
        if (value >= least && value <= most) {
          return OptionalLong.of(value);
        }
      } catch (NumberFormatException tooLongOrNoNumber) {
        // refused below, as any other value out of bounds
      }
    }
    throw error(
        key,
        "%s (allowed: %d to %d%s)"
            .formatted(found(key), least, most, unit.isEmpty() ? "" : " " + unit));
  }

  int whole(String key, int least, int most, int absent) {
    return (int) whole(key, least, most, "").orElse(absent);
  }

  /** A list of texts; absent, none. */
  Optional<List<String>> texts(String key) {
    return list(key)
        .map(
            nodes -> {
              List<String> texts = new ArrayList<>();
              for (int i = 0; i < nodes.size(); i++) {
                texts.add(text(key + "[" + i + "]", nodes.get(i)));
              }
              return texts;
            });
  }

  Optional<Section> section(String key) {
    return field(key).map(node -> section(key, node));
  }

  /** A list of mappings; absent, none. */
  List<Section> sections(String key) {
    List<Section> sections = new ArrayList<>();
    for (Yaml.Node node : list(key).orElse(List.of())) {
      sections.add(section(key + "[" + sections.size() + "]", node));
    }
    return sections;
  }

  /** The values of all keys, each a text, a whole number or a list of texts. */
  <T> Map<String, T> values(
      Function<String, T> text, Function<Long, T> whole, Function<List<String>, T> texts) {
    Map<String, T> values = new LinkedHashMap<>();
    for (String key : keys()) {
      Yaml.Node node = fields.fields().get(key).value();
      if (node instanceof Yaml.Items) {
        values.put(key, texts.apply(texts(key).orElseThrow()));
      } else if (node instanceof Yaml.Scalar scalar && scalar.isWhole()) {
        values.put(key, whole.apply(whole(key, Long.MIN_VALUE, Long.MAX_VALUE, "").getAsLong()));
      } else if (node instanceof Yaml.Scalar scalar && scalar.isText()) {
        values.put(key, text.apply(scalar.text()));
      } else {
        throw error(key, found(key) + " (allowed: a text, a whole number or a list of texts)");
      }
    }
    return values;
  }

  /** Makes a record of the model, its objections told as errors of this section. */
  <T> T made(Supplier<T> record) {
    try {
      return record.get();
    } catch (PolicyException e) {
      ConfigException named = error(e.property(), e.problem());
      named.initCause(e);
      throw named;
    }
  }

  ConfigException missing(String key) {
    return at(fields.line(), (path.isEmpty() ? "" : path + ".") + key + ": missing (required)");
  }

  /** An error about a property; a path such as {@code a[1].b} is followed as far as it leads. */
  ConfigException error(String property, String problem) {
    Yaml.Node node = fields;
    int line = fields.line();
    Matcher step = STEP.matcher(property);
    while (step.find()) {
      if (node instanceof Yaml.Fields at && at.fields().containsKey(step.group())) {
        line = at.fields().get(step.group()).line();
        node = at.fields().get(step.group()).value();
      } else if (node instanceof Yaml.Items items
          && step.group(2) != null
          && Integer.parseInt(step.group(2)) < items.nodes().size()) {
        node = items.nodes().get(Integer.parseInt(step.group(2)));
        line = node.line();
      } else {
        break;
      }
    }
    return at(line, (path.isEmpty() ? "" : path + ".") + property + ": " + problem);
  }

  /**
   * The value of a key as it is: a text, a Long, a Double, a Boolean, a list of these, or null for
   * nothing; what is a mapping is a Map without anything in it.
   */
  Object value(String key) {
    return field(key).map(node -> value(key, node)).orElse(null);
  }

  private Object value(String key, Yaml.Node node) {
    if (node instanceof Yaml.Items items) {
      List<Object> values = new ArrayList<>();
      items.nodes().forEach(one -> values.add(value(key, one)));
      return values;
    }
    if (!(node instanceof Yaml.Scalar scalar)) {
      return Map.of();
    }
    if (scalar.isNull()) {
      return null;
    } else if (scalar.isFlag()) {
      return scalar.text().toLowerCase(Locale.ROOT).equals("true");
    } else if (scalar.isText()) {
      return substitute(key, scalar);
    }
    try {
      return scalar.isWhole()
          ? (Object) Long.valueOf(scalar.text())
          : Double.valueOf(scalar.text());
    } catch (NumberFormatException e) {
      // more digits than a Long has
      return Double.valueOf(scalar.text());
    }
  }

  /** The value of a key as it was written, for messages. */
  private String found(String key) {
    Yaml.Node node = fields.fields().get(key).value();
    return found(node);
  }

  private static String found(Yaml.Node node) {
    if (node instanceof Yaml.Scalar scalar) {
      return scalar.isNull()
          ? "nothing"
          : scalar.isText()
              ? Yaml.quote(scalar.text())
              : scalar.text().substring(0, Math.min(80, scalar.text().length()));
    }
    return node instanceof Yaml.Items ? "a list" : "a mapping";
  }

  private Optional<Yaml.Node> field(String key) {
    return Optional.ofNullable(fields.fields().get(key)).map(Yaml.Field::value);
  }

  private Optional<List<Yaml.Node>> list(String key) {
    return field(key)
        .map(
            node -> {
              if (node instanceof Yaml.Items items) {
                return items.nodes();
              }
              throw error(key, found(node) + " (allowed: a list)");
            });
  }

  private Section section(String key, Yaml.Node node) {
    if (node instanceof Yaml.Fields inner) {
      return new Section(file, (path.isEmpty() ? "" : path + ".") + key, inner, environment);
    }
    throw error(key, found(node) + " (allowed: a mapping)");
  }

  private String text(String key, Yaml.Node node) {
    if (node instanceof Yaml.Scalar scalar && scalar.isText()) {
      return substitute(key, scalar);
    }
    String hint =
        node instanceof Yaml.Scalar scalar && !scalar.isNull() ? ", put it in quotes" : "";
    throw error(key, found(node) + " (allowed: a text" + hint + ")");
  }

  private boolean isVariable(Yaml.Scalar scalar) {
    return environment != null && VARIABLE.matcher(scalar.text()).find();
  }

  private String substitute(String key, Yaml.Scalar scalar) {
    if (environment == null) {
      return scalar.text();
    }
    return VARIABLE
        .matcher(scalar.text())
        .replaceAll(
            match -> {
              String value = environment.apply(match.group(1));
              if (value == null) {
                value = match.group(2);
              }
              if (value == null) {
                throw error(
                    key,
                    "environment variable %s is not set (allowed: ${env:NAME:default} for one that"
                            .formatted(Yaml.quote(match.group(1)))
                        + " may be missing)");
              }
              return Matcher.quoteReplacement(value);
            });
  }

  private ConfigException at(int line, String problem) {
    return new ConfigException(file == null ? problem : "%s:%d: %s".formatted(file, line, problem));
  }
}
