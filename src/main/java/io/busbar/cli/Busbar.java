package io.busbar.cli;

import io.busbar.config.ConfigException;
import io.busbar.tool.load.Load;
import java.io.IOException;
import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import org.slf4j.LoggerFactory;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The {@code busbar} command. */
@Command(
    name = "busbar",
    mixinStandardHelpOptions = true,
    versionProvider = Busbar.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    description = "A clustered MQTT broker with the semantics of Azure Event Grid namespaces.",
    footer = {
      "",
      "Examples:",
      "  busbar quickstart                  a secure broker and what it does, shown",
      "  busbar start --insecure            a developer's broker on 127.0.0.1, no TLS",
      "  busbar start --config node.yaml    a node from its configuration",
      "  busbar cert client press-7         a device's certificate from the trial authority",
      "  busbar client list                 what the namespace of a running node has",
      "  busbar explain --client c --publish t    why a client may do that, or why not",
      "",
      "Logs go to standard error; BUSBAR_LOG=json makes them JSON, BUSBAR_LOG_LEVEL=DEBUG more.",
      "Exit codes: 0 done, 1 failed, 2 wrong option or configuration, 130 or 143 stopped."
    })
public final class Busbar extends CommandGroup {
  private static final String BENCH = "bench";
  private static final Set<String> LOGS = Set.of("", "text", "json");
  private static final Set<String> LEVELS = Set.of("", "ERROR", "WARN", "INFO", "DEBUG", "TRACE");

  private Busbar() {}

  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version =
          Objects.requireNonNullElse(
              Busbar.class.getPackage().getImplementationVersion(), "(not packaged)");
      return new String[] {"busbar " + version, "Java ${java.version}, ${os.name} ${os.arch}"};
    }
  }

  /**
   * Runs a command line.
   *
   * @param starter starts a node
   * @param recovery gives up what other disks have
   * @return the exit code: 0, 1 for what failed, 2 for a wrong option or configuration
   */
  public static int run(String[] args, Running.Starter starter, Recover.Recovery recovery) {
    CommandLine command =
        new CommandLine(new Busbar())
            .addSubcommand(new Start(starter))
            .addSubcommand(new Quickstart(starter))
            .addSubcommand(new Cert())
            .addSubcommand(new Key())
            .addSubcommand(new ResourceCommands.Apply())
            .addSubcommand(new ResourceCommands.Export())
            .addSubcommand(new ResourceCommands.Diff())
            .addSubcommand(new Pub())
            .addSubcommand(new Sub())
            .addSubcommand(new SessionCommand())
            .addSubcommand(new RetainedCommand())
            .addSubcommand(new Explain())
            .addSubcommand(new Shadow())
            .addSubcommand(new Trace())
            .addSubcommand(new Cluster())
            .addSubcommand(new Recover(recovery))
            .addSubcommand(BENCH, Load.command())
            .addSubcommand("completion", new AutoComplete.GenerateCompletion());
    for (CommandLine kind : KindCommand.all()) {
      command.addSubcommand(kind);
    }
    command
        .setParameterExceptionHandler((e, given) -> wrongOption(e))
        .setExecutionExceptionHandler((e, of, given) -> failed(of, e));
    String environment = environmentError();
    if (environment != null) {
      return say(command, environment, CommandLine.ExitCode.USAGE);
    }
    if (args.length > 0 && args[0].equals(BENCH)) {
      // It judges its own errors, which a parent command would override.
      return Load.command().execute(Arrays.copyOfRange(args, 1, args.length));
    }
    return command.execute(args);
  }

  private static int wrongOption(ParameterException e) {
    CommandLine command = e.getCommandLine();
    Set<String> allowed = command.getSubcommands().keySet();
    String problem = firstLine(e.getMessage());
    if (e instanceof UnmatchedArgumentException unmatched
        && !unmatched.isUnknownOption()
        && !allowed.isEmpty()) {
      problem =
          "unknown command: \"%s\" (allowed: %s)"
              .formatted(unmatched.getUnmatched().get(0), String.join(", ", allowed));
    }
    return say(
        command,
        "%s (see %s --help)".formatted(problem, command.getCommandSpec().qualifiedName()),
        CommandLine.ExitCode.USAGE);
  }

  private static int failed(CommandLine command, Exception e) {
    LoggerFactory.getLogger(Busbar.class).debug("{} failed", command.getCommandName(), e);
    if (e instanceof ConfigException) {
      return say(command, firstLine(e.getMessage()), CommandLine.ExitCode.USAGE);
    }
    String message =
        e instanceof IOException && e.getMessage() != null ? e.getMessage() : e.toString();
    return say(
        command,
        firstLine(message)
            + (e instanceof IOException ? "" : " (BUSBAR_LOG_LEVEL=DEBUG tells more)"),
        CommandLine.ExitCode.SOFTWARE);
  }

  private static String environmentError() {
    String log = Objects.requireNonNullElse(System.getenv("BUSBAR_LOG"), "");
    String level = Objects.requireNonNullElse(System.getenv("BUSBAR_LOG_LEVEL"), "");
    if (!LOGS.contains(log)) {
      return "BUSBAR_LOG: \"" + log + "\" (allowed: text, json)";
    }
    return LEVELS.contains(level)
        ? null
        : "BUSBAR_LOG_LEVEL: \"" + level + "\" (allowed: ERROR, WARN, INFO, DEBUG, TRACE)";
  }

  private static int say(CommandLine command, String message, int exitCode) {
    command.getErr().println("busbar: " + message);
    command.getErr().flush();
    return exitCode;
  }

  private static String firstLine(String text) {
    return Objects.requireNonNullElse(text, "unknown error").lines().findFirst().orElse("");
  }
}
