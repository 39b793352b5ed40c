package io.busbar.tool.load;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What was done in each second of a run, and how long it took: for charts. */
final class Series {
  private static final int MAX_POINTS = 10_000;

  /**
   * One second.
   *
   * @param at its end, in seconds from the beginning of the run
   * @param p50Micros half took at most so long; 0 where nothing was done
   */
  record Point(double at, double perSecond, double p50Micros, double p99Micros) {}

  private final List<Point> points = new ArrayList<>();
  private Histogram second = new Histogram();
  private long last;

  /** Counts one thing that took {@code nanos}. */
  void done(long nanos) {
    second.record(nanos);
  }

  /** Ends the second at {@code now}; returns what it was. */
  Point close(long now) {
    double seconds = Math.max(1, now - last) / (double) TimeUnit.SECONDS.toNanos(1);
    boolean isEmpty = second.count() == 0;
    Point point =
        new Point(
            now / (double) TimeUnit.SECONDS.toNanos(1),
            second.count() / seconds,
            isEmpty ? 0 : second.quantile(0.5) / 1e3,
            isEmpty ? 0 : second.quantile(0.99) / 1e3);
    if (points.size() < MAX_POINTS) {
      points.add(point);
    }
    last = now;
    second = new Histogram();
    return point;
  }

  List<Point> points() {
    return List.copyOf(points);
  }
}
