package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.busbar.testing.TestTokens;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Clients that nobody registered, whose tokens say who they are (CUSTOM-JWT). */
@Timeout(60)
class TokenIT {
  private static final String METHOD = "CUSTOM-JWT";
  private static final TestTokens ISSUER = TestTokens.issuer("one");
  private static final TestTokens NEXT = TestTokens.issuer("two");

  private static final String NAMESPACE =
      """
      name: plant
      clients:
        - {name: known}
        - {name: gone, state: Disabled}
      clientGroups:
        - {name: trucks, query: attributes.type = "truck" and attributes.load < 10}
      topicSpaces:
        - {name: own, topicTemplates: ["trucks/${client.authenticationName}/${client.attributes.caps}"]}
        - {name: news, topicTemplates: ["news/#"]}
      permissionBindings:
        - {name: publish-own, clientGroupName: trucks, topicSpaceName: own, permission: Publisher}
        - {name: hear-own, clientGroupName: trucks, topicSpaceName: own, permission: Subscriber}
        - {name: hear-news, clientGroupName: $all, topicSpaceName: news, permission: Subscriber}
      customJwtAuthentication:
        tokenIssuer: https://tokens.example.com
        encodedIssuerCertificates:
          - {kid: one, file: one.pem}
      """;

  @TempDir static Path home;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
              () -> {
                Files.writeString(home.resolve("one.pem"), ISSUER.pem());
                Files.writeString(home.resolve("two.pem"), NEXT.pem());
                return TestNode.secured(
                    TestPki.in(home).server(), home, NAMESPACE, Map.<Limit, Long>of());
              })
          .durable();

  private static JsonObject claims(String subject, Duration good) {
    // the node's name: that of its first listener
    return TestTokens.claims(subject, "127.0.0.1", Instant.now(), good)
        .put("type", "truck")
        .put("load", 3)
        .put("caps", new JsonArray().add("gps").add("lte"));
  }

  private static byte[] token(JsonObject claims) {
    return ISSUER.token(ISSUER.header(), claims);
  }

  private static Packet.Connack connect(RawClient client, String session, byte[] token)
      throws IOException {
    TestTokens.request(client, session, METHOD, token);
    return client.read(Packet.Connack.class);
  }

  private static RawClient connected(String session, byte[] token) throws IOException {
    RawClient client = NODE.open(RawClient.Transport.TCP, MqttVersion.V5);
    assertThat(connect(client, session, token).code()).isZero();
    return client;
  }

  private static void again(RawClient client, byte[] token) throws IOException {
    TestTokens.again(client, METHOD, token);
  }

  private static void write(String text) throws IOException {
    Path next = Files.writeString(home.resolve("next.yaml"), text);
    Files.move(next, home.resolve("namespace.yaml"), StandardCopyOption.ATOMIC_MOVE);
  }

  @Test
  void aTokenSaysWhoItIsAndItsClaimsWhatItMayDo() throws Exception {
    RawClient truck = NODE.open(RawClient.Transport.TCP, MqttVersion.V5);
    Packet.Connack connack =
        connect(truck, "claims", token(claims("truck-9", Duration.ofMinutes(5))));
    assertThat(connack.code()).isZero();
    assertThat(connack.properties().authenticationMethod()).isEqualTo(METHOD);
    assertThat(truck.subscribe("trucks/truck-9/lte", 1)).isEqualTo(1);
    assertThat(truck.subscribe("trucks/truck-9/#", 1)).isEqualTo(0x87);
    assertThat(truck.publishAcked("trucks/truck-9/gps", "x").isError()).isFalse();
    assertThat(truck.publishAcked("trucks/truck-8/gps", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    assertThat(truck.publishAcked("trucks/truck-9/wifi", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);

    RawClient heavy =
        connected("heavy", token(claims("truck-7", Duration.ofMinutes(5)).put("load", 10)));
    assertThat(heavy.publishAcked("trucks/truck-7/gps", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    assertThat(heavy.subscribe("news/today", 0)).isZero();
  }

  @Test
  void whoIsDisabledStaysOut() throws Exception {
    RawClient client = NODE.open(RawClient.Transport.TCP, MqttVersion.V5);
    Packet.Connack connack = connect(client, "gone", token(claims("GONE", Duration.ofMinutes(5))));
    assertThat(connack.code()).isEqualTo(ReasonCode.NOT_AUTHORIZED.code());
    assertThat(connack.properties().reasonString()).isEqualTo("client 'GONE' is disabled");
  }

  @Test
  void aBadTokenIsRefusedWithItsReason() throws Exception {
    RawClient client = NODE.open(RawClient.Transport.TCP, MqttVersion.V5);
    JsonObject claims = claims("truck-1", Duration.ofMinutes(5)).put("aud", "elsewhere");
    Packet.Connack connack = connect(client, "bad", token(claims));
    assertThat(connack.code()).isEqualTo(ReasonCode.NOT_AUTHORIZED.code());
    assertThat(connack.properties().reasonString())
        .contains("its audience (aud) is another (needed: 127.0.0.1)");
    client.expectClose();
  }

  @Test
  void aTokenIsNoUserNameOfMqtt311AndAnotherMethodIsNotOffered() throws Exception {
    RawClient old = NODE.open(RawClient.Transport.TCP, MqttVersion.V3_1_1);
    assertThat(TestPki.connect(old, "truck-1", "old").code()).isEqualTo(5);
    RawClient other = NODE.open(RawClient.Transport.TCP, MqttVersion.V5);
    byte[] token = token(claims("truck-1", Duration.ofMinutes(5)));
    TestTokens.request(other, "other", "OAUTH2-JWT", token);
    Packet.Connack connack = other.read(Packet.Connack.class);
    assertThat(connack.code()).isEqualTo(ReasonCode.BAD_AUTHENTICATION_METHOD.code());
    assertThat(connack.properties().reasonString()).contains("allowed: CUSTOM-JWT");
  }

  @Test
  void aNewTokenGivesNewRightsAndAnotherNameEndsTheConnection() throws Exception {
    RawClient truck =
        connected("renewed", token(claims("truck-2", Duration.ofMinutes(5)).put("type", "van")));
    assertThat(truck.publishAcked("trucks/truck-2/gps", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    again(truck, token(claims("truck-2", Duration.ofMinutes(5))));
    assertThat(truck.read(Packet.Auth.class).reason()).isEqualTo(ReasonCode.SUCCESS);
    assertThat(truck.publishAcked("trucks/truck-2/gps", "x").isError()).isFalse();
    again(truck, token(claims("truck-3", Duration.ofMinutes(5))));
    truck.expectEnd(ReasonCode.NOT_AUTHORIZED);
  }

  @Test
  void aTokenThatExpiresEndsTheConnectionUnlessItIsRenewed() throws Exception {
    // a minute of leeway has begun long ago
    Duration nearlyOver = Duration.ofSeconds(-57);
    RawClient ends = connected("ends", token(claims("truck-4", nearlyOver)));
    RawClient goesOn = connected("goes-on", token(claims("truck-5", nearlyOver)));
    again(goesOn, token(claims("truck-5", Duration.ofMinutes(5))));
    assertThat(goesOn.read(Packet.Auth.class).reason()).isEqualTo(ReasonCode.SUCCESS);
    ends.expectEnd(ReasonCode.NOT_AUTHORIZED);
    assertThat(goesOn.publishAcked("trucks/truck-5/gps", "x").isError()).isFalse();
  }

  @Test
  void anIssuersKeyThatIsReplacedEndsTheConnectionsOfItsTokens() throws Exception {
    RawClient before = connected("before", token(claims("truck-6", Duration.ofMinutes(5))));
    String both = NAMESPACE + "    - {kid: two, file: two.pem}\n";
    byte[] next = NEXT.token(NEXT.header(), claims("truck-6", Duration.ofMinutes(5)));
    try {
      write(both);
      Await.until("the second key counts", () -> isLetIn(next), () -> "it does not");
      assertThat(before.publishAcked("trucks/truck-6/gps", "x").isError()).isFalse();
      RawClient after = connected("after", next);
      write(both.replace("    - {kid: one, file: one.pem}\n", ""));
      before.expectEnd(ReasonCode.NOT_AUTHORIZED);
      assertThat(after.publishAcked("trucks/truck-6/gps", "x").isError()).isFalse();
      assertThat(isLetIn(token(claims("truck-6", Duration.ofMinutes(5))))).isFalse();
    } finally {
      write(NAMESPACE);
      Await.until(
          "the first key counts",
          () -> isLetIn(token(claims("truck-6", Duration.ofMinutes(5)))),
          () -> "it does not");
    }
  }

  private static boolean isLetIn(byte[] token) {
    try (RawClient client = NODE.open(RawClient.Transport.TCP, MqttVersion.V5)) {
      return connect(client, "tries", token).code() == 0;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
