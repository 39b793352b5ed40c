package io.busbar;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.hivemq.client.mqtt.MqttClient;
import com.hivemq.client.mqtt.MqttClientBuilder;
import com.hivemq.client.mqtt.MqttClientSslConfig;
import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.datatypes.MqttUtf8String;
import com.hivemq.client.mqtt.mqtt3.Mqtt3BlockingClient;
import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient;
import com.hivemq.client.mqtt.mqtt5.Mqtt5ClientConfig;
import com.hivemq.client.mqtt.mqtt5.auth.Mqtt5EnhancedAuthMechanism;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5ConnAckException;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5PubAckException;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5Auth;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5AuthBuilder;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5EnhancedAuthBuilder;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5Connect;
import com.hivemq.client.mqtt.mqtt5.message.connect.connack.Mqtt5ConnAck;
import com.hivemq.client.mqtt.mqtt5.message.connect.connack.Mqtt5ConnAckReasonCode;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5Disconnect;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import io.busbar.config.Durability;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.testing.TestPki;
import io.busbar.testing.TestTokens;
import io.busbar.tool.Certificates;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.ext.web.client.HttpResponse;
import io.vertx.ext.web.client.WebClient;
import io.vertx.ext.web.client.WebClientOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The scenarios of the official samples for MQTT applications on Event Grid: their set-up calls, as
 * the scripts send them, and their traffic, by a client that others wrote. All of them share one
 * namespace, in profile azure.
 */
@Timeout(60)
class SamplesIT {
  private static final long SECONDS = 20;
  private static final String NAMESPACE =
      "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/samples/providers"
          + "/Microsoft.EventGrid/namespaces/samples-ns";
  private static final String VERSION = "?api-version=2023-06-01-preview";
  private static final TestTokens ISSUER = TestTokens.issuer("entra");

  @TempDir static Path home;
  private static TestPki pki;
  private static Vertx vertx;
  private static WebClient arm;
  private static Node node;

  @BeforeAll
  static void setUp() throws Exception {
    pki = TestPki.in(home);
    Certificates.Identity server = pki.server();
    byte[] hash = MessageDigest.getInstance("SHA-256").digest("key".getBytes(UTF_8));
    Files.writeString(home.resolve("api-keys"), "owner " + HexFormat.of().formatHex(hash) + "\n");
    Settings settings =
        new Settings(
                "samples",
                Profile.AZURE,
                List.of(
                    listener(Settings.Protocol.MQTTS, server),
                    listener(Settings.Protocol.WSS, server)),
                new Settings.Address("127.0.0.1", 0),
                Settings.Cluster.single(),
                Optional.empty(),
                false,
                1,
                new Limits(Profile.AZURE, Map.of()))
            .with(
                new Settings.Storage(
                    home.resolve("data"), Durability.FSYNC, Settings.Storage.SEGMENT_BYTES))
            .with(
                new Settings.Api(
                    new Settings.Address("127.0.0.1", 0),
                    server.certificate(),
                    server.key(),
                    home.resolve("api-keys")));
    vertx = Vertx.vertx();
    arm =
        WebClient.create(
            vertx,
            new WebClientOptions()
                .setSsl(true)
                .setTrustOptions(
                    new PemTrustOptions().addCertPath(home.resolve("ca.pem").toString())));
    node = await(Node.start(settings));
    create();
  }

  private static Settings.Listener listener(
      Settings.Protocol protocol, Certificates.Identity server) {
    return new Settings.Listener(
        protocol,
        new Settings.Address("127.0.0.1", 0),
        Optional.of(server.certificate()),
        Optional.of(server.key()),
        "/mqtt",
        List.of("mqtt"));
  }

  @AfterAll
  static void stop() throws Exception {
    await(node.stop());
    await(vertx.close());
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(SECONDS, TimeUnit.SECONDS);
  }

  // --- what the scripts set up ---

  /** As {@code az resource create --id … --properties} sends it. */
  private static void create(String child, String properties) throws Exception {
    JsonObject body = new JsonObject().put("properties", new JsonObject(properties));
    put(child, body);
  }

