package io.busbar.wire.hostile;

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
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.Map;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Family 23 of docs/hardening.md, its other half: who sends and never reads. Small bounds. */
class DeafReceiversIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  @Order(1)
  @RegisterExtension
  static final TestNode NODE =
      TestNode.with(
          1,
          Profile.OPEN,
          Map.of(
              Limit.OUTBOUND_BYTES, 65_536L,
              Limit.OUTBOUND_TOTAL_BYTES, 1_048_576L,
              Limit.QUEUE_MESSAGES, 100L,
              Limit.QUEUE_BYTES, 65_536L,
              Limit.INFLIGHT, 50L));

  @Order(2)
  @RegisterExtension
  static final Bystander BYSTANDER = new Bystander(id -> NODE.connected(MqttVersion.V5, id));

  private static RawClient connected(String clientId) throws IOException {
    return NODE.connected(MqttVersion.V5, clientId);
  }

  /** Answers to pings, and to messages that are refused with a long reason. */
  @Test
  void family23_answersThatNobodyReadsStopTheReading() throws Exception {
    floods(new byte[] {(byte) (Packet.PINGREQ << 4), 0}, true);
    floods(Raw.packet(0x32, Raw.text("$SYS/" + "x".repeat(40)) + "0001 00"), false);
  }

  /** Sends one packet without end, and reads nothing for long. */
  private static void floods(byte[] packet, boolean thenReads) throws Exception {
    try (SocketChannel deaf = SocketChannel.open();
        Selector selector = Selector.open()) {
      deaf.setOption(StandardSocketOptions.SO_RCVBUF, 8_192);
      deaf.connect(
          new InetSocketAddress(InetAddress.getLoopbackAddress(), NODE.port(Transport.TCP)));
      deaf.write(
          ByteBuffer.wrap(
              RawClient.bytes(
                  out -> Encoder.connect(out, MqttVersion.V5, "deaf", true, 0, null, null, NONE))));
      answer(deaf);
      deaf.write(ByteBuffer.wrap(packet));
      final int answerBytes = answer(deaf);
      deaf.configureBlocking(false);
      final SelectionKey key = deaf.register(selector, SelectionKey.OP_WRITE);
      ByteBuffer flood = ByteBuffer.allocate(packet.length * 8_192);
      while (flood.hasRemaining()) {
        flood.put(packet);
      }
      flood.flip();
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
      if (!thenReads) {
        return;
      }
      // who reads again gets every answer
      key.interestOps(SelectionKey.OP_READ);
      ByteBuffer answers = ByteBuffer.allocate(1 << 20);
      long wanted = sent / packet.length * answerBytes;
      long got = 0;
      while (got < wanted && selector.select(10_000) > 0) {
        selector.selectedKeys().clear();
        got += deaf.read(answers.clear());
      }
      assertThat(got).isEqualTo(wanted);
    }
  }

  /** Reads one short packet and returns its length. */
  private static int answer(SocketChannel from) throws IOException {
    ByteBuffer head = ByteBuffer.allocate(2);
    while (head.hasRemaining()) {
      assertThat(from.read(head)).isPositive();
    }
    ByteBuffer rest = ByteBuffer.allocate(head.get(1));
    while (rest.hasRemaining()) {
      assertThat(from.read(rest)).isPositive();
    }
    return 2 + rest.capacity();
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void family23_subscribersOfEverythingThatNeverRead(Transport transport) throws Exception {
    for (int i = 0; i < 20; i++) {
      RawClient deaf = NODE.open(transport, MqttVersion.V5);
      deaf.connect("deaf-" + i);
      deaf.subscribe("#", i % 3);
    }
    RawClient witness = connected("witness");
    witness.subscribe("flood/#", 1);
    RawClient publisher = connected("publisher");
    final long matchedBefore = NODE.total(Meter.DELIVERIES_MATCHED);
    final long lostBefore = NODE.total(Meter.LOST);
    String payload = "x".repeat(8_000);
    int count = 2_000;
    for (int i = 0; i < count; i++) {
      assertThat(publisher.publishAcked("flood/" + i % 10, i + payload))
          .isEqualTo(ReasonCode.SUCCESS);
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
