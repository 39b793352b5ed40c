package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.Callable;
import org.bouncycastle.asn1.x500.X500Name;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What changes in the namespace file is in force within a second, for those who are connected. */
@Timeout(60)
class ChangeIT {
  private static final String NAMESPACE =
      """
      name: plant
      caCertificates:
        - {name: ours, file: ca.pem}
      clients:
        - {name: truck-1, attributes: {type: truck}}
        - {name: truck-2, attributes: {type: truck}}
        - {name: watcher}
      clientGroups:
        - {name: trucks, query: attributes.type = "truck"}
      topicSpaces:
        - {name: own, topicTemplates: ["trucks/${client.authenticationName}/#"]}
        - {name: all, topicTemplates: ["trucks/#"]}
      permissionBindings:
        - {name: publish-own, clientGroupName: trucks, topicSpaceName: own, permission: Publisher}
        - {name: hear-own, clientGroupName: trucks, topicSpaceName: own, permission: Subscriber}
        - {name: hear-all, clientGroupName: $all, topicSpaceName: all, permission: Subscriber}
      """;

  private static final String PUBLISH_OWN =
      "  - {name: publish-own, clientGroupName: trucks, topicSpaceName: own, permission: Publisher}\n";
  private static final String HEAR_ALL =
      "  - {name: hear-all, clientGroupName: $all, topicSpaceName: all, permission: Subscriber}\n";

