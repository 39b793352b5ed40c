package io.busbar.store;

import io.busbar.config.Settings;
import java.util.Set;

/** A store that answers before what it answers is on the disk, so that a test can notice it. */
public final class EarlyStore {
  private EarlyStore() {}

  /** As {@link Stores#open}. */
  public static Store open(Settings settings, StoreMeters meters) {
    return Stores.open(
        settings, meters, Set.of(Safeguard.SYNC_BEFORE_COUNT, Safeguard.HELD_ANSWERS));
  }
}
