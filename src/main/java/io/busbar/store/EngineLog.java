package io.busbar.store;

import io.microraft.impl.log.RaftLog;
import io.microraft.impl.util.ArrayRingbuffer;
import java.lang.reflect.Field;

/**
 * Puts the engine's log right after a snapshot. The engine keeps some entries before each, and says
 * so also where the log began at a snapshot not long ago: then it has places without an entry, and
 * stumbles over them when a follower needs one (EngineTest).
 */
final class EngineLog {
  private static final Field ENTRIES = entries();

  private EngineLog() {}

  private static Field entries() {
    try {
      Field entries = RaftLog.class.getDeclaredField("log");
      entries.setAccessible(true);
      return entries;
    } catch (NoSuchFieldException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Has it begin with its first entry. */
  static void beginWithAnEntry(RaftLog log) {
    ArrayRingbuffer<?> entries;
    try {
      entries = (ArrayRingbuffer<?>) ENTRIES.get(log);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
    long first = entries.headSequence();
    while (first <= entries.tailSequence() && entries.read(first) == null) {
      first++;
    }
    entries.setHeadSequence(first);
  }
}
