package io.busbar.shard;

import io.busbar.mqtt.Publish;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * What comes into the inboxes of stored sessions and the pools of their shares, within its bounds,
 * and what a session hands on that leaves. Each delivery that does not happen is told.
 */
final class Queues {
  private static final int[] NO_IDS = {};

  private Bounds bounds;
  private final Moment moment;
  private final Freezer freezer;
  private final Consumer<StoredSession> overflowed;
  private final TreeMap<Share.Key, Share> shares = new TreeMap<>();
  private final Publish view = new Publish();

  /** The last share that a checkpoint has seen, or null. */
  private Share.Key written;

  /**
   * No queues yet.
   *
   * @param overflowed ends a session whose inbox is full, where that is what its owner chose
   */
  Queues(Bounds bounds, Moment moment, Freezer freezer, Consumer<StoredSession> overflowed) {
    this.bounds = bounds;
    this.moment = moment;
    this.freezer = freezer;
    this.overflowed = overflowed;
  }

  /** What bounds them from now on. */
  void configure(Bounds now) {
    bounds = now;
  }

  // --- inboxes ---

  /** Whether a message for a session would neither be dropped nor drop another. */
  boolean accepts(StoredSession session, int bytes) {
    return session.inbox.accepts(bytes, session.openWindow(), bounds);
  }

  /**
   * Puts a message into a session's inbox and rings, if it is connected.
   *
   * @param share the share that chose the session, or null
   */
  void deliver(
      StoredSession session,
      Body body,
      int qos,
      boolean retain,
      int[] ids,
      long expiresAt,
      Share.Key share) {
    if (session.hasEnded) {
      moment.lost(Effect.Loss.SESSION_ENDED, 1);
      return;
    }
    boolean fits = accepts(session, body.packet.length);
    if (!fits && bounds.overflow() != Bounds.Overflow.DROP_OLDEST) {
      moment.became(session, Effect.Change.QUEUE_FULL, session.inbox.next(), body.packet);
    }
    if (!fits && bounds.overflow() == Bounds.Overflow.END_SESSION) {
      moment.lost(Effect.Loss.QUEUE_FULL, 1);
      overflowed.accept(session);
      return;
    }
    if (!fits && bounds.overflow() != Bounds.Overflow.DROP_OLDEST) {
      moment.lost(Effect.Loss.QUEUE_FULL, 1);
      return;
    }
    freezer.before(session);
    Inbox inbox = session.inbox;
    Delivery added = inbox.add(body, qos, retain, ids, expiresAt, share, session.openWindow());
    moment.became(session, Effect.Change.KEPT, added.sequence(), body.packet);
    boolean isThere = true;
    while (inbox.isOver(bounds)) {
      Delivery dropped = inbox.drop().delivery();
      isThere = dropped.sequence() < added.sequence();
      moment.lost(Effect.Loss.QUEUE_FULL, 1);
      moment.became(session, Effect.Change.QUEUE_FULL, dropped.sequence(), dropped.packet());
    }
    if (isThere && session.location != null) {
      moment.tell(new Effect.Bell(session.location, session.name, session.epoch, added));
    }
  }

  /** As many of a session's deliveries as may be in flight are, and its shares give it more. */
  void promote(StoredSession session) {
    freezer.before(session);
    session.inbox.promote(
        session.openWindow(), moment.now, entry -> expired(session, entry.delivery()));
    for (StoredSubscription subscription : session.subscriptions.values()) {
      if (subscription.share() != null) {
        drain(shares.get(Share.Key.of(subscription)), session);
      }
    }
  }

  private void expired(StoredSession session, Delivery delivery) {
    moment.lost(Effect.Loss.EXPIRED, 1);
    moment.became(session, Effect.Change.EXPIRED, delivery.sequence(), delivery.packet());
  }

  // --- shares ---

  /** The share has its first stored member. */
  void open(Share.Key key) {
    Share share = new Share(key);
    share.checkpoint = freezer.checkpoint;
    shares.put(key, share);
  }

  /** The share has lost its last stored member: nobody is left for what its pool holds. */
  void close(Share.Key key) {
    Share share = shares.remove(key);
    freezer.before(share);
    moment.lost(Effect.Loss.SESSION_ENDED, share.pool.size());
  }

