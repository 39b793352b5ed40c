package io.busbar.broker;

import com.sun.management.GarbageCollectionNotificationInfo;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.netty.util.internal.PlatformDependent;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.DoubleSupplier;
import javax.management.NotificationEmitter;
import javax.management.openmbean.CompositeData;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether a node is short of memory or of processor time. While it is, it takes no new clients:
 * those that it has are to be served as before. Thread-safe.
 */
final class Pressure {
  private static final Logger LOG = LoggerFactory.getLogger(Pressure.class);

  /** Below a bound by so much of it, there is room again: else clients would come and go. */
  private static final double ROOM = 0.9;

  /** Of how much of its past an event loop's lateness tells: about five seconds. */
  private static final int MEMORY = 5 * Loop.SWEEPS;

  private final double mostMemory;
  private final long mostLag;
  private final DoubleSupplier heap;
  private final DoubleSupplier direct;

  /** How late each loop's timer is, in microseconds, smoothed. */
  private final AtomicLongArray lags;

  private volatile String why;

  Pressure(Limits limits, int loops, DoubleSupplier heap, DoubleSupplier direct) {
    this.mostMemory = limits.get(Limit.MEMORY_WATERMARK) / 100.0;
    this.mostLag = limits.get(Limit.LAG_WATERMARK);
    this.heap = heap;
    this.direct = direct;
    this.lags = new AtomicLongArray(loops);
  }

  /** That of this process. */
  static Pressure ofProcess(Limits limits, int loops) {
    return new Pressure(limits, loops, HeapAfterCollection.OF_PROCESS::share, Pressure::direct);
  }

  /** What the node is short of, for people, or null. */
  String why() {
    return why;
  }

  /** How late the loops are that are most, in milliseconds. */
  long lag() {
    long most = 0;
    for (int i = 0; i < lags.length(); i++) {
      most = Math.max(most, lags.get(i));
    }
    return most / 1_000;
  }

  /** A loop's timer ran so many milliseconds after its time. Called by that loop. */
  void late(int loop, long millis) {
    long before = lags.get(loop);
    lags.set(loop, before + (millis * 1_000 - before) / MEMORY);
  }

  /** Looks again; to be called about once a second. */
  void look() {
    String before = why;
    why = shortOf(before == null ? 1 : ROOM);
    if (before == null && why != null) {
      LOG.warn("overloaded, no new clients are taken: {}", why);
    } else if (before != null && why == null) {
      LOG.info("new clients are taken again");
    }
  }

  private String shortOf(double share) {
    double memory = mostMemory * share;
    if (heap.getAsDouble() > memory) {
      return shortOfMemory("heap", heap.getAsDouble());
    }
    if (direct.getAsDouble() > memory) {
      return shortOfMemory("buffers", direct.getAsDouble());
    }
    return mostLag > 0 && lag() > mostLag * share
        ? "the node is late: %d ms (%s = %d ms)"
            .formatted(lag(), Limit.LAG_WATERMARK.key(), mostLag)
        : null;
  }

  private String shortOfMemory(String of, double share) {
    return "the node is short of memory: %s %.0f %% (%s = %.0f %%)"
        .formatted(of, share * 100, Limit.MEMORY_WATERMARK.key(), mostMemory * 100);
  }

  private static double direct() {
    long most = PlatformDependent.maxDirectMemory();
    return most <= 0 ? 0 : (double) PlatformDependent.usedDirectMemory() / most;
  }

  /** What the last collection left on the heap: what was used before is mostly garbage. */
  private static final class HeapAfterCollection {
    /** A process has one heap, however many nodes. */
    static final HeapAfterCollection OF_PROCESS = new HeapAfterCollection();

    private final Set<String> pools = new HashSet<>();
    private volatile double share;

    HeapAfterCollection() {
      for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
        if (pool.getType() == MemoryType.HEAP) {
          pools.add(pool.getName());
        }
      }
      for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
        if (collector instanceof NotificationEmitter emitter) {
          emitter.addNotificationListener(
              (notification, handback) -> collected((CompositeData) notification.getUserData()),
              notification ->
                  GarbageCollectionNotificationInfo.GARBAGE_COLLECTION_NOTIFICATION.equals(
                      notification.getType()),
              null);
        }
      }
    }

    private void collected(CompositeData data) {
      long used =
          GarbageCollectionNotificationInfo.from(data)
              .getGcInfo()
              .getMemoryUsageAfterGc()
              .entrySet()
              .stream()
              .filter(pool -> pools.contains(pool.getKey()))
              .mapToLong(pool -> pool.getValue().getUsed())
              .sum();
      share = (double) used / Runtime.getRuntime().maxMemory();
    }

    double share() {
      return share;
    }
  }
}
