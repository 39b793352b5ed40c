package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient;
import com.hivemq.client.mqtt.mqtt5.Mqtt5Client;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.eventbus.DeliveryContext;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import org.bouncycastle.asn1.x500.X500Name;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Three nodes in one JVM that have one store on their disks, and speak under TLS. */
@Timeout(180)
class SharedStoreIT {
  private static final int NODES = 3;
  private static final String NAME = "it-" + UUID.randomUUID();

  @TempDir private static Path data;
  private static final List<Settings> SETTINGS = new ArrayList<>();
  private static List<Integer> ports;
  private static TestPki pki;
  private static final List<Node> NODE = new ArrayList<>();

  private final List<Mqtt5BlockingClient> clients = new ArrayList<>();

  @BeforeAll
  static void start() throws Exception {
    ports = TestNode.freePorts(2 * NODES);
    pki = TestPki.in(data);
    shown(pki).write(data, "node");
    List<String> members =
        ports.subList(0, NODES).stream().map(port -> "127.0.0.1:" + port).toList();
    List<Future<Node>> starting = new ArrayList<>();
    for (int i = 0; i < NODES; i++) {
      SETTINGS.add(settings(i, ports.get(i), members));
      starting.add(Node.start(SETTINGS.get(i)));
    }
    for (Future<Node> one : starting) {
      NODE.add(await(one));
    }
  }

  private static TestPki.Shown shown(TestPki of) throws Exception {
    Instant now = Instant.now();
    Duration hour = Duration.ofHours(1);
    return of.issue(new X500Name("CN=node"), now.minus(hour), now.plus(hour), "127.0.0.1");
  }

  @AfterAll
  static void stop() throws Exception {
    for (Node node : NODE) {
      await(node.stop());
    }
  }

  @AfterEach
  void disconnect() {
    clients.stream().filter(c -> c.getState().isConnected()).forEach(c -> c.disconnect());
  }

  private static Settings settings(int number, int port, List<String> members) {
    return new Settings(
            "node-" + number,
            Profile.OPEN,
            TestNode.plaintext(),
            new Settings.Address("127.0.0.1", 0),
            new Settings.Cluster(
                true,
                NAME,
                new Settings.Address("127.0.0.1", port),
                ports.get(NODES + number),
                members,
                Optional.empty(),
                Optional.of(
                    new Settings.Replication(
                        new Settings.Address("127.0.0.1", 0),
                        "node-0",
                        NODES,
                        Optional.of(
                            new Settings.PeerTls(
                                data.resolve("node.pem"),
                                data.resolve("node-key.pem"),
                                data.resolve("ca.pem"),
                                Optional.empty()))))),
            Optional.empty(),
            true,
            1,
            new Limits(Profile.OPEN, Map.of()))
        .with(Settings.Storage.in(data.resolve("node-" + number)));
  }

  /** The event bus carries what devices say: only nodes may speak on it. */
  @Test
  void theEventBusIsForNodesAlone(@TempDir Path elsewhere) throws Exception {
    int bus = ports.get(NODES);
    try (Socket plain = new Socket(InetAddress.getLoopbackAddress(), bus)) {
      plain.setSoTimeout(10_000);
      plain.getOutputStream().write(new byte[] {0, 0, 0, 1, 1});
      assertThat(saysNothing(plain)).as("without TLS").isTrue();
    }
    TestPki.Shown stranger = shown(TestPki.in(elsewhere));
    for (TestPki.Shown shown : Arrays.asList(stranger, null)) {
      try (SSLSocket socket =
          (SSLSocket) pki.context(shown).getSocketFactory().createSocket("127.0.0.1", bus)) {
        socket.setSoTimeout(10_000);
        assertThatThrownBy(
                () -> {
                  socket.startHandshake();
                  // TLS 1.3 judges the client's certificate after its handshake
                  if (socket.getInputStream().read() < 0) {
                    throw new SSLException("closed");
                  }
                })
            .as(shown == null ? "no certificate" : "of another authority")
            .isInstanceOf(IOException.class);
      }
    }
  }

  private static boolean saysNothing(Socket socket) throws IOException {
    try {
      // an alert of TLS at most, and the end
      return socket.getInputStream().readAllBytes().length <= 7;
    } catch (SocketException reset) {
      return true;
    }
  }

