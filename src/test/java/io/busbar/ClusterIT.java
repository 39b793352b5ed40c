package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient;
import com.hivemq.client.mqtt.mqtt5.Mqtt5Client;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5DisconnectException;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5DisconnectReasonCode;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import io.busbar.bus.Bus;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.store.Stores;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.testing.ReluctantStore;
import io.busbar.testing.ReluctantStore.Mood;
import io.vertx.core.Future;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Two nodes in one JVM, each with two event loops: messages cross loops and nodes. */
@Timeout(120)
class ClusterIT {
  private static Node first;
  private static Node second;

  /** The second node's: it answers when it is told to. */
  private static ReluctantStore store;

  private final List<Mqtt5BlockingClient> clients = new ArrayList<>();

  @BeforeAll
  static void start() throws Exception {
    String name = "it-" + UUID.randomUUID();
    int onePort = freePort();
    int otherPort = freePort();
    List<String> members = List.of("127.0.0.1:" + onePort, "127.0.0.1:" + otherPort);
    first = await(Node.start(settings(name, onePort, members)));
    second =
        await(
            Node.start(
                settings(name, otherPort, members),
                List.of(),
                (settings, meters) -> {
                  store = new ReluctantStore(Stores.bounds(settings.limits()), meters);
                  return store;
                },
                Set.of()));
    eventually(() -> nodes(first) == 2 && nodes(second) == 2);
  }

  @AfterAll
  static void stop() throws Exception {
    await(second.stop());
    await(first.stop());
  }

  @AfterEach
  void disconnect() {
    clients.stream().filter(c -> c.getState().isConnected()).forEach(c -> c.disconnect());
  }

  private static Settings settings(String name, int port, List<String> members) {
    return new Settings(
        "node-" + port,
        Profile.OPEN,
        List.of(
            new Settings.Listener(
                Settings.Protocol.MQTT,
                new Settings.Address("127.0.0.1", 0),
                Optional.empty(),
                Optional.empty(),
                "/mqtt",
                List.of("mqtt"))),
        new Settings.Address("127.0.0.1", 0),
        new Settings.Cluster(
            true, name, new Settings.Address("127.0.0.1", port), 0, members, Optional.empty()),
        Optional.empty(),
        true,
        2,
        new Limits(Profile.OPEN, Map.of()));
  }

