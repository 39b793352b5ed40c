package io.busbar.api;

import java.util.HashMap;
import java.util.Map;

/**
 * So many requests a second for each caller, as many at once. Beyond a number of callers those who
 * come then share what one may. For one thread.
 */
final class Throttle {
  /** Callers that are told apart. */
  private static final int MOST = 10_000;

  private static final String OTHERS = "";

  private final int perSecond;
  private final Map<String, Bucket> buckets = new HashMap<>();

  private static final class Bucket {
    private double left;
    private long at;

    private void fill(int perSecond, long now) {
      left = Math.min(perSecond, left + (now - at) / 1_000.0 * perSecond);
      at = now;
    }
  }

  Throttle(int perSecond) {
    this.perSecond = perSecond;
  }

  /**
   * Whether a caller may ask once more.
   *
   * @param now milliseconds of a clock that only goes on
   */
  boolean admits(String caller, long now) {
    String who = buckets.size() < MOST || buckets.containsKey(caller) ? caller : OTHERS;
    Bucket bucket = buckets.get(who);
    if (bucket == null) {
      bucket = new Bucket();
      bucket.left = perSecond;
      bucket.at = now;
      buckets.put(who, bucket);
    }
    bucket.fill(perSecond, now);
    if (bucket.left < 1) {
      return false;
    }
    bucket.left--;
    return true;
  }

  /** Forgets callers that have not asked for a while. */
  void sweep(long now) {
    buckets
        .values()
        .removeIf(
            bucket -> {
              bucket.fill(perSecond, now);
              return bucket.left >= perSecond;
            });
  }
}
