package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertAll;

import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestPki;
import io.busbar.tool.Certificates;
import io.vertx.core.Future;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who may connect and do what, over real TLS: refusals have a reason code, never a TLS alert. */
@Timeout(60)
class AccessIT {
  private static final String NAMESPACE =
      """
      name: plant
      caCertificates:
        - {name: ours, file: ca.pem}
      clients:
        - {name: truck-1, attributes: {type: truck}}
        - {name: truck-2, attributes: {type: truck}}
        - {name: retired, state: Disabled}
        - name: pinned
          clientCertificateAuthentication:
            validationScheme: ThumbprintMatch
            allowedThumbprints: ["%s"]
      clientGroups:
        - {name: trucks, query: attributes.type = "truck"}
      topicSpaces:
        - {name: own, topicTemplates: ["trucks/${client.authenticationName}/#"]}
        - {name: news, topicTemplates: ["news/+"]}
      permissionBindings:
        - {name: publish-own, clientGroupName: trucks, topicSpaceName: own, permission: Publisher}
        - {name: hear-own, clientGroupName: trucks, topicSpaceName: own, permission: Subscriber}
        - {name: hear-news, clientGroupName: $all, topicSpaceName: news, permission: Subscriber}
      """;

  @TempDir static Path home;
  @TempDir static Path foreignHome;
  private static TestPki ours;
  private static TestPki foreign;
  private static Node node;
  private final List<RawClient> clients = new ArrayList<>();

  @BeforeAll
  static void start() throws Exception {
    ours = TestPki.in(home);
    foreign = TestPki.in(foreignHome);
    Certificates.Identity server = ours.server();
    Path file = home.resolve("namespace.yaml");
    String thumbprint = TestPki.thumbprint(foreign.client("pinned"));
    Files.writeString(file, NAMESPACE.formatted(thumbprint));
    node =
        await(
            Node.start(
                new Settings(
                    "access",
                    Profile.OPEN,
                    List.of(listener(server)),
                    new Settings.Address("127.0.0.1", 0),
                    Settings.Cluster.single(),
                    Optional.of(file),
                    false,
                    1,
                    new Limits(Profile.OPEN, Map.of()))));
  }

  private static Settings.Listener listener(Certificates.Identity server) {
    return new Settings.Listener(
        Settings.Protocol.MQTTS,
        new Settings.Address("127.0.0.1", 0),
        Optional.of(server.certificate()),
        Optional.of(server.key()),
        "/mqtt",
        List.of("mqtt"));
  }

  @AfterAll
  static void stop() throws Exception {
    await(node.stop());
  }

  @AfterEach
  void close() throws IOException {
    for (RawClient client : clients) {
      client.close();
    }
  }

  // --- who may connect ---

