package io.busbar.wire.hostile;

import static io.busbar.testing.RawClient.hex;
import static io.busbar.wire.hostile.Raw.ended;
import static io.busbar.wire.hostile.Raw.refused;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.RawClient.Will;
import io.busbar.testing.TestNode;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Families 13 to 15 of docs/hardening.md: times and names at their ends, handlers that throw. */
class BadSessionsIT {
  private static final PropertyWriter NONE = new PropertyWriter();
  private static final long FOR_EVER = 0xFFFFFFFFL;

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

  // --- 13 ---

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family13_sessionExpiryAtItsEnds(Transport transport) throws IOException {
    RawClient client = open(transport);
    client.resume("for-ever", FOR_EVER);
    client.close();
    RawClient back = open(transport);
    assertThat(back.resume("for-ever", FOR_EVER).sessionPresent()).isTrue();
    // ended by its DISCONNECT
    back.send("e0 07 00 05 11 00000000");
    back.expectClose();
    nothingIsStored();
    RawClient raising = open(transport);
    raising.connect("raising");
    ended(raising, hex("e0 07 00 05 11 00000001"), ReasonCode.PROTOCOL_ERROR);
    RawClient most = open(transport);
    most.connect("raising");
    ended(most, hex("e0 07 00 05 11 ffffffff"), ReasonCode.PROTOCOL_ERROR);
    nothingIsStored();
  }

  /** A will waits no longer than its session lives. */
  @Test
  void family13_willDelayBeyondTheSession() throws IOException {
    RawClient watcher = connected("watcher");
    watcher.subscribe("late", 0);
    PropertyWriter delay = new PropertyWriter().number(Property.WILL_DELAY_INTERVAL, FOR_EVER);
    RawClient brief = open(Transport.TCP);
    brief.resume("brief", 1, new Will("late", "brief", 0, false, delay));
    RawClient none = open(Transport.TCP);
    none.resume("none", 0, new Will("late", "none", 0, false, delay));
    none.close();
    watcher.expectMessage("none");
    brief.close();
    watcher.expectMessage("brief");
    nothingIsStored();
  }

  @Test
  void family13_messageExpiryOfZero() throws IOException {
    RawClient client = open(Transport.TCP);
    client.resume("offline", 60);
    client.subscribe("expiring", 1);
    client.close();
    RawClient publisher = connected("publisher");
    PropertyWriter now = new PropertyWriter().number(Property.MESSAGE_EXPIRY_INTERVAL, 0);
    PropertyWriter never = new PropertyWriter().number(Property.MESSAGE_EXPIRY_INTERVAL, FOR_EVER);
    publisher.publishAcked("expiring", "now", now);
    publisher.publishAcked("expiring", "never", never);
    publisher.retain("expiring", "retained", now);
    RawClient back = open(Transport.TCP);
    assertThat(back.resume("offline", 60).sessionPresent()).isTrue();
    back.puback(back.expectMessage("never"));
    back.expectNothing();
    assertThat(connected("late").subscribe("expiring", 0)).isZero();
    publisher.retain("expiring", "");
    back.puback(back.expectMessage(""));
    forget("offline");
    nothingIsStored();
  }

  // --- 14 ---

  /** Each of them is a session of its own, kept and found again. */
  @ParameterizedTest
  @EnumSource(Transport.class)
  void family14_clientIdsThatLookLikeKeys(Transport transport) throws IOException {
    List<String> ids =
        List.of(
            "retained",
            "sessions",
            "../x",
            "/etc/passwd",
            "a:b",
            "a",
            "b",
            "A",
            "__vertx",
            "__vertx.subs",
            "busbar.session",
            "$share/g/x",
            "$SYS",
            "#",
            "+",
            "null",
            "'; --",
            "${jndi:x}",
            "%s%n",
            "\n",
            " ",
            "\ufeff",
            "\ud83d\ude00",
            "x".repeat((int) NODE.limit(Limit.CLIENT_ID_BYTES)));
    for (String id : ids) {
      RawClient client = open(transport);
      assertThat(client.resume(id, 60).sessionPresent()).as(id).isFalse();
      assertThat(client.subscribe("of-all", 1)).isEqualTo(1);
      client.close();
    }
    RawClient publisher = connected("publisher");
    publisher.publishAcked("of-all", "x");
    Await.until(
        "all are stored",
        () -> NODE.gauge(Meter.SESSIONS_STORED) == ids.size(),
        () -> NODE.gauge(Meter.SESSIONS_STORED));
    for (String id : ids) {
      RawClient client = open(transport);
      assertThat(client.resume(id, 60).sessionPresent()).as(id).isTrue();
      client.puback(client.expectMessage("x"));
      client.expectNothing();
      forget(id);
    }
    nothingIsStored();
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family14_clientIdsWithoutMeasureOrEmpty(Transport transport) throws IOException {
    for (int length : new int[] {1_025, 60_000, 65_535}) {
      RawClient client = open(transport);
      refused(
          client,
          client.connectPacket("x".repeat(length), 0, NONE),
          ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
          ReasonCode.PACKET_TOO_LARGE);
    }
    RawClient older = NODE.open(transport, MqttVersion.V3_1_1);
    older.send(older.connectPacket("", false, NONE, null));
    assertThat(older.read(Packet.Connack.class).code()).isEqualTo(2);
    older.expectClose();
    RawClient first = open(transport);
    RawClient second = open(transport);
    String one = first.resume("", 0).properties().assignedClientId();
    String other = second.resume("", 0).properties().assignedClientId();
    assertThat(one).isNotEmpty().isNotEqualTo(other);
  }

  // --- 15 ---

  /**
   * A WebSocket request without a key makes its handler throw. The loop goes on, and so does all
   * that it does by the clock.
   */
  @Test
  void family15_requestsThatOnceThrewStopNoLoopAndNoExpiry() throws IOException {
    RawClient watcher = connected("watcher");
    watcher.subscribe("throwing", 0);
    RawClient silent = open(Transport.TCP);
    silent.send(silent.connectPacket("silent", 1, NONE));
    assertThat(silent.read(Packet.Connack.class).code()).isZero();
    PropertyWriter delay = new PropertyWriter().number(Property.WILL_DELAY_INTERVAL, 1);
    RawClient willing = open(Transport.TCP);
    willing.resume("willing", 2, new Will("throwing", "will", 0, false, delay));
    willing.close();
    RawClient unfinished = NODE.bare(Transport.TCP);
    String[] lines = {
      "GET /mqtt HTTP/1.1",
      "Host: x",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Protocol: mqtt",
      "",
      ""
    };
    for (int i = 0; i < 200; i++) {
      RawClient throwing = NODE.bare(Transport.WS);
      throwing.send(Raw.ascii(String.join("\r\n", lines)));
      assertThat(throwing.readHead()).startsWith("HTTP/1.1 400 ");
    }
    unfinished.expectClose();
    watcher.expectMessage("will");
    silent.expectEnd(ReasonCode.KEEP_ALIVE_TIMEOUT);
    nothingIsStored();
  }
}
