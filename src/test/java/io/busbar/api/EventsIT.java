package io.busbar.api;

import static java.nio.charset.StandardCharsets.UTF_16BE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.Node;
import io.busbar.config.Durability;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.config.Settings.Address;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.NpmScript;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestPki;
import io.busbar.tool.Certificates;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.ext.web.client.HttpRequest;
import io.vertx.ext.web.client.HttpResponse;
import io.vertx.ext.web.client.WebClient;
import io.vertx.ext.web.client.WebClientOptions;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Topics, event subscriptions, and events that are published and received over HTTP. */
@Timeout(120)
class EventsIT {
  private static final String VERSION = "?api-version=2024-06-01";
  private static final String STRUCTURED = "application/cloudevents+json; charset=utf-8";
  private static final String BATCH = "application/cloudevents-batch+json; charset=utf-8";

  @TempDir static Path home;
  private static Settings settings;
  private static Node node;
  private static Vertx vertx;
  private static WebClient client;
  private static String key;

  @BeforeAll
  static void start() throws Exception {
    Certificates.Identity server = TestPki.in(home).server();
    byte[] hash = MessageDigest.getInstance("SHA-256").digest("the-owner".getBytes(UTF_8));
    Files.writeString(home.resolve("api-keys"), "owner " + HexFormat.of().formatHex(hash) + "\n");
    settings =
        new Settings(
                "events",
                Profile.OPEN,
                List.of(
                    new Settings.Listener(
                        Settings.Protocol.MQTTS,
                        new Address("127.0.0.1", 0),
                        Optional.of(server.certificate()),
                        Optional.of(server.key()),
                        "/mqtt",
                        List.of("mqtt"))),
                new Address("127.0.0.1", 0),
                Settings.Cluster.single(),
                Optional.empty(),
                false,
                1,
                new Limits(
                    Profile.OPEN,
                    Map.of(Limit.EVENT_QUEUE_EVENTS, 50L, Limit.EVENT_QUEUE_BYTES, 1_048_576L)))
            .with(
                new Settings.Storage(
                    home.resolve("data"), Durability.FSYNC, Settings.Storage.SEGMENT_BYTES))
            .with(
                new Settings.Api(
                    new Address("127.0.0.1", 0),
                    server.certificate(),
                    server.key(),
                    home.resolve("api-keys")));
    vertx = Vertx.vertx();
    client =
        WebClient.create(
            vertx,
            new WebClientOptions()
                .setSsl(true)
                .setTrustOptions(
                    new PemTrustOptions().addCertPath(home.resolve("ca.pem").toString())),
            new PoolOptions().setHttp1MaxSize(64));
    node = await(Node.start(settings));
    made("", new JsonObject(), 201);
    key = post("/namespaces/plant/listKeys", "the-owner", "").getString("key1");
  }

  @AfterAll
  static void stop() throws Exception {
    await(node.stop());
    await(vertx.close());
  }

  @BeforeEach
  void anew() throws Exception {
    ask(HttpMethod.DELETE, "/namespaces/plant/topics/orders", null);
    made("/topics/orders", new JsonObject().put("eventRetentionInDays", 1), 201);
    subscribe("all", new JsonObject());
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(100, TimeUnit.SECONDS);
  }

  private static HttpRequest<Buffer> request(HttpMethod method, String path) {
    return client.request(method, node.api().orElseThrow().port(), "localhost", path);
  }

  private static HttpResponse<Buffer> ask(HttpMethod method, String path, JsonObject body)
      throws Exception {
    HttpRequest<Buffer> request =
        request(method, path).putHeader("authorization", "Bearer the-owner");
    return await(body == null ? request.send() : request.sendJsonObject(body));
  }

  private static JsonObject post(String path, String bearer, String body) throws Exception {
    HttpResponse<Buffer> answer =
        await(
            request(HttpMethod.POST, path)
                .putHeader("authorization", "Bearer " + bearer)
                .sendBuffer(Buffer.buffer(body)));
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(200);
    return answer.bodyAsJsonObject();
  }

  private static JsonObject made(String path, JsonObject properties, int status) throws Exception {
    HttpResponse<Buffer> answer =
        ask(
            HttpMethod.PUT,
            "/namespaces/plant" + path,
            new JsonObject().put("properties", properties));
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(status);
    return answer.bodyAsJsonObject();
  }

  private static void subscribe(String name, JsonObject filters) throws Exception {
    made("/topics/orders/eventSubscriptions/" + name, subscription(filters), 201);
  }

  private static JsonObject subscription(JsonObject filters) {
    return new JsonObject()
        .put(
            "deliveryConfiguration",
            new JsonObject()
                .put("deliveryMode", "Queue")
                .put(
                    "queue",
                    new JsonObject()
                        .put("receiveLockDurationInSeconds", 60)
                        .put("maxDeliveryCount", 3)
                        .put("eventTimeToLive", "PT12H")))
        .put("eventDeliverySchema", "CloudEventSchemaV1_0")
        .put("filtersConfiguration", filters);
  }

