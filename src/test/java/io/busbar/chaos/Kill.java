package io.busbar.chaos;

import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The command. */
@Command(
    name = "loadtest/kill",
    mixinStandardHelpOptions = true,
    description = {
      "Kills a broker at random instants while clients publish, and judges what they got.",
      "Exit code: 0 nothing violated, 1 violations, 2 it could not be carried out."
    },
    footer = {
      "",
      "A command is given to bash; it should end with exec. In it stand {node} for the node's name,",
      "{port} for where MQTT is to be spoken on 127.0.0.1, {data} for a folder that stays from start",
      "to start, {peer} for a port and {peers} for HOST:PORT,... of the nodes' traffic.",
      "",
      "Examples:",
      "  loadtest/kill busbar --kills 100",
      "  loadtest/kill busbar --nodes 3 --all-every 5 --power",
      "  loadtest/kill mosquitto --kills 3",
      "  loadtest/kill 'exec ./busbar start --insecure --mqtt-port {port} --ws-port 0 --http-port 0'"
    })
final class Kill implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "TARGET", description = "busbar, mosquitto, or a command")
  private String target;

  @Option(names = "--name", paramLabel = "NAME", description = "of TARGET in the result (TARGET)")
  private String name;

  @Option(names = "--nodes", paramLabel = "N", defaultValue = "1", description = "processes (1)")
  private int nodes;

  @Option(
      names = "--upgrade-from",
      paramLabel = "FILE",
      description =
          "holds the class path of another version of the project's tests (its"
              + " target/tests-classpath.txt and classes), which the nodes are until their first kill")
  private Path before;

  @Option(names = "--kills", paramLabel = "N", defaultValue = "100", description = "in all (100)")
  private int kills;

  @Option(
      names = "--drain-every",
      paramLabel = "N",
      defaultValue = "10",
      description = "kills after which publishing pauses until all sessions are drained (10)")
  private int drainEvery;

  @Option(
      names = "--all-every",
      paramLabel = "N",
      defaultValue = "0",
      description = "each N-th kill takes all nodes at once (0: none does)")
  private int allEvery;

  @Option(
      names = "--power",
      paramLabel = "NAMES",
      arity = "0..1",
      fallbackValue = "posix",
      description =
          "the power goes too: what was not synced is thrown away; names of files too unless their"
              + " directory (posix, the default) or a file in it (ext4) was synced")
  private String power;

  @Option(
      names = "--durability",
      paramLabel = "KIND",
      defaultValue = "fsync",
      description =
          "of TARGET busbar: fsync (the default), memory, or early, which acknowledges before the"
              + " sync so that this test can be seen to notice")
  private OpenNode.Promise durability;

  @Option(
      names = "--publishers",
      paramLabel = "N",
      defaultValue = "4",
      description = "every second one at QoS 2 (4)")
  private int publishers;

  @Option(
      names = "--window",
      paramLabel = "N",
      defaultValue = "50",
      description = "unsettled messages of a publisher (50)")
  private int window;

  @Option(
      names = "--rate",
      paramLabel = "N",
      defaultValue = "10000",
      description = "messages a second at most, so that queues hold them; 0: no limit (10000)")
  private double rate;

  @Option(
      names = "--pause",
      paramLabel = "MILLIS",
      defaultValue = "0",
      description =
          "after each kill a node is also stopped (SIGSTOP) for up to so long, and goes on; 0: none"
              + " is (0)")
  private int pause;

  @Option(
      names = "--calm",
      paramLabel = "MILLIS",
      defaultValue = "1500",
      description = "longest time from the first answers after a kill to the next kill (1500)")
  private int calm;

  @Option(names = "--seed", paramLabel = "N", description = "of what is random (a new one)")
  private Long seed;

  @Option(
      names = "--patience",
      paramLabel = "SECONDS",
      defaultValue = "15",
      description = "without progress, then what is missing is lost (15)")
  private int patience;

  @Option(names = "--json", paramLabel = "FILE", description = "where the result is written too")
  private Path json;

  @Option(
      names = "--folder",
      paramLabel = "DIR",
      description = "an empty one for data and logs, which stay (one that is deleted)")
  private Path folder;

  /** Runs the command line and ends with its exit code. */
  public static void main(String[] args) {
    System.exit(command().execute(args));
  }

  static CommandLine command() {
    return new CommandLine(new Kill()).setCaseInsensitiveEnumValuesAllowed(true);
  }

  @Override
  public Integer call() throws IOException {
    Plan plan =
        new Plan(
            name == null ? target : name,
            start(),
            Optional.ofNullable(before).map(Kill::of),
            atLeast("--nodes", nodes, 1),
            atLeast("--kills", kills, 0),
            atLeast("--drain-every", drainEvery, 1),
            atLeast("--all-every", allEvery, 0),
            Optional.ofNullable(power).map(this::names),
            atLeast("--publishers", publishers, 1),
            atLeast("--window", window, 1),
            rate,
            atLeast("--pause", pause, 0),
            atLeast("--calm", calm, 1),
            seed == null ? System.nanoTime() : seed,
            atLeast("--patience", patience, 1));
    PrintWriter out = spec.commandLine().getOut();
    out.printf("seed %d%n", plan.seed());
    out.flush();
    Path work = folder == null ? Files.createTempDirectory("kill") : emptyFolder();
    try (Run run = new Run(plan, work)) {
      Result result = run.run();
      result.print(out);
      if (json != null) {
        Files.writeString(json, result.json());
      }
      return result.isClean() ? 0 : 1;
    } catch (KillException e) {
      spec.commandLine().getErr().println("kill: " + e.getMessage());
      return 2;
    } finally {
      if (folder == null) {
        delete(work);
      }
    }
  }

  private Path emptyFolder() throws IOException {
    Files.createDirectories(folder);
    try (var files = Files.list(folder)) {
      if (files.findAny().isPresent()) {
        throw refused("--folder: " + folder + " is not empty");
      }
    }
    return folder.toRealPath();
  }

  static void delete(Path folder) throws IOException {
    List<Path> all;
    try (var files = Files.walk(folder)) {
      all = new ArrayList<>(files.toList());
    }
    Collections.reverse(all);
    for (Path file : all) {
      Files.delete(file);
    }
  }

  private int atLeast(String option, int value, int least) {
    if (value < least) {
      throw refused("%s: %d (allowed: %d and more)".formatted(option, value, least));
    }
    return value;
  }

  private Power.Names names(String name) {
    for (Power.Names names : Power.Names.values()) {
      if (names.name().equalsIgnoreCase(name)) {
        return names;
      }
    }
    throw refused("--power: " + name + " (allowed: posix, ext4)");
  }

  private CommandLine.ParameterException refused(String why) {
    return new CommandLine.ParameterException(spec.commandLine(), why);
  }

  private String start() {
    return switch (target) {
      case "busbar" -> busbar(durability);
      case "mosquitto" -> MOSQUITTO;
      default -> target;
    };
  }

  private static String of(Path other) {
    try {
      return busbar(OpenNode.Promise.FSYNC)
          .replace(System.getProperty("java.class.path"), Files.readString(other).strip());
    } catch (IOException e) {
      throw new KillException("--upgrade-from: " + e.getMessage(), e);
    }
  }

  /** A node on the class path and options of this very JVM. */
  static String busbar(OpenNode.Promise durability) {
    List<String> command = new ArrayList<>();
    command.add("exec");
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.startsWith("--"))
        .forEach(command::add);
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx2g"));
    command.add("-Dlogback.configurationFile=logback.xml");
    command.addAll(List.of("-cp", "'" + System.getProperty("java.class.path") + "'"));
    command.addAll(List.of(OpenNode.class.getName(), "{node}", "{port}", "{peer}", "{peers}"));
    command.addAll(List.of("{data}", durability.name(), "{host}", "{http}"));
    return String.join(" ", command);
  }

  /** With persistence, which it writes every 30 minutes and at its end, and queues that suffice. */
  private static final String MOSQUITTO =
      """
      printf '%s\\n' 'listener {port} 127.0.0.1' 'allow_anonymous true' 'set_tcp_nodelay true' \
        'max_inflight_messages 1000' 'max_queued_messages 10000000' 'log_type error' \
        'persistence true' 'persistence_location {data}/' 'user root' >{data}.conf
      PATH=$PATH:/usr/sbin exec mosquitto -c {data}.conf
      """;
}