  @ParameterizedTest
  @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
  void aRegisteredClientWithItsCertificateIsLetIn(String protocol) throws Exception {
    RawClient client = open(MqttVersion.V5, ours.context(ours.client("truck-1")), protocol);
    assertThat(connect(client, "truck-1", "s1").code()).isZero();
    // the name's case does not matter
    RawClient other = open(MqttVersion.V5, ours.context(ours.client("truck-1")), protocol);
    assertThat(connect(other, "TRUCK-1", "s2").code()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
  void aResumedTlsSessionIsJudgedLikeAFullOne(String protocol) throws Exception {
    SSLContext context = ours.context(ours.client("truck-1"));
    for (int i = 0; i < 3; i++) {
      RawClient client = open(MqttVersion.V5, context, protocol);
      assertThat(connect(client, "truck-1", "resumed-" + i).code()).isZero();
      RawClient impostor = open(MqttVersion.V5, context, protocol);
      assertThat(connect(impostor, "truck-2", "impostor-" + i).code()).isEqualTo(0x87);
    }
  }

  @Test
  void aThumbprintNeedsNoAuthority() throws Exception {
    RawClient client = open(MqttVersion.V5, ours.context(foreign.client("pinned")), "TLSv1.3");
    assertThat(connect(client, "pinned", "pinned").code()).isZero();
    RawClient wrong = open(MqttVersion.V5, ours.context(ours.client("pinned")), "TLSv1.3");
    assertRefused(connect(wrong, "pinned", "pinned-2"), "thumbprint");
  }

  @Test
  void othersAreRefusedWithACodeThatSaysWhy() throws Exception {
    assertAll(
        () -> refused("nobody", ours.client("nobody"), "not registered"),
        () -> refused("retired", ours.client("retired"), "disabled"),
        () -> refused("truck-1", ours.client("truck-2"), "truck-2"),
        () -> refused("truck-1", foreign.client("truck-1"), "issue"),
        () -> refused("truck-1", null, "certificate"));
  }

  private void refused(String user, TestPki.Shown identity, String why) throws Exception {
    SSLContext context = ours.context(identity);
    for (String protocol : List.of("TLSv1.2", "TLSv1.3")) {
      RawClient v5 = open(MqttVersion.V5, context, protocol);
      assertRefused(connect(v5, user, "x"), why);
      v5.expectClose();
      RawClient v3 = open(MqttVersion.V3_1_1, context, protocol);
      assertThat(connect(v3, user, "x").code()).isEqualTo(5);
      v3.expectClose();
    }
  }

  private static void assertRefused(Packet.Connack connack, String why) {
    assertThat(connack.code()).isEqualTo(ReasonCode.NOT_AUTHORIZED.code());
    assertThat(connack.properties().reasonString()).contains(why);
  }

  @Test
  void aSessionNameInUseIsNotTakenByAnotherClient() throws Exception {
    RawClient owner = truck("truck-1", MqttVersion.V5, "shared-name");
    RawClient thief = open(MqttVersion.V5, ours.context(ours.client("truck-2")), "TLSv1.3");
    assertRefused(connect(thief, "truck-2", "shared-name"), "another client");
    assertThat(owner.publishAcked("trucks/truck-1/still", "here"))
        .isEqualTo(ReasonCode.NO_MATCHING_SUBSCRIBERS);
  }

  // --- who may do what ---

  @Test
  void aPublishIsDeniedWithItsReason() throws Exception {
    long denied = node.telemetry().lost(Loss.NOT_AUTHORIZED);
    RawClient client = truck("truck-1", MqttVersion.V5, "pub");
    Packet.Ack ack = client.publishAcked("trucks/truck-2/x", "mine", new PropertyWriter());
    assertThat(ack.reason()).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    assertThat(ack.properties().reasonString())
        .contains("truck-1", "trucks/truck-2/x", "trucks/truck-1/#");
    // the connection goes on
    assertThat(client.publishAcked("trucks/truck-1/x", "mine"))
        .isEqualTo(ReasonCode.NO_MATCHING_SUBSCRIBERS);
    // QoS 0 has no answer but DISCONNECT
    client.publish("trucks/truck-2/x", "mine");
    client.expectEnd(ReasonCode.NOT_AUTHORIZED);
    Await.until(
        "both are in the ledger",
        () -> node.telemetry().lost(Loss.NOT_AUTHORIZED) == denied + 2,
        () -> node.telemetry().lost(Loss.NOT_AUTHORIZED));
    assertThat(node.telemetry().adder(Meter.DENIALS, "publish").sum()).isPositive();
  }

  @ParameterizedTest
  @EnumSource(names = "V3_1_1")
  void aDeniedPublishEndsA311Connection(MqttVersion version) throws Exception {
    RawClient client = truck("truck-1", version, "pub3");
    client.send(client.publishPacket("trucks/truck-2/x", 1, 7, "x", new PropertyWriter()));
    client.expectClose();
  }

  @Test
  void aSubscriptionNeedsATemplateThatCoversIt() throws Exception {
    RawClient v5 = truck("truck-1", MqttVersion.V5, "sub");
    Packet.Suback suback =
        v5.subscribe(
            filter("trucks/truck-1/#"),
            filter("#"),
            filter("trucks/+/x"),
            filter("news/+"),
            filter("news/#"),
            filter("trucks/truck-1/a/+"));
    assertThat(suback.codes()).containsExactly(1, 0x87, 0x87, 1, 0x87, 1);
    assertThat(suback.properties().reasonString()).contains("truck-1");
    RawClient v3 = truck("truck-2", MqttVersion.V3_1_1, "sub3");
    assertThat(v3.subscribe(filter("trucks/truck-1/#"), filter("news/x")).codes())
        .containsExactly(0x80, 1);
  }

  private static Packet.Filter filter(String filter) {
    return new Packet.Filter(RawClient.utf8(filter), 1, false, false, 0);
  }

  // --- fixtures ---

  private RawClient truck(String name, MqttVersion version, String session) throws Exception {
    RawClient client = open(version, ours.context(ours.client(name)), "TLSv1.3");
    assertThat(connect(client, name, session).code()).isZero();
    return client;
  }

  private RawClient open(MqttVersion version, SSLContext context, String protocol)
      throws IOException {
    int port = node.listeners().get(0).address().port();
    RawClient client = TestPki.open(port, version, context, protocol);
    clients.add(client);
    return client;
  }

  private static Packet.Connack connect(RawClient client, String user, String session)
      throws IOException {
    return TestPki.connect(client, user, session);
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
  }
}
