package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.busbar.tool.Certificates;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.ext.web.client.HttpRequest;
import io.vertx.ext.web.client.HttpResponse;
import io.vertx.ext.web.client.WebClient;
import io.vertx.ext.web.client.WebClientOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** What is changed at one node of three is in force at all of them. */
@Timeout(180)
class ClusterAccessIT {
  private static final String NAMESPACE = "/namespaces/plant";
  private static final Duration SOON = Duration.ofSeconds(1);

  @TempDir static Path home;
  private static TestPki pki;
  private static Vertx vertx;
  private static WebClient client;

  @RegisterExtension static final TestNode NODES = TestNode.of(ClusterAccessIT::settings).nodes(3);

  private static Settings settings() throws Exception {
    pki = TestPki.in(home);
    Certificates.Identity server = pki.server();
    byte[] hash =
        MessageDigest.getInstance("SHA-256").digest("key".getBytes(StandardCharsets.UTF_8));
    Files.writeString(home.resolve("api-keys"), "owner " + HexFormat.of().formatHex(hash));
    return new Settings(
            "managed",
            Profile.OPEN,
            List.of(
                new Settings.Listener(
                    Settings.Protocol.MQTTS,
                    new Settings.Address("127.0.0.1", 0),
                    Optional.of(server.certificate()),
                    Optional.of(server.key()),
                    "/mqtt",
                    List.of("mqtt"))),
            new Settings.Address("127.0.0.1", 0),
            Settings.Cluster.single(),
            Optional.empty(),
            false,
            1,
            new Limits(Profile.OPEN, Map.of()))
        .with(
            new Settings.Api(
                new Settings.Address("127.0.0.1", 0),
                server.certificate(),
                server.key(),
                home.resolve("api-keys")));
  }

  @BeforeAll
  static void make() throws Exception {
    vertx = Vertx.vertx();
    client =
        WebClient.create(
            vertx,
            new WebClientOptions()
                .setSsl(true)
                .setTrustOptions(
                    new PemTrustOptions().addCertPath(home.resolve("ca.pem").toString())));
    put(0, "", "{}");
    String pem = Files.readString(home.resolve("ca.pem")).replaceAll("\\R", "");
    put(0, "/caCertificates/ours", "{\"encodedCertificate\": \"" + pem + "\"}");
    put(1, "/clients/truck", "{\"attributes\": {\"type\": \"truck\"}}");
    put(2, "/clientGroups/trucks", "{\"query\": \"attributes.type = 'truck'\"}");
    put(0, "/topicSpaces/all", "{\"topicTemplates\": [\"t/#\"]}");
    bind();
  }

  private static void bind() throws Exception {
    put(
        1,
        "/permissionBindings/publish",
        "{\"clientGroupName\":\"trucks\",\"topicSpaceName\":\"all\",\"permission\":\"Publisher\"}");
  }

