package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What docs/parity.md claims has a test, and the test is there. */
class ParityTest {
  private static final Path PAGE = Path.of("docs", "parity.md");
  private static final Pattern SHOWN = Pattern.compile("`(\\w+)#(\\w+)`");

  /** Three cells, the last one of tests, or a dash. */
  private static final Pattern ROW =
      Pattern.compile("\\| (.+) \\| (.+) \\| (–|`\\w+#\\w+`(, `\\w+#\\w+`)*) \\|");

  @Test
  void everyRuleNamesTestsThatAreThere() throws IOException {
    Map<String, String> sources = new HashMap<>();
    try (Stream<Path> files = Files.walk(Path.of("src", "test", "java"))) {
      for (Path file : files.filter(one -> one.toString().endsWith(".java")).toList()) {
        String name = file.getFileName().toString();
        sources.put(name.substring(0, name.length() - ".java".length()), Files.readString(file));
      }
    }
    List<String> rows =
        Files.readAllLines(PAGE).stream()
            .filter(line -> line.startsWith("| ") && !line.startsWith("| rule |"))
            .toList();
    assertThat(rows).hasSizeGreaterThan(40);
    for (String row : rows) {
      assertThat(ROW.matcher(row).matches()).as(row).isTrue();
      Matcher shown = SHOWN.matcher(row);
      while (shown.find()) {
        assertThat(sources).containsKey(shown.group(1));
        assertThat(sources.get(shown.group(1)))
            .as(shown.group())
            .containsPattern("void " + shown.group(2) + "\\(");
      }
    }
  }
}
