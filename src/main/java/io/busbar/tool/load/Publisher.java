package io.busbar.tool.load;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Sends one stream, as many messages per turn as the plan's bounds leave room for. */
final class Publisher extends Peer {
  private static final int BATCH_BYTES = 128 * 1024;
  private static final long FREE = -1;

  final Stream stream;
  private final Traffic traffic;
  private final Plan plan;
  private final byte[] packet;
  private final int packetIdAt;
  private final int payloadAt;

  /** Packet ids not in use, a ring: reuse comes as late as possible. Empty at QoS 0. */
  private int[] freeIds = {};

  private int nextFree;
  private int freeCount;

  /** The message in flight under each packet id, or {@link #FREE}. */
  private long[] inFlight = {};

  private long acknowledged;
  private long refused;

  Publisher(Traffic traffic, Plan plan, Stream stream, String topic) {
    super(traffic, "p", stream.id);
    this.traffic = traffic;
    this.plan = plan;
    this.stream = stream;
    ByteBuf out = Unpooled.buffer();
    byte[] name = topic.getBytes(StandardCharsets.UTF_8);
    packetIdAt = Wire.publishHead(out, plan.version(), name, plan.qos(), plan.size());
    payloadAt = out.writerIndex();
    Stream.writeHeader(out, traffic.runId, stream.id);
    for (int i = Stream.HEADER_BYTES; i < plan.size(); i++) {
      out.writeByte('a' + i % 26);
    }
    packet = Arrays.copyOf(out.array(), out.writerIndex());
  }

  @Override
  void connected(Wire.Connack connack) {
    if (plan.qos() > 0) {
      freeCount = Math.min(plan.window(), connack.receiveMaximum());
      freeIds = new int[freeCount];
      Arrays.setAll(freeIds, i -> i + 1);
      inFlight = new long[freeCount + 1];
      Arrays.fill(inFlight, FREE);
    }
    traffic.ready(this);
  }

  @Override
  void turn(long now) {
    if (!isWritable() || !traffic.isPublishing()) {
      return;
    }
    int batch = Math.max(1, BATCH_BYTES / packet.length);
    long count = Math.min(batch, plan.qos() > 0 ? freeCount : batch);
    if (plan.maxLag() > 0) {
      count = Math.min(count, stream.room(plan.maxLag()));
    }
    count = traffic.due(stream, count, now);
    if (count <= 0) {
      return;
    }
    ByteBuf out = buffer((int) count * packet.length);
    for (long i = 0; i < count; i++) {
      int at = out.writerIndex();
      out.writeBytes(packet);
      long sequence = stream.stamp(out, at + payloadAt, traffic.sendTime(stream, now));
      if (plan.qos() > 0) {
        int id = takeId(sequence);
        out.setShort(at + packetIdAt, id);
      }
    }
    write(out);
    if (count == batch) {
      traffic.touch(this);
    }
  }

  @Override
  void packet(int first, ByteBuf in, int at, int length) {
    if (first >>> 4 != Wire.PUBACK) {
      super.packet(first, in, at, length);
      return;
    }
    int id = in.getUnsignedShort(at);
    if (id >= inFlight.length || inFlight[id] == FREE) {
      throw new LoadException("PUBACK for packet id " + id + ", which is not in flight");
    }
    if (length > 2 && in.getUnsignedByte(at + 2) >= 0x80) {
      refused++;
      traffic.problem("PUBACK " + hex(in.getUnsignedByte(at + 2)));
    } else {
      acknowledged++;
    }
    inFlight[id] = FREE;
    freeIds[(nextFree + freeCount) % freeIds.length] = id;
    freeCount++;
    traffic.touch(this);
  }

  private int takeId(long sequence) {
    int id = freeIds[nextFree];
    nextFree = (nextFree + 1) % freeIds.length;
    freeCount--;
    inFlight[id] = sequence;
    return id;
  }

  long acknowledged() {
    return acknowledged;
  }

  long refused() {
    return refused;
  }

  boolean isSettled() {
    return freeCount == freeIds.length;
  }

  /** The messages that were sent but not answered. */
  long[] unanswered() {
    return Arrays.stream(inFlight).skip(1).filter(sequence -> sequence != FREE).toArray();
  }
}
