package io.busbar.shard;

import io.busbar.mqtt.Topics;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** What a {@link Group} should do, as slowly and plainly as it can be said. */
final class GroupModel {
  private Bounds bounds;
  private final Map<String, Session> sessions = new TreeMap<>();
  private final Map<String, Pool> pools = new TreeMap<>();
  private final List<String> effects = new ArrayList<>();
  private final List<String> pending = new ArrayList<>();
  private final Set<Long> onces = new HashSet<>();
  private long now;
  private long epochs;

  /** One message for one session, or in a pool. */
  private static final class Item {
    final byte[] packet;
    final int qos;
    final long expiresAt;
    String share;
    long sequence;
    boolean sent;
    boolean released;

    Item(byte[] packet, int qos, long expiresAt, String share) {
      this.packet = packet;
      this.qos = qos;
      this.expiresAt = expiresAt;
      this.share = share;
    }

    int cost() {
      return packet.length + 64;
    }

    String id() {
      return Messages.payload(packet).replace("x", "");
    }
  }

  private static final class Session {
    String owner;
    long epoch;
    boolean connected;
    int window;
    long expiry;
    long endAt = Long.MAX_VALUE;
    Will will;
    long willAt = Long.MAX_VALUE;
    long next;
    final Map<String, StoredSubscription> subscriptions = new LinkedHashMap<>();
    final List<Item> flight = new ArrayList<>();
    final List<Item> waiting = new ArrayList<>();

    int open() {
      return connected ? window : 0;
    }
  }

  /** A share with stored members at QoS 1 or 2: who is served next comes first. */
  private static final class Pool {
    final List<String> members = new ArrayList<>();
    final List<Item> items = new ArrayList<>();
  }

  GroupModel(Bounds bounds) {
    this.bounds = bounds;
  }

  // --- to be compared ---

  static String text(Outcome outcome) {
    if (outcome instanceof Outcome.Published published) {
      return "Published " + published.sessions();
    }
    if (outcome instanceof Outcome.Opened opened) {
      return "Opened " + opened.present() + " " + opened.subscriptions().size();
    }
    return outcome.getClass().getSimpleName();
  }

  /** An effect that is modelled; a loss of several deliveries is as many. */
  static Stream<String> text(Effect effect) {
    if (effect instanceof Effect.Lost lost) {
      return IntStream.range(0, lost.deliveries()).mapToObj(i -> "lost " + lost.loss());
    } else if (effect instanceof Effect.Bell bell) {
      return Stream.of("bell " + bell.session() + " " + text(bell.delivery()));
    } else if (effect instanceof Effect.Repick repick) {
      String id = Messages.payload(repick.packet()).replace("x", "");
      long left = Messages.parsed(repick.packet()).expirySeconds();
      return Stream.of("repick " + repick.share() + "/" + text(repick.filter()) + id + " " + left);
    } else if (effect instanceof Effect.WillDue will) {
      return Stream.of("will " + will.session());
    } else if (effect instanceof Effect.Ended ended) {
      return Stream.of("ended " + ended.session() + " " + ended.reason());
    }
    return Stream.of();
  }

  static String text(Delivery d) {
    String id = Messages.payload(d.packet()).replace("x", "");
    return "%s q%d %s%s".formatted(id, d.qos(), d.sent() ? "D" : "", d.released() ? "R" : "");
  }

  private static String text(Item i) {
    return "%s q%d %s%s".formatted(i.id(), i.qos, i.sent ? "D" : "", i.released ? "R" : "");
  }

  static String text(byte[] filter) {
    return new String(filter, StandardCharsets.UTF_8);
  }

  List<String> effects() {
    return effects.stream().sorted().toList();
  }

  /** What must not be lost and was not confirmed. */
  List<String> pending() {
    return pending.stream().sorted().toList();
  }

  void confirmed(String effect) {
    pending.remove(effect);
  }

  int sessions() {
    return sessions.size();
  }

  int deliveries() {
    return pools.values().stream().mapToInt(pool -> pool.items.size()).sum()
        + sessions.values().stream().mapToInt(s -> s.flight.size() + s.waiting.size()).sum();
  }

  List<String> inFlight(String name) {
    Session session = sessions.get(name);
    return session == null ? List.of() : session.flight.stream().map(GroupModel::text).toList();
  }

  long epoch(String name) {
    Session session = sessions.get(name);
    return session == null ? 0 : session.epoch;
  }

  // --- for choices ---

  long someSequence(String name, GroupWalk.Choice choice) {
    Session session = sessions.get(name);
    return session == null ? 0 : choice.next((int) session.next + 1);
  }

  long[] someInFlight(String name, GroupWalk.Choice choice) {
    Session session = sessions.get(name);
    return session == null
        ? new long[0]
        : session.flight.stream()
            .filter(i -> choice.next(2) == 0)
            .mapToLong(i -> i.sequence)
            .toArray();
  }

