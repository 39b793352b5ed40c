package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** More comes than a node can take: what is there is served, and who comes is told. */
@Timeout(120)
class OverloadIT {
  private static final int HANDSHAKES = 8;
  private static final long WATERMARK = 60;

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

  @RegisterExtension
  static final TestNode SECURED =
      TestNode.of(
          () -> {
            pki = TestPki.in(home);
            return TestNode.secured(
                pki.server(),
                home,
                NAMESPACE,
                Map.of(Limit.PENDING_CONNECTS, (long) HANDSHAKES, Limit.CONNECT_TIMEOUT, 60L));
          });

  @RegisterExtension
  static final TestNode OPEN =
      TestNode.with(1, Profile.OPEN, Map.of(Limit.MEMORY_WATERMARK, WATERMARK));

  private static RawClient truck(String session) throws Exception {
    RawClient client =
        SECURED.adopt(
            TestPki.open(
                SECURED.port(Settings.Protocol.MQTTS),
                MqttVersion.V5,
                pki.context(pki.client("truck")),
                "TLSv1.3"));
    assertThat(TestPki.connect(client, "truck", session).code()).isZero();
    return client;
  }

  private static long shed(TestNode node) {
    return node.total(Meter.SHED);
  }

  private static void underWay(int handshakes) {
    Await.until(
        handshakes + " handshakes are under way",
        () -> (int) SECURED.gauge(Meter.HANDSHAKES) == handshakes,
        () -> SECURED.gauge(Meter.HANDSHAKES));
  }

  // --- handshakes ---

  @Test
  void handshakesThatComeTogetherAllEnd_andNobodyWaitsForThem() throws Exception {
    RawClient there = truck("there");
    ExecutorService many = Executors.newFixedThreadPool(HANDSHAKES);
    try {
      List<Future<Integer>> coming = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        String session = "comes-" + i;
        Callable<Integer> comes =
            () -> {
              try (RawClient client = truck(session)) {
                return client.publishAcked("t/x", "x").code();
              }
            };
        coming.add(many.submit(comes));
      }
      for (Future<Integer> one : coming) {
        assertThat(there.publishAcked("t/x", "x").isError()).isFalse();
        assertThat(one.get()).isLessThan(0x80);
      }
    } finally {
      many.shutdownNow();
    }
    underWay(0);
  }

  @Test
  void beyondTheBoundConnectionsAreClosedBeforeAnythingIsSpentOnThem() throws Exception {
    RawClient there = truck("before");
    long before = shed(SECURED);
    int port = SECURED.port(Settings.Protocol.MQTTS);
    List<Socket> silent = new ArrayList<>();
    try {
      for (int i = 0; i < HANDSHAKES; i++) {
        silent.add(new Socket(InetAddress.getLoopbackAddress(), port));
      }
      underWay(HANDSHAKES);
      assertThat(shed(SECURED)).isEqualTo(before);
      try (Socket beyond = new Socket(InetAddress.getLoopbackAddress(), port)) {
        beyond.setSoTimeout(30_000);
        assertThat(beyond.getInputStream().read()).isNegative();
      }
      assertThat(shed(SECURED)).isEqualTo(before + 1);
      assertThat(there.publishAcked("t/x", "x").isError()).isFalse();
    } finally {
      for (Socket one : silent) {
        one.close();
      }
    }
    underWay(0);
    truck("after");
  }

  // --- memory ---

  private static int readiness() {
    try {
      HttpRequest request =
          HttpRequest.newBuilder(
                  URI.create("http://127.0.0.1:%d/health/ready".formatted(OPEN.httpPort())))
              .build();
      return HttpClient.newHttpClient()
          .send(request, HttpResponse.BodyHandlers.discarding())
          .statusCode();
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void ready(int status) {
    Await.until(
        "readiness answers " + status,
        () -> {
          System.gc();
          return readiness() == status;
        },
        OverloadIT::readiness);
  }

  /** So much of the heap that what is left is less than the watermark asks for. */
  private static List<byte[]> ballast() {
    List<byte[]> ballast = new ArrayList<>();
    Runtime runtime = Runtime.getRuntime();
    long most = runtime.maxMemory() * (WATERMARK + 5) / 100;
    System.gc();
    while (runtime.totalMemory() - runtime.freeMemory() < most) {
      ballast.add(new byte[4 << 20]);
    }
    return ballast;
  }

  @Test
  void shortOfMemoryItTakesNobodyNewAndServesWhoIsThere() throws IOException {
    ready(200);
    RawClient there = OPEN.connected(MqttVersion.V5, "there");
    there.subscribe("t", 1);
    RawClient publisher = OPEN.connected(MqttVersion.V5, "publisher");
    List<byte[]> ballast = ballast();
    ready(503);
    assertThat(OPEN.gauge(Meter.OVERLOADED)).isEqualTo(1);
    long before = shed(OPEN);

    RawClient comes = OPEN.open(Transport.TCP, MqttVersion.V5);
    comes.send(comes.connectPacket("comes", 0, new PropertyWriter()));
    Packet.Connack refused = comes.read(Packet.Connack.class);
    assertThat(refused.code()).isEqualTo(ReasonCode.SERVER_BUSY.code());
    assertThat(refused.properties().reasonString())
        .startsWith("the node is short of memory: heap ")
        .endsWith("(memory-watermark = 60 %)");
    RawClient older = OPEN.open(Transport.TCP, MqttVersion.V3_1_1);
    older.send(older.connectPacket("older", 0, new PropertyWriter()));
    assertThat(older.read(Packet.Connack.class).code()).isEqualTo(3);
    assertThat(shed(OPEN)).isEqualTo(before + 2);

    assertThat(publisher.publishAcked("t", "served").isError()).isFalse();
    there.puback(there.expectMessage("served"));

    assertThat(ballast).isNotEmpty();
    ballast.clear();
    ready(200);
    OPEN.connected(MqttVersion.V5, "comes-again");
  }
}
