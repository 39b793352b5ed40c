package io.busbar.shard;

import io.busbar.match.SubscriptionIndex;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The machine of one group: stored sessions, their subscriptions, inboxes and wills, and retained
 * messages. The same commands at the same times come to the same outcomes and effects on every
 * replica. Decides first and changes last. Not thread-safe.
 */
public final class Group {
  private static final int[] NO_IDS = {};

  /** What one Tick does of each kind at most. */
  private static final int DUE_AT_ONCE = 1_000;

  private final Bounds bounds;
  private final Retained retained;
  private final Map<String, StoredSession> sessions = new HashMap<>();
  private final SubscriptionIndex<StoredSession.Member> index = new SubscriptionIndex<>();
  private final Map<ByteBuffer, Integer> interest = new HashMap<>();
  private final Map<Share.Key, Share> shares = new HashMap<>();
  private final TreeMap<Long, Set<StoredSession>> due = new TreeMap<>();
  private final Publish view = new Publish();
  private long lastEpoch;
  private long now;
  private Consumer<Effect> effects;

  /** What a session's matching subscriptions come to together. */
  private static final class Match {
    int qos;
    int[] ids = NO_IDS;
    boolean retainAsPublished;
  }

  /** A group without any state. */
  public Group(Bounds bounds) {
    this.bounds = bounds;
    this.retained = new Retained(bounds.retainedMessages(), bounds.retainedBytes());
  }

  /**
   * Applies an entry of the log.
   *
   * @param time milliseconds since 1970, as the entry has it
   * @param told gets what the entry wants done, in order
   */
  public Outcome apply(long time, Command command, Consumer<Effect> told) {
    now = time;
    effects = told;
    if (command instanceof Command.Publish publish) {
      return publish(publish);
    } else if (command instanceof Command.Settle settle) {
      return settle(settle);
    } else if (command instanceof Command.Receive receive) {
      return receive(receive);
    } else if (command instanceof Command.Open open) {
      return open(open);
    } else if (command instanceof Command.Close close) {
      return close(close);
    } else if (command instanceof Command.Subscribe subscribe) {
      return subscribe(subscribe);
    } else if (command instanceof Command.Unsubscribe unsubscribe) {
      return unsubscribe(unsubscribe);
    } else if (command instanceof Command.Replay replay) {
      return replay(replay);
    } else if (command instanceof Command.End end) {
      StoredSession session = sessions.get(end.session());
      if (session != null) {
        end(session, Effect.Reason.REQUESTED);
      }
      return new Outcome.Done();
    }
    return tick();
  }

  /** The retained messages, to be read. */
  public Retained retained() {
    return retained;
  }

  /** A session's deliveries that may be in flight, from a sequence on; none for a stale epoch. */
  public List<Delivery> inbox(String name, long epoch, long from, int most) {
    StoredSession session = sessions.get(name);
    return session == null || session.epoch != epoch ? List.of() : session.inbox.read(from, most);
  }

  /** Stored sessions. */
  public int sessions() {
    return sessions.size();
  }

  /** When something is due next, or Long.MAX_VALUE. */
  public long nextDue() {
    return Math.min(due.isEmpty() ? Long.MAX_VALUE : due.firstKey(), retained.nextDue());
  }

  private StoredSession current(String name, long epoch) {
    StoredSession session = sessions.get(name);
    return session == null || session.epoch != epoch || session.location == null ? null : session;
  }

  // --- sessions ---