  private static void put(String child, JsonObject body) throws Exception {
    HttpResponse<Buffer> made =
        await(
            arm.request(
                    HttpMethod.PUT,
                    node.api().orElseThrow().port(),
                    "localhost",
                    NAMESPACE + child + VERSION)
                .putHeader("authorization", "Bearer key")
                .putHeader("content-type", "application/json")
                .sendBuffer(body.toBuffer()));
    assertThat(made.statusCode()).as(made.bodyAsString()).isEqualTo(201);
    assertThat(made.bodyAsJsonObject().getJsonObject("properties").getString("provisioningState"))
        .isEqualTo("Succeeded");
  }

  private static void client(String name, String type) throws Exception {
    create(
        "/clients/" + name,
        """
        {"state": "Enabled",
         "clientCertificateAuthentication": {"validationScheme": "SubjectMatchesAuthenticationName"},
         "attributes": {"type": "%s"},
         "description": "%s"}
        """
            .formatted(type, type));
  }

  private static void space(String name, String template) throws Exception {
    create("/topicSpaces/" + name, "{\"topicTemplates\": [\"%s\"]}".formatted(template));
  }

  private static void bindings(String prefix, String space) throws Exception {
    for (String permission : List.of("Publisher", "Subscriber")) {
      create(
          "/permissionBindings/" + prefix + permission.substring(0, 3),
          """
          {"clientGroupName": "$all", "topicSpaceName": "%s", "permission": "%s"}
          """
              .formatted(space, permission));
    }
  }

  private static void create() throws Exception {
    JsonObject namespace =
        new JsonObject(
            """
            {"location": "eastus2",
             "properties": {
               "inputSchema": "CloudEventSchemaV1_0",
               "isZoneRedundant": true,
               "topicsConfiguration": {"inputSchema": "CloudEventSchemaV1_0"},
               "topicSpacesConfiguration": {"state": "Enabled", "maximumSessionExpiryInHours": 1}}}
            """);
    // not of the samples: here, who gives out tokens must be said
    namespace
        .getJsonObject("properties")
        .getJsonObject("topicSpacesConfiguration")
        .put(
            "clientAuthentication",
            new JsonObject()
                .put(
                    "oauth2JwtAuthentication",
                    new JsonObject()
                        .put("tokenIssuer", TestTokens.ISSUER)
                        .put(
                            "encodedIssuerCertificates",
                            new JsonArray()
                                .add(
                                    new JsonObject()
                                        .put("kid", "entra")
                                        .put("encodedCertificate", ISSUER.pem())))));
    put("", namespace);
    String pem = Files.readString(home.resolve("ca.pem")).replaceAll("\\R", "");
    create("/caCertificates/Intermediate01", "{\"encodedCertificate\": \"" + pem + "\"}");

    client("sample_client", "sample-client");
    space("samples", "sample/#");
    bindings("samples", "samples");

    client("vehicle01", "vehicle");
    client("vehicle02", "vehicle");
    client("map-app", "map-client");
    space("vehicles", "vehicles/#");
    bindings("vehicles", "vehicles");

    client("vehicle03", "vehicle");
    client("mobile-app", "mobile");
    space("vehiclesCommands", "vehicles/+/command/#");
    bindings("vehiclesCmd", "vehiclesCommands");

    client("control-tower", "control-tower");
    client("vehicle04", "vehicle");
    client("vehicle05", "vehicle");

    space("jwt", "jwt/#");
  }

  // --- the clients ---

  private static int port(Settings.Protocol protocol) {
    return node.listeners().stream()
        .filter(listener -> listener.protocol() == protocol)
        .findFirst()
        .orElseThrow()
        .address()
        .port();
  }

  /** With the user name and the client id of its certificate. */
  private static MqttClientBuilder certified(String name)
      throws IOException, GeneralSecurityException {
    return MqttClient.builder()
        .identifier(name)
        .serverHost("localhost")
        .serverPort(port(Settings.Protocol.MQTTS))
        .sslConfig(
            MqttClientSslConfig.builder()
                .keyManagerFactory(TestPki.keys(pki.client(name)))
                .trustManagerFactory(pki.trusts())
                .build());
  }

