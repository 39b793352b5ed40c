package io.busbar.testing;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Waits for conditions, never for a time that is hoped to be enough. */
public final class Await {
  /** Generous, because machines that run tests are busy. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static final long LOOK_EVERY_NANOS = 5_000_000;

  private Await() {}

  /** Returns when the condition holds, or fails with what is the case instead. */
  public static void until(String what, BooleanSupplier condition, Supplier<?> instead) {
    until(what, PATIENCE, condition, instead);
  }

  /** The same, for what may take longer than usual. */
  public static void until(
      String what, Duration patience, BooleanSupplier condition, Supplier<?> instead) {
    long deadline = System.nanoTime() + patience.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError(
            "not within " + patience + ": " + what + "; instead: " + instead.get());
      }
      LockSupport.parkNanos(LOOK_EVERY_NANOS);
    }
  }

  /** Lets time pass where time is what is tested. */
  public static void elapsed(Duration time) {
    long start = System.nanoTime();
    until("time passes", () -> System.nanoTime() - start >= time.toNanos(), () -> "it does not");
  }
}