  @Test
  void aSubscriberOnOneNodeHearsAPublisherOnTheOtherInOrder() throws Exception {
    int messages = 2_000;
    for (MqttQos qos : List.of(MqttQos.AT_MOST_ONCE, MqttQos.AT_LEAST_ONCE)) {
      // one on each loop of the second node, so that messages are handed on there
      List<Inbox> inboxes = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        Mqtt5BlockingClient subscriber = connect(second, "sub-" + qos + i);
        inboxes.add(new Inbox(subscriber, "order/" + qos + "/+", messages));
      }
      Mqtt5BlockingClient publisher = connect(first, "pub-" + qos);
      publish(publisher, "order/" + qos + "/x", qos, messages);
      for (Inbox inbox : inboxes) {
        inbox.await();
        assertThat(inbox.payloads).isEqualTo(numbers(messages));
      }
    }
    assertThat(second.telemetry().total(Meter.FORWARDS_RECEIVED)).isGreaterThanOrEqualTo(4_000);
    assertThat(first.telemetry().lost(Loss.NODE_LOST)).isZero();
  }

  @Test
  void whatIsSubscribedOnOneNodeIsHeardFromTheOtherAtOnce() throws Exception {
    Mqtt5BlockingClient subscriber = connect(second, "at-once-sub");
    Mqtt5BlockingClient publisher = connect(first, "at-once-pub");
    for (int i = 0; i < 200; i++) {
      String topic = "at-once/" + i;
      Inbox inbox = new Inbox(subscriber, topic, 1);
      publish(publisher, topic, MqttQos.AT_LEAST_ONCE, 1);
      inbox.await();
    }
  }

  @Test
  void sessionsOfAllNodesAreListedAndEndedFromAny() throws Exception {
    Mqtt5BlockingClient there = connect(second, "listed-there");
    connect(first, "listed-here");
    List<Bus.SessionShown> shown = new ArrayList<>();
    String next = null;
    do {
      Bus.SessionsListed page =
          ask(new Bus.ListSessions(next, 2, (name, client) -> name.startsWith("listed-")));
      shown.addAll(page.sessions());
      next = page.next();
    } while (next != null);
    assertThat(shown.stream().map(Bus.SessionShown::name))
        .containsExactlyInAnyOrder("listed-there", "listed-here");
    assertThat(shown.stream().map(Bus.SessionShown::node)).doesNotHaveDuplicates();
    assertThat(ask(new Bus.FindSession("listed-there")).sessions()).hasSize(1);
    assertThat(ask(new Bus.FindSession("listed-nowhere")).sessions()).isEmpty();
    assertThat(ask(new Bus.Disconnect("listed-there")).sessions()).hasSize(1);
    eventually(() -> !there.getState().isConnected());
    assertThat(ask(new Bus.FindSession("listed-there")).sessions()).isEmpty();
  }

  private static Bus.SessionsListed ask(Bus.Local question) throws Exception {
    return (Bus.SessionsListed)
        first
            .vertx()
            .eventBus()
            .<Bus.Local>request(Bus.SESSION, question, Bus.local(20_000))
            .toCompletionStage()
            .toCompletableFuture()
            .get(20, TimeUnit.SECONDS)
            .body();
  }

  @Test
  void loopsOfOneNodeHandMessagesOnInOrder() throws Exception {
    int messages = 2_000;
    List<Inbox> inboxes = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      inboxes.add(new Inbox(connect(first, "loop-sub-" + i), "loops/#", messages));
    }
    publish(connect(first, "loop-pub"), "loops/a", MqttQos.AT_LEAST_ONCE, messages);
    for (Inbox inbox : inboxes) {
      inbox.await();
      assertThat(inbox.payloads).isEqualTo(numbers(messages));
    }
  }

  @Test
  void anAcknowledgementWaitsForTheStoreOfAnotherNode() throws Exception {
    Mqtt5BlockingClient away = stored("away");
    away.subscribeWith().topicFilter("kept").qos(MqttQos.AT_LEAST_ONCE).send();
    away.disconnect();
    Mqtt5BlockingClient publisher = connect(first, "kept-pub");
    double before = second.telemetry().total(Meter.FORWARDS_RECEIVED);
    store.be(Mood.STALLED);
    CompletableFuture<?> acked = publish(publisher, "later");
    eventually(() -> second.telemetry().total(Meter.FORWARDS_RECEIVED) > before);
    // what is sent after it has been answered, so an answer to it would have come
    publisher.subscribeWith().topicFilter("other").send();
    assertThat(acked).isNotDone();
    store.be(Mood.WILLING);
    acked.get(20, TimeUnit.SECONDS);

    store.be(Mood.FULL);
    CompletableFuture<?> refused = publish(publisher, "refused");
    eventually(() -> !publisher.getState().isConnected());
    store.be(Mood.WILLING);
    assertThatThrownBy(() -> refused.get(20, TimeUnit.SECONDS))
        .isInstanceOf(ExecutionException.class);
    try (Mqtt5BlockingClient.Mqtt5Publishes messages =
        away.publishes(MqttGlobalPublishFilter.ALL)) {
      away.connectWith().cleanStart(false).sessionExpiryInterval(1_000).send();
      assertThat(messages.receive(20, TimeUnit.SECONDS))
          .hasValueSatisfying(
              message -> assertThat(message.getPayloadAsBytes()).isEqualTo(bytes("later")));
    } finally {
      away.disconnect();
      connect(second, "away"); // with clean start: nothing stays
    }
  }

  private Mqtt5BlockingClient stored(String id) {
    Mqtt5BlockingClient client =
        Mqtt5Client.builder()
            .identifier(id)
            .serverHost("127.0.0.1")
            .serverPort(second.listeners().get(0).address().port())
            .buildBlocking();
    clients.add(client);
    client.connectWith().sessionExpiryInterval(1_000).send();
    return client;
  }

  private static CompletableFuture<?> publish(Mqtt5BlockingClient publisher, String payload) {
    return publisher
        .toAsync()
        .publishWith()
        .topic("kept")
        .qos(MqttQos.AT_LEAST_ONCE)
        .payload(bytes(payload))
        .send();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void aSessionNameIsTakenOverFromTheOtherNode() throws Exception {
    CompletableFuture<Throwable> ended = new CompletableFuture<>();
    Mqtt5BlockingClient older =
        Mqtt5Client.builder()
            .identifier("wanted")
            .serverHost("127.0.0.1")
            .serverPort(port(first))
            .addDisconnectedListener(context -> ended.complete(context.getCause()))
            .buildBlocking();
    older.connect();
    Mqtt5BlockingClient newer = connect(second, "wanted");
    Throwable cause = ended.get(10, TimeUnit.SECONDS);
    assertThat(cause).isInstanceOf(Mqtt5DisconnectException.class);
    assertThat(((Mqtt5DisconnectException) cause).getMqttMessage().getReasonCode())
        .isEqualTo(Mqtt5DisconnectReasonCode.SESSION_TAKEN_OVER);
    assertThat(newer.getState().isConnected()).isTrue();
    assertThatThrownBy(() -> older.publishWith().topic("x").send())
        .isInstanceOf(RuntimeException.class);
  }

  @Test
  void everyVerticleIsHeardOnTheBus() throws Exception {
    Mqtt5BlockingClient client = connect(first, "bus");
    client.subscribeWith().topicFilter("bus").send();
    for (String verticle : List.of("connection", "authorization", "matching", "session")) {
      assertThat(first.telemetry().adder(Meter.BUS_MESSAGES, verticle).sum())
          .as(verticle)
          .isPositive();
    }
  }

  private Mqtt5BlockingClient connect(Node node, String id) {
    Mqtt5BlockingClient client =
        Mqtt5Client.builder()
            .identifier(id)
            .serverHost("127.0.0.1")
            .serverPort(port(node))
            .buildBlocking();
    client.connect();
    clients.add(client);
    return client;
  }

  private static int port(Node node) {
    return node.listeners().get(0).address().port();
  }

  private static void publish(Mqtt5BlockingClient from, String topic, MqttQos qos, int messages) {
    List<CompletableFuture<?>> sent = new ArrayList<>();
    for (int i = 0; i < messages; i++) {
      sent.add(
          from.toAsync()
              .publishWith()
              .topic(topic)
              .qos(qos)
              .payload(String.valueOf(i).getBytes(StandardCharsets.UTF_8))
              .send());
    }
    CompletableFuture.allOf(sent.toArray(new CompletableFuture<?>[0])).join();
  }

  private static List<String> numbers(int messages) {
    List<String> numbers = new ArrayList<>();
    for (int i = 0; i < messages; i++) {
      numbers.add(String.valueOf(i));
    }
    return numbers;
  }

  /** What one subscriber got. */
  private static final class Inbox {
    final List<String> payloads = new CopyOnWriteArrayList<>();
    private final CountDownLatch missing;

    Inbox(Mqtt5BlockingClient subscriber, String filter, int messages) {
      missing = new CountDownLatch(messages);
      subscriber
          .toAsync()
          .subscribeWith()
          .topicFilter(filter)
          .qos(MqttQos.AT_LEAST_ONCE)
          .callback(this::arrived)
          .send()
          .join();
    }

    private void arrived(Mqtt5Publish publish) {
      payloads.add(new String(publish.getPayloadAsBytes(), StandardCharsets.UTF_8));
      missing.countDown();
    }

    void await() throws InterruptedException {
      assertThat(missing.await(30, TimeUnit.SECONDS))
          .as("all messages came: %d are missing", missing.getCount())
          .isTrue();
    }
  }

  private static double nodes(Node node) {
    return node.telemetry().registry().get(Meter.NODES.id()).gauge().value();
  }

  private static void eventually(java.util.function.BooleanSupplier condition) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("in time").isLessThan(end);
      Thread.onSpinWait();
    }
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