  @Test
  void aSessionIsResumedAtAnotherNodeWithWhatAThirdOnePublished() throws Exception {
    Mqtt5BlockingClient there = stored(0, "roamer");
    subscribe(there, "roam/#");
    there.disconnect();
    Mqtt5BlockingClient publisher = transientAt(1, "roam-pub");
    for (int i = 0; i < 100; i++) {
      publish(publisher, "roam/a", String.valueOf(i));
    }
    Mqtt5BlockingClient here = client(2, "roamer");
    try (Mqtt5BlockingClient.Mqtt5Publishes messages =
        here.publishes(MqttGlobalPublishFilter.ALL)) {
      assertThat(here.connectWith().cleanStart(false).sessionExpiryInterval(600).send())
          .matches(ack -> ack.isSessionPresent());
      for (int i = 0; i < 100; i++) {
        assertThat(text(messages)).isEqualTo(String.valueOf(i));
      }
      publish(publisher, "roam/b", "live");
      assertThat(text(messages)).isEqualTo("live");
    }
  }

  /**
   * The node of a publisher must know, when SUBACK comes, that the store is to have the message.
   */
  @Test
  void whatIsPublishedAnywhereAfterSubackIsStored() throws Exception {
    Mqtt5BlockingClient subscriber = stored(0, "at-once");
    List<Mqtt5BlockingClient> publishers =
        List.of(transientAt(1, "at-once-1"), transientAt(2, "at-once-2"));
    try (Mqtt5BlockingClient.Mqtt5Publishes messages =
        subscriber.publishes(MqttGlobalPublishFilter.ALL)) {
      for (int i = 0; i < 50; i++) {
        subscribe(subscriber, "at-once/" + i);
        publish(publishers.get(i % 2), "at-once/" + i, String.valueOf(i));
        assertThat(text(messages)).isEqualTo(String.valueOf(i));
      }
    }
  }

  @Test
  void whatOneNodeRetainsIsFoundAtTheOthersAtOnce() throws Exception {
    Mqtt5BlockingClient publisher = transientAt(0, "retainer");
    for (int i = 0; i < 50; i++) {
      String topic = "kept/" + i;
      publisher
          .publishWith()
          .topic(topic)
          .qos(MqttQos.AT_LEAST_ONCE)
          .retain(true)
          .payload(bytes("v" + i))
          .send();
      Mqtt5BlockingClient reader = transientAt(1 + i % 2, "reader-" + i);
      try (Mqtt5BlockingClient.Mqtt5Publishes messages =
          reader.publishes(MqttGlobalPublishFilter.ALL)) {
        subscribe(reader, topic);
        assertThat(text(messages)).isEqualTo("v" + i);
      }
      reader.disconnect();
      publisher.publishWith().topic(topic).qos(MqttQos.AT_LEAST_ONCE).retain(true).send();
    }
  }

  /** What the store brings is not forwarded, too; what it does not have is. */
  @Test
  void aStoredSessionGetsEachMessageOnce_atEachQos() throws Exception {
    Mqtt5BlockingClient subscriber = stored(0, "each-qos");
    subscriber.subscribeWith().topicFilter("each/#").qos(MqttQos.EXACTLY_ONCE).send();
    Mqtt5BlockingClient publisher = transientAt(1, "each-qos-pub");
    double before = NODE.get(1).telemetry().total(Meter.FORWARDS_SENT);
    try (Mqtt5BlockingClient.Mqtt5Publishes messages =
        subscriber.publishes(MqttGlobalPublishFilter.ALL)) {
      for (MqttQos qos : MqttQos.values()) {
        publisher.publishWith().topic("each/x").qos(qos).payload(bytes(qos.name())).send();
        assertThat(text(messages)).isEqualTo(qos.name());
      }
      assertThat(messages.receive(200, TimeUnit.MILLISECONDS)).isEmpty();
    }
    assertThat(NODE.get(1).telemetry().total(Meter.FORWARDS_SENT)).isEqualTo(before + 1);
  }

