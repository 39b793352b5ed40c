package io.busbar.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.Node;
import io.busbar.broker.AuthenticationMethod;
import io.busbar.config.Durability;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.store.Store;
import io.busbar.store.StoreMeters;
import io.busbar.store.Stores;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.tool.Certificates;
import io.vertx.core.Future;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A node of its own for a test class, open to anyone, on free ports. After each test it closes the
 * clients that were opened here and checks what must hold then: nothing is connected, subscribed or
 * pending, the ledger adds up, no buffer was leaked.
 */
public final class TestNode implements BeforeAllCallback, AfterEachCallback, AfterAllCallback {
  private static final long START_SECONDS = 60;

  /** Asks for the settings once the class's directory for temporary files is there. */
  public interface Source {
    Settings settings() throws Exception;
  }

  private final Source source;
  private final List<AuthenticationMethod> methods = new ArrayList<>();
  private final List<RawClient> clients = Collections.synchronizedList(new ArrayList<>());
  private BiFunction<Settings, StoreMeters, Store> stores = Stores::open;
  private boolean isDurable;
  private Path data;
  private Settings settings;
  private Node node;

  private TestNode(Source source) {
    this.source = source;
  }

  /** A node of other settings, such as one with access control. */
  public static TestNode of(Source source) {
    return new TestNode(source);
  }

  /** The same node, with methods of enhanced authentication. */
  public TestNode offering(AuthenticationMethod... offered) {
    methods.addAll(List.of(offered));
    return this;
  }

  /** The same node, on another store. */
  public TestNode storing(BiFunction<Settings, StoreMeters, Store> other) {
    stores = other;
    return this;
  }

  /** The same node with a store on disk, in a directory of its own. */
  public TestNode durable() {
    isDurable = true;
    return this;
  }

  /** Stops the node and starts another one with the same settings, and so the same store. */
  public void restart() throws Exception {
    await(node.stop());
    node = await(Node.start(settings, methods, stores));
  }

  /** A node with some limits of its own. */
  public static TestNode with(int loops, Profile profile, Map<Limit, Long> limits) {
    return with(loops, profile, new Limits(profile, limits));
  }

  /** A node with limits, and with what happens to a queue that is full. */
  public static TestNode with(int loops, Profile profile, Limits limits) {
    Settings settings =
        new Settings(
            "test",
            profile,
            plaintext(),
            new Settings.Address("127.0.0.1", 0),
            Settings.Cluster.single(),
            Optional.empty(),
            true,
            loops,
            limits);
    return new TestNode(() -> settings);
  }

  /** Listeners for MQTT and WebSockets on free ports of loopback. */
  public static List<Settings.Listener> plaintext() {
    return List.of(listener(Settings.Protocol.MQTT), listener(Settings.Protocol.WS));
  }

  /**
   * Settings of a node with access control: it speaks all protocols, on loopback.
   *
   * @param directory gets the namespace file, and has what that refers to
   */
  public static Settings secured(
      Certificates.Identity server, Path directory, String namespace, Map<Limit, Long> limits)
      throws IOException {
    Path file = directory.resolve("namespace.yaml");
    Files.writeString(file, namespace);
    List<Settings.Listener> listeners = new ArrayList<>();
    for (Settings.Protocol protocol : Settings.Protocol.values()) {
      boolean tls = protocol.tls();
      listeners.add(
          listener(
              protocol,
              tls ? Optional.of(server.certificate()) : Optional.empty(),
              tls ? Optional.of(server.key()) : Optional.empty()));
    }
    return new Settings(
        "secured",
        Profile.OPEN,
        listeners,
        new Settings.Address("127.0.0.1", 0),
        Settings.Cluster.single(),
        Optional.of(file),
        false,
        1,
        new Limits(Profile.OPEN, limits));
  }

  private static Settings.Listener listener(Settings.Protocol protocol) {
    return listener(protocol, Optional.empty(), Optional.empty());
  }

  private static Settings.Listener listener(
      Settings.Protocol protocol, Optional<Path> certificate, Optional<Path> key) {
    return new Settings.Listener(
        protocol, new Settings.Address("127.0.0.1", 0), certificate, key, "/mqtt", List.of("mqtt"));
  }