  private Outcome open(Command.Open open) {
    StoredSession session = sessions.get(open.session());
    if (session != null && !session.owner.equals(open.owner())) {
      return new Outcome.Refused();
    }
    boolean isNew = session == null || open.cleanStart();
    if (isNew && open.expirySeconds() > 0) {
      int others = sessions.size() - (session == null ? 0 : 1);
      if (others >= bounds.sessions()) {
        return new Outcome.Refused();
      }
    }
    if (session != null && isNew) {
      end(session, Effect.Reason.CLEAN_START);
    }
    if (isNew && open.expirySeconds() == 0) {
      return new Outcome.Opened(false, 0, List.of(), List.of(), List.of());
    }
    if (isNew) {
      session = new StoredSession(open.session(), open.owner());
      sessions.put(open.session(), session);
    } else {
      if (session.location != null) {
        takeOver(session);
      }
      schedule(session, StoredSession.NEVER);
    }
    session.epoch = ++lastEpoch;
    session.expirySeconds = open.expirySeconds();
    session.will = open.will();
    session.opened(open.location(), open.window());
    promote(session);
    for (StoredSubscription subscription : session.subscriptions.values()) {
      if (subscription.share() != null) {
        drain(shares.get(key(subscription)), session);
      }
    }
    return new Outcome.Opened(
        !isNew,
        session.epoch,
        List.copyOf(session.subscriptions.values()),
        List.copyOf(session.receiving),
        pending(session));
  }

  /** The connection that had the session did not end before: its node had no time to say how. */
  private void takeOver(StoredSession session) {
    if (session.will != null && session.will.delaySeconds() == 0) {
      fire(session);
    }
    session.inbox.closed(Long.MAX_VALUE);
  }

  private static List<Outcome.PendingReplay> pending(StoredSession session) {
    List<Outcome.PendingReplay> pending = new ArrayList<>();
    session.replays.forEach(
        (name, after) ->
            pending.add(new Outcome.PendingReplay(session.subscriptions.get(name), after)));
    return pending;
  }

  private Outcome close(Command.Close close) {
    StoredSession session = current(close.session(), close.epoch());
    if (session == null) {
      return new Outcome.Stale();
    }
    if (close.expirySeconds() >= 0) {
      session.expirySeconds = close.expirySeconds();
    }
    if (close.normal()) {
      session.will = null;
    }
    session.inbox.closed(close.sentUpTo());
    session.closed(now);
    if (session.endAt <= now) {
      end(session, Effect.Reason.CLOSED);
      return new Outcome.Done();
    }
    session.inbox.handOn(null, false).forEach(this::repick);
    if (session.willAt <= now) {
      fire(session);
    }
    schedule(session, Math.min(session.willAt, session.endAt));
    return new Outcome.Done();
  }

  private void fire(StoredSession session) {
    effects.accept(new Effect.WillDue(session.name, session.owner, session.will.packet()));
    session.will = null;
    session.willAt = StoredSession.NEVER;
  }

  private void end(StoredSession session, Effect.Reason reason) {
    sessions.remove(session.name);
    schedule(session, StoredSession.NEVER);
    for (StoredSubscription subscription : session.subscriptions.values()) {
      remove(session, subscription);
    }
    session.inbox.handOn(null, true).forEach(this::repick);
    if (session.inbox.size() > 0) {
      effects.accept(new Effect.Lost(Effect.Loss.SESSION_ENDED, session.inbox.size()));
    }
    effects.accept(new Effect.Ended(session.name, session.epoch, session.location, reason));
    if (session.will != null) {
      fire(session);
    }
  }

  private void schedule(StoredSession session, long at) {
    if (session.scheduledAt == at) {
      return;
    }
    Set<StoredSession> before = due.get(session.scheduledAt);
    if (before != null) {
      before.remove(session);
      if (before.isEmpty()) {
        due.remove(session.scheduledAt);
      }
    }
    session.scheduledAt = at;
    if (at != StoredSession.NEVER) {
      due.computeIfAbsent(at, t -> new LinkedHashSet<>()).add(session);
    }
  }

  private Outcome tick() {
    for (int i = 0; i < DUE_AT_ONCE && !due.isEmpty() && due.firstKey() <= now; i++) {
      StoredSession session = due.firstEntry().getValue().iterator().next();
      if (session.endAt <= now) {
        end(session, Effect.Reason.EXPIRED);
      } else {
        fire(session);
        schedule(session, session.endAt);
      }
    }
    retained.expire(now, DUE_AT_ONCE);
    return new Outcome.Done();
  }

  // --- subscriptions ---

