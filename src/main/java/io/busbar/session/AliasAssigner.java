package io.busbar.session;

import java.util.Arrays;

/**
 * The topic aliases that the server sets up for one client (MQTT 5.0 section 3.3.2.3.4): for the
 * topics it sends most.
 *
 * <p>A topic gets an alias when it is sent the second time within a short while; where no alias is
 * free it takes one from a topic that has become colder than itself. A table of a few places per
 * alias, chosen by hash: a topic costs a look at four of them and, once it has an alias, no object.
 */
public final class AliasAssigner {
  private static final int WAYS = 4;

  private static final class Entry {
    final byte[] topic;
    final int hash;
    int heat;
    int alias;

    Entry(byte[] topic, int hash) {
      this.topic = topic;
      this.hash = hash;
    }
  }

  private final Entry[] places;

  /** Who has an alias, by alias less one. */
  private final Entry[] assigned;

  private int count;
  private int turn;

  /** Aliases 1 to the client's Topic Alias Maximum, which must not be 0. */
  public AliasAssigner(int maximum) {
    assigned = new Entry[maximum];
    places = new Entry[Math.max(2 * WAYS, Integer.highestOneBit(maximum) * 2 * WAYS)];
  }

  /**
   * The alias to send a topic under.
   *
   * @param topic kept by reference
   * @return 0 for none; positive to set the alias up, with the topic; negative where the client
   *     knows it and the topic is left out
   */
  public int assign(byte[] topic, int hash) {
    int base = ((hash * 0x9e3779b9) >>> 8) & (places.length - 1) & -WAYS;
    int coldest = base;
    for (int i = base; i < base + WAYS; i++) {
      Entry entry = places[i];
      if (entry == null) {
        coldest = i;
        break;
      }
      if (entry.hash == hash && Arrays.equals(entry.topic, topic)) {
        return heated(entry);
      }
      if (entry.heat < places[coldest].heat) {
        coldest = i;
      }
    }
    if (places[coldest] != null && places[coldest].heat > 0) {
      places[coldest].heat >>= 1;
      return 0;
    }
    forget(coldest);
    places[coldest] = new Entry(topic, hash);
    return 0;
  }

  private int heated(Entry entry) {
    entry.heat++;
    if (entry.alias != 0) {
      return -entry.alias;
    }
    if (count < assigned.length) {
      return give(entry, ++count);
    }
    // one in turn cools down; who is colder than the newcomer loses its alias
    turn = turn + 1 < assigned.length ? turn + 1 : 0;
    Entry holder = assigned[turn];
    if (holder == null || holder.heat < entry.heat) {
      if (holder != null) {
        holder.alias = 0;
      }
      return give(entry, turn + 1);
    }
    holder.heat >>= 1;
    return 0;
  }

  private int give(Entry entry, int alias) {
    entry.alias = alias;
    assigned[alias - 1] = entry;
    return alias;
  }

  private void forget(int place) {
    Entry entry = places[place];
    if (entry != null && entry.alias != 0) {
      assigned[entry.alias - 1] = null;
      entry.alias = 0;
    }
  }
}
