package io.busbar.broker;

import io.busbar.config.Limit;
import io.busbar.telemetry.Meter;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.ssl.SslHandler;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;

/**
 * The TLS handshakes of one event loop. One costs as much as thousands of messages: when many come
 * at once, a few begin, then what else has arrived is served, then the next few begin. Those that
 * wait cost a socket; beyond a bound, or while the node is short of something, connections are
 * closed before anything was spent on them.
 */
final class Handshakes {
  /** How many begin together: some milliseconds of a processor. */
  private static final int BEGUN_TOGETHER = 4;

  /** When the next few begin, in milliseconds: at once, but for what has arrived meanwhile. */
  private static final long APART = 1;

  private final Loop loop;
  private final Broker broker;
  private final long seconds;
  private final ArrayDeque<Waiting> waiting = new ArrayDeque<>();
  private int begun;
  private boolean goesOn;

  Handshakes(Loop loop) {
    this.loop = loop;
    this.broker = loop.broker;
    this.seconds = broker.limits.get(Limit.CONNECT_TIMEOUT);
  }

  /**
   * Has a connection do its handshake, now or soon.
   *
   * @param done called once it has; if it fails, the channel is closed and nothing is called
   */
  void add(Channel channel, Tls tls, Runnable done) {
    if (broker.pressure.why() != null
        || broker.handshakes.get() >= broker.limits.get(Limit.PENDING_CONNECTS)) {
      shed(channel);
      return;
    }
    broker.handshakes.incrementAndGet();
    // it is not read until it is its turn: what it sends stays with the system
    channel.config().setAutoRead(false);
    waiting.add(new Waiting(channel, tls, done, loop.now + seconds * 1_000));
    next();
  }

  private void shed(Channel channel) {
    broker.telemetry.count(Meter.SHED, "handshake");
    channel.close();
  }

  private void next() {
    while (begun < BEGUN_TOGETHER && !waiting.isEmpty()) {
      begun++;
      begin(waiting.poll());
    }
    if (begun > 0 && !goesOn) {
      goesOn = true;
      // a task of now would run before what has arrived is read
      loop.eventLoop.schedule(this::goOn, APART, TimeUnit.MILLISECONDS);
    }
  }

  private void goOn() {
    goesOn = false;
    begun = 0;
    loop.tick();
    next();
  }

  private void begin(Waiting one) {
    if (!one.channel.isActive()) {
      broker.handshakes.decrementAndGet();
      return;
    }
    if (one.until < loop.now) {
      // its client has given up, or is about to
      broker.handshakes.decrementAndGet();
      shed(one.channel);
      return;
    }
    SslHandler handler = one.tls.handler(one.channel.alloc(), Math.max(1, one.until - loop.now));
    Failures failures = new Failures();
    one.channel.pipeline().addFirst(handler, failures);
    handler
        .handshakeFuture()
        .addListener(
            handshake -> {
              broker.handshakes.decrementAndGet();
              if (handshake.isSuccess()) {
                one.channel.pipeline().remove(failures);
                one.done.run();
              } else {
                broker.telemetry.count(Meter.PACKETS_REFUSED, "tls_handshake");
                one.channel.close();
              }
            });
    one.channel.config().setAutoRead(true);
  }

  private record Waiting(Channel channel, Tls tls, Runnable done, long until) {}

  /** What a handshake fails of is told by its future, and is nothing for the handlers behind. */
  private static final class Failures extends ChannelInboundHandlerAdapter {
    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      context.close();
    }
  }
}
