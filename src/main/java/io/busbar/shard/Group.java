package io.busbar.shard;

import io.busbar.match.SubscriptionIndex;
import io.busbar.mqtt.Publish;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiPredicate;
import java.util.function.Consumer;

/**
 * The machine of one group: stored sessions, their subscriptions, inboxes and wills, and retained
 * messages. The same commands at the same times come to the same outcomes and effects on every
 * replica. Decides first and changes last. Not thread-safe.
 */
public final class Group {
  private static final int[] NO_IDS = {};

  /** How many effects of groups are remembered, so that a message of theirs is taken once. */
  private static final int ONCES = 4_096;

  /** What one Tick does of each kind at most. */
  private static final int DUE_AT_ONCE = 1_000;

  /** Sessions that a page of them looks at. */
  private static final int VISITS = 10_000;

  private final Retained retained;
  private final Freezer freezer = new Freezer();
  private final Sessions sessions = new Sessions();
  private final SubscriptionIndex<StoredSession.Member> index = new SubscriptionIndex<>();
  private final Map<ByteBuffer, Integer> interest = new HashMap<>();
  private final PendingEffects pending = new PendingEffects();
  private final Set<Once> onces = new LinkedHashSet<>();
  private final Moment moment = new Moment(pending);
  private final Queues queues;
  private final Resources resources = new Resources(freezer);
  private final EventQueue.All eventQueues = new EventQueue.All(freezer);
  private final TreeSet<StoredSession> due =
      new TreeSet<>(
          Comparator.<StoredSession>comparingLong(session -> session.scheduledAt)
              .thenComparingLong(session -> session.scheduled));
  private final Publish view = new Publish();
  private Bounds bounds;
  private long lastEpoch;
  private long lastScheduled;

  /** What all who read the log are known to understand, or 0. */
  private int forms;

  /** A pending effect, of this group or another, whose message came here. */
  record Once(int group, long id) {}

  /** What a session's matching subscriptions come to together. */
  private static final class Match {
    final StoredSession session;
    final long epoch;
    int qos;
    int[] ids = NO_IDS;
    boolean retainAsPublished;

    Match(StoredSession session) {
      this.session = session;
      this.epoch = session.epoch;
    }
  }

  private boolean ignoresEpochs;

  /** A group without any state. */
  public Group(Bounds bounds) {
    this.bounds = bounds;
    this.retained = new Retained(bounds.retainedMessages(), bounds.retainedBytes(), freezer);
    this.queues =
        new Queues(bounds, moment, freezer, session -> end(session, Effect.Reason.OVERFLOW));
  }

  /**
   * Applies an entry of the log.
   *
   * @param time milliseconds since 1970, as the entry has it
   * @param told gets what the entry wants done, in order
   */
  public Outcome apply(long time, Command command, Consumer<Effect> told) {
    moment.begin(time, told);
    if (command instanceof Command.Together all) {
      Outcome.Taken taken = resources.taken(all.commands());
      return taken == null
          ? new Outcome.Together(all.commands().stream().map(this::apply).toList())
          : taken;
    }
    return apply(command);
  }

