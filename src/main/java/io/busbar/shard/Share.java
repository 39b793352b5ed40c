package io.busbar.shard;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A shared subscription that stored sessions are members of at QoS 1 or 2, with the messages that
 * no member could take: its pool.
 */
final class Share {
  /** What makes two subscriptions the same share. */
  record Key(String name, byte[] filter) implements Comparable<Key> {
    @Override
    public int compareTo(Key other) {
      int order = name.compareTo(other.name);
      return order == 0 ? Arrays.compareUnsigned(filter, other.filter) : order;
    }

    static Key of(StoredSubscription subscription) {
      return new Key(subscription.share(), subscription.filter());
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Key key && key.name.equals(name) && Arrays.equals(key.filter, filter);
    }

    @Override
    public int hashCode() {
      return 31 * name.hashCode() + Arrays.hashCode(filter);
    }
  }

  /** A message of the pool. */
  record Pooled(Body body, int qos, long expiresAt) {
    byte[] packet() {
      return body.packet;
    }

    long cost() {
      return (long) body.packet.length + Inbox.OVERHEAD;
    }
  }

  final Key key;

  /** In the order in which they are served next. */
  final Map<StoredSession, StoredSubscription> members = new LinkedHashMap<>(2);

  final Deque<Pooled> pool = new ArrayDeque<>(0);
  private long bytes;

  /** The checkpoint that has it, or after which it came. */
  int checkpoint;

  Share(Key key) {
    this.key = key;
  }

  /**
   * Who gets a message: the one that was chosen if it is a member, else, of those that are
   * connected, the one that was served longest ago, if it can be one that may have more in flight.
   * Or null.
   */
  StoredSession target(StoredSession chosen) {
    if (chosen != null && members.containsKey(chosen)) {
      return chosen;
    }
    StoredSession busy = null;
    for (StoredSession member : members.keySet()) {
      if (member.location != null && member.inbox.size() < member.openWindow()) {
        return member;
      }
      if (member.location != null && busy == null) {
        busy = member;
      }
    }
    return busy;
  }

  /** A member gets a message: the others come before it next time. */
  void served(StoredSession member) {
    members.put(member, members.remove(member));
  }

  /** Whether one more message may be kept. */
  boolean isRoom(Pooled message, Bounds bounds) {
    return pool.size() < bounds.queueMessages() && bytes + message.cost() <= bounds.queueBytes();
  }

  /** Keeps a message; returns how many were dropped for it, itself perhaps among them. */
  int keep(Pooled message, Bounds bounds) {
    if (bounds.overflow() != Bounds.Overflow.DROP_OLDEST && !isRoom(message, bounds)) {
      return 1;
    }
    add(message);
    int dropped = 0;
    while (pool.size() > bounds.queueMessages() || bytes > bounds.queueBytes()) {
      take();
      dropped++;
    }
    return dropped;
  }

  /** Adds a message, bounds or not. */
  void add(Pooled message) {
    pool.add(message);
    bytes += message.cost();
  }

  /** Takes the oldest out. */
  Pooled take() {
    Pooled message = pool.remove();
    bytes -= message.cost();
    return message;
  }
}
