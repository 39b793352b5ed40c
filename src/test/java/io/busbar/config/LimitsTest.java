package io.busbar.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Walks the limits table: its rows, their use, and their documentation. */
class LimitsTest {
  private static final Path SOURCES = Path.of("src/main/java/io/busbar");

  @Test
  void keysAreUnique() {
    assertThat(Arrays.stream(Limit.values()).map(Limit::key)).doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @EnumSource
  void rowIsSound(Limit limit) {
    assertThat(limit.key()).matches("[a-z]+(-[a-z]+)*");
    assertThat(limit.unit()).isNotBlank();
    assertThat(limit.meaning()).isNotBlank();
    assertThat(limit.least()).isNotNegative().isLessThan(limit.most());
    assertThat(Limit.of(limit.key())).contains(limit);
    for (Profile profile : Profile.values()) {
      assertThat(limit.value(profile)).isBetween(limit.least(), limit.most());
      assertThat(new Limits(profile, Map.of()).get(limit)).isEqualTo(limit.value(profile));
    }
    limit.reason().ifPresent(reason -> assertThat(reason.isError()).isTrue());
  }

  @ParameterizedTest
  @EnumSource
  void bothEndsOfTheRangeAreAllowed(Limit limit) {
    for (long end : new long[] {limit.least(), limit.most()}) {
      Limits limits = new Limits(Profile.AZURE, Map.of(limit, end));

      assertThat(limits.get(limit)).isEqualTo(end);
      assertThat(limits.intValue(limit)).isEqualTo((int) Math.min(end, Integer.MAX_VALUE));
    }
  }

  @ParameterizedTest
  @EnumSource
  void beyondTheRangeIsRefused(Limit limit) {
    for (long beyond : new long[] {limit.least() - 1, limit.most() + 1}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Limits(Profile.OPEN, Map.of(limit, beyond)))
          .withMessage(
              "limits.%s: %d (allowed: %d to %d %s)",
              limit.key(), beyond, limit.least(), limit.most(), limit.unit());
    }
  }

  @ParameterizedTest
  @EnumSource
  void isEnforcedSomewhere(Limit limit) throws IOException {
    if (limit.key().startsWith("route-") && sources("delivery").count() < 2) {
      return; // nothing is delivered yet, so nothing can be bounded
    }
    assertThat(
            sources("")
                .filter(file -> !file.startsWith(SOURCES.resolve("config")))
                .filter(file -> read(file).matches("(?s).*\\bLimit\\." + limit + "\\b.*")))
        .as("sources that use %s", limit)
        .isNotEmpty();
  }

  private static Stream<Path> sources(String below) throws IOException {
    try (Stream<Path> files = Files.walk(SOURCES.resolve(below))) {
      return files.filter(file -> file.toString().endsWith(".java")).toList().stream();
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new AssertionError(file.toString(), e);
    }
  }

  /** The table under "## Limits" has these rows and no others, in this order. */
  @Test
  void isDocumented() throws IOException {
    String text = Files.readString(Path.of("docs/configuration.md"));
    assertThat(text).contains("\n## Limits\n");
    String section = text.substring(text.indexOf("\n## Limits\n") + 11);
    int next = section.indexOf("\n## ");
    List<String> rows =
        (next < 0 ? section : section.substring(0, next))
            .lines()
            .filter(line -> line.startsWith("| `"))
            .toList();

    assertThat(rows)
        .as("the rows that docs/configuration.md must have")
        .containsExactlyElementsOf(
            Arrays.stream(Limit.values()).map(LimitsTest::row).collect(Collectors.toList()));
  }

  private static String row(Limit limit) {
    return "| `%s` | %d | %d | %s | %d to %d | %s | %s |"
        .formatted(
            limit.key(),
            limit.value(Profile.OPEN),
            limit.value(Profile.AZURE),
            limit.unit(),
            limit.least(),
            limit.most(),
            limit.reason().map(r -> "0x%02X".formatted(r.code())).orElse("–"),
            limit.meaning());
  }
}
