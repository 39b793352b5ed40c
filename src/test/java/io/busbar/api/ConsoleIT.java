package io.busbar.api;

import static io.busbar.testing.ApiClient.OPERATOR;
import static io.busbar.testing.ApiClient.OWNER;
import static io.busbar.testing.ApiClient.READER;
import static io.busbar.testing.ApiClient.await;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.Node;
import io.busbar.config.Settings;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.testing.ApiClient;
import io.busbar.testing.Await;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.vertx.core.Handler;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.core.parsetools.JsonParser;
import io.vertx.ext.web.client.HttpResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The files of the web console, and what it asks the API for; .ci/console shows it in a browser.
 */
@Timeout(60)
class ConsoleIT {
  private static final Path FILES = Path.of("src/main/resources/io/busbar/console");

  @TempDir static Path home;
  private static ApiClient api;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
              () ->
                  ApiClient.with(
                      TestNode.secured(TestPki.in(home).server(), home, "name: plant\n", Map.of()),
                      home))
          .durable();

  @BeforeAll
  static void open() {
    api = new ApiClient(home.resolve("ca.pem"), () -> NODE.apiPort(0));
  }

  @AfterAll
  static void close() {
    api.close();
  }

  private static HttpResponse<Buffer> get(String path, String key) throws Exception {
    return await(api.request(HttpMethod.GET, path, key).followRedirects(false).send());
  }

  private static JsonObject ok(String path) throws Exception {
    HttpResponse<Buffer> answer = get(path, READER);
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(200);
    return answer.bodyAsJsonObject();
  }

  // --- the files ---

  @Test
  void allOfItsFilesAreServed_toAnybody() throws Exception {
    try (Stream<Path> files = Files.list(FILES)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrderElementsOf(Console.FILES);
    }
    for (String name : Console.FILES) {
      HttpResponse<Buffer> answer = get("/console/" + name, null);
      assertThat(answer.statusCode()).as(name).isEqualTo(200);
      assertThat(answer.bodyAsString()).isEqualTo(Files.readString(FILES.resolve(name)));
    }
  }

  @Test
  void thePageRunsNothingButItsOwnFiles() throws Exception {
    HttpResponse<Buffer> page = get("/console/", null);
    assertThat(page.statusCode()).isEqualTo(200);
    assertThat(page.getHeader("content-type")).isEqualTo("text/html; charset=utf-8");
    assertThat(page.getHeader("content-security-policy"))
        .contains("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'")
        .doesNotContain("unsafe", "*", "http");
    assertThat(page.getHeader("x-content-type-options")).isEqualTo("nosniff");
    assertThat(page.getHeader("x-frame-options")).isEqualTo("DENY");
    assertThat(page.getHeader("referrer-policy")).isEqualTo("no-referrer");
    assertThat(page.headers().getAll("set-cookie")).isEmpty();
    assertThat(get("/console/main.js", null).getHeader("content-type"))
        .isEqualTo("text/javascript; charset=utf-8");
    for (String name : Console.FILES) {
      String text = Files.readString(FILES.resolve(name));
      assertThat(text.replace("http://www.w3.org/2000/svg", ""))
          .as(name)
          .doesNotContain("://", "innerHTML", "insertAdjacentHTML", "outerHTML", "eval(", "style=");
    }
  }

  @Test
  void withoutTheSlash_itLeadsThere() throws Exception {
    HttpResponse<Buffer> answer = get("/console", null);
    assertThat(answer.statusCode()).isEqualTo(308);
    assertThat(answer.getHeader("location")).isEqualTo("/console/");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/console/../api/openapi.json",
        "/console/%2e%2e/api/openapi.json",
        "/console/..%2fapi%2fopenapi.json",
        "/console//etc/passwd",
        "/console/main.js/",
        "/console/MAIN.JS",
        "/console/main.js%00",
        "/console/nothing.js"
      })
  void whatIsNoneOfItsFilesIsNotThere(String path) throws Exception {
    HttpResponse<Buffer> answer = get(path, OWNER);
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(404);
    assertThat(answer.bodyAsJsonObject().getJsonObject("error").getString("code"))
        .isEqualTo("NotFound");
  }

  @Test
  void itIsOnlyRead() throws Exception {
    HttpResponse<Buffer> answer =
        await(api.request(HttpMethod.POST, "/console/", OWNER).sendBuffer(Buffer.buffer("x")));
    assertThat(answer.statusCode()).isEqualTo(405);
    assertThat(answer.getHeader("allow")).isEqualTo("GET, HEAD");
  }

  @Test
  void itCanBeSwitchedOff(@TempDir Path other) throws Exception {
    Settings on =
        ApiClient.with(
            TestNode.secured(TestPki.in(other).server(), other, "name: plant\n", Map.of()), other);
    Settings.Api at = on.api().orElseThrow();
    Settings off =
        on.with(
            new Settings.Api(
                at.address(), at.certificate(), at.key(), at.keys(), at.clientAuthority(), false));
    Node node = await(Node.start(off));
    try (ApiClient there =
        new ApiClient(other.resolve("ca.pem"), () -> node.api().orElseThrow().port())) {
      HttpResponse<Buffer> answer =
          await(there.request(HttpMethod.GET, "/console/", null).followRedirects(false).send());
      assertThat(answer.statusCode()).isEqualTo(404);
      assertThat(answer.bodyAsString()).contains("switched off (api.console)");
      assertThat(await(there.request(HttpMethod.GET, "/node", READER).send()).statusCode())
          .isEqualTo(200);
    } finally {
      await(node.stop());
    }
  }

  @Test
  void everyReasonOfTheLedgerIsExplained() throws IOException {
    String losses = Files.readString(FILES.resolve("losses.js"));
    assertThat(losses)
        .contains(Arrays.stream(Loss.values()).map(loss -> "\n  " + loss.tag() + ": ").toList());
  }

  @Test
  void everyMeterItShowsExists() throws IOException {
    List<String> ids = Arrays.stream(Meter.values()).map(Meter::id).toList();
    for (String name : Console.FILES) {
      assertThat(Files.readString(FILES.resolve(name)).lines())
          .allSatisfy(
              line -> {
                Matcher used = Pattern.compile("'(busbar\\.[a-z.]+[a-z])'").matcher(line);
                while (used.find()) {
                  assertThat(ids.contains(used.group(1))).as(line).isTrue();
                }
              });
    }
  }

  // --- what it asks for ---

  @ParameterizedTest
  @ValueSource(
      strings = {"/node", "/nodes", "/nodes/x", "/queues", "/cluster", "/sessions", "/retained"})
  void withoutAKeyThereIsNoData(String path) throws Exception {
    for (String key : new String[] {null, "another"}) {
      HttpResponse<Buffer> answer = get(path, key);
      assertThat(answer.statusCode()).isEqualTo(401);
      assertThat(answer.bodyAsJsonObject().fieldNames()).containsExactly("error");
    }
  }

  @Test
  void pagesOfOtherSitesAreRefused_beforeAnythingIsLookedAt() throws Exception {
    for (String site : List.of("cross-site", "same-site")) {
      HttpResponse<Buffer> answer =
          await(
              api.request(HttpMethod.DELETE, "/sessions/x", OWNER)
                  .putHeader("sec-fetch-site", site)
                  .send());
      assertThat(answer.statusCode()).isEqualTo(403);
      assertThat(answer.bodyAsString()).contains("pages of other sites");
    }
    for (String site : List.of("same-origin", "none")) {
      assertThat(
              await(
                      api.request(HttpMethod.GET, "/node", READER)
                          .putHeader("sec-fetch-site", site)
                          .send())
                  .statusCode())
          .isEqualTo(200);
    }
  }

  @Test
  void theNodeTellsHowItIs_andWhoAsks() throws Exception {
    JsonObject node = ok("/node");
    assertThat(node.getBoolean("ready")).isTrue();
    assertThat(node.getString("durability")).isEqualTo("fsync");
    assertThat(node.getJsonObject("caller").getString("role")).isEqualTo("reader");
    assertThat(node.encode()).doesNotContain(READER);
    JsonObject meters = node.getJsonObject("meters");
    assertThat(meters.fieldNames()).contains("busbar.connections", "busbar.lost");
    assertThat(meters.getJsonArray("busbar.lost")).hasSize(Loss.values().length);
    JsonObject commits = meters.getJsonArray("busbar.store.commit").getJsonObject(0);
    assertThat(commits.getLong("count")).isPositive();
    JsonArray buckets = commits.getJsonArray("buckets");
    assertThat(buckets.getJsonObject(buckets.size() - 1).getLong("count"))
        .isLessThanOrEqualTo(commits.getLong("count"));
  }

  @Test
  void theNodesOfTheCluster_eachByItsId() throws Exception {
    JsonObject nodes = ok("/nodes");
    assertThat(nodes.getJsonArray("value")).hasSize(1);
    JsonObject only = nodes.getJsonArray("value").getJsonObject(0);
    assertThat(only.getString("id")).isEqualTo(nodes.getString("asked"));
    assertThat(only.getBoolean("ready")).isTrue();
    assertThat(only.getLong("connections")).isNotNegative();
    JsonObject node = ok("/nodes/" + only.getString("id"));
    assertThat(node.fieldNames()).isEqualTo(ok("/node").fieldNames());
    assertThat(node.getJsonObject("caller").getString("role")).isEqualTo("reader");
    HttpResponse<Buffer> none = get("/nodes/nobody", READER);
    assertThat(none.statusCode()).isEqualTo(404);
    assertThat(none.bodyAsString()).contains("nobody", "allowed: " + only.getString("id"));
    for (String path : List.of("/nodes", "/nodes/" + only.getString("id"))) {
      HttpResponse<Buffer> deleted = await(api.request(HttpMethod.DELETE, path, OWNER).send());
      assertThat(deleted.statusCode()).isEqualTo(405);
    }
  }

  @Test
  void queuesTellWhatWaits_inPages() throws Exception {
    JsonObject queue =
        new JsonObject()
            .put("deliveryConfiguration", new JsonObject().put("deliveryMode", "Queue"));
    api.put("/namespaces/plant/topics/Orders", new JsonObject());
    for (String name : List.of("all", "some")) {
      api.put("/namespaces/plant/topics/Orders/eventSubscriptions/" + name, queue);
    }
    String event =
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data\":1}";
    JsonObject keys =
        api.ask(HttpMethod.POST, "/namespaces/plant/listKeys", new JsonObject()).bodyAsJsonObject();
    HttpResponse<Buffer> published =
        await(
            api.request(HttpMethod.POST, "/topics/Orders:publish?api-version=2024-06-01", null)
                .putHeader("authorization", "SharedAccessKey " + keys.getString("key1"))
                .putHeader("content-type", "application/cloudevents+json; charset=utf-8")
                .sendBuffer(Buffer.buffer(event)));
    assertThat(published.statusCode()).as(published.bodyAsString()).isEqualTo(200);

    JsonObject first = ok("/queues?$top=1");
    JsonObject one = first.getJsonArray("value").getJsonObject(0);
    assertThat(one.getString("subscription")).isEqualTo("orders/all");
    assertThat(one.getInteger("events")).isEqualTo(1);
    assertThat(one.getInteger("away")).isZero();
    assertThat(one.getLong("bytes")).isPositive().isLessThan(one.getLong("mostBytes"));
    assertThat(one.getString("oldest")).isNotEmpty();
    String next = first.getString("nextLink");
    JsonObject second = ok(next.substring(next.indexOf("/queues")));
    assertThat(second.getJsonArray("value").getJsonObject(0).getString("subscription"))
        .isEqualTo("orders/some");
    assertThat(ok("/queues").getJsonArray("value")).hasSize(2);
  }

  @Test
  void aTailIsForOperators_andSaysWhatIsWrong() throws Exception {
    HttpResponse<Buffer> reader = tail(READER, "{\"filter\":\"#\"}");
    assertThat(reader.statusCode()).isEqualTo(403);
    assertThat(reader.bodyAsString()).contains("needed: operator");
    assertThat(get("/tail", OWNER).statusCode()).isEqualTo(405);
    for (String body : List.of("", "[]", "{}", "{\"filter\":1}", "{\"filter\":\"a/#/b\"}")) {
      HttpResponse<Buffer> answer = tail(OPERATOR, body);
      assertThat(answer.statusCode()).as(body).isEqualTo(400);
      assertThat(answer.bodyAsString()).contains("filter: ");
    }
  }

  private static HttpResponse<Buffer> tail(String key, String body) throws Exception {
    return await(api.request(HttpMethod.POST, "/tail", key).sendBuffer(Buffer.buffer(body)));
  }

  /** Begins to look at messages, each of which a handler gets; the status of the answer. */
  private static int look(HttpClient client, Handler<JsonObject> each) throws Exception {
    JsonParser parser =
        JsonParser.newParser().objectValueMode().handler(event -> each.handle(event.objectValue()));
    HttpClientResponse answer =
        await(
            client
                .request(HttpMethod.POST, NODE.apiPort(0), "localhost", "/tail")
                .compose(
                    request ->
                        request
                            .putHeader("authorization", "Bearer " + OPERATOR)
                            .send(Buffer.buffer("{\"filter\":\"a/+\"}")))
                .onSuccess(response -> response.handler(parser)));
    return answer.statusCode();
  }

  private static HttpClient client() {
    return api.vertx()
        .createHttpClient(
            new HttpClientOptions()
                .setSsl(true)
                .setTrustOptions(
                    new PemTrustOptions().addCertPath(home.resolve("ca.pem").toString())),
            new PoolOptions().setHttp1MaxSize(20));
  }

  @Test
  void anOperatorSeesWhatIsPublished_andNothingElse() throws Exception {
    List<JsonObject> seen = new CopyOnWriteArrayList<>();
    HttpClient client = client();
    try {
      assertThat(look(client, seen::add)).isEqualTo(200);
      // until the loops know of it, messages are not seen
      Await.until(
          "a message is seen",
          () -> {
            publish("a/first", "1");
            return !seen.isEmpty();
          },
          () -> seen);
      publish("b/other", "2");
      publish("a/last", "x".repeat(2_000));
      Await.until(
          "the last message is seen",
          () -> seen.stream().anyMatch(one -> "a/last".equals(one.getString("topic"))),
          () -> seen);
    } finally {
      await(client.close());
    }
    assertThat(seen).noneMatch(one -> "b/other".equals(one.getString("topic")));
    JsonObject first = seen.get(0);
    assertThat(first.getString("topic")).isEqualTo("a/first");
    assertThat(first.getString("client")).isEqualTo("management-api");
    assertThat(first.getInteger("qos")).isEqualTo(1);
    assertThat(new String(first.getBinary("payloadBase64"), UTF_8)).isEqualTo("1");
    JsonObject last = seen.get(seen.size() - 1);
    assertThat(last.getInteger("bytes")).isEqualTo(2_000);
    assertThat(last.getBinary("payloadBase64")).hasSize(1_024);
  }

  @Test
  void soManyLookAtOnce_andWhoLeavesMakesRoom() throws Exception {
    HttpClient client = client();
    int refused = 0;
    for (int i = 0; i < 9; i++) {
      refused += look(client, one -> {}) == 429 ? 1 : 0;
    }
    assertThat(refused).isPositive();
    await(client.close());
    HttpClient another = client();
    try {
      Await.until(
          "there is room again",
          () -> {
            try {
              return look(another, one -> {}) == 200;
            } catch (Exception e) {
              throw new AssertionError(e);
            }
          },
          () -> "still 429");
    } finally {
      await(another.close());
    }
  }

  private static void publish(String topic, String payload) {
    try {
      HttpResponse<Buffer> answer =
          await(
              api.request(
                      HttpMethod.POST,
                      "/mqtt/messages?topic=" + topic + "&api-version=2025-02-15-preview",
                      OPERATOR)
                  .sendBuffer(Buffer.buffer(payload)));
      assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(204);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }
}
