package io.busbar.chaos;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command. */
@Command(
    name = "loadtest/chaos",
    mixinStandardHelpOptions = true,
    description = {
      "Three nodes, each in a network namespace of its own, hundreds of clients, and one trouble"
          + " after another: kills, pauses, stops, partitions, one-way too, lost disks.",
      "What the clients sent and got is judged: by what was acknowledged, heard from SUBACK on,"
          + " retained, shared, and left as wills.",
      "Exit code: 0 nothing violated, 1 violations, 2 it could not be carried out."
    },
    footer = {
      "",
      "Examples:",
      "  loadtest/chaos --seconds 600 --seed 1",
      "  loadtest/chaos --without LEASE --trouble PAUSE"
    })
final class Chaos implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(names = "--seconds", paramLabel = "N", defaultValue = "600", description = "(600)")
  private int seconds;

  @Option(names = "--seed", paramLabel = "N", description = "of what is random (a new one)")
  private Long seed;

  @Option(
      names = "--publishers",
      paramLabel = "N",
      defaultValue = "24",
      description = "every second one at QoS 2 (24)")
  private int publishers;

  @Option(
      names = "--visitors",
      paramLabel = "N",
      defaultValue = "144",
      description = "subscribers without a stored session (144)")
  private int visitors;

  @Option(
      names = "--willed",
      paramLabel = "N",
      defaultValue = "24",
      description = "devices with a will (24)")
  private int willed;

  @Option(
      names = "--rate",
      paramLabel = "N",
      defaultValue = "600",
      description = "messages a second (600)")
  private double rate;

  @Option(
      names = "--patience",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description = "without progress, then what is missing is lost (30)")
  private int patience;

  @Option(
      names = "--trouble",
      paramLabel = "KIND",
      split = ",",
      description = "only these: ${COMPLETION-CANDIDATES}")
  private List<Storm.Trouble> troubles = new ArrayList<>();

  @Option(
      names = "--without",
      paramLabel = "SAFEGUARD",
      description =
          "nodes do without it (Safeguard.java of store and broker): to see that it is noticed")
  private List<String> without = new ArrayList<>();

  @Option(
      names = "--folder",
      paramLabel = "DIR",
      description = "for data and logs, which stay (one that is deleted)")
  private Path folder;

  /** Runs the command line and ends with its exit code. */
  public static void main(String[] args) {
    System.exit(new CommandLine(new Chaos()).execute(args));
  }

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    Path work =
        folder == null
            ? Files.createTempDirectory("chaos")
            : Files.createDirectories(folder).toRealPath();
    Storm.Orders orders =
        new Storm.Orders(
            Kill.busbar(OpenNode.Promise.FSYNC),
            without,
            seed == null ? System.nanoTime() : seed,
            seconds,
            publishers,
            visitors,
            willed,
            rate,
            patience,
            troubles.isEmpty() ? List.of(Storm.Trouble.values()) : troubles);
    out.printf("seed %d%n", orders.seed());
    out.flush();
    try (Storm storm =
        new Storm(
            orders,
            work,
            line -> {
              out.println(line);
              out.flush();
            })) {
      Thread broken = new Thread(storm::abandon);
      Runtime.getRuntime().addShutdownHook(broken);
      Storm.Outcome outcome = storm.run();
      Runtime.getRuntime().removeShutdownHook(broken);
      print(out, orders, outcome);
      return outcome.isClean() ? 0 : 1;
    } catch (KillException e) {
      spec.commandLine().getErr().println("chaos: " + e.getMessage());
      return 2;
    } finally {
      if (folder == null) {
        Kill.delete(work);
      }
    }
  }

  private static void print(PrintWriter out, Storm.Orders orders, Storm.Outcome outcome) {
    out.printf(
        "seed %d, %.0f s, %s, %d nodes ended by themselves and were started again%n",
        orders.seed(), outcome.millis() / 1000.0, outcome.counts(), outcome.restarts());
    Result.printRows(out, outcome.verdict().rows());
    out.printf(
        "subscribers without a session: %d connections; wills: %d; whole again after %s ms%n",
        outcome.stays(), outcome.wills(), Result.spread(outcome.caughtUpMillis()));
    out.printf("refused %d, unsettled %d%n", outcome.refused(), outcome.unsettled());
    Result.printViolations(out, outcome.verdict());
    out.flush();
  }
}
