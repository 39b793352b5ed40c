package io.busbar.broker;

import io.busbar.config.Limit;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;
import io.busbar.session.Inflight;
import io.busbar.session.SendQueue;
import io.busbar.telemetry.Loss;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.WriteBufferWaterMark;

/**
 * What is on its way to one device: the turn's buffer, the messages in flight and those that wait.
 * Each message that comes here is sent, queued or entered in the loss ledger.
 *
 * <p>All that is written in a turn leaves in one write when the turn ends.
 */
final class Outgoing {
  /** A block this large is written without a copy. */
  private static final int SHARED_BLOCK_BYTES = 1024;

  /** A node whose budget is exceeded holds slow receivers to this part of their limits. */
  private static final int SQUEEZE = 16;

  private final Loop loop;
  private final Broker broker;
  private final long outboundLimit;
  private final long queueLimit;
  private final SendQueue queue;
  private final Runnable choked;
  private ChannelHandlerContext ctx;
  private MqttVersion version = MqttVersion.V3_1_1;
  private Inflight inflight;
  private long largestToSend = Long.MAX_VALUE;
  private ByteBuf out;
  private int lastOut = 256;
  private boolean dirty;
  private boolean ended;
  private long accounted;

  /**
   * What goes to one device.
   *
   * @param choked told when more waits than deliveries alone can make: answers that are not read
   */
  Outgoing(Loop loop, Runnable choked) {
    this.loop = loop;
    this.choked = choked;
    this.broker = loop.broker;
    this.outboundLimit = broker.limits.get(Limit.OUTBOUND_BYTES);
    this.queueLimit = broker.limits.get(Limit.QUEUE_BYTES);
    this.queue = new SendQueue(broker.limits.intValue(Limit.QUEUE_MESSAGES));
  }

  /** The channel that it writes to, as its only writer. */
  void attach(ChannelHandlerContext context) {
    ctx = context;
    int high = (int) Math.min(Integer.MAX_VALUE, outboundLimit / SQUEEZE);
    context.channel().config().setWriteBufferWaterMark(new WriteBufferWaterMark(high / 2, high));
  }

  /** The device is let in: what it speaks and how much it is ready to take. */
  void opened(MqttVersion speaks, int receiveMaximum, long maximumPacketSize) {
    version = speaks;
    inflight = new Inflight(Math.min(receiveMaximum, broker.limits.intValue(Limit.INFLIGHT)));
    largestToSend = maximumPacketSize;
  }

  /** The client's Maximum Packet Size. */
  long largestToSend() {
    return largestToSend;
  }

  /** Takes what is still to be written; nothing is sent after it. */
  ByteBuf last() {
    ended = true;
    ByteBuf last = out == null ? Unpooled.EMPTY_BUFFER : out;
    out = null;
    loop.counters.bytesSent += last.readableBytes();
    return last;
  }

  /** The channel is closed: what was not settled is lost. */
  void close() {
    ended = true;
    if (out != null) {
      out.release();
      out = null;
    }
    int undelivered = queue.size() + (inflight == null ? 0 : inflight.count());
    loop.counters.lost(Loss.SESSION_ENDED, undelivered);
    loop.counters.pending -= undelivered;
    broker.outbound.give(accounted);
    accounted = 0;
  }

  /** The turn's buffer; it is written when the turn ends. */
  ByteBuf buffer() {
    if (out == null) {
      out = ctx.alloc().directBuffer(lastOut);
    }
    if (!dirty) {
      dirty = true;
      loop.markDirty(this);
    }
    return out;
  }

  /** Sends a message, or queues it, or enters it in the ledger. */
  void deliver(Publish message, int qos) {
    if (ended) {
      return;
    }
    Counters counters = loop.counters;
    counters.matched++;
    if (largestToSend != Long.MAX_VALUE && message.writtenLength(version, qos) > largestToSend) {
      counters.lost(Loss.TOO_LARGE, 1);
    } else if (qos == 0) {
      if (isCongested()) {
        counters.lost(Loss.SLOW_RECEIVER, 1);
      } else {
        message.write(buffer(), version, 0);
        counters.sent[0]++;
      }
    } else {
      counters.pending++;
      if (canSend()) {
        ByteBuf to = buffer();
        int packetIdAt = message.write(to, version, 1);
        to.setShort(packetIdAt, inflight.acquire());
        counters.sent[1]++;
      } else {
        ByteBuf copy = Unpooled.buffer(message.writtenLength(version, 1));
        int packetIdAt = message.write(copy, version, 1);
        enqueue(
            new SendQueue.Message(
                copy.array(),
                packetIdAt,
                message.writtenExpiryAt(),
                Loop.expiresAt(message, loop.now)));
      }
    }
  }