  private static JsonObject event(String id) {
    return new JsonObject()
        .put("specversion", "1.0")
        .put("id", id)
        .put("source", "/plant")
        .put("type", "Order.Placed");
  }

  private static HttpResponse<Buffer> publish(String type, String body) throws Exception {
    return await(
        request(HttpMethod.POST, "/topics/orders:publish" + VERSION)
            .putHeader("authorization", "SharedAccessKey " + key)
            .putHeader("content-type", type)
            .sendBuffer(Buffer.buffer(body)));
  }

  private static void published(JsonObject event) throws Exception {
    HttpResponse<Buffer> answer = publish(STRUCTURED, event.encode());
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(200);
    assertThat(answer.bodyAsString()).isEqualTo("{}");
  }

  private static Future<HttpResponse<Buffer>> receiving(String name, int most, int seconds) {
    return request(
            HttpMethod.POST,
            "/topics/orders/eventsubscriptions/%s:receive%s&maxEvents=%d&maxWaitTime=%d"
                .formatted(name, VERSION, most, seconds))
        .putHeader("authorization", "SharedAccessKey " + key)
        .send();
  }

  private static JsonArray received(String name, int most) throws Exception {
    HttpResponse<Buffer> answer = await(receiving(name, most, 10));
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(200);
    return answer.bodyAsJsonObject().getJsonArray("value");
  }

  private static List<String> ids(JsonArray value) {
    return value.stream()
        .map(one -> ((JsonObject) one).getJsonObject("event").getString("id"))
        .toList();
  }

  private static String token(JsonArray value, int index) {
    return value.getJsonObject(index).getJsonObject("brokerProperties").getString("lockToken");
  }

  private static JsonObject settle(String operation, String... tokens) throws Exception {
    HttpResponse<Buffer> answer =
        await(
            request(HttpMethod.POST, "/topics/orders/eventsubscriptions/all:" + operation + VERSION)
                .putHeader("authorization", "SharedAccessKey " + key)
                .sendJsonObject(
                    new JsonObject().put("lockTokens", new JsonArray(List.of(tokens)))));
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(200);
    return answer.bodyAsJsonObject();
  }

  private static void refused(HttpResponse<Buffer> answer, int status, String code, String why) {
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(status);
    JsonObject error = answer.bodyAsJsonObject().getJsonObject("error");
    assertThat(error.getString("code")).isEqualTo(code);
    assertThat(error.getString("message")).contains(why);
    assertThat(answer.getHeader("x-ms-error-code")).isEqualTo(code);
  }

  // --- events ---

  @Test
  void anEventComesAsItWentWhateverItIs() throws Exception {
    JsonObject whole =
        event("whole")
            .put("subject", "größe/€")
            .put("time", "2026-01-02T03:04:05.678Z")
            .put("datacontenttype", "application/json")
            .put("site", "hull")
            .put("line", 3)
            .put("data", new JsonObject().put("list", new JsonArray().add(1).addNull().add("x")));
    published(whole);
    published(event("bare"));
    published(event("bytes").put("data_base64", "AAEC"));
    JsonArray value = received("all", 10);
    assertThat(ids(value)).containsExactly("whole", "bare", "bytes");
    assertThat(value.getJsonObject(0).getJsonObject("event")).isEqualTo(whole);
    assertThat(value.getJsonObject(2).getJsonObject("event").getString("data_base64"))
        .isEqualTo("AAEC");
    assertThat(value.getJsonObject(0).getJsonObject("brokerProperties").getInteger("deliveryCount"))
        .isEqualTo(1);
  }

  private static long counted(Meter meter, String... values) {
    return node.telemetry().adder(meter, values).sum();
  }

  @Test
  void whatBecomesOfEventsIsCounted() throws Exception {
    final long published = counted(Meter.EVENTS_PUBLISHED, "orders", "success");
    final long refused = counted(Meter.EVENTS_PUBLISHED, "orders", "bad_request");
    final long matched = counted(Meter.EVENTS_MATCHED, "orders");
    final long received = counted(Meter.EVENTS_HANDLED, "orders/all", "receive", "success");
    final long taken = counted(Meter.EVENTS_HANDLED, "orders/all", "acknowledge", "success");
    final long unknown = counted(Meter.EVENTS_HANDLED, "orders/all", "acknowledge", "failed");
    published(event("counted"));
    assertThat(publish(STRUCTURED, "nonsense").statusCode()).isEqualTo(400);
    JsonArray value = received("all", 1);
    settle("acknowledge", token(value, 0), "no token of ours");

    assertThat(counted(Meter.EVENTS_PUBLISHED, "orders", "success")).isEqualTo(published + 1);
    assertThat(counted(Meter.EVENTS_PUBLISHED, "orders", "bad_request")).isEqualTo(refused + 1);
    assertThat(counted(Meter.EVENTS_MATCHED, "orders")).isGreaterThan(matched);
    assertThat(counted(Meter.EVENTS_HANDLED, "orders/all", "receive", "success"))
        .isEqualTo(received + 1);
    assertThat(counted(Meter.EVENTS_HANDLED, "orders/all", "acknowledge", "success"))
        .isEqualTo(taken + 1);
    assertThat(counted(Meter.EVENTS_HANDLED, "orders/all", "acknowledge", "failed"))
        .isEqualTo(unknown + 1);
  }

