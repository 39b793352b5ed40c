package io.busbar.store;

import io.busbar.config.ConfigException;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Settings;
import io.busbar.shard.Bounds;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which store a node has. */
public final class Stores {
  private static final Logger LOG = LoggerFactory.getLogger(Stores.class);

  /** An error of input or output, as sysexits has it. */
  private static final int EXIT_CODE = 74;

  /** A failure that is gone when it is tried again, as sysexits has it. */
  private static final int TRY_AGAIN_CODE = 75;

  /** What an entry may have besides its largest packet. */
  private static final int ENTRY_BYTES = 1 << 20;

  private Stores() {}

  /**
   * The store that the settings ask for, not started yet: it holds nothing until then.
   *
   * @param meters told what a store with files measures
   * @throws ConfigException if there is none of such durability
   */
  public static Store open(Settings settings, StoreMeters meters) {
    return open(settings, meters, Set.of(), UnaryOperator.identity());
  }

  /** The same, with safeguards left out and disks that are worse: to see that tests notice. */
  static Store open(
      Settings settings, StoreMeters meters, Set<Safeguard> without, UnaryOperator<Disk> disks) {
    Bounds bounds = bounds(settings.limits());
    Settings.Storage storage = settings.storage();
    return switch (storage.durability()) {
      case MEMORY -> new MemoryStore(bounds, System::currentTimeMillis);
      case REPLICATED ->
          throw new ConfigException(
              "durability: replicated: not offered yet (allowed: fsync," + " memory)");
      case FSYNC ->
          new DurableStore(
              settings.nodeName(),
              storage,
              others(settings, meters),
              bounds,
              meters,
              Stores::halt,
              without,
              disks);
    };
  }

  /** The nodes that have the store together with this one, or null. */
  private static Ensemble others(Settings settings, StoreMeters meters) {
    Settings.Cluster cluster = settings.cluster();
    if (!cluster.enabled()) {
      return null;
    }
    Settings.Replication replication =
        cluster
            .replication()
            .orElseThrow(
                () ->
                    new ConfigException(
                        "cluster.store: missing (required with durability: fsync: the nodes have"
                            + " one store; else durability: memory)"));
    long frame = settings.limits().get(Limit.PACKET_BYTES) + ENTRY_BYTES;
    return new Ensemble(replication, settings.nodeName(), (int) frame, meters);
  }

  /** Memory and disk may differ: whoever starts next reads what is on the disk. */
  private static void halt(Throwable cause) {
    if (cause instanceof CutOffException) {
      LOG.error("this process ends, start it again: {}", cause.getMessage());
    } else {
      LOG.error("the store cannot go on, this process ends; start it again", cause);
    }
    Runtime.getRuntime().halt(cause instanceof CutOffException ? TRY_AGAIN_CODE : EXIT_CODE);
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
