package io.busbar.store;

import io.busbar.config.ConfigException;
import io.busbar.config.Durability;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Settings;
import io.busbar.shard.Bounds;

/** Which store a node has. */
public final class Stores {
  private Stores() {}

  /**
   * The store that the settings ask for, not started yet: it holds nothing until then.
   *
   * @param meters told what a store with files measures
   * @throws ConfigException if there is none of such durability
   */
  public static Store open(Settings settings, StoreMeters meters) {
    Durability durability = settings.storage().durability();
    if (durability != Durability.MEMORY) {
      throw new ConfigException(
          "durability: %s: this node has no store on disk (allowed: memory)"
              .formatted(durability.key()));
    }
    return new MemoryStore(bounds(settings.limits()), System::currentTimeMillis);
  }

  /** What stored sessions and retained messages are bounded by. */
  public static Bounds bounds(Limits limits) {
    return new Bounds(
        limits.intValue(Limit.QUEUE_MESSAGES),
        limits.get(Limit.QUEUE_BYTES),
        limits.overflow(),
        limits.intValue(Limit.STORED_SESSIONS),
        limits.intValue(Limit.RETAINED_MESSAGES),
        limits.get(Limit.RETAINED_TOTAL_BYTES));
  }
}
