package io.busbar.policy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The query of a client group: which clients belong to it.
 *
 * <pre>
 *   query      and-terms, joined by "or"
 *   and-term   terms, joined by "and"
 *   term       ( query )  |  operand comparison literal  |  operand IN [ literal, … ]
 *   operand    attributes.KEY  |  authenticationName
 *   comparison =  &lt;&gt;  !=  and, for whole numbers only, &lt;  &lt;=  &gt;  &gt;=
 *   literal    "text"  |  'text'  |  whole number
 * </pre>
 *
 * <p>{@code and}, {@code or} and {@code IN} may be written in any case; everything else keeps its
 * case. A list attribute equals a literal if one of its elements does. A comparison with an
 * attribute that the client does not have, or that is of another type than the literal, is false,
 * {@code <>} included: what is not said gives no right.
 */
final class Query {
  static final int MAX_LENGTH = 65_536;
  static final int MAX_DEPTH = 100;

  private final String text;
  private final Term term;

  private Query(String text, Term term) {
    this.text = text;
    this.term = term;
  }

  /**
   * Parses a query.
   *
   * @throws PolicyException for property {@code query}, with the column, counted from 1
   */
  static Query parse(String text) {
    if (text.length() > MAX_LENGTH) {
      throw new PolicyException(
          "query", "%d characters (allowed: at most %d)".formatted(text.length(), MAX_LENGTH));
    }
    Parser parser = new Parser(text);
    Term term = parser.or(0);
    if (!parser.atEnd()) {
      throw parser.expected("'and', 'or' or the end");
    }
    return new Query(text, term);
  }

  /** Whether a client of this name and these attributes belongs to the group. */
  boolean matches(String authenticationName, Map<String, Attribute> attributes) {
    return term.holds(authenticationName, attributes);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Query query && query.text.equals(text);
  }

  @Override
  public int hashCode() {
    return text.hashCode();
  }

  private interface Term {
    boolean holds(String authenticationName, Map<String, Attribute> attributes);
  }

  private record Any(Term[] terms) implements Term {
    @Override
    public boolean holds(String name, Map<String, Attribute> attributes) {
      for (Term term : terms) {
        if (term.holds(name, attributes)) {
          return true;
        }
      }
      return false;
    }
  }

  private record All(Term[] terms) implements Term {
    @Override
    public boolean holds(String name, Map<String, Attribute> attributes) {
      for (Term term : terms) {
        if (!term.holds(name, attributes)) {
          return false;
        }
      }
      return true;
    }
  }

  /** A comparison with one or more texts; an attribute's key, or null for the client's name. */
  private record Texts(String key, boolean equal, Set<String> literals) implements Term {
    @Override
    public boolean holds(String name, Map<String, Attribute> attributes) {
      if (key == null) {
        return literals.contains(name) == equal;
      }
      Attribute value = attributes.get(key);
      if (value instanceof Attribute.Text text) {
        return literals.contains(text.value()) == equal;
      }
      if (value instanceof Attribute.Texts texts) {
        for (String element : texts.values()) {
          if (literals.contains(element)) {
            return equal;
          }
        }
        return !equal;
      }
      return false;
    }
  }

  private record Whole(String key, String comparison, long literal) implements Term {
    @Override
    public boolean holds(String name, Map<String, Attribute> attributes) {
      if (!(attributes.get(key) instanceof Attribute.Whole whole)) {
        return false;
      }
      int order = Long.compare(whole.value(), literal);
      return switch (comparison) {
        case "=" -> order == 0;
        case "<>", "!=" -> order != 0;
        case "<" -> order < 0;
        case "<=" -> order <= 0;
        case ">" -> order > 0;
        default -> order >= 0;
      };
    }
  }

  /** Recursive descent; only parentheses recurse, and their depth is bounded. */
  private static final class Parser {
    private static final String[] COMPARISONS = {"<=", ">=", "<>", "!=", "=", "<", ">"};
    private final String text;
    private int at;

    Parser(String text) {
      this.text = text;
    }

    Term or(int depth) {
      List<Term> terms = new ArrayList<>();
      do {
        terms.add(and(depth));
      } while (word("or"));
      return terms.size() == 1 ? terms.get(0) : new Any(terms.toArray(Term[]::new));
    }

    private Term and(int depth) {
      List<Term> terms = new ArrayList<>();
      do {
        terms.add(term(depth));
      } while (word("and"));
      return terms.size() == 1 ? terms.get(0) : new All(terms.toArray(Term[]::new));
    }

