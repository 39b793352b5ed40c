package io.busbar;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.ApiClient;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.busbar.testing.TestTokens;
import io.busbar.tool.Certificates;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.ext.web.client.HttpResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tokens of issuers whose keys no certificate pins: they are fetched from the issuer. */
@Timeout(60)
class TokenKeysIT {
  private static final String METHOD = "CUSTOM-JWT";
  private static final TestTokens FIRST = TestTokens.issuer("first");
  private static final TestTokens SECOND = TestTokens.curve("second");

  /** How long an issuer is left alone, in milliseconds. */
  private static final long AGAIN = 200;

  private static final Duration STALE = Duration.ofSeconds(3);

  @TempDir static Path home;
  @TempDir static Path quick;
  private static Certificates.Identity server;
  private static final Map<Boolean, ApiClient> CLIENTS = new ConcurrentHashMap<>();
  private static final Map<String, Handler<HttpServerRequest>> PAGES = new ConcurrentHashMap<>();
  private static final Map<String, AtomicInteger> ASKED = new ConcurrentHashMap<>();
  private static final Vertx ISSUER = Vertx.vertx();
  private static HttpServer plain;
  private static HttpServer secured;

  /** Keys stay good for an hour, and nobody is asked more often than each 200 ms. */
  @RegisterExtension static final TestNode CALM = node(false);

  /** Keys are fetched again at once, and do not count for long where they cannot be. */
  @RegisterExtension static final TestNode QUICK = node(true);

  private static TestNode node(boolean isQuick) {
    return TestNode.of(
            () -> {
              if (server == null) {
                server = TestPki.in(home).server();
                start();
              }
              Path of = isQuick ? quick : home;
              if (isQuick) {
                for (String file : List.of("ca.pem", "server.pem", "server-key.pem")) {
                  Files.copy(home.resolve(file), quick.resolve(file));
                }
              }
              Settings settings =
                  new Settings(
                      isQuick ? "quick" : "calm",
                      Profile.OPEN,
                      TestNode.plaintext(),
                      new Settings.Address("127.0.0.1", 0),
                      Settings.Cluster.single(),
                      Optional.empty(),
                      false,
                      1,
                      new Limits(Profile.OPEN, Map.of()));
              return ApiClient.with(settings, of)
                  .with(
                      new Settings.TokenIssuers(
                          Optional.of(home.resolve("ca.pem")),
                          List.of("localhost"),
                          isQuick ? Duration.ofMillis(500) : Duration.ofHours(1),
                          Duration.ofMillis(isQuick ? 50 : AGAIN),
                          isQuick ? STALE : Duration.ofHours(1)));
            })
        .durable();
  }

  private static void start() throws Exception {
    Handler<HttpServerRequest> pages =
        request -> {
          PAGES.getOrDefault(request.path(), status(404)).handle(request);
          ASKED.computeIfAbsent(request.path(), p -> new AtomicInteger()).incrementAndGet();
        };
    plain = ApiClient.await(ISSUER.createHttpServer().requestHandler(pages).listen(0, "127.0.0.1"));
    HttpServerOptions tls =
        new HttpServerOptions()
            .setSsl(true)
            .setKeyCertOptions(
                new PemKeyCertOptions()
                    .addCertPath(server.certificate().toString())
                    .addKeyPath(server.key().toString()));
    secured =
        ApiClient.await(ISSUER.createHttpServer(tls).requestHandler(pages).listen(0, "127.0.0.1"));
  }

  @AfterAll
  static void end() throws Exception {
    CLIENTS.values().forEach(ApiClient::close);
    ApiClient.await(ISSUER.close());
  }

  // --- the issuer ---

  private static Handler<HttpServerRequest> status(int status) {
    return request -> request.response().setStatusCode(status).end();
  }

  private static Handler<HttpServerRequest> says(String body) {
    return request -> request.response().end(body);
  }

  private static Handler<HttpServerRequest> keys(TestTokens... issuers) {
    return says(TestTokens.set(issuers).encode());
  }

  private static String url(String path) {
    return "http://localhost:" + plain.actualPort() + path;
  }

  private static String securedUrl(String path) {
    return "https://localhost:" + secured.actualPort() + path;
  }

  private static int asked(String path) {
    return ASKED.getOrDefault(path, new AtomicInteger()).get();
  }