  @Override
  public void beforeAll(ExtensionContext context) throws Exception {
    Leaks.watch();
    settings = source.settings();
    if (isDurable) {
      data = Files.createTempDirectory("busbar-data");
      long segment = Settings.Storage.SEGMENT_BYTES;
      settings = settings.with(new Settings.Storage(data, Durability.FSYNC, segment));
    }
    node = await(Node.start(settings, methods, stores));
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    for (RawClient client : clients) {
      client.close();
    }
    clients.clear();
    zero(Meter.CONNECTIONS);
    zero(Meter.SUBSCRIPTIONS);
    zero(Meter.FILTERS);
    zero(Meter.DELIVERIES_PENDING);
    zero(Meter.OUTBOUND_PENDING);
    Await.until("the ledger adds up", () -> matched() == accountedFor(), this::ledger);
    assertThat(Leaks.found()).as("buffers leaked").isEmpty();
  }

  @Override
  public void afterAll(ExtensionContext context) throws Exception {
    if (node != null) {
      await(node.stop());
    }
    if (data != null) {
      try (Stream<Path> files = Files.walk(data)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
    assertThat(Leaks.found()).as("buffers leaked by the stop").isEmpty();
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(START_SECONDS, TimeUnit.SECONDS);
  }

  private void zero(Meter gauge) {
    Await.until(gauge.id() + " is 0", () -> gauge(gauge) == 0, () -> gauge(gauge));
  }

  /** The value of a gauge now. */
  public double gauge(Meter gauge) {
    return node.telemetry().registry().get(gauge.id()).gauge().value();
  }

  /** The sum of a counter over its tags. */
  public long total(Meter counter) {
    return (long) node.telemetry().total(counter);
  }

  /** A row of the ledger. */
  public long lost(Loss loss) {
    return node.telemetry().lost(loss);
  }

  /** PUBLISH packets sent to clients at a QoS. */
  public long sent(int qos) {
    return node.telemetry().adder(Meter.PUBLISHES_SENT, String.valueOf(qos)).sum();
  }

  /** Contract 8, the left side. */
  private long matched() {
    return total(Meter.DELIVERIES_MATCHED);
  }

  private long accountedFor() {
    return total(Meter.DELIVERIES_SETTLED)
        + sent(0)
        + (long) gauge(Meter.DELIVERIES_PENDING)
        + lost(Loss.EXPIRED)
        + lost(Loss.QUEUE_FULL)
        + lost(Loss.SLOW_RECEIVER)
        + lost(Loss.TOO_LARGE)
        + lost(Loss.STORE_FULL)
        + lost(Loss.STORE_UNAVAILABLE)
        + lost(Loss.SESSION_ENDED);
  }

  private String ledger() {
    return "matched %d, accounted for %d".formatted(matched(), accountedFor());
  }

  /** How many times a timer has measured. */
  public long measured(Meter timer) {
    return node.telemetry().timer(timer).count();
  }

  /** The limit in force. */
  public long limit(Limit limit) {
    return settings.limits().get(limit);
  }

  /** The port of a transport. */
  public int port(RawClient.Transport transport) {
    return port(
        transport == RawClient.Transport.TCP ? Settings.Protocol.MQTT : Settings.Protocol.WS);
  }

  /** The port where a protocol is spoken. */
  public int port(Settings.Protocol protocol) {
    return node.listeners().stream()
        .filter(listener -> listener.protocol() == protocol)
        .findFirst()
        .orElseThrow()
        .address()
        .port();
  }

  /** The port of health and metrics. */
  public int httpPort() {
    return node.http().port();
  }

  /** Has a client closed after the test. */
  public RawClient adopt(RawClient client) {
    clients.add(client);
    return client;
  }

  /** A client that has a connection, over WebSocket an upgraded one, and has sent nothing else. */
  public RawClient open(RawClient.Transport transport, MqttVersion version) throws IOException {
    return adopt(RawClient.open(transport, version, port(transport)));
  }

  /** A client whose WebSocket is not upgraded yet, or a TCP one. */
  public RawClient bare(RawClient.Transport transport) throws IOException {
    return adopt(RawClient.bare(MqttVersion.V5, port(transport)));
  }

  /** A client over TCP that has had its CONNACK. */
  public RawClient connected(MqttVersion version, String clientId) throws IOException {
    RawClient client = open(RawClient.Transport.TCP, version);
    client.connect(clientId);
    return client;
  }
}
