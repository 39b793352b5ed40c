package io.busbar.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Durability;
import io.busbar.config.Settings.Address;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Telemetry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.client.HttpResponse;
import io.vertx.ext.web.client.WebClient;
import io.vertx.micrometer.Label;
import io.vertx.micrometer.MicrometerMetricsFactory;
import io.vertx.micrometer.MicrometerMetricsOptions;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The HTTP surface, and that the meters of Vert.x are in the same registry as ours. */
class HttpIT {
  private static final Health READY =
      new Health(
          "node-1",
          null,
          List.of("mqtt://127.0.0.1:1883"),
          List.of("node-1", "node-2"),
          Durability.REPLICATED);

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final AtomicReference<Health> health = new AtomicReference<>(READY);
  private Vertx vertx;
  private WebClient client;
  private int port;

  @BeforeEach
  void start() throws Exception {
    vertx =
        Vertx.builder()
            .with(
                new VertxOptions()
                    .setMetricsOptions(
                        new MicrometerMetricsOptions()
                            .setEnabled(true)
                            // not HTTP_METHOD: whoever asks may make one up, and each is a meter
                            .setLabels(
                                EnumSet.of(
                                    Label.HTTP_CODE,
                                    Label.EB_SIDE,
                                    Label.POOL_TYPE,
                                    Label.POOL_NAME))))
            .withMetrics(new MicrometerMetricsFactory(registry))
            .build();
    client = WebClient.create(vertx);
    port = serve(registry::scrape);
  }

  @AfterEach
  void stop() throws Exception {
    await(vertx.close());
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  private int serve(Supplier<String> metrics) throws Exception {
    HttpVerticle verticle = new HttpVerticle(new Address("127.0.0.1", 0), health::get, metrics);
    await(vertx.deployVerticle(verticle));
    return verticle.port();
  }

  private HttpResponse<Buffer> ask(HttpMethod method, String path) throws Exception {
    return await(client.request(method, port, "127.0.0.1", path).send());
  }

  private HttpResponse<Buffer> get(String path) throws Exception {
    return ask(HttpMethod.GET, path);
  }

  @Test
  void live_isTrue() throws Exception {
    HttpResponse<Buffer> answer = get("/health/live");
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.bodyAsJsonObject()).isEqualTo(new JsonObject().put("live", true));
  }

