package io.busbar.policy;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.policy.EventFilter.Form;
import io.busbar.policy.EventFilter.Operator;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;

/** The compiled filters against those that are looked at one by one. */
class EventMatcherTest {
  private static final List<String> KEYS =
      List.of("type", "subject", "eventType", "x", "data", "data.a", "data.a.b", "data.c");
  private static final List<String> TEXTS = List.of("", "a", "A", "ab", "BA", "aba", "É", "é");

  private Random random;

  private <T> T one(List<T> of) {
    return of.get(random.nextInt(of.size()));
  }

  private Object scalar() {
    return switch (random.nextInt(4)) {
      case 0 -> one(TEXTS);
      case 1 -> random.nextInt(5);
      case 2 -> random.nextInt(10) / 2.0;
      default -> random.nextBoolean();
    };
  }

  private Object value(int depth) {
    return switch (random.nextInt(depth > 2 ? 4 : 8)) {
      case 0 -> null;
      case 1 -> Arrays.asList(scalar(), scalar(), random.nextBoolean() ? null : scalar());
      case 5, 6 -> map(depth + 1);
      default -> scalar();
    };
  }

  private Map<String, Object> map(int depth) {
    Map<String, Object> map = new HashMap<>();
    for (String key : List.of("a", "b", "c", "x", "type", "subject", "data")) {
      if (random.nextInt(3) > 0) {
        map.put(key, value(depth));
      }
    }
    return map;
  }

  private EventFilter filter() {
    Operator operator = one(List.of(Operator.values()));
    List<Object> values = new ArrayList<>();
    boolean isOne = operator.form() == Form.NUMBER || operator.form() == Form.TRUTH;
    int count = operator.form() == Form.NOTHING ? 0 : isOne ? 1 : 1 + random.nextInt(3);
    for (int i = 0; i < count; i++) {
      values.add(
          switch (operator.form()) {
            case NUMBER, NUMBERS -> random.nextInt(10) / 2.0;
            case RANGES -> List.of(random.nextInt(3), random.nextInt(5));
            case TRUTH -> random.nextBoolean();
            default -> one(TEXTS);
          });
    }
    return new EventFilter(operator, one(KEYS), values);
  }

  private EventSubscription subscription(int n) {
    List<EventFilter> filters = new ArrayList<>();
    for (int i = random.nextInt(4); i > 0; i--) {
      filters.add(filter());
    }
    return new EventSubscription(
        "topic/sub-" + n,
        new EventDelivery.Queue(Duration.ofSeconds(60)),
        10,
        Optional.empty(),
        Optional.empty(),
        random.nextInt(3) == 0 ? List.of(one(TEXTS), one(TEXTS)) : List.of(),
        filters,
        Optional.empty());
  }

  @RepeatedTest(50)
  void isTheSameAsLookingAtEach(RepetitionInfo info) {
    random = new Random(info.getCurrentRepetition());
    List<EventSubscription> subscriptions = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      subscriptions.add(subscription(i));
    }
    EventMatcher matcher = new EventMatcher(subscriptions);
    int matches = 0;
    for (int i = 0; i < 200; i++) {
      Map<String, Object> event = map(0);
      List<String> expected =
          subscriptions.stream().filter(one -> one.wants(event)).map(one -> one.id()).toList();
      assertThat(matcher.wanting(event)).as(event.toString()).isEqualTo(expected);
      matches += expected.size();
    }
    assertThat(matches).isBetween(1_000, 19_000);
  }
}
