package io.busbar.broker;

import io.busbar.mqtt.MqttVersion;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Where the messages of a topic go, as one event loop sees it. Immutable: when subscriptions change
 * a new one is made.
 */
final class Route {
  /** Kinds of packet that one message becomes: a protocol version and a granted QoS. */
  static final int VARIANTS = 6;

  static final int[] NO_IDS = {};

  // most routes have few of these or none
  private static final Target[] NO_TARGETS = {};
  private static final Share[] NO_SHARES = {};
  private static final Link[] NO_LINKS = {};
  private static final Connection[][] NO_GROUPS = {};

  /** Subscribers of this loop, each once, with the highest QoS of its matching subscriptions. */
  final Target[] targets;

  /**
   * The same without those of {@link #apart}, by variant; null where there is none. Only where
   * there are several targets, as {@link #apart}.
   */
  final Connection[][] groups;

  /** Subscribers whose packets are their own, or who may not get the message at all. */
  final Target[] apart;

  /** Shared subscriptions: one member of each gets the message. */
  final Share[] shares;

  /** Whether stored sessions get it. */
  final boolean stored;

  /** Other event loops of this node. */
  final Link[] loops;

  /** Other nodes. */
  final Link[] nodes;

  /** Other nodes that want nothing of it but at QoS 0. */
  final Link[] nodesOfQos0;

  /** Whether an acknowledgement may have to wait for somebody who promises to have the message. */
  final boolean waits;

  private Route(Builder from) {
    this.targets = from.targets.values().toArray(NO_TARGETS);
    this.shares = from.shares.values().toArray(NO_SHARES);
    this.stored = from.stored;
    this.loops = from.loops.toArray(NO_LINKS);
    this.nodes = from.nodes.toArray(NO_LINKS);
    this.nodesOfQos0 = without(from.nodesOfQos0, from.nodes);
    this.waits =
        stored
            || nodes.length > 0
            || Arrays.stream(shares).anyMatch(share -> share.isStored() || share.isRemote());
    if (targets.length > 1) {
      this.apart = Arrays.stream(targets).filter(Target::isApart).toArray(Target[]::new);
      this.groups = groups(targets);
    } else {
      this.apart = NO_TARGETS;
      this.groups = NO_GROUPS;
    }
  }

  private static Link[] without(List<Link> links, List<Link> others) {
    return links.isEmpty()
        ? NO_LINKS
        : links.stream().filter(link -> !others.contains(link)).toArray(Link[]::new);
  }

  private static Connection[][] groups(Target[] targets) {
    List<List<Connection>> lists = new ArrayList<>();
    for (int i = 0; i < VARIANTS; i++) {
      lists.add(new ArrayList<>());
    }
    for (Target target : targets) {
      if (!target.isApart()) {
        lists.get(variant(target.connection.version(), target.qos)).add(target.connection);
      }
    }
    Connection[][] groups = new Connection[VARIANTS][];
    for (int i = 0; i < VARIANTS; i++) {
      groups[i] = lists.get(i).isEmpty() ? null : lists.get(i).toArray(new Connection[0]);
    }
    return groups;
  }

  /** Whether it is the route of a topic that has this subscription and no other. */
  private boolean isOf(Destination.Subscription subscription) {
    return targets[0].isOf(subscription);
  }

  /** Whether nobody gets the message. */
  boolean isEmpty() {
    return targets.length == 0
        && shares.length == 0
        && !stored
        && loops.length == 0
        && nodes.length == 0
        && nodesOfQos0.length == 0;
  }

  static int variant(MqttVersion version, int qos) {
    return (version == MqttVersion.V5 ? 3 : 0) + qos;
  }

  static MqttVersion version(int variant) {
    return variant < 3 ? MqttVersion.V3_1_1 : MqttVersion.V5;
  }

  static int qos(int variant) {
    return variant % 3;
  }

  /** A subscriber of this loop: what its matching subscriptions come to together. */
  static final class Target {
    final Connection connection;
    final boolean stored;
    int qos = -1;

    /** The same without the subscriptions that say no-local: -1 if all do. */
    int ownQos = -1;

    int[] ids = NO_IDS;
    int[] ownIds = NO_IDS;
    boolean retainAsPublished;

    private Target(Destination.Subscription subscription) {
      connection = subscription.connection();
      stored = subscription.session() != null;
      add(subscription);
    }

