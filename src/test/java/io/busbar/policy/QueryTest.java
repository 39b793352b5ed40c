package io.busbar.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class QueryTest {
  private static final Map<String, Attribute> ATTRIBUTES =
      Map.of(
          "kind", new Attribute.Text("truck"),
          "load", new Attribute.Whole(5),
          "caps", new Attribute.Texts(List.of("gps", "lte")),
          "none", new Attribute.Texts(List.of()),
          "and", new Attribute.Text("odd"),
          "7", new Attribute.Whole(Long.MIN_VALUE));

  @ParameterizedTest
  @ValueSource(
      strings = {
        "attributes.kind = \"truck\" and attributes.load <= 5",
        "(attributes.caps = 'gps' or attributes.caps = 'x') or attributes.kind IN [\"van\",\"x\"]",
        "authenticationName IN ['c2','c1']",
        "authenticationName = 'c1'",
        "authenticationName <> 'c2'",
        "attributes.kind != 'van'",
        "attributes.kind<>'van'AND attributes.load>4",
        "attributes.load < 6 and attributes.load >= 5 and attributes.load != 6",
        "attributes.load in [1, 'x', 5]",
        "attributes.caps IN ['lte']",
        "attributes.caps <> 'wifi'",
        "attributes.none <> 'x'",
        "attributes.and = 'odd' and attributes.7 = -9223372036854775808",
        // and binds tighter than or
        "attributes.kind = 'truck' or attributes.kind = 'x' and attributes.kind = 'y'",
        "((((attributes.load=5))))",
        "\n\tattributes.load\n=\n5 ",
      })
  void holds(String query) {
    assertThat(matches(query)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "authenticationName = 'C1'",
        "attributes.Kind = 'truck'",
        "attributes.kind = 'TRUCK'",
        "attributes.missing = 'x'",
        "attributes.missing <> 'x'",
        "attributes.missing < 1",
        "attributes.kind = 5",
        "attributes.kind <> 5",
        "attributes.load = '5'",
        "attributes.load <> '4'",
        "attributes.caps <> 'gps'",
        "attributes.none = 'x'",
        "attributes.load > 5",
        "(attributes.kind = 'truck' or attributes.kind = 'x') and attributes.kind = 'y'",
      })
  void doesNotHold(String query) {
    assertThat(matches(query)).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "attributes.a=and| column 14: found 'and' (expected a literal)",
        "``| column 1: found the end (expected attributes.<key>, authenticationName or '(')",
        "attributes.| column 1: found 'attributes' (expected attributes.<key>",
        "not attributes.a = 1| column 1: found 'not' (expected attributes.<key>",
        "attributes.a| column 13: found the end (expected =, <>, !=, <, <=, >, >= or IN)",
        "attributes.a LIKE 'x'| column 14: found 'LIKE' (expected =, <>, !=,",
        "attributes.a = 1 2| column 18: found '2' (expected 'and', 'or' or the end)",
        "attributes.a = 'x| column 16: the text is not closed (expected ')",
        "attributes.a = true| column 16: found 'true' (expected a literal)",
        "attributes.a < 'x'| column 14: '<' with a text (allowed: with whole numbers)",
        "attributes.a = 9223372036854775808| column 16: found '9223372036854775808' (allowed: whole",
        "attributes.a = 1x| column 16: found '1x' (allowed: whole numbers of 64 bits)",
        "attributes.a = -| column 16: found '-' (allowed: whole numbers of 64 bits)",
        "attributes.a IN 'x'| column 17: found ''' (expected '[')",
        "attributes.a IN []| column 18: found ']' (expected a literal)",
        "attributes.a IN ['x',]| column 22: found ']' (expected a literal)",
        "attributes.a IN ['x'| column 21: found the end (expected ',' or ']')",
        "(attributes.a = 1| column 18: found the end (expected 'and', 'or' or ')')",
        "authenticationName = 5| authenticationName with a number (allowed: with a text)",
        "authenticationname = 'x'| column 1: found 'authenticationname' (expected",
      })
  void refused(String query, String problem) {
    assertThatThrownBy(() -> Query.parse(query))
        .isInstanceOf(PolicyException.class)
        .hasMessageStartingWith("query: ")
        .hasMessageContaining(problem.strip());
  }

  @Test
  void depth_isBounded() {
    String deep = "(".repeat(Query.MAX_DEPTH) + "attributes.load = 5" + ")".repeat(Query.MAX_DEPTH);
    assertThat(matches(deep)).isTrue();
    assertThatThrownBy(() -> Query.parse("(" + deep + ")"))
        .hasMessageContaining("column 101: parentheses nest too deeply (allowed: at most 100)");
    assertThatThrownBy(() -> Query.parse("(".repeat(60_000))).hasMessageContaining("column 101");
    assertThatThrownBy(() -> Query.parse("(".repeat(100_000)))
        .hasMessageContaining("100000 characters (allowed: at most 65536)");
  }

  @Test
  void longFlatQueries_areNotDeep() {
    String flat = "attributes.x = 1 or ".repeat(3_000) + "attributes.load = 5";
    assertThat(matches(flat)).isTrue();
  }

  @Test
  void anyText_isParsedOrRefused() {
    String[] parts = {
      "attributes.a",
      "authenticationName",
      "=",
      "<",
      ">",
      "!",
      "(",
      ")",
      "[",
      "]",
      ",",
      "'x'",
      "\"",
      "'",
      "and",
      "or",
      "IN",
      "5",
      "-",
      " ",
      ".",
      "é",
      "\ud800",
      "\0"
    };
    Random random = new Random(7);
    int parsed = 0;
    for (int round = 0; round < 50_000; round++) {
      StringBuilder query = new StringBuilder();
      for (int i = random.nextInt(7); i >= 0; i--) {
        query.append(parts[random.nextInt(parts.length)]);
      }
      try {
        Query.parse(query.toString());
        parsed++;
      } catch (PolicyException e) {
        assertThat(e.getMessage()).startsWith("query: column ").doesNotContain("\0");
      }
    }
    assertThat(parsed).isPositive();
  }

  private static boolean matches(String query) {
    return Query.parse(query).matches("c1", ATTRIBUTES);
  }
}
