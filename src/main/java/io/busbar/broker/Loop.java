package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.mqtt.Decoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.Topics;
import io.busbar.session.Acks;
import io.busbar.telemetry.LimitedLog;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.vertx.core.eventbus.EventBus;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.LoggerFactory;

/**
 * One event loop's part of the hot path. All of it runs on that loop; nothing is locked.
 *
 * <p>Work forms batches by itself, per turn: reads leave packets in the receivers' buffers and in
 * the batches for other loops, nodes and webhooks; the first of them schedules {@link #endTurn},
 * which runs after the ready I/O of the turn and sends everything, one write per connection.
 */
final class Loop {
  /** Large enough for what the socket gives in one read and the rest of a packet before it. */
  static final int SCRATCH_BYTES = 256 * 1024;

  private static final int TOPICS = 1 << 15;

  /** A sweep looks at one in so many connections, so that none holds the loop for long. */
  static final int SWEEPS = 8;

  final int id;
  final Broker broker;
  final EventBus bus;
  final EventLoop eventLoop;
  final Counters counters;
  final LimitedLog limitedLog;
  final Topic.Cache topics;
  final Decoder decoder = new Decoder();
  final Publish publish = new Publish();
  final byte[] scratch = new byte[SCRATCH_BYTES];
  final List<Link> dirtyLinks = new ArrayList<>();

  /** Milliseconds of a clock that only goes forward, as of the turn's last look at it. */
  long now;

  private final FanOut fanOut = new FanOut(this);
  private final Publish handedOver = new Publish();
  private final ByteBuf single = Unpooled.buffer(1024);
  private final List<Outgoing> dirty = new ArrayList<>();
  private List<Bus.RoutedMessage> routed = new ArrayList<>();
  private final List<Map<Long, Connection>> connections = new ArrayList<>();
  private final Link[] loopLinks;
  private final Map<Destination.RemoteNode, Link> nodeLinks = new HashMap<>();
  private long serial;
  private boolean scheduled;
  private int turn;

  Loop(int id, Broker broker, EventBus bus, EventLoop eventLoop) {
    this.id = id;
    this.broker = broker;
    this.bus = bus;
    this.eventLoop = eventLoop;
    this.counters = new Counters(broker.telemetry, broker.pendingDeliveries);
    this.limitedLog = new LimitedLog(LoggerFactory.getLogger(Connection.class));
    this.loopLinks = new Link[broker.loops];
    this.topics =
        new Topic.Cache(
            TOPICS,
            broker.limits.intValue(Limit.TOPIC_BYTES),
            broker.limits.intValue(Limit.TOPIC_LEVELS),
            broker.index);
    for (int i = 0; i < SWEEPS; i++) {
      connections.add(new HashMap<>());
    }
    tick();
  }

  void tick() {
    now = System.nanoTime() / 1_000_000;
  }

  /**
   * Runs a task on the loop, always later: what is being parsed now uses {@link #publish} and
   * {@link #scratch}, and nothing may come in between.
   */
  void execute(Runnable task) {
    eventLoop.execute(
        () -> {
          tick();
          task.run();
          schedule();
        });
  }

  // --- connections ---

  long add(Connection connection) {
    long key = ((long) id << 48) | ++serial;
    part(key).put(key, connection);
    return key;
  }

  void remove(long key) {
    part(key).remove(key);
  }

  Connection connection(long key) {
    return part(key).get(key);
  }

  List<Connection> connections() {
    return connections.stream().flatMap(part -> part.values().stream()).toList();
  }

  private Map<Long, Connection> part(long key) {
    return connections.get((int) (key % SWEEPS));
  }

  // --- messages ---

  /** The route of a topic, as subscriptions are now. */
  Route route(Topic topic) {
    long generation = broker.index.generation(topic.stripes);
    if (topic.route == null || topic.generation != generation) {
      // the generation is read first: a change meanwhile makes the next message look again
      Route.Builder builder = new Route.Builder(this);
      broker.index.match(topic.name, 0, topic.name.length, builder::add);
      topic.route = builder.build(isRouted(topic.name));
      topic.generation = generation;
    }
    return topic.route;
  }

  private boolean isRouted(byte[] topic) {
    for (byte[] filter : broker.routedFilters) {
      if (Topics.matches(filter, topic, 0, topic.length)) {
        return true;
      }
    }
    return false;
  }

  /** A message of a client of this loop, to everybody. */
  void dispatch(Publish message, Route route, Connection publisher, Acks.Ack ack) {
    deliver(message, route, publisher);
    for (Link link : route.loops) {
      link.append(message, publisher, null);
    }
    for (Link link : route.nodes) {
      link.append(message, publisher, ack);
    }
    if (route.routed) {
      routed(message, publisher);
    }
    schedule();
  }

