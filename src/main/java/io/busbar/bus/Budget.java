package io.busbar.bus;

import java.util.concurrent.atomic.AtomicLong;

/**
 * A bound on bytes that several verticles hold together: taken before bytes are handed over, given
 * back when they are done with. Thread-safe.
 */
public final class Budget {
  private final long limit;
  private final AtomicLong used = new AtomicLong();

  /** A budget of so many bytes. */
  public Budget(long limit) {
    this.limit = limit;
  }

  /** Takes bytes if they are left; takes nothing otherwise. */
  public boolean take(long bytes) {
    if (used.addAndGet(bytes) <= limit) {
      return true;
    }
    used.addAndGet(-bytes);
    return false;
  }

  /**
   * Adds to what is used, whatever the limit (negative gives back); for what is told afterwards.
   */
  public void add(long bytes) {
    used.addAndGet(bytes);
  }

  /** Gives bytes back. */
  public void give(long bytes) {
    used.addAndGet(-bytes);
  }

  /** Bytes in use. */
  public long used() {
    return used.get();
  }

  /** Whether more is in use than the budget allows. */
  public boolean isExceeded() {
    return used.get() > limit;
  }
}
