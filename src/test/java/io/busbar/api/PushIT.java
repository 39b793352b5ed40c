package io.busbar.api;

import static io.busbar.testing.ApiClient.OPERATOR;
import static io.busbar.testing.ApiClient.READER;
import static io.busbar.testing.ApiClient.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.Node;
import io.busbar.config.Durability;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.testing.ApiClient;
import io.busbar.testing.Await;
import io.busbar.testing.TestPki;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.client.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Subscriptions whose events are pushed, as the API makes them; and what it tells of clients. */
@Timeout(60)
class PushIT {
  private static final String TOPIC = "/namespaces/plant/topics/orders";
  private static final String SUBSCRIPTION = TOPIC + "/eventSubscriptions/hook";

  @TempDir static Path home;
  private static Node node;
  private static ApiClient api;
  private static int port;
  private static final Queue<JsonObject> RECEIVED = new ConcurrentLinkedQueue<>();
  private static volatile String allowed = "*";
  private static volatile int status = 200;

  @BeforeAll
  static void start() throws Exception {
    TestPki.in(home).server();
    Settings settings =
        new Settings(
                "push",
                Profile.OPEN,
                List.of(
                    new Settings.Listener(
                        Settings.Protocol.MQTTS,
                        new Settings.Address("127.0.0.1", 0),
                        Optional.of(home.resolve("server.pem")),
                        Optional.of(home.resolve("server-key.pem")),
                        "/mqtt",
                        List.of("mqtt"))),
                new Settings.Address("127.0.0.1", 0),
                Settings.Cluster.single(),
                Optional.empty(),
                false,
                1,
                new Limits(Profile.OPEN, Map.of()))
            .with(
                new Settings.Storage(
                    home.resolve("data"), Durability.FSYNC, Settings.Storage.SEGMENT_BYTES));
    node = await(Node.start(ApiClient.with(settings, home)));
    api = new ApiClient(home.resolve("ca.pem"), () -> node.api().orElseThrow().port());
    port =
        await(
                api.vertx()
                    .createHttpServer()
                    .requestHandler(
                        request -> request.body().onSuccess(body -> answer(request, body)))
                    .listen(0, "127.0.0.1"))
            .actualPort();
    api.put("/namespaces/plant", new JsonObject());
  }

  private static void answer(HttpServerRequest request, Buffer body) {
    if (request.method().equals(HttpMethod.OPTIONS)) {
      request.response().putHeader("WebHook-Allowed-Origin", allowed).end();
      return;
    }
    if (status == 200) {
      RECEIVED.add(
          new JsonObject()
              .put("uri", request.uri())
              .put("key", request.getHeader("x-key"))
              .put("event", new JsonObject(body)));
    }
    request.response().setStatusCode(status).end();
  }

  @AfterAll
  static void stop() throws Exception {
    await(node.stop());
    api.close();
  }

  @BeforeEach
  void anew() throws Exception {
    allowed = "*";
    status = 200;
    RECEIVED.clear();
    api.ask(HttpMethod.DELETE, TOPIC, null);
    api.put(TOPIC, new JsonObject());
  }

  private static JsonObject push(String url) {
    return new JsonObject()
        .put(
            "deliveryConfiguration",
            new JsonObject()
                .put("deliveryMode", "Push")
                .put(
                    "push",
                    new JsonObject()
                        .put("maxDeliveryCount", 1)
                        .put(
                            "deadLetterDestinationWithResourceIdentity",
                            new JsonObject()
                                .put(
                                    "deadLetterDestination",
                                    new JsonObject()
                                        .put("endpointType", "StorageBlob")
                                        .put(
                                            "properties",
                                            new JsonObject()
                                                .put("resourceId", "/storage")
                                                .put("blobContainerName", "letters"))))
                        .put(
                            "destination",
                            new JsonObject()
                                .put("endpointType", "WebHook")
                                .put(
                                    "properties",
                                    new JsonObject()
                                        .put("endpointUrl", url)
                                        .put(
                                            "deliveryAttributeMappings",
                                            new JsonArray()
                                                .add(header("x-key", "s3cret", true))
                                                .add(header("x-open", "seen", false)))))));
  }

  private static JsonObject header(String name, String value, boolean isSecret) {
    return new JsonObject()
        .put("name", name)
        .put("type", "Static")
        .put("properties", new JsonObject().put("value", value).put("isSecret", isSecret));
  }

