package io.busbar.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The short form of the kill test. */
@Timeout(300)
class KillIT {
  @TempDir private Path folder;

  private record Outcome(int code, String out, Map<String, Long> figures) {}

  private Outcome run(String... arguments) throws IOException {
    StringWriter out = new StringWriter();
    CommandLine command = Kill.command();
    command.setOut(new PrintWriter(out));
    command.setErr(new PrintWriter(out));
    String[] all = Arrays.copyOf(arguments, arguments.length + 2);
    all[arguments.length] = "--json";
    all[arguments.length + 1] = folder.resolve("result.json").toString();
    int code = command.execute(all);
    assertThat(code).as(out.toString()).isNotEqualTo(2);
    Map<String, Long> figures = new HashMap<>();
    try (JsonParser json = new JsonFactory().createParser(folder.resolve("result.json").toFile())) {
      while (json.nextToken() != null) {
        if (json.currentToken().isNumeric() && json.currentName() != null) {
          figures.merge(json.currentName(), json.getLongValue(), Long::sum);
        }
      }
    }
    return new Outcome(code, out.toString(), figures);
  }

  @Test
  void withoutKillsNothingIsViolated() throws IOException {
    Outcome outcome = run("busbar", "--kills", "0", "--rate", "3000");
    assertThat(outcome.code).as(outcome.out).isZero();
    assertThat(outcome.figures.get("delivered")).isPositive();
    assertThat(outcome.figures.get("delivered")).isEqualTo(outcome.figures.get("published"));
  }

  @Test
  void whatWasAcknowledgedSurvivesKills() throws IOException {
    Outcome outcome = run("busbar", "--kills", "3", "--drain-every", "2", "--rate", "3000");
    assertThat(outcome.code).as(outcome.out).isZero();
    assertThat(outcome.figures.get("kills")).isEqualTo(3);
    assertThat(outcome.figures.get("delivered")).isPositive();
  }

  @Test
  void whatWasAcknowledgedSurvivesTheLossOfPower() throws IOException {
    assumeCompiler();
    Outcome outcome = run("busbar", "--power", "--kills", "2", "--rate", "3000");
    assertThat(outcome.code).as(outcome.out).isZero();
    assertThat(outcome.figures.get("kills")).isEqualTo(2);
  }

  /** So the loss of power is one: what is acknowledged before it is on the disk is lost. */
  @Test
  void acknowledgementsThatComeEarlyAreFound() throws IOException {
    assumeCompiler();
    Outcome outcome =
        run(
            "busbar",
            "--durability",
            "early",
            "--power",
            "--kills",
            "4",
            "--rate",
            "0",
            "--patience",
            "3");
    assertThat(outcome.code).as(outcome.out).isEqualTo(1);
    assertThat(outcome.figures.get("lost")).as(outcome.out).isPositive();
  }

  /** The build asks for no C compiler; where there is none, the loss of power is not shown. */
  private static void assumeCompiler() {
    boolean found =
        List.of(System.getenv("PATH").split(":")).stream()
            .anyMatch(place -> Files.isExecutable(Path.of(place, "cc")));
    assumeTrue(found, "there is no cc");
  }

  /** That the test finds losses is its proof: what is held in memory is lost with the process. */
  @Test
  void whatIsHeldInMemoryIsLostAndTheTestSaysSo() throws IOException {
    Outcome outcome =
        run(
            "busbar",
            "--durability",
            "memory",
            "--kills",
            "2",
            "--rate",
            "3000",
            "--patience",
            "3");
    assertThat(outcome.code).as(outcome.out).isEqualTo(1);
    assertThat(outcome.figures.get("kills")).isEqualTo(2);
    // counted twice: with the rows of the subscribers, and as violations
    assertThat(outcome.figures.get("lost")).as(outcome.out).isPositive().isEven();
    assertThat(outcome.figures.get("session_lost")).as(outcome.out).isPositive();
    assertThat(outcome.out).contains("was acknowledged and never came");
  }
}