  @Test
  void ready_tellsNodeListenersAndNodes() throws Exception {
    HttpResponse<Buffer> answer = get("/health/ready?verbose");
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.getHeader("content-type")).isEqualTo("application/json");
    assertThat(answer.bodyAsJsonObject())
        .isEqualTo(
            new JsonObject()
                .put("ready", true)
                .put("node", "node-1")
                .put("listeners", new JsonArray().add("mqtt://127.0.0.1:1883"))
                .put("nodes", new JsonArray().add("node-1").add("node-2"))
                .put("durability", "replicated"));
  }

  @Test
  void notReady_tellsWhy_andStaysLive() throws Exception {
    health.set(
        new Health(
            "node-1", "listeners are not open yet", List.of(), List.of(), Durability.MEMORY));
    HttpResponse<Buffer> answer = get("/health/ready");
    assertThat(answer.statusCode()).isEqualTo(503);
    assertThat(answer.bodyAsJsonObject().getBoolean("ready")).isFalse();
    assertThat(answer.bodyAsJsonObject().getString("reason"))
        .isEqualTo("listeners are not open yet");
    assertThat(get("/health/live").statusCode()).isEqualTo(200);
  }

  @Test
  void head_isGetWithoutBody() throws Exception {
    for (String path : List.of("/health/live", "/health/ready", "/metrics", "/nothing")) {
      HttpResponse<Buffer> head = ask(HttpMethod.HEAD, path);
      assertThat(head.statusCode()).isEqualTo(path.equals("/nothing") ? 404 : 200);
      assertThat(Integer.parseInt(head.getHeader("content-length"))).isPositive();
      assertThat(head.body()).isNull();
    }
  }

  @Test
  void otherMethods_areNotAllowed() throws Exception {
    for (HttpMethod method :
        List.of(HttpMethod.POST, HttpMethod.PUT, HttpMethod.DELETE, HttpMethod.OPTIONS)) {
      HttpResponse<Buffer> answer = ask(method, "/metrics");
      assertThat(answer.statusCode()).isEqualTo(405);
      assertThat(answer.getHeader("allow")).isEqualTo("GET, HEAD");
    }
  }

  @Test
  void otherPaths_tellWhatThereIs() throws Exception {
    for (String path : List.of("/", "/health", "/metrics/", "/health/live/../ready", "//metrics")) {
      HttpResponse<Buffer> answer = get(path);
      assertThat(answer.statusCode()).as(path).isEqualTo(404);
      assertThat(answer.bodyAsJsonObject().getJsonArray("allowed"))
          .containsExactly("/health/live", "/health/ready", "/metrics");
    }
  }

  @Test
  void largeHeaders_areRefused() throws Exception {
    assertThat(
            await(
                    client
                        .get(port, "127.0.0.1", "/health/live")
                        .putHeader("x-large", "x".repeat(9_000))
                        .send())
                .statusCode())
        .isEqualTo(431);
  }

  @Test
  void longRequestLines_areRefused() throws Exception {
    assertThat(get("/health/live?" + "x".repeat(2_100)).statusCode()).isEqualTo(414);
  }

  @Test
  void failingMetrics_areAnError() throws Exception {
    port =
        serve(
            () -> {
              throw new IllegalStateException("registry closed");
            });
    assertThat(get("/metrics").statusCode()).isEqualTo(500);
    assertThat(get("/health/live").statusCode()).isEqualTo(200);
  }

  @Test
  void scrapes_areBounded_andDoNotBlockTheLoop() throws Exception {
    CountDownLatch started = new CountDownLatch(4);
    CountDownLatch release = new CountDownLatch(1);
    port =
        serve(
            () -> {
              started.countDown();
              try {
                assertThat(release.await(20, TimeUnit.SECONDS)).isTrue();
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
              return "up 1\n";
            });
    List<Future<HttpResponse<Buffer>>> scrapes =
        Stream.generate(() -> client.get(port, "127.0.0.1", "/metrics").send()).limit(4).toList();
    assertThat(started.await(20, TimeUnit.SECONDS)).isTrue();
    assertThat(get("/metrics").statusCode()).isEqualTo(503);
    assertThat(get("/health/live").statusCode()).isEqualTo(200);
    release.countDown();
    for (Future<HttpResponse<Buffer>> scrape : scrapes) {
      assertThat(await(scrape).bodyAsString()).isEqualTo("up 1\n");
    }
    assertThat(get("/metrics").statusCode()).isEqualTo(200);
  }

  @Test
  void metrics_haveOursAndThoseOfVertx() throws Exception {
    new Telemetry(registry).lost(Loss.EXPIRED, 3);
    vertx.eventBus().<String>localConsumer("echo", message -> message.reply(message.body()));
    await(vertx.eventBus().request("echo", "x"));
    int netPort =
        await(vertx.createNetServer().connectHandler(socket -> {}).listen(0, "127.0.0.1"))
            .actualPort();
    await(vertx.createNetClient().connect(netPort, "127.0.0.1"));
    get("/health/live");
    assertThat(ask(HttpMethod.valueOf("MADEUP"), "/metrics").statusCode()).isEqualTo(405);
    HttpResponse<Buffer> answer = get("/metrics");
    assertThat(answer.getHeader("content-type"))
        .isEqualTo("text/plain; version=0.0.4; charset=utf-8");
    assertThat(answer.bodyAsString())
        .contains("busbar_lost_total{reason=\"expired\"} 3.0")
        .contains("vertx_http_server_requests_total{")
        .contains("vertx_http_server_active_connections")
        .contains("vertx_http_client_requests_total ")
        .contains("vertx_net_client_active_connections")
        .contains("vertx_net_server_active_connections")
        .contains("vertx_eventbus_handlers")
        .contains("vertx_eventbus_sent_total{")
        .contains("vertx_pool_in_use{")
        .doesNotContain("MADEUP");
  }
}
