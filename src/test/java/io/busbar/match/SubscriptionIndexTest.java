package io.busbar.match;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Topics;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SubscriptionIndexTest {

  /** A subscriber of one filter. */
  private static final class Subscriber {
    final String name;

    Subscriber(String name) {
      this.name = name;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private final SubscriptionIndex<Subscriber> index = new SubscriptionIndex<>();

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private Subscriber add(String filter) {
    Subscriber subscriber = new Subscriber(filter);
    index.add(bytes(filter), subscriber);
    return subscriber;
  }

  private Map<Subscriber, Integer> match(String topic) {
    byte[] padded = bytes("x" + topic + "/x");
    Map<Subscriber, Integer> found = new HashMap<>();
    index.match(padded, 1, padded.length - 3, s -> found.merge(s, 1, Integer::sum));
    return found;
  }

  private List<String> names(String topic) {
    return match(topic).keySet().stream().map(s -> s.name).sorted().toList();
  }

  private int[] stripes(String topic) {
    byte[] padded = bytes("x" + topic + "/x");
    int[] stripes = new int[SubscriptionIndex.DEPTHS];
    index.stripes(padded, 1, padded.length - 3, stripes);
    return stripes;
  }

  private void isEmpty() {
    assertThat(index.filters()).isZero();
    assertThat(index.subscriptions()).isZero();
    assertThat(index.edgeCount()).isZero();
  }

  @Test
  void topicsThatBeginWithDollar() {
    List.of("#", "+", "+/#", "+/x", "$SYS/#", "$SYS/+", "$SYS/x", "$SYS", "a/+").forEach(this::add);

    assertThat(names("$SYS/x")).containsExactly("$SYS/#", "$SYS/+", "$SYS/x");
    assertThat(names("$SYS")).containsExactly("$SYS", "$SYS/#");
    assertThat(names("a/$x")).containsExactly("#", "+/#", "a/+");
  }

  @Test
  void emptyLevels() {
    List.of("/", "//", "/+", "+/", "+/+", "/#", "a//b", "a/+/b", "/a", "+/a", "a/", "a/#", "#")
        .forEach(this::add);

    assertThat(names("/")).containsExactly("#", "+/", "+/+", "/", "/#", "/+");
    assertThat(names("//")).containsExactly("#", "/#", "//");
    assertThat(names("a//b")).containsExactly("#", "a/#", "a/+/b", "a//b");
    assertThat(names("/a")).containsExactly("#", "+/+", "+/a", "/#", "/+", "/a");
    assertThat(names("a/")).containsExactly("#", "+/", "+/+", "a/", "a/#");
    assertThat(names("a")).containsExactly("#", "a/#");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 128, 1_024})
  void deepTopics(int levels) {
    String topic = "a/".repeat(levels - 1) + "a";
    List<String> filters =
        List.of(topic, "a/".repeat(levels - 1) + "+", "+/".repeat(levels - 1) + "a", topic + "/#");
    List<Subscriber> subscribers = filters.stream().map(this::add).toList();

    assertThat(match(topic)).hasSize(4);
    assertThat(match(topic + "/b")).hasSize(1);
    for (int i = 0; i < filters.size(); i++) {
      index.remove(bytes(filters.get(i)), subscribers.get(i));
    }
    isEmpty();
  }

  @Test
  void manySubscribersOfOneFilter() {
    for (String filter : List.of("a/b", "a/+")) {
      List<Subscriber> all = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        Subscriber subscriber = new Subscriber(filter + i);
        assertThat(index.add(bytes(filter), subscriber)).isEqualTo(i == 0);
        all.add(subscriber);
        assertThat(match("a/b")).hasSize(i + 1);
      }
      Collections.shuffle(all, new Random(5));
      assertThat(index.remove(bytes(filter), new Subscriber("unknown"))).isFalse();
      for (int i = 0; i < 100; i++) {
        assertThat(index.contains(bytes(filter))).isTrue();
        assertThat(index.remove(bytes(filter), all.get(i))).isEqualTo(i == 99);
        assertThat(match("a/b")).hasSize(99 - i);
      }
      assertThat(index.contains(bytes(filter))).isFalse();
      isEmpty();
    }
  }

  @Test
  void removingWhatIsNotThereChangesNothing() {
    final Subscriber there = add("a/+");
    final long before = index.generation(stripes("a/b"));
    final long changes = index.changes();
    for (String filter : List.of("a/b", "a/#", "a/+/c", "b/+", "+", "#")) {
      assertThat(index.remove(bytes(filter), there)).isFalse();
    }
    assertThat(index.remove(bytes("a/+"), new Subscriber("other"))).isFalse();

    assertThat(index.generation(stripes("a/b"))).isEqualTo(before);
    assertThat(index.changes()).isEqualTo(changes);
    assertThat(index.filters()).isEqualTo(1);
    assertThat(match("a/b")).containsOnlyKeys(there);
  }

  @Test
  void changesElsewhereKeepTheGeneration() {
    int[] stripes = stripes("plant/7/line/3");
    final long before = index.generation(stripes);
    List.of("plant/8/+", "plant/8/line/3", "plant/7/other/#", "plants/#").forEach(this::add);

    assertThat(index.generation(stripes)).isEqualTo(before);
    add("plant/7/line/+");
    assertThat(index.generation(stripes)).isGreaterThan(before);
  }

  /** Every topic over a small alphabet, up to so many levels. */
  private static List<String> topics(int levels) {
    String[] alphabet = {"", "a", "b", "$s"};
    List<String> all = new ArrayList<>();
    List<String> last = List.of(alphabet);
    for (int depth = 1; depth <= levels; depth++) {
      last.stream().filter(topic -> !topic.isEmpty()).forEach(all::add);
      List<String> next = new ArrayList<>();
      for (String topic : last) {
        for (String level : alphabet) {
          next.add(topic + "/" + level);
        }
      }
      last = next;
    }
    return all;
  }

  private static String filter(Random random, List<String> topics) {
    String[] levels = topics.get(random.nextInt(topics.size())).split("/", -1);
    for (int i = 0; i < levels.length; i++) {
      if (random.nextInt(4) == 0) {
        levels[i] = "+";
      }
    }
    if (random.nextInt(4) == 0) {
      levels[levels.length - 1] = "#";
    }
    return String.join("/", levels);
  }

  /**
   * Walks of adding and removing, each step held against filters tried one by one. Where the
   * matches of a topic changed, its generation must have changed: caches live by that.
   */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void agreesWithFiltersTriedOneByOne(long seed) {
    Random random = new Random(seed);
    List<String> topics = topics(4);
    List<String> filters = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      filters.add(filter(random, topics));
    }
    TreeMap<String, List<Subscriber>> model = new TreeMap<>();
    Map<String, Map<Subscriber, Integer>> before = new HashMap<>();
    topics.forEach(topic -> before.put(topic, Map.of()));
    Map<String, int[]> stripes = new HashMap<>();
    topics.forEach(topic -> stripes.put(topic, stripes(topic)));
    for (int step = 0; step < 300; step++) {
      Map<String, Long> generations = new HashMap<>();
      stripes.forEach((topic, s) -> generations.put(topic, index.generation(s)));
      final long changes = index.changes();
      String filter = filters.get(random.nextInt(filters.size()));
      change(random, model, filter, random.nextInt(600) > step);
      long subscriptions = model.values().stream().mapToInt(List::size).sum();
      assertThat(index.filters()).isEqualTo(model.size());
      assertThat(index.subscriptions()).isEqualTo(subscriptions);
      assertThat(index.contains(bytes(filter))).isEqualTo(model.containsKey(filter));
      for (String topic : topics) {
        Map<Subscriber, Integer> found = match(topic);
        if (!found.equals(expected(model, topic))) {
          throw new AssertionError(topic + " matched " + found + " of " + model);
        }
        boolean same = found.equals(before.put(topic, found));
        if (!same && generations.get(topic) == index.generation(stripes.get(topic))) {
          throw new AssertionError(topic + " kept its generation after a change of " + filter);
        }
        if (!same && changes == index.changes()) {
          throw new AssertionError("the change of " + filter + " was not counted");
        }
      }
    }
    model.forEach((filter, all) -> all.forEach(s -> index.remove(bytes(filter), s)));
    isEmpty();
  }

  private void change(
      Random random, Map<String, List<Subscriber>> model, String filter, boolean adding) {
    List<Subscriber> there = model.computeIfAbsent(filter, f -> new ArrayList<>());
    if (adding) {
      Subscriber subscriber = new Subscriber(filter);
      assertThat(index.add(bytes(filter), subscriber)).isEqualTo(there.isEmpty());
      there.add(subscriber);
    } else if (there.isEmpty()) {
      assertThat(index.remove(bytes(filter), new Subscriber(filter))).isFalse();
    } else {
      Subscriber gone = there.remove(random.nextInt(there.size()));
      assertThat(index.remove(bytes(filter), gone)).isEqualTo(there.isEmpty());
    }
    if (there.isEmpty()) {
      model.remove(filter);
    }
  }

  private static Map<Subscriber, Integer> expected(
      Map<String, List<Subscriber>> model, String topic) {
    byte[] name = bytes(topic);
    Map<Subscriber, Integer> expected = new HashMap<>();
    model.forEach(
        (filter, all) -> {
          if (Topics.matches(bytes(filter), name, 0, name.length)) {
            all.forEach(s -> expected.put(s, 1));
          }
        });
    return expected;
  }

  /** While one thread changes everything around it, a subscriber that stays is always found. */
  @Test
  void readersMissNoSubscriberThatStays() throws Exception {
    Set<Subscriber> staying = new HashSet<>();
    List<String> filters = List.of("a/b/c", "a/+/c", "a/#", "+/b/c", "#", "a/b/+", "+/+/+");
    filters.forEach(filter -> staying.add(add(filter)));
    AtomicBoolean done = new AtomicBoolean();
    ExecutorService readers = Executors.newFixedThreadPool(2);
    try {
      Callable<Integer> reader =
          () -> {
            int matches = 0;
            while (!done.get() || matches < 1_000) {
              if (!match("a/b/c").keySet().containsAll(staying)) {
                throw new AssertionError("a subscriber was missed in match " + matches);
              }
              matches++;
            }
            return matches;
          };
      List<Future<Integer>> results = List.of(readers.submit(reader), readers.submit(reader));
      try {
        churn(filters, 30_000);
      } finally {
        done.set(true);
      }
      for (Future<Integer> result : results) {
        assertThat(result.get(30, TimeUnit.SECONDS)).isGreaterThanOrEqualTo(1_000);
      }
    } finally {
      readers.shutdownNow();
    }
    assertThat(match("a/b/c").keySet()).isEqualTo(staying);
  }

  private void churn(List<String> filters, int changes) {
    Random random = new Random(7);
    List<String> others = List.of("a/b/c/d", "a/b/d/+", "a/+/+/x", "x/#", "+/b/#", "b", "+/x");
    List<Map.Entry<String, Subscriber>> added = new ArrayList<>();
    for (int i = 0; i < changes; i++) {
      // beyond what a filter keeps in its array, and back
      boolean growing = (i / 500) % 2 == 0;
      if (growing || added.isEmpty()) {
        List<String> from = random.nextBoolean() ? filters : others;
        String filter = from.get(random.nextInt(from.size()));
        added.add(Map.entry(filter, add(filter)));
      } else {
        Map.Entry<String, Subscriber> gone = added.remove(random.nextInt(added.size()));
        index.remove(bytes(gone.getKey()), gone.getValue());
      }
    }
    added.forEach(entry -> index.remove(bytes(entry.getKey()), entry.getValue()));
  }
}
