package io.busbar.broker;

import io.busbar.mqtt.MqttVersion;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where the messages of a topic go, as one event loop sees it. Immutable: when subscriptions change
 * a new one is made.
 */
final class Route {
  /** Kinds of packet that one message becomes: a protocol version and a granted QoS. */
  static final int VARIANTS = 4;

  /** Subscribers of this loop, each once, with the highest QoS of its matching subscriptions. */
  final Target[] targets;

  /** The same without those of {@link #apart}, by variant; null where there is none. */
  final Connection[][] groups;

  /** Subscribers whose subscriptions all say no-local: whether they get a message depends on it. */
  final Target[] apart;

  /** Other event loops of this node. */
  final Link[] loops;

  /** Other nodes. */
  final Link[] nodes;

  /** Whether a webhook gets it. */
  final boolean routed;

  private Route(Target[] targets, Target[] apart, Link[] loops, Link[] nodes, boolean routed) {
    this.targets = targets;
    this.apart = apart;
    this.loops = loops;
    this.nodes = nodes;
    this.routed = routed;
    this.groups = new Connection[VARIANTS][];
    if (targets.length > 1) {
      List<List<Connection>> lists = new ArrayList<>();
      for (int i = 0; i < VARIANTS; i++) {
        lists.add(new ArrayList<>());
      }
      for (Target target : targets) {
        if (!target.noLocal) {
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
    return targets.length == 0 && loops.length == 0 && nodes.length == 0 && !routed;
  }

  static int variant(MqttVersion version, int qos) {
    return (version == MqttVersion.V5 ? 2 : 0) + qos;
  }

  static MqttVersion version(int variant) {
    return variant < 2 ? MqttVersion.V3_1_1 : MqttVersion.V5;
  }

  static int qos(int variant) {
    return variant & 1;
  }

  /** A subscriber of this loop. */
  static final class Target {
    final Connection connection;
    int qos;
    boolean noLocal;

    private Target(Destination.Subscription subscription) {
      connection = subscription.connection();
      qos = subscription.qos();
      noLocal = subscription.noLocal();
    }
  }

  /** Gathers the matches of one topic. */
  static final class Builder {
    private final Loop loop;
    private final Map<Connection, Target> targets = new LinkedHashMap<>(4);
    private final List<Link> loops = new ArrayList<>(0);
    private final List<Link> nodes = new ArrayList<>(0);

    Builder(Loop loop) {
      this.loop = loop;
    }

    void add(Destination destination) {
      if (destination instanceof Destination.Subscription subscription) {
        if (subscription.loop() != loop.id) {
          addOnce(loops, loop.linkToLoop(subscription.loop()));
          return;
        }
        Target target = targets.get(subscription.connection());
        if (target == null) {
          targets.put(subscription.connection(), new Target(subscription));
        } else {
          // overlapping subscriptions: one message, at the highest QoS [MQTT-3.3.4-2]
          target.qos = Math.max(target.qos, subscription.qos());
          target.noLocal &= subscription.noLocal();
        }
      } else if (destination instanceof Destination.RemoteNode node) {
        addOnce(nodes, loop.linkToNode(node));
      }
    }

    private static void addOnce(List<Link> links, Link link) {
      if (!links.contains(link)) {
        links.add(link);
      }
    }

    Route build(boolean routed) {
      Target[] all = targets.values().toArray(new Target[0]);
      List<Target> apart = new ArrayList<>(0);
      for (Target target : all) {
        if (target.noLocal) {
          apart.add(target);
        }
      }
      return new Route(
          all,
          apart.toArray(new Target[0]),
          loops.toArray(new Link[0]),
          nodes.toArray(new Link[0]),
          routed);
    }
  }
}
