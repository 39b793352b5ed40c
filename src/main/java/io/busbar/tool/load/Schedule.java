package io.busbar.tool.load;

import java.util.concurrent.TimeUnit;

/**
 * When each of a row of things is due, fixed in advance: what is late stays due, so that nothing
 * that stalls can slow the schedule down and hide the waiting it caused.
 *
 * @param start when the first is due, in nanoseconds
 * @param perSecond how many are due each second
 */
record Schedule(long start, double perSecond) {
  /** {@code count} things spread evenly over {@code seconds}; 0: all at once. */
  static Schedule ramp(long start, int count, int seconds) {
    return new Schedule(start, seconds == 0 ? Double.POSITIVE_INFINITY : (double) count / seconds);
  }

  /** When thing {@code number}, from 0, is due. */
  long due(long number) {
    return start + (long) (number * (TimeUnit.SECONDS.toNanos(1) / perSecond));
  }
}