  /**
   * A publisher is interrupted before PUBREC, and sends its message again at another node: whether
   * the first node's forward never came, came late, or had come, a subscriber of a third node gets
   * it once. The store alone cannot tell: it knows the identifier in all three cases.
   */
  @ParameterizedTest
  @ValueSource(strings = {"lost", "late", "taken"})
  void aMessageThatIsSentAgainAtAnotherNodeComesOnce(String forward) throws Exception {
    comesOnce(forward, 0, 1, 2);
  }

  private void comesOnce(String forward, int at, int subscribed, int then) throws Exception {
    String name = forward + at;
    String topic = "again/" + name;
    boolean isHeld = !forward.equals("taken");
    Queue<DeliveryContext<Object>> held = new ConcurrentLinkedQueue<>();
    Handler<DeliveryContext<Object>> hold =
        context -> {
          String address = context.message().address();
          if (isHeld && address.startsWith("node.") && address.contains(".loop.")) {
            held.add(context);
          } else {
            context.next();
          }
        };
    NODE.get(at).vertx().eventBus().addOutboundInterceptor(hold);
    try (RawClient subscriber = raw(subscribed)) {
      subscriber.connect("again-s-" + name);
      subscriber.subscribe(topic, 2);
      String publisher = "again-p-" + name;
      byte[] packet;
      try (RawClient first = raw(at)) {
        first.resume(publisher, 600);
        packet = first.publishPacket(topic, 2, 7, "once", new PropertyWriter());
        first.send(packet);
        if (isHeld) {
          Await.until("the forward is held", () -> !held.isEmpty(), held::size);
          first.expectNothing();
        } else {
          first.expectAck(Packet.PUBREC, 7);
          complete(subscriber, "once");
        }
      }
      packet[0] |= 0x08;
      try (RawClient second = raw(then)) {
        assertThat(second.resume(publisher, 600).sessionPresent()).isTrue();
        second.send(packet);
        second.expectAck(Packet.PUBREC, 7);
      }
      if (isHeld) {
        complete(subscriber, "once");
      }
      if (forward.equals("late")) {
        held.forEach(DeliveryContext::next);
      }
      NODE.get(at).vertx().eventBus().removeOutboundInterceptor(hold);
      try (RawClient third = raw(at)) {
        third.resume(publisher, 600);
        third.send(packet);
        third.expectAck(Packet.PUBREC, 7);
        third.sendAck(Packet.PUBREL, 7);
        third.expectAck(Packet.PUBCOMP, 7);
        third.publishExactly(topic, "next", 7);
      }
      complete(subscriber, "next");
      subscriber.expectNothing();
    } finally {
      NODE.get(at).vertx().eventBus().removeOutboundInterceptor(hold);
    }
  }

  private static void complete(RawClient subscriber, String payload) throws IOException {
    subscriber.complete(subscriber.expectMessage(payload));
  }

  private static RawClient raw(int node) throws IOException {
    int port = NODE.get(node).listeners().get(0).address().port();
    return RawClient.over(new Socket(InetAddress.getLoopbackAddress(), port), MqttVersion.V5);
  }

  @Test
  void aSessionIsTakenOverFromAnotherNode() throws Exception {
    Mqtt5BlockingClient older = stored(0, "wanted");
    subscribe(older, "wanted");
    Mqtt5BlockingClient newer = client(1, "wanted");
    assertThat(newer.connectWith().cleanStart(false).sessionExpiryInterval(600).send())
        .matches(ack -> ack.isSessionPresent());
    eventually(() -> !older.getState().isConnected());
    try (Mqtt5BlockingClient.Mqtt5Publishes messages =
        newer.publishes(MqttGlobalPublishFilter.ALL)) {
      publish(transientAt(2, "wanted-pub"), "wanted", "x");
      assertThat(text(messages)).isEqualTo("x");
    }
  }

