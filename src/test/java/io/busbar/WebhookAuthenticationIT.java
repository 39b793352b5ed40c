package io.busbar;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.busbar.config.Limit;
import io.busbar.config.Settings;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.bouncycastle.asn1.x500.X500Name;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Clients that a webhook says who they are: a good one, and one that is anything else. */
@Timeout(90)
class WebhookAuthenticationIT {
  private static final String NAMESPACE =
      """
      name: plant
      caCertificates:
        - {name: ours, file: ca.pem}
      clients:
        - {name: known}
        - {name: gone, state: Disabled}
      clientGroups:
        - {name: trucks, query: attributes.type = "truck" and attributes.load < 10}
      topicSpaces:
        - {name: own, topicTemplates: ["trucks/${client.authenticationName}/${client.attributes.caps}"]}
      permissionBindings:
        - {name: publish-own, clientGroupName: trucks, topicSpaceName: own, permission: Publisher}
      webhookAuthentication:
        endpointUrl: https://localhost:%d/login?code=hidden
      """;

  /** What the webhook does with a request. */
  private interface Behaviour {
    void answer(HttpExchange exchange) throws IOException;
  }

  @TempDir static Path home;
  private static TestPki pki;
  private static HttpsServer server;
  private static final BlockingQueue<JsonObject> ASKED = new LinkedBlockingQueue<>();
  private static final AtomicInteger REQUESTS = new AtomicInteger();
  private static volatile Behaviour behaviour;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
              () -> {
                pki = TestPki.in(home);
                server = serve();
                Files.writeString(home.resolve("token"), "for-the-webhook\n");
                Settings plain =
                    TestNode.secured(
                        pki.server(),
                        home,
                        NAMESPACE.formatted(server.getAddress().getPort()),
                        Map.<Limit, Long>of());
                return plain.with(
                    new Settings.Webhook(
                        Optional.of(home.resolve("ca.pem")), Optional.of(home.resolve("token"))));
              })
          .durable();

  /** A server with the certificate that the authority gave to this machine. */
  private static HttpsServer serve() throws IOException, GeneralSecurityException {
    TestPki.Shown own =
        pki.issue(
            new X500Name("CN=localhost"),
            Instant.now().minusSeconds(60),
            Instant.now().plusSeconds(3_600),
            "localhost");
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    store.setKeyEntry("key", own.key(), new char[0], new X509Certificate[] {own.certificate()});
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(store, new char[0]);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), null, null);
    HttpsServer made =
        HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 16);
    made.setHttpsConfigurator(new HttpsConfigurator(context));
    made.setExecutor(Executors.newCachedThreadPool());
    made.createContext(
        "/login",
        exchange -> {
          REQUESTS.incrementAndGet();
          assertThat(exchange.getRequestURI().getQuery()).isEqualTo("code=hidden");
          assertThat(exchange.getRequestHeaders().getFirst("authorization"))
              .isEqualTo("Bearer for-the-webhook");
          ASKED.add(new JsonObject(new String(exchange.getRequestBody().readAllBytes(), UTF_8)));
          behaviour.answer(exchange);
        });
    made.createContext(
        "/elsewhere",
        exchange -> {
          throw new AssertionError("a redirect was followed");
        });
    made.start();
    return made;
  }

  @AfterAll
  static void stop() {
    server.stop(0);
  }

  @AfterEach
  void forget() {
    ASKED.clear();
  }

  private static Behaviour json(int status, String body) {
    return exchange -> {
      byte[] bytes = body.getBytes(UTF_8);
      exchange.getResponseHeaders().set("location", "/elsewhere");
      exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
      exchange.getResponseBody().write(bytes);
      exchange.close();
    };
  }

  private static JsonObject allow(String name) {
    return new JsonObject()
        .put("decision", "allow")
        .put("clientAuthenticationName", name)
        .put(
            "attributes",
            new JsonObject()
                .put("type", "truck")
                .put("load", 2)
                .put("caps", new JsonArray().add("gps").add("lte")));
  }

  private static Packet.Connack connect(RawClient client, String user, String password)
      throws IOException {
    byte[] secret = password == null ? null : password.getBytes(UTF_8);
    client.send(
        RawClient.bytes(
            out ->
                Encoder.connect(
                    out,
                    client.version(),
                    "s-" + user,
                    true,
                    30,
                    user,
                    secret,
                    new PropertyWriter())));
    return client.read(Packet.Connack.class);
  }

  private static RawClient open(MqttVersion version) throws IOException {
    return NODE.open(RawClient.Transport.TCP, version);
  }

  @Test
  void aUserNameAndItsPasswordAreJudgedByTheWebhook() throws Exception {
    behaviour = json(200, allow("truck-9").encode());
    for (MqttVersion version : MqttVersion.values()) {
      RawClient truck = open(version);
      assertThat(connect(truck, "someone", "geheim").code()).isZero();
      assertThat(ASKED.poll(5, TimeUnit.SECONDS))
          .isEqualTo(
              new JsonObject()
                  .put("clientId", "s-someone")
                  .put("userName", "someone")
                  .put("password", "Z2VoZWlt"));
      if (version == MqttVersion.V5) {
        assertThat(truck.publishAcked("trucks/truck-9/lte", "x").isError()).isFalse();
        assertThat(truck.publishAcked("trucks/someone/lte", "x"))
            .isEqualTo(ReasonCode.NOT_AUTHORIZED);
      }
      truck.close();
    }
  }

  @Test
  void whatTheClientProvedByTlsIsTold() throws Exception {
    behaviour = json(200, allow("truck-9").encode());
    RawClient truck =
        NODE.adopt(
            TestPki.open(
                NODE.port(Settings.Protocol.MQTTS),
                MqttVersion.V5,
                pki.context(pki.client("anyone")),
                "TLSv1.3"));
    assertThat(connect(truck, null, null).code()).isZero();
    JsonObject asked = ASKED.poll(5, TimeUnit.SECONDS);
    assertThat(asked.fieldNames()).containsExactlyInAnyOrder("clientId", "clientCertificate");
    assertThat(asked.getString("clientCertificate")).startsWith("-----BEGIN CERTIFICATE-----\n");
  }

  @Test
  void aMethodOfEnhancedAuthenticationIsTheWebhooksToJudgeAndAgain() throws Exception {
    behaviour = json(200, allow("truck-9").encode());
    RawClient truck = open(MqttVersion.V5);
    PropertyWriter method =
        new PropertyWriter()
            .string(Property.AUTHENTICATION_METHOD, "OURS")
            .binary(Property.AUTHENTICATION_DATA, new byte[] {1, 2, 3});
    truck.send(
        RawClient.bytes(
            out -> Encoder.connect(out, MqttVersion.V5, "m", true, 30, null, null, method)));
    assertThat(truck.read(Packet.Connack.class).code()).isZero();
    assertThat(ASKED.poll(5, TimeUnit.SECONDS))
        .isEqualTo(
            new JsonObject()
                .put("clientId", "m")
                .put("authenticationMethod", "OURS")
                .put("authenticationData", "AQID"));
    truck.send(RawClient.bytes(out -> Encoder.auth(out, ReasonCode.REAUTHENTICATE, method)));
    assertThat(truck.read(Packet.Auth.class).reason()).isEqualTo(ReasonCode.SUCCESS);
    behaviour = json(200, allow("truck-8").encode());
    truck.send(RawClient.bytes(out -> Encoder.auth(out, ReasonCode.REAUTHENTICATE, method)));
    truck.expectEnd(ReasonCode.NOT_AUTHORIZED);
  }

  @Test
  void theRegistrysClientsAreTheRegistrys() throws Exception {
    behaviour = json(200, allow("known").encode());
    int before = REQUESTS.get();
    // not proved: no certificate
    assertThat(connect(open(MqttVersion.V5), "known", "x").code()).isEqualTo(0x87);
    assertThat(connect(open(MqttVersion.V5), "GONE", "x").code()).isEqualTo(0x87);
    assertThat(REQUESTS.get()).isEqualTo(before);
    Packet.Connack stolen = connect(open(MqttVersion.V5), "other", "x");
    assertThat(stolen.code()).isEqualTo(0x87);
    assertThat(stolen.properties().reasonString()).contains("name of a client of the registry");
  }

  @Test
  void anExpirationEndsTheConnection() throws Exception {
    long end = Instant.now().getEpochSecond() + 3;
    behaviour = json(200, allow("truck-3").put("expiration", end).encode());
    RawClient truck = open(MqttVersion.V5);
    assertThat(connect(truck, "a", "b").code()).isZero();
    truck.expectEnd(ReasonCode.NOT_AUTHORIZED);
    assertThat(Instant.now().getEpochSecond()).isBetween(end - 1, end + 4);
  }

  static Stream<Arguments> refusals() {
    String good = allow("truck-1").encode();
    return Stream.of(
        Arguments.of(0x87, "denied", "{\"decision\":\"deny\"}"),
        Arguments.of(
            0x87,
            "denied: not??today",
            "{\"decision\":\"deny\",\"errorReason\":\"not\\n\\u0007today\"}"),
        Arguments.of(0x87, "its decision is none", "{}"),
        Arguments.of(0x87, "its decision is none", "{\"decision\":\"Allow\"}"),
        Arguments.of(0x87, "no clientAuthenticationName", "{\"decision\":\"allow\"}"),
        Arguments.of(
            0x87,
            "authenticationName",
            new JsonObject(good).put("clientAuthenticationName", "").encode()),
        Arguments.of(
            0x87,
            "its attributes are not an object",
            new JsonObject(good).put("attributes", 1).encode()),
        Arguments.of(
            0x87,
            "one of its attributes is of another kind",
            new JsonObject(good).put("attributes", new JsonObject().put("a", true)).encode()),
        Arguments.of(
            0x87,
            "key 'a b'",
            new JsonObject(good).put("attributes", new JsonObject().put("a b", 1)).encode()),
        Arguments.of(
            0x87, "its expiration has passed", new JsonObject(good).put("expiration", 1).encode()),
        Arguments.of(
            0x87,
            "its expiration is not a number",
            new JsonObject(good).put("expiration", "tomorrow").encode()));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("refusals")
  void whoIsNotAllowedIsRefused(int code, String why, String answer) throws Exception {
    behaviour = json(200, answer);
    Packet.Connack connack = connect(open(MqttVersion.V5), "a", "b");
    assertThat(connack.code()).isEqualTo(code);
    assertThat(connack.properties().reasonString()).startsWith("webhook: ").contains(why);
  }

  private static Behaviour silent() {
    return exchange -> {
      try {
        TimeUnit.SECONDS.sleep(6);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      exchange.close();
    };
  }

  private static Behaviour cut() {
    return exchange -> {
      exchange.sendResponseHeaders(200, 1_000);
      exchange.getResponseBody().write('{');
      exchange.getResponseBody().flush();
      exchange.close();
    };
  }

  @Test
  void aWebhookThatFailsLetsNobodyInAndIsLeftAloneForAWhile() throws Exception {
    String good = allow("truck-1").encode();
    List<Behaviour> failures =
        List.of(
            json(500, good),
            json(302, good),
            json(201, good),
            json(200, "allow"),
            json(200, "[" + good + "]"),
            json(200, ""),
            json(200, good + " ".repeat(70_000)),
            cut(),
            silent());
    for (Behaviour one : failures) {
      behaviour = one;
      RawClient client = open(MqttVersion.V5);
      assertThat(connect(client, "a", "b").code()).isEqualTo(ReasonCode.SERVER_UNAVAILABLE.code());
      client.close();
      if (REQUESTS.get() % 3 == 0) {
        // so that it is not left alone yet
        recovered(good);
      }
    }
    recovered(good);
    behaviour = json(503, "");
    int before = REQUESTS.get();
    for (int i = 0; i < 20; i++) {
      RawClient old = open(MqttVersion.V3_1_1);
      assertThat(connect(old, "a", "b").code()).isEqualTo(3);
      old.close();
    }
    assertThat(REQUESTS.get() - before).isEqualTo(5);
    recovered(good);
  }

  private static void recovered(String good) {
    behaviour = json(200, good);
    Await.until(
        "the webhook is asked again",
        () -> {
          try (RawClient client = open(MqttVersion.V5)) {
            return connect(client, "a", "b").code() == 0;
          } catch (IOException e) {
            throw new AssertionError(e);
          }
        },
        () -> "it is not");
  }
}
