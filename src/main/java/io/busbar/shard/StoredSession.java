package io.busbar.shard;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** The record of a stored session. */
final class StoredSession {
  static final long NEVER = Long.MAX_VALUE;

  /** The Session Expiry Interval of a session that does not expire. */
  static final long FOR_EVER = 0xffff_ffffL;

  final String name;
  final String owner;
  final Map<String, StoredSubscription> subscriptions = new LinkedHashMap<>(2);

  /** What stands in the index for those that are not shared, by name. */
  final Map<String, Member> members = new HashMap<>(2);

  final Inbox inbox = new Inbox();

  /**
   * QoS 2 packet identifiers of the client that are in use, and what their messages are called
   * where they were sent to other nodes, or null.
   */
  final SortedMap<Integer, Sending> receiving = new TreeMap<>();

  /** Retained messages that are still to come, by the name of their subscription. */
  final Map<String, byte[]> replays = new LinkedHashMap<>(0);

  /**
   * How many messages had been retained when each of them began: what came later came by itself. Of
   * this replica's life, and part of no checkpoint.
   */
  final Map<String, Long> replaysUpTo = new HashMap<>(0);

  long epoch;
  long expirySeconds;
  int window;

  /** Whether it is gone: an entry that matched it before must not deliver to it. */
  boolean hasEnded;

  /** Where it is connected, or null. */
  Location location;

  /** Published unless the connection ends normally; null when it was or is not to be. */
  Will will;

  /** When the will and the end are due while it is not connected. */
  long willAt = NEVER;

  long endAt = NEVER;

  /** Under which time it stands among the due ones, or NEVER; and in which order among equals. */
  long scheduledAt = NEVER;

  long scheduled;

  /** The checkpoint that has it, or after which it came. */
  int checkpoint;

  /** Its neighbours in the order of epochs. */
  StoredSession before;

  StoredSession after;

  /** A subscription in the index, known by identity. */
  record Member(StoredSession session, StoredSubscription subscription) {
    @Override
    public boolean equals(Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(this);
    }
  }

  StoredSession(String name, String owner) {
    this.name = name;
    this.owner = owner;
  }

  SessionView view() {
    return new SessionView(
        name,
        owner,
        expirySeconds,
        location,
        endAt,
        will,
        List.copyOf(subscriptions.values()),
        inbox.size());
  }

  /** How many deliveries may be in flight now. */
  int openWindow() {
    return location == null ? 0 : window;
  }

  /** The connection is gone: from now on time runs. */
  void closed(long now) {
    location = null;
    endAt = expirySeconds == FOR_EVER ? NEVER : now + expirySeconds * 1_000;
    willAt = will == null ? NEVER : now + Math.min(will.delaySeconds(), expirySeconds) * 1_000;
  }

  void opened(Location where, int mostInFlight) {
    location = where;
    window = mostInFlight;
    endAt = NEVER;
    willAt = NEVER;
  }
}
