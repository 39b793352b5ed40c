package io.busbar.shard;

import io.busbar.mqtt.Publish;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The retained messages of topics (MQTT 5.0 section 3.3.1.3), read in pages by topic filter.
 *
 * <p>The topics stand in an order in which a level separator comes before every other byte, so that
 * a topic and all below it are neighbours. A reading goes through them once, from one topic that
 * may match to the next: where a level does not match it seeks past all that have it. Not
 * thread-safe.
 */
public final class Retained {
  /** Topics that a page looks at, so that it takes little time whatever the filter. */
  private static final int VISITS = 4_096;

  /** What a message costs besides its packet. */
  private static final int OVERHEAD = 128;

  private static final Comparator<Item> BY_TOPIC = Retained::compare;
  private static final Comparator<Item> BY_EXPIRY =
      Comparator.<Item>comparingLong(item -> item.expiresAt).thenComparing(BY_TOPIC);

  private int maxMessages;
  private long maxBytes;
  private final TreeMap<Item, Item> items = new TreeMap<>(BY_TOPIC);
  private final Publish view = new Publish();
  private final TreeSet<Item> due = new TreeSet<>(BY_EXPIRY);
  private final Freezer freezer;
  private long bytes;
  private long changes;
  private long expired;

  /** The last one that a checkpoint wrote, null before the first; and whether it wrote all. */
  private Item written;

  private boolean isWritten;

  /** A retained message, or a topic that is looked for. */
  private static final class Item implements Freezer.Frozen {
    final byte[] packet;
    final int topicAt;
    final int topicLength;
    final int expiryAt;
    final long expiresAt;

    /** The last checkpoint that began before it came. */
    int checkpoint;

    /** Which change it was, in this replica's life; 0 if it was there before. */
    long change;

    Item(byte[] packet, int topicAt, int topicLength, int expiryAt, long expiresAt) {
      this.packet = packet;
      this.topicAt = topicAt;
      this.topicLength = topicLength;
      this.expiryAt = expiryAt;
      this.expiresAt = expiresAt;
    }

    Item(byte[] topic, int offset, int length) {
      this(topic, offset, length, -1, Long.MAX_VALUE);
    }

    Item(byte[] topic) {
      this(topic, 0, topic.length);
    }

    long cost() {
      return (long) packet.length + OVERHEAD;
    }

    @Override
    public boolean write(CheckpointWriter out) {
      FormWriter form = out.item(CheckpointWriter.RETAINED).bytes(packet);
      CheckpointWriter.time(form, expiresAt);
      return true;
    }
  }

  /**
   * Some of the messages that match.
   *
   * @param packets MQTT 5 PUBLISH packets, their Message Expiry Interval counted down
   * @param next where to go on, or null at the end
   */
  public record Page(List<byte[]> packets, byte[] next) {}

  /** None yet; at most so many, of so many bytes with {@value #OVERHEAD} added for each. */
  public Retained(int maxMessages, long maxBytes) {
    this(maxMessages, maxBytes, new Freezer());
  }

  Retained(int maxMessages, long maxBytes, Freezer freezer) {
    this.freezer = freezer;
    configure(maxMessages, maxBytes);
  }

  /** At most so many from now on; if there are more already, they stay. */
  void configure(int messages, long withBytes) {
    maxMessages = messages;
    maxBytes = withBytes;
  }

  /** Messages. */
  public int size() {
    return items.size();
  }

  /** Their bytes. */
  public long bytes() {
    return bytes;
  }

  /**
   * Keeps a message in the place of its topic's former one.
   *
   * @param packet an MQTT 5 PUBLISH, packet id 0, with a payload
   * @param expiresAt in milliseconds, or Long.MAX_VALUE
   * @return false if there are as many as there may be; then nothing changed
   */
  public boolean put(byte[] packet, long expiresAt) {
    Packets.parse(packet, view);
    Item item =
        new Item(packet, view.topicOffset(), view.topicLength(), view.expiryOffset(), expiresAt);
    Item old = items.get(item);
    long after = bytes + item.cost() - (old == null ? 0 : old.cost());
    if ((old == null && items.size() >= maxMessages) || after > maxBytes) {
      return false;
    }
    if (old != null) {
      // the key is the old packet, which would stay
      remove(old);
    }
    item.checkpoint = freezer.checkpoint;
    item.change = ++changes;
    items.put(item, item);
    bytes = after;
    if (expiresAt != Long.MAX_VALUE) {
      due.add(item);
    }
    return true;
  }

