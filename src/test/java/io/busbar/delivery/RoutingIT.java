package io.busbar.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.busbar.bus.Budget;
import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.event.RetrySchedule;
import io.busbar.event.Route;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.busbar.testing.Await;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.junit5.VertxExtension;
import java.math.BigInteger;
import java.net.ServerSocket;
import java.net.URI;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.stream.LongStream;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** Routing over real HTTP on loopback. */
@ExtendWith(VertxExtension.class)
class RoutingIT {
  /** Event Grid's schedule, a thousand times faster. */
  private static final RetrySchedule FAST = new RetrySchedule(1);

  private final Telemetry telemetry = new Telemetry(new SimpleMeterRegistry());
  private final Queue<JsonObject> received = new ConcurrentLinkedQueue<>();
  private final AtomicInteger requests = new AtomicInteger();
  private Vertx vertx;

  @BeforeEach
  void register(Vertx injected) {
    vertx = injected;
    Bus.register(vertx.eventBus());
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  private void until(BooleanSupplier condition) {
    Await.until("the condition of the test", condition, () -> requests.get() + " requests");
  }

  /** A webhook on any free port that answers as told; gives its URL. */
  private URI webhook(BiConsumer<HttpServerRequest, JsonObject> answer) throws Exception {
    return webhook(new HttpServerOptions(), "http", answer);
  }

  private URI webhook(
      HttpServerOptions options, String scheme, BiConsumer<HttpServerRequest, JsonObject> answer)
      throws Exception {
    int port =
        await(
                vertx
                    .createHttpServer(options)
                    .requestHandler(
                        request -> {
                          requests.incrementAndGet();
                          request
                              .body()
                              .onSuccess(body -> answer.accept(request, body.toJsonObject()));
                        })
                    .listen(0, "127.0.0.1"))
            .actualPort();
    return URI.create(scheme + "://127.0.0.1:" + port + "/hook");
  }

  private void take(HttpServerRequest request, JsonObject event) {
    received.add(event);
    end(request, 204);
  }

  private static void end(HttpServerRequest request, int status) {
    request.response().setStatusCode(status).end();
  }

  private static Limits limits(Map<Limit, Long> values) {
    return new Limits(Profile.OPEN, values);
  }

  private static Route route(String name, String filter, URI endpoint, int lanes) {
    return new Route(name, List.of(filter), endpoint, lanes);
  }

  private String deploy(RetrySchedule schedule, Limits limits, Route... routes) throws Exception {
    return await(
        vertx.deployVerticle(
            new RoutingVerticle(
                List.of(routes),
                "plant7",
                limits,
                telemetry,
                new Budget(Long.MAX_VALUE),
                schedule)));
  }

  private String deploy(Route... routes) throws Exception {
    return deploy(FAST, limits(Map.of()), routes);
  }

  private static Bus.RoutedMessage message(long connection, String topic, byte[] payload) {
    ByteBuf out = Unpooled.buffer();
    PropertyWriter properties =
        new PropertyWriter().string(Property.CONTENT_TYPE, "application/json");
    Encoder.publish(out, MqttVersion.V5, topic, 1, 0, payload, properties);
    return new Bus.RoutedMessage(
        new Bus.Publisher("press-3", "press-3-a", connection),
        MqttVersion.V5,
        ByteBufUtil.getBytes(out),
        1_767_323_045_678L);
  }

  private static Bus.RoutedMessage message(long connection, String topic, int data) {
    return message(connection, topic, Buffer.buffer(Integer.toString(data)).getBytes());
  }

  private void publish(List<Bus.RoutedMessage> messages) {
    vertx.eventBus().send(Bus.ROUTING, new Bus.Routed(messages), Bus.local());
  }

  private void publish(Bus.RoutedMessage... messages) {
    publish(List.of(messages));
  }

  private long total(Meter meter) {
    return (long) telemetry.total(meter);
  }

  private long gauge(Meter meter) {
    return (long) telemetry.registry().get(meter.id()).gauge().value();
  }

  /** The ledger of routing: nothing that a route covers is unaccounted for. */
  private void assertLedger(long routed, Map<Loss, Long> lost) {
    // the counters of one event change one after the other, on the event loop
    long all = routed + lost.values().stream().mapToLong(Long::longValue).sum();
    until(() -> all + gauge(Meter.EVENTS_PENDING) == total(Meter.EVENTS_MATCHED));
    assertThat(total(Meter.EVENTS_ROUTED)).as("routed").isEqualTo(routed);
    long losses = 0;
    for (Loss loss : List.of(Loss.ROUTE_QUEUE_FULL, Loss.ROUTE_UNDELIVERED, Loss.ROUTE_STOPPED)) {
      assertThat(telemetry.lost(loss)).as(loss.tag()).isEqualTo(lost.getOrDefault(loss, 0L));
      losses += telemetry.lost(loss);
    }
    assertThat(routed + gauge(Meter.EVENTS_PENDING) + losses)
        .as("routed + pending + lost")
        .isEqualTo(total(Meter.EVENTS_MATCHED));
  }

  @Test
  void event_arrivesAsStructuredCloudEvent() throws Exception {
    Promise<HttpServerRequest> seen = Promise.promise();
    URI url =
        webhook(
            (request, event) -> {
              take(request, event);
              seen.complete(request);
            });
    deploy(route("all", "line/#", URI.create(url + "?code=1%202"), 1));
    publish(message(1, "line/3/temp", 21), message(1, "other", 22));
    HttpServerRequest request = await(seen.future());
    assertThat(request.method().name()).isEqualTo("POST");
    assertThat(request.uri()).isEqualTo("/hook?code=1%202");
    assertThat(request.getHeader("content-type"))
        .isEqualTo("application/cloudevents+json; charset=utf-8");
    until(() -> total(Meter.EVENTS_ROUTED) == 1);
    JsonObject event = received.remove();
    assertThat(event.getString("subject")).isEqualTo("line/3/temp");
    assertThat(event.getString("source")).isEqualTo("plant7");
    assertThat(event.getString("time")).isEqualTo("2026-01-02T03:04:05.678Z");
    assertThat(event.getValue("data")).isEqualTo(21);
    assertThat(event.getString("id")).hasSize(36);
    assertThat(received).isEmpty();
    assertThat(total(Meter.BUS_MESSAGES)).isEqualTo(1);
    assertLedger(1, Map.of());
  }

  @Test
  void order_holdsPerPublisher_whileLanesAndRetriesInterleave() throws Exception {
    long publishers = 12;
    int each = 100;
    Random random = new Random(7);
    AtomicInteger open = new AtomicInteger();
    AtomicInteger mostOpen = new AtomicInteger();
    URI url =
        webhook(
            (request, event) -> {
              mostOpen.accumulateAndGet(open.incrementAndGet(), Math::max);
              boolean fails = random.nextInt(50) == 0;
              vertx.setTimer(
                  1 + random.nextInt(3),
                  timer -> {
                    open.decrementAndGet();
                    if (fails) {
                      end(request, 500);
                    } else {
                      take(request, event);
                    }
                  });
            });
    deploy(route("all", "#", url, 4));
    for (int i = 0; i < each; i++) {
      int n = i;
      publish(LongStream.range(0, publishers).mapToObj(p -> message(p, "p/" + p, n)).toList());
    }
    until(() -> total(Meter.EVENTS_ROUTED) == publishers * each);
    Map<String, Integer> next = new HashMap<>();
    for (JsonObject event : received) {
      int n = next.merge(event.getString("subject"), 1, Integer::sum) - 1;
      assertThat(event.getInteger("data")).as(event.getString("subject")).isEqualTo(n);
    }
    assertThat(next).hasSize((int) publishers);
    assertThat(mostOpen).hasValueBetween(2, 4);
    assertThat(total(Meter.EVENTS_RETRIED)).isPositive();
    assertLedger(publishers * each, Map.of());
  }

  @Test
  void failure_isRetriedWithTheSameEvent() throws Exception {
    List<JsonObject> seen = new ArrayList<>();
    URI url =
        webhook(
            (request, event) -> {
              seen.add(event);
              end(request, List.of(500, 503, 200).get(seen.size() - 1));
            });
    deploy(route("all", "#", url, 1));
    publish(message(1, "t", 1));
    until(() -> total(Meter.EVENTS_ROUTED) == 1);
    assertThat(seen).hasSize(3).allMatch(event -> event.equals(seen.get(0)));
    assertThat(total(Meter.EVENTS_RETRIED)).isEqualTo(2);
    assertLedger(1, Map.of());
  }

  @ParameterizedTest
  @ValueSource(ints = {400, 401, 403, 404, 413, 414})
  void finalAnswer_isNotRetried_andTheNextEventGoesOn(int status) throws Exception {
    URI url =
        webhook(
            (request, event) -> {
              if (event.getInteger("data") == 0) {
                end(request, status);
              } else {
                take(request, event);
              }
            });
    deploy(route("all", "#", url, 1));
    publish(message(1, "t", 0), message(1, "t", 1));
    until(() -> total(Meter.EVENTS_ROUTED) == 1);
    assertThat(requests).hasValue(2);
    assertLedger(1, Map.of(Loss.ROUTE_UNDELIVERED, 1L));
  }

  @Test
  void attempts_areBounded() throws Exception {
    URI url = webhook((request, event) -> end(request, 500));
    deploy(FAST, limits(Map.of(Limit.ROUTE_ATTEMPTS, 3L)), route("all", "#", url, 1));
    publish(message(1, "t", 0));
    until(() -> telemetry.lost(Loss.ROUTE_UNDELIVERED) == 1);
    assertThat(requests).hasValue(3);
    assertLedger(0, Map.of(Loss.ROUTE_UNDELIVERED, 1L));
  }

  @ParameterizedTest
  @ValueSource(ints = {301, 302, 303, 307, 308})
  void redirect_isNotFollowed(int status) throws Exception {
    URI other = webhook((request, event) -> take(request, event));
    URI url =
        webhook(
            (request, event) ->
                request
                    .response()
                    .setStatusCode(status)
                    .putHeader("location", other.toString())
                    .end());
    deploy(FAST, limits(Map.of(Limit.ROUTE_ATTEMPTS, 1L)), route("all", "#", url, 1));
    publish(message(1, "t", 0));
    until(() -> telemetry.lost(Loss.ROUTE_UNDELIVERED) == 1);
    assertThat(requests).hasValue(1);
    assertThat(received).isEmpty();
  }

  @Test
  void deadEndpoint_fillsTheQueueExactlyToItsBound() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    long bound = 1 << 20;
    String deployment =
        deploy(
            RetrySchedule.STANDARD,
            limits(Map.of(Limit.ROUTE_QUEUE_BYTES, bound)),
            route("dead", "#", URI.create("http://127.0.0.1:" + port + "/"), 4));
    Bus.RoutedMessage message = message(1, "t", new byte[1_000]);
    long cost = (long) message.packet().length + Webhook.EVENT_BYTES;
    long fit = bound / cost;
    for (int i = 0; i < 2 * fit; i++) {
      publish(message);
    }
    until(() -> total(Meter.EVENTS_MATCHED) == 2 * fit && gauge(Meter.EVENTS_PENDING) == fit);
    assertThat(gauge(Meter.EVENTS_PENDING_BYTES)).isEqualTo(fit * cost);
    assertLedger(0, Map.of(Loss.ROUTE_QUEUE_FULL, fit));
    await(vertx.undeploy(deployment));
    assertThat(gauge(Meter.EVENTS_PENDING)).isZero();
    assertThat(gauge(Meter.EVENTS_PENDING_BYTES)).isZero();
    assertLedger(0, Map.of(Loss.ROUTE_QUEUE_FULL, fit, Loss.ROUTE_STOPPED, fit));
  }

