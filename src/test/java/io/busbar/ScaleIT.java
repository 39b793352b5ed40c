package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient;
import com.hivemq.client.mqtt.mqtt5.Mqtt5Client;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.testing.Await;
import io.busbar.testing.TestNode;
import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A cluster that grows and shrinks while devices publish: 1, 3, 5, 2, 1, and 2 again. */
@Timeout(240)
class ScaleIT {
  private static final int MOST = 5;

  /** So many that each of two nodes has some of them. */
  private static final int QUEUES = 12;

  private static final HttpClient HTTP = HttpClient.newHttpClient();

  @TempDir private Path data;
  private final String cluster = "it-" + UUID.randomUUID();
  private final Map<Integer, Node> nodes = new ConcurrentSkipListMap<>();
  private final Publisher publisher = new Publisher();
  private List<Integer> ports;
  private Optional<Settings.StatefulSet> statefulSet = Optional.empty();

  @BeforeEach
  void ports() throws Exception {
    ports = TestNode.freePorts(MOST);
  }

  @AfterEach
  void stopAll() throws Exception {
    publisher.isOver = true;
    publisher.join();
    for (Node node : nodes.values()) {
      await(node.stop());
    }
  }

  private Settings settings(int number) {
    Settings.Replication replication =
        new Settings.Replication(
            new Settings.Address("127.0.0.1", 0),
            "node-0",
            1,
            3,
            Settings.Replication.REPLACE_AFTER,
            Optional.empty(),
            statefulSet);
    return new Settings(
            "node-" + number,
            Profile.OPEN,
            TestNode.plaintext(),
            new Settings.Address("127.0.0.1", 0),
            new Settings.Cluster(
                true,
                cluster,
                new Settings.Address("127.0.0.1", ports.get(number)),
                0,
                ports.stream().map(port -> "127.0.0.1:" + port).toList(),
                Optional.empty(),
                Optional.of(replication)),
            Optional.empty(),
            true,
            1,
            new Limits(Profile.OPEN, Map.of(Limit.QUEUE_MESSAGES, 1_000_000L)))
        .with(Settings.Storage.in(data.resolve("node-" + number)));
  }

  private void start(int... numbers) throws Exception {
    Map<Integer, Future<Node>> starting = new TreeMap<>();
    for (int number : numbers) {
      starting.put(number, Node.start(settings(number)));
    }
    for (Map.Entry<Integer, Future<Node>> one : starting.entrySet()) {
      nodes.put(one.getKey(), await(one.getValue()));
    }
  }