  // --- entries ---

  String apply(long time, Command command) {
    now = time;
    effects.clear();
    String outcome = apply(command);
    effects.stream()
        .filter(e -> e.startsWith("will ") || e.startsWith("repick "))
        .forEach(pending::add);
    return outcome;
  }

  private String apply(Command command) {
    if (command instanceof Command.Open open) {
      return open(open);
    } else if (command instanceof Command.Publish publish) {
      return publish(publish);
    } else if (command instanceof Command.Once once) {
      return onces.add(once.id()) ? publish(once.publish()) : "Published 0";
    } else if (command instanceof Command.Configure configure) {
      bounds = configure.bounds();
      return "Done";
    } else if (command instanceof Command.Confirm) {
      return "Done";
    } else if (command instanceof Command.Gone) {
      // they are all at one node
      sessions.entrySet().stream()
          .filter(session -> session.getValue().connected)
          .map(
              session ->
                  new Command.Close(
                      session.getKey(), session.getValue().epoch, -1, false, Long.MAX_VALUE))
          .toList()
          .forEach(this::close);
      return "Done";
    } else if (command instanceof Command.Tick) {
      List.copyOf(sessions.keySet()).forEach(this::fall);
      return "Done";
    } else if (command instanceof Command.End end) {
      if (sessions.containsKey(end.session())) {
        end(end.session(), Effect.Reason.REQUESTED);
      }
      return "Done";
    } else if (command instanceof Command.Close close) {
      return isStale(close.session(), close.epoch()) ? "Stale" : close(close);
    } else if (command instanceof Command.Subscribe subscribe) {
      return isStale(subscribe.session(), subscribe.epoch()) ? "Stale" : subscribe(subscribe);
    } else if (command instanceof Command.Unsubscribe gone) {
      return isStale(gone.session(), gone.epoch()) ? "Stale" : unsubscribe(gone);
    }
    Command.Settle settle = (Command.Settle) command;
    return isStale(settle.session(), settle.epoch()) ? "Stale" : settle(settle);
  }

  private boolean isStale(String name, long epoch) {
    Session session = sessions.get(name);
    return session == null || session.epoch != epoch || !session.connected;
  }

  /** What is due of a session. */
  private void fall(String name) {
    Session session = sessions.get(name);
    if (session != null && session.endAt <= now) {
      end(name, Effect.Reason.EXPIRED);
    } else if (session != null && session.willAt <= now) {
      fire(name);
    }
  }

  private String open(Command.Open open) {
    String name = open.session();
    fall(name);
    Session session = sessions.get(name);
    if (session != null && !session.owner.equals(open.owner())) {
      return "Refused";
    }
    boolean isNew = session == null || open.cleanStart();
    int others = sessions.size() - (session == null ? 0 : 1);
    if (isNew && open.expirySeconds() > 0 && others >= bounds.sessions()) {
      return "Refused";
    }
    if (isNew && session != null) {
      end(name, Effect.Reason.CLEAN_START);
    }
    if (isNew && open.expirySeconds() == 0) {
      return "Opened false 0";
    }
    if (isNew) {
      session = new Session();
      session.owner = open.owner();
      sessions.put(name, session);
    } else if (session.connected) {
      if (session.will != null && session.will.delaySeconds() == 0) {
        fire(name);
      }
      closed(session, Long.MAX_VALUE);
    }
    session.epoch = ++epochs;
    session.connected = true;
    session.window = open.window();
    session.expiry = open.expirySeconds();
    session.will = open.will();
    session.willAt = Long.MAX_VALUE;
    session.endAt = Long.MAX_VALUE;
    promote(name);
    return "Opened " + !isNew + " " + session.subscriptions.size();
  }

  private String close(Command.Close close) {
    String name = close.session();
    Session session = sessions.get(name);
    session.expiry = close.expirySeconds() >= 0 ? close.expirySeconds() : session.expiry;
    session.will = close.normal() ? null : session.will;
    closed(session, close.sentUpTo());
    session.connected = false;
    session.endAt = now + session.expiry * 1_000;
    if (session.will != null) {
      session.willAt = now + Math.min(session.will.delaySeconds(), session.expiry) * 1_000;
    }
    if (session.endAt <= now) {
      end(name, Effect.Reason.CLOSED);
      return "Done";
    }
    handOn(session, null, false);
    if (session.willAt <= now) {
      fire(name);
    }
    return "Done";
  }

  /** What was not sent waits again, before what waits. */
  private static void closed(Session session, long sentUpTo) {
    List<Item> unsent = new ArrayList<>();
    for (Item item : session.flight) {
      if (item.sent || item.sequence < sentUpTo) {
        item.sent = true;
      } else {
        unsent.add(item);
      }
    }
    session.flight.removeAll(unsent);
    session.waiting.addAll(0, unsent);
  }