  private static Mqtt5BlockingClient version5(String name)
      throws IOException, GeneralSecurityException {
    return certified(name)
        .useMqttVersion5()
        .simpleAuth()
        .username(name)
        .applySimpleAuth()
        .buildBlocking();
  }

  private static Mqtt5BlockingClient connected(String name)
      throws IOException, GeneralSecurityException {
    Mqtt5BlockingClient client = version5(name);
    client.connectWith().cleanStart(true).keepAlive(30).send();
    return client;
  }

  private static Mqtt5Publish next(Mqtt5BlockingClient.Mqtt5Publishes from)
      throws InterruptedException {
    return from.receive(SECONDS, TimeUnit.SECONDS).orElseThrow();
  }

  @Test
  void gettingStarted() throws Exception {
    Mqtt5BlockingClient client = connected("sample_client");
    try (Mqtt5BlockingClient.Mqtt5Publishes messages =
        client.publishes(MqttGlobalPublishFilter.ALL)) {
      client.subscribeWith().topicFilter("sample/+").qos(MqttQos.AT_LEAST_ONCE).send();
      client
          .publishWith()
          .topic("sample/topic1")
          .qos(MqttQos.AT_LEAST_ONCE)
          .payload("hello world!".getBytes(UTF_8))
          .send();
      assertThat(next(messages).getPayloadAsBytes()).asString().isEqualTo("hello world!");
    }
    client.disconnect();
  }

  @Test
  void gettingStartedWithVersion3() throws Exception {
    Mqtt3BlockingClient client =
        certified("sample_client")
            .identifier("sample_client_3")
            .useMqttVersion3()
            .simpleAuth()
            .username("sample_client")
            .applySimpleAuth()
            .buildBlocking();
    client.connect();
    try (Mqtt3BlockingClient.Mqtt3Publishes messages =
        client.publishes(MqttGlobalPublishFilter.ALL)) {
      client.subscribeWith().topicFilter("sample/+").qos(MqttQos.AT_LEAST_ONCE).send();
      client.publishWith().topic("sample/topic1").payload("hello".getBytes(UTF_8)).send();
      assertThat(messages.receive(SECONDS, TimeUnit.SECONDS)).isPresent();
    }
    client.disconnect();
  }

  @Test
  void telemetryFromManyToOne() throws Exception {
    Mqtt5BlockingClient map = connected("map-app");
    try (Mqtt5BlockingClient.Mqtt5Publishes messages = map.publishes(MqttGlobalPublishFilter.ALL)) {
      map.subscribeWith().topicFilter("vehicles/+/position").qos(MqttQos.AT_LEAST_ONCE).send();
      for (String name : List.of("vehicle01", "vehicle02")) {
        Mqtt5BlockingClient vehicle = connected(name);
        String topic = "vehicles/" + name + "/position";
        String point = "{\"type\":\"Point\",\"coordinates\":[-121.8,47.6]}";
        vehicle
            .publishWith()
            .topic(topic)
            .qos(MqttQos.AT_LEAST_ONCE)
            .contentType("application/json")
            .payload(point.getBytes(UTF_8))
            .send();
        Mqtt5Publish message = next(messages);
        assertThat(message.getTopic()).hasToString(topic);
        assertThat(message.getPayloadAsBytes()).asString().isEqualTo(point);
        vehicle.disconnect();
      }
    }
    map.disconnect();
  }