  private Outcome subscribe(Command.Subscribe subscribe) {
    StoredSession session = current(subscribe.session(), subscribe.epoch());
    if (session == null) {
      return new Outcome.Stale();
    }
    List<Boolean> existed = new ArrayList<>();
    for (StoredSubscription subscription : subscribe.subscriptions()) {
      StoredSubscription old = session.subscriptions.get(subscription.name());
      add(session, subscription);
      if (old != null) {
        count(old, -1);
      }
      session.subscriptions.put(subscription.name(), subscription);
      existed.add(old != null);
      boolean wants =
          subscription.retainHandling() == 0 || (subscription.retainHandling() == 1 && old == null);
      if (wants && subscription.share() == null && subscription.qos() > 0) {
        session.replays.put(subscription.name(), null);
      }
      if (subscription.share() != null) {
        drain(shares.get(key(subscription)), session);
      }
    }
    return new Outcome.Subscribed(existed);
  }

  private void add(StoredSession session, StoredSubscription subscription) {
    count(subscription, 1);
    if (subscription.share() != null) {
      Share share = shares.get(key(subscription));
      if (share != null) {
        share.members.put(session, subscription);
      }
    } else {
      StoredSession.Member member = new StoredSession.Member(session, subscription);
      index.add(subscription.filter(), member);
      StoredSession.Member old = session.members.put(subscription.name(), member);
      if (old != null) {
        index.remove(subscription.filter(), old);
      }
    }
  }

  private void remove(StoredSession session, StoredSubscription subscription) {
    if (subscription.share() != null) {
      Share share = shares.get(key(subscription));
      if (share != null) {
        share.members.remove(session);
      }
    } else {
      index.remove(subscription.filter(), session.members.remove(subscription.name()));
    }
    count(subscription, -1);
  }

  /** Tells when the first of a filter comes and the last one goes. */
  private void count(StoredSubscription subscription, int change) {
    if (subscription.qos() == 0) {
      return;
    }
    boolean isShared = subscription.share() != null;
    ByteBuffer filter =
        isShared
            ? ByteBuffer.wrap(subscription.name().getBytes(StandardCharsets.UTF_8))
            : ByteBuffer.wrap(subscription.filter());
    int before = interest.getOrDefault(filter, 0);
    int after = before + change;
    if (after == 0) {
      interest.remove(filter);
    } else {
      interest.put(filter, after);
    }
    if (before == 0 || after == 0) {
      if (isShared) {
        shareInterest(key(subscription), after > 0);
      } else {
        effects.accept(new Effect.Interest(subscription.filter(), after > 0));
      }
    }
  }

  private void shareInterest(Share.Key key, boolean added) {
    if (added) {
      shares.put(key, new Share(key));
    } else {
      Share gone = shares.remove(key);
      if (!gone.pool.isEmpty()) {
        effects.accept(new Effect.Lost(Effect.Loss.SESSION_ENDED, gone.pool.size()));
      }
    }
    effects.accept(new Effect.ShareInterest(key.name(), key.filter(), added));
  }

  private static Share.Key key(StoredSubscription subscription) {
    return new Share.Key(subscription.share(), subscription.filter());
  }

  private Outcome unsubscribe(Command.Unsubscribe unsubscribe) {
    StoredSession session = current(unsubscribe.session(), unsubscribe.epoch());
    if (session == null) {
      return new Outcome.Stale();
    }
    List<StoredSubscription> removed = new ArrayList<>();
    for (String name : unsubscribe.filters()) {
      StoredSubscription old = session.subscriptions.remove(name);
      removed.add(old);
      session.replays.remove(name);
      if (old != null) {
        Share share = old.share() == null ? null : shares.get(key(old));
        remove(session, old);
        if (share != null) {
          session.inbox.handOn(share, true).forEach(this::repick);
          promote(session);
        }
      }
    }
    return new Outcome.Unsubscribed(removed);
  }

  // --- messages ---

