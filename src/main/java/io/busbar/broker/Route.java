package io.busbar.broker;

import io.busbar.mqtt.MqttVersion;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where the messages of a topic go, as one event loop sees it. Immutable: when subscriptions change
 * a new one is made.
 */
final class Route {
  /** Kinds of packet that one message becomes: a protocol version and a granted QoS. */
  static final int VARIANTS = 6;

  static final int[] NO_IDS = {};

  /** Subscribers of this loop, each once, with the highest QoS of its matching subscriptions. */
  final Target[] targets;

  /** The same without those of {@link #apart}, by variant; null where there is none. */
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

  /** Whether a webhook gets it. */
  final boolean routed;

  /** Whether an acknowledgement may have to wait for somebody who promises to have the message. */
  final boolean waits;

  private Route(Builder from, boolean routed) {
    this.targets = from.targets.values().toArray(new Target[0]);
    this.shares = from.shares.values().toArray(new Share[0]);
    this.stored = from.stored;
    this.loops = from.loops.toArray(new Link[0]);
    this.nodes = from.nodes.toArray(new Link[0]);
    this.routed = routed;
    this.waits = stored || nodes.length > 0 || Arrays.stream(shares).anyMatch(Share::isStored);
    this.groups = new Connection[VARIANTS][];
    this.apart = Arrays.stream(targets).filter(Target::isApart).toArray(Target[]::new);
    if (targets.length > 1) {
      List<List<Connection>> lists = new ArrayList<>();
      for (int i = 0; i < VARIANTS; i++) {
        lists.add(new ArrayList<>());
      }
      for (Target target : targets) {
        if (!target.isApart()) {
          lists.get(variant(target.connection.version(), target.qos)).add(target.connection);
        }
      }
      for (int i = 0; i < VARIANTS; i++) {
        groups[i] = lists.get(i).isEmpty() ? null : lists.get(i).toArray(new Connection[0]);
      }
    }
  }

  /** Whether nobody gets the message. */
  boolean isEmpty() {
    return targets.length == 0
        && shares.length == 0
        && !stored
        && loops.length == 0
        && nodes.length == 0
        && !routed;
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

    private boolean isApart() {
      return stored
          || ownQos != qos
          || ids.length > 0
          || retainAsPublished
          || connection.outgoing().assignsAliases();
    }
  }

  /** Gathers the matches of one topic. */
  static final class Builder {
    private final Loop loop;
    private final Map<Connection, Target> targets = new LinkedHashMap<>(4);
    private final Map<Share.Key, Share> shares = new LinkedHashMap<>(0);
    private final List<Link> loops = new ArrayList<>(0);
    private final List<Link> nodes = new ArrayList<>(0);
    private boolean stored;

    Builder(Loop loop) {
      this.loop = loop;
    }

    void add(Destination destination) {
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
        addOnce(nodes, loop.dispatcher.linkToNode(node));
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

    Route build(boolean routed) {
      return new Route(this, routed);
    }
  }
}
