package io.busbar.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The meters and the loss ledger, and their documentation. */
class MetersTest {

  @Test
  void namesAreUnique() {
    assertThat(Arrays.stream(Meter.values()).map(Meter::id)).doesNotHaveDuplicates();
    assertThat(Arrays.stream(Loss.values()).map(Loss::tag)).doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @EnumSource
  void meterIsNamedWell(Meter meter) {
    assertThat(meter.id()).matches("busbar(\\.[a-z]+)+");
    assertThat(meter.meaning()).isNotBlank();
    assertThat(meter.tags()).allMatch(tag -> tag.matches("[a-z]+"));
  }

  @Test
  @Timeout(20)
  void counters_goOnCounting_whenNobodyElseHoldsTheTelemetry() {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    new Telemetry(registry).lost(Loss.EXPIRED, 3);
    WeakReference<Object> collected = new WeakReference<>(new Object());
    while (collected.get() != null) {
      System.gc();
    }
    assertThat(
            registry
                .get(Meter.LOST.id())
                .tag("reason", Loss.EXPIRED.tag())
                .functionCounter()
                .count())
        .isEqualTo(3);
  }

  @Test
  void metersAreDocumented() throws IOException {
    assertThat(rows("Meters"))
        .as("the rows that docs/metrics.md must have under Meters")
        .containsExactlyElementsOf(
            Arrays.stream(Meter.values())
                .map(
                    meter ->
                        "| `%s` | %s | %s | %s |"
                            .formatted(
                                meter.id(),
                                meter.kind().name().toLowerCase(Locale.ROOT),
                                meter.tags().isEmpty() ? "–" : String.join(", ", meter.tags()),
                                meter.meaning()))
                .toList());
  }

  @Test
  void lossesAreDocumented() throws IOException {
    assertThat(rows("The loss ledger").stream().map(row -> row.split("`", -1)[1]))
        .as("the rows that docs/metrics.md must have under The loss ledger")
        .containsExactlyElementsOf(Arrays.stream(Loss.values()).map(Loss::tag).toList());
  }

  private static List<String> rows(String heading) throws IOException {
    String text = Files.readString(Path.of("docs/metrics.md"));
    String start = "\n## " + heading + "\n";
    assertThat(text).contains(start);
    String section = text.substring(text.indexOf(start) + start.length());
    int next = section.indexOf("\n## ");
    return (next < 0 ? section : section.substring(0, next))
        .lines()
        .filter(line -> line.startsWith("| `"))
        .toList();
  }

  @ParameterizedTest
  @EnumSource
  void everyRowOfTheLedgerIsThereFromTheStart(Loss loss) {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    Telemetry telemetry = new Telemetry(registry);

    assertThat(registry.get("busbar.lost").tag("reason", loss.tag()).functionCounter().count())
        .isZero();
    telemetry.lost(loss, 3);
    assertThat(telemetry.lost(loss)).isEqualTo(3);
    assertThat(registry.get("busbar.lost").tag("reason", loss.tag()).functionCounter().count())
        .isEqualTo(3);
    assertThat(telemetry.total(Meter.LOST)).isEqualTo(3);
  }
}
