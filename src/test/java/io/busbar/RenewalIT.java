package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.busbar.tool.Certificates;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLSocket;
import org.bouncycastle.asn1.x500.X500Name;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A server's certificate is replaced while devices are connected. */
@Timeout(60)
class RenewalIT {
  private static final String NAMESPACE =
      """
      name: plant
      caCertificates:
        - {name: ours, file: ca.pem}
      clients:
        - {name: truck}
      topicSpaces:
        - {name: all, topicTemplates: ["t/#"]}
      permissionBindings:
        - {name: publish, clientGroupName: $all, topicSpaceName: all, permission: Publisher}
      """;

  @TempDir static Path home;
  private static TestPki pki;
  private static Certificates.Identity server;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
          () -> {
            pki = TestPki.in(home);
            server = pki.server();
            return TestNode.secured(server, home, NAMESPACE, Map.<Limit, Long>of());
          });

  private static X509Certificate shown() {
    try (SSLSocket socket =
        (SSLSocket)
            pki.context(pki.client("truck"))
                .getSocketFactory()
                .createSocket("localhost", NODE.port(Settings.Protocol.MQTTS))) {
      socket.startHandshake();
      return (X509Certificate) socket.getSession().getPeerCertificates()[0];
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static void write(Path file, String type, byte[] der) throws IOException {
    String base64 = Base64.getMimeEncoder().encodeToString(der);
    Files.writeString(file, "-----BEGIN %s-----\n%s\n-----END %1$s-----\n".formatted(type, base64));
  }

  @Test
  void aCertificateThatIsReplacedIsShownAndNobodyIsPutOut() throws Exception {
    RawClient truck =
        NODE.adopt(
            TestPki.open(
                NODE.port(Settings.Protocol.MQTTS),
                MqttVersion.V5,
                pki.context(pki.client("truck")),
                "TLSv1.3"));
    assertThat(TestPki.connect(truck, "truck", "stays").code()).isZero();
    X509Certificate before = shown();

    Instant now = Instant.now();
    TestPki.Shown next =
        pki.issue(
            new X500Name("CN=renewed"), now.minusSeconds(60), now.plusSeconds(600), "localhost");
    // one after the other: between the two there is no certificate with its key
    write(server.certificate(), "CERTIFICATE", next.certificate().getEncoded());
    TimeUnit.MILLISECONDS.sleep(2_500);
    assertThat(shown()).isEqualTo(before);
    write(server.key(), "PRIVATE KEY", next.key().getEncoded());
    Instant written = Instant.now();
    Await.until(
        "the new one is shown", () -> shown().equals(next.certificate()), () -> "the old one");
    assertThat(Duration.between(written, Instant.now())).isLessThan(Duration.ofSeconds(5));
    assertThat(truck.publishAcked("t/x", "x").isError()).isFalse();

    Files.writeString(server.key(), "no key");
    TimeUnit.MILLISECONDS.sleep(2_500);
    assertThat(shown()).isEqualTo(next.certificate());
    assertThat(truck.publishAcked("t/x", "x").isError()).isFalse();
  }
}