  @Test
  void deadRoute_costsOthersNothing() throws Exception {
    URI dead = webhook((request, event) -> end(request, 500));
    URI url = webhook(this::take);
    deploy(
        RetrySchedule.STANDARD,
        limits(Map.of(Limit.ROUTE_QUEUE_BYTES, 1L << 20)),
        route("dead", "#", dead, 1),
        route("well", "+", url, 1));
    for (int i = 0; i < 1_000; i++) {
      publish(message(1, "t", new byte[1_000]));
      int sent = i + 1;
      if (sent % 100 == 0) {
        until(() -> total(Meter.EVENTS_ROUTED) == sent);
      }
    }
    assertThat(received).hasSize(1_000);
    assertThat(telemetry.lost(Loss.ROUTE_QUEUE_FULL)).isBetween(500L, 700L);
    assertThat(gauge(Meter.EVENTS_PENDING_BYTES)).isLessThanOrEqualTo(1 << 19);
  }

  @Test
  void stop_letsWhatGoesWellGoOn() throws Exception {
    URI url = webhook((request, event) -> vertx.setTimer(5, timer -> take(request, event)));
    String deployment = deploy(route("all", "#", url, 2));
    for (int i = 0; i < 20; i++) {
      publish(message(i, "t", i));
    }
    until(() -> total(Meter.EVENTS_MATCHED) == 20);
    await(vertx.undeploy(deployment));
    assertThat(received).hasSize(20);
    assertLedger(20, Map.of());
  }

