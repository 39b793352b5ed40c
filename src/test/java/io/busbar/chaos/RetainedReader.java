package io.busbar.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Reads what a node has retained. */
final class RetainedReader extends Client {
  private static final int PACKET_ID = 1;
  private static final int RECEIVE_MAXIMUM = 1_000;

  private final long run;
  private final Map<Integer, Integer> found = new HashMap<>();

  RetainedReader(Loop loop, String id, InetSocketAddress node, long run) {
    super(loop, id, List.of(node), 0);
    this.run = run;
  }

  /** The sequence that is retained of each stream. */
  Map<Integer, Integer> found() {
    return found;
  }

  @Override
  void connect(ByteBuf to) {
    Wire.connect(to, id, true, 0, RECEIVE_MAXIMUM);
  }

  @Override
  void connected(boolean present, int receiveMaximum) {
    Wire.subscribe(out(), PACKET_ID, Subscriber.FILTER, 1);
  }

  @Override
  void packet(int first, ByteBuf body) {
    if (first >> 4 != Wire.PUBLISH) {
      return;
    }
    body.readCharSequence(body.readUnsignedShort(), UTF_8);
    int packetId = (first >> 1 & 3) == 0 ? 0 : body.readUnsignedShort();
    body.skipBytes(Wire.variable(body));
    Message message = Message.of(run, body);
    if (message != null && (first & 1) == 1) {
      found.put(message.stream(), message.sequence());
    }
    if (packetId != 0) {
      Wire.ack(out(), Wire.PUBACK, packetId, 0);
    }
  }
}