  @AfterAll
  static void close() throws Exception {
    await(vertx.close());
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  private static Future<HttpResponse<Buffer>> ask(
      HttpMethod method, int node, String path, String properties) {
    HttpRequest<Buffer> request =
        client
            .request(method, NODES.apiPort(node), "localhost", NAMESPACE + path)
            .putHeader("Authorization", "Bearer key");
    return properties == null
        ? request.send()
        : request.sendJsonObject(new JsonObject().put("properties", new JsonObject(properties)));
  }

  private static void put(int node, String path, String properties) throws Exception {
    HttpResponse<Buffer> made = await(ask(HttpMethod.PUT, node, path, properties));
    assertThat(made.statusCode()).as(made.bodyAsString()).isIn(200, 201);
    // what refers to it may be made at another node next
    for (int other = 0; other < 3; other++) {
      int there = other;
      Instant answered = Instant.now();
      Await.until(
          path + " is at node " + other,
          () -> {
            try {
              return await(ask(HttpMethod.GET, there, path, null)).statusCode() == 200;
            } catch (Exception e) {
              throw new AssertionError(e);
            }
          },
          () -> "not yet");
      assertThat(Duration.between(answered, Instant.now())).isLessThan(SOON);
    }
  }

  private static RawClient truck(int node, String session) throws Exception {
    RawClient truck = open(node, MqttVersion.V5);
    assertThat(TestPki.connect(truck, "truck", session).code()).isZero();
    return truck;
  }

  @Test
  void aRightThatIsTakenAtOneNodeIsGoneAtAnotherWithinASecond() throws Exception {
    for (int round = 0; round < 3; round++) {
      RawClient truck = truck(1, "busy-" + round);
      assertThat(truck.publishAcked("t/x", "x").isError()).isFalse();
      Future<HttpResponse<Buffer>> gone =
          ask(HttpMethod.DELETE, 0, "/permissionBindings/publish", null);
      Instant answered = null;
      ReasonCode last = ReasonCode.SUCCESS;
      while (!last.isError()) {
        last = truck.publishAcked("t/x", "x");
        if (gone.isComplete()) {
          assertThat(gone.result().statusCode()).isEqualTo(200);
          answered = answered == null ? Instant.now() : answered;
          assertThat(Duration.between(answered, Instant.now())).isLessThan(SOON);
        }
      }
      assertThat(last).isEqualTo(ReasonCode.NOT_AUTHORIZED);
      await(gone);
      bind();
      Await.until(
          "the right is back",
          () -> {
            try {
              return !truck.publishAcked("t/x", "x").isError();
            } catch (Exception e) {
              throw new AssertionError(e);
            }
          },
          () -> "not yet");
    }
  }

  private static RawClient open(int node, MqttVersion version) throws Exception {
    return NODES.adopt(
        TestPki.open(
            NODES.port(Settings.Protocol.MQTTS, node),
            version,
            pki.context(pki.client("truck")),
            "TLSv1.3"));
  }

  private static int code(int node, MqttVersion version, String session) throws Exception {
    try (RawClient truck = open(node, version)) {
      return TestPki.connect(truck, "truck", session).code();
    }
  }

  private static void most(String sessions) throws Exception {
    String properties =
        "{\"topicSpacesConfiguration\": {\"maximumClientSessionsPerAuthenticationName\": %s}}"
            .formatted(sessions);
    assertThat(await(ask(HttpMethod.PATCH, 0, "", properties)).statusCode()).isEqualTo(200);
  }

  /** A client has so many sessions in all, at whichever node, connected or stored. */
  @Test
  void aClientHasAsManySessionsAsItMayInTheWholeCluster() throws Exception {
    most("1");
    try {
      Await.until(
          "the limit is known",
          () -> {
            try (RawClient first = open(0, MqttVersion.V5)) {
              TestPki.connect(first, "truck", "first");
              return code(0, MqttVersion.V5, "second") == 0x97
                  && code(1, MqttVersion.V5, "second") == 0x97
                  && code(2, MqttVersion.V3_1_1, "second") == 3;
            } catch (Exception e) {
              throw new AssertionError(e);
            }
          },
          () -> "not yet");
      // the name itself is taken over, wherever
      RawClient first = truck(0, "first");
      RawClient again = truck(1, "first");
      first.expectEnd(ReasonCode.SESSION_TAKEN_OVER);
      again.send("e000");
      again.expectClose();
      // of two at once one is let in
      for (int i = 0; i < 20; i++) {
        RawClient one = open(0, MqttVersion.V5);
        RawClient other = open(2, MqttVersion.V5);
        TestPki.request(one, "truck", "one-" + i, 0);
        TestPki.request(other, "truck", "other-" + i, 0);
        assertThat(
                List.of(
                    one.read(Packet.Connack.class).code(), other.read(Packet.Connack.class).code()))
            .containsExactlyInAnyOrder(0, 0x97);
        one.close();
        other.close();
        Await.until(
            "both are gone",
            () -> {
              try {
                return code(1, MqttVersion.V5, "between") == 0;
              } catch (Exception e) {
                throw new AssertionError(e);
              }
            },
            () -> "not yet");
      }
      // a session that is stored counts while nobody has it
      RawClient stored = open(0, MqttVersion.V5);
      TestPki.request(stored, "truck", "stored", 3);
      assertThat(stored.read(Packet.Connack.class).code()).isZero();
      stored.send("e000");
      stored.expectClose();
      assertThat(code(2, MqttVersion.V5, "second")).isEqualTo(0x97);
      Await.until(
          "it has expired",
          () -> {
            try {
              return code(2, MqttVersion.V5, "second") == 0;
            } catch (Exception e) {
              throw new AssertionError(e);
            }
          },
          () -> "not yet");
    } finally {
      most("100");
    }
  }

  private static HttpRequest<Buffer> events(int node, String operation, String key) {
    return client
        .request(
            HttpMethod.POST,
            NODES.apiPort(node),
            "localhost",
            "/topics/orders" + operation + "api-version=2024-06-01")
        .putHeader("authorization", "SharedAccessKey " + key)
        .putHeader("content-type", "application/cloudevents+json");
  }

  /** Published at one node, an event is there for a receiver that waits at another. */
  @Test
  void anEventIsReceivedAtOneNodeAndSettledAtAnother() throws Exception {
    put(0, "/topics/orders", "{}");
    put(
        1,
        "/topics/orders/eventSubscriptions/all",
        "{\"deliveryConfiguration\": {\"deliveryMode\": \"Queue\"}}");
    String key =
        await(ask(HttpMethod.POST, 2, "/listKeys", null)).bodyAsJsonObject().getString("key1");
    JsonObject event =
        new JsonObject()
            .put("specversion", "1.0")
            .put("id", "1")
            .put("source", "/plant")
            .put("type", "Order.Placed");
    JsonObject nothing = new JsonObject().put("lockTokens", new JsonArray().add("none"));
    for (int i = 0; i < 3; i++) {
      int at = i;
      Await.until(
          "the key and the subscription are known",
          () -> {
            try {
              HttpResponse<Buffer> answer =
                  await(
                      events(at, "/eventsubscriptions/all:acknowledge?", key)
                          .sendBuffer(nothing.toBuffer()));
              return answer.statusCode() == 200;
            } catch (Exception e) {
              throw new AssertionError(e);
            }
          },
          () -> "not yet at node " + at);
    }
    for (int i = 0; i < 3; i++) {
      String receive = "/eventsubscriptions/all:receive?maxWaitTime=60&";
      Future<HttpResponse<Buffer>> waits = events((i + 1) % 3, receive, key).send();
      TimeUnit.MILLISECONDS.sleep(300);
      Instant published = Instant.now();
      HttpResponse<Buffer> answer = await(events(i, ":publish?", key).sendBuffer(event.toBuffer()));
      assertThat(answer.statusCode()).isEqualTo(200);
      JsonObject one = await(waits).bodyAsJsonObject().getJsonArray("value").getJsonObject(0);
      assertThat(Duration.between(published, Instant.now())).isLessThan(Duration.ofSeconds(3));
      assertThat(one.getJsonObject("event")).isEqualTo(event);
      String token = one.getJsonObject("brokerProperties").getString("lockToken");
      JsonObject settled =
          await(
                  events((i + 2) % 3, "/eventsubscriptions/all:acknowledge?", key)
                      .sendBuffer(
                          new JsonObject()
                              .put("lockTokens", new JsonArray().add(token))
                              .toBuffer()))
              .bodyAsJsonObject();
      assertThat(settled.getJsonArray("succeededLockTokens")).containsExactly(token);
    }
  }

  /** Of three nodes one brings the events of a subscription, wherever they are published. */
  @Test
  void aPushedEventIsBroughtOnce() throws Exception {
    Queue<String> received = new ConcurrentLinkedQueue<>();
    int hook =
        await(
                vertx
                    .createHttpServer()
                    .requestHandler(
                        request ->
                            request
                                .body()
                                .onSuccess(
                                    body -> {
                                      if (request.method().equals(HttpMethod.POST)) {
                                        received.add(new JsonObject(body).getString("id"));
                                      }
                                      request
                                          .response()
                                          .putHeader("WebHook-Allowed-Origin", "*")
                                          .end();
                                    }))
                    .listen(0, "127.0.0.1"))
            .actualPort();
    put(0, "/topics/pushed", "{}");
    put(
        1,
        "/topics/pushed/eventSubscriptions/hook",
        """
        {"deliveryConfiguration": {"deliveryMode": "Push", "push": {"destination":
          {"endpointType": "WebHook", "properties": {"endpointUrl": "http://127.0.0.1:%d/"}}}}}
        """
            .formatted(hook));
    for (int i = 0; i < 3; i++) {
      int node = i;
      Await.until(
          "the node knows of the subscription",
          () -> {
            pushed(node, "probe-" + node);
            return received.contains("probe-" + node);
          },
          () -> "not yet");
    }
    for (int i = 0; i < 60; i++) {
      assertThat(pushed(i % 3, "e" + i)).isEqualTo(200);
    }
    Predicate<String> isCounted = id -> id.startsWith("e");
    Await.until(
        "all are there",
        () -> received.stream().filter(isCounted).distinct().count() == 60,
        received::size);
    assertThat(received.stream().filter(isCounted)).hasSize(60).doesNotHaveDuplicates();
  }

  private static int pushed(int node, String id) {
    JsonObject event =
        new JsonObject()
            .put("specversion", "1.0")
            .put("id", id)
            .put("source", "/plant")
            .put("type", "Order.Placed");
    HttpRequest<Buffer> request =
        client
            .request(
                HttpMethod.POST,
                NODES.apiPort(node),
                "localhost",
                "/topics/pushed:publish?api-version=2024-06-01")
            .putHeader("authorization", "Bearer key")
            .putHeader("content-type", "application/cloudevents+json");
    try {
      return await(request.sendBuffer(event.toBuffer())).statusCode();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  /** As an operator looks before a change is made: nobody is denied anything by it. */
  @Test
  void aDraftIsComparedWithWhatClientsDoAtAllNodes() throws Exception {
    Path draft =
        Files.writeString(
            home.resolve("draft.yaml"),
            "name: plant\ntopicSpaces:\n  - {name: all, topicTemplates: [other/#]}\n");
    RawClient before = truck(1, "shadowed-1");
    Path key = Files.writeString(home.resolve("key"), "key");
    Path out = home.resolve("shadow.out");
    Process shadow =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                "io.busbar.Main",
                "shadow",
                "--policy",
                draft.toString(),
                "--api",
                "https://localhost:" + NODES.apiPort(0),
                "--home",
                home.toString(),
                "--key-file",
                key.toString())
            .redirectErrorStream(true)
            .redirectOutput(out.toFile())
            .start();
    try {
      RawClient after = truck(2, "shadowed-2");
      shown(out, "comparing at 3 nodes", () -> true);
      shown(
          out,
          "would be denied  truck  publish t/x",
          () -> !before.publishAcked("t/x", "x").isError());
      shown(
          out,
          "would be allowed  truck  publish other/x",
          () -> after.publishAcked("other/x", "x") == ReasonCode.NOT_AUTHORIZED);
      HttpResponse<Buffer> second =
          await(
              client
                  .post(NODES.apiPort(2), "localhost", "/shadow")
                  .putHeader("Authorization", "Bearer key")
                  .sendBuffer(Buffer.buffer("{}")));
      assertThat(second.statusCode()).isEqualTo(409);
      assertThat(second.bodyAsString()).contains("another draft is compared already");
    } finally {
      shadow.destroy();
    }
    assertThat(shadow.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(Files.readString(out))
        .contains(" decisions at 3 nodes: 1 would be denied, 1 would be allowed")
        .containsOnlyOnce("publish t/x");
    // the nodes compare nothing any more: somebody else may
    Await.until("it has ended", () -> isFree(1), () -> "not yet");
  }

  private static void shown(Path out, String line, Callable<Boolean> isAsBefore) {
    Await.until(
        line,
        () -> {
          try {
            assertThat(isAsBefore.call()).isTrue();
            return Files.readString(out).contains(line);
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        },
        () -> {
          try {
            return Files.readString(out);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  private static boolean isFree(int node) {
    HttpClientOptions options =
        new HttpClientOptions()
            .setSsl(true)
            .setTrustOptions(new PemTrustOptions().addCertPath(home.resolve("ca.pem").toString()));
    HttpClient http = vertx.createHttpClient(options);
    try {
      // it goes on if nobody else compares: then the status is all that is wanted
      return await(
              http.request(HttpMethod.POST, NODES.apiPort(node), "localhost", "/shadow")
                  .compose(to -> to.putHeader("Authorization", "Bearer key").send("{}"))
                  .map(HttpClientResponse::statusCode)
                  .eventually(http::close))
          .equals(200);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  /** Each name is one client's, whoever asks where at the same time. */
  @Test
  void oneOfTwoGetsAnAuthenticationName() throws Exception {
    for (int i = 0; i < 20; i++) {
      String properties = "{\"authenticationName\": \"press-%d\"}".formatted(i);
      Future<HttpResponse<Buffer>> one = ask(HttpMethod.PUT, 0, "/clients/one-" + i, properties);
      Future<HttpResponse<Buffer>> other =
          ask(HttpMethod.PUT, 2, "/clients/other-" + i, properties);
      List<Integer> codes = List.of(await(one).statusCode(), await(other).statusCode());
      assertThat(codes).containsExactlyInAnyOrder(201, 409);
    }
  }

  @Test
  void allIsThereAfterAllNodesWereRestarted() throws Exception {
    NODES.restart();
    for (int node = 0; node < 3; node++) {
      assertThat(truck(node, "again-" + node).publishAcked("t/x", "x").isError()).isFalse();
    }
  }
}
