package io.busbar.session;

import java.util.Arrays;

/**
 * The packet identifiers of QoS 1 messages that a client has not acknowledged yet: at most as many
 * as its Receive Maximum allows (MQTT 5.0 section 4.9).
 *
 * <p>Identifiers 1 to the limit, as bits; the next free one is looked for from where the last was
 * found, so an identifier is used again as late as possible.
 */
public final class Inflight {
  private static final long[] NONE = {};

  private final int limit;
  private long[] used = NONE;
  private int count;
  private int next;

  /** A window of 1 to 65535 messages. */
  public Inflight(int limit) {
    this.limit = limit;
  }

  /** Messages in flight. */
  public int count() {
    return count;
  }

  /** How many more may be sent. */
  public int room() {
    return limit - count;
  }

  /** Takes an identifier that is not in use; there must be room. */
  public int acquire() {
    if (count >= limit) {
      throw new IllegalStateException("no room: " + count + " in flight of " + limit);
    }
    if (used.length == 0) {
      used = new long[1];
    }
    while (true) {
      int words = used.length;
      for (int i = 0, word = (next >>> 6) % words; i <= words; i++, word = (word + 1) % words) {
        // in the first word only what follows the last one taken
        long free = ~used[word] & (i == 0 ? -1L << (next & 63) : -1L);
        if (free != 0) {
          int bit = (word << 6) + Long.numberOfTrailingZeros(free);
          if (bit < limit) {
            used[word] |= 1L << bit;
            count++;
            next = bit + 1;
            return bit + 1;
          }
        }
      }
      used = Arrays.copyOf(used, Math.min((limit + 63) >>> 6, words * 2));
      next = words << 6;
    }
  }

  /** Gives an identifier back; false if it was not in use. */
  public boolean release(int id) {
    int bit = id - 1;
    int word = bit >>> 6;
    if (bit < 0 || word >= used.length || (used[word] & (1L << bit)) == 0) {
      return false;
    }
    used[word] &= ~(1L << bit);
    count--;
    return true;
  }
}
