package io.busbar.session;

import java.util.HashMap;
import java.util.Map;

/**
 * A {@link Rate} for each of many. Beyond a number of them those who come then share what one may.
 * Thread-safe.
 */
public final class Rates {
  private static final String OTHERS = "";

  /**
   * How often those are looked for that may be forgotten, where there is no room for more, in ms.
   */
  private static final long SWEEP = 1_000;

  private final long perSecond;
  private final long atOnce;
  private final int most;
  private final Map<String, Rate> rates = new HashMap<>();
  private long sweptAt = -SWEEP;

  /**
   * Rates of which nothing is used.
   *
   * @param perSecond of each; 0 bounds none
   * @param atOnce how much one may use that has not used any for long
   * @param most how many are told apart
   */
  public Rates(long perSecond, long atOnce, int most) {
    this.perSecond = perSecond;
    this.atOnce = atOnce;
    this.most = most;
  }

  /**
   * Whether one may go on; that is counted.
   *
   * @param now in ms, of a clock that only goes forward
   */
  public synchronized boolean take(String name, long now) {
    if (perSecond == 0) {
      return true;
    }
    if (rates.size() >= most && now - sweptAt >= SWEEP && !rates.containsKey(name)) {
      sweep(now);
    }
    String who = rates.size() < most || rates.containsKey(name) ? name : OTHERS;
    return rates.computeIfAbsent(who, one -> new Rate(perSecond, atOnce, now)).take(1, now);
  }

  /** Whether one may go on, which is not counted. */
  public synchronized boolean isLeft(String name, long now) {
    Rate rate = rates.get(rates.size() < most || rates.containsKey(name) ? name : OTHERS);
    return rate == null || rate.isLeft(now);
  }

  /** Forgets those that have used nothing for a while. */
  public synchronized void sweep(long now) {
    sweptAt = now;
    rates.values().removeIf(rate -> rate.isUnused(now));
  }
}
