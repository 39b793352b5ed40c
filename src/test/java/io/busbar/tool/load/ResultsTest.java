package io.busbar.tool.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultsTest {
  @TempDir private Path directory;

  private Path saved(String name, long connects) throws IOException {
    Report report = new Report();
    report.text("mode", "connect");
    report.count("connects", connects);
    report.number("connack_p50_us", 12.5);
    Series series = new Series();
    series.done(1_000_000);
    series.done(2_000_000);
    series.close(1_000_000_000L);
    series.close(2_000_000_000L);
    Path to = directory.resolve(name);
    Results.save(to, name, Map.of("commit", "abc", "command", "bench " + name), report, series);
    return to;
  }

  @Test
  void whatIsSavedIsReadAgain() throws IOException {
    Results read = Results.read(saved("busbar", 12_345));
    assertThat(read.name()).isEqualTo("busbar");
    assertThat(read.facts()).containsEntry("commit", "abc");
    assertThat(read.figures())
        .containsExactly(
            Map.entry("mode", "connect"),
            Map.entry("connects", "12,345"),
            Map.entry("connack_p50_us", "12.5"));
    assertThat(read.seconds()).hasSize(2);
    assertThat(read.seconds().get(0).perSecond()).isEqualTo(2);
    assertThat(read.seconds().get(0).p50Micros()).isBetween(1_000.0, 1_010.0);
    assertThat(read.seconds().get(1)).isEqualTo(new Series.Point(2, 0, 0, 0));
  }

  @Test
  void runsAreColumns_andWhatTheyShareIsSaidOnce() throws IOException {
    List<Results> runs =
        List.of(Results.read(saved("busbar", 2)), Results.read(saved("mosquitto", 1)));
    Results.publish(directory.resolve("both"), runs);
    String table = Files.readString(directory.resolve("both/report.md"));
    assertThat(table)
        .contains("| | busbar | mosquitto |\n|---|---:|---:|\n")
        .contains("| connects | 2 | 1 |\n")
        .contains("- commit: abc\n")
        .contains("- command, busbar: bench busbar\n");
    assertThat(directory.resolve("both/latency.svg")).content().contains("mosquitto p99");
    assertThat(directory.resolve("both/rate.svg")).exists();
  }

  @Test
  void aDirectoryWithoutARun_isRefused() throws IOException {
    assertThatThrownBy(() -> Results.read(directory))
        .isInstanceOf(LoadException.class)
        .hasMessageContaining("run.json: missing");
    Files.writeString(directory.resolve("run.json"), "{\"name\": ");
    assertThatThrownBy(() -> Results.read(directory))
        .isInstanceOf(LoadException.class)
        .hasMessageContaining("no run");
  }
}