  private Outcome apply(Command command) {
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
    } else if (command instanceof Command.Once once) {
      return once(once);
    } else if (command instanceof Command.Confirm confirm) {
      Arrays.stream(confirm.ids()).forEach(pending::confirm);
      return new Outcome.Done();
    } else if (command instanceof Command.Configure configure) {
      configure(configure.bounds());
      return new Outcome.Done();
    } else if (command instanceof Command.Gone gone) {
      return gone(gone);
    } else if (command instanceof Command.Understood all) {
      forms = Math.max(forms, all.forms());
      return new Outcome.Done();
    } else if (command instanceof Command.Revoke revoke) {
      return revoke(revoke);
    } else if (command instanceof Command.PutResource put) {
      return resources.put(put, moment);
    } else if (command instanceof Command.DeleteResource delete) {
      return resources.delete(delete, moment);
    } else if (command instanceof Command.Enqueue enqueue) {
      return enqueue(enqueue);
    } else if (command instanceof Command.Take take) {
      return take(take);
    } else if (command instanceof Command.Return returned) {
      return returned(returned);
    } else if (command instanceof Command.Queue queue) {
      return queue(queue);
    } else if (command instanceof Command.Unqueue unqueue) {
      return unqueue(unqueue);
    }
    return tick();
  }

  private void configure(Bounds now) {
    bounds = now;
    queues.configure(now);
    retained.configure(now.retainedMessages(), now.retainedBytes());
  }

  /**
   * Tells of each message for some sessions what becomes of it ({@link Effect.Watched}): for people
   * who look, of this replica alone and part of no checkpoint. From any thread.
   *
   * @param sessions by the session's name, and its owner; null for none
   */
  public void watch(BiPredicate<String, String> sessions) {
    moment.watch(sessions);
  }

  /** A session, or null. */
  public SessionView view(String name) {
    StoredSession session = sessions.get(name);
    return session == null ? null : session.view();
  }

  /**
   * Some of the sessions.
   *
   * @param after {@link SessionView.Page#next} of the page before, or null for the first
   * @param wanted by the session's name, and its owner
   */
  public SessionView.Page sessions(
      SessionView.Mark after, int most, BiPredicate<String, String> wanted) {
    return sessions.list(after, most, VISITS, wanted);
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

  /** A page of {@link #inbox}, and whether it is the last. */
  public InboxPage page(String name, long epoch, long from, int most) {
    List<Delivery> deliveries = inbox(name, epoch, from, most);
    StoredSession session = sessions.get(name);
    boolean isWaiting = session != null && session.epoch == epoch && session.inbox.waiting() > 0;
    return new InboxPage(deliveries, deliveries.size() < most && !isWaiting);
  }

  /** Stored sessions. */
  public int sessions() {
    return sessions.size();
  }

  /** Resources of the namespace. */
  Resources resources() {
    return resources;
  }

  /** A reading of all stored sessions begins anew. */
  public void beginReview() {
    sessions.beginReview();
  }

  /** The next so many of the reading, those that came meanwhile included; none at its end. */
  public List<Owned> review(int most) {
    return sessions.review(most);
  }

  /** Deliveries that are in inboxes and pools: neither settled, nor lost, nor handed on. */
  public int deliveries() {
    return queues.pooled() + sessions.deliveries();
  }

  /** Effects that were told and not confirmed, as they were told and in that order. */
  public List<Effect.Pending> pending() {
    return pending.list();
  }

  /** When something is due next, or Long.MAX_VALUE. */
  public long nextDue() {
    long session = due.isEmpty() ? Long.MAX_VALUE : due.first().scheduledAt;
    return Math.min(Math.min(session, retained.nextDue()), eventQueues.due());
  }

  /** A session that a command of its connection is about to change, or null for a stale one. */
  private StoredSession current(String name, long epoch) {
    if (!isCurrent(name, epoch)) {
      return null;
    }
    StoredSession session = sessions.get(name);
    freezer.before(session);
    return session;
  }

  private boolean isCurrent(String name, long epoch) {
    StoredSession session = sessions.get(name);
    return session != null && (session.epoch == epoch || ignoresEpochs) && session.location != null;
  }

  /** Takes commands of any connection for those of the one that has the session: for tests. */
  public void ignoreEpochs() {
    ignoresEpochs = true;
  }

  // --- sessions ---

  private Outcome open(Command.Open open) {
    StoredSession session = sessions.get(open.session());
    if (session != null && isOver(session)) {
      session = null;
    }
    if (session != null && !session.owner.equals(open.owner())) {
      return new Outcome.Refused();
    }
    if (session == null && open.quota() != null && isExceeded(open)) {
      return new Outcome.Exceeded();
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
      session.checkpoint = freezer.checkpoint;
      session.epoch = ++lastEpoch;
      sessions.add(session);
    } else {
      freezer.before(session);
      if (session.location != null) {
        takeOver(session);
      }
      schedule(session, StoredSession.NEVER);
      session.epoch = ++lastEpoch;
      sessions.renewed(session);
    }
    session.expirySeconds = open.expirySeconds();
    session.will = open.will();
    session.opened(open.location(), open.window());
    queues.promote(session);
    return new Outcome.Opened(
        !isNew,
        session.epoch,
        List.copyOf(session.subscriptions.values()),
        session.receiving.entrySet().stream()
            .map(one -> new Outcome.Receiving(one.getKey(), one.getValue()))
            .toList(),
        pending(session));
  }

  /** Whether one session more were one too many for its owner. */
  private boolean isExceeded(Command.Open open) {
    Set<String> others = new HashSet<>(open.quota().elsewhere());
    others.addAll(sessions.of(open.owner()));
    others.remove(open.session());
    return others.size() >= open.quota().most();
  }

  /** Has what of a session is due by now happen, before the tick does; true if it has ended. */
  private boolean isOver(StoredSession session) {
    if (session.endAt <= moment.now) {
      end(session, Effect.Reason.EXPIRED);
    } else if (session.willAt <= moment.now) {
      fire(session);
    }
    return session.hasEnded;
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
    disconnected(session, close.sentUpTo());
    return new Outcome.Done();
  }

  private Outcome gone(Command.Gone gone) {
    for (StoredSession session : sessions.at(gone)) {
      freezer.before(session);
      // any of them may have been sent
      disconnected(session, Long.MAX_VALUE);
    }
    moment.tell(new Effect.Left(gone.node(), gone.cause()));
    return new Outcome.Done();
  }

  private void disconnected(StoredSession session, long sentUpTo) {
    session.inbox.closed(sentUpTo);
    session.closed(moment.now);
    if (session.endAt <= moment.now) {
      end(session, Effect.Reason.CLOSED);
      return;
    }
    queues.handOn(session, null, false);
    if (session.willAt <= moment.now) {
      fire(session);
    }
    schedule(session, Math.min(session.willAt, session.endAt));
  }

  private void fire(StoredSession session) {
    freezer.before(session);
    byte[] packet = session.will.packet();
    moment.owe(id -> new Effect.WillDue(id, session.name, session.owner, packet));
    session.will = null;
    session.willAt = StoredSession.NEVER;
  }

  private void end(StoredSession session, Effect.Reason reason) {
    freezer.before(session);
    sessions.remove(session);
    session.hasEnded = true;
    schedule(session, StoredSession.NEVER);
    for (StoredSubscription subscription : session.subscriptions.values()) {
      remove(session, subscription);
    }
    queues.handOn(session, null, true);
    moment.became(session, Effect.Change.SESSION_ENDED, 0, null);
    if (session.inbox.size() > 0) {
      moment.tell(new Effect.Lost(Effect.Loss.SESSION_ENDED, session.inbox.size()));
    }
    moment.tell(new Effect.Ended(session.name, session.epoch, session.location, reason));
    if (session.will != null) {
      fire(session);
    }
  }

  private void schedule(StoredSession session, long at) {
    if (session.scheduledAt == at) {
      return;
    }
    freezer.before(session);
    if (session.scheduledAt != StoredSession.NEVER) {
      due.remove(session);
    }
    session.scheduledAt = at;
    if (at != StoredSession.NEVER) {
      session.scheduled = ++lastScheduled;
      due.add(session);
    }
  }

  private Outcome tick() {
    for (int i = 0;
        i < DUE_AT_ONCE && !due.isEmpty() && due.first().scheduledAt <= moment.now;
        i++) {
      StoredSession session = due.first();
      if (!isOver(session)) {
        schedule(session, session.endAt);
      }
    }
    retained.expire(moment.now, DUE_AT_ONCE);
    eventQueues.advance(moment);
    return new Outcome.Done();
  }

  // --- events ---

  private Outcome queue(Command.Queue command) {
    EventQueue queue = eventQueues.change(command.name());
    if (queue == null) {
      eventQueues.add(command.name(), ++lastEpoch, command.rules());
    } else {
      queue.rules(command.rules());
    }
    return new Outcome.Done();
  }

  private Outcome unqueue(Command.Unqueue command) {
    EventQueue queue = eventQueues.change(command.name());
    if (queue != null) {
      eventQueues.remove(queue);
      moment.lost(Effect.Loss.EVENT_QUEUE_GONE, queue.size());
    }
    return new Outcome.Done();
  }

  private Outcome enqueue(Command.Enqueue enqueue) {
    if (enqueue.isWhole() && !isRoom(enqueue)) {
      return new Outcome.Refused();
    }
    int given = 0;
    for (Command.Incoming one : enqueue.events()) {
      Body body = new Body(one.event());
      for (String name : one.queues()) {
        EventQueue queue = eventQueues.change(name);
        if (queue != null && queue.accepts(1, one.event().length)) {
          boolean wasReady = queue.isReady();
          queue.add(body, null, moment.now);
          given++;
          queue.ring(wasReady, moment);
        } else if (queue != null) {
          moment.lost(Effect.Loss.EVENT_QUEUE_FULL, 1);
        }
      }
    }
    return new Outcome.Published(given);
  }

  private boolean isRoom(Command.Enqueue enqueue) {
    Map<String, long[]> more = new HashMap<>();
    for (Command.Incoming one : enqueue.events()) {
      for (String name : one.queues()) {
        long[] of = more.computeIfAbsent(name, n -> new long[2]);
        of[0]++;
        of[1] += one.event().length;
      }
    }
    for (Map.Entry<String, long[]> one : more.entrySet()) {
      EventQueue queue = eventQueues.get(one.getKey());
      if (queue != null && !queue.accepts((int) one.getValue()[0], one.getValue()[1])) {
        return false;
      }
    }
    return true;
  }

  private Outcome take(Command.Take take) {
    EventQueue queue = eventQueues.change(take.queue());
    if (queue == null) {
      return new Outcome.Stale();
    }
    boolean wasReady = queue.isReady();
    queue.advance(moment);
    List<Outcome.Took> took = queue.take(take.most(), take.mostBytes(), moment);
    queue.ring(wasReady, moment);
    return new Outcome.Given(queue.number, took);
  }

  private Outcome returned(Command.Return command) {
    EventQueue queue = eventQueues.change(command.queue());
    if (queue == null) {
      return new Outcome.Stale();
    }
    boolean wasReady = queue.isReady();
    queue.advance(moment);
    List<Outcome.Settled> settled = new ArrayList<>();
    for (Command.Token token : command.tokens()) {
      settled.add(queue.settle(command, token, moment));
    }
    queue.ring(wasReady, moment);
    return new Outcome.Returned(settled);
  }

  /** The bytes of events that were given out, in their order; null for one that is gone. */
  public List<byte[]> events(String name, List<Outcome.Took> took) {
    EventQueue queue = eventQueues.get(name);
    List<byte[]> bodies = new ArrayList<>();
    took.forEach(one -> bodies.add(queue == null ? null : queue.body(one.sequence())));
    return bodies;
  }

  /** What waits in queues of events, behind a name or, if that is null, from the first. */
  public List<EventQueueView> queues(String after, int most) {
    return eventQueues.views(after, most);
  }

  /** Events in all queues. */
  public int queuedEvents() {
    return eventQueues.events();
  }

  /** For a checkpoint that is read. */
  EventQueue.All eventQueues() {
    return eventQueues;
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
        session.replaysUpTo.put(subscription.name(), retained.changes());
      }
    }
    queues.promote(session);
    return new Outcome.Subscribed(existed);
  }

  private void add(StoredSession session, StoredSubscription subscription) {
    count(subscription, 1);
    if (subscription.share() != null) {
      queues.join(session, subscription);
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
      queues.leave(session, subscription);
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
    ByteBuffer filter = interestKey(subscription);
    int before = interest.getOrDefault(filter, 0);
    int after = before + change;
    if (after == 0) {
      interest.remove(filter);
    } else {
      interest.put(filter, after);
    }
    if (before == 0 || after == 0) {
      if (isShared) {
        shareInterest(Share.Key.of(subscription), after > 0);
      } else {
        moment.tell(new Effect.Interest(subscription.filter(), after > 0));
      }
    }
  }

  /** Tells those who know nothing yet of all filters, shares and resources that there are. */
  public void tellAll(Consumer<Effect> told) {
    tell(Set.of(), true, told);
    resources.tell(null, told);
  }

  /** Tells those who know the filters, shares and resources of another group what differs here. */
  public void tellDifference(Group before, Consumer<Effect> told) {
    resources.tell(before.resources, told);
    // first what is new: at no moment is there less than both have
    tell(before.interest.keySet(), true, told);
    before.tell(interest.keySet(), false, told);
  }

  private void tell(Set<ByteBuffer> except, boolean added, Consumer<Effect> told) {
    Set<ByteBuffer> known = new HashSet<>();
    for (StoredSession session : sessions.all()) {
      for (StoredSubscription subscription : session.subscriptions.values()) {
        ByteBuffer key = interestKey(subscription);
        if (subscription.qos() > 0 && !except.contains(key) && known.add(key)) {
          told.accept(
              subscription.share() == null
                  ? new Effect.Interest(subscription.filter(), added)
                  : new Effect.ShareInterest(subscription.share(), subscription.filter(), added));
        }
      }
    }
  }

  private static ByteBuffer interestKey(StoredSubscription subscription) {
    return ByteBuffer.wrap(
        subscription.share() == null
            ? subscription.filter()
            : subscription.name().getBytes(StandardCharsets.UTF_8));
  }

  private void shareInterest(Share.Key key, boolean added) {
    if (added) {
      queues.open(key);
    } else {
      queues.close(key);
    }
    moment.tell(new Effect.ShareInterest(key.name(), key.filter(), added));
  }

  private Outcome unsubscribe(Command.Unsubscribe unsubscribe) {
    StoredSession session = current(unsubscribe.session(), unsubscribe.epoch());
    if (session == null) {
      return new Outcome.Stale();
    }
    return new Outcome.Unsubscribed(remove(session, unsubscribe.filters()));
  }

  private Outcome revoke(Command.Revoke revoke) {
    StoredSession session = sessions.get(revoke.session());
    if (session != null) {
      freezer.before(session);
      remove(session, revoke.filters());
    }
    return new Outcome.Done();
  }

  private List<StoredSubscription> remove(StoredSession session, List<String> filters) {
    List<StoredSubscription> removed = new ArrayList<>();
    for (String name : filters) {
      StoredSubscription old = session.subscriptions.remove(name);
      removed.add(old);
      session.replays.remove(name);
      session.replaysUpTo.remove(name);
      if (old != null) {
        remove(session, old);
        if (old.share() != null) {
          queues.handOn(session, Share.Key.of(old), true);
        }
      }
    }
    queues.promote(session);
    return removed;
  }

  // --- messages ---

  private Outcome once(Command.Once command) {
    if (!onces.add(new Once(command.group(), command.id()))) {
      return new Outcome.Published(0);
    }
    if (onces.size() > ONCES) {
      onces.remove(onces.iterator().next());
    }
    return publish(command.publish());
  }

  private Outcome publish(Command.Publish publish) {
    if (publish.epoch() != 0 && !isCurrent(publish.publisher(), publish.epoch())) {
      return new Outcome.Stale();
    }
    byte[] packet = publish.packet();
    Packets.parse(packet, view);
    List<Match> matches = matches(publish);
    int qos = view.qos();
    boolean retain = view.retain();
    Body body = new Body(packet);
    Share.Pooled shared = new Share.Pooled(body, qos, Packets.expiresAt(view, moment.now));
    List<Command.Pick> picks = qos == 0 ? List.of() : publish.picks();
    if (bounds.overflow() == Bounds.Overflow.REFUSE && !isAccepted(matches, picks, shared)) {
      return new Outcome.Refused();
    }
    if (retain && !retain(packet, shared.expiresAt())) {
      return new Outcome.Refused();
    }
    for (Match match : matches) {
      boolean asPublished = retain && match.retainAsPublished;
      queues.deliver(
          match.session, body, match.qos, asPublished, match.ids, shared.expiresAt(), null);
    }
    for (Command.Pick pick : picks) {
      queues.pick(pick, sessions.get(pick.session()), shared);
    }
    return new Outcome.Published(matches.size() + picks.size());
  }

  /** Whether everybody has room for a message. */
  private boolean isAccepted(List<Match> matches, List<Command.Pick> picks, Share.Pooled message) {
    return matches.stream().allMatch(m -> queues.accepts(m.session, message.packet().length))
        && picks.stream()
            .allMatch(pick -> queues.accepts(pick, sessions.get(pick.session()), message));
  }

  /** Who gets a message, in the order of their epochs: the index's own differs between replicas. */
  private List<Match> matches(Command.Publish publish) {
    if (!publish.all() || view.qos() == 0) {
      return List.of();
    }
    Map<StoredSession, Match> matches = new HashMap<>();
    index.match(
        view.topicArray(),
        view.topicOffset(),
        view.topicLength(),
        member -> {
          StoredSubscription subscription = member.subscription();
          if (subscription.noLocal() && member.session().name.equals(publish.publisher())) {
            return;
          }
          Match match = matches.computeIfAbsent(member.session(), Match::new);
          match.qos = Math.max(match.qos, Math.min(view.qos(), subscription.qos()));
          match.retainAsPublished |= subscription.retainAsPublished();
          match.ids = with(match.ids, subscription.id());
        });
    // at QoS 0 the node of the connection serves it
    matches.values().removeIf(match -> match.qos == 0);
    List<Match> ordered = new ArrayList<>(matches.values());
    ordered.sort(Comparator.comparingLong(match -> match.epoch));
    return ordered;
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
    queues.promote(session);
    return new Outcome.Done();
  }

  private Outcome receive(Command.Receive receive) {
    StoredSession session = current(receive.session(), receive.epoch());
    if (session == null) {
      return new Outcome.Stale();
    }
    if (receive.taken()) {
      session.receiving.put(receive.packetId(), receive.sending());
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
      session.replaysUpTo.remove(replay.filter());
    } else {
      session.replays.put(replay.filter(), replay.next());
    }
    int delivered = 0;
    for (byte[] packet : replay.packets()) {
      Packets.parse(packet, view);
      int qos = Math.min(view.qos(), subscription.qos());
      if (qos > 0 && isRetained(packet)) {
        int[] ids = with(NO_IDS, subscription.id());
        long expiresAt = Packets.expiresAt(view, moment.now);
        queues.deliver(session, new Body(packet), qos, true, ids, expiresAt, null);
        delivered++;
      }
    }
    return new Outcome.Published(delivered);
  }

  /**
   * A page of what a stored session gets of retained messages for one of its subscriptions: those
   * that were retained when it subscribed. Later ones come by themselves.
   *
   * @param name of the subscription
   * @param after {@link Retained.Page#next} of the page before, or null for the first
   */
  public Retained.Page retained(
      String session, String name, byte[] after, int most, long bytes, long now) {
    StoredSession of = sessions.get(session);
    StoredSubscription subscription = of == null ? null : of.subscriptions.get(name);
    if (subscription == null || !of.replays.containsKey(name)) {
      return new Retained.Page(List.of(), null);
    }
    long upTo = of.replaysUpTo.getOrDefault(name, 0L);
    return retained.read(subscription.filter(), after, most, bytes, now, upTo);
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

  // --- checkpoints ---

  /** Begins a checkpoint of the state as it is now; one that is not written to its end is void. */
  void rewind() {
    freezer.begin();
    sessions.rewind();
    queues.rewind();
    retained.rewind();
    resources.rewind();
    eventQueues.rewind();
  }

  Freezer freezer() {
    return freezer;
  }

  /** The next part on a checkpoint's way, or null at the end of it or of the slice. */
  Freezer.Frozen unwritten(CheckpointWriter writer) {
    while (!writer.isFull()) {
      StoredSession session = sessions.next();
      if (session == null) {
        Freezer.Frozen share = queues.unwritten(writer);
        Freezer.Frozen message = share == null ? retained.unwritten(writer) : share;
        Freezer.Frozen resource = message == null ? resources.unwritten(writer) : message;
        return resource == null ? eventQueues.unwritten(writer) : resource;
      }
      if (session.checkpoint != freezer.checkpoint) {
        session.checkpoint = freezer.checkpoint;
        return FrozenSession.of(session);
      }
      writer.skipped();
    }
    return null;
  }

  /** Counters, bounds, and what is pending or remembered: the first part of a checkpoint. */
  List<Freezer.Frozen> small(long now) {
    List<Freezer.Frozen> parts = new ArrayList<>();
    parts.add(new CheckpointHeader(now, lastEpoch, lastScheduled, pending.lastId(), bounds));
    pending.list().forEach(effect -> parts.add(out -> out.effect(effect)));
    onces.forEach(once -> parts.add(out -> out.once(once)));
    if (forms > 0) {
      int understood = forms;
      parts.add(out -> out.understood(understood));
    }
    return parts;
  }

  /** What all who read the log understand, for good ({@link Command.Understood}); 0 if unknown. */
  public int forms() {
    return forms;
  }

  void understood(int all) {
    forms = all;
  }

  void restore(CheckpointHeader header, List<Effect.Pending> effects, List<Once> remembered) {
    moment.now = header.now();
    lastEpoch = header.lastEpoch();
    lastScheduled = header.lastScheduled();
    configure(header.bounds());
    pending.restore(header.lastEffect(), effects);
    onces.addAll(remembered);
  }

  /** Adds a session of a checkpoint; they come in the order of their epochs. */
  void restore(StoredSession session) {
    sessions.add(session);
    if (session.scheduledAt != StoredSession.NEVER) {
      due.add(session);
    }
    for (StoredSubscription subscription : session.subscriptions.values()) {
      if (subscription.share() == null) {
        StoredSession.Member member = new StoredSession.Member(session, subscription);
        index.add(subscription.filter(), member);
        session.members.put(subscription.name(), member);
      }
      if (subscription.qos() > 0) {
        interest.merge(interestKey(subscription), 1, Integer::sum);
      }
    }
  }

  /** The session of a name, or null. */
  StoredSession session(String name) {
    return sessions.get(name);
  }

  /** Adds a share of a checkpoint, after the sessions. */
  void restore(Share share) {
    queues.restore(share);
  }
}