  private static String url() {
    return "http://127.0.0.1:" + port + "/hook?code=hidden";
  }

  private static void publish(String id) throws Exception {
    HttpResponse<Buffer> answer =
        await(
            api.request(
                    HttpMethod.POST,
                    "/topics/orders:publish?api-version=2024-06-01",
                    ApiClient.OWNER)
                .putHeader("content-type", "application/cloudevents+json")
                .sendJsonObject(
                    new JsonObject()
                        .put("specversion", "1.0")
                        .put("id", id)
                        .put("source", "/s")
                        .put("type", "t")));
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(200);
  }

  @Test
  void eventsArriveAndSecretsAreToldToThoseWhoMayKnow() throws Exception {
    JsonObject made = api.put(SUBSCRIPTION, push(url()));
    publish("1");
    Await.until("it is there", () -> RECEIVED.size() == 1, () -> RECEIVED);
    JsonObject got = RECEIVED.remove();
    assertThat(got.getString("uri")).isEqualTo("/hook?code=hidden");
    assertThat(got.getString("key")).isEqualTo("s3cret");
    assertThat(got.getJsonObject("event").getString("id")).isEqualTo("1");
    for (JsonObject shown :
        List.of(made, api.ask(HttpMethod.GET, SUBSCRIPTION, null).bodyAsJsonObject())) {
      assertThat(shown.encode()).doesNotContain("hidden", "s3cret").contains("seen");
      assertThat(
              shown
                  .getJsonObject("properties")
                  .getJsonObject("deliveryConfiguration")
                  .getJsonObject("push")
                  .getJsonObject("destination")
                  .getJsonObject("properties")
                  .getString("endpointBaseUrl"))
          .isEqualTo("http://127.0.0.1:" + port + "/hook");
    }
    assertThat(post("/getFullUrl", OPERATOR).bodyAsJsonObject().getString("endpointUrl"))
        .isEqualTo(url());
    assertThat(post("/getDeliveryAttributes", OPERATOR).bodyAsString()).contains("s3cret");
    assertThat(post("/getFullUrl", READER).statusCode()).isEqualTo(403);
    assertThat(post("/getFullUrl", null).statusCode()).isEqualTo(401);
    assertThat(
            await(api.request(HttpMethod.GET, SUBSCRIPTION + "/getFullUrl", OPERATOR).send())
                .statusCode())
        .isEqualTo(405);
  }

  private static HttpResponse<Buffer> post(String action, String key) throws Exception {
    return await(api.request(HttpMethod.POST, SUBSCRIPTION + action, key).send());
  }

