package io.busbar;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Passwords;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.policy.PasswordHash;
import io.busbar.testing.ApiClient;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Clients that have nothing but a user name and a password. */
@Timeout(120)
class PasswordIT {
  /** The password of each client of the file is its name, backwards. */
  private static final String NAMESPACE =
      """
      name: plant
      caCertificates:
        - {name: ours, file: ca.pem}
      clients:
        - {name: sensor, passwordAuthentication: {passwordHash: "%s"}}
        - {name: retired, state: Disabled, passwordAuthentication: {passwordHash: "%s"}}
        - {name: truck}
      topicSpaces:
        - {name: own, topicTemplates: ["sensors/${client.authenticationName}/#"]}
      permissionBindings:
        - {name: publish-own, clientGroupName: $all, topicSpaceName: own, permission: Publisher}
      """;

  /** "password", as slow as one may be: others wait meanwhile. */
  private static final String SLOW =
      "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

  @TempDir static Path home;
  @TempDir static Path busy;
  @TempDir static Path strict;
  private static TestPki pki;
  private static ApiClient api;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
              () -> {
                pki = TestPki.in(home);
                String namespace = NAMESPACE.formatted(hash("rosnes"), hash("deriter"));
                return ApiClient.with(
                    TestNode.secured(pki.server(), home, namespace, Map.of()), home);
              })
          .durable();

  /** One at a time, and nobody waits. */
  @RegisterExtension
  static final TestNode BUSY =
      TestNode.of(
          () ->
              TestNode.secured(
                  TestPki.in(busy).server(),
                  busy,
                  NAMESPACE.formatted(SLOW, SLOW),
                  Map.of(Limit.PASSWORD_CHECKS, 1L, Limit.PENDING_PASSWORDS, 1L)));

  /** As Event Grid is. */
  @RegisterExtension
  static final TestNode AZURE =
      TestNode.of(
          () -> {
            String namespace = NAMESPACE.formatted(hash("rosnes"), hash("deriter"));
            Settings open =
                TestNode.secured(TestPki.in(strict).server(), strict, namespace, Map.of());
            return new Settings(
                "azure",
                Profile.AZURE,
                open.listeners(),
                open.http(),
                open.cluster(),
                open.namespaceFile(),
                false,
                1,
                new Limits(Profile.AZURE, Map.of()));
          });

  private static String hash(String password) {
    return Passwords.hash(password.getBytes(UTF_8), new SecureRandom()).text();
  }

  @AfterAll
  static void stop() {
    if (api != null) {
      api.close();
    }
  }

  private static ApiClient api() {
    if (api == null) {
      api = new ApiClient(home.resolve("ca.pem"), () -> NODE.apiPort(0));
    }
    return api;
  }

  private static RawClient send(TestNode node, MqttVersion version, String user, String password)
      throws IOException {
    RawClient client = node.open(Transport.TCP, version);
    byte[] secret = password == null ? null : password.getBytes(UTF_8);
    client.send(
        RawClient.bytes(
            out ->
                Encoder.connect(
                    out, version, "s-" + user, true, 30, user, secret, new PropertyWriter())));
    return client;
  }

  private static Packet.Connack connect(MqttVersion version, String user, String password)
      throws IOException {
    return send(NODE, version, user, password).read(Packet.Connack.class);
  }

  @ParameterizedTest
  @EnumSource(MqttVersion.class)
  void whoHasTheNameAndThePasswordIsLetIn(MqttVersion version) throws Exception {
    assertThat(connect(version, "SENSOR", "rosnes").code()).isZero();
    RawClient client = send(NODE, MqttVersion.V5, "sensor", "rosnes");
    assertThat(client.read(Packet.Connack.class).code()).isZero();
    assertThat(client.publishAcked("sensors/sensor/t", "x").isError()).isFalse();
    assertThat(client.publishAcked("sensors/other/t", "x").code()).isEqualTo(0x87);
  }

  @Test
  void whoGuessesIsNotToldWhoIsThere() throws Exception {
    for (String user : List.of("sensor", "nobody", "retired")) {
      for (String password : new String[] {"wrong", "", null, "x".repeat(2_000)}) {
        Packet.Connack refused = connect(MqttVersion.V5, user, password);
        assertThat(refused.code()).as("%s, %s", user, password).isEqualTo(0x86);
        assertThat(refused.properties().reasonString())
            .isEqualTo("the user name or the password is wrong");
      }
    }
    assertThat(connect(MqttVersion.V3_1_1, "sensor", "wrong").code()).isEqualTo(4);
    assertThat(connect(MqttVersion.V3_1_1, "nobody", "wrong").code()).isEqualTo(4);
    // who knows the password may know why
    Packet.Connack disabled = connect(MqttVersion.V5, "retired", "deriter");
    assertThat(disabled.code()).isEqualTo(0x87);
    assertThat(disabled.properties().reasonString()).contains("is disabled");
  }

  @Test
  void aPasswordIsNoProofOfAClientThatHasACertificate() throws Exception {
    Packet.Connack refused = connect(MqttVersion.V5, "truck", "kcurt");
    assertThat(refused.code()).isEqualTo(0x87);
    assertThat(refused.properties().reasonString()).contains("sent no certificate");
  }

  @Test
  void whoTriesTooOftenIsNotHeard_andOthersAre() throws Exception {
    List<RawClient> guesses = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      guesses.add(send(NODE, MqttVersion.V5, "guessed", "guess-" + i));
    }
    List<Integer> codes = new ArrayList<>();
    for (RawClient guess : guesses) {
      codes.add(guess.read(Packet.Connack.class).code());
    }
    assertThat(codes).contains(0x9f).doesNotContain(0);
    assertThat(connect(MqttVersion.V5, "sensor", "rosnes").code()).isZero();
  }

  @Test
  void whoCannotWaitForACheckIsToldToComeLater() throws Exception {
    List<RawClient> storm = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      storm.add(send(BUSY, MqttVersion.V5, "sensor", i == 0 ? "password" : "no"));
    }
    List<Integer> codes = new ArrayList<>();
    for (RawClient one : storm) {
      codes.add(one.read(Packet.Connack.class).code());
    }
    assertThat(codes).contains(0x89);
  }

  @Test
  void whereNoneIsCheckedNobodyIsLetInByOne() throws Exception {
    RawClient client = send(AZURE, MqttVersion.V5, "sensor", "rosnes");
    Packet.Connack refused = client.read(Packet.Connack.class);
    assertThat(refused.code()).isEqualTo(0x87);
    assertThat(refused.properties().reasonString())
        .contains("client 'sensor' is let in by its user name and password alone");
  }

  @Test
  void aHashGoesInAndNotOut_andAnotherOneEndsTheConnection() throws Exception {
    String path = "/namespaces/plant/clients/meter";
    String first = hash("retem");
    JsonObject sent =
        new JsonObject().put("passwordAuthentication", new JsonObject().put("passwordHash", first));
    JsonObject made = api().put(path, sent).getJsonObject("properties");
    String shown = made.getJsonObject("passwordAuthentication").getString("passwordHash");
    assertThat(shown).isEqualTo(PasswordHash.parse(first).hidden());
    assertThat(api().ask(HttpMethod.GET, "/namespaces/plant/clients", null).bodyAsString())
        .contains(shown)
        .doesNotContain("argon2");

    RawClient meter = send(NODE, MqttVersion.V5, "meter", "retem");
    assertThat(meter.read(Packet.Connack.class).code()).isZero();
    // what was shown stands for what is there
    made.remove("provisioningState");
    api().put(path, made.put("attributes", new JsonObject().put("hall", 2)));
    assertThat(connect(MqttVersion.V5, "meter", "retem").code()).isZero();
    assertThat(meter.read(Packet.Disconnect.class).reason().code()).isEqualTo(0x8e);

    RawClient again = send(NODE, MqttVersion.V5, "meter", "retem");
    assertThat(again.read(Packet.Connack.class).code()).isZero();
    sent.getJsonObject("passwordAuthentication").put("passwordHash", hash("other"));
    api().put(path, sent);
    assertThat(again.read(Packet.Disconnect.class).reason().code()).isEqualTo(0x87);
    assertThat(connect(MqttVersion.V5, "meter", "retem").code()).isEqualTo(0x86);
    assertThat(connect(MqttVersion.V5, "meter", "other").code()).isZero();
    String stale =
        api().ask(HttpMethod.PUT, path, new JsonObject().put("properties", made)).bodyAsString();
    assertThat(stale).contains("passwordHash: is what the API shows").doesNotContain("argon2");
  }
}