  @Test
  void silentWebhook_holdsUpItsLaneOnly_untilTheTimeout() throws Exception {
    URI url =
        webhook(
            (request, event) -> {
              if (event.getString("subject").equals("good")) {
                take(request, event);
              }
            });
    Limits limits = limits(Map.of(Limit.ROUTE_TIMEOUT, 1L, Limit.ROUTE_ATTEMPTS, 1L));
    deploy(FAST, limits, route("all", "#", url, 16));
    publish(message(1, "bad", 0));
    for (int i = 2; i < 50; i++) {
      publish(message(i, "good", i));
    }
    until(() -> telemetry.lost(Loss.ROUTE_UNDELIVERED) == 1);
    until(() -> total(Meter.EVENTS_ROUTED) == 48);
    assertLedger(48, Map.of(Loss.ROUTE_UNDELIVERED, 1L));
  }

  @Test
  void tricklingAnswer_isCutOff() throws Exception {
    Promise<Void> closed = Promise.promise();
    URI url =
        webhook(
            (request, event) -> {
              request.response().setChunked(true).setStatusCode(200);
              long timer = vertx.setPeriodic(50, t -> request.response().write("x"));
              request
                  .connection()
                  .closeHandler(
                      gone -> {
                        vertx.cancelTimer(timer);
                        closed.complete();
                      });
            });
    Limits limits = limits(Map.of(Limit.ROUTE_TIMEOUT, 1L, Limit.ROUTE_ATTEMPTS, 1L));
    deploy(FAST, limits, route("all", "#", url, 1));
    publish(message(1, "t", 0));
    await(closed.future());
    until(() -> telemetry.lost(Loss.ROUTE_UNDELIVERED) == 1);
    assertLedger(0, Map.of(Loss.ROUTE_UNDELIVERED, 1L));
  }

