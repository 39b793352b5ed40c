package io.busbar.cli;

import io.busbar.config.ConfigException;
import io.busbar.config.NamespaceFile;
import io.busbar.config.ResourceForm;
import io.busbar.config.Settings;
import io.busbar.config.Settings.Address;
import io.busbar.config.Settings.Listener;
import io.busbar.config.Settings.Protocol;
import io.busbar.config.SettingsFile;
import io.busbar.policy.EventDelivery;
import io.busbar.policy.EventSubscription;
import io.busbar.tool.Demonstration;
import io.busbar.tool.WebhookReceiver;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code busbar quickstart}: a secure broker made, started, and what it does shown. */
@Command(
    name = "quickstart",
    mixinStandardHelpOptions = true,
    description = {
      "Makes certificates, a configuration and a namespace in the home (once; what is there is"
          + " kept), starts a node from them, shows its main job with built-in clients over real"
          + " connections, and serves on.",
      "Everything listens on 127.0.0.1."
    },
    footer = {
      "",
      "Examples:",
      "  busbar quickstart",
      "  busbar quickstart --home /tmp/trial --http-port 8081 --once"
    })
final class Quickstart implements Callable<Integer> {
  private static final int MQTTS_PORT = 8883;
  private static final int WSS_PORT = 8443;
  private static final int HTTP_PORT = 8080;
  private static final int API_PORT = SettingsFile.API_PORT;
  private static final int WEBHOOK_PORT = 9090;
  private static final Set<String> EVERY_ADDRESS = Set.of("0.0.0.0", "::", "0:0:0:0:0:0:0:0");

  private final Running.Starter starter;

  @Spec private CommandSpec spec;

  @Option(
      names = "--home",
      paramLabel = "DIR",
      defaultValue = "${sys:user.home}/.busbar",
      description = "where the files are (${DEFAULT-VALUE})")
  private Path home;

  @Option(
      names = "--mqtts-port",
      paramLabel = "PORT",
      description = "MQTT over TLS (" + MQTTS_PORT + ", or what busbar.yaml says)")
  private Integer mqttsPort;

  @Option(
      names = "--wss-port",
      paramLabel = "PORT",
      description = "MQTT over secure WebSocket (" + WSS_PORT + ", or what busbar.yaml says)")
  private Integer wssPort;

  @Option(
      names = "--http-port",
      paramLabel = "PORT",
      description = "health and metrics (" + HTTP_PORT + ", or what busbar.yaml says)")
  private Integer httpPort;

  @Option(
      names = "--api-port",
      paramLabel = "PORT",
      description = "management API (" + API_PORT + ", or what busbar.yaml says)")
  private Integer apiPort;

  @Option(
      names = "--webhook-port",
      paramLabel = "PORT",
      description = "the built-in webhook (" + WEBHOOK_PORT + ", or what namespace.yaml says)")
  private Integer webhookPort;

  @Option(names = "--once", description = "end after the demonstration: 0 if all of it went well")
  private boolean isOnce;

