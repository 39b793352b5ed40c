package io.busbar.delivery;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.busbar.bus.Bus;
import io.busbar.config.EventQueues;
import io.busbar.config.Guard;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.policy.DeadLetterDestination;
import io.busbar.policy.EventDelivery;
import io.busbar.policy.EventDelivery.DeliveryAttribute;
import io.busbar.policy.EventSubscription;
import io.busbar.policy.NamespaceTopic;
import io.busbar.shard.Command;
import io.busbar.shard.Effect.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.busbar.testing.Await;
import io.busbar.testing.TestPki;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.junit5.VertxExtension;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/**
 * Events that are brought to webhooks over real HTTP on loopback, and to where dead letters go.
 * Event Grid's schedule is a thousand times faster here.
 */
@ExtendWith(VertxExtension.class)
@Timeout(60)
class DeliveryIT {
  private static final String QUEUE = "orders/all";

  @TempDir Path home;
  private final Telemetry telemetry = new Telemetry(new SimpleMeterRegistry());
  private final Queue<JsonObject> received = new ConcurrentLinkedQueue<>();
  private final AtomicInteger requests = new AtomicInteger();
  private Vertx vertx;
  private QueueStore store;
  private Limits limits = new Limits(Profile.OPEN, Map.of());
  private Settings.EventDelivery how = Settings.EventDelivery.PLAIN;

