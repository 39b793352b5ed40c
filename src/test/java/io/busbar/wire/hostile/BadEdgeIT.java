package io.busbar.wire.hostile;

import static io.busbar.testing.RawClient.hex;
import static io.busbar.wire.hostile.Raw.ascii;
import static io.busbar.wire.hostile.Raw.field;
import static io.busbar.wire.hostile.Raw.refused;
import static io.busbar.wire.hostile.Raw.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.config.Limit;
import io.busbar.config.Settings.Protocol;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLContext;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Primitive;
import org.bouncycastle.asn1.DERUTF8String;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Families 21 and 22 of docs/hardening.md: certificates, other protocols at the door, HTTP. */
class BadEdgeIT {
  private static final String NAMESPACE =
      """
      name: edge
      caCertificates:
        - {name: ours, file: ca.pem}
      alternativeAuthenticationNameSources:
        - ClientCertificateSubject
      clients:
        - {name: guard}
        - {name: truck-1}
        - name: pinned
          clientCertificateAuthentication:
            validationScheme: ThumbprintMatch
            allowedThumbprints: ["%s", "%s"]
      topicSpaces:
        - {name: all, topicTemplates: ["#"]}
      permissionBindings:
        - {name: binding-1, clientGroupName: $all, topicSpaceName: all, permission: Publisher}
        - {name: binding-2, clientGroupName: $all, topicSpaceName: all, permission: Subscriber}
      """;

  private static final List<String> TLS = List.of("TLSv1.2", "TLSv1.3");

  @TempDir static Path home;
  private static TestPki pki;
  private static TestPki.Shown primary;
  private static TestPki.Shown secondary;