  @Test
  void aWebhookThatDoesNotWantEventsGetsNone() throws Exception {
    allowed = "elsewhere.example.com";
    HttpResponse<Buffer> answer =
        api.ask(HttpMethod.PUT, SUBSCRIPTION, new JsonObject().put("properties", push(url())));
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.bodyAsString())
        .contains("wants no events from here")
        .doesNotContain("hidden");
    assertThat(api.ask(HttpMethod.GET, SUBSCRIPTION, null).statusCode()).isEqualTo(404);
    allowed = "*";
    api.put(SUBSCRIPTION, push(url()));
    // one that is there already is asked again only if it is another
    allowed = "elsewhere.example.com";
    JsonObject other = new JsonObject().put("filtersConfiguration", new JsonObject());
    assertThat(
            api.ask(HttpMethod.PATCH, SUBSCRIPTION, new JsonObject().put("properties", other))
                .statusCode())
        .isEqualTo(200);
    assertThat(
            api.ask(
                    HttpMethod.PUT,
                    SUBSCRIPTION,
                    new JsonObject().put("properties", push(url() + "2")))
                .statusCode())
        .isEqualTo(400);
  }

  @Test
  void whatNobodyTakesIsADeadLetterInTheNodesDirectory() throws Exception {
    api.put(SUBSCRIPTION, push(url()));
    status = 500;
    double before = node.telemetry().total(Meter.EVENTS_DEAD_LETTERED);
    publish("lost");
    Await.until(
        "it is put away",
        () -> node.telemetry().total(Meter.EVENTS_DEAD_LETTERED) > before,
        () -> "not yet");
    try (Stream<Path> files =
        Files.walk(home.resolve("data/dead-letters/letters/plant/orders/hook"))) {
      List<Path> letters = files.filter(Files::isRegularFile).toList();
      assertThat(letters).hasSize(1);
      assertThat(Files.readString(letters.get(0)))
          .contains("\"id\":\"lost\"", "\"deliveryattempts\":1", "status 500");
    }
  }

  @Test
  void whatNobodyTakesMayGoToAnotherTopicOnce() throws Exception {
    String other = "/namespaces/plant/topics/letters";
    api.put(other, new JsonObject());
    JsonObject rejecting = push(url());
    JsonObject destination =
        new JsonObject()
            .put(
                "deadLetterDestination",
                new JsonObject()
                    .put("endpointType", "NamespaceTopic")
                    .put("properties", new JsonObject().put("resourceId", "/x/topics/letters")));
    rejecting
        .getJsonObject("deliveryConfiguration")
        .getJsonObject("push")
        .put("deadLetterDestinationWithResourceIdentity", destination);
    api.put(SUBSCRIPTION, rejecting);
    // back to the first one: but nothing goes round
    JsonObject back = rejecting.copy();
    back.getJsonObject("deliveryConfiguration")
        .getJsonObject("push")
        .getJsonObject("deadLetterDestinationWithResourceIdentity")
        .getJsonObject("deadLetterDestination")
        .getJsonObject("properties")
        .put("resourceId", "orders");
    api.put(other + "/eventSubscriptions/back", back);
    HttpResponse<Buffer> own =
        api.ask(HttpMethod.PUT, SUBSCRIPTION, new JsonObject().put("properties", back));
    assertThat(own.statusCode()).isEqualTo(400);
    assertThat(own.bodyAsString()).contains("allowed: another one");
    api.put(
        other + "/eventSubscriptions/seen",
        new JsonObject()
            .put("deliveryConfiguration", new JsonObject().put("deliveryMode", "Queue")));
    status = 400;
    long lost = node.telemetry().lost(Loss.EVENT_REJECTED);
    publish("gone");
    HttpResponse<Buffer> received =
        await(
            api.request(
                    HttpMethod.POST,
                    "/topics/letters/eventsubscriptions/seen:receive?api-version=2024-06-01",
                    ApiClient.OWNER)
                .send());
    JsonObject event =
        received.bodyAsJsonObject().getJsonArray("value").getJsonObject(0).getJsonObject("event");
    assertThat(event.getString("id")).isEqualTo("gone");
    assertThat(event.getString("deadletterreason")).isEqualTo("rejected");
    assertThat(event.getInteger("deadletterattempts")).isEqualTo(1);
    assertThat(event.getString("deadlettersource")).isEqualTo("orders/hook");
    Await.until(
        "the second time it is dropped",
        () -> node.telemetry().lost(Loss.EVENT_REJECTED) == lost + 1,
        () -> node.telemetry().lost(Loss.EVENT_REJECTED));
    api.ask(HttpMethod.DELETE, other, null);
  }

  @Test
  void aSubscriptionEndsWhenItIsTold() throws Exception {
    HttpResponse<Buffer> past =
        api.ask(
            HttpMethod.PUT,
            SUBSCRIPTION,
            new JsonObject()
                .put("properties", push(url()).put("expirationTimeUtc", "2020-01-02T03:04:05Z")));
    assertThat(past.statusCode()).isEqualTo(400);
    assertThat(past.bodyAsString()).contains("allowed: a time to come");
    api.put(
        SUBSCRIPTION,
        push(url()).put("expirationTimeUtc", Instant.now().plusSeconds(2).toString()));
    Await.until(
        "it has ended",
        () -> {
          try {
            return api.ask(HttpMethod.GET, SUBSCRIPTION, null).statusCode() == 404;
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        },
        () -> "not yet");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "endpointUrl | ftp://x/y | is not a URL of a webhook",
        "endpointUrl | http://169.254.169.254/latest | link-local",
        "maxEventsPerBatch | 5001 | allowed: 1 to 5000",
        "preferredBatchSizeInKilobytes | 1025 | allowed: 1 to 1024",
        "contentMode | Text | allowed: Structured, Binary",
        "azureActiveDirectoryTenantId | t | no token to show"
      })
  void aDestinationThatBreaksARuleIsRefused(String key, String value, String why) throws Exception {
    JsonObject push = push(url());
    Object given = value.matches("[0-9]+") ? (Object) Integer.valueOf(value) : value;
    push.getJsonObject("deliveryConfiguration")
        .getJsonObject("push")
        .getJsonObject("destination")
        .getJsonObject("properties")
        .put(key, given);
    HttpResponse<Buffer> answer =
        api.ask(HttpMethod.PUT, SUBSCRIPTION, new JsonObject().put("properties", push));
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(400);
    assertThat(answer.bodyAsString()).contains(why);
  }

  // --- the namespace ---

  private static void patch(JsonObject properties, int expected) throws Exception {
    HttpResponse<Buffer> answer =
        api.ask(
            HttpMethod.PATCH, "/namespaces/plant", new JsonObject().put("properties", properties));
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(expected);
  }

  @Test
  void clientsThatAreMadeChangedAndDeletedAreTold() throws Exception {
    patch(
        new JsonObject()
            .put(
                "topicSpacesConfiguration",
                new JsonObject().put("lifeCycleTopicResourceId", "/x/topics/orders")),
        200);
    api.put(SUBSCRIPTION, push(url()));
    String client = "/namespaces/plant/clients/press-3";
    api.put(client, new JsonObject().put("attributes", new JsonObject().put("hall", 2)));
    api.put(client, new JsonObject().put("state", "Disabled"));
    api.ask(HttpMethod.DELETE, client, null);
    Await.until("all is told", () -> RECEIVED.size() == 3, () -> RECEIVED);
    assertThat(
            RECEIVED.stream()
                .map(
                    one -> one.getJsonObject("event").getString("type").replaceAll(".*Client", "")))
        .containsExactlyInAnyOrder("CreatedOrUpdated", "CreatedOrUpdated", "Deleted");
    assertThat(
            RECEIVED.stream()
                .map(one -> one.getJsonObject("event").getJsonObject("data"))
                .filter(data -> "Enabled".equals(data.getString("state"))))
        .singleElement()
        .satisfies(
            data ->
                assertThat(data.getJsonObject("attributes"))
                    .isEqualTo(new JsonObject().put("hall", 2)));
    // what is refused is not told
    RECEIVED.clear();
    api.put(client, new JsonObject().put("authenticationName", "press"));
    assertThat(
            api.ask(
                    HttpMethod.PUT,
                    "/namespaces/plant/clients/press-4",
                    new JsonObject()
                        .put("properties", new JsonObject().put("authenticationName", "PRESS")))
                .statusCode())
        .isEqualTo(409);
    api.ask(HttpMethod.DELETE, client, null);
    Await.until("both are told", () -> RECEIVED.size() == 2, () -> RECEIVED);
    patch(
        new JsonObject()
            .put("topicSpacesConfiguration", new JsonObject().put("lifeCycleTopicResourceId", "")),
        200);
  }

  @Test
  void enrichmentsAndAddressesAreThoseOfTheNamespace() throws Exception {
    JsonObject spaces =
        new JsonObject()
            .put(
                "routingEnrichments",
                new JsonObject()
                    .put(
                        "static",
                        new JsonArray()
                            .add(
                                new JsonObject()
                                    .put("key", "site")
                                    .put("valueType", "String")
                                    .put("value", "hull")))
                    .put("dynamic", new JsonArray()));
    patch(new JsonObject().put("topicSpacesConfiguration", spaces), 200);
    assertThat(api.ask(HttpMethod.GET, "/namespaces/plant", null).bodyAsString())
        .contains("\"site\"");
    JsonObject wrong =
        new JsonObject()
            .put(
                "routingEnrichments",
                new JsonObject()
                    .put(
                        "dynamic",
                        new JsonArray()
                            .add(new JsonObject().put("key", "k").put("value", "${nothing}"))));
    patch(new JsonObject().put("topicSpacesConfiguration", wrong), 400);
    patch(
        new JsonObject()
            .put(
                "inboundIpRules",
                new JsonArray().add(new JsonObject().put("ipMask", "10.0.0.0/33"))),
        400);
    patch(
        new JsonObject()
            .put(
                "inboundIpRules",
                new JsonArray()
                    .add(new JsonObject().put("ipMask", "10.0.0.0/8").put("action", "Allow"))),
        200);
    HttpResponse<Buffer> denied =
        await(
            api.request(
                    HttpMethod.POST,
                    "/topics/orders:publish?api-version=2024-06-01",
                    ApiClient.OWNER)
                .sendBuffer(Buffer.buffer("{}")));
    assertThat(denied.statusCode()).isEqualTo(403);
    assertThat(denied.bodyAsString()).contains("not reached from this address");
    patch(new JsonObject().put("inboundIpRules", new JsonArray()), 200);
    publish("1");
  }
}
