package io.busbar.tool.load;

import io.busbar.mqtt.MqttVersion;
import io.netty.util.internal.logging.InternalLoggerFactory;
import io.netty.util.internal.logging.JdkLoggerFactory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
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
      Load.FailoverCommand.class,
      Load.DevicesCommand.class,
      Load.CompareCommand.class
    })
public final class Load implements Runnable {
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
              if (e instanceof LoadException || e instanceof IOException) {
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
        names = "--subscriber-target",
        split = ",",
        description = "where subscribers connect, if not at --target: at other nodes")
    private List<String> subscriberTargets = new ArrayList<>();

    abstract Plan plan(Messages messages, MqttVersion version);

    @Override
    final Run run(Setup setup) {
      List<Target> heardAt =
          subscriberTargets.isEmpty()
              ? setup.targets()
              : subscriberTargets.stream().map(Target::parse).toList();
      return new Traffic(setup, heardAt, plan(messages, setup.version()));
    }

    @Override
    final int before() {
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

    @Option(
        names = "--rate",
        defaultValue = "0",
        description = "connects/s on a fixed schedule; 0: 64 at a time")
    private double rate;

    @Override
    Run run(Setup setup) {
      return new Idle(setup, connections, rate, seconds);
    }

    @Override
    int before() {
      return rate > 0 ? (int) Math.min(3_600, connections / rate) : 0;
    }
  }

  /** A mode that does one thing again and again. */
  private abstract static class Repeated extends Mode {
    @Option(
        names = "--warm-up",
        defaultValue = "3",
        description = "seconds before the measurement (${DEFAULT-VALUE})")
    private int warmUp;

    final Repeating.Window window() {
      return new Repeating.Window(warmUp, seconds);
    }

    @Override
    final int before() {
      return warmUp;
    }
  }

  @Command(
      name = "connect",
      description = "Connections that come and go.",
      mixinStandardHelpOptions = true)
  static final class ConnectCommand extends Repeated {
    @Option(
        names = "--connections",
        defaultValue = "50",
        description = "at a time (${DEFAULT-VALUE})")
    private int connections;

    @Option(
        names = "--rate",
        defaultValue = "0",
        description = "connects/s on a fixed schedule; 0: as fast as the broker allows")
    private double rate;

    @Override
    Run run(Setup setup) {
      return new Churn(setup, window(), connections, rate);
    }
  }

  @Command(
      name = "subscribe",
      description = "Connections that subscribe to one filter after another.",
      mixinStandardHelpOptions = true)
  static final class SubscribeCommand extends Repeated {
    @Option(names = "--connections", defaultValue = "100", description = "(${DEFAULT-VALUE})")
    private int connections;

    @Override
    Run run(Setup setup) {
      return new Subscribing(setup, window(), connections);
    }
  }

  @Command(
      name = "move",
      description = "Sessions that are opened at one node after another.",
      mixinStandardHelpOptions = true)
  static final class MoveCommand extends Repeated {
    @Option(names = "--sessions", defaultValue = "100", description = "(${DEFAULT-VALUE})")
    private int sessions;

    @Option(names = "--stored", description = "they outlive their connections")
    private boolean isStored;

    @Option(names = "--rate", defaultValue = "200", description = "moves/s (${DEFAULT-VALUE})")
    private double rate;

    @Override
    Run run(Setup setup) {
      return new Moving(setup, window(), sessions, isStored, rate);
    }
  }

  @Command(
      name = "failover",
      description =
          "Connections to the first target, a node that is then killed: how soon others have them.",
      mixinStandardHelpOptions = true)
  static final class FailoverCommand extends Mode {
    @Option(
        names = "--kill",
        required = true,
        description = "the process of the first target: it gets SIGKILL")
    private long victim;

    @Option(names = "--connections", defaultValue = "10000", description = "(${DEFAULT-VALUE})")
    private int connections;

    @Option(
        names = "--expiry",
        defaultValue = "0",
        description = "of the sessions, in seconds (${DEFAULT-VALUE})")
    private int expirySeconds;

    @Override
    Run run(Setup setup) {
      return new Failover(setup, victim, connections, expirySeconds);
    }

    @Override
    int before() {
      return 0;
    }
  }

  @Command(
      name = "devices",
      description = "Scripted devices that report, hear commands, sleep and come back.",
      mixinStandardHelpOptions = true)
  static final class DevicesCommand extends Mode {
    @Option(names = "--devices", defaultValue = "1000", description = "(${DEFAULT-VALUE})")
    private int devices;

    @Option(
        names = "--ramp",
        defaultValue = "10",
        description = "seconds in which they all begin (${DEFAULT-VALUE})")
    private int ramp;

    @Option(
        names = "--interval",
        defaultValue = "5",
        description = "seconds between two reports of a device (${DEFAULT-VALUE})")
    private double interval;

    @Option(
        names = "--jitter",
        defaultValue = "0.2",
        description = "share by which intervals differ, 0 to 1 (${DEFAULT-VALUE})")
    private double jitter;

    @Option(
        names = "--qos",
        defaultValue = "1",
        description = "of reports, 0 or 1 (${DEFAULT-VALUE})")
    private int qos;

    @Option(
        names = "--size",
        defaultValue = "64",
        description = "payload bytes, from 24 (${DEFAULT-VALUE})")
    private int size;

    @Option(
        names = "--commands",
        defaultValue = "50",
        description = "commands/s to all devices together, at QoS 1 (${DEFAULT-VALUE})")
    private double commands;

    @Option(
        names = "--sleepers",
        defaultValue = "0",
        description = "percent that sleep, with a stored session (${DEFAULT-VALUE})")
    private int sleepers;

    @Option(
        names = "--awake",
        defaultValue = "20",
        description = "seconds until a sleeper goes (${DEFAULT-VALUE})")
    private double awake;

    @Option(
        names = "--asleep",
        defaultValue = "10",
        description = "seconds until it comes back (${DEFAULT-VALUE})")
    private double asleep;

    @Option(names = "--seed", description = "of what is random (random, and reported)")
    private Long seed;

    @Override
    Run run(Setup setup) {
      long known = seed != null ? seed : ThreadLocalRandom.current().nextInt(1_000_000);
      return new Devices(
          setup,
          new Devices.Script(
              devices, ramp, interval, jitter, qos, size, commands, sleepers, awake, asleep, known,
              seconds));
    }

    @Override
    int before() {
      return ramp;
    }
  }

  @Command(
      name = "compare",
      description = "A report of runs that --save has kept: a column each, charts with all.",
      mixinStandardHelpOptions = true)
  static final class CompareCommand implements Callable<Integer> {
    @Parameters(arity = "1..6", paramLabel = "DIR", description = "where the runs are kept")
    private List<Path> runs = new ArrayList<>();

    @Option(
        names = "--save",
        required = true,
        paramLabel = "DIR",
        description = "gets report.md, rate.svg, latency.svg")
    private Path saved;

    @Override
    public Integer call() throws IOException {
      Results.publish(saved, runs.stream().map(Results::read).toList());
      return CommandLine.ExitCode.OK;
    }
  }
}
