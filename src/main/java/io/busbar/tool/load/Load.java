package io.busbar.tool.load;

import io.busbar.mqtt.MqttVersion;
import io.netty.util.internal.logging.InternalLoggerFactory;
import io.netty.util.internal.logging.JdkLoggerFactory;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * The load tool's command. Exit codes: 0 measured, 1 measured and the broker broke a promise (an
 * acknowledged message was lost, a connection failed), 2 not measured.
 */
@Command(
    name = "bench",
    description = "Loads an MQTT broker on this machine and counts what became of each message.",
    mixinStandardHelpOptions = true,
    subcommands = {
      Load.P2p.class,
      Load.Fanout.class,
      Load.Fanin.class,
      Load.IdleCommand.class,
      Load.ConnectCommand.class,
      Load.SubscribeCommand.class,
      Load.MoveCommand.class,
      Load.FailoverCommand.class
    })
public final class Load implements Runnable {
  private static final int BROKEN_PROMISE = 1;

  /** Longest time for connections, drain and goodbye, beside the asked-for seconds. */
  private static final int OVERHEAD_SECONDS = 240;

  @Spec private CommandSpec spec;

  private Load() {}

  /** Runs the command line and exits with its code. */
  public static void main(String[] args) {
    // Netty would else find the broker's logging and write into the report.
    InternalLoggerFactory.setDefaultFactory(JdkLoggerFactory.INSTANCE);
    System.exit(command().execute(args));
  }

  /** The command, whose errors are one line on standard error and exit code 2. */
  public static CommandLine command() {
    return new CommandLine(new Load())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler((e, args) -> refuse(e.getCommandLine(), e.getMessage()))
        .setExecutionExceptionHandler(
            (e, command, result) -> {
              if (e instanceof LoadException) {
                return refuse(command, e.getMessage());
              }
              throw e;
            });
  }

