package io.busbar.policy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.mqtt.Topics;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TopicTemplateTest {
  private static final Map<String, Attribute> ATTRIBUTES =
      Map.of(
          "zone", new Attribute.Text("north"),
          "level", new Attribute.Whole(-3),
          "caps", new Attribute.Texts(List.of("gps", "a/b", "lte")),
          "none", new Attribute.Texts(List.of()));

  @ParameterizedTest
  @CsvSource({
    "a/+/#, a/+/#",
    "${client.authenticationName}, m1",
    "machines/${client.authenticationName|.factory1}/temp, machines/m1.factory1/temp",
    "m-${client.authenticationName}-x/#, m-m1-x/#",
    "${principal.name}/${client.name}, m1/m1",
    "z/${client.attributes.zone}/${principal.attributes.level}, z/north/-3",
    "${client.attributes.zone}${client.attributes.zone}/, northnorth/",
    "c/${client.attributes.caps}, c/gps c/lte",
    "${client.attributes.caps}/${client.attributes.caps}," + " gps/gps gps/lte lte/gps lte/lte",
    "a/$b/{x}, a/$b/{x}",
    "a/${client.name|}, a/m1",
    "a//${client.name}/, a//m1/",
  })
  void expands(String template, String filters) {
    assertThat(expand(template, "m1")).containsExactly(filters.split(" "));
  }

  @ParameterizedTest
  @CsvSource({
    "a/${client.attributes.Zone}, the client has no attribute 'Zone'",
    "a/${client.attributes.none}, attribute 'none' cannot be part of one topic level",
  })
  void givesNothing(String template, String why) {
    TopicTemplate.Expansion expansion = TopicTemplate.of(template).expand("m1", ATTRIBUTES);
    assertThat(expansion.filters()).isEmpty();
    assertThat(expansion.whyNone().orElseThrow()).startsWith(why);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "$SYX/#",
        "$SYS",
        "$share/g/a",
        "$",
        "a/#/b",
        "a/b#",
        "a+/b",
        "a/+b",
        "${client.authenticationName|+}",
        "${client.authenticationName|#}/a",
        "${client.authenticationName|/a}",
        "${client.authenticationName",
        "a/${client/name}",
        "${}",
        "${client.other}",
        "${client.attributes.}",
        "${client.attributes.a-b}",
        "${client.attributes.a.b}",
        "${client.name|${client.name}}",
        "a\0b",
        "a/\ud800",
      })
  void refused(String template) {
    assertThatThrownBy(() -> TopicTemplate.parse(template))
        .isInstanceOf(TopicTemplate.Malformed.class);
  }

  @Test
  void hugeTemplates_areRefused() {
    assertThatThrownBy(() -> TopicTemplate.parse("a/".repeat(50_000)))
        .hasMessageContaining("at most 4096 characters");
  }

  @Test
  void productOfLists_isBounded() {
    Attribute many =
        new Attribute.Texts(IntStream.range(0, 200).mapToObj(Integer::toString).toList());
    TopicTemplate.Expansion expansion =
        TopicTemplate.of("${client.attributes.m}/${client.attributes.m}")
            .expand("m1", Map.of("m", many));
    assertThat(expansion.filters()).isEmpty();
    assertThat(expansion.whyNone()).contains("its lists make more than 1024 filters");
  }

  @Test
  void lengthOfFilters_isBounded() {
    TopicTemplate.Expansion expansion =
        TopicTemplate.of("${client.name}".repeat(100)).expand("a".repeat(1_000), Map.of());
    assertThat(expansion.filters()).isEmpty();
    assertThat(expansion.whyNone()).contains("its values make a filter longer than a topic can be");
  }

  /** Whatever the value, what a template gives matches only topics with that value as a level. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "+",
        "#",
        "/",
        "a/b",
        "a/+",
        "../x",
        "+/#",
        "/#",
        "#/",
        "a+",
        "+a",
        "a#",
        "a\0",
        "\0",
        "",
        "$SYS",
        "$",
        "$share/g/#",
        "${client.authenticationName}",
        "${client.attributes.zone}",
        "$1",
        "\\",
        "\\E",
        "%2F",
        "%23",
        "＋",
        "＃",
        "／",
        "\u2215",
        "工場",
        "مصنع",
        "🚚",
        "\ud83d",
        "\udE9A",
        "a\ud800",
        " ",
        ".",
        "..",
        "*",
        "\r\n",
        "\u202e",
        "|",
        "}",
        "{",
        "'",
        "x}/#"
      })
  void injection_neverWidens(String value) {
    for (String template :
        List.of(
            "t/${client.name}/#",
            "t/x-${client.name|-y}",
            "${client.name}/a",
            "t/+/${client.name}")) {
      for (String filter : expand(template, value)) {
        byte[] bytes = filter.getBytes(UTF_8);
        assertThat(Topics.filterError(bytes, 0, bytes.length, 128)).as(filter).isNull();
        assertThat(filter)
            .isEqualTo(
                template.replaceAll(
                    "\\$\\{client.name\\|?(-y)?}",
                    java.util.regex.Matcher.quoteReplacement(value) + "$1"));
        assertThat(filter.split("/", -1)).hasSameSizeAs(template.split("/", -1));
        assertThat(filter.chars().filter(c -> c == '+' || c == '#').count())
            .isEqualTo(template.chars().filter(c -> c == '+' || c == '#').count());
        assertThat(filter).doesNotStartWith("$");
      }
    }
  }

  @Test
  void unsafeValues_giveNothing() {
    for (String value : List.of("", "/", "a/b", "+", "#", "a+", "a#", "\0", "a\0b", "\ud83d")) {
      assertThat(expand("t/${client.name}", value)).as(value).isEmpty();
    }
    assertThat(expand("${client.name}/t", "$SYS")).isEmpty();
    assertThat(expand("x/${client.name}", "$SYS")).containsExactly("x/$SYS");
    assertThat(expand("x/${client.name}", "a".repeat(10_000)))
        .containsExactly("x/" + "a".repeat(10_000));
  }

  @Test
  void randomValues_areLiteralOrNothing() {
    Random random = new Random(99);
    String alphabet = "ab/+#$\0{}|é工🚚";
    int[] letters = alphabet.codePoints().toArray();
    int given = 0;
    for (int round = 0; round < 20_000; round++) {
      StringBuilder value = new StringBuilder();
      for (int i = random.nextInt(6); i > 0; i--) {
        value.appendCodePoint(letters[random.nextInt(letters.length)]);
      }
      List<String> filters = expand("t/${client.name}/+", value.toString());
      assertThat(filters).isSubsetOf("t/" + value + "/+");
      boolean safe = value.length() > 0 && value.chars().noneMatch(c -> "/+#\0".indexOf(c) >= 0);
      assertThat(filters).hasSize(safe ? 1 : 0);
      given += filters.size();
    }
    assertThat(given).isBetween(1_000, 19_000);
  }

  private static List<String> expand(String template, String name) {
    return TopicTemplate.of(template).expand(name, ATTRIBUTES).filters().stream()
        .map(bytes -> new String(bytes, UTF_8))
        .toList();
  }
}
