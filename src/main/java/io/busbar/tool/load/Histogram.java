package io.busbar.tool.load;

/** Counts of durations in nanoseconds, in buckets that are at most 1/128 of their value wide. */
final class Histogram {
  private static final int BITS = 7;
  private static final int STEPS = 1 << BITS;

  private final long[] counts = new long[(64 - BITS) * STEPS + STEPS];
  private long count;
  private long max;

  /** Counts {@code nanos}; a negative duration (clock granularity) counts as 0. */
  void record(long nanos) {
    long value = Math.max(0, nanos);
    counts[bucket(value)]++;
    count++;
    if (value > max) {
      max = value;
    }
  }

  long count() {
    return count;
  }

  long max() {
    return max;
  }

  /**
   * The smallest recorded resolution step that {@code share} (0 to 1) of the values do not exceed.
   */
  long quantile(double share) {
    long rank = Math.max(1, (long) Math.ceil(share * count));
    long seen = 0;
    for (int i = 0; i < counts.length; i++) {
      seen += counts[i];
      if (seen >= rank) {
        return Math.min(max, upperEdge(i));
      }
    }
    return max;
  }

  private static int bucket(long value) {
    int shift = Math.max(0, 63 - BITS - Long.numberOfLeadingZeros(value | 1));
    return shift * STEPS + (int) (value >>> shift);
  }

  private static long upperEdge(int bucket) {
    int shift = Math.max(0, bucket / STEPS - 1);
    return ((long) (bucket - shift * STEPS + 1) << shift) - 1;
  }
}