  @Order(1)
  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
          () -> {
            pki = TestPki.in(home);
            primary = pki.issue(named("primary"));
            secondary = pki.issue(named("secondary"));
            String namespace =
                NAMESPACE.formatted(TestPki.thumbprint(primary), TestPki.thumbprint(secondary));
            return TestNode.secured(
                pki.server(), home, namespace, Map.of(Limit.CONNECT_TIMEOUT, 1L));
          });

  @Order(2)
  @RegisterExtension
  static final Bystander BYSTANDER =
      new Bystander(
          id -> {
            RawClient client = shows(pki.client("guard"), "TLSv1.3");
            assertThat(TestPki.connect(client, "guard", id).code()).isZero();
            return client;
          });

  private static X500Name named(String commonName) {
    return named(new DERUTF8String(commonName));
  }

  private static X500Name named(ASN1Encodable... commonNames) {
    X500NameBuilder builder = new X500NameBuilder(BCStyle.INSTANCE);
    for (ASN1Encodable one : commonNames) {
      builder.addRDN(BCStyle.CN, one);
    }
    return builder.build();
  }

  private static RawClient shows(TestPki.Shown shown, String tls) throws Exception {
    SSLContext context = pki.context(shown);
    return NODE.adopt(TestPki.open(NODE.port(Protocol.MQTTS), MqttVersion.V5, context, tls));
  }

  private static void isRefused(TestPki.Shown shown, String user, String why) throws Exception {
    for (String tls : TLS) {
      RawClient client = shows(shown, tls);
      Packet.Connack connack = TestPki.connect(client, user, "refused");
      assertThat(connack.code()).as(why).isEqualTo(ReasonCode.NOT_AUTHORIZED.code());
      assertThat(connack.properties().reasonString()).contains(why);
      client.expectClose();
    }
  }

  // --- 21: certificates ---

  @Test
  void family21_certificatesOutsideTheirTime() throws Exception {
    Instant now = Instant.now();
    Duration hour = Duration.ofHours(1);
    X500Name truck = named("truck-1");
    isRefused(pki.issue(truck, now.minus(hour).minus(hour), now.minus(hour)), "truck-1", "expired");
    isRefused(pki.issue(truck, now.plus(hour), now.plus(hour).plus(hour)), "truck-1", "before");
    isRefused(null, "truck-1", "certificate");
  }

  /** Certificates are judged at CONNECT: who is in stays in, and does not come back. */
  @Test
  void family21_certificateThatExpiresMeanwhile() throws Exception {
    Instant now = Instant.now();
    TestPki.Shown brief = pki.issue(named("truck-1"), now.minusSeconds(60), now.plusSeconds(3));
    RawClient client = shows(brief, "TLSv1.3");
    assertThat(TestPki.connect(client, "truck-1", "brief").code()).isZero();
    Await.until(
        "it is over",
        () -> Instant.now().isAfter(brief.certificate().getNotAfter().toInstant()),
        Instant::now);
    client.expectNothing();
    isRefused(brief, "truck-1", "expired");
  }

  @Test
  void family21_subjectsThatSayTwoThings() throws Exception {
    Instant now = Instant.now();
    Instant later = now.plusSeconds(3_600);
    // only the subject counts, whatever the alternative names are
    isRefused(
        pki.issue(named("other"), now.minusSeconds(60), later, "truck-1", "guard"),
        "truck-1",
        "subject");
    isRefused(
        pki.issue(named(new DERUTF8String("truck-1"), new DERUTF8String("guard"))),
        "truck-1",
        "subject");
    isRefused(pki.issue(named("truck-1\0.evil")), "truck-1", "subject");
    isRefused(pki.issue(named("truck-1\0")), "truck-1", "subject");
    isRefused(pki.issue(named("truck-1\0.evil")), null, "registered");
    isRefused(pki.issue(named("")), null, "registered");
    isRefused(pki.issue(named("x".repeat(20_000))), "truck-1", "subject");
    TestPki.Shown several =
        pki.issue(named("truck-1"), now.minusSeconds(60), later, "a", "b", "truck-2");
    RawClient client = shows(several, "TLSv1.3");
    assertThat(TestPki.connect(client, "truck-1", "several").code()).isZero();
  }

  /** Bytes in the CN that are no UTF-8: refused, whoever it claims to be, and in few log lines. */
  @Test
  void family21_subjectThatIsNoText() throws Exception {
    TestPki.Shown broken =
        pki.issue(named(ASN1Primitive.fromByteArray(hex("0c 09 747275636b2d31 c328"))));
    for (int i = 0; i < 20; i++) {
      for (String user : new String[] {"truck-1", null}) {
        RawClient client = shows(broken, TLS.get(i % 2));
        assertThat(TestPki.connect(client, user, "broken").code()).isEqualTo(0x87);
        client.expectClose();
      }
    }
  }

  @Test
  void family21_thumbprintsThatRotate() throws Exception {
    for (TestPki.Shown shown : List.of(primary, secondary)) {
      RawClient client = shows(shown, "TLSv1.3");
      assertThat(TestPki.connect(client, "pinned", "pinned").code()).isZero();
    }
    isRefused(pki.issue(named("primary")), "pinned", "thumbprint");
    isRefused(primary, "truck-1", "subject");
  }

  @Test
  void family21_userNameThatIsNoText() throws Exception {
    for (String name : List.of("c328", "ff", "00", "747275636b2d3100", "eda080")) {
      refused(
          shows(pki.client("truck-1"), "TLSv1.3"),
          Raw.connect(0x82, "", text("a") + field(name)),
          ReasonCode.MALFORMED_PACKET);
    }
  }

  // --- 21: other protocols ---

  /** All that a port says, until it closes. */
  private static String says(int port, byte[] sent) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.setSoTimeout(10_000);
      try {
        socket.getOutputStream().write(sent);
        return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
      } catch (SocketException e) {
        return "reset";
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Protocol.class)
  void family21_proxyProtocolHeaders(Protocol protocol) throws Exception {
    byte[] connect =
        RawClient.bytes(
            out ->
                Encoder.connect(
                    out, MqttVersion.V5, "x", true, 0, "guard", null, new PropertyWriter()));
    for (byte[] header :
        List.of(
            ascii("PROXY TCP4 127.0.0.1 127.0.0.1 56324 1883\r\n"),
            ascii("PROXY UNKNOWN\r\n"),
            ascii("PROXY " + "x".repeat(5_000)),
            hex("0d0a0d0a000d0a515549540a 21 11 000c 7f000001 7f000001 dc04 075b"),
            hex("0d0a0d0a000d0a515549540a 20 00 0000"),
            hex("0d0a0d0a000d0a515549540a 2f ff ffff"))) {
      for (int i = 0; i < 20; i++) {
        String answer = says(NODE.port(protocol), Raw.concat(header, connect));
        // nothing that lets anybody in
        assertThat(answer).doesNotContain("101 Switching").doesNotStartWith(" ");
        if (protocol == Protocol.MQTT) {
          assertThat(answer).isIn("", "reset");
        }
      }
    }
  }

  @Test
  void family21_tlsToThePlainPorts() throws Exception {
    SSLContext context = pki.context(pki.client("guard"));
    for (Protocol protocol : List.of(Protocol.MQTT, Protocol.WS)) {
      for (int i = 0; i < 20; i++) {
        assertThatThrownBy(
                () -> TestPki.open(NODE.port(protocol), MqttVersion.V5, context, "TLSv1.3"))
            .isInstanceOf(IOException.class);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"MQTTS", "WSS"})
  void family21_plainToTheTlsPorts(Protocol protocol) throws Exception {
    for (byte[] sent :
        List.of(
            hex("10 0d 0004 4d515454 05 02 0000 00 0000"),
            ascii("GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n"),
            hex("1603010200 010001fc 0303" + "00".repeat(508)),
            hex("16030302"),
            hex("1603ffffff" + "41".repeat(5_000)),
            hex("80 2e 01 0002 0015 0000 0010"),
            new byte[] {0})) {
      for (int i = 0; i < 20 && (i == 0 || sent.length > 4); i++) {
        String answer = says(NODE.port(protocol), sent);
        assertThat(answer).doesNotContain("HTTP/1.1 1").doesNotStartWith(" ");
      }
    }
  }

  @Test
  void family21_otherProtocolsToTheMqttPort() throws Exception {
    for (String request :
        List.of(
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST /mqtt HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "SSH-2.0-OpenSSH_9.0\r\n",
            "EHLO x\r\n",
            "*1\r\n$4\r\nPING\r\n")) {
      assertThat(says(NODE.port(Protocol.MQTT), ascii(request))).as(request).isIn("", "reset");
    }
    // and MQTT to the WebSocket port
    assertThat(says(NODE.port(Protocol.WS), hex("10 0d 0004 4d515454 05 02 0000 00 0000")))
        .doesNotStartWith(" ");
  }

  // a tilde stands for the end of a line
  @ParameterizedTest
  @ValueSource(
      strings = {
        "POST /mqtt HTTP/1.1~Host: x~Content-Length: 4~Transfer-Encoding: chunked~~"
            + "0~~GET /mqtt HTTP/1.1~Host: x~~",
        "POST /mqtt HTTP/1.1~Host: x~Content-Length: 4~Content-Length: 40~~"
            + "xxxxGET /mqtt HTTP/1.1~Host: x~~",
        "GET /mqtt HTTP/1.1~Host: x~Transfer-Encoding: \u000bchunked~~"
            + "0~~GET /mqtt HTTP/1.1~Host: x~~",
        "GET /other HTTP/1.1~Host: x~~GET /mqtt HTTP/1.1~Host: x~~"
      })
  void family21_smuggledRequestsAtTheWebSocketPort(String requests) throws Exception {
    String answer = says(NODE.port(Protocol.WS), ascii(requests.replace("~", "\r\n")));
    // one answer, an error, and the end
    assertThat(answer.split("HTTP/1\\.1 ", -1)).hasSize(2);
    assertThat(answer).matches("(?s)HTTP/1\\.1 4\\d\\d .*");
  }

  /** What follows the request that opens a WebSocket is frames, whatever it looks like. */
  @Test
  void family21_requestsBehindAnUpgrade() throws Exception {
    for (String second :
        List.of("GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n", "GET /health/live HTTP/1.1\r\n\r\n")) {
      RawClient client = NODE.open(Transport.WS, MqttVersion.V5);
      client.frames().sendRaw(ascii(second));
      client.expectClose();
      assertThat(client.frames().closeStatus()).isEqualTo(1002);
    }
    RawClient client = NODE.bare(Transport.WS);
    assertThat(client.upgrade("/mqtt", "soap")).isEqualTo(400);
  }

  // --- 22 ---

  private static String http(String head) throws IOException {
    return says(NODE.httpPort(), ascii(head + "\r\nConnection: close\r\n\r\n"));
  }

  private static void isLive() throws IOException {
    assertThat(http("GET /health/live HTTP/1.1\r\nHost: x")).startsWith("HTTP/1.1 200 ");
  }

  @Test
  void family22_baggageAndOtherHeadersWithoutMeasure() throws Exception {
    String live = "GET /health/live HTTP/1.1\r\nHost: x\r\n";
    assertThat(http(live + "baggage: " + "k=v,".repeat(1_500))).startsWith("HTTP/1.1 200 ");
    for (int i = 0; i < 50; i++) {
      for (String headers :
          List.of(
              "baggage: " + "k=v,".repeat(2_100),
              "baggage: a=b\r\n".repeat(2_000) + "x: y",
              "traceparent: " + "0".repeat(100_000),
              "x".repeat(20_000) + ": y")) {
        assertThat(http(live + headers)).matches("(?s)(HTTP/1\\.1 4\\d\\d .*|reset)");
      }
    }
    isLive();
  }

  @Test
  void family22_pathsInDisguise() throws Exception {
    for (String path :
        List.of(
            "/health/%6cive",
            "/health/live%00",
            "/health/live%2f..%2fready",
            "/%2e%2e/metrics",
            "/../metrics",
            "//metrics",
            "/metrics/",
            "/METRICS",
            "/metrics;a=b",
            "/health/..;/metrics",
            "/%c0%af/metrics",
            "/%zz")) {
      assertThat(http("GET " + path + " HTTP/1.1\r\nHost: x"))
          .as(path)
          .matches("(?s)HTTP/1\\.1 4\\d\\d .*");
    }
    isLive();
  }

  @Test
  void family22_requestsThatAreNone() throws Exception {
    for (String request :
        List.of(
            "GET /metrics",
            "GET /metrics HTTP/9.9\r\nHost: x",
            "GET /metrics HTTP/1.1\r\nno colon",
            "GET /metrics HTTP/1.1\r\nHost: x\r\na\u0000b: c",
            "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x",
            "TRACE /metrics HTTP/1.1\r\nHost: x",
            "POST /metrics HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked",
            "POST /metrics HTTP/1.1\r\nContent-Length: -1",
            "PRI * HTTP/2.0",
            "\u0016\u0003\u0001\u0002")) {
      for (int i = 0; i < 20; i++) {
        assertThat(http(request)).as(request).matches("(?s)(HTTP/\\d\\.\\d [45]\\d\\d .*|reset|)");
      }
    }
    isLive();
  }
}