  @BeforeEach
  void register(Vertx injected) {
    vertx = injected;
    Bus.register(vertx.eventBus());
    store = new QueueStore(vertx);
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  private void until(BooleanSupplier condition) {
    Await.until(
        "the condition of the test",
        condition,
        () -> requests.get() + " requests, " + store.pending() + " events wait");
  }

  /** A webhook on any free port that answers as told; gives its URL. */
  private URI webhook(BiConsumer<HttpServerRequest, Buffer> answer) throws Exception {
    return webhook(new HttpServerOptions(), "http", answer);
  }

  private URI webhook(
      HttpServerOptions options, String scheme, BiConsumer<HttpServerRequest, Buffer> answer)
      throws Exception {
    HttpServer server =
        await(
            vertx
                .createHttpServer(options)
                .requestHandler(
                    request -> {
                      requests.incrementAndGet();
                      request.body().onSuccess(body -> answer.accept(request, body));
                    })
                .listen(0, "127.0.0.1"));
    return URI.create(scheme + "://127.0.0.1:" + server.actualPort() + "/hook");
  }

  private void take(HttpServerRequest request, Buffer event) {
    received.add(new JsonObject(event));
    end(request, 204);
  }

  private static void end(HttpServerRequest request, int status) {
    request.response().setStatusCode(status).end();
  }

  private Settings settings() {
    return new Settings(
            "node",
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
            Settings.Cluster.single(),
            Optional.empty(),
            true,
            1,
            limits)
        .with(how);
  }

  private String deploy(EventSubscription... subscriptions) throws Exception {
    return deploy("node", false, List.of("node"), subscriptions);
  }

  private String deploy(
      String node, boolean isShared, List<String> nodes, EventSubscription... subscriptions)
      throws Exception {
    for (EventSubscription one : subscriptions) {
      EventQueues.made(one, new NamespaceTopic("orders", 1), 10_000, 1L << 30)
          .forEach(store::apply);
    }
    store.subscribed(List.of(subscriptions));
    return await(
        vertx.deployVerticle(
            new DeliveryVerticle(settings(), telemetry, node, isShared, nodes, 1)));
  }

  private static EventDelivery.Webhook to(URI url) {
    return to(url, 1, false, List.of());
  }

  private static EventDelivery.Webhook to(
      URI url, int events, boolean isBinary, List<DeliveryAttribute> attributes) {
    return new EventDelivery.Webhook(
        url, events, 64, isBinary, Optional.empty(), Optional.empty(), attributes);
  }

  private static EventSubscription all(EventDelivery delivery) {
    return subscription("all", delivery, 10, Optional.empty());
  }

  private static EventSubscription subscription(
      String name,
      EventDelivery delivery,
      int attempts,
      Optional<DeadLetterDestination> deadLetters) {
    return new EventSubscription(
        "orders/" + name,
        delivery,
        attempts,
        Optional.empty(),
        deadLetters,
        List.of(),
        List.of(),
        Optional.empty());
  }

  private static byte[] event(int n) {
    return new JsonObject()
        .put("specversion", "1.0")
        .put("id", Integer.toString(n))
        .put("source", "/shop")
        .put("type", "Order.Placed")
        .put("subject", "orders/" + n)
        .put("data", n)
        .toBuffer()
        .getBytes();
  }

  private void publish(byte[]... events) {
    store.apply(
        new Command.Enqueue(
            true,
            Stream.of(events).map(one -> new Command.Incoming(List.of(QUEUE), one)).toList()));
  }

  private long total(Meter meter) {
    return (long) telemetry.total(meter);
  }

  private void taken(int events) {
    until(() -> total(Meter.EVENTS_DELIVERED) == events && store.pending() == 0);
    assertThat(total(Meter.EVENTS_DELIVERED)).isEqualTo(events);
  }

  private List<Integer> numbers() {
    return received.stream().map(event -> event.getInteger("data")).toList();
  }

  @Test
  void anEventArrivesAsItIs() throws Exception {
    Promise<HttpServerRequest> seen = Promise.promise();
    URI url =
        webhook(
            (request, event) -> {
              take(request, event);
              seen.complete(request);
            });
    deploy(all(to(URI.create(url + "?code=1%202"))));
    publish(event(21));
    HttpServerRequest request = await(seen.future());
    assertThat(request.method()).isEqualTo(HttpMethod.POST);
    assertThat(request.uri()).isEqualTo("/hook?code=1%202");
    assertThat(request.getHeader("content-type"))
        .isEqualTo("application/cloudevents+json; charset=utf-8");
    assertThat(request.getHeader("origin")).isEqualTo("127.0.0.1");
    taken(1);
    assertThat(received.remove()).isEqualTo(new JsonObject(Buffer.buffer(event(21))));
  }

  @Test
  void whatWasThereBeforeIsBroughtToo() throws Exception {
    EventSubscription subscription = all(to(webhook(this::take)));
    EventQueues.made(subscription, new NamespaceTopic("orders", 1), 10_000, 1L << 30)
        .forEach(store::apply);
    publish(event(1), event(2));
    deploy(subscription);
    taken(2);
  }

  @Test
  void aFailureIsTriedAgainWithTheSameEvent() throws Exception {
    List<Buffer> seen = new ArrayList<>();
    URI url =
        webhook(
            (request, event) -> {
              seen.add(event);
              end(request, List.of(500, 503, 200).get(seen.size() - 1));
            });
    deploy(all(to(url)));
    publish(event(1));
    taken(1);
    assertThat(seen).hasSize(3).allMatch(event -> event.equals(seen.get(0)));
    assertThat(total(Meter.EVENTS_RETRIED)).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(ints = {400, 401, 403, 404, 413, 414})
  void aFinalAnswerIsNotTriedAgainAndTheNextEventGoesOn(int status) throws Exception {
    URI url =
        webhook(
            (request, event) -> {
              if (new JsonObject(event).getInteger("data") == 0) {
                end(request, status);
              } else {
                take(request, event);
              }
            });
    deploy(all(to(url)));
    publish(event(0));
    until(() -> store.lost(Loss.EVENT_REJECTED) == 1);
    publish(event(1));
    taken(1);
    assertThat(requests).hasValue(2);
  }

  @Test
  void attemptsAreBounded() throws Exception {
    URI url = webhook((request, event) -> end(request, 500));
    deploy(subscription("all", to(url), 3, Optional.empty()));
    publish(event(0));
    until(() -> store.lost(Loss.EVENT_UNDELIVERED) == 1);
    assertThat(requests).hasValue(3);
  }

  @ParameterizedTest
  @ValueSource(ints = {301, 302, 303, 307, 308})
  void aRedirectIsNotFollowed(int status) throws Exception {
    URI other = webhook(this::take);
    URI url =
        webhook(
            (request, event) ->
                request
                    .response()
                    .setStatusCode(status)
                    .putHeader("location", other.toString())
                    .end());
    deploy(subscription("all", to(url), 1, Optional.empty()));
    publish(event(0));
    until(() -> store.lost(Loss.EVENT_UNDELIVERED) == 1);
    assertThat(requests).hasValue(1);
    assertThat(received).isEmpty();
  }

  /** An endpoint that is not there costs the events no attempt but those that were made. */
  @Test
  void eventsWaitForAnEndpointThatIsNotThere() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    deploy(all(to(URI.create("http://127.0.0.1:" + port + "/"))));
    publish(Stream.iterate(0, n -> n + 1).limit(500).map(DeliveryIT::event).toArray(byte[][]::new));
    until(() -> total(Meter.EVENTS_RETRIED) > 20);
    await(
        vertx
            .createHttpServer()
            .requestHandler(request -> request.body().onSuccess(body -> take(request, body)))
            .listen(port, "127.0.0.1"));
    taken(500);
    assertThat(new TreeSet<>(numbers())).hasSize(500);
    assertThat(store.lost(Loss.EVENT_UNDELIVERED)).isZero();
  }

  /** 5xx in one of ten answers, closed connections, and a slow one now and then. */
  @Test
  void eachEventArrivesWhereAnEndpointFailsAtRandom() throws Exception {
    Random random = new Random(7);
    URI url =
        webhook(
            (request, event) -> {
              switch (random.nextInt(20)) {
                case 0 -> end(request, 500);
                case 1 -> end(request, 503);
                case 2 -> request.connection().close();
                case 3 -> vertx.setTimer(10, t -> take(request, event));
                default -> take(request, event);
              }
            });
    deploy(all(to(url)));
    for (int i = 0; i < 2_000; i += 100) {
      publish(
          Stream.iterate(i, n -> n + 1).limit(100).map(DeliveryIT::event).toArray(byte[][]::new));
    }
    until(() -> store.pending() == 0);
    assertThat(store.lost(Loss.EVENT_UNDELIVERED)).isZero();
    assertThat(new TreeSet<>(numbers())).hasSize(2_000);
  }

  @Test
  void whatWasNotTriedGoesBackAtTheEnd() throws Exception {
    URI url = webhook((request, event) -> vertx.setTimer(50, timer -> take(request, event)));
    String deployment = deploy(all(to(url)));
    publish(Stream.iterate(0, n -> n + 1).limit(200).map(DeliveryIT::event).toArray(byte[][]::new));
    until(() -> requests.get() > 0);
    await(vertx.undeploy(deployment));
    int left = store.pending();
    assertThat(left).isPositive().isLessThan(200);
    // nobody has them: whoever comes gets all of them, and for the first time
    deploy(all(to(webhook(this::take))));
    until(() -> store.pending() == 0);
    Set<Integer> all = new TreeSet<>(numbers());
    assertThat(all).hasSize(200);
    assertThat(received).hasSize(200);
  }

  @Test
  void aSilentWebhookHasItsTime() throws Exception {
    limits = new Limits(Profile.OPEN, Map.of(Limit.PUSH_TIMEOUT, 1L));
    URI url =
        webhook(
            (request, event) -> {
              if (new JsonObject(event).getInteger("data") != 0) {
                take(request, event);
              }
            });
    deploy(subscription("all", to(url), 1, Optional.empty()));
    publish(Stream.iterate(0, n -> n + 1).limit(48).map(DeliveryIT::event).toArray(byte[][]::new));
    until(() -> store.lost(Loss.EVENT_UNDELIVERED) == 1 && store.pending() == 0);
    assertThat(new TreeSet<>(numbers())).hasSize(47);
  }

  @Test
  void anAnswerThatTricklesIsCutOff() throws Exception {
    limits = new Limits(Profile.OPEN, Map.of(Limit.PUSH_TIMEOUT, 1L));
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
                        closed.tryComplete();
                      });
            });
    deploy(subscription("all", to(url), 1, Optional.empty()));
    publish(event(0));
    until(() -> store.lost(Loss.EVENT_UNDELIVERED) == 1);
    await(closed.future());
  }

  @Test
  void anAnswerThatBreaksOffIsNone() throws Exception {
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
    deploy(all(to(url)));
    publish(event(0));
    taken(1);
    assertThat(requests).hasValue(2);
  }

  private HttpServerOptions tls() throws Exception {
    var server = TestPki.in(home).server();
    return new HttpServerOptions()
        .setSsl(true)
        .setUseAlpn(true)
        .setKeyCertOptions(
            new PemKeyCertOptions()
                .addCertPath(server.certificate().toString())
                .addKeyPath(server.key().toString()));
  }

  @Test
  void aCertificateThatNobodyTrustsIsRefused() throws Exception {
    URI url = webhook(tls(), "https", this::take);
    deploy(subscription("all", to(url), 2, Optional.empty()));
    publish(event(0));
    until(() -> store.lost(Loss.EVENT_UNDELIVERED) == 1);
    assertThat(requests).hasValue(0);
  }

  @Test
  void eventsGoOverTlsAndHttp2() throws Exception {
    HttpServerOptions options = tls();
    Path token = Files.writeString(home.resolve("token"), "a-token\n");
    how =
        new Settings.EventDelivery(
            new Settings.Webhook(Optional.of(home.resolve("ca.pem")), Optional.of(token)),
            List.of("localhost"),
            Optional.empty(),
            Optional.empty());
    Queue<String> seen = new ConcurrentLinkedQueue<>();
    URI url =
        webhook(
            options,
            "https",
            (request, event) -> {
              seen.add(request.version() + " " + request.getHeader("authorization"));
              take(request, event);
            });
    EventDelivery.Webhook webhook =
        new EventDelivery.Webhook(
            URI.create(url.toString().replace("127.0.0.1", "localhost")),
            1,
            64,
            false,
            Optional.of("tenant"),
            Optional.empty(),
            List.of());
    deploy(all(webhook));
    publish(event(0), event(1));
    taken(2);
    assertThat(seen).containsOnly(HttpVersion.HTTP_2 + " Bearer a-token");
  }

  @Test
  void failuresAreLoggedOnceWithoutSecrets() throws Exception {
    ListAppender<ILoggingEvent> lines = new ListAppender<>();
    lines.start();
    Logger logger = (Logger) LoggerFactory.getLogger("io.busbar.delivery");
    logger.addAppender(lines);
    limits = new Limits(Profile.OPEN, Map.of(Limit.PUSH_TIMEOUT, 1L));
    try {
      Queue<String> credentials = new ConcurrentLinkedQueue<>();
      URI url =
          webhook(
              (request, event) -> {
                credentials.add(request.getHeader("authorization"));
                if (credentials.size() > 1) {
                  end(request, 500);
                } // else the client's own message about the time that is over names the whole URL
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
      deploy(
          subscription(
              "all",
              to(secret, 1, false, List.of(new DeliveryAttribute("x-key", "k3y", false, true))),
              5,
              Optional.empty()));
      publish(event(0));
      until(() -> store.lost(Loss.EVENT_UNDELIVERED) == 1);
      assertThat(credentials).hasSize(5).containsOnly("Basic dXNlcjpwYXNzLXdvcmQ=");
      assertThat(lines.list)
          .filteredOn(line -> line.getFormattedMessage().contains("not taken"))
          .hasSize(1);
      assertThat(lines.list.toString())
          .doesNotContain("s3cret", "pass-word", "hidden", "k3y")
          .contains("127.0.0.1:" + url.getPort());
    } finally {
      logger.detachAppender(lines);
    }
  }

  // --- forms ---

  @Test
  void eventsGoInLists() throws Exception {
    Queue<Integer> sizes = new ConcurrentLinkedQueue<>();
    URI url =
        webhook(
            (request, body) -> {
              assertThat(request.getHeader("content-type"))
                  .isEqualTo("application/cloudevents-batch+json; charset=utf-8");
              JsonArray list = new JsonArray(body);
              sizes.add(list.size());
              list.forEach(one -> received.add((JsonObject) one));
              end(request, 200);
            });
    EventSubscription subscription = all(to(url, 40, false, List.of()));
    EventQueues.made(subscription, new NamespaceTopic("orders", 1), 10_000, 1L << 30)
        .forEach(store::apply);
    publish(Stream.iterate(0, n -> n + 1).limit(100).map(DeliveryIT::event).toArray(byte[][]::new));
    deploy(subscription);
    taken(100);
    assertThat(sizes).containsExactlyInAnyOrder(40, 40, 20);
    assertThat(new TreeSet<>(numbers())).hasSize(100);
  }

  /** One that cannot be taken does not take the others of its list with it. */
  @Test
  void aListThatIsRefusedIsTriedOneByOne() throws Exception {
    URI url =
        webhook(
            (request, body) -> {
              JsonArray list = new JsonArray(body);
              boolean isBad = list.stream().anyMatch(o -> ((JsonObject) o).getInteger("data") == 3);
              if (isBad) {
                end(request, 400);
              } else {
                list.forEach(one -> received.add((JsonObject) one));
                end(request, 200);
              }
            });
    deploy(all(to(url, 10, false, List.of())));
    publish(Stream.iterate(0, n -> n + 1).limit(10).map(DeliveryIT::event).toArray(byte[][]::new));
    until(() -> store.pending() == 0);
    assertThat(store.lost(Loss.EVENT_REJECTED)).isEqualTo(1);
    assertThat(new TreeSet<>(numbers())).hasSize(9).doesNotContain(3);
  }

  @Test
  void anEventInBinaryFormHasItsAttributesAsHeaders() throws Exception {
    Queue<String> seen = new ConcurrentLinkedQueue<>();
    URI url =
        webhook(
            (request, body) -> {
              seen.add(
                  String.join(
                      "|",
                      request.getHeader("ce-specversion"),
                      request.getHeader("ce-id"),
                      request.getHeader("ce-subject"),
                      String.valueOf(request.getHeader("content-type")),
                      body.toString()));
              end(request, 200);
            });
    deploy(all(to(url, 1, true, List.of())));
    publish(
        """
        {"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"a é\\"%","datacontenttype":"text/plain","data":"hello"}"""
            .getBytes(UTF_8),
        """
        {"specversion":"1.0","id":"2","source":"/s","type":"t","subject":"b","datacontenttype":"application/octet-stream","data_base64":"aGk="}"""
            .getBytes(UTF_8),
        """
        {"specversion":"1.0","id":"3","source":"/s","type":"t","subject":"c","data":{"x":1}}"""
            .getBytes(UTF_8));
    taken(3);
    assertThat(seen)
        .containsExactlyInAnyOrder(
            "1.0|1|a%20%C3%A9%22%25|text/plain|hello",
            "1.0|2|b|application/octet-stream|hi", "1.0|3|c|null|{\"x\":1}");
  }

  @Test
  void headersAreWhatTheyAreToldOrWhatTheEventSays() throws Exception {
    Queue<String> seen = new ConcurrentLinkedQueue<>();
    URI url =
        webhook(
            (request, body) -> {
              seen.add(
                  request.getHeader("x-key")
                      + "|"
                      + request.getHeader("x-subject")
                      + "|"
                      + request.getHeader("x-total")
                      + "|"
                      + request.getHeader("x-none"));
              end(request, 200);
            });
    deploy(
        all(
            to(
                url,
                1,
                false,
                List.of(
                    new DeliveryAttribute("x-key", "secret", false, true),
                    new DeliveryAttribute("x-subject", "subject", true, false),
                    new DeliveryAttribute("x-total", "data.order.total", true, false),
                    new DeliveryAttribute("x-none", "data.nothing", true, false)))));
    publish(
        """
        {"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"a\\r\\nb: é","data":{"order":{"total":12.5}}}"""
            .getBytes(UTF_8));
    taken(1);
    assertThat(seen).containsExactly("secret|a??b: ?|12.5|null");
  }

  // --- whom nothing is sent to ---

  @ParameterizedTest
  @CsvSource({
    "http://169.254.169.254/latest, nothing is sent to link-local",
    "http://[fe80::1]/x, nothing is sent to link-local",
    "http://[::ffff:169.254.169.254]/x, nothing is sent to link-local",
    "http://0.0.0.0/x, nothing is sent to link-local",
    "http://224.0.0.1/x, nothing is sent to link-local",
    "http://168.63.129.16/x, nothing is sent to link-local",
    "http://[fd00:ec2::254]/x, nothing is sent to link-local",
    "http://metadata.google.internal/x, nothing is sent to a metadata service",
    "http://METADATA.google.internal./x, nothing is sent to a metadata service"
  })
  void nothingIsSentToNeighboursAndMetadata(String url, String why) throws Exception {
    deploy();
    assertThat(introduced(all(to(URI.create(url))))).contains(why);
  }

  @Test
  void nothingIsSentToHostsThatAreNotAllowed() throws Exception {
    how =
        new Settings.EventDelivery(
            Settings.Webhook.PLAIN,
            List.of("*.example.com", "hooks.test"),
            Optional.empty(),
            Optional.empty());
    deploy();
    String why = "not among those";
    assertThat(introduced(all(to(URI.create("http://127.0.0.1:1/x"))))).contains(why);
    assertThat(introduced(all(to(URI.create("http://example.com:1/x"))))).contains(why);
    assertThat(introduced(all(to(URI.create("http://xexample.com:1/x"))))).contains(why);
    Guard guard = new Guard(how.allowedHosts());
    assertThat(guard.whyNot("A.example.COM")).isEmpty();
    assertThat(guard.whyNot("hooks.test")).isEmpty();
  }

  private String introduced(EventSubscription subscription) throws Exception {
    return ((Bus.Introduced)
            await(
                    vertx
                        .eventBus()
                        .<Bus.Local>request(
                            Bus.DELIVERY, new Bus.Introduce(subscription), Bus.local(20_000)))
                .body())
        .why();
  }

  @ParameterizedTest
  @CsvSource({
    "200, 127.0.0.1, ",
    "200, *, ",
    "200, elsewhere.example.com, wants no events from here",
    "200, , wants no events from here",
    "204, *, answered OPTIONS with 204",
    "405, *, answered OPTIONS with 405"
  })
  void aWebhookIsAskedFirst(int status, String allowed, String why) throws Exception {
    Queue<String> asked = new ConcurrentLinkedQueue<>();
    URI url =
        webhook(
            (request, body) -> {
              asked.add(
                  request.method()
                      + " "
                      + request.uri()
                      + " "
                      + request.getHeader("webhook-request-origin"));
              if (allowed != null) {
                request.response().putHeader("WebHook-Allowed-Origin", allowed);
              }
              end(request, status);
            });
    deploy();
    String told = introduced(all(to(URI.create(url + "?code=1"))));
    if (why == null) {
      assertThat(told).isNull();
    } else {
      assertThat(told).contains(why).doesNotContain("code");
    }
    assertThat(asked).containsExactly("OPTIONS /hook?code=1 127.0.0.1");
  }

  @Test
  void whatTheNodesCannotDoIsRefused() throws Exception {
    deploy();
    assertThat(introduced(all(new EventDelivery.Kafka("hub", false)))).contains("know no Kafka");
    EventDelivery.Webhook wanting =
        new EventDelivery.Webhook(
            URI.create("http://127.0.0.1:1/"),
            1,
            1,
            false,
            Optional.of("t"),
            Optional.empty(),
            List.of());
    assertThat(introduced(all(wanting))).contains("no token to show");
    assertThat(introduced(all(to(URI.create("http://127.0.0.1:1/"))))).contains("no connection");
  }

  // --- dead letters ---

  private EventSubscription lettered(EventDelivery delivery, int attempts) {
    return subscription(
        "all",
        delivery,
        attempts,
        Optional.of(new DeadLetterDestination(DeadLetterDestination.Kind.CONTAINER, "letters")));
  }

  @Test
  void whatNobodyTakesIsPutIntoADirectory() throws Exception {
    Path letters = home.resolve("dead");
    how =
        new Settings.EventDelivery(
            Settings.Webhook.PLAIN, List.of(), Optional.empty(), Optional.of(letters.toUri()));
    URI url = webhook((request, event) -> end(request, requests.get() == 1 ? 404 : 500));
    deploy(lettered(to(url), 2));
    Instant before = Instant.now();
    publish(event(0));
    until(() -> total(Meter.EVENTS_DEAD_LETTERED) == 1);
    publish(event(1));
    until(() -> total(Meter.EVENTS_DEAD_LETTERED) == 2 && store.pending() == 0);
    assertThat(store.lost(Loss.EVENT_REJECTED) + store.lost(Loss.EVENT_UNDELIVERED)).isZero();
    List<JsonObject> found = new ArrayList<>();
    try (Stream<Path> files = Files.walk(letters)) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        assertThat(letters.relativize(file).toString())
            .matches(
                "letters/plant7/orders/all/\\d{4}/\\d{1,2}/\\d{1,2}/\\d{1,2}/[0-9a-f-]{36}\\.json");
        new JsonArray(Buffer.buffer(Files.readAllBytes(file)))
            .forEach(one -> found.add((JsonObject) one));
      }
    }
    assertThat(found).hasSize(2);
    for (JsonObject one : found) {
      JsonObject properties = one.getJsonObject("deadLetterProperties");
      int n = one.getJsonObject("event").getInteger("data");
      assertThat(one.getJsonObject("event")).isEqualTo(new JsonObject(Buffer.buffer(event(n))));
      assertThat(properties.getString("deadletterreason"))
          .isEqualTo(n == 0 ? "Event was rejected." : "Maximum delivery attempts was exceeded.");
      assertThat(properties.getInteger("deliveryattempts")).isEqualTo(n == 0 ? 1 : 2);
      assertThat(properties.getString("deliveryresult"))
          .isEqualTo("The endpoint answered with status %d.".formatted(n == 0 ? 404 : 500));
      assertThat(Instant.parse(properties.getString("publishutc")))
          .isBetween(before.minusMillis(1), Instant.now());
      assertThat(Instant.parse(properties.getString("deliveryattemptutc")))
          .isBetween(before.minusMillis(1), Instant.now());
    }
  }

  @Test
  void deadLettersAreTriedUntilTheyAreTaken() throws Exception {
    Queue<String> put = new ConcurrentLinkedQueue<>();
    URI blobs =
        webhook(
            (request, body) -> {
              put.add(
                  request.method()
                      + " "
                      + request.path().replaceAll("[0-9a-f-]{36}|\\d+", "N")
                      + " "
                      + request.getHeader("x-ms-blob-type")
                      + " "
                      + new JsonArray(body).size());
              end(request, put.size() < 4 ? 403 : 201);
            });
    how =
        new Settings.EventDelivery(
            Settings.Webhook.PLAIN, List.of(), Optional.empty(), Optional.of(blobs));
    deploy(lettered(to(webhook((request, event) -> end(request, 400))), 1));
    publish(event(0));
    until(() -> total(Meter.EVENTS_DEAD_LETTERED) == 1);
    assertThat(put)
        .hasSize(4)
        .containsOnly("PUT /hook/letters/plantN/orders/all/N/N/N/N/N.json BlockBlob 1");
  }

  // --- who brings them ---

  @Test
  void ofTwoNodesOneBringsTheEventsOfAQueue() throws Exception {
    List<EventSubscription> several =
        Stream.iterate(0, n -> n + 1)
            .limit(40)
            .map(
                n ->
                    subscription(
                        "sub" + n, to(URI.create("http://127.0.0.1:1/")), 10, Optional.empty()))
            .toList();
    EventSubscription[] all = several.toArray(EventSubscription[]::new);
    deploy("a", true, List.of("a", "b"), all);
    // what the verticle asked the store for has come there before this
    await(
        vertx
            .eventBus()
            .request(Bus.SESSION, new Bus.Append(List.of(new Command.Tick())), Bus.local(20_000)));
    Set<String> ofA = takers();
    assertThat(ofA.size()).isBetween(5, 35);
    // the other one is gone: all are its own
    vertx.eventBus().publish(Bus.DELIVERY, new Bus.Members(List.of("a")), Bus.local());
    until(() -> takers().size() == 40);
  }

  private Set<String> takers() {
    Set<String> queues = new TreeSet<>();
    for (Command command : store.commands()) {
      if (command instanceof Command.Take take) {
        queues.add(take.queue());
      }
    }
    return queues;
  }

  @Test
  void aSubscriptionThatHasEndedGoes() throws Exception {
    EventSubscription short1 =
        new EventSubscription(
            QUEUE,
            to(webhook(this::take)),
            10,
            Optional.of(Duration.ofMinutes(1)),
            Optional.empty(),
            List.of(),
            List.of(),
            Optional.of(Instant.now().minusSeconds(1)));
    deploy(short1);
    until(
        () ->
            store.commands().stream()
                .anyMatch(
                    one ->
                        one instanceof Command.DeleteResource gone && gone.name().equals(QUEUE)));
  }
}