  @TempDir static Path home;
  private static TestPki pki;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
              () -> {
                pki = TestPki.in(home);
                return TestNode.secured(pki.server(), home, NAMESPACE, Map.<Limit, Long>of());
              })
          .durable();

  @BeforeAll
  static void begin() throws IOException {
    Files.copy(home.resolve("ca.pem"), home.resolve("kept.pem"));
  }

  @AfterEach
  void asBefore() throws Exception {
    Files.copy(
        home.resolve("kept.pem"), home.resolve("ca.pem"), StandardCopyOption.REPLACE_EXISTING);
    write(NAMESPACE);
    until("all is as before", ChangeIT::isAsBefore);
  }

  private static boolean isAsBefore() throws Exception {
    try (RawClient client = open("truck-1", MqttVersion.V5)) {
      return TestPki.connect(client, "truck-1", "again").code() == 0
          && !client.publishAcked("trucks/truck-1/x", "x").isError()
          && client.subscribe("trucks/#", 1) == 1;
    } catch (IOException e) {
      // let in, and put out again
      return false;
    }
  }

  private static void until(String what, Callable<Boolean> condition) {
    Await.until(
        what,
        () -> {
          try {
            return condition.call();
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        },
        () -> "not yet");
  }

  /** As an editor does, or Kubernetes: another file in its place. */
  private static void write(String text) throws IOException {
    Path file = home.resolve("namespace.yaml");
    Path next = Files.writeString(home.resolve("next.yaml"), text);
    Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private static RawClient open(String name, MqttVersion version) throws Exception {
    return TestPki.open(
        NODE.port(Settings.Protocol.MQTTS), version, pki.context(pki.client(name)), "TLSv1.3");
  }

  private static RawClient connected(String name, String session) throws Exception {
    RawClient client = NODE.adopt(open(name, MqttVersion.V5));
    assertThat(TestPki.connect(client, name, session).code()).isZero();
    return client;
  }

  private static void without(String line) throws IOException {
    assertThat(NAMESPACE).contains(line);
    write(NAMESPACE.replace(line, ""));
  }

  @Test
  void aRightThatIsTakenIsGoneWithinASecondForOneWhoPublishesAtFullSpeed() throws Exception {
    RawClient truck = connected("truck-1", "busy");
    assertThat(truck.publishAcked("trucks/truck-1/x", "x").isError()).isFalse();
    without(PUBLISH_OWN);
    Instant changed = Instant.now();
    ReasonCode last = ReasonCode.SUCCESS;
    while (!last.isError()) {
      last = truck.publishAcked("trucks/truck-1/x", "x");
      assertThat(Duration.between(changed, Instant.now())).isLessThan(Duration.ofSeconds(1));
    }
    assertThat(last).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    // the connection goes on: it may still hear
    assertThat(truck.subscribe("trucks/truck-1/x", 1)).isEqualTo(1);
    assertThat(truck.publishAcked("trucks/truck-1/x", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
  }

  @Test
  void aRightThatIsGivenNeedsNoNewConnection() throws Exception {
    RawClient watcher = connected("watcher", "w");
    assertThat(watcher.publishAcked("trucks/news", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    write(
        NAMESPACE
            + "  - {name: tell-all, clientGroupName: $all, topicSpaceName: all, permission: Publisher}\n");
    until("it may", () -> !watcher.publishAcked("trucks/news", "x").isError());
  }

  @Test
  void whoHearsWhatItMayNotAnyMoreIsEndedAndItsSubscriptionIsGone() throws Exception {
    RawClient watcher = connected("watcher", "ears");
    assertThat(watcher.subscribe("trucks/#", 1)).isEqualTo(1);
    long denials = NODE.total(Meter.DENIALS);
    without(HEAR_ALL);
    watcher.expectEnd(ReasonCode.NOT_AUTHORIZED);
    assertThat(NODE.total(Meter.DENIALS)).isGreaterThan(denials);
    RawClient again = connected("watcher", "ears");
    assertThat(again.subscribe("trucks/#", 1)).isEqualTo(0x87);
  }

  @Test
  void aStoredSessionLosesWhatItsClientMayNotHearAnyMore() throws Exception {
    RawClient watcher = NODE.adopt(open("watcher", MqttVersion.V5));
    stored(watcher, "watcher", "sleeper");
    assertThat(watcher.subscribe("trucks/#", 1)).isEqualTo(1);
    watcher.close();
    RawClient truck = connected("truck-1", "t");
    assertThat(truck.publishAcked("trucks/truck-1/x", "before")).isEqualTo(ReasonCode.SUCCESS);
    without(HEAR_ALL);
    until(
        "nobody hears",
        () ->
            truck.publishAcked("trucks/truck-1/x", "after") == ReasonCode.NO_MATCHING_SUBSCRIBERS);
    // given back, the right does not bring the subscription back
    write(NAMESPACE);
    RawClient other = connected("watcher", "other");
    until("the right is back", () -> other.subscribe("trucks/truck-2/x", 1) == 1);
    assertThat(truck.publishAcked("trucks/truck-1/x", "after"))
        .isEqualTo(ReasonCode.NO_MATCHING_SUBSCRIBERS);
    // ends it
    connected("watcher", "sleeper");
  }

  private static void stored(RawClient client, String name, String session) throws IOException {
    PropertyWriter properties =
        new PropertyWriter().number(Property.SESSION_EXPIRY_INTERVAL, 1_000);
    client.send(client.connectPacket(session, false, properties, null, name));
    assertThat(client.read(Packet.Connack.class).code()).isZero();
  }

  @Test
  void aClientThatIsDisabledOrGoneIsEndedAndItsStoredSessionToo() throws Exception {
    RawClient one = NODE.adopt(open("truck-1", MqttVersion.V5));
    stored(one, "truck-1", "kept-1");
    RawClient two = connected("truck-2", "two");
    RawClient watcher = connected("watcher", "w");
    write(
        NAMESPACE
            .replace("  - {name: truck-1, attributes: {type: truck}}\n", "")
            .replace("truck-2, att", "truck-2, state: Disabled, att"));
    one.expectEnd(ReasonCode.NOT_AUTHORIZED);
    two.expectEnd(ReasonCode.NOT_AUTHORIZED);
    assertThat(watcher.subscribe("trucks/x", 1)).isEqualTo(1);
    Await.until(
        "the session is gone",
        () -> NODE.gauge(Meter.SESSIONS_STORED) == 0,
        () -> NODE.gauge(Meter.SESSIONS_STORED));
  }

  @ParameterizedTest(name = "session expiry {0}")
  @ValueSource(longs = {0, 1_000})
  void theWillOfOneWhoMayNotPublishItAnyMoreIsNot(long expirySeconds) throws Exception {
    RawClient watcher = connected("watcher", "w");
    assertThat(watcher.subscribe("trucks/#", 1)).isEqualTo(1);
    RawClient truck = NODE.adopt(open("truck-1", MqttVersion.V5));
    RawClient.Will will = RawClient.Will.of("trucks/truck-1/will", "gone");
    PropertyWriter expiry =
        new PropertyWriter().number(Property.SESSION_EXPIRY_INTERVAL, expirySeconds);
    truck.send(truck.connectPacket("testator", true, expiry, will, "truck-1"));
    assertThat(truck.read(Packet.Connack.class).code()).isZero();
    without(PUBLISH_OWN);
    until("the right is gone", () -> truck.publishAcked("trucks/truck-1/x", "x").isError());
    long denials = NODE.denials("will");
    truck.close();
    Await.until("the will is denied", () -> NODE.denials("will") > denials, () -> "it is not");
    write(NAMESPACE);
    RawClient other = connected("truck-2", "other");
    until(
        "rights are as before", () -> !other.publishAcked("trucks/truck-2/last", "last").isError());
    String heard = "";
    while (!heard.equals("last")) {
      Publish message = watcher.readPublish();
      heard = RawClient.payload(message);
      if (message.qos() > 0) {
        watcher.puback(message);
      }
      assertThat(heard).isNotEqualTo("gone");
    }
  }

  @Test
  void aCertificateThatExpiresEndsItsConnection() throws Exception {
    Instant now = Instant.now();
    TestPki.Shown brief =
        pki.issue(new X500Name("CN=truck-1"), now.minusSeconds(60), now.plusSeconds(3));
    RawClient client =
        NODE.adopt(
            TestPki.open(
                NODE.port(Settings.Protocol.MQTTS), MqttVersion.V5, pki.context(brief), "TLSv1.3"));
    assertThat(TestPki.connect(client, "truck-1", "brief").code()).isZero();
    client.setPatience(10_000);
    client.expectEnd(ReasonCode.NOT_AUTHORIZED);
  }

  @Test
  void anAuthorityThatIsReplacedEndsThoseThatItVouchedFor(@TempDir Path elsewhere)
      throws Exception {
    TestPki.in(elsewhere).server();
    RawClient truck = connected("truck-1", "x");
    // not the namespace file, but one that it names
    Files.copy(
        elsewhere.resolve("ca.pem"), home.resolve("ca.pem"), StandardCopyOption.REPLACE_EXISTING);
    truck.expectEnd(ReasonCode.NOT_AUTHORIZED);
    RawClient again = NODE.adopt(open("truck-1", MqttVersion.V5));
    assertThat(TestPki.connect(again, "truck-1", "x").code()).isEqualTo(0x87);
  }

  @Test
  void aFileThatBreaksARuleChangesNothing() throws Exception {
    RawClient truck = connected("truck-1", "x");
    long refused = NODE.total(Meter.NAMESPACE_LOADS);
    write(NAMESPACE.replace("topicSpaceName: own, permission: Publisher", "topicSpaceName: none"));
    Await.until(
        "it is refused",
        () -> NODE.total(Meter.NAMESPACE_LOADS) > refused,
        () -> NODE.total(Meter.NAMESPACE_LOADS));
    assertThat(truck.publishAcked("trucks/truck-1/x", "x").isError()).isFalse();
    assertThat(TestPki.connect(NODE.adopt(open("truck-2", MqttVersion.V5)), "truck-2", "y").code())
        .isZero();
  }

  @Test
  void theNamespaceIsThereAfterARestart() throws Exception {
    RawClient watcher = connected("watcher", "w");
    assertThat(watcher.publishAcked("trucks/news", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    NODE.restart();
    RawClient truck = connected("truck-1", "t");
    assertThat(truck.publishAcked("trucks/truck-1/x", "x").isError()).isFalse();
    assertThat(truck.publishAcked("trucks/news", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
  }
}
