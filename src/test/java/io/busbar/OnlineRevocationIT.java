package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.busbar.config.Limit;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestOcsp;
import io.busbar.testing.TestOcsp.Says;
import io.busbar.testing.TestPki;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Certificates that name who says whether they are revoked: a responder, a list, or both. */
@Timeout(60)
class OnlineRevocationIT {
  private static final Duration REFRESH = Duration.ofSeconds(1);

  @TempDir static Path home;
  private static TestPki pki;
  private static final Map<String, Page> PAGES = new ConcurrentHashMap<>();
  private static final Map<String, AtomicInteger> ASKED = new ConcurrentHashMap<>();
  private static final CountDownLatch OVER = new CountDownLatch(1);
  private static final ExecutorService ANSWERING = Executors.newCachedThreadPool();
  private static final HttpServer RESPONDER = responder();

  /** What is behind a path. */
  private interface Page {
    void answer(HttpExchange exchange) throws Exception;
  }

  /** Refuses whose certificates nobody vouches for. */
  @RegisterExtension static final TestNode HARD = node(true, List.of("127.0.0.1"));

  /** Admits them, and asks nobody on this machine. */
  @RegisterExtension static final TestNode SOFT = node(false, List.of());

  private static TestNode node(boolean isRequired, List<String> hosts) {
    return TestNode.of(
        () -> {
          if (pki == null) {
            pki = TestPki.in(home);
          }
          Path of = Files.createDirectories(home.resolve("node-" + isRequired));
          Files.copy(pki.server().certificate().resolveSibling("ca.pem"), of.resolve("ca.pem"));
          Settings settings =
              TestNode.secured(pki.server(), of, namespace(), Map.<Limit, Long>of());
          return settings.with(
              new Settings.Revocation(
                  List.of(), isRequired, Optional.of(new Settings.Online(hosts, REFRESH))));
        });
  }

  private static String namespace() {
    StringBuilder clients = new StringBuilder();
    for (String name : NAMES) {
      clients.append("  - {name: ").append(name).append("}\n");
    }
    return "name: plant\ncaCertificates:\n  - {name: ours, file: ca.pem}\nclients:\n" + clients;
  }

  private static final List<String> NAMES =
      List.of(
          "good",
          "revoked",
          "fails",
          "changes",
          "listed",
          "list-changes",
          "falls-back",
          "nobody",
          "many",
          "guarded");

