package io.busbar.store;

import io.busbar.store.Channel.Count;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.SocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Another node as this one sends to it: its queue, and the connection that is made again and again.
 * {@link #send} is for any thread, all else for the channel's context.
 */
final class ChannelPeer implements Link.Owner {
  private static final Logger LOG = LoggerFactory.getLogger(Channel.class);

  /** What one write takes at most, when more than one frame waits. */
  private static final int WRITE_BYTES = 256 * 1024;

  /** What one turn of the loop writes at most: the sockets of others wait meanwhile. */
  private static final int TURN_BYTES = 4 << 20;

  /** Doublings beyond which the wait is the longest whatever it was. */
  private static final int MAX_DOUBLINGS = 20;

  private final Channel.Common common;
  private final String node;
  private final SocketAddress address;

  private final Queue<Frame> frames = new ConcurrentLinkedQueue<>();
  private final AtomicLong queued = new AtomicLong();
  private final AtomicBoolean due = new AtomicBoolean();
  private volatile boolean up;

  private Link link;
  private int attempts;
  private long retry = -1;
  private boolean gone;
  private String trouble;

  ChannelPeer(Channel.Common common, String node, SocketAddress address) {
    this.common = common;
    this.node = node;
    this.address = address;
  }

  String node() {
    return node;
  }

  SocketAddress address() {
    return address;
  }

  boolean isUp() {
    return up;
  }

  long queued() {
    return queued.get();
  }

  /** Queues a frame, or drops it and returns false. */
  boolean send(Frame frame) {
    if (!up) {
      common.counters().add(Count.DROPPED_UNREACHABLE, 1);
      return false;
    }
    if (queued.addAndGet(frame.bytes()) > common.settings().queueBytes()) {
      queued.addAndGet(-frame.bytes());
      common.counters().add(Count.DROPPED_FULL, 1);
      return false;
    }
    frames.add(frame);
    if (due.compareAndSet(false, true)) {
      common.context().runOnContext(turn -> flush());
    }
    return true;
  }

  private void flush() {
    due.set(false);
    int turn = 0;
    List<Frame> batch = new ArrayList<>();
    while (turn < TURN_BYTES) {
      int bytes = 0;
      Frame frame;
      while ((frame = frames.peek()) != null
          && (bytes == 0 || bytes + frame.bytes() <= WRITE_BYTES)) {
        frames.remove();
        batch.add(frame);
        bytes += frame.bytes();
      }
      if (batch.isEmpty()) {
        return;
      }
      if (up) {
        write(batch, bytes);
      } else {
        queued.addAndGet(-bytes);
        common.counters().add(Count.DROPPED_LOST, batch.size());
      }
      turn += bytes;
      batch.clear();
    }
    if (due.compareAndSet(false, true)) {
      common.context().runOnContext(next -> flush());
    }
  }

  private void write(List<Frame> batch, int bytes) {
    Buffer out = Buffer.buffer(bytes);
    for (Frame frame : batch) {
      frame.write(out);
    }
    common.counters().add(Count.FRAMES_SENT, batch.size());
    common.counters().add(Count.BYTES_SENT, bytes);
    link.write(out, () -> queued.addAndGet(-bytes));
  }

  void dial() {
    retry = -1;
    common
        .client()
        .connect(address)
        .onComplete(
            socket -> {
              if (gone) {
                socket.close();
              } else {
                link = new Link(socket, this, common);
                greet();
              }
            },
            e -> ended(null, Link.reason(e)));
  }

  private void greet() {
    if (common.settings().tls().isPresent()) {
      String refusal =
          ChannelTls.refusal(link.socket(), common.settings().tls().get(), address.host());
      if (refusal != null) {
        common.counters().add(Count.REFUSED_CERTIFICATE, 1);
        link.close(refusal);
        return;
      }
    }
    link.write(new Frame(Frame.HELLO, 0, Hello.of(common.cluster(), common.self(), node).encode()));
  }

  @Override
  public void greeted(Link from, Hello hello) {
    Channel.Refusal refusal = Channel.refusal(hello, common.cluster(), common.self());
    if (refusal == null && !hello.node().equals(node)) {
      refusal = new Channel.Refusal(Count.REFUSED_NODE, "it is node " + hello.node());
    }
    if (refusal != null) {
      common.counters().add(refusal.count(), 1);
      from.close(refusal.why());
      return;
    }
    up = true;
    trouble = null;
    common.counters().add(Count.CONNECTED, 1);
    LOG.info("channel to a node is up: node={} address={}", node, address);
  }

  @Override
  public void took(Link from, Frame frame) {
    common.counters().add(Count.REFUSED_GARBAGE, 1);
    from.close("it sent a frame where it only answers");
  }

  @Override
  public void ended(Link from, String why) {
    if (up) {
      common.counters().add(Count.LOST, 1);
    }
    up = false;
    if (from != null && from.isProven()) {
      attempts = 0;
    }
    link = null;
    if (gone) {
      return;
    }
    if (!why.equals(trouble)) { // the same again and again is one line
      LOG.warn("no channel to a node: node={} address={} because={}", node, address, why);
      trouble = why;
    }
    retry = common.vertx().setTimer(wait(attempts++), timer -> dial());
  }

  /** Doubles, and differs between nodes so that they do not come all at once. */
  private long wait(int attempt) {
    ChannelSettings settings = common.settings();
    long doubled = (long) settings.retryLeastMillis() << Math.min(attempt, MAX_DOUBLINGS);
    long most = Math.min(doubled, settings.retryMostMillis());
    return Math.max(1, most / 2 + common.random().nextLong(most / 2 + 1));
  }

  void tick() {
    if (link != null) {
      link.tick();
    }
  }

  /** Is no peer any more. */
  void leave() {
    gone = true;
    up = false;
    if (retry >= 0) {
      common.vertx().cancelTimer(retry);
    }
    if (link != null) {
      link.close("this node closed it");
    }
  }
}