  @Test
  void theBinaryFormIsTheSameEvent() throws Exception {
    String[][] bodies = {
      {"application/json", "{\"a\":1}"}, {"text/plain; charset=utf-8", "text"}, {"image/png", "\0p"}
    };
    for (String[] one : bodies) {
      HttpResponse<Buffer> answer =
          await(
              request(HttpMethod.POST, "/topics/orders:publish" + VERSION)
                  .putHeader("authorization", "SharedAccessKey " + key)
                  .putHeader("content-type", one[0])
                  .putHeader("ce-specversion", "1.0")
                  .putHeader("ce-id", one[0])
                  .putHeader("ce-source", "/plant")
                  .putHeader("ce-type", "Order.Placed")
                  .putHeader("ce-subject", "gr%C3%B6%C3%9Fe")
                  .putHeader("ce-site", "hull")
                  .sendBuffer(Buffer.buffer(one[1])));
      assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(200);
    }
    JsonArray value = received("all", 10);
    JsonObject json = value.getJsonObject(0).getJsonObject("event");
    assertThat(json.getString("subject")).isEqualTo("größe");
    assertThat(json.getString("site")).isEqualTo("hull");
    assertThat(json.getString("datacontenttype")).isEqualTo("application/json");
    assertThat(json.getJsonObject("data")).isEqualTo(new JsonObject().put("a", 1));
    assertThat(value.getJsonObject(1).getJsonObject("event").getValue("data")).isEqualTo("text");
    assertThat(value.getJsonObject(2).getJsonObject("event").getString("data_base64"))
        .isEqualTo("AHA=");
  }

  @Test
  void noNumberLosesADigit() throws Exception {
    String number = "0.12345678901234567890123";
    String data = "{\"c\" : " + number + ", \"n\":12345678901234567890123456789}";
    String event = event("one").encode();
    String whole = event.substring(0, event.length() - 1) + ",\"data\":" + data + "}";
    assertThat(publish(STRUCTURED, whole).statusCode()).isEqualTo(200);
    String batch = "[ " + whole + " ,\n" + event("two").encode() + "," + whole + "]";
    assertThat(publish(BATCH, batch).statusCode()).isEqualTo(200);
    HttpResponse<Buffer> binary =
        await(
            request(HttpMethod.POST, "/topics/orders:publish" + VERSION)
                .putHeader("authorization", "SharedAccessKey " + key)
                .putHeader("content-type", "application/json")
                .putHeader("ce-specversion", "1.0")
                .putHeader("ce-id", "three")
                .putHeader("ce-source", "/plant")
                .putHeader("ce-type", "Order.Placed")
                .sendBuffer(Buffer.buffer(data)));
    assertThat(binary.statusCode()).isEqualTo(200);
    HttpResponse<Buffer> answer = await(receiving("all", 10, 10));
    assertThat(ids(answer.bodyAsJsonObject().getJsonArray("value")))
        .containsExactly("one", "one", "two", "one", "three");
    assertThat(answer.bodyAsString().split(Pattern.quote(data), -1)).hasSize(5);
    // in another form of Unicode, an event is the same one
    byte[] utf16 = event("utf-16").encode().getBytes(UTF_16BE);
    assertThat(
            await(
                    request(HttpMethod.POST, "/topics/orders:publish" + VERSION)
                        .putHeader("authorization", "SharedAccessKey " + key)
                        .putHeader("content-type", STRUCTURED)
                        .sendBuffer(Buffer.buffer(utf16)))
                .statusCode())
        .isEqualTo(200);
    assertThat(ids(received("all", 10))).containsExactly("utf-16");
  }