  private Outcome publish(Command.Publish publish) {
    parse(publish.packet());
    Map<StoredSession, Match> matches = matches(publish);
    if (bounds.overflow() == Bounds.Overflow.REFUSE) {
      for (StoredSession session : matches.keySet()) {
        if (!session.inbox.isRoom(publish.packet().length, bounds)) {
          return new Outcome.Refused();
        }
      }
    }
    long expiresAt = expiresAt(view);
    int qos = view.qos();
    boolean retain = view.retain();
    if (retain && !retain(publish.packet(), expiresAt)) {
      return new Outcome.Refused();
    }
    matches.forEach(
        (session, match) ->
            deliver(
                session,
                publish.packet(),
                match.qos,
                retain && match.retainAsPublished,
                match.ids,
                expiresAt,
                null));
    int picked = 0;
    for (Command.Pick pick : publish.picks()) {
      Share share = shares.get(new Share.Key(pick.share(), pick.filter()));
      if (share != null && qos > 0) {
        picked++;
        pick(
            share,
            sessions.get(pick.session()),
            new Share.Pooled(publish.packet(), qos, expiresAt));
      }
    }
    return new Outcome.Published(matches.size() + picked);
  }

  private void parse(byte[] packet) {
    try {
      view.parse(packet, 0, packet.length, MqttVersion.V5);
    } catch (MqttException e) {
      throw new IllegalStateException("a packet that was accepted", e);
    }
  }

  private long expiresAt(Publish message) {
    return message.expirySeconds() < 0 ? Long.MAX_VALUE : now + message.expirySeconds() * 1_000;
  }

  private Map<StoredSession, Match> matches(Command.Publish publish) {
    if (!publish.all() || view.qos() == 0) {
      return Map.of();
    }
    Map<StoredSession, Match> matches = new LinkedHashMap<>();
    index.match(
        view.topicArray(),
        view.topicOffset(),
        view.topicLength(),
        member -> {
          StoredSubscription subscription = member.subscription();
          if (subscription.noLocal() && member.session().name.equals(publish.publisher())) {
            return;
          }
          Match match = matches.computeIfAbsent(member.session(), s -> new Match());
          match.qos = Math.max(match.qos, Math.min(view.qos(), subscription.qos()));
          match.retainAsPublished |= subscription.retainAsPublished();
          match.ids = with(match.ids, subscription.id());
        });
    // at QoS 0 the node of the connection serves it
    matches.values().removeIf(match -> match.qos == 0);
    return matches;
  }

  private static int[] with(int[] ids, int id) {
    if (id == 0) {
      return ids;
    }
    int[] more = Arrays.copyOf(ids, ids.length + 1);
    more[ids.length] = id;
    Arrays.sort(more);
    return more;
  }

  private boolean retain(byte[] packet, long expiresAt) {
    if (view.payloadLength() == 0) {
      retained.remove(view.topicArray(), view.topicOffset(), view.topicLength());
      return true;
    }
    return retained.put(packet, expiresAt);
  }

  private void deliver(
      StoredSession session,
      byte[] packet,
      int qos,
      boolean retain,
      int[] ids,
      long expiresAt,
      Share share) {
    Inbox inbox = session.inbox;
    if (!sessions.containsKey(session.name)) {
      lost(Effect.Loss.SESSION_ENDED);
      return;
    }
    boolean fits = inbox.isRoom(packet.length, bounds);
    if (!fits && bounds.overflow() == Bounds.Overflow.DROP_NEWEST) {
      lost(Effect.Loss.QUEUE_FULL);
      return;
    }
    if (!fits && bounds.overflow() == Bounds.Overflow.END_SESSION) {
      lost(Effect.Loss.QUEUE_FULL);
      end(session, Effect.Reason.OVERFLOW);
      return;
    }
    Delivery added = inbox.add(packet, qos, retain, ids, expiresAt, share, session.openWindow());
    while (inbox.isOver(bounds)) {
      inbox.drop();
      lost(Effect.Loss.QUEUE_FULL);
    }
    if (session.location != null) {
      effects.accept(new Effect.Bell(session.location, session.name, session.epoch, added));
    }
  }

  private void lost(Effect.Loss loss) {
    effects.accept(new Effect.Lost(loss, 1));
  }

  /** As many of the session's deliveries as may be in flight are. */
  private void promote(StoredSession session) {
    session.inbox.promote(session.openWindow(), now, entry -> lost(Effect.Loss.EXPIRED));
  }