  /** A session is a member of a share; at QoS 0 the node of its connection serves it instead. */
  void join(StoredSession session, StoredSubscription subscription) {
    Share share = shares.get(Share.Key.of(subscription));
    if (share == null) {
      return;
    }
    freezer.before(share);
    if (subscription.qos() > 0) {
      share.members.put(session, subscription);
    } else {
      share.members.remove(session);
    }
  }

  /** A session is no member any more. */
  void leave(StoredSession session, StoredSubscription subscription) {
    Share share = shares.get(Share.Key.of(subscription));
    if (share != null) {
      freezer.before(share);
      share.members.remove(session);
    }
  }

  /** Whether a pick's message would neither be dropped nor drop another. */
  boolean accepts(Command.Pick pick, StoredSession chosen, Share.Pooled message) {
    Share share = shares.get(new Share.Key(pick.share(), pick.filter()));
    if (share == null) {
      return true;
    }
    StoredSession member = share.target(chosen);
    return member == null
        ? share.isRoom(message, bounds)
        : accepts(member, message.packet().length);
  }

  /** Gives a message to the member that was picked, to another one, or to the share's pool. */
  void pick(Command.Pick pick, StoredSession chosen, Share.Pooled message) {
    Share.Key key = new Share.Key(pick.share(), pick.filter());
    Share share = shares.get(key);
    if (share == null) {
      // its last stored member left after it was picked: who else is a member is for the nodes
      repick(key, message.packet(), message.expiresAt());
      return;
    }
    StoredSession member = share.target(chosen);
    if (member == null) {
      freezer.before(share);
      moment.lost(Effect.Loss.QUEUE_FULL, share.keep(message, bounds));
    } else {
      give(share, member, message);
    }
  }

  private void give(Share share, StoredSession member, Share.Pooled message) {
    StoredSubscription subscription = share.members.get(member);
    freezer.before(share);
    share.served(member);
    int[] ids = subscription.id() == 0 ? NO_IDS : new int[] {subscription.id()};
    int qos = Math.min(message.qos(), subscription.qos());
    deliver(member, message.body(), qos, false, ids, message.expiresAt(), share.key);
  }

  /** A member has room: it gets what the pool holds, as far as it may be in flight. */
  private void drain(Share share, StoredSession member) {
    while (share != null
        && share.members.containsKey(member)
        && !share.pool.isEmpty()
        && member.inbox.waiting() == 0
        && member.inbox.size() < member.openWindow()) {
      freezer.before(share);
      Share.Pooled message = share.take();
      if (message.expiresAt() <= moment.now) {
        moment.lost(Effect.Loss.EXPIRED, 1);
      } else {
        give(share, member, message);
      }
    }
  }

  /**
   * Hands on what shares chose a session for and another member may have.
   *
   * @param share one share, or null for all of them
   * @param ends whether the session ends or leaves the share: then also what was sent at QoS 1
   */
  void handOn(StoredSession session, Share.Key share, boolean ends) {
    freezer.before(session);
    List<Inbox.Entry> handed = session.inbox.handOn(share, ends);
    for (Inbox.Entry entry : handed) {
      repick(entry.share(), entry.delivery().packet(), entry.delivery().expiresAt());
    }
  }

  private void repick(Share.Key key, byte[] packet, long expiresAt) {
    if (expiresAt <= moment.now) {
      moment.lost(Effect.Loss.EXPIRED, 1);
      return;
    }
    Packets.parse(packet, view);
    byte[] counted = Packets.countedDown(packet, view.expiryOffset(), expiresAt, moment.now);
    moment.owe(id -> new Effect.Repick(id, key.name(), key.filter(), counted));
  }

  // --- checkpoints ---

  /** A checkpoint begins. */
  void rewind() {
    written = null;
  }

  /** The next share on a checkpoint's way, or null at the end of it or of the slice. */
  Freezer.Frozen unwritten(CheckpointWriter writer) {
    while (!writer.isFull()) {
      Map.Entry<Share.Key, Share> next =
          written == null ? shares.firstEntry() : shares.higherEntry(written);
      if (next == null) {
        return null;
      }
      written = next.getKey();
      Share share = next.getValue();
      if (share.checkpoint != freezer.checkpoint) {
        share.checkpoint = freezer.checkpoint;
        return FrozenShare.of(share);
      }
      writer.skipped();
    }
    return null;
  }

  /** Adds a share of a checkpoint. */
  void restore(Share share) {
    shares.put(share.key, share);
  }

  /** Messages that wait in the pools. */
  int pooled() {
    return shares.values().stream().mapToInt(share -> share.pool.size()).sum();
  }
}