  private void stop(int number) throws Exception {
    await(nodes.remove(number).stop());
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  private HttpResponse<String> ask(int at, String method, String path) {
    return ask(at, method, path, "application/json", "");
  }

  private HttpResponse<String> ask(int at, String method, String path, String type, String body) {
    Settings.Address http = nodes.get(at).http();
    URI uri = URI.create("http://%s:%d%s".formatted(http.host(), http.port(), path));
    HttpRequest request =
        HttpRequest.newBuilder(uri)
            .header("content-type", type)
            .header("authorization", "SharedAccessKey any")
            .method(method, HttpRequest.BodyPublishers.ofString(body))
            .build();
    try {
      return HTTP.send(request, HttpResponse.BodyHandlers.ofString());
    } catch (Exception e) {
      throw new IllegalStateException(uri.toString(), e);
    }
  }

  private JsonObject view(int at) {
    return new JsonObject(ask(at, "GET", "/cluster").body());
  }

  private void settled(int at, int members, int voters) {
    Await.until(
        "%d members, %d voters".formatted(members, voters),
        () -> {
          JsonObject now = view(at);
          return now.getInteger("voters") == voters
              && names(now, Set.of("leader", "voter", "learner")).size() == members;
        },
        () -> view(at));
  }

  private void eachNodeTellsHowTheOthersAre() {
    Mqtt5BlockingClient only = client("only", 2);
    only.connect();
    for (int at : nodes.keySet()) {
      Map<String, JsonObject> told = new TreeMap<>();
      for (Object one : new JsonObject(ask(at, "GET", "/nodes").body()).getJsonArray("value")) {
        JsonObject node = (JsonObject) one;
        told.put(node.getString("node"), node);
      }
      assertThat(told).containsOnlyKeys("node-0", "node-1", "node-2");
      assertThat(told.get("node-2").getInteger("connections")).isPositive();
      JsonObject all =
          new JsonObject(ask(at, "GET", "/nodes/" + told.get("node-2").getString("id")).body());
      assertThat(all.getString("node")).isEqualTo("node-2");
      assertThat(all.getJsonObject("meters").fieldNames()).contains("busbar.store.commit");
    }
    only.disconnect();
  }

  private static Set<String> names(JsonObject view, Set<String> roles) {
    Set<String> names = new TreeSet<>();
    for (Object one : view.getJsonArray("nodes")) {
      JsonObject node = (JsonObject) one;
      if (roles.contains(node.getString("role"))) {
        names.add(node.getString("name"));
      }
    }
    return names;
  }

  /** Has a node leave, as the command does, and stops it. */
  private void leave(int number, int askedAt, int membersLeft, int votersLeft) throws Exception {
    HttpResponse<String> answer = ask(askedAt, "POST", "/cluster/nodes/node-" + number + "/leave");
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(202);
    assertThat(ask(number, "GET", "/health/ready").statusCode()).isEqualTo(503);
    int other = nodes.keySet().stream().filter(n -> n != number).findFirst().orElseThrow();
    settled(other, membersLeft, votersLeft);
    assertThat(names(view(other), Set.of("leader", "voter", "learner")))
        .doesNotContain("node-" + number);
    stop(number);
  }

  private Mqtt5BlockingClient client(String id, int at) {
    return Mqtt5Client.builder()
        .identifier(id)
        .serverHost("127.0.0.1")
        .serverPort(nodes.get(at).listeners().get(0).address().port())
        .buildBlocking();
  }

  private Mqtt5BlockingClient stored(String id, int at) {
    Mqtt5BlockingClient client = client(id, at);
    client.connectWith().cleanStart(false).sessionExpiryInterval(3_600).send();
    return client;
  }

  /** Publishes one number after the other at QoS 1, at any node that serves. */
  private final class Publisher extends Thread {
    final Set<Integer> acknowledged = new ConcurrentSkipListSet<>();
    volatile boolean isOver;
    private int next;

    @Override
    public void run() {
      for (int turn = 0; !isOver; turn++) {
        List<Integer> there = List.copyOf(nodes.keySet());
        Mqtt5BlockingClient client;
        try {
          client = client("publisher-" + turn, there.get(turn % there.size()));
          client.connectWith().cleanStart(true).send();
        } catch (RuntimeException e) {
          // that node leaves, or is gone
          continue;
        }
        try {
          for (int i = 0; i < 100 && !isOver; i++) {
            int number = next++;
            client
                .publishWith()
                .topic("scale/" + number % 10)
                .qos(MqttQos.AT_LEAST_ONCE)
                .payload(String.valueOf(number).getBytes(StandardCharsets.UTF_8))
                .send();
            acknowledged.add(number);
          }
          client.disconnect();
        } catch (RuntimeException e) {
          // what was not acknowledged may be lost
        }
      }
    }
  }

  private static Set<Integer> drain(Mqtt5BlockingClient.Mqtt5Publishes messages, int atLeast)
      throws InterruptedException {
    Set<Integer> got = new TreeSet<>();
    while (true) {
      var message = messages.receive(got.size() < atLeast ? 10 : 1, TimeUnit.SECONDS);
      if (message.isEmpty()) {
        return got;
      }
      got.add(
          Integer.parseInt(new String(message.get().getPayloadAsBytes(), StandardCharsets.UTF_8)));
    }
  }

  /** As Kubernetes stops pods: two at once, and nobody has told the nodes before. */
  @Test
  void podsThatAreNotToComeBackLeave() throws Exception {
    try (Kubernetes kubernetes = new Kubernetes(data.resolve("kubernetes"))) {
      statefulSet = Optional.of(kubernetes.set("node"));
      kubernetes.answers(200, "{'spec': {'replicas': 5}}");
      start(0, 1, 2, 3, 4);
      settled(0, 5, 3);

      await(nodes.get(2).depart());
      stop(2);
      assertThat(names(view(0), Set.of("leader", "voter", "learner"))).hasSize(5);
      start(2);

      kubernetes.answers(200, "{'spec': {'replicas': 3}}");
      Future<Void> third = nodes.get(3).depart();
      Future<Void> fourth = nodes.get(4).depart();
      await(nodes.get(2).depart());
      await(third);
      await(fourth);
      assertThat(ask(3, "GET", "/health/ready").statusCode()).isEqualTo(503);
      assertThat(ask(2, "GET", "/health/ready").statusCode()).isEqualTo(200);
      stop(3);
      stop(4);
      settled(0, 3, 3);
    }
  }

  @Test
  void aPodThatIsNotToComeBackWaitsForOneThatTakesOver() throws Exception {
    try (Kubernetes kubernetes = new Kubernetes(data.resolve("kubernetes"))) {
      statefulSet = Optional.of(kubernetes.set("node"));
      kubernetes.answers(200, "{'spec': {'replicas': 1}}");
      start(0, 1);
      settled(0, 2, 2);
      stop(0);
      Future<Void> leaving = nodes.get(1).depart();
      Await.elapsed(Duration.ofSeconds(2));
      assertThat(leaving.isComplete()).isFalse();
      start(0);
      await(leaving);
      stop(1);
      settled(0, 1, 1);
    }
  }

  @Test
  void whatIsAcknowledgedIsThere_howeverManyNodesThereAre() throws Exception {
    start(0);
    settled(0, 1, 1);
    Mqtt5BlockingClient sleeper = stored("sleeper", 0);
    sleeper.subscribeWith().topicFilter("scale/#").qos(MqttQos.AT_LEAST_ONCE).send();
    sleeper.disconnect();
    publisher.start();

    start(1, 2);
    settled(0, 3, 3);
    eachNodeTellsHowTheOthersAre();
    start(3, 4);
    settled(0, 5, 3);
    assertThat(view(4).getInteger("mayBeLost")).isEqualTo(1);

    leave(4, 0, 4, 3);
    leave(3, 3, 3, 3);
    leave(2, 1, 2, 2);
    // the founder, which leads
    leave(0, 1, 1, 1);
    assertThat(ask(1, "POST", "/cluster/nodes/node-1/leave").statusCode()).isEqualTo(409);

    publisher.isOver = true;
    publisher.join();
    // it serves alone, because the others left
    stop(1);
    start(1);
    // what left comes back with nothing
    start(0);
    settled(1, 2, 2);
    Mqtt5BlockingClient awake = client("sleeper", 0);
    try (Mqtt5BlockingClient.Mqtt5Publishes messages =
        awake.publishes(MqttGlobalPublishFilter.ALL)) {
      assertThat(awake.connectWith().cleanStart(false).sessionExpiryInterval(600).send())
          .matches(ack -> ack.isSessionPresent());
      Set<Integer> got = drain(messages, publisher.acknowledged.size());
      assertThat(missing(publisher.acknowledged, got)).isEmpty();
    }
    awake.disconnect();
    assertThat(publisher.acknowledged).hasSizeGreaterThan(500);
  }

  /** A node that is gone for good is given up by an operator; it cannot come back as it was. */
  @Test
  void aNodeThatDoesNotComeBackIsRemoved() throws Exception {
    start(0, 1, 2);
    settled(0, 3, 3);
    assertThat(ask(0, "DELETE", "/cluster/nodes/node-2").statusCode()).isEqualTo(409);
    assertThat(ask(0, "DELETE", "/cluster/nodes/node-9").statusCode()).isEqualTo(409);
    stop(2);
    Await.until(
        "it is seen to be away",
        () -> view(1).getJsonArray("nodes").encode().contains("\"away\""),
        () -> view(1));
    HttpResponse<String> answer = ask(1, "DELETE", "/cluster/nodes/node-2");
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(202);
    settled(1, 2, 2);
    Mqtt5BlockingClient client = stored("still-served", 1);
    client.disconnect();
  }

  /** A node that has left is still there; its share of the queues is others' to empty. */
  @Test
  void whatWasOneNodesToBringIsBroughtWhenItHasLeft() throws Exception {
    start(0, 1);
    settled(0, 2, 2);
    Set<String> brought = new ConcurrentSkipListSet<>();
    int hook =
        await(
                nodes
                    .get(0)
                    .vertx()
                    .createHttpServer()
                    .requestHandler(
                        request -> {
                          if (request.method().equals(HttpMethod.POST)) {
                            brought.add(request.path());
                          }
                          request.response().putHeader("WebHook-Allowed-Origin", "*").end();
                        })
                    .listen(0, "127.0.0.1"))
            .actualPort();
    put("/namespaces/scale", "{}");
    put("/namespaces/scale/topics/told", "{}");
    for (int i = 0; i < QUEUES; i++) {
      put(
          "/namespaces/scale/topics/told/eventSubscriptions/sub-" + i,
          """
          {"deliveryMode": "Push", "push": {"destination": {"endpointType": "WebHook",
           "properties": {"endpointUrl": "http://127.0.0.1:%d/%d"}}}}"""
              .formatted(hook, i));
    }
    assertThat(ask(0, "POST", "/cluster/nodes/node-1/leave").statusCode()).isEqualTo(202);
    settled(0, 1, 1);
    HttpResponse<String> published =
        ask(
            0,
            "POST",
            "/topics/told:publish?api-version=2024-06-01",
            "application/cloudevents+json",
            "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"x\"}");
    assertThat(published.statusCode()).as(published.body()).isEqualTo(200);
    Await.until("all are brought", () -> brought.size() == QUEUES, () -> brought);
  }

  /** Makes a resource of the properties; those of a subscription are how it is delivered. */
  private void put(String path, String properties) {
    String text = properties.equals("{}") ? "{}" : "{\"deliveryConfiguration\":" + properties + "}";
    HttpResponse<String> answer =
        ask(0, "PUT", path, "application/json", "{\"properties\":" + text + "}");
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
  }

  private static List<Integer> missing(Set<Integer> acknowledged, Set<Integer> got) {
    List<Integer> missing = new ArrayList<>(acknowledged);
    missing.removeAll(got);
    return missing;
  }
}