  /** Sends a block of messages that other connections get too. */
  void deliver(FanOut.Block block) {
    if (ended) {
      return;
    }
    boolean whole =
        block.largest <= largestToSend
            && (block.acknowledged == 0
                || (queue.size() == 0 && inflight.room() >= block.acknowledged))
            && !isCongested();
    if (!whole) {
      for (int i = 0; i < block.count; i++) {
        deliver(block, i);
      }
      return;
    }
    Counters counters = loop.counters;
    counters.matched += block.count;
    counters.pending += block.acknowledged;
    counters.sent[1] += block.acknowledged;
    counters.sent[0] += block.count - block.acknowledged;
    if (block.acknowledged == 0 && block.bytes.readableBytes() >= SHARED_BLOCK_BYTES) {
      if (out != null) {
        counters.bytesSent += out.readableBytes();
        ctx.write(out, ctx.voidPromise());
        out = null;
      }
      counters.bytesSent += block.bytes.readableBytes();
      ctx.write(block.bytes.retainedDuplicate(), ctx.voidPromise());
      if (!dirty) {
        dirty = true;
        loop.markDirty(this);
      }
      return;
    }
    ByteBuf to = buffer();
    int base = to.writerIndex();
    to.writeBytes(block.bytes, block.bytes.readerIndex(), block.bytes.readableBytes());
    if (block.acknowledged > 0) {
      for (int i = 0; i < block.count; i++) {
        if (block.packetIdAt[i] >= 0) {
          to.setShort(base + block.packetIdAt[i], inflight.acquire());
        }
      }
    }
  }

  private void deliver(FanOut.Block block, int i) {
    Counters counters = loop.counters;
    counters.matched++;
    int start = block.startAt[i];
    int length = block.endOf(i) - start;
    boolean acknowledged = block.packetIdAt[i] >= 0;
    if (length > largestToSend) {
      counters.lost(Loss.TOO_LARGE, 1);
    } else if (!acknowledged) {
      if (isCongested()) {
        counters.lost(Loss.SLOW_RECEIVER, 1);
      } else {
        buffer().writeBytes(block.bytes, start, length);
        counters.sent[0]++;
      }
    } else {
      counters.pending++;
      int packetIdAt = block.packetIdAt[i] - start;
      if (canSend()) {
        ByteBuf to = buffer();
        int base = to.writerIndex();
        to.writeBytes(block.bytes, start, length);
        to.setShort(base + packetIdAt, inflight.acquire());
        counters.sent[1]++;
      } else {
        byte[] packet = new byte[length];
        block.bytes.getBytes(start, packet);
        int expiryAt = block.expiryAt[i] < 0 ? -1 : block.expiryAt[i] - start;
        enqueue(new SendQueue.Message(packet, packetIdAt, expiryAt, block.expiresAt[i]));
      }
    }
  }

  private boolean canSend() {
    return queue.size() == 0 && inflight.room() > 0 && !isCongested();
  }

  private void enqueue(SendQueue.Message message) {
    long most = broker.outbound.isExceeded() ? queueLimit / SQUEEZE : queueLimit;
    int dropped = queue.add(message, most);
    loop.counters.lost(Loss.QUEUE_FULL, dropped);
    loop.counters.pending -= dropped;
    if (!dirty) {
      // the turn's end accounts for what waits
      dirty = true;
      loop.markDirty(this);
    }
  }

  /** The device has a message; false if none of this identifier is in flight. */
  boolean acknowledged(int packetId) {
    if (!inflight.release(packetId)) {
      return false;
    }
    loop.counters.settled++;
    loop.counters.pending--;
    if (queue.size() > 0) {
      drain();
    }
    return true;
  }

  /** Sends what waits, as far as there is room for it. */
  void drain() {
    while (queue.size() > 0 && inflight.room() > 0 && !isCongested() && !ended) {
      SendQueue.Message message = queue.peek();
      queue.remove();
      if (message.expiresAt() <= loop.now) {
        loop.counters.lost(Loss.EXPIRED, 1);
        loop.counters.pending--;
        continue;
      }
      message.countDown(loop.now);
      ByteBuf to = buffer();
      int base = to.writerIndex();
      to.writeBytes(message.packet());
      to.setShort(base + message.packetIdAt(), inflight.acquire());
      loop.counters.sent[1]++;
    }
  }

  /** Whether so many bytes wait for the device that it gets no more for now. */
  private boolean isCongested() {
    int buffered = out == null ? 0 : out.readableBytes();
    if (buffered < outboundLimit / SQUEEZE && ctx.channel().isWritable()) {
      return false;
    }
    long waiting = buffered + inSocket();
    return waiting >= outboundLimit
        || (waiting >= outboundLimit / SQUEEZE && broker.outbound.isExceeded());
  }

  private long inSocket() {
    ChannelOutboundBuffer buffer = ctx.channel().unsafe().outboundBuffer();
    return buffer == null ? 0 : buffer.totalPendingWriteBytes();
  }

  /** The end of the turn: everything leaves in one write. */
  void flush() {
    dirty = false;
    if (ended) {
      return;
    }
    if (out != null) {
      int bytes = out.readableBytes();
      loop.counters.bytesSent += bytes;
      lastOut = Math.min(65_536, Math.max(256, bytes));
      ByteBuf whole = out;
      out = null;
      ctx.writeAndFlush(whole, ctx.voidPromise());
    } else {
      ctx.flush();
    }
    account();
    // deliveries stop at the bound: what goes beyond answers a device that does not read
    if (inSocket() > 2 * outboundLimit) {
      choked.run();
    }
  }

  private void account() {
    long waits = inSocket() + queue.bytes();
    if (waits != accounted) {
      broker.outbound.add(waits - accounted);
      accounted = waits;
    }
  }

  /** Each second: what a clogged socket took meanwhile. */
  void sweep() {
    account();
    drain();
  }
}
