package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.MqttVersion;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The lists of normative statements in docs/mqtt.md and the tests that show them, held together: no
 * statement that nothing shows, no case that names a statement which is not listed.
 */
class StatementsTest {
  private static final Path PAGE = Path.of("docs", "mqtt.md");
  private static final Path TESTS = Path.of("src", "test", "java");

  private static final Pattern ROW =
      Pattern.compile("\\| (MQTT-\\d+\\.\\d+\\.\\d+-\\d+) \\| ([^|]+) \\| ([^|]+) \\|");

  /** An id in a case's title: of 5.0, unless the version follows. */
  private static final Pattern NAMED =
      Pattern.compile("(MQTT-\\d+\\.\\d+\\.\\d+-\\d+)(?!\\d)( in 3\\.1\\.1)?");

  private static final Pattern TOKEN = Pattern.compile("`([^`]+)`");
  private static final Pattern WORDS = Pattern.compile("`(transport|choice)`: \\S.*");
  private static final Pattern TOKENS = Pattern.compile("`[^`]+`(, `[^`]+`)*");

  /** A row of a list. */
  private record Row(String id, String asks, String shownBy) {}

  // --- the page ---

  private static String heading(MqttVersion version) {
    return "## Statements of MQTT " + (version == MqttVersion.V5 ? "5.0" : "3.1.1");
  }

  /** The rows of a version's section; none if the page has no such section. */
  private static List<Row> rows(MqttVersion version) throws IOException {
    List<Row> rows = new ArrayList<>();
    boolean inside = false;
    for (String line : Files.readAllLines(PAGE)) {
      if (line.startsWith("## ")) {
        inside = line.equals(heading(version));
      } else if (inside && line.startsWith("| MQTT-")) {
        Matcher row = ROW.matcher(line);
        assertThat(row.matches()).as("three cells: %s", line).isTrue();
        rows.add(new Row(row.group(1), row.group(2), row.group(3)));
      }
    }
    return rows;
  }

  // --- the cases ---

