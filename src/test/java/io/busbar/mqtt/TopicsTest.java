package io.busbar.mqtt;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TopicsTest {

  @ParameterizedTest(name = "{0} matches {1}: {2}")
  @CsvSource({
    "sport/tennis/player1/#, sport/tennis/player1, true",
    "sport/tennis/player1/#, sport/tennis/player1/ranking, true",
    "sport/tennis/player1/#, sport/tennis/player1/score/wimbledon, true",
    "sport/#, sport, true",
    "sport/#, sports, false",
    "sport/#, sport/, true",
    "#, a/b/c, true",
    "#, /, true",
    "sport/tennis/+, sport/tennis/player1, true",
    "sport/tennis/+, sport/tennis/player1/ranking, false",
    "sport/+, sport, false",
    "sport/+, sport/, true",
    "+/+, /finance, true",
    "/+, /finance, true",
    "+, /finance, false",
    "+/+/#, a/b, true",
    "+/+/#, a, false",
    "a//b, a//b, true",
    "a/+/b, a//b, true",
    "a/b, a//b, false",
    "/, /, true",
    "+/+, /, true",
    "/+, /, true",
    "/#, /, true",
    "+/#, a, true",
    "a/+/#, a, false",
    "#, $SYS/x, false",
    "+/monitor/Clients, $SYS/monitor/Clients, false",
    "+, $SYS, false",
    "$SYS/#, $SYS/monitor/Clients, true",
    "$SYS/#, $SYS, true",
    "$SYS/monitor/+, $SYS/monitor/Clients, true",
    "a/+, a/$x, true",
    "a/#, a/$x, true",
    "abc, ab, false",
    "ab, abc, false",
    "ACCOUNTS, Accounts, false",
  })
  void matchesAsInTheStandard(String filter, String topic, boolean expected) {
    assertThat(matches(filter, topic)).isEqualTo(expected);
    assertThat(naive(filter, topic)).isEqualTo(expected);
  }

  @Test
  void matchesLikeARecursiveTwin() {
    Random random = new Random(47);
    int matched = 0;
    for (int i = 0; i < 100_000; i++) {
      String filter = filter(random);
      String topic = name(random);
      boolean expected = naive(filter, topic);
      if (matches(filter, topic) != expected) {
        throw new AssertionError(filter + " matches " + topic + " should be " + expected);
      }
      matched += expected ? 1 : 0;
    }
    assertThat(matched).isGreaterThan(3_000);
  }

  private static String name(Random random) {
    String[] levels = {"", "a", "b", "ab", "$s"};
    String[] chosen = new String[1 + random.nextInt(4)];
    Arrays.setAll(chosen, i -> levels[random.nextInt(levels.length)]);
    String name = String.join("/", chosen);
    return name.isEmpty() ? "a" : name;
  }

  private static String filter(Random random) {
    String[] levels = name(random).split("/", -1);
    for (int i = 0; i < levels.length; i++) {
      if (random.nextInt(3) == 0) {
        levels[i] = "+";
      }
    }
    if (random.nextInt(3) == 0) {
      levels[levels.length - 1] = "#";
    }
    return String.join("/", levels);
  }

  private static boolean matches(String filter, String topic) {
    byte[] padded = bytes("x" + topic + "/x");
    return Topics.matches(bytes(filter), padded, 1, padded.length - 3);
  }

  /** The rules of section 4.7 on lists of levels. */
  private static boolean naive(String filter, String topic) {
    boolean wildcardFirst = filter.startsWith("+") || filter.startsWith("#");
    if (topic.startsWith("$") && wildcardFirst) {
      return false;
    }
    return naive(List.of(filter.split("/", -1)), List.of(topic.split("/", -1)));
  }

  private static boolean naive(List<String> filter, List<String> topic) {
    if (filter.isEmpty()) {
      return topic.isEmpty();
    }
    if (filter.get(0).equals("#")) {
      return true; // the parent and everything below
    }
    return !topic.isEmpty()
        && (filter.get(0).equals("+") || filter.get(0).equals(topic.get(0)))
        && naive(filter.subList(1, filter.size()), topic.subList(1, topic.size()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "/", "//", "a/b", "/a", "a/", "$SYS", "Ünïcode/\uD83D\uDE00", " "})
  void validNames(String name) {
    assertThat(nameError(name, 16)).isNull();
    assertThat(filterError(name, 16)).isNull();
  }

  @ParameterizedTest
  @ValueSource(strings = {"+", "#", "+/+", "a/+/b", "a/#", "/#", "+/#", "$share/g/+", "//+"})
  void validFiltersThatAreNoNames(String filter) {
    assertThat(filterError(filter, 16)).isNull();
    assertThat(nameError(filter, 16)).contains("wildcard");
    assertThat(Topics.hasWildcard(bytes(filter))).isTrue();
  }

  @ParameterizedTest(name = "[MQTT-4.7.1-1] [MQTT-4.7.1-2] {0}")
  @ValueSource(
      strings = {"a+", "+a", "a/b+/c", "a#", "#a", "a/#/b", "#/", "##", "++", "+#", "a/b#"})
  void invalidFilters(String filter) {
    assertThat(filterError(filter, 16)).contains("level");
  }

  @Test
  void emptyAndNotUtf8() {
    assertThat(nameError("", 16)).contains("empty");
    assertThat(filterError("", 16)).contains("empty");
    byte[] zero = {'a', 0};
    assertThat(Topics.nameError(zero, 0, 2, 16)).contains("UTF-8");
    assertThat(Topics.filterError(zero, 0, 2, 16)).contains("UTF-8");
    assertThat(Topics.nameError(zero, 0, 1, 16)).isNull();
  }

  @Test
  void levelsAreCounted() {
    assertThat(nameError("a/b/c", 3)).isNull();
    assertThat(nameError("a/b/c/", 3)).contains("4 levels").contains("at most 3");
    assertThat(filterError("a/b/#", 3)).isNull();
    assertThat(filterError("a/b/c/#", 3)).contains("4 levels").contains("at most 3");
  }

  /** Words of eight bytes: each length and place, alone and with any byte at each position. */
  @Test
  void anyByteAnywhereInANameLikeAScalarTwin() {
    for (int offset = 0; offset <= 9; offset++) {
      for (int length = 0; length <= 40; length++) {
        byte[] topic = new byte[offset + length + 2];
        Arrays.fill(topic, (byte) (length % 2 == 0 ? '+' : 0));
        Arrays.fill(topic, offset, offset + length, (byte) 'x');
        sameAsTwin(topic, offset, length);
        for (int at = offset; at < offset + length; at++) {
          for (int b = 0; b < 256; b++) {
            topic[at] = (byte) b;
            sameAsTwin(topic, offset, length);
          }
          topic[at] = 'x';
        }
      }
    }
  }

  @Test
  void namesOfRandomBytesLikeAScalarTwin() {
    Random random = new Random(811);
    byte[] letters = bytes("aaaaaaaa/////*,\"$\1\177+#\0\u00e4\u20ac");
    int valid = 0;
    for (int i = 0; i < 300_000; i++) {
      byte[] topic = new byte[random.nextInt(41)];
      int odd = random.nextInt(20);
      for (int k = 0; k < topic.length; k++) {
        topic[k] = letters[random.nextInt(odd == 0 ? letters.length : 19)];
      }
      int offset = Math.min(topic.length, random.nextInt(10));
      valid += sameAsTwin(topic, offset, topic.length - offset) ? 1 : 0;
    }
    assertThat(valid).isBetween(100_000, 290_000);
  }

  private static boolean sameAsTwin(byte[] topic, int offset, int length) {
    String text = new String(topic, offset, length, StandardCharsets.UTF_8);
    boolean well = text.indexOf('\uFFFD') < 0 && text.indexOf('\0') < 0;
    boolean wild = text.contains("+") || text.contains("#");
    int levels = text.split("/", -1).length;
    boolean expected = length > 0 && well && !wild;
    for (int most : new int[] {levels - 1, levels, Integer.MAX_VALUE}) {
      boolean actual = Topics.nameError(topic, offset, length, most) == null;
      if (actual != (expected && levels <= most)) {
        throw new AssertionError(text + " of at most " + most + " levels is valid: " + actual);
      }
    }
    return expected;
  }

  private static String nameError(String name, int levels) {
    byte[] padded = bytes("+" + name + "+");
    return Topics.nameError(padded, 1, padded.length - 2, levels);
  }

  private static String filterError(String filter, int levels) {
    byte[] padded = bytes("x" + filter + "x");
    return Topics.filterError(padded, 1, padded.length - 2, levels);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
