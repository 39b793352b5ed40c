package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.mqtt.Decoder;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.session.Acks;
import io.busbar.session.Inflight;
import io.busbar.session.SendQueue;
import io.busbar.telemetry.Loss;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.WriteBufferWaterMark;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A device's connection: bytes in, bytes out, and what is on its way to the device. What its
 * packets mean is for {@link Protocol}.
 *
 * <p>Lives on one event loop. It is the only writer of its channel, so that packets keep their
 * order; all it writes in a turn leaves in one buffer.
 */
final class Connection extends ChannelInboundHandlerAdapter {
  private static final byte[] NOTHING = {};
  private static final int SMALL = 4096;

  /** A block this large is written without a copy. */
  private static final int SHARED_BLOCK_BYTES = 1024;

  /** How long a connection that was told to end may take to read that, in milliseconds. */
  private static final long FAREWELL = 3_000;

  /** A node whose budget is exceeded holds slow receivers to this part of their limits. */
  private static final int SQUEEZE = 16;

  private final Loop loop;
  private final Broker broker;
  private final Protocol protocol;
  private final long outboundLimit;
  private final long queueLimit;
  private final List<Runnable> onClosed = new ArrayList<>(0);
  private ChannelHandlerContext ctx;
  private long key;
  private byte[] partial = NOTHING;
  private int partialLength;
  private boolean paused;
  private boolean ending;
  private boolean closed;
  private long lastRead;
  private long closeBy;

  private ByteBuf out;
  private int lastOut = 256;
  private boolean dirty;
  private long accounted;
  private Inflight inflight;
  private final SendQueue queue;
  private long largestToSend = Long.MAX_VALUE;

  Connection(Loop loop, String remote) {
    this.loop = loop;
    this.broker = loop.broker;
    this.outboundLimit = broker.limits.get(Limit.OUTBOUND_BYTES);
    this.queueLimit = broker.limits.get(Limit.QUEUE_BYTES);
    this.queue = new SendQueue(broker.limits.intValue(Limit.QUEUE_MESSAGES));
    this.protocol = new Protocol(this, loop, remote);
    this.closeBy = loop.now + broker.limits.get(Limit.CONNECT_TIMEOUT) * 1_000;
  }

  // --- channel ---

  @Override
  public void handlerAdded(ChannelHandlerContext context) {
    ctx = context;
    key = loop.add(this);
    broker.connections.incrementAndGet();
    lastRead = loop.now;
    int high = (int) Math.min(Integer.MAX_VALUE, outboundLimit / SQUEEZE);
    context.channel().config().setWriteBufferWaterMark(new WriteBufferWaterMark(high / 2, high));
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    ByteBuf in = (ByteBuf) message;
    try {
      read(in);
    } finally {
      in.release();
    }
  }

  private void read(ByteBuf in) {
    int arrived = in.readableBytes();
    loop.tick();
    lastRead = loop.now;
    loop.counters.bytesReceived += arrived;
    if (ending || arrived == 0) {
      return;
    }
    int end = partialLength + arrived;
    byte[] buffer;
    if (end <= Loop.SCRATCH_BYTES) {
      buffer = loop.scratch;
      System.arraycopy(partial, 0, buffer, 0, partialLength);
    } else {
      if (partial.length < end) {
        // a large packet: grows as its bytes arrive, never on the word of its length alone
        partial = Arrays.copyOf(partial, Math.max(end, partial.length * 2));
      }
      buffer = partial;
    }
    in.readBytes(buffer, partialLength, arrived);
    keep(buffer, process(buffer, end), end);
    loop.schedule();
  }

  /** Handles whole packets and returns where the first one begins that was not handled. */
  private int process(byte[] buffer, int end) {
    int at = 0;
    try {
      while (at < end && !paused && !ending && protocol.isReady()) {
        int length = Decoder.packetLength(buffer, at, end);
        protocol.admit(buffer[at], length, end - at);
        if (length == Decoder.INCOMPLETE || at + length > end) {
          break;
        }
        protocol.packet(buffer, at, at + length);
        at += length;
      }
    } catch (MqttException e) {
      protocol.refuse(e, buffer, at, end);
      return end;
    } catch (RuntimeException e) {
      protocol.failed(e);
      return end;
    }
    return at;
  }

  private void keep(byte[] buffer, int from, int end) {
    int rest = ending ? 0 : end - from;
    if (rest == 0) {
      if (partial.length > SMALL) {
        partial = NOTHING;
      }
    } else if (buffer == partial) {
      System.arraycopy(partial, from, partial, 0, rest);
    } else {
      if (partial.length < rest) {
        partial = new byte[Math.max(256, Integer.highestOneBit(rest) << 1)];
      }
      System.arraycopy(buffer, from, partial, 0, rest);
    }
    partialLength = rest;
  }

  /** Stops reading; false if it had stopped before. */
  boolean pause() {
    if (paused || ending) {
      return false;
    }
    paused = true;
    ctx.channel().config().setAutoRead(false);
    return true;
  }

