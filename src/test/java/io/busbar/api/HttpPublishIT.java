package io.busbar.api;

import static io.busbar.testing.ApiClient.OPERATOR;
import static io.busbar.testing.ApiClient.OWNER;
import static io.busbar.testing.ApiClient.READER;
import static io.busbar.testing.ApiClient.await;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;
import io.busbar.testing.ApiClient;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.busbar.testing.TestTokens;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.client.HttpRequest;
import io.vertx.ext.web.client.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** MQTT messages that are published over HTTP. */
@Timeout(60)
class HttpPublishIT {
  private static final String VERSION = "&api-version=2025-02-15-preview";
  private static final TestTokens ISSUER = TestTokens.issuer("one");
  private static final String NAMESPACE =
      """
      name: plant
      caCertificates: [{name: ours, file: ca.pem}]
      customJwtAuthentication:
        tokenIssuer: https://tokens.example.com
        encodedIssuerCertificates: [{kid: one, file: one.pem}]
      clients: [{name: watcher}]
      clientGroups: [{name: trucks, query: attributes.type = "truck"}]
      topicSpaces:
        - {name: own, topicTemplates: ["trucks/${client.authenticationName}/#"]}
        - {name: all, topicTemplates: ["#"]}
      permissionBindings:
        - {name: publish-own, clientGroupName: trucks, topicSpaceName: own, permission: Publisher}
        - {name: hear-all, clientGroupName: $all, topicSpaceName: all, permission: Subscriber}
      """;

