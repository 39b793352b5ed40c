package io.busbar.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.policy.EventFilter.Operator;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Each operator on values of each kind. */
class EventFilterTest {
  private static Arguments one(Operator operator, Object value, Object... values) {
    return Arguments.of(operator, value, List.of(values));
  }

  static Stream<Arguments> passing() {
    return Stream.of(
        one(Operator.NUMBER_IN, 3, 1, 3L),
        one(Operator.NUMBER_IN, 3.0, 3L),
        one(Operator.NUMBER_IN, List.of("x", 1, 3), 3L),
        one(Operator.NUMBER_NOT_IN, 4, 1, 3),
        one(Operator.NUMBER_NOT_IN, null, 1),
        one(Operator.NUMBER_NOT_IN, List.of("x", 4), 3),
        one(Operator.NUMBER_LESS_THAN, 2.9, 3),
        one(Operator.NUMBER_LESS_THAN_OR_EQUALS, 3, 3),
        one(Operator.NUMBER_GREATER_THAN, 3.1, 3),
        one(Operator.NUMBER_GREATER_THAN_OR_EQUALS, 3, 3),
        one(Operator.NUMBER_IN_RANGE, 3, List.of(1, 2), List.of(3, 4)),
        one(Operator.NUMBER_IN_RANGE, 4, List.of(3, 4)),
        one(Operator.NUMBER_NOT_IN_RANGE, 5, List.of(3, 4)),
        one(Operator.BOOL_EQUALS, true, true),
        one(Operator.BOOL_EQUALS, List.of(1, false), false),
        one(Operator.STRING_IN, "B", "a", "b"),
        one(Operator.STRING_IN, List.of(7, "b"), "B"),
        one(Operator.STRING_NOT_IN, "c", "a", "b"),
        one(Operator.STRING_NOT_IN, null, "a"),
        one(Operator.STRING_BEGINS_WITH, "Line/3", "x", "line/"),
        one(Operator.STRING_NOT_BEGINS_WITH, "Line/3", "hall/"),
        one(Operator.STRING_ENDS_WITH, "a/ALARM", "/alarm"),
        one(Operator.STRING_NOT_ENDS_WITH, "a/alarm", "/state"),
        one(Operator.STRING_CONTAINS, "aXb", "x"),
        one(Operator.STRING_NOT_CONTAINS, "ab", "x"),
        one(Operator.STRING_NOT_CONTAINS, List.of("ab", 7), "x"),
        one(Operator.IS_NULL_OR_UNDEFINED, null),
        one(Operator.IS_NOT_NULL, ""),
        one(Operator.IS_NOT_NULL, Map.of()));
  }

  static Stream<Arguments> failing() {
    return Stream.of(
        one(Operator.NUMBER_IN, 2, 1, 3),
        one(Operator.NUMBER_IN, "3", 3),
        one(Operator.NUMBER_IN, null, 3),
        one(Operator.NUMBER_NOT_IN, 3, 3),
        one(Operator.NUMBER_NOT_IN, "x", 3),
        one(Operator.NUMBER_NOT_IN, List.of(1, 3), 3),
        one(Operator.NUMBER_LESS_THAN, 3, 3),
        one(Operator.NUMBER_GREATER_THAN, 3, 3),
        one(Operator.NUMBER_IN_RANGE, 2.5, List.of(1, 2), List.of(3, 4)),
        one(Operator.NUMBER_NOT_IN_RANGE, 3, List.of(3, 4)),
        one(Operator.NUMBER_NOT_IN_RANGE, null, List.of(3, 4)),
        one(Operator.BOOL_EQUALS, false, true),
        one(Operator.BOOL_EQUALS, "true", true),
        one(Operator.STRING_IN, "ab", "a", "b"),
        one(Operator.STRING_IN, Map.of("a", "b"), "b"),
        one(Operator.STRING_NOT_IN, "A", "a"),
        one(Operator.STRING_NOT_IN, List.of("x", "a"), "a"),
        one(Operator.STRING_BEGINS_WITH, "a/line/", "line/"),
        one(Operator.STRING_NOT_BEGINS_WITH, "LINE/", "line/"),
        one(Operator.STRING_NOT_BEGINS_WITH, null, "x"),
        one(Operator.STRING_ENDS_WITH, "alarm/a", "alarm"),
        one(Operator.STRING_NOT_ENDS_WITH, null, "x"),
        one(Operator.STRING_CONTAINS, 7, "7"),
        one(Operator.STRING_NOT_CONTAINS, "axb", "X"),
        one(Operator.STRING_NOT_CONTAINS, null, "x"),
        one(Operator.IS_NULL_OR_UNDEFINED, ""),
        one(Operator.IS_NOT_NULL, null));
  }

  @ParameterizedTest
  @MethodSource("passing")
  void passes(Operator operator, Object value, List<Object> values) {
    assertThat(new EventFilter(operator, "key", values).passes(value)).isTrue();
  }

  @ParameterizedTest
  @MethodSource("failing")
  void doesNotPass(Operator operator, Object value, List<Object> values) {
    assertThat(new EventFilter(operator, "key", values).passes(value)).isFalse();
  }

  @ParameterizedTest
  @EnumSource(Operator.class)
  void eachOperatorHasItsKindOfValues(Operator operator) {
    List<List<Object>> all =
        List.of(
            List.of(),
            List.of(1),
            List.of(1, 2),
            List.of(true),
            List.of("a"),
            List.of("a", "b"),
            List.of(List.of(1, 2)),
            List.of(List.of("a", "b")),
            Collections.nCopies(26, "a"),
            List.of("a".repeat(513)));
    long allowed =
        all.stream()
            .filter(
                values -> {
                  try {
                    return new EventFilter(operator, "key", values).values().equals(values);
                  } catch (PolicyException e) {
                    assertThat(e).hasMessageContaining("allowed");
                    return false;
                  }
                })
            .count();
    long most =
        switch (operator.form()) {
          case NUMBERS, TEXTS -> 2;
          case NUMBER, TRUTH, RANGES, NOTHING -> 1;
        };
    assertThat(allowed).isEqualTo(most);
    assertThatThrownBy(() -> new EventFilter(operator, " ", all.get(0)))
        .isInstanceOf(PolicyException.class);
  }

  @Test
  void aKeyIsAnAttributeOrAPathIntoTheData() {
    Map<String, Object> event =
        Map.of(
            "type", "Order.Placed",
            "id", "7",
            "data", Map.of("order", Map.of("total", 12, "tags", Arrays.asList("a", null))));
    for (EventFilter one :
        List.of(
            new EventFilter(Operator.STRING_IN, "type", List.of("order.placed")),
            new EventFilter(Operator.STRING_IN, "eventType", List.of("order.placed")),
            new EventFilter(Operator.STRING_IN, "eventId", List.of("7")),
            new EventFilter(Operator.NUMBER_IN, "data.order.total", List.of(12)),
            new EventFilter(Operator.STRING_IN, "data.order.tags", List.of("a")),
            new EventFilter(Operator.IS_NULL_OR_UNDEFINED, "data.order.total.x", List.of()),
            new EventFilter(Operator.IS_NULL_OR_UNDEFINED, "subject", List.of()))) {
      EventSubscription subscription =
          new EventSubscription(
              "topic/some",
              new EventDelivery.Queue(Duration.ofSeconds(60)),
              10,
              Optional.empty(),
              Optional.empty(),
              List.of(),
              List.of(one),
              Optional.empty());
      assertThat(subscription.wants(event)).as(one.toString()).isTrue();
    }
  }
}
