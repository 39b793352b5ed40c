package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.Leaks;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What hostile and broken clients send. Around each test a healthy pair of connections, on the same
 * event loop, exchanges messages and loses none, and the log stays short.
 */
class BadInputIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  /** More than the lines of a few seconds, far less than packets sent here. */
  private static final long MOST_LINES = 300;

  private static final long MOST_HEAP_GROWTH = 64L << 20;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.with(
          1,
          Profile.OPEN,
          Map.of(
              Limit.CONNECT_TIMEOUT, 1L,
              Limit.OUTBOUND_BYTES, 65_536L,
              Limit.OUTBOUND_TOTAL_BYTES, 1_048_576L,
              Limit.QUEUE_MESSAGES, 100L,
              Limit.QUEUE_BYTES, 65_536L,
              Limit.INFLIGHT, 50L));

  private RawClient healthy;
  private RawClient witness;
  private long linesBefore;
  private long heapBefore;

  @BeforeEach
  void aHealthyPair() throws Exception {
    healthy = NODE.connected(MqttVersion.V5, "healthy");
    witness = NODE.connected(MqttVersion.V5, "witness");
    witness.subscribe("healthy/#", 1);
    linesBefore = Leaks.lines();
    heapBefore = heap();
  }

  @AfterEach
  void isStillHealthy() throws Exception {
    for (int i = 0; i < 10; i++) {
      assertThat(healthy.publishAcked("healthy/" + i, "" + i)).isEqualTo(ReasonCode.SUCCESS);
      witness.puback(witness.expectMessage("" + i));
    }
    assertThat(Leaks.lines() - linesBefore).as("log lines").isLessThan(MOST_LINES);
    assertThat(heap() - heapBefore).as("heap growth").isLessThan(MOST_HEAP_GROWTH);
  }

  private static long heap() throws InterruptedException {
    Leaks.collect();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  private static RawClient open(Transport transport) throws IOException {
    return NODE.open(transport, MqttVersion.V5);
  }

  private static RawClient connected(String clientId) throws IOException {
    return NODE.connected(MqttVersion.V5, clientId);
  }

  /** Reads until the server closes; whatever it says before is its affair. */
  private static void drained(RawClient client) throws IOException {
    while (client.readPacket() != null) {
      // until the end
    }
  }

  // --- framing ---

  @ParameterizedTest
  @EnumSource(Transport.class)
  void randomBytes(Transport transport) throws IOException {
    Random random = new Random(20261123);
    for (int i = 0; i < 150; i++) {
      byte[] garbage = new byte[1 + random.nextInt(400)];
      random.nextBytes(garbage);
      RawClient client = open(transport);
      if (i % 3 != 0) {
        // past CONNECT it goes deeper
        client.connect("random");
        client.sendUnlessClosed(garbage);
        client.sendUnlessClosed(RawClient.hex("e000"));
        client.close();
      } else {
        garbage[0] |= (byte) 0x80;
        client.sendUnlessClosed(garbage);
        drained(client);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void mutatedPackets(Transport transport) throws IOException {
    Random random = new Random(20261124);
    RawClient maker = open(transport);
    PropertyWriter properties =
        new PropertyWriter()
            .user("name", "value")
            .number(Property.MESSAGE_EXPIRY_INTERVAL, 5)
            .string(Property.CONTENT_TYPE, "text")
            .number(Property.TOPIC_ALIAS, 1);
    List<byte[]> seeds =
        List.of(
            maker.publishPacket("a/b", 1, 1, "payload", properties),
            maker.subscribePacket(List.of(SubscribeCases.filter("a/+", 1)), NONE),
            RawClient.bytes(
                out -> Encoder.unsubscribe(out, MqttVersion.V5, 1, List.of("a/+"), NONE)),
            RawClient.hex("4004 0001 00 00"),
            RawClient.hex("e002 00 00"));
    for (int i = 0; i < 300; i++) {
      byte[] packet = seeds.get(i % seeds.size()).clone();
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        packet[random.nextInt(packet.length)] = (byte) random.nextInt(256);
      }
      RawClient client = open(transport);
      client.connect("mutant-" + i);
      client.send(packet);
      client.sendUnlessClosed(RawClient.hex("c000"));
      client.close();
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void everyPacketCutShort(Transport transport) throws IOException {
    RawClient maker = open(transport);
    byte[] connect = maker.connectPacket("cut", 10, new PropertyWriter().user("a", "b"));
    byte[] publish = maker.publishPacket("a", 1, 1, "x", new PropertyWriter().user("a", "b"));
    byte[] subscribe = maker.subscribePacket(List.of(SubscribeCases.filter("a", 1)), NONE);
    for (int i = 1; i < connect.length; i++) {
      RawClient client = open(transport);
      client.send(Arrays.copyOf(connect, i));
      client.close();
    }
    for (byte[] packet : List.of(publish, subscribe)) {
      for (int i = 1; i < packet.length; i++) {
        RawClient client = open(transport);
        client.connect("cut");
        client.send(Arrays.copyOf(packet, i));
        client.close();
      }
    }
  }

  /** The remaining length says less than the packet needs. */
  @Test
  void everyRemainingLengthTooSmall() throws IOException {
    RawClient maker = open(Transport.TCP);
    byte[] publish = maker.publishPacket("topic", 1, 1, "", new PropertyWriter().user("a", "b"));
    byte[] subscribe = maker.subscribePacket(List.of(SubscribeCases.filter("a", 1)), NONE);
    for (byte[] packet : List.of(publish, subscribe)) {
      for (int length = 0; length < packet.length - 2; length++) {
        byte[] cut = Arrays.copyOf(packet, 2 + length);
        cut[1] = (byte) length;
        RawClient client = connected("short");
        client.send(cut);
        // 0x82 where what is left is a SUBSCRIBE without filters
        assertThat(client.read(Packet.Disconnect.class).reason())
            .isIn(ReasonCode.MALFORMED_PACKET, ReasonCode.PROTOCOL_ERROR);
        client.expectClose();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void a256MbRemainingLengthThenSilence(Transport transport) throws IOException {
    for (int i = 0; i < 20; i++) {
      RawClient first = open(transport);
      first.send("10 ffffff7f 0004 4d515454 05 02 0000 00");
      assertThat(first.read(Packet.Connack.class).code())
          .isEqualTo(ReasonCode.PACKET_TOO_LARGE.code());
      first.expectClose();
      RawClient client = open(transport);
      client.connect("large");
      client.send("30 ffffff7f");
      client.expectEnd(ReasonCode.PACKET_TOO_LARGE);
    }
  }

  @Test
  void fiveByteLengths() throws IOException {
    RawClient first = open(Transport.TCP);
    first.send("10 ffffffff01");
    first.expectClose();
    for (String packet : List.of("30 ffffffff7f", "30 08 0001 61 80808080 01", "30 ffffffffff")) {
      RawClient client = connected("five");
      client.send(packet);
      client.expectEnd(ReasonCode.MALFORMED_PACKET);
    }
  }

  // --- time ---

  @ParameterizedTest
  @EnumSource(Transport.class)
  void slowLoris(Transport transport) throws IOException {
    RawClient client = open(transport);
    byte[] connect = client.connectPacket("x".repeat(1_000), 0, NONE);
    long before = NODE.total(Meter.DISCONNECTS);
    int[] sent = {0};
    Await.until(
        "the connection is closed",
        () -> {
          client.sendUnlessClosed(new byte[] {connect[sent[0]++]});
          return NODE.total(Meter.DISCONNECTS) > before;
        },
        () -> sent[0] + " bytes were taken");
    drained(client);
  }

  @Test
  void nothingIsSent() throws IOException {
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      clients.add(NODE.bare(i % 2 == 0 ? Transport.TCP : Transport.WS));
    }
    for (RawClient client : clients) {
      client.expectClose();
    }
  }

  // --- topics and properties ---

  @Test
  void topicsAndFiltersWithoutMeasure() throws IOException {
    RawClient client = connected("deep");
    for (String filter :
        List.of(
            "+/".repeat(10_000) + "#",
            "/".repeat(65_535),
            "x".repeat(65_535),
            "$share/" + "/".repeat(60_000))) {
      assertThat(client.subscribe(filter, 1)).isEqualTo(0x8F);
    }
    for (String topic : List.of("/".repeat(65_535), "x".repeat(65_535), "/".repeat(10_000))) {
      RawClient publisher = connected("publisher");
      publisher.send(publisher.publishPacket(topic, 1, 1, "", NONE));
      publisher.expectEnd(ReasonCode.TOPIC_NAME_INVALID);
    }
  }

  @Test
  void userPropertyFloods() throws IOException {
    PropertyWriter flood = new PropertyWriter();
    IntStream.range(0, 10_000).forEach(i -> flood.user("name" + i, "v"));
    RawClient publisher = connected("publisher");
    publisher.send(publisher.publishPacket("t", 1, 1, "", flood));
    publisher.expectEnd(ReasonCode.QUOTA_EXCEEDED);
    RawClient first = open(Transport.TCP);
    first.sendUnlessClosed(first.connectPacket("flood", 0, flood));
    assertThat(first.read(Packet.Connack.class).code())
        .isEqualTo(ReasonCode.PACKET_TOO_LARGE.code());
    RawClient subscriber = connected("subscriber");
    subscriber.send(subscriber.subscribePacket(List.of(SubscribeCases.filter("a", 0)), flood));
    assertThat(subscriber.read(Packet.Suback.class).codes()).containsExactly(0);
  }

  // --- state ---

  @Test
  void tenThousandFiltersCameAndWent() throws IOException {
    RawClient client = connected("filters");
    for (int round = 0; round < 2; round++) {
      for (int from = 0; from < 10_000; from += 2_500) {
        List<String> names =
            IntStream.range(from, from + 2_500).mapToObj(i -> "f/" + i + "/+/#").toList();
        Packet.Filter[] filters =
            names.stream().map(n -> SubscribeCases.filter(n, 1)).toArray(Packet.Filter[]::new);
        assertThat(client.subscribe(filters).codes()).hasSize(2_500).containsOnly(1);
      }
      for (int from = 0; from < 10_000; from += 2_500) {
        List<String> names =
            IntStream.range(from, from + 2_500).mapToObj(i -> "f/" + i + "/+/#").toList();
        assertThat(client.unsubscribe(names).codes()).hasSize(2_500).containsOnly(0);
      }
    }
  }

  /** One filter a packet, without waiting for an answer: requests to the index are bounded. */
  @Test
  void answersThatNobodyReadsStopTheReading() throws Exception {
    try (SocketChannel deaf = SocketChannel.open();
        Selector selector = Selector.open()) {
      deaf.setOption(StandardSocketOptions.SO_RCVBUF, 8_192);
      deaf.connect(
          new InetSocketAddress(InetAddress.getLoopbackAddress(), NODE.port(Transport.TCP)));
      deaf.write(
          ByteBuffer.wrap(
              RawClient.bytes(
                  out ->
                      Encoder.connect(
                          out, MqttVersion.V3_1_1, "deaf", true, 0, null, null, NONE))));
      ByteBuffer connack = ByteBuffer.allocate(4);
      while (connack.hasRemaining()) {
        assertThat(deaf.read(connack)).isPositive();
      }
      deaf.configureBlocking(false);
      SelectionKey key = deaf.register(selector, SelectionKey.OP_WRITE);
      byte[] pings = new byte[65_536];
      for (int i = 0; i < pings.length; i += 2) {
        pings[i] = (byte) (Packet.PINGREQ << 4);
      }
      ByteBuffer flood = ByteBuffer.wrap(pings);
      long sent = 0;
      // for two seconds the socket takes nothing more: the server has stopped reading
      while (selector.select(2_000) > 0) {
        selector.selectedKeys().clear();
        sent += deaf.write(flood);
        if (!flood.hasRemaining()) {
          flood.rewind();
        }
        assertThat(sent).as("bytes taken without an answer being read").isLessThan(256L << 20);
      }
      assertThat(NODE.gauge(Meter.OUTBOUND_PENDING)).isPositive().isLessThan(4 << 20);
      // who reads again gets every answer
      key.interestOps(SelectionKey.OP_READ);
      ByteBuffer answers = ByteBuffer.allocate(1 << 20);
      long wanted = sent / 2 * 2;
      long got = 0;
      while (got < wanted && selector.select(10_000) > 0) {
        selector.selectedKeys().clear();
        got += deaf.read(answers.clear());
      }
      assertThat(got).isEqualTo(wanted);
    }
  }

  @Test
  void subscribesWithoutWaiting() throws Exception {
    RawClient client = connected("hasty");
    byte[] both =
        ConnectCases.concat(
            client.subscribePacket(List.of(SubscribeCases.filter("hasty", 1)), NONE),
            RawClient.bytes(
                out -> Encoder.unsubscribe(out, MqttVersion.V5, 8, List.of("hasty"), NONE)));
    int rounds = 5_000;
    alongside(
        () -> {
          for (int i = 0; i < rounds; i++) {
            client.send(both);
          }
          return null;
        },
        () -> {
          for (int i = 0; i < rounds; i++) {
            assertThat(client.read(Packet.Suback.class).codes()).containsExactly(1);
            assertThat(client.read(Packet.Suback.class).codes()).containsExactly(0);
          }
          return null;
        });
  }

  @Test
  void oneClientIdFromManySides() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(16);
    List<Future<RawClient>> opened = new ArrayList<>();
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      clients.add(open(i % 4 == 0 ? Transport.WS : Transport.TCP));
    }
    for (RawClient client : clients) {
      opened.add(
          threads.submit(
              () -> {
                client.send(client.connectPacket("contended", 0, NONE));
                return client;
              }));
    }
    for (Future<RawClient> one : opened) {
      one.get(30, TimeUnit.SECONDS);
    }
    threads.shutdown();
    Await.until(
        "one and the healthy pair are left",
        () -> NODE.gauge(Meter.CONNECTIONS) == 3,
        () -> NODE.gauge(Meter.CONNECTIONS));
    int alive = 0;
    for (RawClient client : clients) {
      client.sendUnlessClosed(RawClient.hex("c000"));
      byte[] packet = client.readPacket();
      if (packet != null && packet[0] == 0x20 && packet[3] == 0) {
        byte[] next = client.readPacket();
        alive += next != null && next[0] == (byte) 0xd0 ? 1 : 0;
      }
    }
    assertThat(alive).isEqualTo(1);
  }

  private interface Work {
    Void run() throws Exception;
  }

  /** Does one thing on another thread while this one does the other. */
  private static void alongside(Work other, Work mine) throws Exception {
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      Future<Void> done = thread.submit(other::run);
      mine.run();
      done.get(30, TimeUnit.SECONDS);
    } finally {
      thread.shutdownNow();
    }
  }

  // --- receivers that never read ---

  @ParameterizedTest
  @EnumSource(Transport.class)
  void subscribersThatNeverRead(Transport transport) throws Exception {
    for (int i = 0; i < 20; i++) {
      RawClient deaf = open(transport);
      deaf.connect("deaf-" + i);
      deaf.subscribe("healthy/#", i % 2);
    }
    long matchedBefore = NODE.total(Meter.DELIVERIES_MATCHED);
    long lostBefore = NODE.total(Meter.LOST);
    String payload = "x".repeat(8_000);
    int count = 2_000;
    for (int i = 0; i < count; i++) {
      assertThat(healthy.publishAcked("healthy/flood", i + payload)).isEqualTo(ReasonCode.SUCCESS);
      witness.puback(witness.expectMessage(i + payload));
    }
    assertThat(NODE.gauge(Meter.OUTBOUND_PENDING)).isLessThan(20 * 3 * 65_536.0);
    Await.until(
        "the drops are in the ledger",
        () ->
            NODE.total(Meter.DELIVERIES_MATCHED) - matchedBefore == 21L * count
                && NODE.total(Meter.LOST) > lostBefore,
        () -> NODE.total(Meter.LOST) - lostBefore);
  }
}