  private void fire(String name) {
    Session session = sessions.get(name);
    effects.add("will " + name);
    session.will = null;
    session.willAt = Long.MAX_VALUE;
  }

  private void end(String name, Effect.Reason reason) {
    Session session = sessions.get(name);
    List.copyOf(session.subscriptions.values()).forEach(s -> leave(name, s));
    handOn(session, null, true);
    lost(Effect.Loss.SESSION_ENDED, session.flight.size() + session.waiting.size());
    effects.add("ended " + name + " " + reason);
    if (session.will != null) {
      fire(name);
    }
    sessions.remove(name);
  }

  private void lost(Effect.Loss loss, int count) {
    for (int i = 0; i < count; i++) {
      effects.add("lost " + loss);
    }
  }

  private void handOn(Session session, String share, boolean ends) {
    for (List<Item> items : List.of(session.flight, session.waiting)) {
      for (Item item : List.copyOf(items)) {
        boolean isOf = item.share != null && (share == null || share.equals(item.share));
        if (isOf && (!item.sent || (ends && item.qos == 1))) {
          items.remove(item);
          repick(item.share, item);
        }
      }
    }
  }

  private void repick(String share, Item item) {
    if (item.expiresAt <= now) {
      lost(Effect.Loss.EXPIRED, 1);
      return;
    }
    long left = item.expiresAt == Long.MAX_VALUE ? -1 : (item.expiresAt - now + 999) / 1_000;
    effects.add("repick " + share + item.id() + " " + left);
  }

  // --- subscriptions ---

  private static String key(StoredSubscription s) {
    return s.share() + "/" + text(s.filter());
  }

  private String subscribe(Command.Subscribe subscribe) {
    String name = subscribe.session();
    for (StoredSubscription s : subscribe.subscriptions()) {
      sessions.get(name).subscriptions.put(s.name(), s);
      if (s.share() == null) {
        continue;
      }
      if (s.qos() == 0) {
        leave(name, s);
      } else {
        Pool pool = pools.computeIfAbsent(key(s), k -> new Pool());
        if (!pool.members.contains(name)) {
          pool.members.add(name);
        }
      }
    }
    promote(name);
    return "Subscribed";
  }

  private void leave(String name, StoredSubscription s) {
    Pool pool = s.share() == null ? null : pools.get(key(s));
    if (pool != null) {
      pool.members.remove(name);
      if (pool.members.isEmpty()) {
        lost(Effect.Loss.SESSION_ENDED, pool.items.size());
        pools.remove(key(s));
      }
    }
  }

  private String unsubscribe(Command.Unsubscribe gone) {
    Session session = sessions.get(gone.session());
    for (String filter : gone.filters()) {
      StoredSubscription s = session.subscriptions.remove(filter);
      if (s != null && s.share() != null) {
        leave(gone.session(), s);
        handOn(session, key(s), true);
      }
    }
    promote(gone.session());
    return "Unsubscribed";
  }

  // --- messages ---

  private String publish(Command.Publish publish) {
    if (publish.epoch() != 0 && isStale(publish.publisher(), publish.epoch())) {
      return "Stale";
    }
    var message = Messages.parsed(publish.packet());
    long expiresAt =
        message.expirySeconds() < 0 ? Long.MAX_VALUE : now + message.expirySeconds() * 1_000;
    byte[] topic = message.topic().getBytes(StandardCharsets.UTF_8);
    Map<String, Integer> matches = new TreeMap<>();
    for (Map.Entry<String, Session> one : sessions.entrySet()) {
      for (StoredSubscription s : one.getValue().subscriptions.values()) {
        int qos = Math.min(message.qos(), s.qos());
        boolean own = s.noLocal() && one.getKey().equals(publish.publisher());
        boolean matching = Topics.matches(s.filter(), topic, 0, topic.length);
        if (publish.all() && s.share() == null && qos > 0 && !own && matching) {
          matches.merge(one.getKey(), qos, Math::max);
        }
      }
    }
    List<Command.Pick> picks = message.qos() == 0 ? List.of() : publish.picks();
    Item item = new Item(publish.packet(), message.qos(), expiresAt, null);
    if (bounds.overflow() == Bounds.Overflow.REFUSE) {
      boolean accepted = matches.keySet().stream().allMatch(name -> fits(name, item));
      for (Command.Pick pick : picks) {
        Pool pool = pools.get(pick.share() + "/" + text(pick.filter()));
        String member = pool == null ? null : target(pool, pick.session());
        accepted &= pool == null || (member == null ? fits(pool, item) : fits(member, item));
      }
      if (!accepted) {
        return "Refused";
      }
    }
    matches.forEach((name, qos) -> deliver(name, new Item(publish.packet(), qos, expiresAt, null)));
    for (Command.Pick pick : picks) {
      pick(pick, item);
    }
    return "Published " + (matches.size() + picks.size());
  }

