package io.busbar.shard;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Topics;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RetainedTest {
  private static final String[] LEVELS = {"", "a", "b", "ab", "a!", "é", "$x", "0"};

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static boolean put(Retained retained, String topic, String payload, long expiresAt) {
    return retained.put(Messages.publish(topic, payload, 1, true, -1), expiresAt);
  }

  /** All topics that a filter reads, in pages of a size. */
  private static List<String> read(Retained retained, String filter, int page, long now) {
    List<String> topics = new ArrayList<>();
    byte[] after = null;
    do {
      Retained.Page one = retained.read(utf8(filter), after, page, 1_000_000, now);
      one.packets().forEach(packet -> topics.add(Messages.topic(packet)));
      after = one.next();
    } while (after != null);
    return topics;
  }

  @ParameterizedTest
  @CsvSource({
    "a/b, a/b",
    "a/+, a/b a/c",
    "a/#, a a/b a/c a/c/d",
    "+/b, a/b a!/b",
    "#, a a/b a/c a/c/d a!/b /",
    "+/+/d, a/c/d",
    "a/+/d, a/c/d",
    "/+, /",
    "b, ''"
  })
  void filters(String filter, String expected) {
    Retained retained = new Retained(100, 1_000_000);
    List<String> topics = List.of("a", "a/b", "a/c", "a/c/d", "a!/b", "/", "$sys/a");
    topics.forEach(topic -> assertThat(put(retained, topic, "x", Long.MAX_VALUE)).isTrue());

    List<String> matching =
        topics.stream()
            .filter(t -> Topics.matches(utf8(filter), utf8(t), 0, utf8(t).length))
            .toList();
    assertThat(read(retained, filter, 2, 0)).containsExactlyInAnyOrderElementsOf(matching);
    assertThat(matching)
        .containsExactlyInAnyOrderElementsOf(
            expected.isEmpty() ? List.of() : List.of(expected.split(" ")));
  }

  @Test
  void readsWhatTheSlowModelMatches_whateverComesAndGoesBetweenPages() {
    for (int seed = 0; seed < 300; seed++) {
      Random random = new Random(seed);
      Retained retained = new Retained(10_000, 10_000_000);
      Map<String, String> model = new TreeMap<>();
      for (int i = 0; i < 120; i++) {
        change(random, retained, model);
      }
      for (int i = 0; i < 10; i++) {
        String filter = filter(random);
        Set<String> always = matching(model, filter);
        Set<String> everThere = new TreeSet<>(always);
        List<String> got = new ArrayList<>();
        byte[] after = null;
        do {
          Retained.Page page =
              retained.read(utf8(filter), after, 1 + random.nextInt(5), 1_000_000, 0);
          page.packets().forEach(packet -> got.add(Messages.topic(packet)));
          after = page.next();
          change(random, retained, model);
          always.retainAll(matching(model, filter));
          everThere.addAll(matching(model, filter));
        } while (after != null);
        assertThat(got).as("seed %d, filter %s", seed, filter).doesNotHaveDuplicates();
        assertThat(got).as("seed %d, filter %s", seed, filter).containsAll(always);
        assertThat(everThere).as("seed %d, filter %s", seed, filter).containsAll(got);
      }
      assertThat(retained.size()).isEqualTo(model.size());
    }
  }

  private static void change(Random random, Retained retained, Map<String, String> model) {
    StringBuilder topic = new StringBuilder(LEVELS[random.nextInt(LEVELS.length)]);
    for (int i = random.nextInt(4); i > 0 || topic.isEmpty(); i--) {
      topic.append('/').append(LEVELS[random.nextInt(LEVELS.length)]);
    }
    String name = topic.toString();
    if (random.nextInt(3) == 0) {
      boolean was = model.remove(name) != null;
      assertThat(retained.remove(utf8(name), 0, utf8(name).length)).isEqualTo(was);
    } else {
      model.put(name, "x");
      put(retained, name, "x", Long.MAX_VALUE);
    }
  }

  private static String filter(Random random) {
    List<String> levels = new ArrayList<>();
    int count = 1 + random.nextInt(4);
    for (int i = 0; i < count; i++) {
      int kind = random.nextInt(6);
      if (kind == 0 && i == count - 1) {
        levels.add("#");
      } else {
        levels.add(kind < 3 ? "+" : LEVELS[random.nextInt(LEVELS.length)]);
      }
    }
    String filter = String.join("/", levels);
    return filter.isEmpty() ? "#" : filter;
  }

  private static Set<String> matching(Map<String, String> model, String filter) {
    Set<String> topics = new TreeSet<>();
    for (String topic : model.keySet()) {
      if (Topics.matches(utf8(filter), utf8(topic), 0, utf8(topic).length)) {
        topics.add(topic);
      }
    }
    return topics;
  }

  @Test
  void aPageLooksAtABoundedNumberOfTopics() {
    Retained retained = new Retained(20_000, 10_000_000);
    for (int i = 0; i < 20_000; i++) {
      put(retained, "a/" + i + "/b", "x", Long.MAX_VALUE);
    }

    Retained.Page page = retained.read(utf8("+/+/c"), null, 100, 1_000_000, 0);

    assertThat(page.packets()).isEmpty();
    assertThat(page.next()).isNotNull();
    assertThat(read(retained, "+/+/c", 100, 0)).isEmpty();
  }

  @Test
  void bounds() {
    Retained retained = new Retained(2, 1_000);
    assertThat(put(retained, "a", "x", Long.MAX_VALUE)).isTrue();
    assertThat(put(retained, "b", "x".repeat(900), Long.MAX_VALUE)).isFalse();
    assertThat(put(retained, "b", "x", Long.MAX_VALUE)).isTrue();
    assertThat(put(retained, "c", "x", Long.MAX_VALUE)).isFalse();
    assertThat(put(retained, "b", "y", Long.MAX_VALUE)).isTrue();
    assertThat(retained.remove(utf8("a"), 0, 1)).isTrue();
    assertThat(put(retained, "c", "x", Long.MAX_VALUE)).isTrue();
    assertThat(retained.size()).isEqualTo(2);
    retained.remove(utf8("b"), 0, 1);
    retained.remove(utf8("c"), 0, 1);
    assertThat(retained.bytes()).isZero();
  }

  @Test
  void expiry() {
    Retained retained = new Retained(10, 10_000);
    retained.put(Messages.publish("a", "x", 0, true, 10), 10_000);
    put(retained, "b", "x", Long.MAX_VALUE);

    Retained.Page page = retained.read(utf8("a"), null, 1, 1_000, 4_500);

    assertThat(Messages.parsed(page.packets().get(0)).expirySeconds()).isEqualTo(6);
    assertThat(read(retained, "#", 5, 10_000)).containsExactly("b");
    assertThat(retained.nextDue()).isEqualTo(10_000);
    assertThat(retained.expire(9_999, 10)).isZero();
    assertThat(retained.expire(10_000, 10)).isEqualTo(1);
    assertThat(retained.size()).isEqualTo(1);
    assertThat(retained.nextDue()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void replacedOnesAreForgottenBeforeTheirTime() {
    Retained retained = new Retained(10, 10_000);
    for (int i = 0; i < 5_000; i++) {
      retained.put(Messages.publish("a", "" + i, 0, true, 10), 10_000 + i);
    }
    assertThat(retained.expire(14_998, 10)).isZero();
    assertThat(retained.expire(14_999, 10)).isEqualTo(1);
  }
}
