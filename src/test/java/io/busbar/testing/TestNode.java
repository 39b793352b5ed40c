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
import io.busbar.telemetry.Telemetry;
import io.busbar.tool.Certificates;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A node of its own for a test class, open to anyone, on free ports; or several that are one
 * cluster, to which clients are dealt in turn. After each test it closes the clients that were
 * opened here and checks what must hold then: nothing is connected, subscribed or pending, the
 * ledger adds up, no buffer was leaked. What is measured is the sum over the nodes.
 */
public final class TestNode implements BeforeAllCallback, AfterEachCallback, AfterAllCallback {
  /** The collector has to run to see leaks, in more time than most cases take: not after each. */
  private static final long LOOK_EVERY = 2_000_000_000L;

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
  private int count = 1;
  private Path data;
  private final List<Settings> settings = new ArrayList<>();
  private final List<Node> nodes = new ArrayList<>();
  private int turn;
  private long looked = System.nanoTime();

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

  /** Several nodes with one store on their disks. */
  public TestNode nodes(int number) {
    count = number;
    return durable();
  }

  /** Stops the nodes and starts others with the same settings, and so the same store. */
  public void restart() throws Exception {
    stop();
    start();
  }

  private void start() throws Exception {
    List<Future<Node>> starting = new ArrayList<>();
    for (Settings one : settings) {
      starting.add(Node.start(one, methods, stores, Set.of()));
    }
    for (Future<Node> one : starting) {
      nodes.add(await(one));
    }
  }

  private void stop() throws Exception {
    List<Future<Void>> stopping = nodes.stream().map(Node::stop).toList();
    for (Future<Void> one : stopping) {
      await(one);
    }
    nodes.clear();
  }

  /** The same settings for several nodes, each with its own name, address and directory. */
  private void settings(Settings of) throws IOException {
    if (isDurable) {
      data = Files.createTempDirectory("busbar-data");
    }
    List<Integer> ports = freePorts(count);
    List<String> members = ports.stream().map(port -> "127.0.0.1:" + port).toList();
    String cluster = of.nodeName() + "-" + UUID.randomUUID();
    for (int i = 0; i < count; i++) {
      String name = count == 1 ? of.nodeName() : of.nodeName() + "-" + i;
      Settings.Cluster member =
          count == 1 ? of.cluster() : cluster(cluster, of.nodeName() + "-0", ports.get(i), members);
      Settings.Storage storage =
          isDurable
              ? new Settings.Storage(
                  data.resolve(name), Durability.FSYNC, Settings.Storage.SEGMENT_BYTES)
              : of.storage();
      settings.add(
          new Settings(
              name,
              of.profile(),
              of.listeners(),
              of.http(),
              member,
              of.namespaceFile(),
              of.accessForAll(),
              of.loops(),
              of.limits(),
              of.announced(),
              storage,
              of.api(),
              of.webhook(),
              of.eventDelivery(),
              of.revocation(),
              of.tokenIssuers(),
              of.tracing()));
    }
  }

  private static Settings.Cluster cluster(
      String name, String founder, int port, List<String> members) {
    Settings.Replication replication =
        new Settings.Replication(
            new Settings.Address("127.0.0.1", 0), founder, members.size(), Optional.empty());
    return new Settings.Cluster(
        true,
        name,
        new Settings.Address("127.0.0.1", port),
        0,
        members,
        Optional.empty(),
        Optional.of(replication));
  }

  /** Ports of loopback that nothing listens on, so many. */
  public static List<Integer> freePorts(int number) throws IOException {
    List<ServerSocket> sockets = new ArrayList<>();
    for (int i = 0; i < number; i++) {
      sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
    }
    List<Integer> ports = sockets.stream().map(ServerSocket::getLocalPort).toList();
    for (ServerSocket socket : sockets) {
      socket.close();
    }
    return ports;
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
    settings(source.settings());
    start();
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
    if (System.nanoTime() - looked > LOOK_EVERY) {
      assertThat(Leaks.found()).as("buffers leaked, in this case or one just before").isEmpty();
      looked = System.nanoTime();
    }
  }

  @Override
  public void afterAll(ExtensionContext context) throws Exception {
    stop();
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

  /** The first node's Vert.x, for who wants to be one of its verticles. */
  public Vertx vertx() {
    return nodes.get(0).vertx();
  }

  /** The meters of the first node. */
  public Telemetry telemetry() {
    return nodes.get(0).telemetry();
  }

  /** The value of a gauge now. */
  public double gauge(Meter gauge) {
    return nodes.stream()
        .mapToDouble(node -> node.telemetry().registry().get(gauge.id()).gauge().value())
        .sum();
  }

  /** The sum of a counter over its tags. */
  public long total(Meter counter) {
    return (long) nodes.stream().mapToDouble(node -> node.telemetry().total(counter)).sum();
  }

  /** Operations of a kind that the policy denied. */
  public long denials(String operation) {
    return nodes.stream()
        .mapToLong(node -> node.telemetry().adder(Meter.DENIALS, operation).sum())
        .sum();
  }

  /** A row of the ledger. */
  public long lost(Loss loss) {
    return nodes.stream().mapToLong(node -> node.telemetry().lost(loss)).sum();
  }

  /**
   * Waits until a row of the ledger is what is given, or more: a loop enters what it counted at the
   * end of a turn, when clients may have their answers already.
   */
  public void untilLost(Loss loss, long messages) {
    Await.until(
        "%d messages are in the ledger: %s".formatted(messages, loss.tag()),
        () -> lost(loss) >= messages,
        () -> lost(loss));
  }

  /** PUBLISH packets sent to clients at a QoS. */
  public long sent(int qos) {
    return nodes.stream()
        .flatMap(
            node ->
                node
                    .telemetry()
                    .registry()
                    .find(Meter.PUBLISHES_SENT.id())
                    .tag("qos", String.valueOf(qos))
                    .functionCounters()
                    .stream())
        .mapToLong(counter -> (long) counter.count())
        .sum();
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
        + lost(Loss.RECEIVER_THROTTLED)
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
    return nodes.stream().mapToLong(node -> node.telemetry().timer(timer).count()).sum();
  }

  /** The limit in force. */
  public long limit(Limit limit) {
    return settings.get(0).limits().get(limit);
  }

  /** The port of a transport. */
  public int port(RawClient.Transport transport) {
    return port(
        transport == RawClient.Transport.TCP ? Settings.Protocol.MQTT : Settings.Protocol.WS);
  }

  /** The port where a protocol is spoken, of the next node. */
  public int port(Settings.Protocol protocol) {
    return nodes.get(turn++ % nodes.size()).listeners().stream()
        .filter(listener -> listener.protocol() == protocol)
        .findFirst()
        .orElseThrow()
        .address()
        .port();
  }

  /** The port where a protocol is spoken, of one of the nodes. */
  public int port(Settings.Protocol protocol, int node) {
    turn = node;
    return port(protocol);
  }

  /** The port of the management API of one of the nodes. */
  public int apiPort(int node) {
    return nodes.get(node).api().orElseThrow().port();
  }

  /** The port of health and metrics. */
  public int httpPort() {
    return nodes.get(0).http().port();
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