  private void pick(Command.Pick pick, Item item) {
    String key = pick.share() + "/" + text(pick.filter());
    Pool pool = pools.get(key);
    String member = pool == null ? null : target(pool, pick.session());
    if (pool == null) {
      repick(key, item);
    } else if (member != null) {
      give(key, member, item);
    } else if (bounds.overflow() != Bounds.Overflow.DROP_OLDEST && !fits(pool, item)) {
      lost(Effect.Loss.QUEUE_FULL, 1);
    } else {
      pool.items.add(item);
      while (pool.items.size() > bounds.queueMessages() || cost(pool.items) > bounds.queueBytes()) {
        pool.items.remove(0);
        lost(Effect.Loss.QUEUE_FULL, 1);
      }
    }
  }

  private String target(Pool pool, String chosen) {
    return pool.members.contains(chosen)
        ? chosen
        : connected(pool)
            .filter(s -> s.getValue().flight.size() < s.getValue().open())
            .findFirst()
            .or(() -> connected(pool).findFirst())
            .map(Map.Entry::getKey)
            .orElse(null);
  }

  private Stream<Map.Entry<String, Session>> connected(Pool pool) {
    return pool.members.stream()
        .filter(m -> sessions.get(m).connected)
        .map(m -> Map.entry(m, sessions.get(m)));
  }

  private void give(String key, String member, Item item) {
    Pool pool = pools.get(key);
    pool.members.remove(member);
    pool.members.add(member);
    int most = sessions.get(member).subscriptions.get("$share/" + key).qos();
    deliver(member, new Item(item.packet, Math.min(item.qos, most), item.expiresAt, key));
  }

  private static long cost(List<Item> items) {
    return items.stream().collect(Collectors.summingLong(Item::cost));
  }

  private boolean fits(Pool pool, Item item) {
    return pool.items.size() < bounds.queueMessages()
        && cost(pool.items) + item.cost() <= bounds.queueBytes();
  }

  private boolean fits(String name, Item item) {
    Session session = sessions.get(name);
    boolean flies = session.waiting.isEmpty() && session.flight.size() < session.open();
    return flies
        || (session.waiting.size() < bounds.queueMessages()
            && cost(session.waiting) + item.cost() <= bounds.queueBytes());
  }

  private void deliver(String name, Item item) {
    Session session = sessions.get(name);
    if (session == null) {
      lost(Effect.Loss.SESSION_ENDED, 1);
      return;
    }
    if (!fits(name, item) && bounds.overflow() != Bounds.Overflow.DROP_OLDEST) {
      lost(Effect.Loss.QUEUE_FULL, 1);
      if (bounds.overflow() == Bounds.Overflow.END_SESSION) {
        end(name, Effect.Reason.OVERFLOW);
      }
      return;
    }
    item.sequence = session.next++;
    boolean flies = session.waiting.isEmpty() && session.flight.size() < session.open();
    (flies ? session.flight : session.waiting).add(item);
    List<Item> waiting = session.waiting;
    while (waiting.size() > bounds.queueMessages() || cost(waiting) > bounds.queueBytes()) {
      waiting.remove(0);
      lost(Effect.Loss.QUEUE_FULL, 1);
    }
    boolean isThere = session.flight.contains(item) || waiting.contains(item);
    if (isThere && session.connected) {
      effects.add("bell " + name + " " + text(item));
    }
  }

  private void promote(String name) {
    Session session = sessions.get(name);
    while (session.flight.size() < session.open() && !session.waiting.isEmpty()) {
      Item item = session.waiting.remove(0);
      if (item.expiresAt <= now) {
        lost(Effect.Loss.EXPIRED, 1);
      } else {
        session.flight.add(item);
      }
    }
    for (StoredSubscription s : List.copyOf(session.subscriptions.values())) {
      Pool pool = s.share() == null ? null : pools.get(key(s));
      while (pool != null
          && pool.members.contains(name)
          && !pool.items.isEmpty()
          && session.waiting.isEmpty()
          && session.flight.size() < session.open()) {
        Item item = pool.items.remove(0);
        if (item.expiresAt <= now) {
          lost(Effect.Loss.EXPIRED, 1);
        } else {
          give(key(s), name, item);
        }
      }
    }
  }

  private String settle(Command.Settle settle) {
    Session session = sessions.get(settle.session());
    for (Item item : session.flight) {
      boolean named = Arrays.stream(settle.released()).anyMatch(r -> r == item.sequence);
      if (named && item.qos == 2) {
        item.sent = true;
        item.released = true;
      }
    }
    session.flight.removeIf(i -> Arrays.stream(settle.done()).anyMatch(d -> d == i.sequence));
    promote(settle.session());
    return "Done";
  }
}