  @Test
  void aCommandAndItsResponse() throws Exception {
    Mqtt5BlockingClient vehicle = connected("vehicle03");
    Mqtt5BlockingClient mobile = connected("mobile-app");
    byte[] correlation = UUID.randomUUID().toString().getBytes(UTF_8);
    try (Mqtt5BlockingClient.Mqtt5Publishes commands =
            vehicle.publishes(MqttGlobalPublishFilter.ALL);
        Mqtt5BlockingClient.Mqtt5Publishes responses =
            mobile.publishes(MqttGlobalPublishFilter.ALL)) {
      vehicle
          .subscribeWith()
          .topicFilter("vehicles/vehicle03/command/unlock/request")
          .qos(MqttQos.AT_LEAST_ONCE)
          .send();
      mobile
          .subscribeWith()
          .topicFilter("vehicles/+/command/unlock/response")
          .qos(MqttQos.AT_LEAST_ONCE)
          .send();
      mobile
          .publishWith()
          .topic("vehicles/vehicle03/command/unlock/request")
          .qos(MqttQos.AT_LEAST_ONCE)
          .responseTopic("vehicles/vehicle03/command/unlock/response")
          .correlationData(correlation)
          .contentType("application/protobuf")
          .payload(new byte[] {10, 2, 8, 1})
          .send();
      Mqtt5Publish command = next(commands);
      vehicle
          .publishWith()
          .topic(command.getResponseTopic().orElseThrow())
          .qos(MqttQos.AT_LEAST_ONCE)
          .correlationData(command.getCorrelationData().orElseThrow())
          .contentType("application/protobuf")
          .userProperties()
          .add("status", "200")
          .applyUserProperties()
          .payload(new byte[] {8, 1})
          .send();
      Mqtt5Publish response = next(responses);
      assertThat(response.getCorrelationData().orElseThrow())
          .isEqualTo(ByteBuffer.wrap(correlation));
      assertThat(response.getUserProperties().asList().get(0).getName()).hasToString("status");
    }
    vehicle.disconnect();
    mobile.disconnect();
  }

  @Test
  void anAlertWaitsForAVehicleThatIsAway() throws Exception {
    Mqtt5Connect kept =
        Mqtt5Connect.builder().cleanStart(false).sessionExpiryInterval(3_600).keepAlive(30).build();
    for (String name : List.of("vehicle04", "vehicle05")) {
      Mqtt5BlockingClient vehicle = version5(name);
      vehicle.connect(kept);
      vehicle
          .subscribeWith()
          .topicFilter("vehicles/weather/alert")
          .qos(MqttQos.AT_LEAST_ONCE)
          .send();
      vehicle.disconnectWith().send();
    }
    Mqtt5BlockingClient tower = connected("control-tower");
    tower
        .publishWith()
        .topic("vehicles/weather/alert")
        .qos(MqttQos.AT_LEAST_ONCE)
        .messageExpiryInterval(300)
        .payload("storm".getBytes(UTF_8))
        .send();
    tower.disconnect();
    for (String name : List.of("vehicle04", "vehicle05")) {
      Mqtt5BlockingClient vehicle = version5(name);
      try (Mqtt5BlockingClient.Mqtt5Publishes messages =
          vehicle.publishes(MqttGlobalPublishFilter.ALL)) {
        assertThat(vehicle.connect(kept).isSessionPresent()).isTrue();
        Mqtt5Publish alert = next(messages);
        assertThat(alert.getPayloadAsBytes()).asString().isEqualTo("storm");
        assertThat(alert.getMessageExpiryInterval().orElseThrow()).isBetween(200L, 300L);
      }
      vehicle.disconnectWith().sessionExpiryInterval(0).send();
    }
  }

  // --- tokens ---

  private static byte[] token(String object, String... roles) {
    JsonObject claims =
        TestTokens.claims(
                "unused", "https://eventgrid.azure.net/", Instant.now(), Duration.ofMinutes(10))
            .put("oid", object)
            .put("roles", new JsonArray(List.of(roles)));
    return ISSUER.token(ISSUER.header(), claims);
  }

  /** The client's side: a token at first, and the same again when it is asked to renew. */
  private record Entra(byte[] token) implements Mqtt5EnhancedAuthMechanism {
    @Override
    public MqttUtf8String getMethod() {
      return MqttUtf8String.of("OAUTH2-JWT");
    }

    @Override
    public int getTimeout() {
      return 10;
    }