  @Test
  void aReceiverThatLeavesTakesNothingWithIt() throws Exception {
    HttpClient leaving =
        vertx.createHttpClient(
            new HttpClientOptions()
                .setSsl(true)
                .setTrustOptions(
                    new PemTrustOptions().addCertPath(home.resolve("ca.pem").toString())));
    Future<HttpClientResponse> waits =
        leaving
            .request(
                HttpMethod.POST,
                node.api().orElseThrow().port(),
                "localhost",
                "/topics/orders/eventsubscriptions/all:receive" + VERSION)
            .compose(asked -> asked.putHeader("authorization", "SharedAccessKey " + key).send());
    TimeUnit.MILLISECONDS.sleep(500);
    await(leaving.close());
    assertThat(waits.isComplete() && waits.succeeded()).isFalse();
    TimeUnit.MILLISECONDS.sleep(300);
    published(event("a"));
    assertThat(ids(received("all", 10))).containsExactly("a");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | specversion: is not '1.0'",
        "{\"specversion\":\"0.3\"} | specversion: is not '1.0'",
        "{\"specversion\":\"1.0\",\"source\":\"s\",\"type\":\"t\"} | id: is missing",
        "{\"specversion\":\"1.0\",\"id\":7,\"source\":\"s\",\"type\":\"t\"} | id: is missing",
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"\",\"type\":\"t\"} | source: is missing",
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\"} | type: is missing",
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"time\":\"now\"} | time: is not a time",
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"subject\":1} | subject: is not a text",
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"Site\":\"x\"} | Site: is no attribute",
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"site\":[]} | site: is of another kind",
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data_base64\":\"?\"} | data_base64: is not base64",
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data\":1,\"data_base64\":\"AA==\"} | stands beside data",
        "[] | the body is not a JSON object",
        "{ | the body is not a JSON object"
      })
  void anEventThatBreaksARuleIsRefused(String body, String why) throws Exception {
    refused(publish(STRUCTURED, body), 400, "BadRequest", why);
  }

  @Test
  void aBatchIsTakenAsAWholeOrNotAtAll() throws Exception {
    JsonArray batch = new JsonArray().add(event("1")).add(event("2")).add(new JsonObject());
    refused(publish(BATCH, batch.encode()), 400, "BadRequest", "[2].specversion");
    batch.remove(2);
    assertThat(publish(BATCH, batch.encode()).statusCode()).isEqualTo(200);
    assertThat(publish(BATCH, "[]").statusCode()).isEqualTo(200);
    refused(publish(BATCH, "{}"), 400, "BadRequest", "not a JSON array");
    refused(publish("text/plain", "x"), 400, "BadRequest", "content type");
    JsonArray many = new JsonArray();
    IntStream.range(0, 1_001).forEach(i -> many.add(event("m" + i)));
    refused(publish(BATCH, many.encode()), 400, "BadRequest", "1001 events");
    refused(
        publish(STRUCTURED, event("x").put("data", "x".repeat(1 << 20)).encode()),
        413,
        "RequestEntityTooLarge",
        "at most");
    assertThat(ids(received("all", 10))).containsExactly("1", "2");
  }

  @Test
  void aQueueThatIsFullRefusesAndSaysSo() throws Exception {
    JsonArray batch = new JsonArray();
    IntStream.range(0, 50).forEach(i -> batch.add(event("e" + i)));
    assertThat(publish(BATCH, batch.encode()).statusCode()).isEqualTo(200);
    refused(publish(STRUCTURED, event("more").encode()), 429, "QuotaExceeded", "is full");
    JsonArray some = received("all", 1);
    settle("acknowledge", token(some, 0));
    published(event("more"));
    // and by bytes
    settleAll();
    String half = "x".repeat(600_000);
    published(event("half").put("data", half));
    refused(
        publish(STRUCTURED, event("other").put("data", half).encode()),
        429,
        "QuotaExceeded",
        "is full");
  }

  /** Acknowledges all that is ready. */
  private static void settleAll() throws Exception {
    JsonArray some = received("all", 100);
    String[] tokens =
        IntStream.range(0, some.size()).mapToObj(i -> token(some, i)).toArray(String[]::new);
    assertThat(settle("acknowledge", tokens).getJsonArray("failedLockTokens")).isEmpty();
  }

  // --- filters ---

  private static JsonObject filter(String operator, String key, Object values) {
    String of = values instanceof JsonArray ? "values" : "value";
    JsonObject filter = new JsonObject().put("operatorType", operator).put("key", key);
    JsonArray all = new JsonArray().add(values == null ? filter : filter.put(of, values));
    return new JsonObject().put("filters", all);
  }

  @Test
  void aSubscriptionGetsWhatItsFiltersLetPass() throws Exception {
    subscribe(
        "types", new JsonObject().put("includedEventTypes", new JsonArray().add("order.placed")));
    subscribe("none", new JsonObject().put("includedEventTypes", new JsonArray().add("Order")));
    subscribe("subject", filter("StringBeginsWith", "subject", new JsonArray().add("LINE/")));
    subscribe("number", filter("NumberGreaterThan", "data.c", 20));
    subscribe(
        "range",
        filter("NumberInRange", "data.c", new JsonArray().add(new JsonArray().add(20).add(21.5))));
    subscribe("list", filter("StringIn", "data.tags", new JsonArray().add("b")));
    subscribe("flag", filter("BoolEquals", "data.ok", true));
    subscribe("site", filter("IsNotNull", "site", null));
    subscribe("nosite", filter("IsNullOrUndefined", "site", null));
    subscribe("notin", filter("StringNotIn", "site", new JsonArray().add("hull")));
    subscribe("notcontains", filter("StringNotContains", "missing", new JsonArray().add("x")));
    published(
        event("a")
            .put("subject", "line/3")
            .put(
                "data",
                new JsonObject()
                    .put("c", 21.5)
                    .put("ok", true)
                    .put("tags", new JsonArray().add("a").add("B"))));
    published(event("b").put("site", "hull").put("data", new JsonObject().put("c", 19)));
    Map<String, List<String>> wanted =
        Map.of(
            "all", List.of("a", "b"),
            "types", List.of("a", "b"),
            "subject", List.of("a"),
            "number", List.of("a"),
            "range", List.of("a"),
            "list", List.of("a"),
            "flag", List.of("a"),
            "site", List.of("b"),
            "nosite", List.of("a"),
            "notin", List.of("a"));
    for (Map.Entry<String, List<String>> one : wanted.entrySet()) {
      assertThat(ids(received(one.getKey(), 10))).as(one.getKey()).isEqualTo(one.getValue());
    }
    // the last event passed none of these: both wait
    Instant begun = Instant.now();
    Future<HttpResponse<Buffer>> none = receiving("none", 1, 10);
    Future<HttpResponse<Buffer>> other = receiving("notcontains", 1, 10);
    assertThat(await(none).bodyAsJsonObject().getJsonArray("value")).isEmpty();
    assertThat(await(other).bodyAsJsonObject().getJsonArray("value")).isEmpty();
    assertThat(Duration.between(begun, Instant.now()))
        .isBetween(Duration.ofSeconds(9), Duration.ofSeconds(14));
  }

  // --- receivers ---

  @Test
  void manyReceiversThatWaitGetEachEventOnce() throws Exception {
    List<Future<HttpResponse<Buffer>>> waiting = new ArrayList<>();
    for (int i = 0; i < 30; i++) {
      waiting.add(receiving("all", 1, 60));
    }
    TimeUnit.MILLISECONDS.sleep(500);
    JsonArray batch = new JsonArray();
    IntStream.range(0, 30).forEach(i -> batch.add(event("e" + i)));
    assertThat(publish(BATCH, batch.encode()).statusCode()).isEqualTo(200);
    Set<String> ids = new HashSet<>();
    for (Future<HttpResponse<Buffer>> one : waiting) {
      List<String> got = ids(await(one).bodyAsJsonObject().getJsonArray("value"));
      assertThat(got).hasSize(1);
      ids.addAll(got);
    }
    assertThat(ids).hasSize(30);
  }

  @Test
  void whatIsReleasedComesAgainSoOftenAndIsThenInTheLedger() throws Exception {
    long lost = node.telemetry().lost(Loss.EVENT_UNDELIVERED);
    published(event("a"));
    for (int i = 1; i <= 3; i++) {
      JsonArray value = received("all", 1);
      assertThat(
              value.getJsonObject(0).getJsonObject("brokerProperties").getInteger("deliveryCount"))
          .isEqualTo(i);
      assertThat(settle("release", token(value, 0)).getJsonArray("succeededLockTokens")).hasSize(1);
    }
    Await.until(
        "it is in the ledger",
        () -> node.telemetry().lost(Loss.EVENT_UNDELIVERED) == lost + 1,
        () -> "it is not");
  }

  @Test
  void eventsAreThereAfterARestartAndLocksHold() throws Exception {
    published(event("a"));
    published(event("b"));
    JsonArray value = received("all", 1);
    await(node.stop());
    node = await(Node.start(settings));
    assertThat(ids(received("all", 10))).containsExactly("b");
    assertThat(settle("acknowledge", token(value, 0)).getJsonArray("failedLockTokens")).isEmpty();
  }

  // --- from MQTT ---

  private static void route(String topic) throws Exception {
    JsonObject spaces = new JsonObject().put("routeTopicResourceId", topic);
    HttpResponse<Buffer> answer =
        ask(
            HttpMethod.PATCH,
            "/namespaces/plant",
            new JsonObject()
                .put("properties", new JsonObject().put("topicSpacesConfiguration", spaces)));
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(200);
  }

  @Test
  void whatDevicesPublishGoesToTheTopicBeforeItIsAcknowledged() throws Exception {
    String pem = Files.readString(home.resolve("ca.pem")).replaceAll("\\R", "");
    made("/caCertificates/ours", new JsonObject().put("encodedCertificate", pem), 201);
    made("/clients/press", new JsonObject(), 201);
    made(
        "/topicSpaces/every",
        new JsonObject().put("topicTemplates", new JsonArray().add("presses/#")),
        201);
    made(
        "/permissionBindings/may",
        new JsonObject()
            .put("clientGroupName", "$all")
            .put("topicSpaceName", "every")
            .put("permission", "Publisher"),
        201);
    subscribe("alarms", filter("StringEndsWith", "subject", new JsonArray().add("/alarm")));
    subscribe("hot", filter("NumberGreaterThan", "data.c", 50));
    route(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/plant/topics/orders");
    TestPki pki = TestPki.in(home);
    try (RawClient press =
        TestPki.open(
            node.listeners().get(0).address().port(),
            MqttVersion.V5,
            pki.context(pki.client("press")),
            "TLSv1.3")) {
      assertThat(TestPki.connect(press, "press", "press").code()).isZero();
      Await.until(
          "messages are routed",
          () -> {
            try {
              return press.publishAcked("presses/1/state", "up") == ReasonCode.SUCCESS;
            } catch (IOException e) {
              throw new AssertionError(e);
            }
          },
          () -> "not yet");
      settleAll();
      PropertyWriter json = new PropertyWriter().string(Property.CONTENT_TYPE, "application/json");
      assertThat(press.publishAcked("presses/1/temperature", "{\"c\":61}", json).reason())
          .isEqualTo(ReasonCode.SUCCESS);
      assertThat(press.publishAcked("presses/1/alarm", "hot!")).isEqualTo(ReasonCode.SUCCESS);
      JsonArray value = received("all", 10);
      JsonObject event = value.getJsonObject(0).getJsonObject("event");
      assertThat(event.getString("type")).isEqualTo("MQTT.EventPublished");
      assertThat(event.getString("source")).isEqualTo("plant");
      assertThat(event.getString("subject")).isEqualTo("presses/1/temperature");
      assertThat(event.getJsonObject("data")).isEqualTo(new JsonObject().put("c", 61));
      assertThat(value).hasSize(2);
      assertThat(subjects(received("alarms", 10))).containsExactly("presses/1/alarm");
      assertThat(subjects(received("hot", 10))).containsExactly("presses/1/temperature");

      // a queue that is full is not the device's fault, and in the ledger
      long lost = node.telemetry().lost(Loss.EVENT_QUEUE_FULL);
      for (int i = 0; i < 48; i++) {
        assertThat(press.publishAcked("presses/1/state", "up")).isEqualTo(ReasonCode.SUCCESS);
      }
      assertThat(press.publishAcked("presses/1/state", "up")).isEqualTo(ReasonCode.SUCCESS);
      Await.until(
          "it is in the ledger",
          () -> node.telemetry().lost(Loss.EVENT_QUEUE_FULL) == lost + 1,
          () -> "it is not");

      route("");
      Await.until(
          "messages are not routed any more",
          () -> {
            try {
              return press.publishAcked("presses/1/state", "up")
                  == ReasonCode.NO_MATCHING_SUBSCRIBERS;
            } catch (IOException e) {
              throw new AssertionError(e);
            }
          },
          () -> "still");
    }
  }

  private static List<String> subjects(JsonArray value) {
    return value.stream()
        .map(one -> ((JsonObject) one).getJsonObject("event").getString("subject"))
        .toList();
  }

  // --- who may ---

  private static int statusWith(String authorization) throws Exception {
    HttpRequest<Buffer> request =
        request(HttpMethod.POST, "/topics/orders:publish" + VERSION)
            .putHeader("content-type", STRUCTURED);
    if (authorization != null) {
      request.putHeader("authorization", authorization);
    }
    return await(request.sendBuffer(event("x").toBuffer())).statusCode();
  }

  private static String signature(Instant end, String signer) throws Exception {
    return signature("/topics/orders", end, signer);
  }

  private static String signature(String resource, Instant end, String signer) throws Exception {
    String at =
        DateTimeFormatter.ofPattern("M/d/yyyy h:mm:ss a", Locale.ROOT)
            .format(end.atZone(ZoneOffset.UTC));
    String of =
        "r=%s&e=%s"
            .formatted(
                URLEncoder.encode("https://localhost" + resource, UTF_8),
                URLEncoder.encode(at, UTF_8));
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(Base64.getDecoder().decode(signer), "HmacSHA256"));
    String signed = Base64.getEncoder().encodeToString(mac.doFinal(of.getBytes(UTF_8)));
    return "SharedAccessSignature " + of + "&s=" + URLEncoder.encode(signed, UTF_8);
  }

  @Test
  void keysSignaturesAndOperatorsMay() throws Exception {
    Instant later = Instant.now().plusSeconds(600);
    String stranger = Base64.getEncoder().encodeToString(new byte[32]);
    assertThat(statusWith(null)).isEqualTo(401);
    assertThat(statusWith("SharedAccessKey " + stranger)).isEqualTo(401);
    assertThat(statusWith("SharedAccessKey ")).isEqualTo(401);
    assertThat(statusWith("Basic " + key)).isEqualTo(401);
    assertThat(statusWith("Bearer nobody")).isEqualTo(401);
    assertThat(statusWith("Bearer the-owner")).isEqualTo(200);
    assertThat(statusWith("SharedAccessKey " + key)).isEqualTo(200);
    assertThat(statusWith(signature(later, key))).isEqualTo(200);
    assertThat(statusWith(signature(later, stranger))).isEqualTo(401);
    assertThat(statusWith(signature(Instant.now().minusSeconds(60), key))).isEqualTo(401);
    assertThat(statusWith(signature(later, key).replace("orders", "others"))).isEqualTo(401);

    // for what a signature names, and what is below it
    for (String above : List.of("", "/", "/topics", "/TOPICS/ORDERS:publish")) {
      assertThat(statusWith(signature(above, later, key))).as(above).isEqualTo(200);
    }
    for (String other : List.of("/topics/order", "/topics/others", "/topics/orders/x", "//")) {
      assertThat(statusWith(signature(other, later, key))).as(other).isEqualTo(401);
    }

    // a key is made anew: the other one goes on
    String other = post("/namespaces/plant/listKeys", "the-owner", "").getString("key2");
    JsonObject next =
        post(
            "/namespaces/plant/topics/orders/regenerateKey", "the-owner", "{\"keyName\":\"key1\"}");
    assertThat(next.getString("key2")).isEqualTo(other);
    assertThat(statusWith("SharedAccessKey " + key)).isEqualTo(401);
    assertThat(statusWith("SharedAccessKey " + other)).isEqualTo(200);
    key = next.getString("key1");
    assertThat(statusWith("SharedAccessKey " + key)).isEqualTo(200);
  }

  // --- resources ---

  @Test
  void topicsAndSubscriptionsAreResources() throws Exception {
    String arm =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/plant/topics/orders";
    String version = "?api-version=2025-02-15";
    JsonObject topic = ask(HttpMethod.GET, arm + version, null).bodyAsJsonObject();
    assertThat(topic.getString("id")).isEqualTo(arm);
    assertThat(topic.getString("type")).isEqualTo("Microsoft.EventGrid/namespaces/topics");
    assertThat(topic.getJsonObject("properties").getString("inputSchema"))
        .isEqualTo("CloudEventSchemaV1_0");
    JsonObject one =
        ask(HttpMethod.GET, arm + "/eventsubscriptions/ALL" + version, null).bodyAsJsonObject();
    assertThat(one.getString("id")).isEqualTo(arm + "/eventSubscriptions/all");
    assertThat(one.getString("name")).isEqualTo("all");
    assertThat(one.getString("type"))
        .isEqualTo("Microsoft.EventGrid/namespaces/topics/eventSubscriptions");
    assertThat(
            one.getJsonObject("properties")
                .getJsonObject("deliveryConfiguration")
                .getJsonObject("queue")
                .getString("eventTimeToLive"))
        .isEqualTo("PT12H");

    JsonObject change =
        new JsonObject()
            .put(
                "properties",
                new JsonObject()
                    .put(
                        "deliveryConfiguration",
                        new JsonObject()
                            .put("queue", new JsonObject().put("maxDeliveryCount", 7))));
    JsonObject changed =
        ask(HttpMethod.PATCH, arm + "/eventSubscriptions/all" + version, change)
            .bodyAsJsonObject()
            .getJsonObject("properties")
            .getJsonObject("deliveryConfiguration")
            .getJsonObject("queue");
    assertThat(changed.getInteger("maxDeliveryCount")).isEqualTo(7);
    assertThat(changed.getInteger("receiveLockDurationInSeconds")).isEqualTo(60);

    subscribe("other", new JsonObject());
    made("/topics/other", new JsonObject(), 201);
    JsonArray list =
        ask(HttpMethod.GET, arm + "/eventSubscriptions" + version, null)
            .bodyAsJsonObject()
            .getJsonArray("value");
    assertThat(list).hasSize(2);
    ask(HttpMethod.DELETE, "/namespaces/plant/topics/other", null);

    published(event("a"));
    assertThat(ask(HttpMethod.DELETE, arm + version, null).statusCode()).isEqualTo(200);
    assertThat(ask(HttpMethod.GET, arm + "/eventSubscriptions/all" + version, null).statusCode())
        .isEqualTo(404);
    refused(publish(STRUCTURED, event("b").encode()), 404, "ResourceNotFound", "topic 'orders'");
    // made anew, it has nothing of before
    anew();
    published(event("c"));
    assertThat(ids(received("all", 10))).containsExactly("c");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "deliveryConfiguration.deliveryMode | \"Pull\" | allowed: Queue, Push",
        "deliveryConfiguration.deliveryMode | \"Push\" | deliveryConfiguration.push: missing",
        "deliveryConfiguration.queue.receiveLockDurationInSeconds | 59 | allowed: 60 to 300",
        "deliveryConfiguration.queue.maxDeliveryCount | 11 | allowed: 1 to 10",
        "deliveryConfiguration.queue.eventTimeToLive | \"PT59S\" | allowed: PT1M",
        "deliveryConfiguration.queue.eventTimeToLive | \"P2D\" | the topic's retention",
        "deliveryConfiguration.queue.eventTimeToLive | \"soon\" | a duration",
        "deliveryConfiguration.queue.deadLetterDestinationWithResourceIdentity | {} | deadLetterDestination: missing",
        "deliveryConfiguration.queue.deadLetterDestinationWithResourceIdentity | {\"deadLetterDestination\":{\"endpointType\":\"StorageBlob\",\"properties\":{\"resourceId\":\"x\",\"blobContainerName\":\"Up\"}}} | 'Up' is no container",
        "expirationTimeUtc | \"2020-01-01T00:00:00Z\" | a time to come",
        "expirationTimeUtc | \"soon\" | a time of RFC 3339",
        "eventDeliverySchema | \"EventGridSchema\" | allowed: CloudEventSchemaV1_0",
        "filtersConfiguration.filters | [{\"key\":\"a\"}] | operatorType",
        "filtersConfiguration.filters | [{\"operatorType\":\"Like\",\"key\":\"a\"}] | allowed: NumberIn",
        "filtersConfiguration.filters | [{\"operatorType\":\"NumberIn\",\"key\":\"a\",\"values\":[\"x\"]}] | allowed: numbers",
        "filtersConfiguration.filters | [{\"operatorType\":\"StringIn\",\"key\":\"a\"}] | 0 given",
        "filtersConfiguration.filters | [{\"operatorType\":\"NumberInRange\",\"key\":\"a\",\"values\":[[1]]}] | lists of two numbers"
      })
  void aSubscriptionThatBreaksARuleIsRefused(String path, String value, String why)
      throws Exception {
    JsonObject properties = subscription(new JsonObject());
    String[] steps = path.split("\\.");
    JsonObject at = properties;
    for (int i = 0; i < steps.length - 1; i++) {
      at = at.getJsonObject(steps[i]);
    }
    at.put(steps[steps.length - 1], Json.decodeValue(value));
    HttpResponse<Buffer> answer =
        ask(
            HttpMethod.PUT,
            "/namespaces/plant/topics/orders/eventSubscriptions/bad",
            new JsonObject().put("properties", properties));
    refused(answer, 400, "InvalidRequest", why);
  }

  @Test
  void whatIsNotThereIsSaid() throws Exception {
    refused(
        ask(
            HttpMethod.PUT,
            "/namespaces/plant/topics/nowhere/eventSubscriptions/some",
            new JsonObject().put("properties", subscription(new JsonObject()))),
        404,
        "ParentResourceNotFound",
        "topic 'nowhere'");
    refused(await(receiving("nobody", 1, 10)), 404, "ResourceNotFound", "'nobody'");
    refused(await(receiving("all", 101, 10)), 400, "InvalidRequest", "maxEvents");
    refused(await(receiving("all", 1, 9)), 400, "InvalidRequest", "maxWaitTime");
    HttpResponse<Buffer> nothing =
        await(
            request(HttpMethod.POST, "/topics/orders/eventsubscriptions/all:acknowledge" + VERSION)
                .putHeader("authorization", "SharedAccessKey " + key)
                .sendBuffer(Buffer.buffer("{}")));
    refused(nothing, 400, "InvalidRequest", "lockTokens");
    refused(
        await(
            request(HttpMethod.POST, "/topics/orders:publish")
                .putHeader("authorization", "SharedAccessKey " + key)
                .send()),
        400,
        "InvalidApiVersionParameter",
        "allowed: 2024-06-01");
    JsonObject failed =
        settle(
            "acknowledge",
            "nonsense",
            Base64.getUrlEncoder().encodeToString("1.2.3".getBytes(UTF_8)));
    assertThat(failed.getJsonArray("failedLockTokens")).hasSize(2);
    assertThat(failed.getJsonArray("succeededLockTokens")).isEmpty();
  }

  // --- the official SDK ---

  /** Azure's client for events, from npm; not where there is no node or no registry. */
  @Test
  @Timeout(240)
  void theOfficialSdkSendsAndReceives() throws Exception {
    NpmScript.run(
        home.resolve("ca.pem"),
        "events.mjs",
        List.of("@azure/eventgrid-namespaces@1", "@azure/core-auth@1"),
        List.of("https://localhost:" + node.api().orElseThrow().port(), key, "orders", "all"));
  }
}