    private Term term(int depth) {
      if (symbol("(")) {
        if (depth == MAX_DEPTH) {
          throw error(at - 1, "parentheses nest too deeply (allowed: at most " + MAX_DEPTH + ")");
        }
        Term inner = or(depth + 1);
        if (!symbol(")")) {
          throw expected("'and', 'or' or ')'");
        }
        return inner;
      }
      String key = operand();
      if (word("in")) {
        return in(key);
      }
      skipSpace();
      int start = at;
      for (String comparison : COMPARISONS) {
        if (symbol(comparison)) {
          return comparison(key, comparison, start);
        }
      }
      throw expected("=, <>, !=, <, <=, >, >= or IN");
    }

    private Term comparison(String key, String comparison, int start) {
      Object literal = literal();
      if (literal instanceof Long whole) {
        return whole(key, comparison, whole);
      }
      boolean equal = comparison.equals("=");
      if (!equal && !comparison.equals("<>") && !comparison.equals("!=")) {
        throw error(start, "'" + comparison + "' with a text (allowed: with whole numbers)");
      }
      return new Texts(key, equal, Set.of((String) literal));
    }

    private Term in(String key) {
      if (!symbol("[")) {
        throw expected("'['");
      }
      Set<String> texts = new HashSet<>();
      List<Term> terms = new ArrayList<>();
      do {
        Object literal = literal();
        if (literal instanceof Long whole) {
          terms.add(whole(key, "=", whole));
        } else {
          texts.add((String) literal);
        }
      } while (symbol(","));
      if (!symbol("]")) {
        throw expected("',' or ']'");
      }
      if (!texts.isEmpty()) {
        terms.add(new Texts(key, true, texts));
      }
      return terms.size() == 1 ? terms.get(0) : new Any(terms.toArray(Term[]::new));
    }

    private Term whole(String key, String comparison, long literal) {
      if (key == null) {
        throw error(at - 1, "authenticationName with a number (allowed: with a text)");
      }
      return new Whole(key, comparison, literal);
    }

    /** The attribute's key, or null for the authentication name. */
    private String operand() {
      skipSpace();
      if (text.startsWith("attributes.", at)) {
        int start = at + "attributes.".length();
        int end = endOfWord(start);
        if (end > start) {
          at = end;
          return text.substring(start, end);
        }
      } else if (text.substring(at, endOfWord(at)).equals("authenticationName")) {
        at = endOfWord(at);
        return null;
      }
      throw expected("attributes.<key>, authenticationName or '('");
    }

    private Object literal() {
      skipSpace();
      if (at < text.length()) {
        char c = text.charAt(at);
        if (c == '"' || c == '\'') {
          int end = text.indexOf(c, at + 1);
          if (end < 0) {
            throw error(at, "the text is not closed (expected " + c + ")");
          }
          String value = text.substring(at + 1, end);
          at = end + 1;
          return value;
        }
        if (c == '-' || (c >= '0' && c <= '9')) {
          int end = endOfWord(at + 1);
          String digits = text.substring(at, end);
          try {
            long value = Long.parseLong(digits);
            at = end;
            return value;
          } catch (NumberFormatException e) {
            throw error(at, "found " + Text.quote(digits) + " (allowed: whole numbers of 64 bits)");
          }
        }
      }
      throw expected("a literal");
    }

    private boolean word(String keyword) {
      skipSpace();
      int end = endOfWord(at);
      if (text.substring(at, end).toLowerCase(Locale.ROOT).equals(keyword)) {
        at = end;
        return true;
      }
      return false;
    }

    private boolean symbol(String symbol) {
      skipSpace();
      if (text.startsWith(symbol, at)) {
        at += symbol.length();
        return true;
      }
      return false;
    }

    boolean atEnd() {
      skipSpace();
      return at == text.length();
    }

    private void skipSpace() {
      while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
        at++;
      }
    }

    private int endOfWord(int start) {
      int end = start;
      while (end < text.length()) {
        char c = text.charAt(end);
        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_') {
          break;
        }
        end++;
      }
      return end;
    }

    PolicyException expected(String what) {
      skipSpace();
      String found;
      if (at == text.length()) {
        found = "the end";
      } else {
        int end = Math.max(endOfWord(at), text.offsetByCodePoints(at, 1));
        found = Text.quote(text.substring(at, end));
      }
      return error(at, "found " + found + " (expected " + what + ")");
    }

    private static PolicyException error(int at, String problem) {
      return new PolicyException("query", "column " + (at + 1) + ": " + problem);
    }
  }
}
