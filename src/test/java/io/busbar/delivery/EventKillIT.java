package io.busbar.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A device publishes without a pause, while the node, a broker of Kafka and a webhook that fails at
 * random anyway are killed: each message that was acknowledged is at both of them in the end.
 */
@Timeout(240)
class EventKillIT {
  private static final String NAMESPACE =
      """
      name: plant
      caCertificates: [{name: ours, file: ca.pem}]
      clients: [{name: device}]
      topicSpaces: [{name: all, topicTemplates: ["t/#"]}]
      permissionBindings:
        - {name: publish, clientGroupName: $all, topicSpaceName: all, permission: Publisher}
      routeTopic: messages
      topics:
        - name: messages
          eventSubscriptions:
            - name: hook
              deliveryConfiguration:
                deliveryMode: Push
                push:
                  destination:
                    endpointType: WebHook
                    properties: {endpointUrl: "http://127.0.0.1:%d/hook"}
            - name: lake
              deliveryConfiguration:
                deliveryMode: Push
                push:
                  destination:
                    endpointType: EventHub
                    properties: {resourceId: messages}
      """;

  private static final int MESSAGES = 2_400;

  @TempDir static Path home;
  private final Vertx vertx = Vertx.vertx();
  private final Set<Integer> hooked = ConcurrentHashMap.newKeySet();
  private final AtomicInteger acknowledged = new AtomicInteger();
  private final Random random = new Random(7);
  private int mqtts;
  private int http;
  private int hook;
  private HttpServer webhook;
  private Process node;

  @AfterEach
  void end() throws Exception {
    if (node != null) {
      node.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
    }
    vertx.close().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
  }