  Quickstart(Running.Starter starter) {
    this.starter = starter;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    PrintWriter out = spec.commandLine().getOut();
    Home files =
        Home.open(
            home,
            Map.of(
                "MQTTS", port("--mqtts-port", mqttsPort, MQTTS_PORT),
                "WSS", port("--wss-port", wssPort, WSS_PORT),
                "HTTP", port("--http-port", httpPort, HTTP_PORT),
                "API", port("--api-port", apiPort, API_PORT),
                "WEBHOOK", port("--webhook-port", webhookPort, WEBHOOK_PORT)));
    out.printf("%s %s%n", files.isNew() ? "Made" : "Found", files.directory());
    out.flush();
    Settings settings = settings(files);
    int webhook = webhookPort(files.namespace());
    Serving.requireFree("--webhook-port", new Address("127.0.0.1", webhook));
    Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1).setWorkerPoolSize(2));
    WebhookReceiver receiver = new WebhookReceiver();
    try {
      receiver.start(vertx, webhook).toCompletionStage().toCompletableFuture().get();
    } catch (ExecutionException e) {
      throw new IOException("webhook: cannot start: " + e.getCause().getMessage(), e.getCause());
    }
    Serving serving = Serving.start(settings, places(settings, files), starter);
    serving.announce(out);

    Listener mqtts = listener(serving.node(), Protocol.MQTTS, files);
    Listener wss = listener(serving.node(), Protocol.WSS, files);
    boolean isGood =
        new Demonstration(
                files.certificates(),
                reachable(mqtts.address()),
                reachable(wss.address()),
                wss.path(),
                receiver,
                out)
            .run();
    if (isOnce || !isGood) {
      serving.stop();
      receiver.close();
      vertx.close();
      return isGood ? 0 : 1;
    }
    new Commands(files, mqtts, wss, serving.node().http(), serving.node().api(), webhook)
        .print(out);
    Serving.untilStopped();
    return 0;
  }

  /** What the file says, with the ports that options give. */
  private Settings settings(Home files) {
    Settings read = SettingsFile.read(files.configuration(), files.directory());
    List<Listener> listeners = new ArrayList<>();
    for (Listener listener : read.listeners()) {
      Integer port =
          switch (listener.protocol()) {
            case MQTTS -> mqttsPort;
            case WSS -> wssPort;
            case MQTT, WS -> null;
          };
      listeners.add(port == null ? listener : listener.withPort(port));
    }
    return new Settings(
        read.nodeName(),
        read.profile(),
        listeners,
        httpPort == null ? read.http() : new Address(read.http().host(), httpPort),
        read.cluster(),
        read.namespaceFile(),
        read.accessForAll(),
        read.loops(),
        read.limits(),
        read.announced(),
        read.storage(),
        read.api().map(api -> apiPort == null ? api : api.at(apiPort)),
        read.webhook(),
        read.eventDelivery(),
        read.revocation(),
        read.tokenIssuers(),
        read.tracing());
  }

  /** The built-in webhook listens where an event subscription leads. */
  private int webhookPort(Path namespace) {
    for (ResourceForm form : NamespaceFile.read(namespace).resources()) {
      if (!(form.resource() instanceof EventSubscription subscription)
          || !(subscription.delivery() instanceof EventDelivery.Webhook webhook)) {
        continue;
      }
      URI endpoint = webhook.endpoint();
      if ("127.0.0.1".equals(endpoint.getHost()) && endpoint.getPort() > 0) {
        if (webhookPort != null && webhookPort != endpoint.getPort()) {
          throw new ConfigException(
              "--webhook-port: %d, but %s has %d (change it there, or take another --home)"
                  .formatted(webhookPort, namespace, endpoint.getPort()));
        }
        return endpoint.getPort();
      }
    }
    throw new ConfigException(
        namespace
            + ": topics: no event subscription leads to http://127.0.0.1:PORT/events (the demonstration"
            + " needs one; busbar start does not)");
  }

  private static Serving.Places places(Settings settings, Home files) {
    return new Serving.Places(
        files.configuration().toString(),
        i ->
            switch (settings.listeners().get(i).protocol()) {
              case MQTTS -> "--mqtts-port";
              case WSS -> "--wss-port";
              case MQTT, WS -> Serving.Places.port(files.configuration(), i);
            },
        "--http-port");
  }

  private static Listener listener(Running node, Protocol protocol, Home files) {
    return node.listeners().stream()
        .filter(listener -> listener.protocol() == protocol)
        .findFirst()
        .orElseThrow(
            () ->
                new ConfigException(
                    "%s: listeners: none of protocol %s (the demonstration needs mqtts and wss)"
                        .formatted(files.configuration(), protocol)));
  }

  /** Where a listener is reached from this machine. */
  static Address reachable(Address address) {
    return EVERY_ADDRESS.contains(address.host())
        ? new Address("127.0.0.1", address.port())
        : address;
  }

  private int port(String option, Integer given, int otherwise) {
    return Ports.require(spec.commandLine(), option, given == null ? otherwise : given);
  }
}
