package io.busbar.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.Node;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
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

  private final Settings settings;
  private final List<RawClient> clients = new ArrayList<>();
  private Node node;

  private TestNode(Settings settings) {
    this.settings = settings;
  }

  /** A node with some limits of its own. */
  public static TestNode with(int loops, Profile profile, Map<Limit, Long> limits) {
    return with(loops, profile, new Limits(profile, limits));
  }

  /** A node with limits, and with what happens to a queue that is full. */
  public static TestNode with(int loops, Profile profile, Limits limits) {
    return new TestNode(
        new Settings(
            "test",
            profile,
            List.of(listener(Settings.Protocol.MQTT), listener(Settings.Protocol.WS)),
            new Settings.Address("127.0.0.1", 0),
            Settings.Cluster.single(),
            Optional.empty(),
            true,
            loops,
            limits));
  }

  private static Settings.Listener listener(Settings.Protocol protocol) {
    return new Settings.Listener(
        protocol,
        new Settings.Address("127.0.0.1", 0),
        Optional.empty(),
        Optional.empty(),
        "/mqtt",
        List.of("mqtt"));
  }

  @Override
  public void beforeAll(ExtensionContext context) throws Exception {
    Leaks.watch();
    node = await(Node.start(settings));
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
        + lost(Loss.SESSION_ENDED);
  }

  private String ledger() {
    return "matched %d, accounted for %d".formatted(matched(), accountedFor());
  }

  /** The limit in force. */
  public long limit(Limit limit) {
    return settings.limits().get(limit);
  }

  /** The port of a transport. */
  public int port(RawClient.Transport transport) {
    return node.listeners().get(transport == RawClient.Transport.TCP ? 0 : 1).address().port();
  }

  /** A client that has a connection, over WebSocket an upgraded one, and has sent nothing else. */
  public RawClient open(RawClient.Transport transport, MqttVersion version) throws IOException {
    RawClient client = RawClient.open(transport, version, port(transport));
    clients.add(client);
    return client;
  }

  /** A client whose WebSocket is not upgraded yet, or a TCP one. */
  public RawClient bare(RawClient.Transport transport) throws IOException {
    RawClient client = RawClient.bare(MqttVersion.V5, port(transport));
    clients.add(client);
    return client;
  }

  /** A client over TCP that has had its CONNACK. */
  public RawClient connected(MqttVersion version, String clientId) throws IOException {
    RawClient client = open(RawClient.Transport.TCP, version);
    client.connect(clientId);
    return client;
  }
}
