package io.busbar.policy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FiltersTest {
  /** The fourth level lies beyond every filter, the letter z is in none. */
  private static final List<String> TOPICS = words(List.of("", "a", "b", "z"), 4);

  private static final List<String> FILTERS = universe();

  /** The standard's matching (section 4.7), level by level, as slow as it is obvious. */
  private static boolean twin(String filter, String topic) {
    if (topic.startsWith("$")) {
      return false;
    }
    return twin(List.of(filter.split("/", -1)), List.of(topic.split("/", -1)));
  }

  private static boolean twin(List<String> filter, List<String> topic) {
    if (filter.isEmpty()) {
      return topic.isEmpty();
    }
    if (filter.get(0).equals("#")) {
      return true;
    }
    return !topic.isEmpty()
        && (filter.get(0).equals("+") || filter.get(0).equals(topic.get(0)))
        && twin(filter.subList(1, filter.size()), topic.subList(1, topic.size()));
  }

  @Test
  void matching_smallUniverse_agreesWithTwin() {
    for (String filter : FILTERS) {
      Filters filters = filters(filter);
      for (String topic : TOPICS) {
        assertThat(matches(filters, topic))
            .as("%s matches %s", filter, topic)
            .isEqualTo(twin(filter, topic));
      }
    }
  }

  @Test
  void matching_manyFiltersAtOffset_agreesWithTwin() {
    Random random = new Random(20_261_123);
    for (int round = 0; round < 20_000; round++) {
      List<String> some = new ArrayList<>();
      for (int i = random.nextInt(6); i >= 0; i--) {
        some.add(FILTERS.get(random.nextInt(FILTERS.size())));
      }
      String topic = TOPICS.get(random.nextInt(TOPICS.size()));
      byte[] bytes = ("a/" + topic + "/a").getBytes(UTF_8);
      boolean expected = some.stream().anyMatch(filter -> twin(filter, topic));
      assertThat(filters(some.toArray(String[]::new)).matches(bytes, 2, bytes.length - 4))
          .as("%s match %s", some, topic)
          .isEqualTo(expected);
    }
  }

  /**
   * Sound and complete: over filters of three levels, topics of four levels with a letter in no
   * filter tell every difference.
   */
  @Test
  void covers_smallUniverse_isInclusionOfTopics() {
    List<BitSet> matched = FILTERS.stream().map(FiltersTest::topicsOf).toList();
    int yes = 0;
    for (int w = 0; w < FILTERS.size(); w++) {
      for (int n = 0; n < FILTERS.size(); n++) {
        BitSet left = (BitSet) matched.get(n).clone();
        left.andNot(matched.get(w));
        boolean included = left.isEmpty();
        assertThat(Filters.covers(FILTERS.get(w).getBytes(UTF_8), FILTERS.get(n).getBytes(UTF_8)))
            .as("%s covers %s", FILTERS.get(w), FILTERS.get(n))
            .isEqualTo(included);
        yes += included ? 1 : 0;
      }
    }
    assertThat(yes).isBetween(FILTERS.size(), FILTERS.size() * FILTERS.size() / 2);
  }

  private static BitSet topicsOf(String filter) {
    BitSet topics = new BitSet();
    for (int i = 0; i < TOPICS.size(); i++) {
      topics.set(i, twin(filter, TOPICS.get(i)));
    }
    return topics;
  }

  @ParameterizedTest
  @CsvSource({
    "a/#, a, true",
    "a/#, a/+, true",
    "a/#, a/b/#, true",
    "a/#, a/#, true",
    "a/#, #, false",
    "a/#, +/b, false",
    "a/#, ab, false",
    "a/+, a/b, true",
    "a/+, a/+, true",
    "a/+, a/#, false",
    "a/+, #, false",
    "a/+, a, false",
    "a/+, a/b/c, false",
    "a/b, a/+, false",
    "#, #, true",
    "#, +/x, true",
    "#, $SYS/x, false",
    "#, $share/g/a, false",
    "+/x, +/x, true",
    "a/x, +/x, false",
    "+/#, #, true",
    "+/+/#, #, false",
    "a/+/#, a/#, false",
    "+/b, $SYS/b, false",
    "+/#, $SYS/b, false",
    "$SYS/#, $SYS/b, true",
    "$SYS/#, $SYS/#, true",
    "$SYS/+, $SYS/#, false",
    "$SYS/a, $SYS/b, false",
    "$SYS/#, #, false",
    "$SYS/#, +/b, false",
    "a/#, a/, true",
    "+, /, false",
  })
  void covers_table(String wide, String narrow, boolean expected) {
    assertThat(filters(wide).covers(narrow.getBytes(UTF_8))).isEqualTo(expected);
  }

  @Test
  void covers_unionOfTwo_isNotClaimed() {
    assertThat(filters("a", "a/+/#").covers("a/#".getBytes(UTF_8))).isFalse();
  }

  @Test
  void dollar_neverMatches() {
    Filters filters = filters("#", "+/x", "+/#", "$SYS/#");
    assertThat(matches(filters, "$SYS/x")).isFalse();
    assertThat(matches(filters, "$")).isFalse();
    assertThat(matches(filters, "a$/x")).isTrue();
    assertThat(matches(filters, "")).isFalse();
  }

  @Test
  void none_matchesAndCoversNothing() {
    assertThat(matches(filters(), "a")).isFalse();
    assertThat(filters().covers("a".getBytes(UTF_8))).isFalse();
  }

  private static boolean matches(Filters filters, String topic) {
    byte[] bytes = topic.getBytes(UTF_8);
    return filters.matches(bytes, 0, bytes.length);
  }

  private static Filters filters(String... filters) {
    return new Filters(Arrays.stream(filters).map(f -> f.getBytes(UTF_8)).toList());
  }

  private static List<String> universe() {
    Set<String> all = new TreeSet<>(words(List.of("", "a", "b", "+"), 3));
    for (String head : words(List.of("", "a", "b", "+"), 2)) {
      all.add(head + "/#");
    }
    all.add("/#");
    all.add("#");
    return List.copyOf(all);
  }

  /** All sequences of up to so many levels; the empty text, which is no topic, left out. */
  private static List<String> words(List<String> levels, int most) {
    Set<String> all = new TreeSet<>();
    List<String> last = new ArrayList<>(levels);
    for (int i = 0; i < most; i++) {
      all.addAll(last);
      List<String> next = new ArrayList<>();
      for (String head : last) {
        for (String level : levels) {
          next.add(head + "/" + level);
        }
      }
      last = next;
    }
    all.remove("");
    return List.copyOf(all);
  }
}
