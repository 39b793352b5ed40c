package io.busbar.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The dashboard and the alerts ask for meters that there are, by labels that they have. */
class MonitoringTest {
  private static final Path DASHBOARD = Path.of("k8s/monitoring/dashboard.json");
  private static final Path ALERTS = Path.of("k8s/monitoring/alerts.yaml");
  private static final Pattern METER = Pattern.compile("\\bbusbar_[a-z_]+");
  private static final Pattern LABELLED = Pattern.compile("(busbar_[a-z_]+)\\{([^}]*)}");
  private static final Pattern LABEL = Pattern.compile("([a-z]+)(?:=~|!~|=|!=)\"");

  /** What the dashboard does not show: for whoever looks for something in particular. */
  private static final Set<Meter> NOT_SHOWN =
      Set.of(
          Meter.BUS_MESSAGES,
          Meter.NAMESPACE_LOADS,
          Meter.PASSWORDS,
          Meter.REVOCATION_LOADS,
          Meter.SPANS,
          Meter.TOKENS,
          Meter.TRACES);

  /** As Prometheus has them. */
  private static List<String> names(Meter meter) {
    String name = meter.id().replace('.', '_');
    return switch (meter.kind()) {
      case GAUGE -> List.of(name);
      case COUNTER -> List.of(name + "_total");
      case TIMER ->
          List.of(
              name + "_seconds_bucket",
              name + "_seconds_count",
              name + "_seconds_sum",
              name + "_seconds_max");
      case HISTOGRAM ->
          List.of(name + "_seconds_bucket", name + "_seconds_count", name + "_seconds_sum");
    };
  }

  private static Meter meter(String name) {
    return Arrays.stream(Meter.values())
        .filter(meter -> names(meter).contains(name))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no meter is called " + name));
  }

  private static Set<Meter> asked(String expression) {
    Set<Meter> meters = new HashSet<>();
    Matcher names = METER.matcher(expression);
    while (names.find()) {
      meters.add(meter(names.group()));
    }
    Matcher labelled = LABELLED.matcher(expression);
    while (labelled.find()) {
      List<String> known = new ArrayList<>(meter(labelled.group(1)).tags());
      known.addAll(List.of("job", "instance", "le"));
      Matcher labels = LABEL.matcher(labelled.group(2));
      while (labels.find()) {
        assertThat(known).as(expression).contains(labels.group(1));
      }
    }
    return meters;
  }

  @Test
  void theDashboardShowsAllMeters() throws IOException {
    JsonArray panels = new JsonObject(Files.readString(DASHBOARD)).getJsonArray("panels");
    Set<Meter> shown = new HashSet<>();
    Set<Integer> ids = new HashSet<>();
    for (Object one : panels) {
      JsonObject panel = (JsonObject) one;
      assertThat(ids.add(panel.getInteger("id"))).as("id of a panel").isTrue();
      for (Object target : panel.getJsonArray("targets", new JsonArray())) {
        shown.addAll(asked(((JsonObject) target).getString("expr")));
        assertThat(panel.getString("description")).isNotBlank();
      }
    }
    Set<Meter> missing = new HashSet<>(Set.of(Meter.values()));
    missing.removeAll(shown);
    assertThat(missing).isEqualTo(NOT_SHOWN);
  }

  @Test
  void eachAlertHasItsEntryInTheRunbook() throws IOException {
    String alerts = Files.readString(ALERTS);
    String runbook = Files.readString(Path.of("docs/operations.md"));
    String section =
        runbook.substring(
            runbook.indexOf("\n## By alert\n"),
            runbook.indexOf("\n## When most of the voters are gone for good\n"));
    Matcher rules =
        Pattern.compile(
                "- alert: (\\w+)\\s+expr: \\|-\\s+(.*)\\s+for: \\w+\\s+labels: \\{ severity:"
                    + " (?:critical|warning|info) }\\s+annotations:\\s+summary: .+\\s+runbook:"
                    + " docs/operations.md#(\\w+)\\s")
            .matcher(alerts);
    List<String> named = new ArrayList<>();
    while (rules.find()) {
      asked(rules.group(2));
      named.add("### " + rules.group(1));
      assertThat(rules.group(3)).isEqualToIgnoringCase(rules.group(1));
    }
    assertThat(named)
        .as("alerts that are written as the others are")
        .hasSize(alerts.split("- alert:", -1).length - 1)
        .isEqualTo(section.lines().filter(line -> line.startsWith("### ")).toList());
    // what the dashboard refers to is there, too
    Matcher runbooks = Pattern.compile("Runbook: (\\w+)").matcher(Files.readString(DASHBOARD));
    while (runbooks.find()) {
      assertThat(named).contains("### " + runbooks.group(1));
    }
  }
}