  @Test
  void eachMessageOfAShareHasOneOfItsStoredMembers() throws Exception {
    Mqtt5BlockingClient one = stored(0, "member-0");
    Mqtt5BlockingClient other = stored(1, "member-1");
    Mqtt5BlockingClient publisher = transientAt(2, "share-pub");
    try (Mqtt5BlockingClient.Mqtt5Publishes first = one.publishes(MqttGlobalPublishFilter.ALL);
        Mqtt5BlockingClient.Mqtt5Publishes second = other.publishes(MqttGlobalPublishFilter.ALL)) {
      subscribe(one, "$share/g/jobs");
      subscribe(other, "$share/g/jobs");
      for (int i = 0; i < 20; i++) {
        publish(publisher, "jobs", String.valueOf(i));
      }
      List<String> got = new ArrayList<>();
      while (got.size() < 20) {
        first.receive(5, TimeUnit.MILLISECONDS).ifPresent(message -> got.add(text(message)));
        second.receive(5, TimeUnit.MILLISECONDS).ifPresent(message -> got.add(text(message)));
      }
      assertThat(first.receive(100, TimeUnit.MILLISECONDS)).isEmpty();
      assertThat(second.receive(100, TimeUnit.MILLISECONDS)).isEmpty();
      assertThat(got).doesNotHaveDuplicates();
    }
  }

  /** A node cannot ask those who are away of which version they are: the log says it. */
  @Test
  void aNodeThatBeginsWhileAnotherIsAwayGivesMessagesNames() throws Exception {
    await(NODE.get(2).stop());
    await(NODE.get(1).stop());
    NODE.set(1, await(Node.start(SETTINGS.get(1))));
    comesOnce("lost", 1, 0, 0);
    NODE.set(2, await(Node.start(SETTINGS.get(2))));
  }

  @Test
  void oneNodeMayBeAway() throws Exception {
    Mqtt5BlockingClient there = stored(2, "survivor");
    subscribe(there, "survive/#");
    int away = 2;
    await(NODE.get(away).stop());
    Mqtt5BlockingClient publisher = transientAt(0, "survive-pub");
    publish(publisher, "survive/a", "while it is away");
    Mqtt5BlockingClient here = client(1, "survivor");
    try (Mqtt5BlockingClient.Mqtt5Publishes messages =
        here.publishes(MqttGlobalPublishFilter.ALL)) {
      assertThat(here.connectWith().cleanStart(false).sessionExpiryInterval(600).send())
          .matches(ack -> ack.isSessionPresent());
      assertThat(text(messages)).isEqualTo("while it is away");
    }
    here.disconnect();
    NODE.set(away, await(Node.start(SETTINGS.get(away))));
    assertThat(
            NODE.get(away).telemetry().registry().get(Meter.SESSIONS_STORED.id()).gauge().value())
        .isPositive();
    Mqtt5BlockingClient back = client(away, "survivor");
    assertThat(back.connectWith().cleanStart(false).sessionExpiryInterval(0).send())
        .matches(ack -> ack.isSessionPresent());
  }

  private Mqtt5BlockingClient client(int node, String id) {
    Mqtt5BlockingClient client =
        Mqtt5Client.builder()
            .identifier(id)
            .serverHost("127.0.0.1")
            .serverPort(NODE.get(node).listeners().get(0).address().port())
            .buildBlocking();
    clients.add(client);
    return client;
  }

  private Mqtt5BlockingClient stored(int node, String id) {
    Mqtt5BlockingClient client = client(node, id);
    client.connectWith().sessionExpiryInterval(600).send();
    return client;
  }

  private Mqtt5BlockingClient transientAt(int node, String id) {
    Mqtt5BlockingClient client = client(node, id);
    client.connect();
    return client;
  }

  private static void subscribe(Mqtt5BlockingClient client, String filter) {
    client.subscribeWith().topicFilter(filter).qos(MqttQos.AT_LEAST_ONCE).send();
  }

  private static void publish(Mqtt5BlockingClient client, String topic, String text) {
    client.publishWith().topic(topic).qos(MqttQos.AT_LEAST_ONCE).payload(bytes(text)).send();
  }

  private static String text(Mqtt5BlockingClient.Mqtt5Publishes messages)
      throws InterruptedException {
    return text(messages.receive(20, TimeUnit.SECONDS).orElseThrow());
  }

  private static String text(Mqtt5Publish message) {
    return new String(message.getPayloadAsBytes(), StandardCharsets.UTF_8);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void eventually(BooleanSupplier condition) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("in time").isLessThan(end);
      Thread.onSpinWait();
    }
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
  }
}