  /** Goes on with what has arrived and then reads again. Not to be called while parsing. */
  void resume() {
    paused = false;
    if (!closed && !ending) {
      keep(partial, process(partial, partialLength), partialLength);
      if (!paused && !ending) {
        ctx.channel().config().setAutoRead(true);
      }
      loop.schedule();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    if (!closed && context.channel().isWritable()) {
      drain();
    }
    context.fireChannelWritabilityChanged();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    protocol.broken(cause);
    abort();
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    close();
    context.fireChannelInactive();
  }

  private void close() {
    if (closed) {
      return;
    }
    closed = true;
    ending = true;
    if (out != null) {
      out.release();
      out = null;
    }
    partial = NOTHING;
    partialLength = 0;
    int undelivered = queue.size() + (inflight == null ? 0 : inflight.count());
    loop.counters.lost(Loss.SESSION_ENDED, undelivered);
    loop.counters.pending -= undelivered;
    broker.outbound.give(accounted);
    accounted = 0;
    broker.connections.decrementAndGet();
    loop.remove(key);
    protocol.closed();
    onClosed.forEach(Runnable::run);
    onClosed.clear();
    loop.schedule();
  }

  /** Calls back when the connection is closed; at once if it is. */
  void onClosed(Runnable then) {
    if (closed) {
      then.run();
    } else {
      onClosed.add(then);
    }
  }

  /** Writes what is there and closes; what the device sends from now on is not read. */
  void end() {
    if (ending) {
      return;
    }
    ending = true;
    closeBy = loop.now + FAREWELL;
    ByteBuf last = out == null ? Unpooled.EMPTY_BUFFER : out;
    out = null;
    loop.counters.bytesSent += last.readableBytes();
    ctx.writeAndFlush(last).addListener(ChannelFutureListener.CLOSE);
  }

  /** Closes without a word. */
  void abort() {
    ending = true;
    // a farewell that cannot be written is not waited for: the next sweep closes for good
    closeBy = loop.now;
    ctx.close();
  }

  /** Each second. */
  void sweep(long now) {
    if ((ending || !protocol.isOpen()) && now >= closeBy) {
      protocol.timedOut();
      abort();
    } else if (!ending) {
      protocol.sweep(now, lastRead);
      account();
      if (!closed && queue.size() > 0) {
        drain();
      }
    }
  }

  // --- what goes to the device ---

  /** The connection is open: how much the device is ready to take. */
  void opened(int receiveMaximum, long maximumPacketSize) {
    inflight = new Inflight(Math.min(receiveMaximum, broker.limits.intValue(Limit.INFLIGHT)));
    largestToSend = maximumPacketSize;
    closeBy = Long.MAX_VALUE;
  }

  /** The turn's buffer; it is written when the turn ends. */
  ByteBuf out() {
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
    if (ending) {
      return;
    }
    Counters counters = loop.counters;
    counters.matched++;
    MqttVersion version = protocol.version();
    if (largestToSend != Long.MAX_VALUE && message.writtenLength(version, qos) > largestToSend) {
      counters.lost(Loss.TOO_LARGE, 1);
    } else if (qos == 0) {
      if (isCongested()) {
        counters.lost(Loss.SLOW_RECEIVER, 1);
      } else {
        message.write(out(), version, 0);
        counters.sent[0]++;
      }
    } else {
      counters.pending++;
      if (canSend()) {
        ByteBuf to = out();
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
    if (ending) {
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
    ByteBuf to = out();
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
        out().writeBytes(block.bytes, start, length);
        counters.sent[0]++;
      }
    } else {
      counters.pending++;
      int packetIdAt = block.packetIdAt[i] - start;
      if (canSend()) {
        ByteBuf to = out();
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

  private void drain() {
    while (queue.size() > 0 && inflight.room() > 0 && !isCongested() && !ending) {
      SendQueue.Message message = queue.peek();
      queue.remove();
      if (message.expiresAt() <= loop.now) {
        loop.counters.lost(Loss.EXPIRED, 1);
        loop.counters.pending--;
        continue;
      }
      message.countDown(loop.now);
      ByteBuf to = out();
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
    if (ending) {
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
  }

  private void account() {
    long waits = inSocket() + queue.bytes();
    if (waits != accounted) {
      broker.outbound.add(waits - accounted);
      accounted = waits;
    }
  }

  // --- for the protocol, the loop and its streams ---

  /** Sends the acknowledgements that have nothing to wait for any more. */
  void sendAcks() {
    if (!ending) {
      protocol.sendAcks();
    }
  }

  void ack(Acks.Ack ack) {
    Encoder.ack(out(), protocol.version(), Packet.PUBACK, ack.packetId(), ack.reason());
  }

  /** Ends the connection for a reason that is the server's. */
  void end(ReasonCode reason, String text) {
    protocol.end(reason, text);
  }

  boolean isEnding() {
    return ending;
  }

  long key() {
    return key;
  }

  MqttVersion version() {
    return protocol.version();
  }

  Bus.Publisher publisher() {
    return protocol.publisher();
  }

  /** The client's Maximum Packet Size. */
  long largestToSend() {
    return largestToSend;
  }

  /** Its channel, for what TLS knows of the device. */
  ChannelHandlerContext context() {
    return ctx;
  }
}
