package io.busbar.api;

import java.util.Locale;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The {@code $filter} of a list: {@code contains(name, 'x')}, {@code name eq 'x'}, {@code name ne
 * 'x'}, joined by {@code and}, {@code or}, {@code not} and parentheses; a quote within a text is
 * doubled. Names are compared whatever their case.
 */
final class NameFilter {
  private static final int MAX_LENGTH = 1_000;
  private static final int MAX_DEPTH = 32;
  private static final Pattern TOKEN =
      Pattern.compile("\\s*(?:([A-Za-z]+)|'((?:[^']|'')*)'|([(),]))");

  private final String text;
  private final Matcher matcher;
  private String word;
  private String literal;
  private String sign;
  private int depth;

  /** Where the token that comes next begins, and ends. */
  private int at;

  private int end;

  private NameFilter(String text) {
    this.text = text;
    this.matcher = TOKEN.matcher(text);
    next();
  }

  /**
   * Reads a filter.
   *
   * @throws ApiError if it is none
   */
  static Predicate<String> of(String text) {
    if (text.length() > MAX_LENGTH) {
      throw ApiError.invalid(
          "$filter: has %d characters (allowed: %d)".formatted(text.length(), MAX_LENGTH));
    }
    NameFilter filter = new NameFilter(text.stripTrailing());
    Predicate<String> all = filter.either();
    if (!filter.isAtEnd()) {
      throw filter.wrong("and, or");
    }
    return name -> all.test(fold(name));
  }

  private static String fold(String name) {
    return name.toLowerCase(Locale.ROOT);
  }

  private Predicate<String> either() {
    Predicate<String> all = both();
    while (takes("or")) {
      all = all.or(both());
    }
    return all;
  }

  private Predicate<String> both() {
    Predicate<String> all = one();
    while (takes("and")) {
      all = all.and(one());
    }
    return all;
  }

  private Predicate<String> one() {
    if (++depth > MAX_DEPTH) {
      throw ApiError.invalid("$filter: nests more than %d deep".formatted(MAX_DEPTH));
    }
    Predicate<String> one = bare();
    depth--;
    return one;
  }

  private Predicate<String> bare() {
    if (takes("not")) {
      return one().negate();
    }
    if (takesSign("(")) {
      Predicate<String> inner = either();
      require(takesSign(")"), ")");
      return inner;
    }
    if (takes("contains")) {
      require(takesSign("("), "(");
      require(takes("name"), "name");
      require(takesSign(","), ",");
      String part = text();
      require(takesSign(")"), ")");
      return name -> name.contains(part);
    }
    require(takes("name"), "name, contains(, not, (");
    boolean isEqual = takes("eq");
    require(isEqual || takes("ne"), "eq, ne");
    String other = text();
    return name -> name.equals(other) == isEqual;
  }

  private String text() {
    require(literal != null, "'a text'");
    String value = fold(literal.replace("''", "'"));
    next();
    return value;
  }

  private boolean takes(String wanted) {
    boolean isIt = wanted.equalsIgnoreCase(word);
    if (isIt) {
      next();
    }
    return isIt;
  }

  private boolean takesSign(String wanted) {
    boolean isIt = wanted.equals(sign);
    if (isIt) {
      next();
    }
    return isIt;
  }

  private void require(boolean isThere, String wanted) {
    if (!isThere) {
      throw wrong(wanted);
    }
  }

  private ApiError wrong(String wanted) {
    return ApiError.invalid("$filter: column %d (expected %s)".formatted(at + 1, wanted));
  }

  private boolean isAtEnd() {
    return word == null && literal == null && sign == null;
  }

  private void next() {
    at = end;
    word = null;
    literal = null;
    sign = null;
    if (at >= text.length()) {
      return;
    }
    matcher.region(at, text.length());
    if (!matcher.lookingAt()) {
      throw wrong("name, contains(, eq, ne, and, or, not, ( or 'a text'");
    }
    word = matcher.group(1);
    literal = matcher.group(2);
    sign = matcher.group(3);
    end = matcher.end();
  }
}
