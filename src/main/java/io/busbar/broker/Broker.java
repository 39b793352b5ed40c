package io.busbar.broker;

import io.busbar.bus.Budget;
import io.busbar.bus.Bus;
import io.busbar.config.Durability;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Settings;
import io.busbar.match.SubscriptionIndex;
import io.busbar.policy.EventMatcher;
import io.busbar.policy.Network;
import io.busbar.session.Rate;
import io.busbar.session.Rates;
import io.busbar.shard.Sending;
import io.busbar.store.Store;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * What the MQTT verticles of one node share: views that each may read without asking, and the
 * node's budgets. Nothing here is decided; the state belongs to the verticles.
 */
public final class Broker {
  /** Over so many seconds connects of a session are counted: one that comes back at once may. */
  private static final int PATIENCE = 10;

  /** How many sessions are told apart that have connected in that time. */
  private static final int MOST_SESSIONS = 200_000;

  final Settings settings;
  final Limits limits;
  final Telemetry telemetry;
  final String nodeId;
  final int loops;

  /** Whether all nodes have one store: what a node gives to it is there for all of them. */
  final boolean isStoreShared;

  /** Written by the matching verticle alone, read by every loop. */
  final SubscriptionIndex<Destination> index = new SubscriptionIndex<>();

  /** Where all published messages go besides, or null; written by the authorization verticle. */
  volatile EventRoute eventRoute;

  /** Who is told which clients come and go; written by the authorization verticle. */
  volatile Bus.LifeCycle lifeCycle = new Bus.LifeCycle("", EventMatcher.NOBODY, false);

  /** From where clients may come; written by the authorization verticle. */
  volatile Network network = Network.OPEN;

  /** Whether devices may be served now ({@link Store#serves}); set by the session verticle. */
  volatile BooleanSupplier serves = () -> true;

  /** What all nodes understand ({@link Store#forms}); set by the session verticle. */
  volatile IntSupplier forms = () -> 0;

  /** Which QoS 2 messages of other nodes have come. */
  final Sendings sendings;

  /** What the QoS 2 messages of each event loop begin with ({@link Sending#stream}). */
  private final long[] streams;

  /** Bytes that wait in sockets and queues. */
  final Budget outbound;

  /** How much all clients together may publish in a second, or null. */
  final Throttle publishing;

  /** How often they may connect, or null; and each for one session. */
  final Rate connects;

  final Rates sessionConnects;

  /** How often they may subscribe, or null. */
  final Rate subscribes;

  private final Set<Safeguard> without;

  private final Map<Dialect, AtomicInteger> clients = new EnumMap<>(Dialect.class);
  final AtomicInteger connections = new AtomicInteger();
  final AtomicLong localSubscriptions = new AtomicLong();
  final AtomicInteger pendingConnects = new AtomicInteger();

  /** Clients that somebody looks at: until no event loop knows of it any more. */
  final AtomicInteger traces = new AtomicInteger();

  /** TLS handshakes that wait or are under way. */
  final AtomicInteger handshakes = new AtomicInteger();

  /** Whether new clients can be taken. */
  final Pressure pressure;

  /** TLS of the listeners that have it. */
  final Map<Settings.Listener, Tls> tls = new HashMap<>();

  /** QoS 1 deliveries that are queued or in flight. */
  final LongAdder pendingDeliveries = new LongAdder();

  /**
   * The shared part of a node.
   *
   * @param nodeId unique in the cluster and over restarts
   * @param loops how many connection verticles there are
   * @param outbound bytes that wait in sockets and queues
   * @param without empty but in tests
   */
  public Broker(
      Settings settings,
      Telemetry telemetry,
      String nodeId,
      int loops,
      Budget outbound,
      Set<Safeguard> without) {
    this.without = without;
    this.settings = settings;
    this.limits = settings.limits();
    this.telemetry = telemetry;
    this.nodeId = nodeId;
    this.loops = loops;
    this.isStoreShared =
        settings.cluster().enabled() && settings.storage().durability() == Durability.FSYNC;
    this.streams = new SplittableRandom().longs(loops).toArray();
    this.sendings = new Sendings(LongStream.of(streams).boxed().collect(Collectors.toSet()));
    this.outbound = outbound;
    long now = System.nanoTime() / 1_000_000;
    this.publishing =
        Throttle.of(limits, Limit.NODE_PUBLISH_MESSAGES, Limit.NODE_PUBLISH_BYTES, now);
    this.connects = Throttle.rate(limits, Limit.CONNECTS, now);
    long perSession = limits.get(Limit.SESSION_CONNECTS);
    this.sessionConnects = new Rates(perSession, PATIENCE * perSession, MOST_SESSIONS);
    this.subscribes = Throttle.rate(limits, Limit.NODE_SUBSCRIBES, now);
    this.pressure = Pressure.ofProcess(limits, loops);
    for (Settings.Listener listener : settings.listeners()) {
      if (listener.protocol().tls()) {
        tls.put(listener, new Tls(listener));
      }
    }
    for (Dialect dialect : EnumSet.complementOf(EnumSet.of(Dialect.HTTP_PUBLISH))) {
      AtomicInteger count = new AtomicInteger();
      clients.put(dialect, count);
      telemetry.gauge(Meter.CLIENTS, count::get, dialect.tag());
    }
    telemetry.gauge(Meter.CONNECTIONS, connections::get);
    telemetry.gauge(Meter.HANDSHAKES, handshakes::get);
    telemetry.gauge(Meter.TRACES, traces::get);
    telemetry.gauge(Meter.OVERLOADED, () -> pressure.why() == null ? 0 : 1);
    telemetry.gauge(Meter.DELIVERIES_PENDING, pendingDeliveries::sum);
    telemetry.gauge(Meter.OUTBOUND_PENDING, outbound::used);
    telemetry.gauge(Meter.FILTERS, index::filters);
    telemetry.gauge(Meter.SUBSCRIPTIONS, localSubscriptions::get);
  }

  /** How many clients that are let in speak a dialect of MQTT. */
  AtomicInteger clients(Dialect dialect) {
    return clients.get(dialect);
  }

  /** What the QoS 2 messages of an event loop are called by. */
  long stream(int loop) {
    return streams[loop];
  }

  /** Counts what was beyond a limit of a second, and tells why. */
  String throttled(Limit limit) {
    telemetry.count(Meter.THROTTLED, limit.key());
    return "more than %s = %d %s".formatted(limit.key(), limits.get(limit), limit.unit());
  }

  boolean has(Safeguard safeguard) {
    return !without.contains(safeguard);
  }

  /** Why this node takes no new clients, or null; from any thread. */
  public String pressure() {
    return pressure.why();
  }

  /** Whether devices may be served now; from any thread. */
  public boolean serves() {
    return serves.getAsBoolean();
  }
}
