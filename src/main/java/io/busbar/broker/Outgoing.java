package io.busbar.broker;

import io.busbar.config.Limit;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.session.AliasAssigner;
import io.busbar.session.Inflight;
import io.busbar.session.SendQueue;
import io.busbar.shard.Delivery;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.WriteBufferWaterMark;
import java.nio.ByteBuffer;
import java.util.Set;

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
  private final Runnable overflowed;
  private final Runnable drained;
  private ChannelHandlerContext ctx;
  private MqttVersion version = MqttVersion.V3_1_1;
  private Inflight inflight;
  private AliasAssigner aliases;
  private boolean isStored;

  /** Where its counts begin ({@link Dialect#base}). */
  private int place;

  private final HandedOn handed;

  /** How much it gets in a second, or null. */
  private final Throttle throttle;

  /** Topics of messages since a page of retained messages was asked for, or null. */
  private Set<ByteBuffer> live;

  /** Tells people who look at the client; null while nobody does. */
  private Tracer tracer;

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
   * @param overflowed told when the queue is full and the device is to be disconnected for it
   * @param drained told when nothing waits any more and more may be sent
   */
  Outgoing(Loop loop, Runnable choked, Runnable overflowed, Runnable drained) {
    this.loop = loop;
    this.choked = choked;
    this.overflowed = overflowed;
    this.drained = drained;
    this.broker = loop.broker;
    this.outboundLimit = broker.limits.get(Limit.OUTBOUND_BYTES);
    this.queueLimit = broker.limits.get(Limit.QUEUE_BYTES);
    this.handed = new HandedOn(loop);
    this.throttle =
        Throttle.of(broker.limits, Limit.DELIVER_MESSAGES, Limit.DELIVER_BYTES, loop.now);
    this.queue = new SendQueue(broker.limits.intValue(Limit.QUEUE_MESSAGES));
  }

  /** The channel that it writes to, as its only writer. */
  void attach(ChannelHandlerContext context) {
    ctx = context;
    int high = (int) Math.min(Integer.MAX_VALUE, outboundLimit / SQUEEZE);
    context.channel().config().setWriteBufferWaterMark(new WriteBufferWaterMark(high / 2, high));
  }

  /** The device is let in: what it speaks and how much it is ready to take. */
  void opened(MqttVersion speaks, Dialect dialect, Receiver receiver) {
    version = speaks;
    place = dialect.base();
    inflight = new Inflight(receiver.window());
    largestToSend = receiver.maximumPacketSize();
    isStored = receiver.stored();
    if (receiver.aliases() > 0) {
      aliases = new AliasAssigner(receiver.aliases());
    }
  }

  /**
   * How much a device is ready to take.
   *
   * @param window QoS 1 and 2 messages in flight
   * @param maximumPacketSize bytes
   * @param aliases topic aliases that may be assigned
   * @param stored whether its session is stored: then nothing is queued here
   */
  record Receiver(int window, long maximumPacketSize, int aliases, boolean stored) {}

  /** Whether its packets differ from those of others because topics get aliases. */
  boolean assignsAliases() {
    return aliases != null;
  }

  /** Tells people from now on, or nobody any more: null. */
  void trace(Tracer by) {
    tracer = by;
  }

  /** The client's Maximum Packet Size. */
  long largestToSend() {
    return largestToSend;
  }

  /** Takes what is still to be written; nothing is sent after it. */
  ByteBuf last() {
    ended = true;
    ByteBuf last = out == null ? Unpooled.EMPTY_BUFFER : out;
    if (tracer != null) {
      tracer.sent(last);
    }
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
    if (!isStored) {
      int undelivered = queue.size() + (inflight == null ? 0 : inflight.count());
      int handedOn = handed.handOn(queue);
      loop.counters.lost(Loss.SESSION_ENDED, undelivered - handedOn);
      loop.counters.settled += handedOn;
      loop.counters.pending -= undelivered;
    }
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

  /**
   * Sends a message, or queues it, or enters it in the ledger.
   *
   * @param retain the RETAIN flag that the device gets
   * @param ids the subscription identifiers that it gets
   * @param share the shared subscription that chose it, or null
   * @return whether it was sent
   */
  boolean deliver(
      Publish message, Topic topic, int qos, boolean retain, int[] ids, Share.Key share) {
    if (ended) {
      return false;
    }
    if (live != null) {
      live.add(ByteBuffer.wrap(topic.name));
    }
    Counters counters = loop.counters;
    counters.matched++;
    if (largestToSend != Long.MAX_VALUE
        && message.writtenLength(version, qos, ids) > largestToSend) {
      counters.lost(Loss.TOO_LARGE, 1);
      lost(Loss.TOO_LARGE, topic);
    } else if (qos == 0) {
      if (!isDropped(topic)) {
        write(message, topic, 0, retain, ids);
        sent(message, 0, retain, ids);
        return true;
      }
    } else {
      counters.pending++;
      HandedOn.Message original = share == null ? null : handed.of(message, share);
      if (canSend()) {
        int packetIdAt = write(message, topic, qos, retain, ids);
        int packetId = inflight.acquire(qos);
        out.setShort(packetIdAt, packetId);
        sent(message, qos, retain, ids);
        handed.sent(packetId, qos, original);
        return true;
      } else {
        ByteBuf copy = Unpooled.buffer(message.writtenLength(version, qos, ids));
        int packetIdAt = message.write(copy, version, qos, retain, ids);
        enqueue(
            new SendQueue.Message(
                copy.array(),
                packetIdAt,
                message.writtenExpiryAt(),
                Loop.expiresAt(message, loop.now),
                original));
      }
    }
    return false;
  }

  /** Writes a message to the device, under an alias where it has one. */
  private int write(Publish message, Topic topic, int qos, boolean retain, int[] ids) {
    ByteBuf to = buffer();
    if (aliases != null && isRoomForAlias(message, qos, ids)) {
      int alias = aliases.assign(topic.name, topic.hash);
      if (alias != 0) {
        return message.write(to, qos, retain, ids, Math.abs(alias), alias < 0);
      }
    }
    return message.write(to, version, qos, retain, ids);
  }

  /** An alias that is set up makes the packet larger. */
  private boolean isRoomForAlias(Publish message, int qos, int[] ids) {
    return largestToSend == Long.MAX_VALUE
        || message.writtenLength(version, qos, ids) + 5 <= largestToSend;
  }

  /** Sends a block of messages that other connections get too. */
  void deliver(FanOut.Block block) {
    if (ended) {
      return;
    }
    if (live != null) {
      live.add(ByteBuffer.wrap(block.topic.name));
    }
    boolean whole =
        throttle == null
            && block.largest <= largestToSend
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
    counters.sent[place] += block.count - block.acknowledged;
    if (block.acknowledged == 0 && block.bytes.readableBytes() >= SHARED_BLOCK_BYTES) {
      if (tracer != null) {
        tracer.sent(out == null ? Unpooled.EMPTY_BUFFER : out);
        tracer.sent(block.bytes);
      }
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
          int qos = block.qosOf[i];
          to.setShort(base + block.packetIdAt[i], inflight.acquire(qos));
          counters.sent[place + (qos << 1)]++;
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
      lost(Loss.TOO_LARGE, block.topic);
    } else if (!acknowledged) {
      if (!isDropped(block.topic)) {
        buffer().writeBytes(block.bytes, start, length);
        sent(0, false, length);
      }
    } else {
      counters.pending++;
      int packetIdAt = block.packetIdAt[i] - start;
      if (canSend()) {
        ByteBuf to = buffer();
        int base = to.writerIndex();
        to.writeBytes(block.bytes, start, length);
        to.setShort(base + packetIdAt, inflight.acquire(block.qosOf[i]));
        sent(block.qosOf[i], false, length);
      } else {
        byte[] packet = new byte[length];
        block.bytes.getBytes(start, packet);
        int expiryAt = block.expiryAt[i] < 0 ? -1 : block.expiryAt[i] - start;
        enqueue(new SendQueue.Message(packet, packetIdAt, expiryAt, block.expiresAt[i], null));
      }
    }
  }

  /** Whether a QoS 0 message is not sent, and entered in the ledger. */
  private boolean isDropped(Topic topic) {
    Limit reached = throttle == null ? null : throttle.reached(loop.now);
    if (reached != null) {
      broker.telemetry.count(Meter.THROTTLED, reached.key());
      loop.counters.lost(Loss.RECEIVER_THROTTLED, 1);
      lost(Loss.RECEIVER_THROTTLED, topic);
    } else if (isCongested()) {
      loop.counters.lost(Loss.SLOW_RECEIVER, 1);
      lost(Loss.SLOW_RECEIVER, topic);
    } else {
      return false;
    }
    return true;
  }

  /** Tells who looks of a message that the device does not get. */
  private void lost(Loss loss, Topic topic) {
    if (tracer != null) {
      tracer.lost(loss, topic);
    }
  }

  private void sent(Publish message, int qos, boolean retain, int[] ids) {
    sent(qos, retain, throttle == null ? 0 : message.writtenLength(version, qos, ids));
  }

  private void sent(int qos, boolean retain, int length) {
    loop.counters.sent[place + (qos << 1) + (retain ? 1 : 0)]++;
    if (throttle != null) {
      throttle.passed(length);
    }
  }

  /** Whether a QoS 1 or 2 message would be sent now. */
  private boolean canSend() {
    return queue.size() == 0 && inflight.room() > 0 && !isCongested();
  }

  /** Whether it takes a message without queueing it. */
  boolean isReady() {
    return !ended && canSend();
  }

  /** How many QoS 1 and 2 messages may be sent before one is settled. */
  int room() {
    return inflight.room();
  }

  private void enqueue(SendQueue.Message message) {
    long most = broker.outbound.isExceeded() ? queueLimit / SQUEEZE : queueLimit;
    if (tracer != null) {
      tracer.queued(message.packet());
    }
    switch (broker.limits.overflow()) {
      case DROP_OLDEST -> dropped(queue.add(message, most));
      case DROP_NEWEST, REFUSE -> dropped(queue.offer(message, most) ? 0 : 1);
      case END_SESSION -> {
        if (!queue.offer(message, most)) {
          dropped(1);
          overflowed.run();
        }
      }
    }
    if (!dirty) {
      // the turn's end accounts for what waits
      dirty = true;
      loop.markDirty(this);
    }
  }

  private void dropped(int messages) {
    if (tracer != null && messages > 0) {
      tracer.dropped(messages);
    }
    loop.counters.lost(Loss.QUEUE_FULL, messages);
    loop.counters.pending -= messages;
  }

  /** PUBACK: false if no QoS 1 message of this identifier is in flight. */
  boolean acknowledged(int packetId) {
    return inflight.acknowledged(packetId) && settled(packetId);
  }

  /** PUBREC that is no error: false if no QoS 2 message of this identifier is in flight. */
  boolean received(int packetId) {
    return inflight.received(packetId);
  }

  /** PUBREC that is an error: false if no QoS 2 message of this identifier is in flight. */
  boolean rejected(int packetId) {
    return inflight.rejected(packetId) && settled(packetId);
  }

  /** PUBCOMP: false if no QoS 2 message of this identifier was received. */
  boolean completed(int packetId) {
    return inflight.completed(packetId) && settled(packetId);
  }

  private boolean settled(int packetId) {
    if (!isStored) {
      // a stored session's is settled when the store knows
      loop.counters.settled++;
      loop.counters.pending--;
    }
    handed.settled(packetId);
    drain();
    return true;
  }

  /**
   * Sends a message of a stored session under the identifier that its inbox gave it.
   *
   * @param secondsLeft of its Message Expiry Interval, if it has one
   * @return false if nothing can be sent now
   */
  boolean send(Publish message, Delivery delivery, long secondsLeft) {
    // an identifier comes round while its last message is still in flight: that one goes first
    if (ended || !canSend() || !inflight.take(delivery.packetId(), delivery.qos())) {
      return false;
    }
    ByteBuf to = buffer();
    int at = to.writerIndex();
    int packetIdAt = message.write(to, version, delivery.qos(), delivery.retain(), delivery.ids());
    if (message.writtenExpiryAt() >= 0) {
      to.setInt(message.writtenExpiryAt(), (int) secondsLeft);
    }
    if (delivery.sent()) {
      to.setByte(at, to.getByte(at) | 0x08);
    }
    to.setShort(packetIdAt, delivery.packetId());
    loop.counters.sentLater++;
    sent(delivery.qos(), delivery.retain(), to.writerIndex() - at);
    return true;
  }

  /** Sends PUBREL for a message that was received before the session was resumed. */
  boolean release(int packetId) {
    if (ended || !canSend() || !inflight.take(packetId, 2)) {
      return false;
    }
    inflight.received(packetId);
    Encoder.ack(buffer(), version, Packet.PUBREL, packetId, ReasonCode.SUCCESS);
    return true;
  }

  /** Remembers, from now on, which topics the device gets messages of; forgets that with null. */
  void watch(Set<ByteBuffer> topics) {
    live = topics;
  }

  /** Sends what waits, as far as there is room for it. */
  void drain() {
    while (queue.size() > 0 && inflight.room() > 0 && !isCongested() && !ended) {
      SendQueue.Message message = queue.peek();
      queue.remove();
      if (message.expiresAt() <= loop.now) {
        loop.counters.lost(Loss.EXPIRED, 1);
        loop.counters.pending--;
        if (tracer != null) {
          tracer.lost(Loss.EXPIRED, message.packet(), version);
        }
        continue;
      }
      message.countDown(loop.now);
      ByteBuf to = buffer();
      int base = to.writerIndex();
      to.writeBytes(message.packet());
      int qos = message.qos();
      int packetId = inflight.acquire(qos);
      to.setShort(base + message.packetIdAt(), packetId);
      loop.counters.sentLater++;
      sent(qos, (message.packet()[0] & 1) == 1, message.packet().length);
      handed.sent(packetId, qos, (HandedOn.Message) message.tag());
    }
    if (!ended && queue.size() == 0 && !isCongested()) {
      drained.run();
    }
  }

  /** Whether it gets no more for now: so many bytes wait for it, or it had so many messages. */
  private boolean isCongested() {
    if (throttle != null && throttle.reached(loop.now) != null) {
      return true;
    }
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
      if (tracer != null) {
        tracer.sent(out);
      }
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