    /** Overlapping subscriptions: one message, at the highest QoS, with all identifiers. */
    private void add(Destination.Subscription subscription) {
      qos = Math.max(qos, subscription.qos());
      ids = with(ids, subscription.id());
      retainAsPublished |= subscription.retainAsPublished();
      if (!subscription.noLocal()) {
        ownQos = Math.max(ownQos, subscription.qos());
        ownIds = with(ownIds, subscription.id());
      }
    }

    private static int[] with(int[] ids, int id) {
      if (id == 0) {
        return ids;
      }
      int[] more = Arrays.copyOf(ids, ids.length + 1);
      more[ids.length] = id;
      return more;
    }

    private boolean isOf(Destination.Subscription only) {
      int id = ids.length == 0 ? 0 : ids[0];
      return connection == only.connection()
          && stored == (only.session() != null)
          && qos == only.qos()
          && ownQos == (only.noLocal() ? -1 : only.qos())
          && retainAsPublished == only.retainAsPublished()
          && id == only.id();
    }

    private boolean isApart() {
      return stored
          || ownQos != qos
          || ids.length > 0
          || retainAsPublished
          || connection.outgoing().assignsAliases();
    }
  }

  /**
   * Gathers the matches of one topic, then of the next.
   *
   * <p>Most topics have one subscription. They share the route of its connection: so it is in the
   * processor's cache when a topic comes that is not, and a topic that is met for the first time
   * makes none.
   */
  static final class Builder implements Consumer<Destination> {
    private final Loop loop;
    private Map<Connection, Target> targets = Map.of();
    private Map<Share.Key, Share> shares = Map.of();
    private List<Link> loops = List.of();
    private List<Link> nodes = List.of();
    private List<Link> nodesOfQos0 = List.of();
    private boolean stored;
    private int found;
    private Destination first;

    Builder(Loop loop) {
      this.loop = loop;
    }

    @Override
    public void accept(Destination destination) {
      found++;
      if (found == 1) {
        first = destination;
        return;
      }
      if (found == 2) {
        gatherFirst();
      }
      gather(destination);
    }

    private void gatherFirst() {
      targets = new LinkedHashMap<>(4);
      shares = new LinkedHashMap<>(0);
      loops = new ArrayList<>(0);
      nodes = new ArrayList<>(0);
      nodesOfQos0 = new ArrayList<>(0);
      gather(first);
    }

    private void gather(Destination destination) {
      if (destination instanceof Destination.Subscription subscription) {
        if (subscription.share() != null) {
          share(subscription.share(), subscription.filter()).add(subscription);
        } else if (subscription.loop() != loop.id) {
          addOnce(loops, loop.dispatcher.linkToLoop(subscription.loop()));
        } else {
          Target target = targets.get(subscription.connection());
          if (target == null) {
            targets.put(subscription.connection(), new Target(subscription));
          } else {
            target.add(subscription);
          }
        }
      } else if (destination instanceof Destination.RemoteNode node) {
        addOnce(
            node.onlyQos0() ? nodesOfQos0 : nodes,
            loop.dispatcher.linkToNode(node.id(), node.loops()));
      } else if (destination instanceof Destination.RemoteMembers members) {
        share(members.share(), members.filter()).add(members);
      } else if (destination instanceof Destination.Pool pool) {
        share(pool.share(), pool.filter()).keeps();
      } else {
        stored = true;
      }
    }

    private Share share(String name, byte[] filter) {
      return shares.computeIfAbsent(
          new Share.Key(name, filter), key -> new Share(key, loop.nextShareTurn()));
    }

    private static void addOnce(List<Link> links, Link link) {
      if (!links.contains(link)) {
        links.add(link);
      }
    }

    /** The route of what was found since the last one was built. */
    Route build() {
      Destination.Subscription single = single();
      Route route;
      if (single != null) {
        route = single.connection().route();
        if (route == null || !route.isOf(single)) {
          gatherFirst();
          route = new Route(this);
          single.connection().route(route);
        }
      } else {
        if (found == 1) {
          gatherFirst();
        }
        route = new Route(this);
      }
      found = 0;
      first = null;
      targets = Map.of();
      shares = Map.of();
      loops = List.of();
      nodes = List.of();
      nodesOfQos0 = List.of();
      stored = false;
      return route;
    }

    /** What was found, if that is one subscription of this loop, not shared; else null. */
    private Destination.Subscription single() {
      return found == 1
              && first instanceof Destination.Subscription only
              && only.share() == null
              && only.loop() == loop.id
          ? only
          : null;
    }
  }
}
