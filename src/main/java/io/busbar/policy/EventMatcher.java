package io.busbar.policy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Which of a topic's subscriptions want an event: the same as {@link EventSubscription#wants} of
 * each, but what an event has is looked up once for all of them, and texts are folded once.
 * Immutable.
 */
public final class EventMatcher {
  /** Nobody wants anything. */
  public static final EventMatcher NOBODY = new EventMatcher(List.of());

  private final List<EventSubscription> subscriptions;
  private final String[] keys;
  private final One[] ones;

  /**
   * A subscription.
   *
   * @param types those that it wants, folded; none means all
   */
  private record One(String id, String[] types, Test[] tests) {}

  /**
   * A filter.
   *
   * @param key its place among the keys
   * @param texts what it compares texts with, folded, or null if it does not
   * @param numbers what it compares numbers with, or null if it does not; of ranges both ends, one
   *     after the other
   */
  private record Test(EventFilter filter, int key, String[] texts, double[] numbers) {}

  /** Compiles the filters of subscriptions. */
  public EventMatcher(List<EventSubscription> subscriptions) {
    this.subscriptions = List.copyOf(subscriptions);
    Map<String, Integer> places = new HashMap<>();
    this.ones =
        subscriptions.stream()
            .map(
                one ->
                    new One(
                        one.id(),
                        one.includedEventTypes().stream()
                            .map(EventMatcher::fold)
                            .toArray(String[]::new),
                        one.filters().stream()
                            .map(filter -> test(filter, places))
                            .toArray(Test[]::new)))
            .toArray(One[]::new);
    this.keys = new String[places.size()];
    places.forEach((key, place) -> keys[place] = key);
  }

  private static Test test(EventFilter filter, Map<String, Integer> places) {
    int key = places.computeIfAbsent(filter.key(), k -> places.size());
    List<Object> values = filter.values();
    return switch (filter.operator().form()) {
      case TEXTS ->
          new Test(
              filter,
              key,
              values.stream().map(value -> fold((String) value)).toArray(String[]::new),
              null);
      case NUMBER, NUMBERS ->
          new Test(
              filter,
              key,
              null,
              values.stream().mapToDouble(value -> ((Number) value).doubleValue()).toArray());
      case RANGES ->
          new Test(
              filter,
              key,
              null,
              values.stream()
                  .flatMap(value -> ((List<?>) value).stream())
                  .mapToDouble(end -> ((Number) end).doubleValue())
                  .toArray());
      case TRUTH, NOTHING -> new Test(filter, key, null, null);
    };
  }

  private static String fold(String text) {
    return text.toLowerCase(Locale.ROOT);
  }

  /** The subscriptions it was made from. */
  public List<EventSubscription> subscriptions() {
    return subscriptions;
  }

  /**
   * The ids of those who want an event.
   *
   * @param event its attributes and data as JSON has them: texts, numbers, truth values, lists,
   *     maps
   */
  public List<String> wanting(Map<String, Object> event) {
    Object[] values = new Object[keys.length];
    String[] folded = new String[keys.length];
    for (int i = 0; i < keys.length; i++) {
      values[i] = EventSubscription.value(event, keys[i]);
      folded[i] = values[i] instanceof String text ? fold(text) : null;
    }
    String type = event.get("type") instanceof String text ? fold(text) : null;
    List<String> wanting = new ArrayList<>();
    for (One one : ones) {
      if (isOf(one.types, type) && wants(one.tests, values, folded)) {
        wanting.add(one.id);
      }
    }
    return wanting;
  }

  private static boolean isOf(String[] types, String type) {
    for (String one : types) {
      if (one.equals(type)) {
        return true;
      }
    }
    return types.length == 0;
  }

  private static boolean wants(Test[] tests, Object[] values, String[] folded) {
    for (Test test : tests) {
      boolean passes;
      if (test.texts != null && folded[test.key] != null) {
        passes = passes(test.filter.operator(), folded[test.key], test.texts);
      } else if (test.numbers != null && values[test.key] instanceof Number number) {
        passes = passes(test.filter.operator(), number.doubleValue(), test.numbers);
      } else {
        passes = test.filter.passes(values[test.key]);
      }
      if (!passes) {
        return false;
      }
    }
    return true;
  }

  private static boolean passes(EventFilter.Operator operator, String text, String[] wanted) {
    boolean any = false;
    for (int i = 0; i < wanted.length && !any; i++) {
      any =
          switch (operator) {
            case STRING_BEGINS_WITH, STRING_NOT_BEGINS_WITH -> text.startsWith(wanted[i]);
            case STRING_ENDS_WITH, STRING_NOT_ENDS_WITH -> text.endsWith(wanted[i]);
            case STRING_CONTAINS, STRING_NOT_CONTAINS -> text.contains(wanted[i]);
            default -> text.equals(wanted[i]);
          };
    }
    return any != operator.isNegative();
  }

  private static boolean passes(EventFilter.Operator operator, double number, double[] wanted) {
    boolean isRange = operator.form() == EventFilter.Form.RANGES;
    boolean any = false;
    for (int i = 0; i < wanted.length && !any; i += isRange ? 2 : 1) {
      any =
          switch (operator) {
            case NUMBER_LESS_THAN -> number < wanted[i];
            case NUMBER_GREATER_THAN -> number > wanted[i];
            case NUMBER_LESS_THAN_OR_EQUALS -> number <= wanted[i];
            case NUMBER_GREATER_THAN_OR_EQUALS -> number >= wanted[i];
            case NUMBER_IN_RANGE, NUMBER_NOT_IN_RANGE ->
                number >= wanted[i] && number <= wanted[i + 1];
            default -> number == wanted[i];
          };
    }
    return any != operator.isNegative();
  }
}