  private static int refuse(CommandLine command, String message) {
    command
        .getErr()
        .println(command.getCommandName() + ": " + message.lines().findFirst().orElse(""));
    command.getErr().flush();
    return CommandLine.ExitCode.USAGE;
  }

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(),
        "no mode given (allowed: " + String.join(", ", spec.subcommands().keySet()) + ")");
  }

  /** What every mode has. */
  private abstract static class Mode implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Option(
        names = "--host",
        defaultValue = "127.0.0.1",
        description = "loopback only (${DEFAULT-VALUE})")
    private String host;

    @Option(
        names = "--port",
        defaultValue = "1883",
        description = "MQTT over TCP (${DEFAULT-VALUE})")
    private int port;

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
        names = "--seconds",
        defaultValue = "10",
        description = "measured, or held (${DEFAULT-VALUE})")
    int seconds;

    abstract Run run(Target target, MqttVersion version, Machine machine);

    final Target target(int at) {
      return new Target(host, at);
    }

    abstract int warmUpSeconds();

    @Override
    public Integer call() throws InterruptedException {
      Machine machine = new Machine(pids);
      Run run = run(target(port), version(), machine);
      Report report = run.await(warmUpSeconds() + seconds + OVERHEAD_SECONDS, progress());
      PrintWriter out = spec.commandLine().getOut();
      out.println(json ? report.json() : report.toString());
      out.flush();
      return report.hasFailed() ? BROKEN_PROMISE : CommandLine.ExitCode.OK;
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
      if (!errorsGoToTerminal()) {
        return line -> {};
      }
      PrintWriter err = spec.commandLine().getErr();
      return line -> {
        err.printf("\r\u001b[K%s", line);
        err.flush();
      };
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

  /** What the modes have that send messages. */
  private static final class Messages {
    @Option(names = "--qos", defaultValue = "0", description = "0 or 1 (${DEFAULT-VALUE})")
    int qos;

    @Option(
        names = "--size",
        defaultValue = "64",
        description = "payload bytes, from 24 (${DEFAULT-VALUE})")
    int size;

    @Option(
        names = "--rate",
        defaultValue = "0",
        description = "msg/s of all publishers on a fixed schedule; 0: as fast as the bounds allow")
    double rate;

    @Option(
        names = "--window",
        description = "unacknowledged messages per publisher at QoS 1 (20; with --rate 1000)")
    Integer window;

    @Option(
        names = "--max-lag",
        description =
            "messages per publisher not yet arrived, 0: no bound (QoS 0: 200, QoS 1: 10 x window; with --rate 0)")
    Integer maxLag;

    @Option(
        names = "--warm-up",
        defaultValue = "3",
        description = "seconds before the measurement (${DEFAULT-VALUE})")
    int warmUp;

    Plan plan(Plan.Shape shape, MqttVersion version, int publishers, int subscribers, int seconds) {
      int w = window != null ? window : rate > 0 ? 1000 : 20;
      int lag = maxLag != null ? maxLag : rate > 0 ? 0 : qos == 0 ? 200 : 10 * w;
      return new Plan(
          shape, version, publishers, subscribers, qos, size, rate, w, lag, warmUp, seconds);
    }
  }

  /** A mode that sends messages. */
  private abstract static class Exchange extends Mode {
    @Mixin private Messages messages;

    @Option(
        names = "--subscriber-port",
        split = ",",
        description = "where subscribers connect, in turn, if not at --port: at other nodes")
    private List<Integer> subscriberPorts = new ArrayList<>();

    abstract Plan plan(Messages messages, MqttVersion version);

    @Override
    final Run run(Target target, MqttVersion version, Machine machine) {
      List<Target> heardAt =
          subscriberPorts.isEmpty()
              ? List.of(target)
              : subscriberPorts.stream().map(this::target).toList();
      return new Traffic(target, heardAt, plan(messages, version), machine);
    }

    @Override
    final int warmUpSeconds() {
      return messages.warmUp;
    }
  }

  @Command(
      name = "p2p",
      description = "Pairs of a publisher and a subscriber, a topic each.",
      mixinStandardHelpOptions = true)
  static final class P2p extends Exchange {
    @Option(names = "--pairs", defaultValue = "50", description = "(${DEFAULT-VALUE})")
    private int pairs;

    @Override
    Plan plan(Messages messages, MqttVersion version) {
      Plan.check("pairs", pairs, 1, 30_000);
      return messages.plan(Plan.Shape.P2P, version, pairs, pairs, seconds);
    }
  }

  @Command(
      name = "fanout",
      description = "Publishers to one topic that all subscribers hear.",
      mixinStandardHelpOptions = true)
  static final class Fanout extends Exchange {
    @Option(names = "--publishers", defaultValue = "1", description = "(${DEFAULT-VALUE})")
    private int publishers;

    @Option(names = "--subscribers", defaultValue = "500", description = "(${DEFAULT-VALUE})")
    private int subscribers;

    @Override
    Plan plan(Messages messages, MqttVersion version) {
      Plan.check("publishers", publishers, 1, 1000);
      Plan.check("subscribers", subscribers, 1, 30_000);
      return messages.plan(Plan.Shape.FANOUT, version, publishers, subscribers, seconds);
    }
  }

  @Command(
      name = "fanin",
      description = "Publishers with a topic each to subscribers that hear all.",
      mixinStandardHelpOptions = true)
  static final class Fanin extends Exchange {
    @Option(names = "--publishers", defaultValue = "200", description = "(${DEFAULT-VALUE})")
    private int publishers;

    @Option(names = "--subscribers", defaultValue = "1", description = "(${DEFAULT-VALUE})")
    private int subscribers;

    @Override
    Plan plan(Messages messages, MqttVersion version) {
      Plan.check("publishers", publishers, 1, 30_000);
      Plan.check("subscribers", subscribers, 1, 1000);
      return messages.plan(Plan.Shape.FANIN, version, publishers, subscribers, seconds);
    }
  }

  @Command(
      name = "idle",
      description = "Connections that are held and say nothing.",
      mixinStandardHelpOptions = true)
  static final class IdleCommand extends Mode {
    @Option(names = "--connections", defaultValue = "10000", description = "(${DEFAULT-VALUE})")
    private int connections;

    @Override
    Run run(Target target, MqttVersion version, Machine machine) {
      return new Idle(target, version, machine, connections, seconds);
    }

    @Override
    int warmUpSeconds() {
      return 0;
    }
  }

  @Command(
      name = "connect",
      description = "Connections that come and go.",
      mixinStandardHelpOptions = true)
  static final class ConnectCommand extends Mode {
    @Option(
        names = "--connections",
        defaultValue = "50",
        description = "at a time (${DEFAULT-VALUE})")
    private int connections;

    @Option(
        names = "--warm-up",
        defaultValue = "3",
        description = "seconds before the measurement (${DEFAULT-VALUE})")
    private int warmUp;

    @Override
    Run run(Target target, MqttVersion version, Machine machine) {
      return new Churn(target, version, machine, connections, warmUp, seconds);
    }

    @Override
    int warmUpSeconds() {
      return warmUp;
    }
  }

  /** A mode whose connections go to several nodes, in turn. */
  private abstract static class Spread extends Mode {
    @Option(
        names = "--other-port",
        split = ",",
        description = "of other nodes, where connections go in turn with --port")
    private List<Integer> otherPorts = new ArrayList<>();

    @Option(
        names = "--warm-up",
        defaultValue = "3",
        description = "seconds before the measurement (${DEFAULT-VALUE})")
    int warmUp;

    final List<Target> targets(Target first) {
      List<Target> all = new ArrayList<>(List.of(first));
      otherPorts.forEach(port -> all.add(target(port)));
      return all;
    }

    @Override
    int warmUpSeconds() {
      return warmUp;
    }
  }

  @Command(
      name = "subscribe",
      description = "Connections that subscribe to one filter after another.",
      mixinStandardHelpOptions = true)
  static final class SubscribeCommand extends Spread {
    @Option(names = "--connections", defaultValue = "100", description = "(${DEFAULT-VALUE})")
    private int connections;

    @Override
    Run run(Target target, MqttVersion version, Machine machine) {
      return new Subscribing(targets(target), version, machine, connections, warmUp, seconds);
    }
  }

  @Command(
      name = "move",
      description = "Sessions that are opened at one node after another.",
      mixinStandardHelpOptions = true)
  static final class MoveCommand extends Spread {
    @Option(names = "--sessions", defaultValue = "100", description = "(${DEFAULT-VALUE})")
    private int sessions;

    @Option(names = "--stored", description = "they outlive their connections")
    private boolean isStored;

    @Option(names = "--rate", defaultValue = "200", description = "moves/s (${DEFAULT-VALUE})")
    private double rate;

    @Override
    Run run(Target target, MqttVersion version, Machine machine) {
      return new Moving(
          targets(target), version, machine, sessions, isStored, rate, warmUp, seconds);
    }
  }

  @Command(
      name = "failover",
      description = "Connections to a node that is then killed: how soon others have them.",
      mixinStandardHelpOptions = true)
  static final class FailoverCommand extends Mode {
    @Option(
        names = "--other-port",
        split = ",",
        required = true,
        description = "of other nodes, where the connections go")
    private List<Integer> otherPorts;

    @Option(
        names = "--kill",
        required = true,
        description = "the process of the node at --port: it gets SIGKILL")
    private long victim;

    @Option(names = "--connections", defaultValue = "10000", description = "(${DEFAULT-VALUE})")
    private int connections;

    @Option(
        names = "--expiry",
        defaultValue = "0",
        description = "of the sessions, in seconds (${DEFAULT-VALUE})")
    private int expirySeconds;

    @Override
    Run run(Target target, MqttVersion version, Machine machine) {
      List<Target> others = otherPorts.stream().map(this::target).toList();
      return new Failover(target, others, victim, version, machine, connections, expirySeconds);
    }

    @Override
    int warmUpSeconds() {
      return 0;
    }
  }
}
