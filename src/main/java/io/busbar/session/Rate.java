package io.busbar.session;

/**
 * How much may pass in a second. Some of it is there at once, and what is used comes back steadily.
 * Whatever is there lets one pass that is larger: the next ones wait until that is made up for.
 * Thread-safe.
 */
public final class Rate {
  /** Parts that one is counted in, so that no millisecond's share is lost. */
  private static final long PARTS = 1_000;

  private final long perSecond;
  private final long most;
  private long left;
  private long at;

  /**
   * A rate of which nothing is used; what a second has is there at once.
   *
   * @param perSecond at least 1
   * @param now in ms, of a clock that only goes forward
   */
  public Rate(long perSecond, long now) {
    this(perSecond, perSecond, now);
  }

  /**
   * The same, with another amount that is there at once.
   *
   * @param atOnce at least 1
   */
  public Rate(long perSecond, long atOnce, long now) {
    this.perSecond = perSecond;
    this.most = atOnce * PARTS;
    this.left = most;
    this.at = now;
  }

  /** Whether anything is left. */
  public synchronized boolean isLeft(long now) {
    if (now > at) {
      // after so long all is back, whatever was used
      boolean isLong = now - at > (2 * most - left) / perSecond;
      left = isLong ? most : Math.min(most, left + (now - at) * perSecond);
      at = now;
    }
    return left > 0;
  }

  /** Whether all is there that may be. */
  public synchronized boolean isUnused(long now) {
    return isLeft(now) && left == most;
  }

  /** Uses some, which may be more than is left. */
  public synchronized void use(long amount) {
    left -= amount * PARTS;
  }

  /** Uses some if anything is left. */
  public synchronized boolean take(long amount, long now) {
    boolean is = isLeft(now);
    if (is) {
      use(amount);
    }
    return is;
  }
}
