package io.busbar.policy;

import java.util.List;
import java.util.Locale;
import java.util.function.BiPredicate;
import java.util.function.Predicate;

/**
 * A condition on one value of an event (an element of filtersConfiguration.filters).
 *
 * @param operator what is asked
 * @param key an attribute, or {@code data} and a path into it with dots
 * @param values of which one must do: texts, numbers, truth values, or lists of two numbers
 */
public record EventFilter(Operator operator, String key, List<Object> values) {
  private static final int MAX_TEXT = 512;

  /** What a value is compared with. */
  public enum Form {
    NUMBER,
    NUMBERS,
    RANGES,
    TRUTH,
    TEXTS,
    NOTHING
  }

  /** What is asked of a value. Texts are compared ignoring case. */
  public enum Operator {
    NUMBER_IN(Form.NUMBERS, false, (a, b) -> number(a) == number(b)),
    NUMBER_NOT_IN(Form.NUMBERS, true, (a, b) -> number(a) == number(b)),
    NUMBER_LESS_THAN(Form.NUMBER, false, (a, b) -> number(a) < number(b)),
    NUMBER_GREATER_THAN(Form.NUMBER, false, (a, b) -> number(a) > number(b)),
    NUMBER_LESS_THAN_OR_EQUALS(Form.NUMBER, false, (a, b) -> number(a) <= number(b)),
    NUMBER_GREATER_THAN_OR_EQUALS(Form.NUMBER, false, (a, b) -> number(a) >= number(b)),
    NUMBER_IN_RANGE(Form.RANGES, false, Operator::isWithin),
    NUMBER_NOT_IN_RANGE(Form.RANGES, true, Operator::isWithin),
    BOOL_EQUALS(Form.TRUTH, false, Object::equals),
    STRING_IN(Form.TEXTS, false, (a, b) -> text(a).equals(text(b))),
    STRING_NOT_IN(Form.TEXTS, true, (a, b) -> text(a).equals(text(b))),
    STRING_BEGINS_WITH(Form.TEXTS, false, (a, b) -> text(a).startsWith(text(b))),
    STRING_NOT_BEGINS_WITH(Form.TEXTS, true, (a, b) -> text(a).startsWith(text(b))),
    STRING_ENDS_WITH(Form.TEXTS, false, (a, b) -> text(a).endsWith(text(b))),
    STRING_NOT_ENDS_WITH(Form.TEXTS, true, (a, b) -> text(a).endsWith(text(b))),
    STRING_CONTAINS(Form.TEXTS, false, (a, b) -> text(a).contains(text(b))),
    STRING_NOT_CONTAINS(Form.TEXTS, true, (a, b) -> text(a).contains(text(b))),
    IS_NULL_OR_UNDEFINED(Form.NOTHING, false, (a, b) -> true),
    IS_NOT_NULL(Form.NOTHING, false, (a, b) -> true);

    private final Form form;
    private final boolean isNegative;

    // each is a function of its arguments alone
    @SuppressWarnings("ImmutableEnumChecker")
    private final BiPredicate<Object, Object> relation;

    Operator(Form form, boolean isNegative, BiPredicate<Object, Object> relation) {
      this.form = form;
      this.isNegative = isNegative;
      this.relation = relation;
    }

    /** What it compares with. */
    public Form form() {
      return form;
    }

    /** Whether none of the values may be it. */
    boolean isNegative() {
      return isNegative;
    }

    private static double number(Object value) {
      return ((Number) value).doubleValue();
    }

    private static String text(Object value) {
      return ((String) value).toLowerCase(Locale.ROOT);
    }

    private static boolean isWithin(Object value, Object range) {
      List<?> ends = (List<?>) range;
      return number(value) >= number(ends.get(0)) && number(value) <= number(ends.get(1));
    }

    /** Whether a value is of a kind that it compares. */
    private boolean compares(Object value) {
      return switch (form) {
        case NUMBER, NUMBERS, RANGES -> value instanceof Number;
        case TRUTH -> value instanceof Boolean;
        case TEXTS -> value instanceof String;
        case NOTHING -> false;
      };
    }
  }

  /**
   * Judges and copies the values.
   *
   * @throws PolicyException if one breaks a rule
   */
  public EventFilter {
    if (key.isBlank() || key.length() > MAX_TEXT) {
      throw new PolicyException("key", Text.quote(key) + " (allowed: 1 to 512 characters)");
    }
    values = List.copyOf(values);
    boolean isOne = operator.form == Form.NUMBER || operator.form == Form.TRUTH;
    int most = operator.form == Form.NOTHING ? 0 : isOne ? 1 : EventSubscription.MAX_FILTERS;
    if (values.size() > most || (most > 0 && values.isEmpty())) {
      throw new PolicyException(
          isOne ? "value" : "values",
          "%d given (allowed: %s)".formatted(values.size(), most < 2 ? most : "1 to " + most));
    }
    for (Object value : values) {
      boolean isRange =
          value instanceof List<?> ends
              && ends.size() == 2
              && ends.stream().allMatch(Number.class::isInstance);
      boolean isOfForm = operator.form == Form.RANGES ? isRange : operator.compares(value);
      boolean isTooLong = value instanceof String text && text.length() > MAX_TEXT;
      if (!isOfForm || isTooLong) {
        throw new PolicyException(
            isOne ? "value" : "values",
            isTooLong
                ? "has a text that is too long (allowed: up to 512 characters)"
                : "is not of the operator's kind (allowed: %s)"
                    .formatted(
                        switch (operator.form) {
                          case NUMBER, NUMBERS -> "numbers";
                          case RANGES -> "lists of two numbers";
                          case TRUTH -> "true, false";
                          default -> "texts";
                        }));
      }
    }
  }

  /**
   * Whether an event's value under the key passes.
   *
   * @param value a text, a number, a truth value, a list of these, something else, or null
   */
  boolean passes(Object value) {
    if (operator == Operator.IS_NULL_OR_UNDEFINED) {
      return value == null;
    } else if (operator == Operator.IS_NOT_NULL) {
      return value != null;
    } else if (value == null) {
      return operator == Operator.NUMBER_NOT_IN || operator == Operator.STRING_NOT_IN;
    }
    Predicate<Object> holds =
        one ->
            operator.compares(one)
                && values.stream().anyMatch(wanted -> operator.relation.test(one, wanted));
    boolean isList = value instanceof List<?>;
    boolean any = isList ? ((List<?>) value).stream().anyMatch(holds) : holds.test(value);
    if (!operator.isNegative) {
      return any;
    }
    // of a list, elements of another kind do not count; one value must be of the kind
    return !any && (isList || operator.compares(value));
  }
}