  @Test
  void answerBrokenOff_isRetried() throws Exception {
    URI url =
        webhook(
            (request, event) -> {
              if (requests.get() == 1) {
                request.response().putHeader("content-length", "100").write("abc");
                request.connection().close();
              } else {
                take(request, event);
              }
            });
    deploy(route("all", "#", url, 1));
    publish(message(1, "t", 0), message(1, "t", 1));
    until(() -> total(Meter.EVENTS_ROUTED) == 2);
    assertThat(received.stream().map(event -> event.getInteger("data"))).containsExactly(0, 1);
    assertThat(total(Meter.EVENTS_RETRIED)).isEqualTo(1);
    assertLedger(2, Map.of());
  }

  private static PemKeyCertOptions selfSigned() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(256);
    KeyPair keys = generator.generateKeyPair();
    X500Principal name = new X500Principal("CN=127.0.0.1");
    Instant now = Instant.now();
    byte[] certificate =
        new JcaX509v3CertificateBuilder(
                name,
                BigInteger.ONE,
                Date.from(now.minusSeconds(60)),
                Date.from(now.plusSeconds(3_600)),
                name,
                keys.getPublic())
            .addExtension(
                Extension.subjectAlternativeName,
                false,
                new GeneralNames(new GeneralName(GeneralName.iPAddress, "127.0.0.1")))
            .build(new JcaContentSignerBuilder("SHA256withECDSA").build(keys.getPrivate()))
            .getEncoded();
    return new PemKeyCertOptions()
        .addCertValue(pem("CERTIFICATE", certificate))
        .addKeyValue(pem("PRIVATE KEY", keys.getPrivate().getEncoded()));
  }

  private static Buffer pem(String type, byte[] der) {
    String base64 = Base64.getMimeEncoder().encodeToString(der);
    return Buffer.buffer(
        "-----BEGIN %s-----\n%s\n-----END %s-----\n".formatted(type, base64, type));
  }

  @Test
  void untrustedCertificate_isRefused() throws Exception {
    HttpServerOptions options =
        new HttpServerOptions().setSsl(true).setKeyCertOptions(selfSigned());
    URI url = webhook(options, "https", this::take);
    deploy(FAST, limits(Map.of(Limit.ROUTE_ATTEMPTS, 2L)), route("all", "#", url, 1));
    publish(message(1, "t", 0));
    until(() -> telemetry.lost(Loss.ROUTE_UNDELIVERED) == 1);
    assertThat(requests).hasValue(0);
    assertLedger(0, Map.of(Loss.ROUTE_UNDELIVERED, 1L));
  }

  @Test
  void failures_areLoggedOnce_withoutSecrets() throws Exception {
    ListAppender<ILoggingEvent> lines = new ListAppender<>();
    lines.start();
    Logger logger = (Logger) LoggerFactory.getLogger(Webhook.class);
    logger.addAppender(lines);
    try {
      Queue<String> credentials = new ConcurrentLinkedQueue<>();
      URI url =
          webhook(
              (request, event) -> {
                credentials.add(request.getHeader("authorization"));
                if (credentials.size() > 1) {
                  end(request, 500);
                } // else the client's own timeout message names the whole URL
              });
      URI secret =
          new URI(
              "http",
              "user:pass-word",
              url.getHost(),
              url.getPort(),
              "/hidden",
              "code=s3cret",
              null);
      Limits limits = limits(Map.of(Limit.ROUTE_TIMEOUT, 1L, Limit.ROUTE_ATTEMPTS, 5L));
      deploy(FAST, limits, route("audit", "#", secret, 1));
      publish(message(1, "t", 0));
      until(() -> telemetry.lost(Loss.ROUTE_UNDELIVERED) == 1);
      assertThat(credentials).hasSize(5).containsOnly("Basic dXNlcjpwYXNzLXdvcmQ=");
      assertThat(lines.list).hasSize(1);
      assertThat(lines.list.get(0).getFormattedMessage())
          .startsWith("route audit: http://127.0.0.1:" + url.getPort() + ": no complete answer")
          .doesNotContain("user", "pass-word", "hidden", "s3cret");
    } finally {
      logger.detachAppender(lines);
    }
  }
}
