package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient;
import com.hivemq.client.mqtt.mqtt5.Mqtt5Client;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5DisconnectException;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5DisconnectReasonCode;
import io.busbar.config.Settings;
import io.busbar.testing.Await;
import io.busbar.testing.TestNode;
import io.busbar.tool.Certificates;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The command as an operator meets it: a process of its own, its output and its exit code. */
@Timeout(120)
class MainIT {
  private static final String NAMESPACE = "name: trial\n";

  @TempDir static Path directory;
  private static Certificates.Identity server;

  @BeforeAll
  static void certificates() throws IOException {
    Certificates certificates = Certificates.in(directory, Instant.now());
    server = certificates.server(List.of("localhost"));
    certificates.client("other");
    Files.writeString(directory.resolve("namespace.yaml"), NAMESPACE);
  }

  private record Ended(int exitCode, List<String> out, List<String> err) {
    /** One line, and no more, with all of these words. */
    void refusedWith(int code, Object... words) {
      assertThat(err).hasSize(1);
      assertThat(err.get(0)).startsWith("busbar: ");
      for (Object word : words) {
        assertThat(err.get(0)).contains(word.toString());
      }
      assertThat(out).isEmpty();
      assertThat(exitCode).isEqualTo(code);
    }
  }

  @Test
  void saysWhatItCanDoAndWhichVersionItIs() throws Exception {
    Ended help = run("--help");
    assertThat(help.exitCode).isZero();
    assertThat(String.join("\n", help.out)).contains("start", "quickstart", "cert", "bench");
    Ended version = run("--version");
    assertThat(version.exitCode).isZero();
    assertThat(version.out.get(0)).startsWith("busbar ");
  }

  @Test
  void refusesUnknownOptionsAndCommands() throws Exception {
    run("start", "--frob").refusedWith(2, "--frob", "busbar start --help");
    run("strat").refusedWith(2, "strat", "allowed: start, quickstart");
    run("start", "--insecure", "--mqtt-port", "70000")
        .refusedWith(2, "--mqtt-port", "70000", "allowed: 0 to 65535");
  }

