package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.VerticleBase;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.Message;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Owns the subscription index: the only one that writes it. What its own connections subscribed to
 * it tells the other nodes ({@link Peer}); what they have subscribers of it keeps in the same
 * index. Deployed as a worker, so that its work holds no event loop.
 */
public final class MatchingVerticle extends VerticleBase {
  private static final Logger LOG = LoggerFactory.getLogger(MatchingVerticle.class);

  private final Broker broker;
  private final boolean clustered;
  private final Set<String> members;

  /** How many subscriptions of this node there are of each; kept in a cluster only. */
  private final Map<Wanted, Integer> own = new HashMap<>();

  /** What a node has subscribers of ({@link Wire.Change}). */
  private record Wanted(String filter, String share, boolean onlyQos0) {
    static Wanted of(Wire.Change change) {
      String filter = new String(change.filter(), StandardCharsets.UTF_8);
      return new Wanted(filter, change.share(), change.onlyQos0());
    }

    byte[] bytes() {
      return filter.getBytes(StandardCharsets.UTF_8);
    }

    Wire.Change change(int weight) {
      return new Wire.Change(
          bytes(), share, onlyQos0, share == null ? Math.min(1, weight) : weight);
    }
  }

  /** What this node put into the index, by itself. */
  private final Map<Destination, Destination> known = new HashMap<>();

  private final Map<String, Peer> peers = new HashMap<>();
  private final Map<String, Author> authors = new HashMap<>();
  private final Promise<Void> complete = Promise.promise();
  private LongAdder busMessages;
  private long number;

  /**
   * The verticle of a node.
   *
   * @param clustered whether there may be other nodes
   * @param members the nodes that are there at the start: their interest must be known before this
   *     one may accept connections
   */
  public MatchingVerticle(Broker broker, boolean clustered, List<String> members) {
    this.broker = broker;
    this.clustered = clustered;
    this.members = new HashSet<>(members);
    this.members.remove(broker.nodeId);
  }

  @Override
  public Future<?> start() {
    busMessages = broker.telemetry.adder(Meter.BUS_MESSAGES, "matching");
    Future<Void> local =
        vertx.eventBus().<Bus.Local>localConsumer(Bus.MATCHING, this::onLocal).completion();
    if (!clustered) {
      return local;
    }
    Future<Void> remote =
        vertx
            .eventBus()
            .<Buffer>consumer(Bus.nodeMatching(broker.nodeId), this::onInterest)
            .completion();
    members.forEach(this::greet);
    checkComplete();
    return Future.all(local, remote, complete.future());
  }

  private void onLocal(Message<Bus.Local> message) {
    busMessages.increment();
    Bus.Local body = message.body();
    if (body instanceof Bus.Subscribe subscribe) {
      for (Bus.Subscriber subscriber : subscribe.subscribers()) {
        put(subscriber, true);
      }
      reply(message);
    } else if (body instanceof Bus.Unsubscribe unsubscribe) {
      for (Bus.Subscriber subscriber : unsubscribe.subscribers()) {
        put(subscriber, false);
      }
      // removing may be late on other nodes: they forward for nothing, which harms nobody
      peers.values().forEach(Peer::send);
      message.reply(new Bus.Done(), Bus.local());
    } else if (body instanceof Bus.Members now) {
      members(now);
    }
  }

  private void put(Bus.Subscriber subscriber, boolean added) {
    Destination destination = (Destination) subscriber;
    if (added) {
      broker.index.add(subscriber.filter(), known.computeIfAbsent(destination, d -> d));
    } else {
      // the index knows destinations by identity
      Destination former = known.remove(destination);
      if (former == null) {
        return;
      }
      broker.index.remove(subscriber.filter(), former);
    }
    count(destination, subscriber.filter(), added ? 1 : -1);
    if (destination instanceof Destination.Subscription) {
      broker.localSubscriptions.addAndGet(added ? 1 : -1);
    }
  }

  private void reply(Message<Bus.Local> message) {
    if (peers.isEmpty() || !broker.has(Safeguard.AWAITED_INTEREST)) {
      peers.values().forEach(Peer::send);
      message.reply(new Bus.Done(), Bus.local());
      return;
    }
    List<Future<Void>> known = new ArrayList<>();
    for (Peer peer : peers.values()) {
      known.add(peer.confirmed());
    }
    Future.all(known).onSuccess(all -> message.reply(new Bus.Done(), Bus.local()));
  }

  private void count(Destination destination, byte[] filter, int change) {
    boolean isOfStore =
        destination instanceof Destination.Stored || destination instanceof Destination.Pool;
    if (!clustered || (broker.isStoreShared && isOfStore)) {
      // all nodes know what is in a store that they share
      return;
    }
    String share = null;
    boolean onlyQos0 = false;
    if (destination instanceof Destination.Subscription subscription) {
      share = subscription.share();
      // a share's member is chosen for what it gets, at each QoS
      onlyQos0 =
          broker.isStoreShared
              && share == null
              && subscription.session() != null
              && subscription.qos() > 0;
    } else if (destination instanceof Destination.Pool pool) {
      share = pool.share();
    }
    Wanted wanted = new Wanted(new String(filter, StandardCharsets.UTF_8), share, onlyQos0);
    int before = own.getOrDefault(wanted, 0);
    int after = before + change;
    if (after == 0) {
      own.remove(wanted);
    } else {
      own.put(wanted, after);
    }
    if (before == 0 || after == 0 || share != null) {
      number++;
      Wire.Change told = wanted.change(after);
      peers.values().forEach(peer -> peer.changed(told));
    }
  }

