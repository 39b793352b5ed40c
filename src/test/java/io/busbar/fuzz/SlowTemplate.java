package io.busbar.fuzz;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Topic templates as texts in which variables are replaced, one after the other. */
final class SlowTemplate {
  private static final int MOST = 1_024;
  private static final int LONGEST = 65_535;
  private static final Pattern VARIABLE =
      Pattern.compile(
          "\\$\\{(?:(client\\.authenticationName|client\\.name|principal\\.name)"
              + "|(?:client|principal)\\.attributes\\.([A-Za-z0-9_]+))(?:\\|([^{}/]*))?}");

  private SlowTemplate() {}

  /** Whether a text is a template. */
  static boolean isTemplate(String text) {
    String plain = VARIABLE.matcher(text).replaceAll("v");
    return text.length() <= 4_096
        && SlowTopics.isFilter(text)
        && text.codePoints().noneMatch(c -> c == 0 || (c >= 0xd800 && c <= 0xdfff))
        && (!text.startsWith("$") || text.startsWith("${") || text.startsWith("$SYS/"))
        && !plain.contains("${");
  }

  /** What a template means for a client. */
  static Set<String> filters(String template, String name, Map<String, List<String>> attributes) {
    Matcher variables = VARIABLE.matcher(template);
    List<MatchResult> found = variables.results().toList();
    Set<String> made = new TreeSet<>(Set.of(""));
    long count = 1;
    int at = 0;
    for (MatchResult variable : found) {
      List<String> values =
          variable.group(1) != null ? List.of(name) : attributes.get(variable.group(2));
      String before = template.substring(at, variable.start());
      String suffix = variable.group(3) == null ? "" : variable.group(3);
      at = variable.end();
      if (values == null) {
        return Set.of();
      }
      Set<String> next = new TreeSet<>();
      int safe = 0;
      for (String value : values) {
        if (value.matches("(?s)[^/+#\0]+")) {
          safe++;
          made.forEach(head -> next.add(head + before + value + suffix));
        }
      }
      count *= safe;
      if (count > MOST || count == 0) {
        return Set.of();
      }
      made = next;
    }
    String rest = template.substring(at);
    Set<String> all = new TreeSet<>();
    made.forEach(head -> all.add(head + rest));
    if (all.stream().anyMatch(filter -> filter.length() > LONGEST)) {
      return Set.of();
    }
    all.removeIf(filter -> filter.startsWith("$") && !template.startsWith("$SYS/"));
    return all;
  }
}
