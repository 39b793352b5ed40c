package io.busbar.shard;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A shared subscription that stored sessions are members of, with the messages that no member could
 * take: its pool.
 */
final class Share {
  /** What makes two subscriptions the same share. */
  record Key(String name, byte[] filter) {
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
  record Pooled(byte[] packet, int qos, long expiresAt) {}

  final Key key;

  /** In the order in which they are served next. */
  final Map<StoredSession, StoredSubscription> members = new LinkedHashMap<>(2);

  final Deque<Pooled> pool = new ArrayDeque<>(0);
  private long bytes;

  Share(Key key) {
    this.key = key;
  }

  /** A connected member, the one that was served longest ago, or null. */
  StoredSession next() {
    for (StoredSession member : members.keySet()) {
      if (member.location != null) {
        members.put(member, members.remove(member));
        return member;
      }
    }
    return null;
  }

  /** Keeps a message; returns how many old ones were dropped for it. */
  int keep(Pooled message, Bounds bounds) {
    pool.add(message);
    bytes += message.packet.length;
    int dropped = 0;
    while (pool.size() > bounds.queueMessages() || bytes > bounds.queueBytes()) {
      take();
      dropped++;
    }
    return dropped;
  }

  Pooled take() {
    Pooled message = pool.remove();
    bytes -= message.packet.length;
    return message;
  }
}