  private static HttpServer responder() {
    try {
      HttpServer server =
          HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      server.setExecutor(ANSWERING);
      server.createContext(
          "/",
          exchange -> {
            String path = exchange.getRequestURI().getPath();
            exchange.getRequestBody().readAllBytes();
            ASKED.computeIfAbsent(path, p -> new AtomicInteger()).incrementAndGet();
            try {
              PAGES.get(path).answer(exchange);
            } catch (Exception e) {
              exchange.sendResponseHeaders(500, -1);
            } finally {
              exchange.close();
            }
          });
      server.start();
      return server;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @AfterAll
  static void end() throws Exception {
    OVER.countDown();
    RESPONDER.stop(0);
    ANSWERING.shutdown();
    assertThat(ANSWERING.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
  }

  private static String url(String path) {
    return "http://127.0.0.1:" + RESPONDER.getAddress().getPort() + path;
  }

  private static int asked(String path) {
    return ASKED.getOrDefault(path, new AtomicInteger()).get();
  }

  private static void bytes(HttpExchange exchange, byte[] body) throws IOException {
    exchange.sendResponseHeaders(200, body.length);
    exchange.getResponseBody().write(body);
  }

  private static Page says(TestPki.Shown of, Says says) {
    return exchange -> bytes(exchange, TestOcsp.answer(pki.itself(), pki, of.certificate(), says));
  }

  private static Page list(TestPki.Shown... revoked) throws Exception {
    byte[] list =
        pki.revoked(
                Instant.now().plus(Duration.ofHours(1)),
                List.of(revoked).stream()
                    .map(TestPki.Shown::certificate)
                    .toArray(X509Certificate[]::new))
            .getBytes(StandardCharsets.US_ASCII);
    return exchange -> bytes(exchange, list);
  }

  private static RawClient open(TestNode node, TestPki.Shown shown) throws Exception {
    return node.adopt(
        TestPki.open(
            node.port(Settings.Protocol.MQTTS), MqttVersion.V5, pki.context(shown), "TLSv1.3"));
  }

  private static int connect(TestNode node, TestPki.Shown shown, String name) throws Exception {
    return TestPki.connect(open(node, shown), name, "session-" + name).code();
  }

  /** The same, once a responder has answered: on a machine that is busy its time may be over. */
  private static int settled(TestNode node, TestPki.Shown shown, String name) throws Exception {
    while (true) {
      int code = connect(node, shown, name);
      if (code != ReasonCode.SERVER_UNAVAILABLE.code()) {
        return code;
      }
    }
  }

  // --- responders ---

  @Test
  void whoIsGoodIsLetInAndWhoIsRevokedIsNot() throws Exception {
    TestPki.Shown good = pki.naming("good", url("/good"), null);
    TestPki.Shown revoked = pki.naming("revoked", url("/revoked"), null);
    PAGES.put("/good", says(good, Says.GOOD));
    PAGES.put("/revoked", says(revoked, Says.REVOKED));
    assertThat(settled(HARD, good, "good")).isZero();
    assertThat(settled(HARD, revoked, "revoked")).isEqualTo(0x87);
    assertThat(HARD.total(Meter.REVOCATION_LOOKUPS)).isPositive();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "stranger",
        "another",
        "expired",
        "unknown",
        "later",
        "huge",
        "slow",
        "redirect",
        "garbage",
        "empty",
        "status",
        "closed"
      })
  void anAnswerThatSaysNothingLetsNobodyIn(String what) throws Exception {
    String path = "/fails/" + what;
    TestPki.Shown one = pki.naming("fails", url(path), null);
    Instant now = Instant.now();
    PAGES.put("/redirected", says(one, Says.GOOD));
    PAGES.put(
        path,
        switch (what) {
          case "stranger" ->
              exchange ->
                  bytes(
                      exchange,
                      TestOcsp.answer(pki.responder(false), pki, one.certificate(), Says.GOOD));
          case "another" -> says(pki.client("good"), Says.GOOD);
          case "expired" ->
              exchange ->
                  bytes(
                      exchange,
                      TestOcsp.answer(
                          pki.itself(),
                          pki,
                          one.certificate(),
                          Says.GOOD,
                          now.minus(Duration.ofHours(2)),
                          now.minus(Duration.ofHours(1))));
          case "unknown" -> says(one, Says.UNKNOWN);
          case "later" -> exchange -> bytes(exchange, TestOcsp.tryLater());
          case "huge" -> exchange -> bytes(exchange, new byte[1 << 20]);
          case "slow" -> exchange -> OVER.await();
          case "redirect" ->
              exchange -> {
                exchange.getResponseHeaders().add("location", url("/redirected"));
                exchange.sendResponseHeaders(302, -1);
              };
          case "garbage" -> exchange -> bytes(exchange, new byte[500]);
          case "empty" -> exchange -> bytes(exchange, new byte[0]);
          case "status" -> exchange -> exchange.sendResponseHeaders(404, -1);
          default -> HttpExchange::close;
        });
    assertThat(connect(HARD, one, "fails")).isEqualTo(0x88);
    assertThat(asked(path)).isPositive();
    assertThat(asked("/redirected")).isZero();
  }

  @Test
  void whoIsRevokedWhileItIsConnectedIsEnded() throws Exception {
    TestPki.Shown one = pki.naming("changes", url("/changes"), null);
    PAGES.put("/changes", says(one, Says.GOOD));
    assertThat(settled(HARD, one, "changes")).isZero();
    RawClient client = open(HARD, one);
    assertThat(TestPki.connect(client, "changes", "changes").code()).isZero();
    PAGES.put("/changes", says(one, Says.REVOKED));
    client.expectEnd(ReasonCode.NOT_AUTHORIZED);
    assertThat(settled(HARD, one, "changes")).isEqualTo(0x87);
  }

  /** Whoever asks for the same at once waits for the one answer. */
  @Test
  void aCertificateIsAskedAboutOnce() throws Exception {
    TestPki.Shown one = pki.naming("many", url("/many"), null);
    CountDownLatch both = new CountDownLatch(1);
    PAGES.put(
        "/many",
        exchange -> {
          both.await();
          says(one, Says.GOOD).answer(exchange);
        });
    RawClient first = open(HARD, one);
    RawClient second = open(HARD, one);
    TestPki.request(first, "many", "many-1", 0);
    TestPki.request(second, "many", "many-2", 0);
    Await.until("it is asked about", () -> asked("/many") > 0, () -> "not yet");
    // who comes after them is answered, so both are waiting
    assertThat(connect(HARD, pki.naming("nobody", null, null), "nobody")).isEqualTo(0x87);
    both.countDown();
    assertThat(first.read(Packet.Connack.class).code()).isZero();
    assertThat(second.read(Packet.Connack.class).code()).isZero();
    assertThat(asked("/many")).isEqualTo(1);
  }

  // --- lists ---

  @Test
  void aListThatACertificateNamesIsLookedUpAndReadAgain() throws Exception {
    TestPki.Shown listed = pki.naming("listed", null, url("/listed.crl"));
    PAGES.put("/listed.crl", list(listed));
    assertThat(settled(HARD, listed, "listed")).isEqualTo(0x87);

    TestPki.Shown one = pki.naming("list-changes", null, url("/changes.crl"));
    PAGES.put("/changes.crl", list());
    assertThat(settled(HARD, one, "list-changes")).isZero();
    RawClient client = open(HARD, one);
    assertThat(TestPki.connect(client, "list-changes", "list-changes").code()).isZero();
    PAGES.put("/changes.crl", list(one));
    client.expectEnd(ReasonCode.NOT_AUTHORIZED);
  }

  @Test
  void whereTheResponderFailsTheListIsLookedUp() throws Exception {
    TestPki.Shown one = pki.naming("falls-back", url("/fails-too"), url("/falls-back.crl"));
    PAGES.put("/fails-too", exchange -> exchange.sendResponseHeaders(503, -1));
    PAGES.put("/falls-back.crl", list());
    assertThat(settled(HARD, one, "falls-back")).isZero();
  }

  // --- nobody ---

  @Test
  void aCertificateThatNamesNobodyIsRefusedForGood() throws Exception {
    TestPki.Shown one = pki.naming("nobody", null, null);
    assertThat(connect(HARD, one, "nobody")).isEqualTo(0x87);
    assertThat(connect(SOFT, one, "nobody")).isZero();
  }

  /** It could be one of the node's own services that is named. */
  @Test
  void nobodyOnThisMachineIsAskedUnlessItIsAllowed() throws Exception {
    TestPki.Shown one = pki.naming("guarded", url("/guarded"), url("/guarded.crl"));
    PAGES.put("/guarded", says(one, Says.REVOKED));
    PAGES.put("/guarded.crl", list(one));
    assertThat(connect(SOFT, one, "guarded")).isZero();
    assertThat(asked("/guarded") + asked("/guarded.crl")).isZero();
  }
}
