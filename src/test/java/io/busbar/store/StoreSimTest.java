package io.busbar.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whole clusters under seeds: with all safeguards nothing is lost, and each of them left out is
 * found out. {@code loadtest/sim SEED 1} replays one.
 */
class StoreSimTest {
  /** How long clean seeds are run; the system property {@code busbar.sim.seconds}. */
  private static final long SECONDS = Long.getLong("busbar.sim.seconds", 20);

  private static final long FIRST = 1;

  /** A safeguard left out shows within so many seeds. */
  private static final int ENOUGH = 400;

  /** The trouble in which a safeguard is needed most, and a seed not far before it is. */
  private record Needed(SimTrouble.Weather weather, long from) {}

  private static final Map<Safeguard, Needed> NEEDED = new EnumMap<>(Safeguard.class);

  static {
    NEEDED.put(Safeguard.SYNC_BEFORE_COUNT, new Needed(SimTrouble.Weather.POWER, 1));
    NEEDED.put(Safeguard.HELD_ANSWERS, new Needed(SimTrouble.Weather.POWER, 1));
    NEEDED.put(Safeguard.SYNCED_TERM, new Needed(SimTrouble.Weather.LEADERS, 2_740));
    NEEDED.put(Safeguard.NUMBERS, new Needed(SimTrouble.Weather.LEADERS, 1));
    NEEDED.put(Safeguard.STALE_ANSWERS, new Needed(SimTrouble.Weather.DELAYS, 550));
    NEEDED.put(Safeguard.BEHIND_SNAPSHOT, new Needed(SimTrouble.Weather.MIXED, 1_070));
    NEEDED.put(Safeguard.VOTES_AGAIN, new Needed(SimTrouble.Weather.ABSENCE, 1));
    NEEDED.put(Safeguard.LEASE, new Needed(SimTrouble.Weather.UNSEEN, 1));
    NEEDED.put(Safeguard.REFUSED_GRANTS, new Needed(SimTrouble.Weather.UNSEEN, 1));
    NEEDED.put(Safeguard.LEASE_WAIT, new Needed(SimTrouble.Weather.UNSEEN, 1));
  }

  @Test
  void nothingIsLost() {
    long begin = System.nanoTime();
    long acknowledged = 0;
    long seed = FIRST;
    List<String> failed = new ArrayList<>();
    while (System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(SECONDS)) {
      try {
        acknowledged += StoreSim.run(seed, Set.of(), null).acknowledged();
      } catch (RuntimeException | AssertionError e) {
        failed.add("seed " + seed + ": " + e);
      }
      seed++;
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    System.out.printf(
        "StoreSimTest: seeds %d to %d, %.1f a second, %d messages acknowledged%n",
        FIRST, seed - 1, (seed - FIRST) / seconds, acknowledged);
    assertEquals(List.of(), failed);
    assertTrue(acknowledged > 0, "nothing was acknowledged");
  }

  @ParameterizedTest
  // those of sessions are the machine's, and the chaos run's to miss
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "EPOCHS")
  void isMissed(Safeguard safeguard) {
    Needed needed = NEEDED.get(safeguard);
    long seed = needed.from;
    while (seed < needed.from + ENOUGH && isClean(seed, safeguard, needed.weather)) {
      seed++;
    }
    assertTrue(
        seed < needed.from + ENOUGH,
        () ->
            "without %s, %d seeds from %d under %s are clean"
                .formatted(safeguard, ENOUGH, needed.from, needed.weather));
    System.out.printf("StoreSimTest: without %s, seed %d is not clean%n", safeguard, seed);
  }

  private static boolean isClean(long seed, Safeguard without, SimTrouble.Weather weather) {
    try {
      StoreSim.run(seed, Set.of(without), weather);
      return true;
    } catch (SimCluster.Violation | IllegalStateException missed) {
      return false;
    }
  }
}
