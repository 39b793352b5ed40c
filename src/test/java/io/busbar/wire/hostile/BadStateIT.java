package io.busbar.wire.hostile;

import static io.busbar.testing.RawClient.hex;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.RawClient.Will;
import io.busbar.testing.TestNode;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Families 11 and 12 of docs/hardening.md: packet identifiers and client ids fought over. */
class BadStateIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  @Order(1)
  @RegisterExtension
  static final TestNode NODE = TestNode.with(1, Profile.OPEN, Map.of(Limit.CONNECT_TIMEOUT, 1L));

  @Order(2)
  @RegisterExtension
  static final Bystander BYSTANDER = new Bystander(id -> NODE.connected(MqttVersion.V5, id));

  private static RawClient open(Transport transport) throws IOException {
    return NODE.open(transport, MqttVersion.V5);
  }

  private static RawClient connected(String clientId) throws IOException {
    return NODE.connected(MqttVersion.V5, clientId);
  }

  /** Ends a stored session. */
  private static void forget(String clientId) throws IOException {
    RawClient client = connected(clientId);
    client.send(hex("e000"));
    client.expectClose();
  }

  private static void nothingIsStored() {
    Await.until(
        "no session is stored",
        () -> NODE.gauge(Meter.SESSIONS_STORED) == 0,
        () -> NODE.gauge(Meter.SESSIONS_STORED));
  }

  // --- 11 ---

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family11_identifiersThatAreNeverReleased(Transport transport) throws IOException {
    int most = (int) NODE.limit(Limit.RECEIVE_MAXIMUM);
    for (int round = 0; round < 3; round++) {
      RawClient client = open(transport);
      client.connect("hoarder");
      for (int id = 1; id <= most; id++) {
        client.send(client.publishPacket("hoard", 2, id, "x", NONE));
        client.expectAck(Packet.PUBREC, id);
      }
      client.send(client.publishPacket("hoard", 2, most + 1, "x", NONE));
      client.expectEnd(ReasonCode.RECEIVE_MAXIMUM_EXCEEDED);
    }
  }

  /** Also where the session, and so its identifiers, outlive the connection. */
  @Test
  void family11_identifiersThatAreNeverReleasedOfAStoredSession() throws IOException {
    int most = (int) NODE.limit(Limit.RECEIVE_MAXIMUM);
    RawClient client = open(Transport.TCP);
    client.resume("stored-hoarder", 60);
    for (int id = 1; id <= most; id++) {
      client.send(client.publishPacket("hoard", 2, id, "x", NONE));
      client.expectAck(Packet.PUBREC, id);
    }
    client.close();
    RawClient back = open(Transport.TCP);
    assertThat(back.resume("stored-hoarder", 60).sessionPresent()).isTrue();
    back.send(back.publishPacket("hoard", 2, most + 1, "x", NONE));
    back.expectEnd(ReasonCode.RECEIVE_MAXIMUM_EXCEEDED);
    forget("stored-hoarder");
    nothingIsStored();
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family11_oneIdentifierAgainAndAgain(Transport transport) throws IOException {
    RawClient subscriber = connected("once");
    subscriber.subscribe("again", 0);
    RawClient client = open(transport);
    client.connect("repeater");
    byte[] packet = client.publishPacket("again", 2, 7, "x", NONE);
    for (int i = 0; i < 10_000; i++) {
      client.send(packet);
      packet[0] |= 0x08;
      client.expectAck(Packet.PUBREC, 7);
    }
    subscriber.expectMessage("x");
    subscriber.expectNothing();
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family11_acknowledgementsOfNothing(Transport transport) throws IOException {
    for (MqttVersion version : MqttVersion.values()) {
      RawClient client = NODE.open(transport, version);
      client.connect("acks");
      long before = NODE.total(Meter.PACKETS_REFUSED);
      byte[] storm = new byte[4 * 2_000];
      for (int type : new int[] {Packet.PUBACK, Packet.PUBCOMP}) {
        for (int i = 0; i < storm.length; i += 4) {
          byte[] one = {(byte) (type << 4), 2, (byte) (i >> 8), (byte) (i | 1)};
          System.arraycopy(one, 0, storm, i, 4);
        }
        for (int i = 0; i < 5; i++) {
          client.send(storm);
        }
        client.expectNothing();
      }
      assertThat(NODE.total(Meter.PACKETS_REFUSED) - before).isEqualTo(20_000);
      for (int id : new int[] {1, 77, 65_535}) {
        client.sendAck(Packet.PUBREL, id);
        Packet.Ack completed = client.expectAck(Packet.PUBCOMP, id);
        client.sendAck(Packet.PUBREC, id);
        Packet.Ack released = client.expectAck(Packet.PUBREL, id);
        if (version == MqttVersion.V5) {
          assertThat(completed.reason()).isEqualTo(ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);
          assertThat(released.reason()).isEqualTo(ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);
        }
        client.sendAck(Packet.PUBCOMP, id);
      }
      client.expectNothing();
    }
  }

  /** The acknowledgement of the other QoS, early, twice, and for a message to somebody else. */
  @Test
  void family11_acknowledgementsOfTheWrongKind() throws IOException {
    RawClient client = connected("wrong-kind");
    client.subscribe("wrong", 2);
    RawClient publisher = connected("publisher");
    publisher.publishAcked("wrong", "one");
    publisher.publishExactly("wrong", "two", 5);
    Publish one = client.expectMessage("one");
    final Publish two = client.expectMessage("two");
    // of QoS 1 by PUBREC and PUBCOMP, of QoS 2 by PUBACK and, too early, by PUBCOMP
    client.sendAck(Packet.PUBCOMP, one.packetId());
    client.sendAck(Packet.PUBACK, two.packetId());
    client.sendAck(Packet.PUBCOMP, two.packetId());
    client.expectNothing();
    client.puback(one);
    client.puback(one);
    client.complete(two);
    client.sendAck(Packet.PUBCOMP, two.packetId());
    client.expectNothing();
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family11_receiveMaximumOfOneWithQos2(Transport transport) throws IOException {
    RawClient client = open(transport);
    client.connect("one-at-a-time", new PropertyWriter().number(Property.RECEIVE_MAXIMUM, 1));
    client.subscribe("one", 2);
    RawClient publisher = connected("publisher");
    for (int i = 0; i < 20; i++) {
      publisher.publishExactly("one", "" + i, 1 + i);
    }
    for (int i = 0; i < 20; i++) {
      Publish message = client.expectMessage("" + i);
      client.expectNothing();
      client.complete(message);
    }
    client.expectNothing();
  }

  // --- 12 ---

  @Test
  void family12_oneClientIdFromManySides() throws Exception {
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      clients.add(open(i % 4 == 0 ? Transport.WS : Transport.TCP));
    }
    inParallel(
        clients.stream()
            .<Callable<?>>map(
                client ->
                    () -> {
                      client.send(client.connectPacket("contended", 0, NONE));
                      return client;
                    })
            .toList());
    Await.until(
        "one and the bystander are left",
        () -> NODE.gauge(Meter.CONNECTIONS) == 2,
        () -> NODE.gauge(Meter.CONNECTIONS));
    int alive = 0;
    for (RawClient client : clients) {
      client.sendUnlessClosed(hex("c000"));
      byte[] packet = client.readPacket();
      if (packet != null && packet[0] == 0x20 && packet[3] == 0) {
        byte[] next = client.readPacket();
        alive += next != null && next[0] == (byte) 0xd0 ? 1 : 0;
      }
    }
    assertThat(alive).isEqualTo(1);
  }

  /** Whoever has the name subscribes, publishes and unsubscribes while the next one takes it. */
  @ParameterizedTest
  @EnumSource(Transport.class)
  void family12_kickLoopWithSubscribeAndPublish(Transport transport) throws Exception {
    List<Callable<?>> sides = new ArrayList<>();
    for (int side = 0; side < 8; side++) {
      int number = side;
      sides.add(
          () -> {
            for (int i = 0; i < 40; i++) {
              RawClient client = open(transport);
              PropertyWriter properties =
                  new PropertyWriter().number(Property.SESSION_EXPIRY_INTERVAL, i % 3 * 60L);
              Will will = i % 2 == 0 ? Will.of("kick/will", "x") : null;
              client.sendUnlessClosed(
                  Raw.concat(
                      client.connectPacket("kicked", i % 4 == 0, properties, will),
                      hex("82 0c 0001 00 0006 6b69636b2f23 02"),
                      client.publishPacket("kick/" + number, i % 3, 5, "x", NONE),
                      hex("a2 0b 0002 00 0006 6b69636b2f23"),
                      hex(i % 5 == 0 ? "e000" : "c000")));
              if (i % 7 != 0) {
                client.setPatience(2_000);
                // CONNACK, if it came before the next one's
                client.readPacket();
              }
              client.close();
            }
            return null;
          });
    }
    inParallel(sides);
    forget("kicked");
    nothingIsStored();
    RawClient last = connected("kicked");
    assertThat(last.subscribe("kick/#", 1)).isEqualTo(1);
    last.publish("kick/last", "alive");
    last.expectMessage("alive");
  }

  /** Each connection takes some of what was kept for the session and is thrown out. */
  @Test
  void family12_takenOverWhileTheInboxIsReplayed() throws Exception {
    RawClient client = open(Transport.TCP);
    client.resume("replayed", 60);
    client.subscribe("kept", 1);
    client.close();
    RawClient publisher = connected("publisher");
    int kept = 500;
    for (int i = 0; i < kept; i++) {
      assertThat(publisher.publishAcked("kept", "" + i)).isEqualTo(ReasonCode.SUCCESS);
    }
    List<RawClient> before = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      RawClient next = open(i % 2 == 0 ? Transport.TCP : Transport.WS);
      assertThat(next.resume("replayed", 60).sessionPresent()).isTrue();
      for (int n = 0; n < i; n++) {
        next.expectMessage("" + n);
      }
      before.add(next);
    }
    RawClient last = before.get(before.size() - 1);
    for (int n = before.size() - 1; n < kept; n++) {
      last.expectMessage("" + n);
    }
    last.expectNothing();
    forget("replayed");
    nothingIsStored();
  }

  @Test
  void family12_takenOverDuringTheWillDelay() throws IOException {
    RawClient watcher = connected("watcher");
    watcher.subscribe("delayed", 0);
    for (int i = 0; i < 20; i++) {
      RawClient client = open(Transport.TCP);
      PropertyWriter delay = new PropertyWriter().number(Property.WILL_DELAY_INTERVAL, 1);
      client.resume("delaying", 60, new Will("delayed", "x", 0, false, delay));
      if (i % 2 == 0) {
        client.close();
      }
    }
    RawClient back = open(Transport.TCP);
    back.resume("delaying", 60);
    Await.elapsed(Duration.ofMillis(2_200));
    watcher.expectNothing();
    forget("delaying");
    nothingIsStored();
  }

  private static void inParallel(List<Callable<?>> tasks) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(16);
    try {
      List<Future<?>> all = new ArrayList<>();
      for (Callable<?> task : tasks) {
        all.add(threads.submit(task));
      }
      for (Future<?> one : all) {
        one.get(30, TimeUnit.SECONDS);
      }
    } finally {
      threads.shutdownNow();
    }
  }
}