  private void startNode() throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx512m", "-cp", System.getProperty("java.class.path")));
    command.addAll(List.of("io.busbar.Main", "start", "--home", home.toString(), "--config"));
    command.add(home.resolve("busbar.yaml").toString());
    node =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(home.resolve("node.txt").toFile()))
            .start();
  }

  private void startWebhook() throws Exception {
    webhook =
        vertx
            .createHttpServer()
            .requestHandler(request -> request.body().onSuccess(body -> take(request, body)))
            .listen(hook, "127.0.0.1")
            .toCompletionStage()
            .toCompletableFuture()
            .get(10, TimeUnit.SECONDS);
  }

  /** One in fifty fails, in one way or another, and some are slow. */
  private void take(HttpServerRequest request, Buffer body) {
    switch (random.nextInt(160)) {
      case 0 -> request.response().setStatusCode(500).end();
      case 1 -> request.response().setStatusCode(503).end();
      case 2 -> request.connection().close();
      case 3 -> vertx.setTimer(200, t -> taken(request, body));
      default -> taken(request, body);
    }
    if (random.nextInt(1_000) == 0) {
      // the answers that are on their way break off
      request.connection().close();
    }
  }

  private void taken(HttpServerRequest request, Buffer body) {
    hooked.add(new JsonObject(body).getInteger("data"));
    request.response().setStatusCode(200).end();
  }

  /** Publishes one number after the other, each until it is acknowledged. */
  private void publish() {
    try {
      TestPki pki = TestPki.in(home);
      SSLContext context = pki.context(pki.client("device"));
      RawClient client = null;
      int next = 0;
      while (next < MESSAGES) {
        try {
          if (client == null) {
            client = TestPki.open(mqtts, MqttVersion.V5, context, "TLSv1.3");
            assertThat(TestPki.connect(client, "device", "device").code()).isZero();
          }
          PropertyWriter json =
              new PropertyWriter().string(Property.CONTENT_TYPE, "application/json");
          ReasonCode code = client.publishAcked("t/x", "" + next, json).reason();
          assertThat(code.isError()).isFalse();
          acknowledged.set(++next);
        } catch (IOException | AssertionError e) {
          client = null;
          Thread.sleep(100);
        }
      }
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static void reached(AtomicInteger count, int number) {
    Await.until(number + " are acknowledged", () -> count.get() >= number, () -> count.get());
  }

  @Test
  void whatWasAcknowledgedIsAtTheWebhookAndInKafka() throws Exception {
    List<Integer> ports = TestNode.freePorts(5);
    mqtts = ports.get(0);
    http = ports.get(1);
    hook = ports.get(2);
    TestPki pki = TestPki.in(home);
    pki.server();
    Files.writeString(home.resolve("namespace.yaml"), NAMESPACE.formatted(hook));
    try (KafkaProcess kafka = new KafkaProcess(home.resolve("kafka"), ports.get(3), ports.get(4))) {
      Files.writeString(
          home.resolve("kafka.properties"), "bootstrap.servers=" + kafka.address() + "\n");
      Files.writeString(
          home.resolve("busbar.yaml"),
          """
          listeners: [{protocol: mqtts, host: 127.0.0.1, port: %d, certificate: server.pem, key: server-key.pem}]
          http: {port: %d}
          eventDelivery: {kafka: kafka.properties}
          """
              .formatted(mqtts, http));
      kafka.start();
      startWebhook();
      startNode();
      Thread publisher = new Thread(this::publish, "publisher");
      publisher.start();
      reached(acknowledged, MESSAGES / 8);
      kafka.kill();
      reached(acknowledged, 2 * MESSAGES / 8);
      node.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
      startNode();
      reached(acknowledged, 3 * MESSAGES / 8);
      kafka.start();
      reached(acknowledged, 4 * MESSAGES / 8);
      webhook
          .shutdown(0, TimeUnit.SECONDS)
          .toCompletionStage()
          .toCompletableFuture()
          .get(10, TimeUnit.SECONDS);
      reached(acknowledged, 5 * MESSAGES / 8);
      startWebhook();
      reached(acknowledged, 6 * MESSAGES / 8);
      node.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
      startNode();
      publisher.join(TimeUnit.MINUTES.toMillis(2));
      assertThat(acknowledged).hasValue(MESSAGES);
      Set<Integer> inKafka = ConcurrentHashMap.newKeySet();
      try (KafkaConsumer<byte[], byte[]> consumer = consumer(kafka.address())) {
        consumer.subscribe(List.of("messages"));
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(150);
        while ((inKafka.size() < MESSAGES || hooked.size() < MESSAGES) && System.nanoTime() < end) {
          for (ConsumerRecord<byte[], byte[]> one : consumer.poll(Duration.ofMillis(200))) {
            assertThat(new String(one.key(), java.nio.charset.StandardCharsets.UTF_8))
                .isEqualTo("t/x");
            inKafka.add(new JsonObject(Buffer.buffer(one.value())).getInteger("data"));
          }
        }
      }
      assertThat(inKafka).as("in Kafka").hasSize(MESSAGES);
      assertThat(hooked).as("at the webhook").hasSize(MESSAGES);
      // the ledger has nothing, and nothing waits any more
      Await.until("nothing waits", () -> metric("busbar_events_pending") == 0, () -> "some do");
      assertThat(metric("busbar_lost_total\\{reason=\"event_[a-z_]*\"}")).isZero();
    }
  }

  private static KafkaConsumer<byte[], byte[]> consumer(String address) {
    return new KafkaConsumer<>(
        Map.of("bootstrap.servers", address, "group.id", "test", "auto.offset.reset", "earliest"),
        new ByteArrayDeserializer(),
        new ByteArrayDeserializer());
  }

  /** The sum of the metrics whose names are like that. */
  private double metric(String name) {
    try {
      String all =
          HttpClient.newHttpClient()
              .send(
                  HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + http + "/metrics"))
                      .build(),
                  HttpResponse.BodyHandlers.ofString())
              .body();
      Matcher line = Pattern.compile("(?m)^" + name + " ([0-9.E]+)$").matcher(all);
      double sum = 0;
      while (line.find()) {
        sum += Double.parseDouble(line.group(1));
      }
      return sum;
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
