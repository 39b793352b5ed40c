package io.busbar.broker;

import io.busbar.shard.Sending;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Which QoS 2 messages have come to this node, by what the event loop that sent them first calls
 * them. A publisher that is interrupted sends its message again, maybe at another node, which
 * cannot know who has it by now: it sends it again to all who are to have it, and each takes it
 * once. Thread-safe.
 */
final class Sendings {
  /** How many event loops are remembered, those of nodes that are gone included. */
  private static final int MOST_STREAMS = 4_096;

  /** How much is remembered, of a stream, that is not in its order. */
  private static final int MOST_APART = 10_000;

  private final Map<Long, Stream> streams =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, Stream> eldest) {
          return size() > MOST_STREAMS;
        }
      };

  private final Set<Long> own;

  /**
   * Nothing has come yet.
   *
   * @param own streams of this node: it has had what it sends
   */
  Sendings(Set<Long> own) {
    this.own = own;
  }

  /** What came of an event loop's stream. */
  synchronized Stream of(long stream) {
    return streams.computeIfAbsent(stream, id -> new Stream());
  }

  /** Whether a message that is sent again did not come before; it has come then. */
  boolean again(Sending sending) {
    return !own.contains(sending.stream()) && of(sending.stream()).again(sending.number());
  }

  /** What came of one event loop's stream: all up to a number, but for gaps. */
  static final class Stream {
    private long last;

    /** Numbers between the two are not known to have come. */
    private final TreeMap<Long, Long> gaps = new TreeMap<>();

    /** Of what is in the gaps, or comes later, that which came. */
    private final Set<Long> apart = new LinkedHashSet<>(0);

    private Stream() {}

    /**
     * Messages come.
     *
     * @param before the number of the one that was sent to this node before them; it is unknown
     *     what became of others if that did not come
     * @param first the number of the first one
     */
    synchronized void follows(long before, long first) {
      if (before != last && first > last + 1) {
        gaps.put(last, first);
        if (gaps.size() > MOST_APART) {
          gaps.pollFirstEntry();
        }
      }
    }

    /** Whether a message, that is sent for the first time, did not come before. */
    synchronized boolean first(long number) {
      if (number <= last) {
        return add(number);
      }
      last = number;
      return !apart.contains(number);
    }

    private synchronized boolean again(long number) {
      Map.Entry<Long, Long> gap = gaps.lowerEntry(number);
      boolean mayLack = number > last || (gap != null && number < gap.getValue());
      return mayLack && add(number);
    }

    private boolean add(long number) {
      boolean isNew = apart.add(number);
      if (apart.size() > MOST_APART) {
        apart.remove(apart.iterator().next());
      }
      return isNew;
    }
  }
}