  @Test
  void namesThePortInUse() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String port = String.valueOf(taken.getLocalPort());
      run("start", "--insecure", "--mqtt-port", port, "--ws-port", "0", "--http-port", "0")
          .refusedWith(1, "--mqtt-port", "127.0.0.1:" + port, "in use", "a free port");
      Path file =
          config(
              "mqtt-and-http.yaml",
              """
              listeners: [{ protocol: mqtt, port: 0 }]
              http: { port: %s }
              """
                  .formatted(port));
      start(file).refusedWith(1, file + ": http.port", "127.0.0.1:" + port, "a free port");
      Path clustered =
          config(
              "clustered.yaml",
              """
              listeners: [{ protocol: mqtt, port: 0 }]
              http: { port: 0 }
              cluster: { port: %s }
              """
                  .formatted(port));
      start(clustered).refusedWith(1, clustered + ": cluster.port", "127.0.0.1:" + port);
    }
  }

  @Test
  void namesTheCertificateThatCannotBeUsed() throws Exception {
    Path key = server.key();
    Path missing = directory.resolve("nothing.pem");
    Path garbage = Files.write(directory.resolve("garbage.pem"), new byte[] {1, -1, 2, -2});
    Path other = directory.resolve("clients/other-key.pem");
    Path file = tls("missing.yaml", missing, key);
    start(file).refusedWith(2, file + ":4: listeners[0].certificate", missing, "does not exist");
    file = tls("garbage.yaml", garbage, key);
    start(file).refusedWith(2, file + ": listeners[0].certificate", garbage, "PEM");
    file = tls("text.yaml", directory.resolve("namespace.yaml"), key);
    start(file).refusedWith(2, file + ": listeners[0].certificate", "namespace.yaml", "PEM");
    file = tls("other.yaml", server.certificate(), other);
    start(file).refusedWith(2, file + ": listeners[0]", other, "not the key of", "server.pem");
  }

  @Test
  void namesTheLineOfAConfigurationThatIsWrong() throws Exception {
    Path value = config("value.yaml", "listeners:\n  - { protocol: mqtt, port: eighty }\n");
    start(value).refusedWith(2, value + ":2: listeners[0].port", "\"eighty\"", "0 to 65535");
    Path beyond =
        config("beyond.yaml", "listeners:\n  - { protocol: mqtt, host: 0.0.0.0, port: 0 }\n");
    start(beyond)
        .refusedWith(
            2, beyond + ":2: listeners[0].host", "0.0.0.0", "allowPlaintextBeyondLoopback: true");
  }

  @Test
  void namesTheLineOfANamespaceThatIsWrong() throws Exception {
    Path namespace =
        config("wrong-namespace.yaml", NAMESPACE + "clients:\n  - { name: a, state: On }\n");
    Path file =
        config(
            "namespace-wrong.yaml",
            """
            listeners: [{ protocol: mqtt, port: 0 }]
            http: { port: 0 }
            namespace: wrong-namespace.yaml
            """);
    start(file).refusedWith(2, namespace + ":3: clients[0].state", "\"On\"", "Enabled, Disabled");
  }

  @Test
  void isReadyOnceOnLoopbackOnlyAndTellsClientsWhenItStops() throws Exception {
    Path err = directory.resolve("node.err");
    Process node =
        process(
                "start",
                "--insecure",
                "--home",
                directory.resolve("home").toString(),
                "--mqtt-port",
                "0",
                "--ws-port",
                "0",
                "--http-port",
                "0")
            .redirectError(err.toFile())
            .start();
    try (BufferedReader out = node.inputReader()) {
      String ready = out.readLine();
      assertThat(ready).isNotNull().startsWith("busbar ready");
      Matcher listeners = Pattern.compile("[a-z]+://([0-9.]+):([0-9]+)(/mqtt)?").matcher(ready);
      List<Integer> ports = new ArrayList<>();
      while (listeners.find()) {
        assertThat(listeners.group(1)).isEqualTo("127.0.0.1");
        ports.add(Integer.valueOf(listeners.group(2)));
      }
      assertThat(ports).hasSize(3);
      for (int port : ports) {
        new Socket(InetAddress.getLoopbackAddress(), port).close();
        for (InetAddress beyond : beyondLoopback()) {
          assertThatThrownBy(() -> connect(beyond, port)).isInstanceOf(IOException.class);
        }
      }

      CompletableFuture<Throwable> ended = new CompletableFuture<>();
      Mqtt5BlockingClient client =
          Mqtt5Client.builder()
              .serverHost("127.0.0.1")
              .serverPort(ports.get(0))
              .addDisconnectedListener(context -> ended.complete(context.getCause()))
              .buildBlocking();
      client.connect();

      node.toHandle().destroy(); // SIGTERM; Process.destroy would close the streams as well
      assertThat(node.waitFor(10, TimeUnit.SECONDS)).as("stops within 10 s").isTrue();
      assertThat(node.exitValue()).isIn(0, 143);
      assertThat(ended.get(1, TimeUnit.SECONDS))
          .isInstanceOfSatisfying(
              Mqtt5DisconnectException.class,
              told ->
                  assertThat(told.getMqttMessage().getReasonCode())
                      .isEqualTo(Mqtt5DisconnectReasonCode.SERVER_SHUTTING_DOWN));
      assertThat(out.readLine()).as("after the ready line").isNull();
      assertThat(Files.readAllLines(err))
          .singleElement()
          .asString()
          .contains("WARN", "--insecure", "no TLS");
    } finally {
      node.destroyForcibly();
    }
  }

  private static Path pod(int number, List<Integer> ports, Settings.StatefulSet set)
      throws IOException {
    return config(
        "pod-%d.yaml".formatted(number),
        """
        node: pod-%d
        listeners: [{ protocol: mqtt, port: 0 }]
        http: { port: %d }
        namespace: namespace.yaml
        data: pod-%d
        cluster:
          name: %s
          port: %d
          members: ["127.0.0.1:%d", "127.0.0.1:%d"]
          store:
            founder: pod-0
            port: 0
            statefulSet: { name: pod, server: "%s", account: %s }
        """
            .formatted(
                number,
                ports.get(number),
                number,
                "it-" + ports.get(0),
                ports.get(2 + number),
                ports.get(2),
                ports.get(3),
                set.server(),
                set.account()));
  }

  private static int readiness(int port) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:%d/health/ready".formatted(port)))
            .build();
    return HttpClient.newHttpClient()
        .send(request, HttpResponse.BodyHandlers.discarding())
        .statusCode();
  }

  /** The voter that stays would serve nobody if the other were a voter still. */
  @Test
  void toldToStopAPodThatIsNotToComeBackLeavesFirst() throws Exception {
    List<Integer> ports = TestNode.freePorts(4);
    List<Process> pods = new ArrayList<>();
    try (Kubernetes kubernetes = new Kubernetes(directory.resolve("kubernetes"))) {
      kubernetes.answers(200, "{'spec': {'replicas': 1}}");
      Path log = directory.resolve("pod-1.err");
      for (int i = 0; i < 2; i++) {
        Path file = pod(i, ports, kubernetes.set("pod"));
        pods.add(
            process("start", "--config", file.toString())
                .redirectOutput(directory.resolve("pod-%d.out".formatted(i)).toFile())
                .redirectError(directory.resolve("pod-%d.err".formatted(i)).toFile())
                .start());
      }
      for (int i = 0; i < 2; i++) {
        Path out = directory.resolve("pod-%d.out".formatted(i));
        Path err = directory.resolve("pod-%d.err".formatted(i));
        Await.until(
            "pod-%d is ready".formatted(i),
            () -> read(out).contains("busbar ready"),
            () -> read(err));
      }
      pods.get(1).toHandle().destroy();
      assertThat(pods.get(1).waitFor(60, TimeUnit.SECONDS)).as("stops").isTrue();
      assertThat(read(log)).contains("this node has left the store");
      Await.elapsed(Duration.ofSeconds(5)); // longer than a lease
      assertThat(readiness(ports.get(0))).isEqualTo(200);

      pods.get(0).toHandle().destroy();
      assertThat(pods.get(0).waitFor(10, TimeUnit.SECONDS)).as("stops within 10 s").isTrue();
    } finally {
      pods.forEach(Process::destroyForcibly);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<InetAddress> beyondLoopback() throws IOException {
    return NetworkInterface.networkInterfaces()
        .flatMap(NetworkInterface::inetAddresses)
        .filter(address -> !address.isLoopbackAddress())
        .toList();
  }

  private static void connect(InetAddress address, int port) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(address, port), 1_000);
    }
  }

  private static Path config(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  private static Path tls(String name, Path certificate, Path key) throws IOException {
    return config(
        name,
        """
        listeners:
          - protocol: mqtts
            port: 0
            certificate: %s
            key: %s
        http: { port: 0 }
        """
            .formatted(certificate, key));
  }

  private static Ended start(Path file) throws Exception {
    return run("start", "--config", file.toString());
  }

  private static Ended run(String... arguments) throws Exception {
    Path out = Files.createTempFile(directory, "out", ".txt");
    Path err = Files.createTempFile(directory, "err", ".txt");
    Process process =
        process(arguments).redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    try {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("ends by itself").isTrue();
      return new Ended(process.exitValue(), Files.readAllLines(out), Files.readAllLines(err));
    } finally {
      process.destroyForcibly();
    }
  }

  /** The options of the tests' own JVM that open the JDK, and those that make a start cheap. */
  private static ProcessBuilder process(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
            .filter(argument -> argument.startsWith("--"))
            .toList());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx256m"));
    command.add("-Dlogback.configurationFile=logback.xml"); // the command's own, not the tests'
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), "io.busbar.Main"));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command);
  }
}
