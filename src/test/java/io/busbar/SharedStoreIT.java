package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient;
import com.hivemq.client.mqtt.mqtt5.Mqtt5Client;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.telemetry.Meter;
import io.busbar.testing.TestNode;
import io.vertx.core.Future;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Three nodes in one JVM that have one store on their disks. */
@Timeout(180)
class SharedStoreIT {
  private static final int NODES = 3;
  private static final String NAME = "it-" + UUID.randomUUID();

  @TempDir private static Path data;
  private static final List<Settings> SETTINGS = new ArrayList<>();
  private static final List<Node> NODE = new ArrayList<>();

  private final List<Mqtt5BlockingClient> clients = new ArrayList<>();

  @BeforeAll
  static void start() throws Exception {
    List<Integer> ports = TestNode.freePorts(NODES);
    List<String> members = ports.stream().map(port -> "127.0.0.1:" + port).toList();
    List<Future<Node>> starting = new ArrayList<>();
    for (int i = 0; i < NODES; i++) {
      SETTINGS.add(settings(i, ports.get(i), members));
      starting.add(Node.start(SETTINGS.get(i)));
    }
    for (Future<Node> one : starting) {
      NODE.add(await(one));
    }
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
                0,
                members,
                Optional.empty(),
                Optional.of(
                    new Settings.Replication(
                        new Settings.Address("127.0.0.1", 0), "node-0", NODES, Optional.empty()))),
            Optional.empty(),
            true,
            1,
            new Limits(Profile.OPEN, Map.of()))
        .with(Settings.Storage.in(data.resolve("node-" + number)));
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
