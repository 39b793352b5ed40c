package io.busbar.wire.hostile;

import static io.busbar.wire.hostile.Raw.connectWithWill;
import static io.busbar.wire.hostile.Raw.ended;
import static io.busbar.wire.hostile.Raw.field;
import static io.busbar.wire.hostile.Raw.packet;
import static io.busbar.wire.hostile.Raw.refused;
import static io.busbar.wire.hostile.Raw.sized;
import static io.busbar.wire.hostile.Raw.text;
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
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Families 9 and 10 of docs/hardening.md: topic names, filters, and how many there are of them. */
class BadTopicsIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  @Order(1)
  @RegisterExtension
  static final TestNode NODE = TestNode.with(1, Profile.OPEN, Map.of(Limit.CONNECT_TIMEOUT, 1L));

  @Order(2)
  @RegisterExtension
  static final Bystander BYSTANDER = new Bystander(id -> NODE.connected(MqttVersion.V5, id));

  private static RawClient connected(Transport transport, String clientId) throws IOException {
    RawClient client = NODE.open(transport, MqttVersion.V5);
    client.connect(clientId);
    return client;
  }

  private static Packet.Filter filter(String filter, int qos) {
    return new Packet.Filter(RawClient.utf8(filter), qos, false, false, 0);
  }

  // --- 9 ---

  /** Texts, as digits, that are no UTF-8 of MQTT. */
  private static final List<String> NO_TEXTS =
      List.of(
          "00",
          "61 00 62",
          "ed a0 80",
          "ed bf bf",
          "c0 80",
          "c1 bf",
          "e0 80 af",
          "f0 80 80 af",
          "f4 90 80 80",
          "f8 88 80 80 80",
          "80",
          "c3",
          "ff");

  private static final Map<String, ReasonCode> NO_TOPICS =
      Map.of(
          field(""), ReasonCode.PROTOCOL_ERROR,
          text("+"), ReasonCode.TOPIC_NAME_INVALID,
          text("#"), ReasonCode.TOPIC_NAME_INVALID,
          text("a/+/b"), ReasonCode.TOPIC_NAME_INVALID,
          text("a+"), ReasonCode.TOPIC_NAME_INVALID,
          text("a/#"), ReasonCode.TOPIC_NAME_INVALID,
          text("x".repeat(65_535)), ReasonCode.TOPIC_NAME_INVALID);

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family09_topicNamesThatAreNone(Transport transport) throws IOException {
    for (Map.Entry<String, ReasonCode> one : NO_TOPICS.entrySet()) {
      for (int qos = 0; qos < 3; qos++) {
        String id = qos == 0 ? "" : "0001";
        ended(
            connected(transport, "no-topic"),
            packet(0x30 | (qos << 1), one.getKey() + id + "00"),
            one.getValue());
        RawClient older = NODE.open(transport, MqttVersion.V3_1_1);
        older.connect("no-topic-3");
        ended(older, packet(0x30 | (qos << 1), one.getKey() + id));
      }
    }
    for (String bytes : NO_TEXTS) {
      ended(
          connected(transport, "no-text"),
          packet(0x30, field(bytes) + "00"),
          ReasonCode.MALFORMED_PACKET,
          ReasonCode.TOPIC_NAME_INVALID);
      ended(
          connected(transport, "no-text"),
          packet(0x82, "0001 00" + field(bytes) + "00"),
          ReasonCode.MALFORMED_PACKET);
      ended(
          connected(transport, "no-text"),
          packet(0xa2, "0001 00" + field(bytes)),
          ReasonCode.MALFORMED_PACKET);
    }
  }

  /** U+FFFF and a byte order mark are allowed, and are part of the name. */
  @ParameterizedTest
  @EnumSource(Transport.class)
  void family09_oddTextsStayAsTheyAre(Transport transport) throws IOException {
    RawClient client = connected(transport, "odd");
    for (String topic : List.of("\uffff", "\ufeffodd", "odd\ufeff", "\u0001", " ", "/", "a//b")) {
      assertThat(client.subscribe(topic, 0)).isZero();
      client.publish(topic, "x");
      assertThat(client.readPublish().topic()).isEqualTo(topic);
      client.publish(topic + "y", "not this one");
      client.expectNothing();
    }
    client.publish("odd", "without its mark");
    client.expectNothing();
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family09_aliasesThatStandForNothing(Transport transport) throws IOException {
    Map<String, ReasonCode> wrong =
        Map.of(
            field("") + sized("23 0000"), ReasonCode.TOPIC_ALIAS_INVALID,
            text("t") + sized("23 0000"), ReasonCode.TOPIC_ALIAS_INVALID,
            text("t") + sized("23 0041"), ReasonCode.TOPIC_ALIAS_INVALID,
            text("t") + sized("23 ffff"), ReasonCode.TOPIC_ALIAS_INVALID,
            field("") + sized("23 0001"), ReasonCode.PROTOCOL_ERROR,
            field("") + sized("23 0040"), ReasonCode.PROTOCOL_ERROR);
    for (Map.Entry<String, ReasonCode> one : wrong.entrySet()) {
      ended(connected(transport, "alias"), packet(0x30, one.getKey()), one.getValue());
    }
  }

  /** Topics that begin with $ are the server's own; the connection goes on. */
  @ParameterizedTest
  @EnumSource(Transport.class)
  void family09_publishesToTheServersTopics(Transport transport) throws IOException {
    RawClient listener = connected(transport, "listener");
    assertThat(listener.subscribe("$SYS/#", 0)).isZero();
    assertThat(listener.subscribe("$other/#", 0)).isZero();
    assertThat(listener.subscribe("#", 0)).isZero();
    RawClient client = connected(transport, "dollar");
    for (String topic :
        List.of("$", "$SYS", "$SYS/broker/x", "$CONTROL/x/v1", "$share/g/t", "$other/x", "$/")) {
      assertThat(client.publishAcked(topic, "x")).as(topic).isEqualTo(ReasonCode.NOT_AUTHORIZED);
      assertThat(client.retain(topic, "x")).as(topic).isEqualTo(ReasonCode.NOT_AUTHORIZED);
      ended(
          connected(transport, "dollar-0"),
          packet(0x30, text(topic) + "00"),
          ReasonCode.NOT_AUTHORIZED);
      refused(
          NODE.open(transport, MqttVersion.V5),
          connectWithWill("", text(topic)),
          ReasonCode.NOT_AUTHORIZED);
    }
    listener.expectNothing();
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family09_willsWithoutATopic(Transport transport) throws IOException {
    for (Map.Entry<String, ReasonCode> one : NO_TOPICS.entrySet()) {
      refused(
          NODE.open(transport, MqttVersion.V5),
          connectWithWill("", one.getKey()),
          one.getValue(),
          ReasonCode.TOPIC_NAME_INVALID,
          ReasonCode.PACKET_TOO_LARGE);
    }
    for (String bytes : NO_TEXTS) {
      refused(
          NODE.open(transport, MqttVersion.V5),
          connectWithWill("", field(bytes)),
          ReasonCode.MALFORMED_PACKET,
          ReasonCode.TOPIC_NAME_INVALID);
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family09_filtersThatAreNone(Transport transport) throws IOException {
    RawClient client = connected(transport, "filters");
    for (String filter :
        List.of(
            "",
            "a#",
            "#/",
            "#/a",
            "a/#/b",
            "a+",
            "+a",
            "a/b+/c",
            "++",
            "##",
            "$share/",
            "$share//",
            "$share//x",
            "$share/g",
            "$share/g/",
            "$share/+/x",
            "$share/#/x",
            "$share/g+/x",
            "$share/g/a#",
            "$share/" + "g".repeat(65_000))) {
      assertThat(client.subscribe(filter, 1)).as(filter).isEqualTo(0x8F);
      assertThat(client.unsubscribe(List.of(filter)).codes()).containsExactly(0x11);
    }
    // without a slash it is an ordinary filter of a topic that nobody may publish to
    assertThat(client.subscribe("$share", 1)).isEqualTo(1);
    for (String filter : List.of("$share/g/x", "$share//x", "$share/")) {
      RawClient local = connected(transport, "no-local");
      ended(local, packet(0x82, "0001 00" + text(filter) + "05"), ReasonCode.PROTOCOL_ERROR);
    }
    RawClient older = NODE.open(transport, MqttVersion.V3_1_1);
    older.connect("filters-3");
    assertThat(older.subscribe("a#", 1)).isEqualTo(0x80);
    assertThat(older.subscribe("$share/g", 1)).isEqualTo(0x80);
  }

  // --- 10 ---

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family10_topicsAndFiltersWithoutMeasure(Transport transport) throws IOException {
    RawClient client = connected(transport, "deep");
    for (String filter :
        List.of(
            "/".repeat(200),
            "+/".repeat(10_000) + "#",
            "/".repeat(65_535),
            "x".repeat(65_535),
            "$share/" + "/".repeat(60_000),
            "$share/g/" + "/".repeat(60_000))) {
      assertThat(client.subscribe(filter, 1)).isEqualTo(0x8F);
    }
    for (String topic :
        List.of("/".repeat(200), "/".repeat(65_535), "x".repeat(65_535), "/".repeat(10_000))) {
      RawClient publisher = connected(transport, "publisher");
      ended(
          publisher, publisher.publishPacket(topic, 1, 1, "", NONE), ReasonCode.TOPIC_NAME_INVALID);
    }
    String deepest = "/".repeat((int) NODE.limit(Limit.TOPIC_LEVELS) - 1);
    assertThat(client.subscribe(deepest, 0)).isZero();
    assertThat(client.subscribe("+/".repeat(100) + "#", 0)).isZero();
    client.publish(deepest, "deepest");
    client.expectMessage("deepest");
    client.expectNothing();
  }

  /** Each filter matches each topic, by another way through the index. */
  @Test
  void family10_filtersThatAllMatch() throws Exception {
    int depth = 12;
    RawClient client = connected(Transport.TCP, "blow-up");
    Packet.Filter[] filters = new Packet.Filter[1 << depth];
    for (int i = 0; i < filters.length; i++) {
      StringBuilder name = new StringBuilder();
      for (int level = 0; level < depth; level++) {
        name.append((i >> level & 1) == 0 ? "+/" : "a/");
      }
      filters[i] = filter(name + "#", 0);
    }
    assertThat(client.subscribe(filters).codes()).hasSize(1 << depth).containsOnly(0);
    RawClient publisher = connected(Transport.TCP, "publisher");
    for (int i = 0; i < 200; i++) {
      assertThat(publisher.publishAcked("a/".repeat(depth) + i, "" + i))
          .isEqualTo(ReasonCode.SUCCESS);
      client.expectMessage("" + i);
    }
    client.expectNothing();
  }

  @Test
  void family10_manyFiltersCameAndWent() throws IOException {
    RawClient client = connected(Transport.TCP, "filters");
    int most = 10_000;
    for (int round = 0; round < 3; round++) {
      for (int from = round * most; from < (round + 1) * most; from += 2_500) {
        Packet.Filter[] filters =
            names(from).stream().map(n -> filter(n, 1)).toArray(Packet.Filter[]::new);
        assertThat(client.subscribe(filters).codes()).hasSize(2_500).containsOnly(1);
      }
      assertThat(NODE.gauge(Meter.FILTERS)).isEqualTo(most + 1.0);
      for (int from = round * most; from < (round + 1) * most; from += 2_500) {
        assertThat(client.unsubscribe(names(from)).codes()).hasSize(2_500).containsOnly(0);
      }
      assertThat(NODE.gauge(Meter.FILTERS)).as("the bystander's").isEqualTo(1);
      assertThat(NODE.gauge(Meter.SUBSCRIPTIONS)).isEqualTo(1);
    }
  }

  private static List<String> names(int from) {
    return IntStream.range(from, from + 2_500).mapToObj(i -> "f/" + i + "/+/#").toList();
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family10_oneSubscribeWithTooManyFilters(Transport transport) throws IOException {
    RawClient client = connected(transport, "many");
    Packet.Filter[] filters =
        IntStream.range(0, 10_000).mapToObj(i -> filter("m/" + i, 0)).toArray(Packet.Filter[]::new);
    for (int i = 0; i < 5; i++) {
      assertThat(client.subscribe(filters).codes()).hasSize(10_000).containsOnly(0x97);
    }
    RawClient same = connected(transport, "same");
    Packet.Filter[] twice =
        IntStream.range(0, 4_000).mapToObj(i -> filter("m", 0)).toArray(Packet.Filter[]::new);
    assertThat(same.subscribe(twice).codes()).hasSize(4_000).containsOnly(0);
    Await.until(
        "one subscription and the bystander's",
        () -> NODE.gauge(Meter.SUBSCRIPTIONS) == 2,
        () -> NODE.gauge(Meter.SUBSCRIPTIONS));
    same.publish("m", "once");
    same.expectMessage("once");
    same.expectNothing();
  }

  /** Good filters before the one that ends the connection. */
  @ParameterizedTest
  @EnumSource(Transport.class)
  void family10_subscribeThatIsGoodAtFirst(Transport transport) throws IOException {
    StringBuilder good = new StringBuilder("0001 00");
    for (int i = 0; i < 1_000; i++) {
      good.append(text("good/" + i)).append("01");
    }
    for (String last : List.of(text("bad") + "03", text("bad") + "40", field("00") + "00", "ff")) {
      for (int i = 0; i < 10; i++) {
        ended(
            connected(transport, "good-" + i),
            packet(0x82, good + last),
            ReasonCode.MALFORMED_PACKET,
            ReasonCode.PROTOCOL_ERROR);
      }
    }
    Await.until(
        "only the bystander's is left",
        () -> NODE.gauge(Meter.SUBSCRIPTIONS) == 1 && NODE.gauge(Meter.FILTERS) == 1,
        () -> NODE.gauge(Meter.SUBSCRIPTIONS));
  }

  /** One filter a packet, without waiting for an answer: requests to the index are bounded. */
  @Test
  void family10_subscribesWithoutWaiting() throws Exception {
    RawClient client = connected(Transport.TCP, "hasty");
    byte[] both =
        Raw.concat(
            client.subscribePacket(List.of(filter("hasty", 1)), NONE),
            RawClient.bytes(
                out -> Encoder.unsubscribe(out, MqttVersion.V5, 8, List.of("hasty"), NONE)));
    int rounds = 5_000;
    CompletableFuture<Void> sent = new CompletableFuture<>();
    Thread sender =
        new Thread(
            () -> {
              try {
                for (int i = 0; i < rounds; i++) {
                  client.send(both);
                }
                sent.complete(null);
              } catch (IOException e) {
                sent.completeExceptionally(e);
              }
            });
    sender.start();
    for (int i = 0; i < rounds; i++) {
      assertThat(client.read(Packet.Suback.class).codes()).containsExactly(1);
      assertThat(client.read(Packet.Suback.class).codes()).containsExactly(0);
    }
    sent.get(30, TimeUnit.SECONDS);
  }
}
