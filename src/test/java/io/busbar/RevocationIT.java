package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

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
import io.busbar.testing.TestPki;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Certificates that their authority has revoked, in a file and behind a URL. */
@Timeout(60)
class RevocationIT {
  private static final String NAMESPACE =
      """
      name: plant
      caCertificates:
        - {name: ours, file: ca.pem}
      clients:
        - {name: truck-1}
        - {name: truck-2}
        - {name: truck-3}
      """;

  @TempDir static Path home;
  private static TestPki pki;
  private static HttpServer pages;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
          () -> {
            pki = TestPki.in(home);
            Settings settings =
                TestNode.secured(pki.server(), home, NAMESPACE, Map.<Limit, Long>of());
            byte[] fetched =
                pki.revoked(later(), pki.client("truck-3").certificate())
                    .getBytes(StandardCharsets.US_ASCII);
            pages =
                HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            pages.createContext(
                "/ca.crl",
                exchange -> {
                  exchange.sendResponseHeaders(200, fetched.length);
                  exchange.getResponseBody().write(fetched);
                  exchange.close();
                });
            pages.start();
            URI url = URI.create("http://127.0.0.1:" + pages.getAddress().getPort() + "/ca.crl");
            write(pki.revoked(later()));
            return settings.with(
                new Settings.Revocation(List.of(home.resolve("revoked.pem").toUri(), url), true));
          });

  @AfterAll
  static void end() {
    pages.stop(0);
  }

  private static Instant later() {
    return Instant.now().plus(Duration.ofHours(1));
  }

  private static void write(String list) throws Exception {
    Path next = Files.writeString(home.resolve("next.pem"), list);
    Files.move(next, home.resolve("revoked.pem"), StandardCopyOption.ATOMIC_MOVE);
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
  void whoseCertificateIsRevokedIsEndedAndNotLetInAgain() throws Exception {
    RawClient truck = open("truck-1");
    assertThat(TestPki.connect(truck, "truck-1", "one").code()).isZero();
    RawClient other = open("truck-2");
    assertThat(TestPki.connect(other, "truck-2", "other").code()).isZero();
    long refused = NODE.total(Meter.REVOCATION_LOADS);
    write("no list");
    Await.until(
        "it is refused", () -> NODE.total(Meter.REVOCATION_LOADS) > refused, () -> "not yet");
    other.expectNothing();
    truck.expectNothing();

    write(pki.revoked(later(), pki.client("truck-1").certificate()));
    truck.expectEnd(ReasonCode.NOT_AUTHORIZED);
    Packet.Connack connack = TestPki.connect(open("truck-1"), "truck-1", "one");
    assertThat(connack.code()).isEqualTo(0x87);
    other.expectNothing();
  }

  @Test
  void aListBehindAUrlCountsFromTheStart() throws Exception {
    assertThat(TestPki.connect(open("truck-3"), "truck-3", "three").code()).isEqualTo(0x87);
  }
}