  /** How many messages were kept in this replica's life: not the same on all of them. */
  long changes() {
    return changes;
  }

  /** Adds a message of a checkpoint, bounds or not. */
  void restore(byte[] packet, long expiresAt) {
    Packets.parse(packet, view);
    Item item =
        new Item(packet, view.topicOffset(), view.topicLength(), view.expiryOffset(), expiresAt);
    items.put(item, item);
    bytes += item.cost();
    if (expiresAt != Long.MAX_VALUE) {
      due.add(item);
    }
  }

  private void remove(Item item) {
    boolean isUnwritten =
        freezer.isOn()
            && item.checkpoint != freezer.checkpoint
            && !isWritten
            && (written == null || BY_TOPIC.compare(item, written) > 0);
    if (isUnwritten) {
      freezer.copies.add(item);
    }
    items.remove(item);
    bytes -= item.cost();
    if (item.expiresAt != Long.MAX_VALUE) {
      due.remove(item);
    }
  }

  /** A checkpoint begins. */
  void rewind() {
    written = null;
    isWritten = false;
  }

  /** The next one on a checkpoint's way, or null at the end. */
  Freezer.Frozen unwritten(CheckpointWriter writer) {
    while (!isWritten && !writer.isFull()) {
      Map.Entry<Item, Item> next =
          written == null ? items.firstEntry() : items.higherEntry(written);
      isWritten = next == null;
      if (next != null) {
        written = next.getKey();
        if (written.checkpoint != freezer.checkpoint) {
          return written;
        }
        writer.skipped();
      }
    }
    return null;
  }

  /** Removes a topic's message; false if it has none. */
  public boolean remove(byte[] topic, int offset, int length) {
    Item old = items.get(new Item(topic, offset, length));
    if (old != null) {
      remove(old);
    }
    return old != null;
  }

  /** The packet of a topic as it was put, or null. */
  public byte[] packet(byte[] topic, int offset, int length) {
    Item item = items.get(new Item(topic, offset, length));
    return item == null ? null : item.packet;
  }

  /** When the next message expires, or Long.MAX_VALUE. */
  public long nextDue() {
    return due.isEmpty() ? Long.MAX_VALUE : due.first().expiresAt;
  }

  /** Drops messages that have expired, at most so many; returns how many. */
  public int expire(long now, int most) {
    int dropped = 0;
    while (dropped < most && !due.isEmpty() && due.first().expiresAt <= now) {
      remove(due.first());
      dropped++;
    }
    expired += dropped;
    return dropped;
  }

  /** How many have expired in this replica's life: not the same on all of them. */
  public long expired() {
    return expired;
  }

  /**
   * Reads a page. Topics may come and go between pages: what is there all the while is in one page
   * exactly.
   *
   * @param filter valid, without a share
   * @param after {@link Page#next} of the page before, or null for the first
   * @param maxItems at most so many
   * @param maxBytes after the first, no more than so many bytes
   */
  public Page read(byte[] filter, byte[] after, int maxItems, long maxBytes, long now) {
    return read(filter, after, maxItems, maxBytes, now, Long.MAX_VALUE);
  }

  /** The same, but for those messages that came after one of the {@link #changes}. */
  Page read(byte[] filter, byte[] after, int maxItems, long maxBytes, long now, long upTo) {
    List<byte[]> packets = new ArrayList<>();
    long size = 0;
    Seek seek = new Seek(filter);
    Item at = after == null ? first(seek) : items.ceilingKey(new Item(after));
    for (int visits = 0; at != null; visits++) {
      if (visits == VISITS || packets.size() == maxItems || size >= maxBytes) {
        int from = at.topicAt;
        return new Page(packets, Arrays.copyOfRange(at.packet, from, from + at.topicLength));
      }
      if (seek.matches(at)) {
        if (at.expiresAt > now && at.change <= upTo) {
          packets.add(Packets.countedDown(at.packet, at.expiryAt, at.expiresAt, now));
          size += at.packet.length;
        }
        at = seek.isExact() ? null : items.higherKey(at);
      } else {
        at = seek.next == null ? null : items.ceilingKey(new Item(seek.next));
      }
    }
    return new Page(packets, null);
  }