  // --- the namespace ---

  private static ApiClient api(TestNode node) {
    return CLIENTS.computeIfAbsent(
        node == QUICK, q -> new ApiClient(home.resolve("ca.pem"), () -> node.apiPort(0)));
  }

  private static void believe(TestNode node, JsonObject issuer) throws Exception {
    JsonObject authentication = new JsonObject().put("customJwtAuthentication", issuer);
    api(node)
        .put(
            "/namespaces/plant",
            new JsonObject()
                .put(
                    "topicSpacesConfiguration",
                    new JsonObject().put("clientAuthentication", authentication)));
  }

  /** From when on an issuer's keys are those behind a path, and were asked for. */
  private static void believe(TestNode node, String path) throws Exception {
    believe(node, new JsonObject().put("tokenIssuer", TestTokens.ISSUER).put("jwksUri", url(path)));
    Await.until("the keys are asked for", () -> asked(path) > 0, () -> path);
  }

  private static JsonObject claims() {
    return TestTokens.claims("truck", "127.0.0.1", Instant.now(), Duration.ofMinutes(5));
  }

  private static byte[] token(TestTokens issuer) {
    return issuer.token(issuer.header(), claims());
  }

  private static RawClient open(TestNode node) throws IOException {
    return node.open(RawClient.Transport.TCP, MqttVersion.V5);
  }

  private static Packet.Connack connect(TestNode node, byte[] token) throws IOException {
    RawClient client = open(node);
    TestTokens.request(client, "tries", METHOD, token);
    Packet.Connack connack = client.read(Packet.Connack.class);
    client.close();
    return connack;
  }