  // --- shared subscriptions ---

  private void pick(Share share, StoredSession chosen, Share.Pooled message) {
    StoredSession member =
        chosen != null && share.members.containsKey(chosen) ? chosen : share.next();
    if (member == null) {
      int dropped = share.keep(message, bounds);
      if (dropped > 0) {
        effects.accept(new Effect.Lost(Effect.Loss.QUEUE_FULL, dropped));
      }
    } else {
      give(share, member, message);
    }
  }

  private void give(Share share, StoredSession member, Share.Pooled message) {
    StoredSubscription subscription = share.members.get(member);
    int[] ids = with(NO_IDS, subscription.id());
    int qos = Math.max(1, Math.min(message.qos(), subscription.qos()));
    deliver(member, message.packet(), qos, false, ids, message.expiresAt(), share);
  }

  /** A member has come: it gets what the pool holds, as far as it may be in flight. */
  private void drain(Share share, StoredSession member) {
    while (share != null
        && !share.pool.isEmpty()
        && member.inbox.waiting() == 0
        && member.inbox.size() < member.openWindow()) {
      Share.Pooled message = share.take();
      if (message.expiresAt() <= now) {
        lost(Effect.Loss.EXPIRED);
      } else {
        give(share, member, message);
      }
    }
  }

  private void repick(Inbox.Entry entry) {
    effects.accept(
        new Effect.Repick(
            entry.share().key.name(), entry.share().key.filter(), entry.delivery().packet()));
  }

  // --- what the connection does ---

  private Outcome settle(Command.Settle settle) {
    StoredSession session = current(settle.session(), settle.epoch());
    if (session == null) {
      return new Outcome.Stale();
    }
    for (long sequence : settle.released()) {
      session.inbox.release(sequence);
    }
    for (long sequence : settle.done()) {
      session.inbox.settle(sequence);
    }
    promote(session);
    for (StoredSubscription subscription : session.subscriptions.values()) {
      if (subscription.share() != null) {
        drain(shares.get(key(subscription)), session);
      }
    }
    return new Outcome.Done();
  }

  private Outcome receive(Command.Receive receive) {
    StoredSession session = current(receive.session(), receive.epoch());
    if (session == null) {
      return new Outcome.Stale();
    }
    if (receive.taken()) {
      session.receiving.add(receive.packetId());
    } else {
      session.receiving.remove(receive.packetId());
    }
    return new Outcome.Done();
  }

  private Outcome replay(Command.Replay replay) {
    StoredSession session = current(replay.session(), replay.epoch());
    if (session == null) {
      return new Outcome.Stale();
    }
    StoredSubscription subscription = session.subscriptions.get(replay.filter());
    if (subscription == null || !session.replays.containsKey(replay.filter())) {
      return new Outcome.Done();
    }
    if (replay.next() == null) {
      session.replays.remove(replay.filter());
    } else {
      session.replays.put(replay.filter(), replay.next());
    }
    int delivered = 0;
    for (byte[] packet : replay.packets()) {
      parse(packet);
      int qos = Math.min(view.qos(), subscription.qos());
      if (qos > 0 && isRetained(packet)) {
        int[] ids = with(NO_IDS, subscription.id());
        deliver(session, packet, qos, true, ids, expiresAt(view), null);
        delivered++;
      }
    }
    return new Outcome.Published(delivered);
  }

  /** Whether a packet is what its topic retains now, but for the time that has passed. */
  private boolean isRetained(byte[] packet) {
    byte[] kept = retained.packet(view.topicArray(), view.topicOffset(), view.topicLength());
    return kept != null && isSame(kept, packet, view.expiryOffset());
  }

  private static boolean isSame(byte[] a, byte[] b, int expiryAt) {
    if (expiryAt < 0) {
      return Arrays.equals(a, b);
    }
    return a.length == b.length
        && Arrays.equals(a, 0, expiryAt, b, 0, expiryAt)
        && Arrays.equals(a, expiryAt + 4, a.length, b, expiryAt + 4, b.length);
  }
}
