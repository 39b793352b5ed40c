package io.busbar.policy;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A topic filter with variables that stand for values of the client.
 *
 * <pre>
 *   vehicles/${client.authenticationName}/#                 its name, in the registry's case
 *   zones/${client.attributes.zone}/+                       an attribute; of a list, any element
 *   machines/m-${client.authenticationName|.line1}/temp     part of a level, or with a suffix
 * </pre>
 *
 * <p>The older {@code ${principal.name}}, {@code ${client.name}} and {@code
 * ${principal.attributes.KEY}} mean the same.
 *
 * <p>For a client, a template becomes topic filters in which its values are literal parts of single
 * levels. A value that could be read as anything else (empty, or with {@code / + #} or U+0000)
 * gives nothing, as does a missing attribute. Topics that begin with {@code $} are reserved: no
 * template gives a right on one.
 */
final class TopicTemplate {
  /** The most filters that lists of values may make of one template; beyond it gives nothing. */
  static final int MAX_FILTERS = 1_024;

  private static final Set<String> NAMES =
      Set.of("client.authenticationName", "client.name", "principal.name");
  private static final Pattern ATTRIBUTE =
      Pattern.compile("(?:client|principal)\\.attributes\\.([A-Za-z0-9_]+)");
  private static final int MAX_FILTER_LENGTH = 65_535;
  private static final int MAX_LENGTH = 4_096;

  /** A template that is not one: what was found and what is allowed. */
  static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed(String message) {
      super(message, null, false, false);
    }
  }

  /** A piece of the template: a literal text, or a variable with its suffix. */
  private sealed interface Piece {
    record Literal(String text) implements Piece {}

    /** A variable; the key of the attribute, or null for the authentication name. */
    record Variable(String key, String suffix) implements Piece {}
  }

  private final String text;
  private final List<Piece> pieces;

  /** What the server tells of itself: may be subscribed to, and never published. */
  private static final String SYSTEM = "$SYS/";

  private final Optional<byte[]> constant;

  private TopicTemplate(String text, List<Piece> pieces) {
    this.text = text;
    this.pieces = pieces;
    this.constant =
        pieces.stream().allMatch(Piece.Literal.class::isInstance)
            ? Optional.of(text.getBytes(UTF_8))
            : Optional.empty();
  }

  static TopicTemplate parse(String text) throws Malformed {
    if (text.isEmpty()) {
      throw new Malformed("is empty (allowed: a topic filter with variables)");
    }
    if (!Text.isWellFormed(text) || text.indexOf('\0') >= 0 || text.length() > MAX_LENGTH) {
      throw new Malformed(
          Text.quote(text) + " (allowed: at most 4096 characters of UTF-8 without U+0000)");
    }
    if (text.startsWith("$") && !text.startsWith("${") && !text.startsWith(SYSTEM)) {
      throw new Malformed(
          Text.quote(text) + " begins with '$' (such topics are reserved; allowed: $SYS/…)");
    }
    List<Piece> pieces = new ArrayList<>();
    String[] levels = text.split("/", -1);
    for (int i = 0; i < levels.length; i++) {
      String level = levels[i];
      if (i > 0) {
        pieces.add(new Piece.Literal("/"));
      }
      if (level.equals("#") && i < levels.length - 1) {
        throw new Malformed(Text.quote(text) + ": '#' is not the last level");
      }
      if (level.equals("+") || level.equals("#")) {
        pieces.add(new Piece.Literal(level));
      } else if (level.indexOf('+') >= 0 || level.indexOf('#') >= 0) {
        throw new Malformed(
            Text.quote(text)
                + ": '+' or '#' within level "
                + Text.quote(level)
                + " (allowed: as a level of its own)");
      } else {
        level(level, pieces);
      }
    }
    return new TopicTemplate(text, merged(pieces));
  }

  /** Parses a template that {@link TopicSpace} has judged. */
  static TopicTemplate of(String judged) {
    try {
      return parse(judged);
    } catch (Malformed e) {
      throw new IllegalArgumentException(e);
    }
  }

  /** Joins neighbouring literals, so that expanding takes few steps. */
  private static List<Piece> merged(List<Piece> pieces) {
    List<Piece> merged = new ArrayList<>();
    StringBuilder literal = new StringBuilder();
    for (Piece piece : pieces) {
      if (piece instanceof Piece.Literal some) {
        literal.append(some.text());
      } else {
        if (!literal.isEmpty()) {
          merged.add(new Piece.Literal(literal.toString()));
          literal.setLength(0);
        }
        merged.add(piece);
      }
    }
    if (!literal.isEmpty()) {
      merged.add(new Piece.Literal(literal.toString()));
    }
    return List.copyOf(merged);
  }

  private static void level(String level, List<Piece> pieces) throws Malformed {
    int at = 0;
    while (true) {
      int open = level.indexOf("${", at);
      if (open < 0) {
        pieces.add(new Piece.Literal(level.substring(at)));
        return;
      }
      int close = level.indexOf('}', open);
      if (close < 0) {
        throw new Malformed(
            "variable in level " + Text.quote(level) + " is not closed (expected '}' before '/')");
      }
      pieces.add(new Piece.Literal(level.substring(at, open)));
      pieces.add(variable(level.substring(open + 2, close)));
      at = close + 1;
    }
  }

  private static Piece variable(String inner) throws Malformed {
    int pipe = inner.indexOf('|');
    String name = pipe < 0 ? inner : inner.substring(0, pipe);
    String suffix = pipe < 0 ? "" : inner.substring(pipe + 1);
    if (suffix.indexOf('{') >= 0) {
      throw new Malformed("suffix " + Text.quote(suffix) + " contains '{' (allowed: a plain text)");
    }
    if (NAMES.contains(name)) {
      return new Piece.Variable(null, suffix);
    }
    Matcher attribute = ATTRIBUTE.matcher(name);
    if (attribute.matches()) {
      return new Piece.Variable(attribute.group(1), suffix);
    }
    throw new Malformed(
        "unknown variable "
            + Text.quote("${" + inner + "}")
            + " (allowed: ${client.authenticationName}, ${client.attributes.<key>})");
  }

  /** The template as it was written. */
  String text() {
    return text;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TopicTemplate template && template.text.equals(text);
  }

  @Override
  public int hashCode() {
    return text.hashCode();
  }

  /** What the template means for one client: filters, or why there are none. */
  record Expansion(List<byte[]> filters, Optional<String> whyNone) {
    static Expansion none(String why) {
      return new Expansion(List.of(), Optional.of(why));
    }
  }

  /** Puts a client's values into the template. */
  Expansion expand(String authenticationName, Map<String, Attribute> attributes) {
    if (constant.isPresent()) {
      return new Expansion(List.of(constant.get()), Optional.empty());
    }
    List<String> made = List.of("");
    for (Piece piece : pieces) {
      List<String> values;
      if (piece instanceof Piece.Variable variable) {
        Attribute attribute = variable.key() == null ? null : attributes.get(variable.key());
        if (variable.key() != null && attribute == null) {
          return Expansion.none("the client has no attribute " + Text.quote(variable.key()));
        }
        List<String> given = attribute == null ? List.of(authenticationName) : attribute.texts();
        values = literals(given, variable.suffix());
        if (values.isEmpty()) {
          return Expansion.none(
              (attribute == null ? "the name" : "attribute " + Text.quote(variable.key()))
                  + " cannot be part of one topic level (allowed: not empty, without / + # U+0000)");
        }
      } else {
        values = List.of(((Piece.Literal) piece).text());
      }
      if ((long) made.size() * values.size() > MAX_FILTERS) {
        return Expansion.none("its lists make more than " + MAX_FILTERS + " filters");
      }
      made = product(made, values);
      if (made.stream().anyMatch(filter -> filter.length() > MAX_FILTER_LENGTH)) {
        return Expansion.none("its values make a filter longer than a topic can be");
      }
    }
    List<byte[]> filters = new ArrayList<>(made.size());
    for (String filter : made) {
      // no value of a client leads there
      if (!filter.startsWith("$") || text.startsWith(SYSTEM)) {
        filters.add(filter.getBytes(UTF_8));
      }
    }
    return filters.isEmpty()
        ? Expansion.none("topics that begin with '$' are reserved")
        : new Expansion(filters, Optional.empty());
  }

  private static List<String> literals(List<String> values, String suffix) {
    List<String> safe = new ArrayList<>(values.size());
    for (String value : values) {
      if (isOneLevel(value)) {
        safe.add(value.concat(suffix));
      }
    }
    return safe;
  }

  /** Whether a value, put into a level, leaves it one literal level. */
  private static boolean isOneLevel(String value) {
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      if (c == '/' || c == '+' || c == '#' || c == '\0') {
        return false;
      }
    }
    // a lone surrogate would be encoded as '?', which is another client's value
    return !value.isEmpty() && Text.isWellFormed(value);
  }

  private static List<String> product(List<String> heads, List<String> tails) {
    if (heads.size() == 1 && tails.size() == 1) {
      return List.of(heads.get(0).concat(tails.get(0)));
    }
    List<String> all = new ArrayList<>(heads.size() * tails.size());
    for (String head : heads) {
      for (String tail : tails) {
        all.add(head.concat(tail));
      }
    }
    return all;
  }
}
