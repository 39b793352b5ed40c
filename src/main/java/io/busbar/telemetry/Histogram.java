package io.busbar.telemetry;

import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot.HistogramDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import java.util.Arrays;
import java.util.concurrent.atomic.LongAdder;

/**
 * How long something took that happens too often to be recorded one by one: whoever measures counts
 * in a {@link Counts} of its own and adds that now and then. Thread-safe.
 */
public final class Histogram {
  private static final double NANOS = 1e-9;

  /** Upper bounds in nanoseconds, rising; the last bucket has none. */
  private static final long[] BOUNDS =
      Arrays.stream(Telemetry.BUCKETS).mapToLong(bound -> bound.toNanos()).toArray();

  private static final double[] SECONDS = seconds();

  private final Labels labels;
  private final LongAdder[] buckets = new LongAdder[SECONDS.length];
  private final LongAdder nanos = new LongAdder();

  Histogram(Labels labels) {
    this.labels = labels;
    Arrays.setAll(buckets, i -> new LongAdder());
  }

  private static double[] seconds() {
    double[] seconds =
        Arrays.copyOf(
            Arrays.stream(BOUNDS).mapToDouble(b -> b * NANOS).toArray(), BOUNDS.length + 1);
    seconds[BOUNDS.length] = Double.POSITIVE_INFINITY;
    return seconds;
  }

  /** How much was counted. */
  public long count() {
    return Arrays.stream(buckets).mapToLong(LongAdder::sum).sum();
  }

  /** How long all of it took, in nanoseconds. */
  public long nanos() {
    return nanos.sum();
  }

  HistogramDataPointSnapshot snapshot() {
    long[] counts = Arrays.stream(buckets).mapToLong(LongAdder::sum).toArray();
    return new HistogramDataPointSnapshot(
        ClassicHistogramBuckets.of(SECONDS, counts), nanos.sum() * NANOS, labels, null, 0);
  }

  /** Counts of one thread, for a histogram: plain fields. */
  public static final class Counts {
    private final long[] buckets = new long[BOUNDS.length + 1];
    private long nanos;
    private boolean isEmpty = true;

    /** So many took so long. */
    public void add(long count, long took) {
      int bucket = 0;
      while (bucket < BOUNDS.length && took > BOUNDS[bucket]) {
        bucket++;
      }
      buckets[bucket] += count;
      nanos += count * took;
      isEmpty = false;
    }

    /** Whether there is nothing to add to a histogram. */
    public boolean isEmpty() {
      return isEmpty;
    }

    /** Adds what was counted, and begins anew. */
    public void addTo(Histogram histogram) {
      for (int i = 0; i < buckets.length; i++) {
        if (buckets[i] != 0) {
          histogram.buckets[i].add(buckets[i]);
          buckets[i] = 0;
        }
      }
      histogram.nanos.add(nanos);
      nanos = 0;
      isEmpty = true;
    }
  }
}