  private static Stream<Path> sources(String ending) {
    try (Stream<Path> files = Files.walk(TESTS)) {
      return files.filter(file -> file.getFileName().toString().endsWith(ending)).toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Class<?> load(Path source) throws ClassNotFoundException {
    String path = TESTS.relativize(source).toString();
    String name = path.substring(0, path.length() - ".java".length());
    // not initialized: tests that open sockets are only looked at
    return Class.forName(
        name.replace(source.getFileSystem().getSeparator(), "."),
        false,
        StatementsTest.class.getClassLoader());
  }

  private static List<Case> table(Class<?> cases) throws ReflectiveOperationException {
    Field table = cases.getDeclaredField("TABLE");
    List<Case> all = new ArrayList<>();
    for (Object one : (List<?>) table.get(null)) {
      all.add((Case) one);
    }
    return all;
  }

  /** The tables of cases, by the name of their class. */
  private static Map<String, List<Case>> tables() throws ReflectiveOperationException {
    Map<String, List<Case>> tables = new TreeMap<>();
    for (Path source : sources("Cases.java").toList()) {
      Class<?> cases = load(source);
      tables.put(cases.getSimpleName(), table(cases));
    }
    return tables;
  }

  /** The statements of a version that a case's title names. */
  private static Set<String> named(Case of, MqttVersion version) {
    Set<String> ids = new HashSet<>();
    Matcher named = NAMED.matcher(of.id());
    while (named.find()) {
      if ((named.group(2) == null) == (version == MqttVersion.V5)) {
        ids.add(named.group(1));
      }
    }
    return ids;
  }

  // --- what must hold ---

  /** Appendix B of MQTT 5.0 numbers so many; the numbers within a section have no gap but one. */
  @Test
  void everyStatementOfVersion5HasItsRow() throws IOException {
    List<String> ids = rows(MqttVersion.V5).stream().map(Row::id).toList();
    assertThat(ids).hasSize(251);
    Map<String, TreeSet<Integer>> sections = new TreeMap<>();
    for (String id : ids) {
      int dash = id.lastIndexOf('-');
      sections
          .computeIfAbsent(id.substring(0, dash), section -> new TreeSet<>())
          .add(Integer.parseInt(id.substring(dash + 1)));
    }
    sections.forEach(
        (section, numbers) -> {
          // the standard has no MQTT-2.2.1-1
          int first = section.equals("MQTT-2.2.1") ? 2 : 1;
          assertThat(numbers.first()).as(section).isEqualTo(first);
          assertThat(numbers.last()).as(section).isEqualTo(first + numbers.size() - 1);
        });
  }

  @ParameterizedTest
  @EnumSource
  void rowsAreInOrderAndShort(MqttVersion version) throws IOException {
    List<Row> rows = rows(version);
    assertThat(rows.stream().map(Row::id).toList())
        .doesNotHaveDuplicates()
        .isSortedAccordingTo(Comparator.comparing(StatementsTest::numbers, Arrays::compare));
    for (Row row : rows) {
      assertThat(row.asks().split(" ")).as(row.id()).hasSizeLessThanOrEqualTo(16);
    }
  }

  private static int[] numbers(String id) {
    return Arrays.stream(id.substring("MQTT-".length()).split("[.-]"))
        .mapToInt(Integer::parseInt)
        .toArray();
  }

  @ParameterizedTest
  @EnumSource
  void everyRowIsShown(MqttVersion version) throws Exception {
    Map<String, List<Case>> tables = tables();
    List<String> wrong = new ArrayList<>();
    for (Row row : rows(version)) {
      if (WORDS.matcher(row.shownBy()).matches()) {
        continue;
      }
      if (!TOKENS.matcher(row.shownBy()).matches()) {
        wrong.add(row.id() + ": no list of `names`: " + row.shownBy());
      }
      Matcher token = TOKEN.matcher(row.shownBy());
      while (token.find()) {
        String why = whyNotShown(row.id(), token.group(1), version, tables);
        if (why != null) {
          wrong.add(row.id() + ": " + why);
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  /** What is wrong with one name in the last column, or null. */
  private static String whyNotShown(
      String id, String token, MqttVersion version, Map<String, List<Case>> tables)
      throws ClassNotFoundException {
    if (token.equals("client")) {
      return null;
    }
    int hash = token.indexOf('#');
    if (hash >= 0) {
      return isTest(token.substring(0, hash), token.substring(hash + 1))
          ? null
          : "no such test: " + token;
    }
    List<Case> table = tables.get(token);
    if (table == null) {
      return "no such table: " + token;
    }
    boolean shown =
        table.stream()
            .anyMatch(one -> one.versions().contains(version) && named(one, version).contains(id));
    return shown ? null : "no case of " + token + " names it";
  }

  private static boolean isTest(String type, String method) throws ClassNotFoundException {
    for (Path source : sources(type + ".java").toList()) {
      Class<?> tests = load(source);
      for (Method one : tests.getDeclaredMethods()) {
        if (tests.getSimpleName().equals(type)
            && one.getName().equals(method)
            && (one.isAnnotationPresent(Test.class)
                || one.isAnnotationPresent(ParameterizedTest.class))) {
          return true;
        }
      }
    }
    return false;
  }

  @ParameterizedTest
  @EnumSource
  void everyStatementThatACaseNamesHasARow(MqttVersion version) throws Exception {
    Set<String> listed = new HashSet<>();
    rows(version).forEach(row -> listed.add(row.id()));
    boolean isThere = Files.readAllLines(PAGE).contains(heading(version));
    List<String> wrong = new ArrayList<>();
    for (List<Case> table : tables().values()) {
      for (Case one : table) {
        Set<String> ids = named(one, version);
        if (!ids.isEmpty() && !one.versions().contains(version)) {
          wrong.add("does not run over " + version + ": " + one.id());
        }
        if (isThere && !listed.containsAll(ids)) {
          wrong.add("not all listed for " + version + ": " + one.id());
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void everyTableIsRun() throws Exception {
    List<String> tests = new ArrayList<>();
    for (Path source : sources("IT.java").toList()) {
      tests.add(Files.readString(source));
    }
    for (String name : tables().keySet()) {
      assertThat(tests)
          .as("a test that runs %s", name)
          .anyMatch(code -> code.contains(name + ".TABLE"));
    }
  }
}
