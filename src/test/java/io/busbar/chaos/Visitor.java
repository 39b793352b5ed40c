package io.busbar.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A subscriber to one topic whose session ends with its connection: from SUBACK on, while it stays
 * connected, it is to hear all that is sent.
 */
final class Visitor extends Client {
  private static final int PACKET_ID = 1;

  /** QoS 1, and nothing that was retained before [MQTT-3.3.1-11]. */
  private static final int OPTIONS = 0x21;

  private static final int RECEIVE_MAXIMUM = 200;

  /** One stay is at least so long, and less than twice as long, in ms. */
  private static final int LEAST_STAY = 14_000;

  private final long run;
  private final Sent stream;
  private final int number;
  private final Heard heard = new Heard();
  private final List<Stay> stays = new ArrayList<>();
  private final Random random;

  /** One connection, from SUBACK to its end, in ns. */
  static final class Stay {
    final int connection;
    final long from;
    long to = Long.MAX_VALUE;

    Stay(int connection) {
      this.connection = connection;
      from = System.nanoTime();
    }
  }

  /**
   * A subscriber that is not connected yet.
   *
   * @param number of the stream
   */
  Visitor(
      Loop loop,
      String id,
      List<InetSocketAddress> nodes,
      int node,
      long run,
      Sent stream,
      int number,
      long seed) {
    super(loop, id, nodes, node);
    this.random = new Random(seed);
    this.run = run;
    this.stream = stream;
    this.number = number;
  }

  Sent stream() {
    return stream;
  }

  Heard heard() {
    return heard;
  }

  List<Stay> stays() {
    return stays;
  }

  @Override
  void connect(ByteBuf to) {
    Wire.connect(to, id, true, 0, RECEIVE_MAXIMUM);
  }

  private void comeAgain(int of) {
    if (isOpen() && connection() == of) {
      leave(true);
      come();
    }
  }

  @Override
  void connected(boolean present, int receiveMaximum) {
    Wire.subscribe(out(), PACKET_ID, stream.topic, OPTIONS);
    int now = connection();
    loop.after(LEAST_STAY + random.nextInt(LEAST_STAY), () -> comeAgain(now));
  }

  @Override
  void disconnected(boolean politely) {
    if (!stays.isEmpty()) {
      Stay last = stays.get(stays.size() - 1);
      last.to = Math.min(last.to, System.nanoTime());
    }
  }

  @Override
  void packet(int first, ByteBuf body) {
    if (first >> 4 == Wire.SUBACK) {
      stays.add(new Stay(connection()));
      return;
    }
    if (first >> 4 != Wire.PUBLISH) {
      return;
    }
    body.readCharSequence(body.readUnsignedShort(), UTF_8);
    int packetId = body.readUnsignedShort();
    body.skipBytes(Wire.variable(body));
    Message message = Message.of(run, body);
    if (message != null && message.stream() == number) {
      heard.add(message.sequence(), connection(), (first & 8) != 0);
    }
    Wire.ack(out(), Wire.PUBACK, packetId, 0);
  }
}