  private Item first(Seek seek) {
    return seek.isExact()
        ? items.get(new Item(seek.filter))
        : items.isEmpty() ? null : items.firstKey();
  }

  private static int compare(Item a, Item b) {
    return compare(
        a.packet,
        a.topicAt,
        a.topicAt + a.topicLength,
        b.packet,
        b.topicAt,
        b.topicAt + b.topicLength);
  }

  /** Byte by byte, the level separator first. */
  private static int compare(byte[] a, int aFrom, int aTo, byte[] b, int bFrom, int bTo) {
    int mismatch = Arrays.mismatch(a, aFrom, aTo, b, bFrom, bTo);
    if (mismatch < 0) {
      return 0;
    }
    int aLength = aTo - aFrom;
    int bLength = bTo - bFrom;
    if (mismatch == aLength || mismatch == bLength) {
      return aLength - bLength;
    }
    return rank(a[aFrom + mismatch]) - rank(b[bFrom + mismatch]);
  }

  private static int rank(byte b) {
    return b == '/' ? -1 : b & 0xff;
  }

  /** Compares topics with a filter; where one does not match, says which may be the next. */
  private static final class Seek {
    final byte[] filter;
    private final boolean isExact;

    /** After a topic that does not match: the least that may, or null if there is none. */
    byte[] next;

    Seek(byte[] filter) {
      this.filter = filter;
      boolean wildcard = false;
      for (byte b : filter) {
        wildcard |= b == '+' || b == '#';
      }
      isExact = !wildcard;
    }

    boolean isExact() {
      return isExact;
    }

    boolean matches(Item item) {
      byte[] topic = item.packet;
      int start = item.topicAt;
      int end = start + item.topicLength;
      int f = 0;
      int t = start;
      if (topic[t] == '$' && (filter[0] == '+' || filter[0] == '#')) {
        // [MQTT-4.7.2-1]
        next = past(topic, start, levelEnd(topic, t, end));
        return false;
      }
      while (true) {
        int filterEnd = levelEnd(filter, f, filter.length);
        int topicEnd = levelEnd(topic, t, end);
        boolean isOne = filterEnd == f + 1;
        if (isOne && filter[f] == '#') {
          return true;
        }
        boolean any = isOne && filter[f] == '+';
        int order = any ? 0 : compare(topic, t, topicEnd, filter, f, filterEnd);
        if (order < 0) {
          next = with(topic, start, t, filter, f, filterEnd);
          return false;
        }
        if (order > 0) {
          // nothing below the levels before this one matches any more
          next = t == start ? null : past(topic, start, t - 1);
          return false;
        }
        boolean filterIsDone = filterEnd == filter.length;
        if (filterIsDone && topicEnd == end) {
          return true;
        }
        if (filterIsDone) {
          next = past(topic, start, topicEnd);
          return false;
        }
        if (topicEnd == end) {
          if (filterEnd + 2 == filter.length && filter[filterEnd + 1] == '#') {
            // "sport/#" matches "sport"
            return true;
          }
          // the topic is too short: what is below it follows
          next = below(topic, start, end);
          return false;
        }
        f = filterEnd + 1;
        t = topicEnd + 1;
      }
    }

    private static int levelEnd(byte[] bytes, int from, int end) {
      int at = from;
      while (at < end && bytes[at] != '/') {
        at++;
      }
      return at;
    }

    /** The levels before a place and then this level. */
    private static byte[] with(byte[] topic, int start, int at, byte[] filter, int from, int to) {
      byte[] key = Arrays.copyOfRange(topic, start, at + to - from);
      System.arraycopy(filter, from, key, at - start, to - from);
      return key;
    }

    /** Follows a topic and all below it: no topic contains U+0000. */
    private static byte[] past(byte[] topic, int start, int end) {
      byte[] key = Arrays.copyOfRange(topic, start, end + 1);
      key[end - start] = 0;
      return key;
    }

    private static byte[] below(byte[] topic, int start, int end) {
      byte[] key = Arrays.copyOfRange(topic, start, end + 1);
      key[end - start] = '/';
      return key;
    }
  }
}
