package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Loss;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import java.io.IOException;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each row of the limits table that a client can reach: what it sees at the bound, and beyond. */
class LimitsIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  /** Rows that this test cannot reach, and the test that does. */
  private static final Map<Limit, String> ELSEWHERE =
      Map.ofEntries(
          Map.entry(Limit.CONNECTS, "RatesIT"),
          Map.entry(Limit.PASSWORD_CHECKS, "PasswordIT"),
          Map.entry(Limit.PENDING_PASSWORDS, "PasswordIT"),
          Map.entry(Limit.PASSWORD_ATTEMPTS, "PasswordIT"),
          Map.entry(Limit.ISSUER_KEYS, "TokenKeysIT"),
          Map.entry(Limit.SESSION_CONNECTS, "RatesIT"),
          Map.entry(Limit.PUBLISH_MESSAGES, "RatesIT"),
          Map.entry(Limit.PUBLISH_BYTES, "RatesIT"),
          Map.entry(Limit.NODE_PUBLISH_MESSAGES, "RatesIT"),
          Map.entry(Limit.NODE_PUBLISH_BYTES, "RatesIT"),
          Map.entry(Limit.DELIVER_MESSAGES, "RatesIT"),
          Map.entry(Limit.DELIVER_BYTES, "RatesIT"),
          Map.entry(Limit.SUBSCRIBES, "RatesIT"),
          Map.entry(Limit.NODE_SUBSCRIBES, "RatesIT"),
          Map.entry(Limit.FORWARD_BYTES, "bounds streams between nodes: the cluster's test"),
          Map.entry(Limit.RECEIVE_MAXIMUM, "ConformanceIT: QoS 2 that is not released"),
          Map.entry(Limit.PENDING_CONNECTS, "OverloadIT"),
          Map.entry(Limit.MEMORY_WATERMARK, "OverloadIT"),
          Map.entry(Limit.LAG_WATERMARK, "PressureTest"),
          Map.entry(Limit.OUTBOUND_TOTAL_BYTES, "DeafReceiversIT"),
          Map.entry(Limit.MAXIMUM_QOS, "AzureIT"),
          Map.entry(Limit.RETAINED_BYTES, "AzureIT"),
          Map.entry(Limit.RETAINED_MESSAGES, "AzureIT"),
          Map.entry(Limit.RETAINED_TOTAL_BYTES, "AzureIT"),
          Map.entry(Limit.WILL_DELAY, "AzureIT"),
          Map.entry(Limit.SESSION_EXPIRY, "AzureIT"),
          Map.entry(Limit.STORED_SESSIONS, "AzureIT"),
          Map.entry(Limit.CLIENT_SESSIONS, "ClusterAccessIT"),
          Map.entry(Limit.EVENT_QUEUE_EVENTS, "EventsIT"),
          Map.entry(Limit.EVENT_QUEUE_BYTES, "EventsIT"),
          Map.entry(Limit.SHARED_SUBSCRIPTIONS, "AzureIT"),
          Map.entry(Limit.SUBSCRIPTION_IDENTIFIERS, "AzureIT"),
          Map.entry(Limit.ASSIGNED_ALIASES, "AzureIT"),
          Map.entry(Limit.NEGATIVE_ACKS, "AzureIT"),
          Map.entry(Limit.USER_PROPERTIES, "AzureIT"),
          Map.entry(Limit.API_REQUESTS, "ApiIT"),
          Map.entry(Limit.PUSH_TIMEOUT, "DeliveryIT"));

  @RegisterExtension
  static final TestNode NODE =
      TestNode.with(
          1,
          Profile.OPEN,
          Map.ofEntries(
              Map.entry(Limit.MAX_CONNECTIONS, 4L),
              Map.entry(Limit.CONNECT_TIMEOUT, 1L),
              Map.entry(Limit.CONNECT_BYTES, 1_024L),
              Map.entry(Limit.CLIENT_ID_BYTES, 23L),
              Map.entry(Limit.KEEP_ALIVE, 60L),
              Map.entry(Limit.RETAIN_AVAILABLE, 0L),
              Map.entry(Limit.PACKET_BYTES, 4_096L),
              Map.entry(Limit.TOPIC_BYTES, 32L),
              Map.entry(Limit.TOPIC_LEVELS, 4L),
              Map.entry(Limit.TOPIC_ALIASES, 2L),
              Map.entry(Limit.USER_PROPERTIES_BYTES, 10L),
              Map.entry(Limit.INFLIGHT, 2L),
              Map.entry(Limit.QUEUE_MESSAGES, 3L),
              Map.entry(Limit.QUEUE_BYTES, 4_096L),
              Map.entry(Limit.OUTBOUND_BYTES, 65_536L),
              Map.entry(Limit.FILTERS_PER_SUBSCRIBE, 3L),
              Map.entry(Limit.SUBSCRIPTIONS, 4L),
              Map.entry(Limit.WEBSOCKET_FRAME_BYTES, 1_024L)));

  /** What reaches a limit. */
  private interface Body {
    void run(long limit) throws Exception;
  }

  private static final Map<Limit, Body> CASES = new EnumMap<>(Limit.class);

  static {
    CASES.put(Limit.MAX_CONNECTIONS, LimitsIT::maxConnections);
    CASES.put(Limit.CONNECT_TIMEOUT, LimitsIT::connectTimeout);
    CASES.put(Limit.CONNECT_BYTES, LimitsIT::connectBytes);
    CASES.put(Limit.CLIENT_ID_BYTES, LimitsIT::clientIdBytes);
    CASES.put(Limit.RETAIN_AVAILABLE, LimitsIT::retainAvailable);
    CASES.put(Limit.KEEP_ALIVE, LimitsIT::keepAlive);
    CASES.put(Limit.PACKET_BYTES, LimitsIT::packetBytes);
    CASES.put(Limit.TOPIC_BYTES, LimitsIT::topicBytes);
    CASES.put(Limit.TOPIC_LEVELS, LimitsIT::topicLevels);
    CASES.put(Limit.TOPIC_ALIASES, LimitsIT::topicAliases);
    CASES.put(Limit.USER_PROPERTIES_BYTES, LimitsIT::userPropertiesBytes);
    CASES.put(Limit.INFLIGHT, LimitsIT::inflight);
    CASES.put(Limit.QUEUE_MESSAGES, LimitsIT::queueMessages);
    CASES.put(Limit.QUEUE_BYTES, LimitsIT::queueBytes);
    CASES.put(Limit.OUTBOUND_BYTES, LimitsIT::outboundBytes);
    CASES.put(Limit.FILTERS_PER_SUBSCRIBE, LimitsIT::filtersPerSubscribe);
    CASES.put(Limit.SUBSCRIPTIONS, LimitsIT::subscriptions);
    CASES.put(Limit.WEBSOCKET_FRAME_BYTES, LimitsIT::webSocketFrameBytes);
  }

  static Stream<Limit> limits() {
    return CASES.keySet().stream();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("limits")
  void isSeenByTheClient(Limit limit) throws Exception {
    CASES.get(limit).run(NODE.limit(limit));
  }

  @Test
  void everyLimitHasACase() {
    Set<Limit> covered = EnumSet.copyOf(CASES.keySet());
    assertThat(covered).doesNotContainAnyElementsOf(ELSEWHERE.keySet());
    covered.addAll(ELSEWHERE.keySet());
    assertThat(covered).containsExactlyInAnyOrder(Limit.values());
  }

  private static RawClient connected(String clientId) throws IOException {
    return NODE.connected(MqttVersion.V5, clientId);
  }

  private static RawClient open() throws IOException {
    return NODE.open(Transport.TCP, MqttVersion.V5);
  }

  private static void lost(Loss loss, long count) {
    Await.until(loss + " is " + count, () -> NODE.lost(loss) == count, () -> NODE.lost(loss));
  }

  private static ReasonCode reason(Limit limit) {
    return limit.reason().orElseThrow();
  }

  private static void maxConnections(long most) throws IOException {
    for (int i = 0; i < most; i++) {
      connected("connection-" + i);
    }
    RawClient another = open();
    another.send(another.connectPacket("another", 0, NONE));
    assertThat(another.read(Packet.Connack.class).code())
        .isEqualTo(reason(Limit.MAX_CONNECTIONS).code());
    another.expectClose();
    RawClient older = NODE.open(Transport.TCP, MqttVersion.V3_1_1);
    older.send(older.connectPacket("older", 0, NONE));
    assertThat(older.read(Packet.Connack.class).code()).isEqualTo(3);
    older.expectClose();
  }

  private static void connectTimeout(long seconds) throws IOException {
    for (Transport transport : Transport.values()) {
      long start = System.nanoTime();
      NODE.open(transport, MqttVersion.V5).expectClose();
      assertThat((System.nanoTime() - start) / 1_000_000)
          .isBetween(seconds * 900, seconds * 1_000 + 5_000);
    }
  }

  private static void connectBytes(long most) throws IOException {
    RawClient fits = open();
    fits.connect("fits", new PropertyWriter().user("x", "y".repeat((int) most - 40)));
    RawClient beyond = open();
    byte[] packet =
        beyond.connectPacket("beyond", 0, new PropertyWriter().user("x", "y".repeat((int) most)));
    beyond.send(packet);
    assertThat(beyond.read(Packet.Connack.class).code())
        .isEqualTo(reason(Limit.CONNECT_BYTES).code());
    beyond.expectClose();
  }

  private static void clientIdBytes(long most) throws IOException {
    // counted in bytes, not in characters
    connected("ü".repeat((int) most / 2)).expectNothing();
    RawClient beyond = open();
    beyond.send(beyond.connectPacket("ü".repeat((int) most / 2 + 1), 0, NONE));
    assertThat(beyond.read(Packet.Connack.class).code())
        .isEqualTo(reason(Limit.CLIENT_ID_BYTES).code());
    beyond.expectClose();
  }

  private static void keepAlive(long most) throws IOException {
    for (int asked : new int[] {0, (int) most + 1, 65_535}) {
      RawClient client = open();
      client.send(client.connectPacket("keep-alive", asked, NONE));
      assertThat(client.read(Packet.Connack.class).properties())
          .satisfies(p -> assertThat(p.number(Property.SERVER_KEEP_ALIVE, -1)).isEqualTo(most));
    }
    RawClient client = open();
    client.send(client.connectPacket("keep-alive", (int) most, NONE));
    assertThat(client.read(Packet.Connack.class).properties().has(Property.SERVER_KEEP_ALIVE))
        .isFalse();
  }

  private static void packetBytes(long most) throws IOException {
    RawClient client = connected("packet");
    int overhead = 1 + 2 + 2 + 1 + 2 + 1;
    String fits = "x".repeat((int) most - overhead);
    assertThat(client.publishPacket("t", 1, 9, fits, NONE)).hasSize((int) most);
    client.publishAcked("t", fits);
    client.send(client.publishPacket("t", 1, 9, fits + "x", NONE));
    client.expectEnd(reason(Limit.PACKET_BYTES));
  }

  private static void topicBytes(long most) throws IOException {
    RawClient client = connected("topic");
    String fits = "t".repeat((int) most);
    assertThat(client.subscribe(fits, 0)).isZero();
    assertThat(client.subscribe(fits + "t", 0)).isEqualTo(ReasonCode.TOPIC_FILTER_INVALID.code());
    client.publish(fits, "x");
    client.expectMessage("x");
    client.publish(fits + "t", "x");
    client.expectEnd(reason(Limit.TOPIC_BYTES));
  }

  private static void topicLevels(long most) throws IOException {
    RawClient client = connected("levels");
    String fits = "/".repeat((int) most - 1);
    assertThat(client.subscribe(fits, 0)).isZero();
    assertThat(client.subscribe(fits + "/", 0)).isEqualTo(ReasonCode.TOPIC_FILTER_INVALID.code());
    client.publish(fits, "x");
    client.expectMessage("x");
    client.publish(fits + "/", "x");
    client.expectEnd(reason(Limit.TOPIC_LEVELS));
  }

  private static void topicAliases(long most) throws IOException {
    RawClient client = connected("aliases");
    PropertyWriter fits = new PropertyWriter().number(Property.TOPIC_ALIAS, most);
    client.publishAcked("t", "x", fits);
    PropertyWriter beyond = new PropertyWriter().number(Property.TOPIC_ALIAS, most + 1);
    client.send(client.publishPacket("t", 0, 0, "x", beyond));
    client.expectEnd(reason(Limit.TOPIC_ALIASES));
  }

  private static void userPropertiesBytes(long most) throws IOException {
    RawClient client = connected("user-properties");
    PropertyWriter properties = new PropertyWriter().user("12345", "1234").user("1", "");
    client.publishAcked("t", "x", properties);
    client.send(client.publishPacket("t", 1, 9, "x", properties.user("", "1")));
    assertThat(most).isEqualTo(10);
    client.expectEnd(reason(Limit.USER_PROPERTIES_BYTES));
  }

  private static void inflight(long most) throws IOException {
    RawClient receiver = connected("receiver");
    receiver.subscribe("t", 1);
    RawClient publisher = connected("publisher");
    for (int i = 0; i <= most; i++) {
      publisher.publishAcked("t", "" + i);
    }
    Publish first = receiver.expectMessage("0");
    receiver.expectMessage("1");
    receiver.expectNothing();
    receiver.puback(first);
    receiver.expectMessage("2");
  }

  private static void retainAvailable(long available) throws IOException {
    RawClient client = open();
    assertThat(client.connect("retain").properties().number(Property.RETAIN_AVAILABLE, 1))
        .isEqualTo(available);
    byte[] packet = client.publishPacket("t", 0, 0, "x", NONE);
    packet[0] |= 0x01;
    client.send(packet);
    client.expectEnd(ReasonCode.RETAIN_NOT_SUPPORTED);
    RawClient dying = open();
    RawClient.Will will = new RawClient.Will("t", "x", 0, true, NONE);
    dying.send(dying.connectPacket("will", true, NONE, will));
    assertThat(dying.read(Packet.Connack.class).code()).isEqualTo(0x9A);
    dying.expectClose();
  }

  private static void queueMessages(long most) throws IOException {
    final long before = NODE.lost(Loss.QUEUE_FULL);
    RawClient receiver = connected("receiver");
    receiver.subscribe("t", 1);
    RawClient publisher = connected("publisher");
    long window = NODE.limit(Limit.INFLIGHT);
    for (int i = 0; i < window + most + 2; i++) {
      publisher.publishAcked("t", "" + i);
    }
    lost(Loss.QUEUE_FULL, before + 2);
    // the oldest that waited are gone
    for (int i : new int[] {0, 1, 4, 5, 6}) {
      receiver.puback(receiver.expectMessage("" + i));
    }
    receiver.expectNothing();
  }

  private static void queueBytes(long most) throws IOException {
    final long before = NODE.lost(Loss.QUEUE_FULL);
    RawClient receiver = connected("receiver");
    receiver.subscribe("t", 1);
    RawClient publisher = connected("publisher");
    publisher.publishAcked("t", "0");
    publisher.publishAcked("t", "1");
    String half = "x".repeat((int) most / 2);
    publisher.publishAcked("t", "2" + half);
    publisher.publishAcked("t", "3" + half);
    lost(Loss.QUEUE_FULL, before + 1);
    receiver.puback(receiver.expectMessage("0"));
    receiver.puback(receiver.expectMessage("1"));
    receiver.puback(receiver.expectMessage("3" + half));
    receiver.expectNothing();
  }

  /** QoS 0 to one who does not read is dropped once the socket and the bound are full. */
  private static void outboundBytes(long most) throws IOException {
    final long before = NODE.lost(Loss.SLOW_RECEIVER);
    RawClient receiver = NODE.bare(Transport.TCP);
    receiver.connect("receiver");
    receiver.subscribe("t", 0);
    RawClient publisher = connected("publisher");
    String payload = "x".repeat(4_000);
    int sent = 0;
    while (NODE.lost(Loss.SLOW_RECEIVER) == before) {
      publisher.publish("t", payload);
      sent++;
      // what the kernel holds for a socket has a bound too
      assertThat(sent * 4_000L).isLessThan(most + 64_000_000);
    }
    publisher.expectNothing();
    for (int i = 0; i < 10; i++) {
      receiver.expectMessage(payload);
    }
  }

  private static void filtersPerSubscribe(long most) throws IOException {
    RawClient client = connected("filters");
    Packet.Filter[] fits = filters(most);
    assertThat(client.subscribe(fits).codes()).containsOnly(0);
    assertThat(client.subscribe(filters(most + 1)).codes())
        .hasSize((int) most + 1)
        .containsOnly(reason(Limit.FILTERS_PER_SUBSCRIBE).code());
    List<String> names = IntStream.range(0, fits.length + 1).mapToObj(i -> "t/" + i).toList();
    assertThat(client.unsubscribe(names).codes())
        .hasSize((int) most + 1)
        .containsOnly(ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR.code());
    client.publish("t/0", "still subscribed");
    client.expectMessage("still subscribed");
  }

  private static void subscriptions(long most) throws IOException {
    RawClient client = connected("subscriptions");
    for (int i = 0; i < most; i++) {
      assertThat(client.subscribe("t/" + i, 0)).isZero();
    }
    assertThat(client.subscribe("t/more", 0)).isEqualTo(reason(Limit.SUBSCRIPTIONS).code());
    assertThat(client.subscribe("t/0", 1)).as("one that is there").isEqualTo(1);
    client.unsubscribe(List.of("t/1"));
    assertThat(client.subscribe("t/more", 0)).isZero();
    RawClient older = NODE.connected(MqttVersion.V3_1_1, "older");
    for (int i = 0; i < most; i++) {
      older.subscribe("t/" + i, 0);
    }
    assertThat(older.subscribe("t/more", 0)).isEqualTo(0x80);
  }

  private static void webSocketFrameBytes(long most) throws IOException {
    RawClient client = NODE.open(Transport.WS, MqttVersion.V5);
    client.connect("frames");
    byte[] fits = client.publishPacket("t", 1, 9, "x".repeat((int) most - 9), NONE);
    assertThat(fits).hasSize((int) most);
    client.send(fits);
    assertThat(client.read(Packet.Ack.class).packetId()).isEqualTo(9);
    client.sendUnlessClosed(new byte[(int) most + 1]);
    client.expectClose();
    assertThat(client.frames().closeStatus()).isEqualTo(1009);
  }

  private static Packet.Filter[] filters(long count) {
    return IntStream.range(0, (int) count)
        .mapToObj(i -> SubscribeCases.filter("t/" + i, 0))
        .toArray(Packet.Filter[]::new);
  }
}