  private static int code(TestNode node, byte[] token) {
    try {
      return connect(node, token).code();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** The same, once the issuer has answered: on a machine that is busy its time may be over. */
  private static int settled(TestNode node, byte[] token) {
    while (true) {
      int code = code(node, token);
      if (code != ReasonCode.SERVER_UNAVAILABLE.code()) {
        return code;
      }
    }
  }

  private static void untilCode(TestNode node, TestTokens issuer, int code) {
    Await.until(
        "a token is answered with 0x%02x".formatted(code),
        () -> code(node, token(issuer)) == code,
        () -> "it is not");
  }

  // --- good ones ---

  @Test
  void anIssuersConfigurationNamesItsKeysAndTheirTokensAreLetIn() throws Exception {
    String issuer = securedUrl("/discovered");
    PAGES.put(
        "/discovered/.well-known/openid-configuration",
        says(
            new JsonObject()
                .put("issuer", issuer)
                .put("jwks_uri", securedUrl("/discovered/keys"))
                .encode()));
    PAGES.put("/discovered/keys", keys(FIRST, SECOND));
    believe(CALM, new JsonObject().put("tokenIssuer", issuer).put("discovery", true));
    Await.until("the keys are asked for", () -> asked("/discovered/keys") > 0, () -> issuer);
    for (TestTokens one : List.of(FIRST, SECOND)) {
      JsonObject claims = claims().put("iss", issuer);
      assertThat(settled(CALM, one.token(one.header(), claims))).isZero();
    }
    assertThat(connect(CALM, token(FIRST)).properties().reasonString())
        .contains("its issuer (iss) is not the namespace's");
    assertThat(asked("/discovered/keys")).isEqualTo(1);
    assertThat(CALM.total(Meter.ISSUER_KEYS)).isPositive();
    assertThat(CALM.total(Meter.TOKENS)).isPositive();
  }

  @Test
  void aPinnedCertificateCountsBesideFetchedKeysAndWithoutThem() throws Exception {
    TestTokens pinned = TestTokens.issuer("pinned");
    PAGES.put("/beside", status(500));
    believe(
        CALM,
        new JsonObject()
            .put("tokenIssuer", TestTokens.ISSUER)
            .put("jwksUri", url("/beside"))
            .put(
                "encodedIssuerCertificates",
                new JsonArray()
                    .add(
                        new JsonObject()
                            .put("kid", "pinned")
                            .put("encodedCertificate", pinned.pem()))));
    Await.until("the keys are asked for", () -> asked("/beside") > 0, () -> "not yet");
    assertThat(connect(CALM, token(pinned)).code()).isZero();
    assertThat(connect(CALM, token(FIRST)).code()).isEqualTo(0x88);
    PAGES.put("/beside", keys(FIRST));
    untilCode(CALM, FIRST, 0);
    assertThat(connect(CALM, token(pinned)).code()).isZero();
  }

  // --- keys that change ---

  @Test
  void aTokenOfANewKeyHasTheKeysFetchedAgain() throws Exception {
    PAGES.put("/rotates", keys(FIRST));
    believe(CALM, "/rotates");
    assertThat(settled(CALM, token(FIRST))).isZero();
    RawClient client = open(CALM);
    TestTokens.request(client, "stays", METHOD, token(FIRST));
    assertThat(client.read(Packet.Connack.class).code()).isZero();
    assertThat(settled(CALM, token(SECOND))).isEqualTo(0x87);

    PAGES.put("/rotates", keys(FIRST, SECOND));
    untilCode(CALM, SECOND, 0);
    TestTokens.again(client, METHOD, token(SECOND));
    assertThat(client.read(Packet.Auth.class).reason()).isEqualTo(ReasonCode.SUCCESS);
    TestTokens.again(client, METHOD, token(TestTokens.issuer("first")));
    client.expectEnd(ReasonCode.NOT_AUTHORIZED);
  }

  @Test
  void aKeyThatIsGoneEndsTheConnectionsOfItsTokens() throws Exception {
    PAGES.put("/removed", keys(FIRST, SECOND));
    believe(QUICK, "/removed");
    assertThat(settled(QUICK, token(FIRST))).isZero();
    RawClient goes = open(QUICK);
    TestTokens.request(goes, "goes", METHOD, token(FIRST));
    assertThat(goes.read(Packet.Connack.class).code()).isZero();
    RawClient stays = open(QUICK);
    TestTokens.request(stays, "stays", METHOD, token(SECOND));
    assertThat(stays.read(Packet.Connack.class).code()).isZero();

    PAGES.put("/removed", keys(SECOND));
    goes.expectEnd(ReasonCode.NOT_AUTHORIZED);
    assertThat(settled(QUICK, token(FIRST))).isEqualTo(0x87);
    TestTokens.again(stays, METHOD, token(SECOND));
    assertThat(stays.read(Packet.Auth.class).reason()).isEqualTo(ReasonCode.SUCCESS);
  }

  @Test
  void keysCountForAWhileWhereTheIssuerIsDown() throws Exception {
    PAGES.put("/down", keys(FIRST));
    believe(QUICK, "/down");
    untilCode(QUICK, FIRST, 0);
    AtomicInteger failed = new AtomicInteger();
    long down = System.nanoTime();
    PAGES.put(
        "/down",
        request -> {
          failed.incrementAndGet();
          request.connection().close();
        });
    Await.until("the issuer is down", () -> failed.get() > 1, () -> "it answers");
    int code = code(QUICK, token(FIRST));
    if (System.nanoTime() - down < STALE.toNanos()) {
      assertThat(code).isZero();
    }
    // nobody can say whether this is one of its keys
    assertThat(connect(QUICK, token(SECOND)).code()).isEqualTo(0x88);
    untilCode(QUICK, FIRST, ReasonCode.SERVER_UNAVAILABLE.code());
    PAGES.put("/down", keys(FIRST));
    untilCode(QUICK, FIRST, 0);
  }

  // --- others ---

  @Test
  void tokensOfUnknownKeysDoNotHaveTheIssuerAskedMoreOften() throws Exception {
    PAGES.put("/flood", keys(FIRST));
    long begun = System.nanoTime();
    believe(CALM, "/flood");
    for (int round = 0; round < 5; round++) {
      List<RawClient> clients = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        JsonObject header = FIRST.header().put("kid", "key-%d-%d".formatted(round, i));
        RawClient client = open(CALM);
        TestTokens.request(client, "flood-" + i, METHOD, FIRST.token(header, claims()));
        clients.add(client);
      }
      for (RawClient client : clients) {
        assertThat(client.read(Packet.Connack.class).code()).isIn(0x87, 0x88);
      }
      assertThat(settled(CALM, token(FIRST))).isZero();
    }
    long most = 1 + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun) / AGAIN;
    assertThat((long) asked("/flood")).isLessThanOrEqualTo(most);
  }