  @TempDir static Path home;
  private static TestPki pki;
  private static ApiClient api;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
              () -> {
                pki = TestPki.in(home);
                Files.writeString(home.resolve("one.pem"), ISSUER.pem());
                return ApiClient.with(
                    TestNode.secured(
                        pki.server(),
                        home,
                        NAMESPACE,
                        Map.of(Limit.USER_PROPERTIES_BYTES, 500L, Limit.PACKET_BYTES, 10_000L)),
                    home);
              })
          .durable();

  @BeforeAll
  static void open() {
    api = new ApiClient(home.resolve("ca.pem"), () -> NODE.apiPort(0));
  }

  @AfterAll
  static void close() {
    api.close();
  }

  private static RawClient watcher(String filter) throws Exception {
    RawClient client =
        NODE.adopt(
            TestPki.open(
                NODE.port(Settings.Protocol.MQTTS),
                MqttVersion.V5,
                pki.context(pki.client("watcher")),
                "TLSv1.3"));
    assertThat(TestPki.connect(client, "watcher", "w").code()).isZero();
    assertThat(client.subscribe(filter, 1)).isEqualTo(1);
    return client;
  }

  private static HttpRequest<Buffer> post(String query, String key) {
    return api.request(HttpMethod.POST, "/mqtt/messages?" + query + VERSION, key);
  }

  private static void sent(HttpRequest<Buffer> request, String payload) throws Exception {
    HttpResponse<Buffer> answer = await(request.sendBuffer(Buffer.buffer(payload)));
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(204);
    assertThat(answer.body()).isNull();
  }

  private static void refused(HttpRequest<Buffer> request, String payload, int status, String why)
      throws Exception {
    HttpResponse<Buffer> answer = await(request.sendBuffer(Buffer.buffer(payload)));
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(status);
    assertThat(answer.bodyAsJsonObject().getJsonObject("error").getString("message")).contains(why);
  }

  private static String token(String subject, String type) {
    return new String(
        ISSUER.token(
            ISSUER.header(),
            TestTokens.claims(subject, "127.0.0.1", Instant.now(), Duration.ofMinutes(5))
                .put("type", type)),
        UTF_8);
  }

  @Test
  void aMessageHasAllThatOneOverMqttHas() throws Exception {
    RawClient watcher = watcher("a b/é");
    sent(
        post("topic=a%20b%2F%C3%A9", OWNER)
            .putHeader("content-type", "text/csv")
            .putHeader("mqtt-payload-format-indicator", "1")
            .putHeader("mqtt-message-expiry", "100")
            .putHeader("mqtt-response-topic", "re%2Fply%20x")
            .putHeader("mqtt-correlation-data", "YzE=")
            .putHeader(
                "mqtt-user-properties",
                Base64.getEncoder()
                    .encodeToString("[{\"k\":\"v\"},{\"k\":\"é\"}]".getBytes(UTF_8))),
        "1,2");
    Publish message = watcher.readPublish();
    assertThat(message.topic()).isEqualTo("a b/é");
    assertThat(RawClient.payload(message)).isEqualTo("1,2");
    assertThat(message.qos()).isEqualTo(1);
    assertThat(message.contentType()).isEqualTo("text/csv");
    assertThat(message.payloadFormatUtf8()).isTrue();
    assertThat(message.expirySeconds()).isBetween(90L, 100L);
    assertThat(message.responseTopic()).isEqualTo("re/ply x");
    assertThat(message.correlationData()).isEqualTo("c1".getBytes(UTF_8));
    assertThat(message.userProperties())
        .isEqualTo(List.of(Map.entry("k", "v"), Map.entry("k", "é")));
    watcher.puback(message);
    // the query goes before the header; properties may stand as they are
    sent(
        post("topic=a%20b%2F%C3%A9&qos=0", OPERATOR)
            .putHeader("mqtt-qos", "1")
            .putHeader("mqtt-user-properties", "[{\"raw\":\"yes\"}]"),
        "");
    message = watcher.readPublish();
    assertThat(message.qos()).isZero();
    assertThat(message.payloadLength()).isZero();
    assertThat(message.userProperties()).isEqualTo(List.of(Map.entry("raw", "yes")));
  }

  @Test
  void aMessageMayBeRetained() throws Exception {
    sent(post("topic=kept&retain=1", OWNER), "x");
    RawClient watcher = watcher("kept");
    Publish message = watcher.readPublish();
    assertThat(message.retain()).isTrue();
    assertThat(RawClient.payload(message)).isEqualTo("x");
    watcher.puback(message);
    sent(post("topic=kept", OWNER).putHeader("mqtt-retain", "1"), "");
  }

  @Test
  void aTokenSaysWhoPublishesAndWhatItMay() throws Exception {
    RawClient watcher = watcher("trucks/#");
    sent(post("topic=trucks/t1/x", token("t1", "truck")), "x");
    Publish message = watcher.expectMessage("x");
    assertThat(message.topic()).isEqualTo("trucks/t1/x");
    refused(
        post("topic=trucks/t2/x", token("t1", "truck")),
        "x",
        403,
        "no Publisher binding of client");
    refused(post("topic=trucks/t1/x", token("t1", "car")), "x", 403, "no Publisher binding");
    String forged =
        new String(
            TestTokens.issuer("one")
                .token(
                    ISSUER.header(),
                    TestTokens.claims("t1", "127.0.0.1", Instant.now(), Duration.ofMinutes(5))),
            UTF_8);
    refused(post("topic=trucks/t1/x", forged), "x", 401, "signature");
  }

  @Test
  void whoHasNoRightIsRefused() throws Exception {
    refused(post("topic=a", null), "x", 401, "no token is given");
    refused(post("topic=a", READER), "x", 401, "may not publish");
    refused(post("topic=a", "nonsense"), "x", 401, "not known");
    refused(post("topic=a", null).putHeader("authorization", "Basic eDp5"), "x", 401, "no token");
  }

  @ParameterizedTest
  @CsvSource({
    "qos=1, 400, topic: missing",
    "topic=, 403, topic",
    "topic=a/%23, 403, topic",
    "topic=a/+%2F%2B, 403, topic",
    "topic=%24SYS/x, 403, the server's own",
    "topic=a%00b, 403, topic",
    "topic=a&qos=2, 400, 'mqtt-qos: not one of its values (allowed: 0, 1)'",
    "topic=a&retain=yes, 400, mqtt-retain: not one of its values"
  })
  void aQueryThatBreaksARuleIsRefused(String query, int status, String why) throws Exception {
    refused(post(query, OWNER), "x", status, why);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mqtt-message-expiry | -1 | no number of seconds",
        "mqtt-message-expiry | 4294967296 | no number of seconds",
        "mqtt-payload-format-indicator | 2 | allowed: 0, 1",
        "mqtt-correlation-data | *** | not base64",
        "mqtt-response-topic | a/%23 | mqtt-response-topic",
        "mqtt-response-topic | a%zz | percent",
        "mqtt-user-properties | {\"a\":\"b\"} | not base64",
        "mqtt-user-properties | [1] | not a list of objects with texts",
        "mqtt-user-properties | [{\"a\":1}] | not a list of objects with texts"
      })
  void aHeaderThatBreaksARuleIsRefused(String header, String value, String why) throws Exception {
    HttpResponse<Buffer> answer =
        await(post("topic=a", OWNER).putHeader(header, value).sendBuffer(Buffer.buffer("x")));
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isIn(400, 403);
    assertThat(answer.bodyAsString()).contains(why);
  }

  @Test
  void whatIsTooMuchIsRefused() throws Exception {
    refused(post("topic=a", OWNER), "x".repeat(10_001), 413, "allowed: packet-bytes = 10000");
    refused(
        post("topic=a", OWNER)
            .putHeader("mqtt-user-properties", "[{\"k\":\"" + "v".repeat(600) + "\"}]"),
        "x",
        429,
        "user properties have");
  }

  @ParameterizedTest
  @ValueSource(strings = {"GET", "PUT", "DELETE"})
  void itIsPosted(String method) throws Exception {
    HttpResponse<Buffer> answer =
        await(
            api.request(HttpMethod.valueOf(method), "/mqtt/messages?topic=a" + VERSION, OWNER)
                .send());
    assertThat(answer.statusCode()).isEqualTo(405);
    assertThat(answer.getHeader("allow")).isEqualTo("POST");
    HttpResponse<Buffer> old =
        await(api.request(HttpMethod.POST, "/mqtt/messages?topic=a", OWNER).send());
    assertThat(old.statusCode()).isEqualTo(400);
    assertThat(old.bodyAsString()).contains("api-version");
  }
}
