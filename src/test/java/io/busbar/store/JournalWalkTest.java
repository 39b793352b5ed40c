package io.busbar.store;

import java.io.IOException;
import org.junit.jupiter.api.Test;

/**
 * Many walks: {@code -Dbusbar.walk.seed=n} walks one seed, {@code -Dbusbar.walk.seeds=n} so many.
 */
class JournalWalkTest {
  private static final int SEEDS = Integer.getInteger("busbar.walk.seeds", 3_000);

  @Test
  void walks() {
    Long only = Long.getLong("busbar.walk.seed");
    long first = only == null ? 0 : only;
    long last = only == null ? SEEDS - 1 : only;
    for (long seed = first; seed <= last; seed++) {
      try {
        JournalWalk.walk(seed);
      } catch (IOException | RuntimeException | AssertionError e) {
        throw new AssertionError("seed " + seed + " (-Dbusbar.walk.seed=" + seed + "): " + e, e);
      }
    }
  }
}