  private void deliver(Publish message, Route route, Connection publisher) {
    if (route.targets.length == 1) {
      Route.Target target = route.targets[0];
      fanOut.before(route);
      if (!target.noLocal || target.connection != publisher) {
        target.connection.outgoing().deliver(message, Math.min(message.qos(), target.qos));
      }
    } else if (route.targets.length > 1) {
      fanOut.add(message, route);
      for (Route.Target target : route.apart) {
        if (target.connection != publisher) {
          target.connection.outgoing().deliver(message, Math.min(message.qos(), target.qos));
        }
      }
    }
  }

  private void routed(Publish message, Connection publisher) {
    message.write(single, MqttVersion.V5, message.qos());
    byte[] packet = new byte[single.readableBytes()];
    single.readBytes(packet);
    single.clear();
    if (!broker.routeQueue.take(packet.length)) {
      counters.lost(Loss.ROUTE_QUEUE_FULL, 1);
      return;
    }
    routed.add(
        new Bus.RoutedMessage(
            publisher.publisher(), publisher.version(), packet, System.currentTimeMillis()));
  }

  /**
   * Messages from another loop or node.
   *
   * @param packets a run of MQTT 5 PUBLISH packets
   * @param fromNode whether they come from another node and so concern the other loops too
   */
  void handedOver(byte[] packets, int offset, boolean fromNode) {
    tick();
    try {
      int at = offset;
      while (at < packets.length) {
        int end = at + Decoder.packetLength(packets, at, packets.length);
        handedOver.parse(packets, at, end, MqttVersion.V5);
        Topic topic = topics.find(packets, handedOver.topicOffset(), handedOver.topicLength());
        Route route = route(topic);
        deliver(handedOver, route, null);
        if (fromNode) {
          counters.forwardsReceived++;
          for (Link link : route.loops) {
            link.append(handedOver, null, null);
          }
        }
        at = end;
      }
    } catch (MqttException e) {
      // only a node with other limits or another version sends what this one refuses
      limitedLog.warn("forwarded messages were refused: cause={}", e.getMessage());
      broker.telemetry.count(Meter.PACKETS_REFUSED, "forward");
    }
    schedule();
  }

  /** When a message expires on this loop's clock. */
  static long expiresAt(Publish message, long now) {
    long seconds = message.expirySeconds();
    return seconds < 0 ? Long.MAX_VALUE : now + seconds * 1_000;
  }

  Link linkToLoop(int loop) {
    if (loopLinks[loop] == null) {
      loopLinks[loop] =
          new Link(this, Bus.loop(loop), false, broker.limits.get(Limit.FORWARD_BYTES));
    }
    return loopLinks[loop];
  }

  Link linkToNode(Destination.RemoteNode node) {
    return nodeLinks.computeIfAbsent(
        node,
        n ->
            new Link(
                this,
                Bus.nodeLoop(n.id(), id % n.loops()),
                true,
                broker.limits.get(Limit.FORWARD_BYTES)));
  }

  // --- turns ---

  /** Has a connection's buffer written at the end of the turn. */
  void markDirty(Outgoing outgoing) {
    dirty.add(outgoing);
    schedule();
  }

  /** Has {@link #endTurn} run after the I/O that is ready now. */
  void schedule() {
    if (!scheduled) {
      scheduled = true;
      eventLoop.execute(this::endTurn);
    }
  }

  private void endTurn() {
    scheduled = false;
    fanOut.emit();
    // a flush may make room and so dirty another connection: no iterator
    for (int i = 0; i < dirty.size(); i++) {
      dirty.get(i).flush();
    }
    dirty.clear();
    for (int i = 0; i < dirtyLinks.size(); i++) {
      dirtyLinks.get(i).send();
    }
    dirtyLinks.clear();
    if (!routed.isEmpty()) {
      bus.send(Bus.ROUTING, new Bus.Routed(routed), Bus.local());
      routed = new ArrayList<>();
    }
    counters.flush();
  }

  /** Time-outs: each connection's once a second, if this is called {@link #SWEEPS} times in it. */
  void sweep() {
    tick();
    turn = (turn + 1) % SWEEPS;
    for (Connection connection : List.copyOf(connections.get(turn).values())) {
      connection.sweep(now);
    }
    schedule();
    if (turn != 0) {
      return;
    }
    for (Link link : loopLinks) {
      if (link != null) {
        link.sweep();
      }
    }
    List.copyOf(nodeLinks.values()).forEach(Link::sweep);
    limitedLog.sweep();
  }

  /** Forgets streams to nodes that left. */
  void members(List<String> nodes) {
    nodeLinks.keySet().removeIf(node -> !nodes.contains(node.id()));
  }
}
