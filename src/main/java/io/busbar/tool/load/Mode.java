package io.busbar.tool.load;

import io.busbar.mqtt.MqttVersion;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What every mode of the command has: where, how, how long, and what becomes of the report. */
abstract class Mode implements Callable<Integer> {
  private static final int BROKEN_PROMISE = 1;
  private static final int QUIET_SECONDS = 5;

  /** Longest time for connections, drain and goodbye, beside the asked-for seconds. */
  private static final int OVERHEAD_SECONDS = 240;

  @Spec private CommandSpec spec;

  @Option(
      names = "--target",
      split = ",",
      defaultValue = "mqtt://127.0.0.1:1883",
      description = {
        "mqtt, mqtts, ws or wss://HOST:PORT[/PATH], or a port (${DEFAULT-VALUE});",
        "several are nodes of one broker, connections go to them in turn; loopback only"
      })
  private List<String> targets = new ArrayList<>();

  @Option(
      names = "--certificates",
      paramLabel = "DIR",
      description = {
        "with mqtts and wss: where ca.pem and ca-key.pem are, or are made; clients' certificates",
        "(ECDSA P-256, CN=load-0 and on, MQTT user name the same) are made for the run"
      })
  private Path certificates;

  @Option(
      names = "--identities",
      defaultValue = "100",
      description = "how many clients' certificates (${DEFAULT-VALUE})")
  private int identities;

  @Option(names = "--tls", defaultValue = "1.3", description = "1.2 or 1.3 (${DEFAULT-VALUE})")
  private String tlsVersion;

  @Option(names = "--resume", description = "come back with the TLS session that was given")
  private boolean resumes;

  @Option(
      names = "--mqtt",
      defaultValue = "5",
      description = "protocol version, 4 (3.1.1) or 5 (${DEFAULT-VALUE})")
  private int level;

  @Option(
      names = "--pid",
      split = ",",
      description = "the broker's process, or its nodes', to report their CPU and memory")
  private List<Long> pids = new ArrayList<>();

  @Option(names = "--json", description = "report as one line of JSON")
  private boolean json;

  @Option(
      names = "--save",
      paramLabel = "DIR",
      description = "keep run.json, report.md and charts there")
  private Path saved;

  @Option(names = "--label", description = "whose run it is, in what is kept (the first target)")
  private String label;

  @Option(names = "--progress", description = "a line each 5 s, where no terminal shows it")
  private boolean progresses;

  @Option(
      names = "--seconds",
      defaultValue = "10",
      description = "measured, or held (${DEFAULT-VALUE})")
  int seconds;

  abstract Run run(Setup setup);

  /** Seconds before those that are measured. */
  abstract int before();

  @Override
  public Integer call() throws InterruptedException, IOException {
    List<Target> parsed = targets.stream().map(Target::parse).toList();
    Optional<Tls> tls =
        certificates == null
            ? Optional.empty()
            : Optional.of(new Tls(certificates, identities, tlsVersion, resumes));
    Run run = run(new Setup(parsed, version(), new Machine(pids), tls));
    int most = before() + seconds + OVERHEAD_SECONDS;
    Report report = run.await(most, progress());
    PrintWriter out = spec.commandLine().getOut();
    out.println(json ? report.json() : report.toString());
    out.flush();
    if (saved != null) {
      String name = label == null ? parsed.get(0).toString() : label;
      Results.save(saved, name, facts(), report, run.series);
    }
    return report.hasFailed() ? BROKEN_PROMISE : CommandLine.ExitCode.OK;
  }

  private Map<String, String> facts() {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put(
        "command", "bench " + String.join(" ", spec.commandLine().getParseResult().originalArgs()));
    facts.put("commit", commit());
    facts.put("machine", Machine.description());
    return facts;
  }

  /** Of the directory in which the command was given, if that is a clone. */
  private static String commit() {
    try {
      Process git =
          new ProcessBuilder("git", "describe", "--always", "--dirty")
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .redirectInput(new File("/dev/null"))
              .start();
      String said = new String(git.getInputStream().readNBytes(200), StandardCharsets.UTF_8).trim();
      return git.waitFor(5, TimeUnit.SECONDS) && git.exitValue() == 0 ? said : "unknown";
    } catch (IOException noGit) {
      return "unknown";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "unknown";
    }
  }

  private MqttVersion version() {
    for (MqttVersion version : MqttVersion.values()) {
      if (version.level() == level) {
        return version;
      }
    }
    throw new LoadException("--mqtt: " + level + " (allowed: 4, 5)");
  }

  private Consumer<String> progress() {
    PrintWriter err = spec.commandLine().getErr();
    long start = System.nanoTime();
    if (errorsGoToTerminal()) {
      return line -> {
        err.printf("\r\u001b[K%4d s  %s", elapsed(start), line);
        err.flush();
      };
    }
    if (!progresses) {
      return line -> {};
    }
    return line -> {
      if (elapsed(start) % QUIET_SECONDS == 0) {
        err.printf("%4d s  %s%n", elapsed(start), line);
        err.flush();
      }
    };
  }

  private static long elapsed(long start) {
    return TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
  }

  private static boolean errorsGoToTerminal() {
    try {
      String device = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
      return device.startsWith("/dev/pts/") || device.startsWith("/dev/tty");
    } catch (IOException noProc) {
      return false;
    }
  }
}
