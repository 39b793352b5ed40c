package io.busbar.wire.hostile;

import static io.busbar.testing.RawClient.hex;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.Leaks;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.RawClient.Will;
import io.busbar.testing.TestNode;
import io.netty.buffer.ByteBuf;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Family 23 of docs/hardening.md: much of what is allowed one by one. See also DeafReceiversIT. */
class BadResourcesIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  @Order(1)
  @RegisterExtension
  static final TestNode NODE = TestNode.with(1, Profile.OPEN, Map.of(Limit.CONNECT_TIMEOUT, 1L));

  @Order(2)
  @RegisterExtension
  static final Bystander BYSTANDER = new Bystander(id -> NODE.connected(MqttVersion.V5, id));

  private static RawClient connected(String clientId) throws IOException {
    return NODE.connected(MqttVersion.V5, clientId);
  }

  /** Retained on very many topics, then asked for by one filter, then taken away. */
  @Test
  void family23_retainedFloodThenEverything() throws IOException {
    int topics = 100_000;
    retainAll(topics, "x");
    retained(topics);
    RawClient client = connected("everything");
    assertThat(client.subscribe("#", 0)).isZero();
    for (int i = 0; i < topics; i++) {
      byte[] packet = client.readPacket();
      assertThat(packet[0]).as("a retained PUBLISH").isEqualTo((byte) 0x31);
    }
    client.expectNothing();
    // one who asks and never reads
    RawClient deaf = NODE.bare(Transport.TCP);
    deaf.connect("deaf");
    assertThat(deaf.subscribe("#", 0)).isZero();
    client.close();
    deaf.close();
    retainAll(topics, "");
    retained(0);
  }

  private static void retained(int count) {
    Await.until(
        count + " are retained",
        () -> NODE.gauge(Meter.RETAINED) == count,
        () -> NODE.gauge(Meter.RETAINED));
  }

  private static void retainAll(int topics, String payload) throws IOException {
    RawClient publisher = connected("retainer");
    int window = 500;
    for (int from = 0; from < topics; from += window) {
      ByteArrayOutputStream batch = new ByteArrayOutputStream();
      for (int i = from; i < from + window; i++) {
        int id = 1 + i - from;
        byte[] packet = publisher.publishPacket("r/" + i % 97 + "/" + i, 1, id, payload, NONE);
        packet[0] |= 0x01;
        batch.writeBytes(packet);
      }
      publisher.send(batch.toByteArray());
      for (int id = 1; id <= window; id++) {
        assertThat(publisher.expectAck(Packet.PUBACK, id).reason().isError()).isFalse();
      }
    }
  }

  @Test
  void family23_thousandsOfWillsAtOnce() throws IOException {
    RawClient watcher = connected("watcher");
    watcher.subscribe("wills/#", 0);
    int wills = 4_000;
    List<RawClient> dying = new ArrayList<>();
    for (int i = 0; i < wills; i++) {
      RawClient client = NODE.open(Transport.TCP, MqttVersion.V5);
      Will will = new Will("wills/" + i, "x", 1, false, NONE);
      client.send(client.connectPacket("dying-" + i, true, NONE, will));
      assertThat(client.read(Packet.Connack.class).code()).isZero();
      dying.add(client);
    }
    for (RawClient client : dying) {
      client.close();
    }
    for (int i = 0; i < wills; i++) {
      assertThat(RawClient.payload(watcher.readPublish())).isEqualTo("x");
    }
    watcher.expectNothing();
  }

  @Test
  void family23_keepAliveAtItsEnds() throws IOException {
    List<RawClient> clients = new ArrayList<>();
    for (int seconds : new int[] {0, 65_535}) {
      for (MqttVersion version : MqttVersion.values()) {
        RawClient client = NODE.open(Transport.TCP, version);
        client.send(client.connectPacket("keep-alive-" + version + seconds, seconds, NONE));
        assertThat(client.read(Packet.Connack.class).code()).isZero();
        clients.add(client);
      }
    }
    // past the time of one who has a keep alive of a second
    RawClient brief = NODE.open(Transport.TCP, MqttVersion.V5);
    brief.send(brief.connectPacket("brief", 1, NONE));
    assertThat(brief.read(Packet.Connack.class).code()).isZero();
    brief.expectEnd(ReasonCode.KEEP_ALIVE_TIMEOUT);
    for (RawClient client : clients) {
      client.expectNothing();
    }
  }

  /** The other side is gone without a word, in one direction or in both. */
  @Test
  void family23_halfOpenConnections() throws IOException {
    RawClient watcher = connected("watcher");
    watcher.subscribe("gone", 0);
    List<RawClient> vanished = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      Socket socket = new Socket(InetAddress.getLoopbackAddress(), NODE.port(Transport.TCP));
      RawClient client = NODE.adopt(RawClient.over(socket, MqttVersion.V5));
      client.send(
          RawClient.bytes(
              out -> Encoder.connect(out, MqttVersion.V5, "", true, 1, null, null, NONE)));
      assertThat(client.read(Packet.Connack.class).code()).isZero();
      client.subscribe("gone", 1);
      if (i % 2 == 0) {
        socket.shutdownOutput();
      } else {
        vanished.add(client);
      }
    }
    Await.until(
        "what has said its end is closed, the silent are by their keep alive",
        () -> NODE.gauge(Meter.CONNECTIONS) == 2,
        () -> NODE.gauge(Meter.CONNECTIONS));
    for (RawClient client : vanished) {
      client.expectEnd(ReasonCode.KEEP_ALIVE_TIMEOUT);
    }
    assertThat(NODE.gauge(Meter.SUBSCRIPTIONS)).isEqualTo(2);
  }

  @Test
  void family23_connectionsThatComeAndGo() throws IOException {
    for (int i = 0; i < 3_000; i++) {
      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port(i))) {
        // reset, not closed
        socket.setSoLinger(true, 0);
        if (i % 3 == 0) {
          socket.getOutputStream().write(hex("10 10 0004 4d51"));
        }
      }
    }
    Await.until(
        "the bystander is alone",
        () -> NODE.gauge(Meter.CONNECTIONS) == 1,
        () -> NODE.gauge(Meter.CONNECTIONS));
  }

  private static int port(int i) {
    return NODE.port(i % 2 == 0 ? Transport.TCP : Transport.WS);
  }

  /** One line each would be ten thousand. */
  @Test
  void family23_badPacketsLeaveFewLogLines() throws IOException {
    final long linesBefore = Leaks.lines();
    final long refusedBefore = NODE.total(Meter.PACKETS_REFUSED);
    final long start = System.nanoTime();
    byte[] connect = RawClient.bytes(BadResourcesIT::logged);
    byte[] malformed = Raw.concat(connect, hex("36 00"));
    byte[] denied = Raw.concat(connect, Raw.packet(0x30, Raw.text("$SYS/x") + "00"));
    byte[] first = hex("c000");
    byte[] refused = Raw.connect(0x02, "15 0001 61", Raw.text("auth"));
    List<byte[]> kinds = List.of(malformed, denied, first, refused);
    int packets = 10_000;
    for (int i = 0; i < packets; i++) {
      try (RawClient client =
          RawClient.over(
              new Socket(InetAddress.getLoopbackAddress(), NODE.port(Transport.TCP)),
              MqttVersion.V5)) {
        client.send(kinds.get(i % kinds.size()));
        Raw.drained(client);
      }
    }
    // and many on one connection that is not ended for them
    RawClient client = connected("denied");
    for (int i = 0; i < packets / 4; i++) {
      client.send(client.publishPacket("$SYS/" + i, 1, 1, "x", NONE));
      assertThat(client.expectAck(Packet.PUBACK, 1).reason()).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    }
    long seconds = 1 + (System.nanoTime() - start) / 1_000_000_000;
    // twenty lines and a count of a loop; of the audit, for the two who are denied something, five
    // at once and one a second, and a count
    assertThat(Leaks.lines() - linesBefore)
        .as("log lines in %d s", seconds)
        .isPositive()
        .isLessThanOrEqualTo((21 + 3) * (seconds + 2) + 2 * 5);
    assertThat(NODE.total(Meter.PACKETS_REFUSED) - refusedBefore)
        .isGreaterThanOrEqualTo(packets * 3L / 4);
  }

  private static void logged(ByteBuf out) {
    Encoder.connect(out, MqttVersion.V5, "logged", true, 0, null, null, NONE);
  }
}
