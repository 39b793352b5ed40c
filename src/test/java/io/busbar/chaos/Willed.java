package io.busbar.chaos;

import io.netty.buffer.ByteBuf;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Random;

/**
 * A device with a will, which is another message at each connection; it comes and goes, often
 * without a word. The will of a connection that ended so is taken as a message that was
 * acknowledged: it is to come to every durable session, once.
 */
final class Willed extends Client {
  private static final int EXPIRY_SECONDS = 3_600;
  private static final int MOST_MILLIS = 6_000;

  private final long run;
  private final int number;
  private final Sent wills;
  private final Random random;
  private int last = -1;
  private boolean roams;

  /**
   * A device that is not connected yet.
   *
   * @param number of the stream
   * @param wills its stream
   */
  Willed(
      Loop loop,
      String id,
      List<InetSocketAddress> nodes,
      int node,
      long run,
      int number,
      Sent wills,
      long seed) {
    super(loop, id, nodes, node);
    this.run = run;
    this.number = number;
    this.wills = wills;
    this.random = new Random(seed);
  }

  /** Begins or ends to come and go. */
  void roam(boolean on) {
    if (on && !roams) {
      loop.after(random.nextInt(MOST_MILLIS), this::move);
    }
    roams = on;
    come();
  }

  private void move() {
    if (!roams) {
      return;
    }
    if (isOpen()) {
      leave(random.nextInt(3) == 0);
    } else {
      come();
    }
    loop.after(random.nextInt(MOST_MILLIS), this::move);
  }

  @Override
  void connect(ByteBuf to) {
    last = wills.next();
    Wire.connectWithWill(
        to, id, EXPIRY_SECONDS, wills.topic, wills.qos, new Message(run, number, last).payload());
  }

  @Override
  void connected(boolean present, int receiveMaximum) {}

  @Override
  void disconnected(boolean politely) {
    if (!politely) {
      wills.acknowledged(last);
    }
  }

  @Override
  void packet(int first, ByteBuf body) {}
}
