package io.busbar.cli;

import io.busbar.config.ConfigException;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.config.Settings.Address;
import io.busbar.config.Settings.Cluster;
import io.busbar.config.Settings.Listener;
import io.busbar.config.Settings.Protocol;
import io.busbar.config.SettingsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code busbar start}: a node from configuration, from secure defaults, or an open one. */
@Command(
    name = "start",
    mixinStandardHelpOptions = true,
    description = {
      "Starts a node and serves until it is stopped (SIGTERM or Ctrl-C).",
      "Without a file: MQTT over TLS on 8883 and over WebSocket on 8443, with server.pem,"
          + " server-key.pem and namespace.yaml of the home; health and metrics on 127.0.0.1:8080."
    },
    footer = {
      "",
      "Examples:",
      "  busbar start --config /etc/busbar/busbar.yaml",
      "  busbar start --home ~/.busbar",
      "  busbar start --insecure --mqtt-port 1884"
    })
final class Start implements Callable<Integer> {
  private static final int MQTT_PORT = 1883;
  private static final int WS_PORT = 8083;
  private static final int HTTP_PORT = 8080;

  private final Running.Starter starter;

  @Spec private CommandSpec spec;

  @Option(names = "--config", paramLabel = "FILE", description = "the node's configuration")
  private Path config;

  @Option(
      names = "--home",
      paramLabel = "DIR",
      defaultValue = "${sys:user.home}/.busbar",
      description = "files that the configuration does not name (${DEFAULT-VALUE})")
  private Path home;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description =
          "the node's own files (else what the configuration says, else data of the home)")
  private Path data;

  @Option(
      names = "--accept-loss",
      description =
          "go on with what can be read of a store that is damaged; the rest is set aside in the data"
              + " directory")
  private boolean acceptLoss;

  @Option(
      names = "--insecure",
      description =
          "for developers: on 127.0.0.1 only, no TLS, anyone may do anything, profile open")
  private boolean insecure;

  @Option(
      names = "--mqtt-port",
      paramLabel = "PORT",
      description = "with --insecure; 0 takes any free one (" + MQTT_PORT + ")")
  private Integer mqttPort;

  @Option(
      names = "--ws-port",
      paramLabel = "PORT",
      description = "with --insecure; 0 takes any free one (" + WS_PORT + ")")
  private Integer wsPort;

  @Option(
      names = "--http-port",
      paramLabel = "PORT",
      description = "with --insecure; 0 takes any free one (" + HTTP_PORT + ")")
  private Integer httpPort;

  Start(Running.Starter starter) {
    this.starter = starter;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    refuseContradictions();
    Serving serving = insecure ? insecure() : config == null ? byDefaults() : byFile();
    serving.announce(spec.commandLine().getOut());
    Serving.untilStopped();
    return 0;
  }

  private Serving insecure() throws IOException, InterruptedException {
    Settings settings =
        new Settings(
            "insecure",
            Profile.OPEN,
            List.of(
                plaintext(Protocol.MQTT, port("--mqtt-port", mqttPort, MQTT_PORT)),
                plaintext(Protocol.WS, port("--ws-port", wsPort, WS_PORT))),
            new Address("127.0.0.1", port("--http-port", httpPort, HTTP_PORT)),
            Cluster.single(),
            Optional.empty(),
            true,
            0,
            new Limits(Profile.OPEN, Map.of()),
            Settings.Announced.NOTHING,
            Settings.Storage.in(SettingsFile.data(home)));
    List<String> options = List.of("--mqtt-port", "--ws-port");
    Serving serving =
        Serving.start(
            placed(settings),
            new Serving.Places("--insecure", options::get, "--http-port"),
            starter);
    LoggerFactory.getLogger(Start.class)
        .warn("--insecure: no TLS, and anyone on this machine may do anything");
    return serving;
  }

  private static Listener plaintext(Protocol protocol, int port) {
    return new Listener(
        protocol,
        new Address("127.0.0.1", port),
        Optional.empty(),
        Optional.empty(),
        "/mqtt",
        List.of("mqtt"));
  }

  private Serving byDefaults() throws IOException, InterruptedException {
    for (String name : List.of("server.pem", "server-key.pem", "namespace.yaml")) {
      if (!Files.isRegularFile(home.resolve(name))) {
        throw new ConfigException(
            "%s: missing (busbar quickstart makes it%s; or give --config FILE or --insecure)"
                .formatted(
                    home.resolve(name), name.endsWith(".pem") ? ", busbar cert server too" : ""));
      }
    }
    return Serving.start(
        placed(SettingsFile.defaults(home)),
        new Serving.Places(
            "default", i -> "default listeners[" + i + "].port", "default http.port"),
        starter);
  }

  private Serving byFile() throws IOException, InterruptedException {
    return Serving.start(
        placed(SettingsFile.read(config, home)), Serving.Places.of(config), starter);
  }

  /** With the directory that the option gives, and the loss that it accepts. */
  private Settings placed(Settings settings) {
    Settings.Storage storage = settings.storage();
    storage = data == null ? storage : storage.at(data);
    return settings.with(acceptLoss ? storage.acceptingLoss() : storage);
  }

  private void refuseContradictions() {
    if (insecure && config != null) {
      throw new ParameterException(
          spec.commandLine(), "--insecure: given with --config (allowed: one of them)");
    }
    if (!insecure) {
      requireAbsent("--mqtt-port", mqttPort);
      requireAbsent("--ws-port", wsPort);
      requireAbsent("--http-port", httpPort);
    }
  }

  private void requireAbsent(String option, Integer port) {
    if (port != null) {
      throw new ParameterException(
          spec.commandLine(),
          option + ": given without --insecure (else ports stand in the file of --config)");
    }
  }

  private int port(String option, Integer given, int otherwise) {
    return Ports.require(spec.commandLine(), option, given == null ? otherwise : given);
  }
}
