package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.mqtt.Decoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission;
import io.busbar.session.Acks;
import io.busbar.shard.Effect;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.ssl.SslHandler;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
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

  /** How long a connection that was told to end may take to read that, in milliseconds. */
  private static final long FAREWELL = 3_000;

  /** Why a connection is not read for now. */
  enum Pause {
    /** Its CONNECT is being judged. */
    OPENING,
    /** A stream to another loop or node that it feeds has no credit. */
    NO_CREDIT,
    /** Its subscriptions wait for the matching verticle. */
    SUBSCRIBING,
    /** The answers to what it sends pile up, because it does not read them. */
    CHOKED,
    /** The node may not serve, as far as it knows. */
    NO_LEASE
  }

  private final Loop loop;
  private final Broker broker;
  private final Protocol protocol;
  private final Outgoing outgoing;
  private final byte[] address;
  private final List<Runnable> onClosed = new ArrayList<>(0);
  private ChannelHandlerContext ctx;
  private long key;
  private byte[] partial = NOTHING;
  private int partialLength;
  private final EnumSet<Pause> pauses = EnumSet.noneOf(Pause.class);
  private boolean ending;
  private boolean left;
  private boolean closed;
  private Route route;

  /** Tells people who look at its client; null while nobody does. */
  private Tracer tracer;

  private long lastRead;
  private long closeBy;

  /**
   * A connection that was accepted.
   *
   * @param address where it comes from
   * @param isWebSocket whether its bytes come in frames
   */
  Connection(Loop loop, String remote, byte[] address, boolean isWebSocket) {
    this.loop = loop;
    this.address = address;
    this.broker = loop.broker;
    this.outgoing =
        new Outgoing(
            loop,
            () -> pause(Pause.CHOKED),
            () -> end(ReasonCode.QUOTA_EXCEEDED, "its queue is full"),
            this::drained);
    this.protocol = new Protocol(this, loop, remote, isWebSocket);
    this.closeBy = loop.now + broker.limits.get(Limit.CONNECT_TIMEOUT) * 1_000;
  }

  // --- channel ---

  @Override
  public void handlerAdded(ChannelHandlerContext context) {
    ctx = context;
    key = loop.add(this);
    broker.connections.incrementAndGet();
    lastRead = loop.now;
    outgoing.attach(context);
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
    if (!loop.serves()) {
      pause(Pause.NO_LEASE);
    }
    keep(buffer, process(buffer, end), end);
    loop.schedule();
  }

  /** Handles whole packets and returns where the first one begins that was not handled. */
  private int process(byte[] buffer, int end) {
    int at = 0;
    loop.reads();
    try {
      while (at < end && pauses.isEmpty() && !ending && protocol.isReady(buffer[at])) {
        int length = Decoder.packetLength(buffer, at, end);
        protocol.admit(buffer[at], length, end - at);
        if (length == Decoder.INCOMPLETE || at + length > end) {
          break;
        }
        if (tracer != null) {
          tracer.received(buffer, at, at + length);
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

  /** Stops reading for a reason; false if it is one already or the connection is ending. */
  boolean pause(Pause reason) {
    if (ending || !pauses.add(reason)) {
      return false;
    }
    ctx.channel().config().setAutoRead(false);
    return true;
  }

  /**
   * A reason is gone: with the last one, goes on with what has arrived and then reads again. Not to
   * be called while parsing.
   */
  void resume(Pause reason) {
    boolean isRemoved = pauses.remove(reason);
    if (isRemoved && reason == Pause.NO_LEASE) {
      lastRead = loop.now;
    }
    if (isRemoved && pauses.isEmpty() && !closed && !ending) {
      keep(partial, process(partial, partialLength), partialLength);
      if (pauses.isEmpty() && !ending) {
        ctx.channel().config().setAutoRead(true);
      }
      loop.schedule();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    if (context.channel().isWritable()) {
      outgoing.drain();
      if (pauses.contains(Pause.CHOKED)) {
        // later: a flush may end here, and so may the parsing that led to it
        loop.execute(() -> resume(Pause.CHOKED));
      }
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
    leave();
    broker.connections.decrementAndGet();
    loop.remove(key);
  }

  /** The device has been told all that it will be: its session is free. */
  private void leave() {
    if (left) {
      return;
    }
    left = true;
    ending = true;
    partial = NOTHING;
    partialLength = 0;
    outgoing.close();
    protocol.closed();
    onClosed.forEach(Runnable::run);
    onClosed.clear();
    loop.schedule();
  }

  /** Calls back when nothing is sent to the device any more; at once if that is so. */
  void onClosed(Runnable then) {
    if (left) {
      then.run();
    } else {
      onClosed.add(then);
    }
  }

  /**
   * Writes what is there and closes. What the device sends from now on is thrown away, until it
   * closes too or its time is over: bytes that were left unread would reset the connection, and it
   * might never read why.
   */
  void end() {
    if (ending) {
      return;
    }
    if (!loop.serves()) {
      // no acknowledgement may leave
      abort();
      return;
    }
    ending = true;
    closeBy = loop.now + FAREWELL;
    ctx.channel().config().setAutoRead(true);
    ctx.writeAndFlush(outgoing.last()).addListener(written -> farewell(written.isSuccess()));
  }

  private void farewell(boolean isWritten) {
    leave();
    if (!isWritten || !(ctx.channel() instanceof DuplexChannel channel)) {
      ctx.close();
      return;
    }
    WebSockets.sayEnd(ctx);
    SslHandler tls = ctx.pipeline().get(SslHandler.class);
    if (tls == null) {
      channel.shutdownOutput();
    } else {
      tls.closeOutbound().addListener(told -> channel.shutdownOutput());
    }
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
      if (!left) {
        protocol.timedOut();
      }
      if (now >= closeBy) {
        abort();
      }
    } else if (!ending) {
      // what is not read because this node may not serve is not the device's silence
      protocol.sweep(now, pauses.contains(Pause.NO_LEASE) ? now : lastRead);
      outgoing.sweep();
    }
  }

  // --- for the protocol, the loop and its streams ---

  /** Its CONNECT is as it should be: from now on the server is waited for. */
  void awaited(long millis) {
    closeBy = loop.now + millis;
  }

  /** The connection is open: how much the device is ready to take. */
  void opened(Outgoing.Receiver receiver) {
    outgoing.opened(protocol.version(), protocol.dialect(), receiver);
    closeBy = Long.MAX_VALUE;
  }

  /** The device has taken what there was: more may come. */
  void drained() {
    protocol.drained();
  }

  /** A delivery is in the inbox of its session. */
  void bell(Effect.Bell bell) {
    protocol.bell(bell);
    loop.schedule();
  }

  /** The node was taken for gone, or does not know what goes on: the device has to come again. */
  void disowned() {
    end(ReasonCode.SERVER_UNAVAILABLE, "the node was cut off from the others");
  }

  /** Clients may come from other addresses now. */
  void networkChanged() {
    if (!broker.network.allows(address)) {
      protocol.forbidden();
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event == WebSockets.CLOSED_BY_CLIENT) {
      protocol.saidGoodbye();
    }
    context.fireUserEventTriggered(event);
  }

  /** What it was let in by, or null: before that, or where nobody is judged. */
  Admission.Granted granted() {
    return protocol.granted();
  }

  /** Its client's rights are others now, or it has none any more. */
  void judged(Admission now) {
    protocol.judged(now);
  }

  /** Messages and packets for the device. */
  Outgoing outgoing() {
    return outgoing;
  }

  /** The route of topics that only a subscription of this connection has, or null: see there. */
  Route route() {
    return route;
  }

  void route(Route ofOneSubscription) {
    route = ofOneSubscription;
  }

  /** Who tells people that look at its client, or null. */
  Tracer tracer() {
    return tracer;
  }

  /** Tells people from now on, or nobody any more: null. */
  void trace(Tracer by) {
    tracer = by;
    outgoing.trace(by);
  }

  /** What its client is and does, for people. */
  Protocol protocol() {
    return protocol;
  }

  /** The turn's buffer for the device. */
  ByteBuf out() {
    return outgoing.buffer();
  }

  /** Sends the acknowledgements that have nothing to wait for any more. */
  void sendAcks() {
    if (!ending) {
      protocol.sendAcks();
    }
  }

  /** A message was not taken, whose acknowledgement may have to wait for earlier ones. */
  void notTaken(Acks.Ack ack) {
    protocol.notTaken(ack);
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

  /** Its channel, for what TLS knows of the device. */
  ChannelHandlerContext context() {
    return ctx;
  }
}