  /** Whoever comes meanwhile waits for the one fetch, and nobody else waits for them. */
  @Test
  void aSlowIssuerIsWaitedForAndAskedOnce() throws Exception {
    int tries = 0;
    // on a machine that is busy the time for it may be over
    while (!isWaitedFor("/slow-" + tries)) {
      assertThat(++tries).isLessThan(5);
    }
  }

  private static boolean isWaitedFor(String path) throws Exception {
    ConcurrentLinkedQueue<HttpServerRequest> waiting = new ConcurrentLinkedQueue<>();
    PAGES.put(path, waiting::add);
    long begun = System.nanoTime();
    believe(CALM, path);
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      RawClient client = open(CALM);
      TestTokens.request(client, "waits-" + i, METHOD, token(FIRST));
      clients.add(client);
    }
    assertThat(connect(CALM, FIRST.token("a", "b")).code()).isEqualTo(0x87);
    int asked = asked(path);
    HttpServerRequest first = waiting.remove();
    PAGES.put(path, keys(FIRST));
    ISSUER.runOnContext(v -> keys(FIRST).handle(first));
    List<Integer> codes = new ArrayList<>();
    for (RawClient client : clients) {
      codes.add(client.read(Packet.Connack.class).code());
      client.close();
    }
    if (System.nanoTime() - begun > TimeUnit.SECONDS.toNanos(2)) {
      return false;
    }
    assertThat(asked).isEqualTo(1);
    assertThat(codes).containsOnly(0);
    return true;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "never",
        "huge",
        "many",
        "redirect",
        "status",
        "garbage",
        "none",
        "closed",
        "forbidden",
        "stranger",
        "untrusted"
      })
  void anIssuerWhoseKeysCannotBeHadLetsNobodyIn(String what) throws Exception {
    String path = "/fails/" + what;
    PAGES.put("/redirected", keys(FIRST));
    PAGES.put(
        path,
        switch (what) {
          case "never" -> request -> {};
          case "huge" -> says("{\"keys\":[]," + " ".repeat(300_000) + "}");
          case "many" -> keys(Collections.nCopies(101, FIRST).toArray(TestTokens[]::new));
          case "redirect" ->
              request ->
                  request
                      .response()
                      .setStatusCode(302)
                      .putHeader("location", url("/redirected"))
                      .end();
          case "status" -> status(503);
          case "garbage" -> says("<html></html>");
          case "none" -> says("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}");
          case "closed" -> request -> request.connection().close();
          default -> keys(FIRST);
        });
    JsonObject issuer = new JsonObject().put("tokenIssuer", TestTokens.ISSUER);
    switch (what) {
      // a name that is not allowed, on this machine
      case "forbidden" -> issuer.put("jwksUri", "http://127.0.0.1:" + plain.actualPort() + path);
      case "stranger" -> {
        PAGES.put(
            path + "/.well-known/openid-configuration",
            says(
                new JsonObject()
                    .put("issuer", url(path) + "/")
                    .put("jwks_uri", url(path))
                    .encode()));
        issuer.put("tokenIssuer", url(path)).put("discovery", true);
      }
      // a certificate of another name
      case "untrusted" -> issuer.put("jwksUri", "https://[::1]:" + secured.actualPort() + path);
      default -> issuer.put("jwksUri", url(path));
    }
    believe(CALM, issuer);
    byte[] token =
        FIRST.token(FIRST.header(), claims().put("iss", issuer.getString("tokenIssuer")));
    Packet.Connack connack = connect(CALM, token);
    assertThat(connack.code()).isEqualTo(0x88);
    assertThat(connack.properties().reasonString())
        .contains("token: its issuer's keys cannot be had: ");
    if (what.equals("status")) {
      HttpResponse<Buffer> answer =
          ApiClient.await(
              api(CALM)
                  .request(
                      HttpMethod.POST,
                      "/mqtt/messages?topic=a&api-version=2025-02-15-preview",
                      new String(token, US_ASCII))
                  .sendBuffer(Buffer.buffer("x")));
      assertThat(answer.statusCode()).isEqualTo(503);
    }
    assertThat(asked("/redirected")).isZero();
    boolean isAsked = !List.of("forbidden", "stranger", "untrusted").contains(what);
    assertThat(asked(path) > 0).isEqualTo(isAsked);
  }
}
