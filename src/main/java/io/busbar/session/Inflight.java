package io.busbar.session;

import java.util.Arrays;
import java.util.BitSet;

/**
 * The packet identifiers of QoS 1 and 2 messages that a client has not settled yet: at most as many
 * as its Receive Maximum allows (MQTT 5.0 section 4.9). A QoS 1 message is in flight until its
 * PUBACK, a QoS 2 message until its PUBREC and then its PUBCOMP.
 *
 * <p>Identifiers 1 to the limit, as bits; the next free one is looked for from where the last was
 * found, so an identifier is used again as late as possible. A stored session brings its own.
 */
public final class Inflight {
  private static final long[] NONE = {};

  private final int limit;
  private long[] used = NONE;
  private int count;
  private int next;

  /** Of those in use, the ones of QoS 2; null while there was none. */
  private BitSet exact;

  /** Of those of QoS 2, the ones whose PUBREC came. */
  private BitSet received;

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

  /** Takes an identifier that is not in use, for a message of QoS 1 or 2; there must be room. */
  public int acquire(int qos) {
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
            next = bit + 1;
            take(bit + 1, qos);
            return bit + 1;
          }
        }
      }
      used = Arrays.copyOf(used, Math.min((limit + 63) >>> 6, words * 2));
      next = words << 6;
    }
  }

  /** Takes an identifier that a stored session chose, 1 to 65535; false if it is in use. */
  public boolean take(int id, int qos) {
    int word = (id - 1) >>> 6;
    if (word >= used.length) {
      used = Arrays.copyOf(used, Math.max(word + 1, Math.min(1024, used.length * 2)));
    }
    long bit = 1L << ((id - 1) & 63);
    if ((used[word] & bit) != 0) {
      return false;
    }
    used[word] |= bit;
    count++;
    if (qos == 2) {
      if (exact == null) {
        exact = new BitSet();
        received = new BitSet();
      }
      exact.set(id);
    }
    return true;
  }

  /** A PUBACK: gives the identifier back; false if no QoS 1 message has it. */
  public boolean acknowledged(int id) {
    return !isExact(id) && release(id);
  }

  /** A PUBREC that is no error: false if no QoS 2 message has the identifier. */
  public boolean received(int id) {
    if (!isExact(id)) {
      return false;
    }
    received.set(id);
    return true;
  }

  /** A PUBREC that is an error: gives the identifier back; false if no QoS 2 message has it. */
  public boolean rejected(int id) {
    return isExact(id) && release(id);
  }

  /** A PUBCOMP: gives the identifier back; false if no message that was received has it. */
  public boolean completed(int id) {
    return isExact(id) && received.get(id) && release(id);
  }

  private boolean isExact(int id) {
    return exact != null && id > 0 && exact.get(id);
  }

  private boolean release(int id) {
    int bit = id - 1;
    int word = bit >>> 6;
    if (bit < 0 || word >= used.length || (used[word] & (1L << bit)) == 0) {
      return false;
    }
    used[word] &= ~(1L << bit);
    count--;
    if (exact != null) {
      exact.clear(id);
      received.clear(id);
    }
    return true;
  }
}
