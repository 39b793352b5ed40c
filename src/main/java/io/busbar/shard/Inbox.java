package io.busbar.shard;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A stored session's deliveries in order: first those in flight, which are as many as its
 * connection may have sent, then those that wait. Only the latter are bounded and dropped.
 */
final class Inbox {
  /** What a delivery costs besides its packet, so that empty ones are not free. */
  static final int OVERHEAD = 64;

  private static final Entry[] NONE = {};

  private final Map<Long, Entry> flight = new LinkedHashMap<>(4);
  private final Deque<Entry> waiting = new ArrayDeque<>(2);
  private long waitingBytes;
  private long next;

  /** A delivery, its message, and the share that chose the session for it, or null. */
  record Entry(Delivery delivery, Body body, Share.Key share) {
    long cost() {
      return (long) delivery.packet().length + OVERHEAD;
    }
  }

  int size() {
    return flight.size() + waiting.size();
  }

  int waiting() {
    return waiting.size();
  }

  /** The sequence of the next delivery. */
  long next() {
    return next;
  }

  /** Those in flight, in order. */
  Entry[] inFlight() {
    return flight.isEmpty() ? NONE : flight.values().toArray(NONE);
  }

  /** Those that wait, in order. */
  Entry[] thatWait() {
    return waiting.isEmpty() ? NONE : waiting.toArray(NONE);
  }

  /** Of an inbox that is restored. */
  void restore(long nextSequence) {
    next = nextSequence;
  }

  /** The next one of an inbox that is restored. */
  void restore(Entry entry, boolean isInFlight) {
    if (isInFlight) {
      flight.put(entry.delivery.sequence(), entry);
    } else {
      waiting.add(entry);
      waitingBytes += entry.cost();
    }
  }

  /** Whether one more of these bytes may come in: goes into flight, or may wait. */
  boolean accepts(int bytes, int window, Bounds bounds) {
    boolean flies = waiting.isEmpty() && flight.size() < window;
    return flies
        || (waiting.size() < bounds.queueMessages()
            && waitingBytes + bytes + OVERHEAD <= bounds.queueBytes());
  }

  /** Whether more wait than may. */
  boolean isOver(Bounds bounds) {
    return waiting.size() > bounds.queueMessages() || waitingBytes > bounds.queueBytes();
  }

  /**
   * Adds a delivery at the end.
   *
   * @param window how many may be in flight, 0 for a session that is not connected
   */
  Delivery add(
      Body body, int qos, boolean retain, int[] ids, long expiresAt, Share.Key share, int window) {
    Delivery delivery =
        new Delivery(next++, body.packet, qos, retain, ids, expiresAt, false, false);
    Entry entry = new Entry(delivery, body, share);
    if (waiting.isEmpty() && flight.size() < window) {
      flight.put(delivery.sequence(), entry);
    } else {
      waiting.add(entry);
      waitingBytes += entry.cost();
    }
    return delivery;
  }

  /** Takes the oldest that waits. */
  Entry drop() {
    Entry entry = waiting.remove();
    waitingBytes -= entry.cost();
    return entry;
  }

  /**
   * As many as may be in flight are.
   *
   * @param expired is told of those whose time has passed: they are left out
   */
  void promote(int window, long now, Consumer<Entry> expired) {
    while (flight.size() < window && !waiting.isEmpty()) {
      Entry entry = drop();
      if (entry.delivery.expiresAt() <= now) {
        expired.accept(entry);
      } else {
        flight.put(entry.delivery.sequence(), entry);
      }
    }
  }

  /** The delivery of a sequence in flight is settled; false if there is none. */
  boolean settle(long sequence) {
    return flight.remove(sequence) != null;
  }

  /** The delivery of a sequence in flight was received: only its PUBREL may be sent again. */
  void release(long sequence) {
    flight.computeIfPresent(
        sequence, (s, entry) -> entry.delivery.qos() == 2 ? with(entry, true, true) : entry);
  }

  /**
   * The connection is gone: what was not sent waits again.
   *
   * @param sentUpTo all sequences below were sent
   */
  void closed(long sentUpTo) {
    List<Entry> unsent = new ArrayList<>();
    for (Map.Entry<Long, Entry> one : flight.entrySet()) {
      Entry entry = one.getValue();
      if (entry.delivery.sequence() < sentUpTo || entry.delivery.sent()) {
        one.setValue(with(entry, true, entry.delivery.released()));
      } else {
        unsent.add(entry);
      }
    }
    for (int i = unsent.size() - 1; i >= 0; i--) {
      Entry entry = unsent.get(i);
      flight.remove(entry.delivery.sequence());
      waiting.addFirst(entry);
      waitingBytes += entry.cost();
    }
  }

  private static Entry with(Entry entry, boolean sent, boolean released) {
    Delivery d = entry.delivery;
    return new Entry(
        new Delivery(
            d.sequence(), d.packet(), d.qos(), d.retain(), d.ids(), d.expiresAt(), sent, released),
        entry.body,
        entry.share);
  }

  /** Deliveries in flight from a sequence on. */
  List<Delivery> read(long from, int most) {
    List<Delivery> page = new ArrayList<>(Math.min(most, flight.size()));
    for (Entry entry : flight.values()) {
      if (page.size() == most) {
        break;
      }
      if (entry.delivery.sequence() >= from) {
        page.add(entry.delivery);
      }
    }
    return page;
  }

  /**
   * Takes out what a share chose the session for and another member may have.
   *
   * @param share null for any
   * @param ends whether the session ends or leaves the share: then also QoS 1 that was sent and not
   *     acknowledged. QoS 2 that was sent is never given to another [MQTT-4.8.2-6].
   */
  List<Entry> handOn(Share.Key share, boolean ends) {
    List<Entry> handed = new ArrayList<>();
    take(flight.values().iterator(), share, ends, handed);
    int before = handed.size();
    take(waiting.iterator(), share, ends, handed);
    for (int i = before; i < handed.size(); i++) {
      waitingBytes -= handed.get(i).cost();
    }
    return handed;
  }

  private static void take(Iterator<Entry> from, Share.Key share, boolean ends, List<Entry> into) {
    while (from.hasNext()) {
      Entry entry = from.next();
      boolean isOf = entry.share != null && (share == null || entry.share.equals(share));
      boolean isFree = !entry.delivery.sent() || (ends && entry.delivery.qos() == 1);
      if (isOf && isFree) {
        from.remove();
        into.add(entry);
      }
    }
  }
}
