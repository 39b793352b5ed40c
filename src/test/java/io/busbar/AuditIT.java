package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.AuditRecords;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Each denial and each change is written down: who, what, from where and why. */
@Timeout(60)
class AuditIT {
  private static final String NAMESPACE =
      """
      name: plant
      caCertificates:
        - {name: ours, file: ca.pem}
      clients:
        - {name: truck}
        - {name: van}
      topicSpaces:
        - {name: own, topicTemplates: ["trucks/${client.authenticationName}/#"]}
      permissionBindings:
        - {name: publish-own, clientGroupName: $all, topicSpaceName: own, permission: Publisher}
        - {name: hear-own, clientGroupName: $all, topicSpaceName: own, permission: Subscriber}
      """;

  @TempDir static Path home;
  private static TestPki pki;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
          () -> {
            pki = TestPki.in(home);
            return TestNode.secured(pki.server(), home, NAMESPACE, Map.<Limit, Long>of());
          });

  private final AuditRecords records = new AuditRecords();

  @AfterEach
  void close() {
    records.close();
  }

  private static RawClient open(String name) throws Exception {
    return NODE.adopt(
        TestPki.open(
            NODE.port(Settings.Protocol.MQTTS),
            MqttVersion.V5,
            pki.context(pki.client(name)),
            "TLSv1.3"));
  }

  @Test
  void whatIsDeniedHasWhoWhatFromWhereAndWhy() throws Exception {
    RawClient stranger = open("truck");
    assertThat(TestPki.connect(stranger, "stranger", "s-1").code()).isEqualTo(0x87);
    records.await(
        "connect refused",
        "client=\"stranger\"",
        "session=\"s-1\"",
        "remote=\"127.0.0.1:",
        "reason=\"client 'stranger' is not registered\"");

    RawClient truck = open("truck");
    assertThat(TestPki.connect(truck, "truck", "t-1").code()).isZero();
    assertThat(truck.publishAcked("trucks/other/x", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    records.await(
        "publish denied",
        "client=\"truck\"",
        "session=\"t-1\"",
        "remote=\"127.0.0.1:",
        "topic=\"trucks/other/x\"",
        "reason=\"");
    assertThat(truck.subscribe("trucks/#", 1)).isEqualTo(0x87);
    records.await("subscribe denied", "client=\"truck\"", "filter=\"trucks/#\"", "reason=\"");
  }

  @Test
  void whatIsChangedIsWrittenDownAndWhomThatPutsOut() throws Exception {
    RawClient van = open("van");
    assertThat(TestPki.connect(van, "van", "t-2").code()).isZero();
    Path next =
        Files.writeString(
            home.resolve("next.yaml"), NAMESPACE.replace("{name: van}", "{name: lorry}"));
    Files.move(next, home.resolve("namespace.yaml"), StandardCopyOption.ATOMIC_MOVE);
    records.await("namespace file loaded", "file=\"");
    records.await("resource removed", "kind=\"clients\"", "name=\"van\"");
    records.await("resource changed", "kind=\"clients\"", "name=\"lorry\"", "owner=\"");
    van.expectEnd(ReasonCode.NOT_AUTHORIZED);
    records.await(
        "connection ended",
        "client=\"van\"",
        "session=\"t-2\"",
        "reason=\"client 'van' is not registered any more\"");
  }
}
