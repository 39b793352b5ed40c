package io.busbar.fuzz;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Queries of client groups, cut into tokens and then at every "or", every "and". Values are lists
 * of texts or, in the place of a list, one whole number.
 */
final class SlowQuery {
  private static final int DEEPEST = 100;
  private static final Pattern TOKEN =
      Pattern.compile(
          "attributes\\.[A-Za-z0-9_]+|-?[A-Za-z0-9_]+|-|\"[^\"]*\"|'[^']*'|<=|>=|<>|!=|[=<>(),\\[\\]]");

  private final Map<String, List<String>> texts;
  private final Map<String, Long> numbers;
  private final String name;

  SlowQuery(String name, Map<String, List<String>> texts, Map<String, Long> numbers) {
    this.name = name;
    this.texts = texts;
    this.numbers = numbers;
  }

  /** Whether the query holds, or nothing if it is not one. */
  Optional<Boolean> holds(String query) {
    List<String> tokens = tokens(query);
    return tokens == null ? Optional.empty() : any(tokens, 0);
  }

  private static List<String> tokens(String query) {
    List<String> tokens = new ArrayList<>();
    Matcher matcher = TOKEN.matcher(query);
    int at = 0;
    while (true) {
      while (at < query.length() && Character.isWhitespace(query.charAt(at))) {
        at++;
      }
      if (at == query.length()) {
        return tokens;
      }
      if (!matcher.find(at) || matcher.start() != at) {
        return null;
      }
      tokens.add(matcher.group());
      at = matcher.end();
    }
  }

  private Optional<Boolean> any(List<String> tokens, int depth) {
    return joined(
        split(tokens, "or").stream()
            .map(
                part ->
                    joined(split(part, "and").stream().map(t -> term(t, depth)).toList(), false))
            .toList(),
        true);
  }

  /** All must be terms: then whether one holds ({@code any}) or all do. */
  private static Optional<Boolean> joined(List<Optional<Boolean>> parts, boolean any) {
    if (parts.contains(Optional.<Boolean>empty())) {
      return Optional.empty();
    }
    return Optional.of(
        any ? parts.contains(Optional.of(true)) : !parts.contains(Optional.of(false)));
  }

  /** Cut at a word outside of parentheses; at every one if they do not match, which is no query. */
  private static List<List<String>> split(List<String> tokens, String at) {
    List<List<String>> parts = new ArrayList<>();
    int from = 0;
    int depth = 0;
    for (int i = 0; i < tokens.size(); i++) {
      String token = tokens.get(i);
      depth += token.equals("(") ? 1 : token.equals(")") ? -1 : 0;
      if (depth == 0 && token.toLowerCase(Locale.ROOT).equals(at)) {
        parts.add(tokens.subList(from, i));
        from = i + 1;
      }
    }
    parts.add(tokens.subList(from, tokens.size()));
    return parts;
  }

  private Optional<Boolean> term(List<String> term, int depth) {
    int size = term.size();
    if (size < 3) {
      return Optional.empty();
    }
    if (term.get(0).equals("(")) {
      return depth == DEEPEST || !term.get(size - 1).equals(")")
          ? Optional.empty()
          : any(term.subList(1, size - 1), depth + 1);
    }
    String operand = term.get(0);
    String comparison = term.get(1);
    boolean ofName = operand.equals("authenticationName");
    if (!ofName && !operand.startsWith("attributes.")) {
      return Optional.empty();
    }
    String key = ofName ? "" : operand.substring("attributes.".length());
    if (!comparison.toLowerCase(Locale.ROOT).equals("in")) {
      return size == 3 ? compared(ofName, key, comparison, term.get(2)) : Optional.empty();
    }
    if (size % 2 == 0 || !term.get(2).equals("[") || !term.get(size - 1).equals("]")) {
      return Optional.empty();
    }
    List<Optional<Boolean>> each = new ArrayList<>();
    for (int i = 3; i < size - 1; i++) {
      if (i % 2 == 1) {
        each.add(compared(ofName, key, "=", term.get(i)));
      } else if (!term.get(i).equals(",")) {
        return Optional.empty();
      }
    }
    return each.isEmpty() ? Optional.empty() : joined(each, true);
  }

  private Optional<Boolean> compared(boolean ofName, String key, String how, String literal) {
    if (!Arrays.asList("=", "<>", "!=", "<", "<=", ">", ">=").contains(how)) {
      return Optional.empty();
    }
    boolean differ = how.equals("<>") || how.equals("!=");
    if (literal.startsWith("'") || literal.startsWith("\"")) {
      if (!differ && !how.equals("=")) {
        return Optional.empty();
      }
      List<String> values = ofName ? List.of(name) : texts.get(key);
      String value = literal.substring(1, literal.length() - 1);
      return Optional.of(values != null && values.contains(value) != differ);
    }
    if (ofName || !literal.matches("-?[0-9]+")) {
      return Optional.empty();
    }
    long wanted;
    try {
      wanted = Long.parseLong(literal);
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
    Long value = numbers.get(key);
    if (value == null) {
      return Optional.of(false);
    }
    return Optional.of(
        differ
            ? value != wanted
            : (how.contains("=") && value == wanted)
                || (how.startsWith("<") && value < wanted)
                || (how.startsWith(">") && value > wanted));
  }
}
