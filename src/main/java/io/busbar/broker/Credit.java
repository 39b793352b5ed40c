package io.busbar.broker;

import java.util.ArrayList;
import java.util.List;

/**
 * The bytes that may be on their way from one event loop to one receiver. When they are used up,
 * the publishers that feed the stream are not read, for a second at most.
 */
final class Credit {
  /** After this long without credit, in milliseconds, the publishers are let on. */
  private static final long PATIENCE = 1_000;

  private final Loop loop;
  private final long limit;
  private final List<Connection> paused = new ArrayList<>(0);
  private long used;
  private long blockedSince = -1;

  Credit(Loop loop, long limit) {
    this.loop = loop;
    this.limit = limit;
  }

  /** Bytes that may be on their way. */
  long limit() {
    return limit;
  }

  /**
   * Takes bytes, beyond the limit too.
   *
   * @param feeder the publisher that is paused then, or null
   */
  void take(long bytes, Connection feeder) {
    used += bytes;
    if (used > limit) {
      if (blockedSince < 0) {
        blockedSince = loop.now;
      }
      if (feeder != null && feeder.pause(Connection.Pause.NO_CREDIT)) {
        paused.add(feeder);
      }
    }
  }

  /** Bytes were taken by the receiver. */
  void give(long bytes) {
    used -= bytes;
    if (blockedSince >= 0 && used <= limit / 2) {
      blockedSince = -1;
      resume();
    }
  }

  /** Whether there has been none for longer than publishers are held. */
  boolean isExhausted() {
    return blockedSince >= 0 && loop.now - blockedSince > PATIENCE;
  }

  /** Each second. */
  void sweep() {
    if (isExhausted()) {
      resume();
    }
  }

  private void resume() {
    List<Connection> waiting = new ArrayList<>(paused);
    paused.clear();
    waiting.forEach(publisher -> publisher.resume(Connection.Pause.NO_CREDIT));
  }
}