  // --- other nodes ---

  private void members(Bus.Members now) {
    for (String node : now.nodes()) {
      if (!node.equals(broker.nodeId) && members.add(node)) {
        greet(node);
      }
    }
    members.retainAll(now.nodes());
    // nothing goes to one that is not there; but it may take messages of others while it serves
    for (String node : Set.copyOf(authors.keySet())) {
      if (!members.contains(node)) {
        authors.remove(node).forget();
      }
    }
    for (String node : Set.copyOf(peers.keySet())) {
      if (!members.contains(node) && !now.unsettled().contains(node)) {
        peers.remove(node).left();
      }
    }
    checkComplete();
  }

  private void greet(String node) {
    peers.computeIfAbsent(node, n -> new Peer(vertx, n, this::snapshot)).send();
  }

  /** All of this node's filters as of now. */
  private Peer.Snapshot snapshot() {
    return new Peer.Snapshot(broker.nodeId, broker.loops, number, this::allFilters);
  }

  private List<Wire.Change> allFilters() {
    List<Wire.Change> all = new ArrayList<>();
    own.forEach((wanted, count) -> all.add(wanted.change(count)));
    return all;
  }

  private void onInterest(Message<Buffer> message) {
    busMessages.increment();
    Wire.Interest interest;
    try {
      interest = Wire.Interest.decode(message.body());
    } catch (RuntimeException e) {
      LOG.error("interest of another node could not be read: cause={}", e.toString());
      message.fail(1, "unreadable");
      return;
    }
    Author author = authors.computeIfAbsent(interest.author(), Author::new);
    message.reply(Wire.verdict(author.apply(interest)));
    checkComplete();
  }

  private void checkComplete() {
    for (String node : members) {
      Author author = authors.get(node);
      if (author == null || !author.whole) {
        return;
      }
    }
    complete.tryComplete();
  }

  /** What another node has subscribers of, as far as it has told. */
  private final class Author {
    private final String id;
    private int loops;
    private Map<Wanted, Destination> wanted = new HashMap<>();
    private Map<Wanted, Integer> building = new HashMap<>();
    private Destination.RemoteNode all;
    private Destination.RemoteNode ofQos0;
    private long number;
    private boolean whole;

    Author(String id) {
      this.id = id;
    }

    boolean apply(Wire.Interest interest) {
      if (all == null) {
        loops = interest.loops();
        all = new Destination.RemoteNode(id, loops, false);
        ofQos0 = new Destination.RemoteNode(id, loops, true);
      }
      Wire.Kind kind = interest.kind();
      if (kind == Wire.Kind.CHANGES) {
        if (!whole || interest.number() - interest.changes().size() != number) {
          return false;
        }
        for (Wire.Change change : interest.changes()) {
          put(Wanted.of(change), change.weight());
        }
        number = interest.number();
        return true;
      }
      if (kind == Wire.Kind.SNAPSHOT_FIRST || kind == Wire.Kind.SNAPSHOT_WHOLE) {
        building = new HashMap<>();
      }
      for (Wire.Change change : interest.changes()) {
        building.put(Wanted.of(change), change.weight());
      }
      if (kind == Wire.Kind.SNAPSHOT_LAST || kind == Wire.Kind.SNAPSHOT_WHOLE) {
        Set<Wanted> gone = new HashSet<>(wanted.keySet());
        gone.removeAll(building.keySet());
        building.forEach(this::put);
        gone.forEach(one -> put(one, 0));
        building = new HashMap<>();
        number = interest.number();
        whole = true;
        LOG.info("interest of a node is known: node={} filters={}", id, wanted.size());
      }
      return true;
    }

    void forget() {
      List.copyOf(wanted.keySet()).forEach(one -> put(one, 0));
      LOG.info("interest of a node is forgotten: node={}", id);
    }

    /** What it has of something now; the new place in the index comes before the old one goes. */
    private void put(Wanted of, int weight) {
      Destination before = wanted.get(of);
      Destination now = weight == 0 ? null : destination(of, weight);
      if (now != null && now.equals(before)) {
        return;
      }
      if (now != null) {
        broker.index.add(of.bytes(), now);
        wanted.put(of, now);
      } else {
        wanted.remove(of);
      }
      if (before != null) {
        broker.index.remove(of.bytes(), before);
      }
    }

    private Destination destination(Wanted of, int weight) {
      if (of.share() != null) {
        return new Destination.RemoteMembers(id, loops, of.share(), of.bytes(), weight);
      }
      return of.onlyQos0() ? ofQos0 : all;
    }
  }
}
