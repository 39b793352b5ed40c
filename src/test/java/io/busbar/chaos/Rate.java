package io.busbar.chaos;

import java.util.concurrent.TimeUnit;

/** So many a second, for queues of sessions that are away have bounds; 0 is no limit. */
final class Rate {
  private static final long BURST_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private final long nanosEach;
  private long nextAt;

  Rate(double perSecond) {
    nanosEach = perSecond == 0 ? 0 : (long) (TimeUnit.SECONDS.toNanos(1) / perSecond);
  }

  /** Whether one more may go at this time, which then has gone. */
  boolean take(long now) {
    if (nanosEach == 0) {
      return true;
    }
    if (nextAt < now - BURST_NANOS || nextAt == 0) {
      nextAt = now - BURST_NANOS;
    }
    if (nextAt > now) {
      return false;
    }
    nextAt += nanosEach;
    return true;
  }
}