    @Override
    public CompletableFuture<Void> onAuth(
        Mqtt5ClientConfig config, Mqtt5Connect connect, Mqtt5EnhancedAuthBuilder builder) {
      builder.data(token);
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletableFuture<Void> onReAuth(Mqtt5ClientConfig config, Mqtt5AuthBuilder builder) {
      builder.data(token);
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletableFuture<Boolean> onServerReAuth(
        Mqtt5ClientConfig config, Mqtt5Auth auth, Mqtt5AuthBuilder builder) {
      return CompletableFuture.completedFuture(false);
    }

    @Override
    public CompletableFuture<Boolean> onContinue(
        Mqtt5ClientConfig config, Mqtt5Auth auth, Mqtt5AuthBuilder builder) {
      return CompletableFuture.completedFuture(false);
    }

    @Override
    public CompletableFuture<Boolean> onAuthSuccess(Mqtt5ClientConfig config, Mqtt5ConnAck ack) {
      return CompletableFuture.completedFuture(true);
    }

    @Override
    public CompletableFuture<Boolean> onReAuthSuccess(Mqtt5ClientConfig config, Mqtt5Auth auth) {
      return CompletableFuture.completedFuture(true);
    }

    @Override
    public void onAuthRejected(Mqtt5ClientConfig config, Mqtt5ConnAck ack) {
      // told by the exception of connect()
    }

    @Override
    public void onReAuthRejected(Mqtt5ClientConfig config, Mqtt5Disconnect disconnect) {
      // told by the end of the connection
    }

    @Override
    public void onAuthError(Mqtt5ClientConfig config, Throwable cause) {
      // told by the exception of connect()
    }

    @Override
    public void onReAuthError(Mqtt5ClientConfig config, Throwable cause) {
      // told by the future of reauth()
    }
  }

  /** Without a certificate, over a WebSocket as the sample shows. */
  private static Mqtt5BlockingClient tokened(byte[] token)
      throws IOException, GeneralSecurityException {
    return MqttClient.builder()
        .identifier("jwt-" + UUID.randomUUID())
        .serverHost("localhost")
        .serverPort(port(Settings.Protocol.WSS))
        .sslConfig(MqttClientSslConfig.builder().trustManagerFactory(pki.trusts()).build())
        .webSocketConfig()
        .serverPath("mqtt")
        .subprotocol("mqtt")
        .applyWebSocketConfig()
        .useMqttVersion5()
        .enhancedAuth(new Entra(token))
        .buildBlocking();
  }

  @Test
  void tokensWithRolesNeedNoClientAndNoBinding() throws Exception {
    Mqtt5BlockingClient both =
        tokened(
            token(
                "object-1", "EventGrid TopicSpaces Publisher", "EventGrid TopicSpaces Subscriber"));
    both.connect();
    try (Mqtt5BlockingClient.Mqtt5Publishes messages =
        both.publishes(MqttGlobalPublishFilter.ALL)) {
      both.subscribeWith().topicFilter("jwt/+").qos(MqttQos.AT_LEAST_ONCE).send();
      both.reauth();
      both.publishWith().topic("jwt/hello").qos(MqttQos.AT_LEAST_ONCE).send();
      assertThat(next(messages).getTopic()).hasToString("jwt/hello");
    }
    both.disconnect();

    Mqtt5BlockingClient hears = tokened(token("object-2", "EventGrid TopicSpaces Subscriber"));
    hears.connect();
    hears.subscribeWith().topicFilter("jwt/#").qos(MqttQos.AT_LEAST_ONCE).send();
    assertThatThrownBy(() -> hears.publishWith().topic("jwt/no").qos(MqttQos.AT_LEAST_ONCE).send())
        .isInstanceOf(Mqtt5PubAckException.class);
    hears.disconnect();

    byte[] forged =
        TestTokens.issuer("entra")
            .token(
                ISSUER.header(),
                TestTokens.claims(
                    "a", "https://eventgrid.azure.net/", Instant.now(), Duration.ofMinutes(10)));
    assertThatThrownBy(() -> tokened(forged).connect())
        .isInstanceOfSatisfying(
            Mqtt5ConnAckException.class,
            refused ->
                assertThat(refused.getMqttMessage().getReasonCode())
                    .isEqualTo(Mqtt5ConnAckReasonCode.NOT_AUTHORIZED));
  }
}
