package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.mqtt.Decoder;
import io.busbar.mqtt.Publish;
import io.busbar.shard.Sending;
import io.busbar.telemetry.LimitedLog;
import io.busbar.telemetry.Meter;
import io.micrometer.core.instrument.Timer;
import io.netty.channel.EventLoop;
import io.vertx.core.Future;
import io.vertx.core.eventbus.DeliveryOptions;
import io.vertx.core.eventbus.EventBus;
import io.vertx.core.eventbus.Message;
import io.vertx.core.internal.ContextInternal;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
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

  /** Places for topics; half of them are filled before some are given up. */
  private static final int TOPICS = 1 << 18;

  /** A sweep looks at one in so many connections, so that none holds the loop for long. */
  static final int SWEEPS = 8;

  private static final long NEVER = Bus.Handover.UNREAD;

  /** How long devices are kept waiting by a node that may not serve, in milliseconds. */
  private static final long MOST_PAUSE = 9_000;

  final int id;
  final Broker broker;
  private final EventBus bus;
  private final ContextInternal context;
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

  /** The same in nanoseconds. */
  long nanos;

  /** When the first was read of what the turn is about, or {@link #NEVER}. */
  private long readAt = NEVER;

  final Dispatcher dispatcher;
  final Rejudging rejudging = new Rejudging(this);
  final LoopTraces traces = new LoopTraces(this);
  final Outbox outbox;
  final Handshakes handshakes;

  /** For messages that come out of the store. */
  final Publish stored = new Publish();

  private final List<Mailbox> settled = new ArrayList<>();
  private final List<Mailbox> reading = new ArrayList<>();

  /** So that shares of many topics do not all begin with the same member. */
  private int shareTurn;

  private final List<Outgoing> dirty = new ArrayList<>();

  private final Timer lag;

  /** When the next sweep is due, on the clock of {@link #nanos}. */
  private long sweepDue;

  /** Since when this node may not serve, or {@link #NEVER}. */
  private long pausedSince = NEVER;

  private final List<Map<Long, Connection>> connections = new ArrayList<>();
  private long serial;
  private long sendings;
  private boolean scheduled;
  private int turn;

  /**
   * A loop.
   *
   * @param context of its verticle, on whose event loop it is
   */
  Loop(int id, Broker broker, EventBus bus, ContextInternal context) {
    this.id = id;
    this.broker = broker;
    this.bus = bus;
    this.context = context;
    this.eventLoop = context.nettyEventLoop();
    this.counters = new Counters(broker.telemetry, broker.pendingDeliveries);
    this.limitedLog = new LimitedLog(LoggerFactory.getLogger(Connection.class));
    this.dispatcher = new Dispatcher(this);
    this.outbox = new Outbox(this);
    this.handshakes = new Handshakes(this);
    this.topics =
        new Topic.Cache(
            TOPICS,
            broker.limits.intValue(Limit.TOPIC_BYTES),
            broker.limits.intValue(Limit.TOPIC_LEVELS));
    for (int i = 0; i < SWEEPS; i++) {
      connections.add(new HashMap<>());
    }
    tick();
    this.lag = broker.telemetry.timer(Meter.LOOP_LAG, String.valueOf(id));
    measure(Thread.currentThread().getId());
  }

  /** The thread of the loop uses the processor as long as the loop is busy, and else sleeps. */
  private void measure(long thread) {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    if (threads.isThreadCpuTimeSupported() && threads.isThreadCpuTimeEnabled()) {
      broker.telemetry.counter(
          Meter.LOOP_CPU,
          () -> Math.max(0, threads.getThreadCpuTime(thread)) / 1e9,
          String.valueOf(id));
    }
  }

  /** What the next QoS 2 message that other nodes are to have is called. */
  Sending nextSending() {
    return new Sending(broker.stream(id), ++sendings);
  }

  void tick() {
    nanos = System.nanoTime();
    now = nanos / 1_000_000;
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

  // --- the bus ---

  /**
   * Asks over the bus. Whoever is here comes from Netty and has no context: Vert.x would take any,
   * and have the answer go by another thread.
   */
  <T> Future<Message<T>> request(String address, Object body, DeliveryOptions options) {
    ContextInternal before = context.beginDispatch();
    try {
      return bus.request(address, body, options);
    } finally {
      context.endDispatch(before);
    }
  }

  /** Tells over the bus. */
  void send(String address, Object body, DeliveryOptions options) {
    ContextInternal before = context.beginDispatch();
    try {
      bus.send(address, body, options);
    } finally {
      context.endDispatch(before);
    }
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

  // --- turns ---

  /** When a message expires on this loop's clock. */
  static long expiresAt(Publish message, long now) {
    long seconds = message.expirySeconds();
    return seconds < 0 ? Long.MAX_VALUE : now + seconds * 1_000;
  }

  /** Has a connection's buffer written at the end of the turn. */
  void markDirty(Outgoing outgoing) {
    dirty.add(outgoing);
    schedule();
  }

  /** Has what a mailbox settled told to the store at the end of the turn. */
  void markSettled(Mailbox mailbox) {
    settled.add(mailbox);
    schedule();
  }

  /** Has a mailbox read on after that. */
  void markReading(Mailbox mailbox) {
    reading.add(mailbox);
    schedule();
  }

  /** Where the next share begins to give its messages in turn. */
  int nextShareTurn() {
    return shareTurn++ & Integer.MAX_VALUE;
  }

  /** The turn is about what was read now, too. */
  void reads() {
    reads(nanos);
  }

  /**
   * The turn is about something that was read before.
   *
   * @param since on the clock of {@link #nanos}, or {@link Bus.Handover#UNREAD}
   */
  void reads(long since) {
    if (since != Bus.Handover.UNREAD && (readAt == NEVER || since - readAt < 0)) {
      readAt = since;
    }
  }

  /** When the first was read of what the turn is about, or {@link Bus.Handover#UNREAD}. */
  long readAt() {
    return readAt;
  }

  /** Has {@link #endTurn} run after the I/O that is ready now. */
  void schedule() {
    if (!scheduled) {
      scheduled = true;
      eventLoop.execute(this::endTurn);
    }
  }

  /**
   * Whether devices may be served now. While they may not, because the other nodes have not been
   * heard of for as long as they wait for this one, nothing of them is read, and nothing leaves.
   */
  boolean serves() {
    if (broker.serves()) {
      return pausedSince == NEVER;
    }
    if (pausedSince == NEVER) {
      pausedSince = now;
      limitedLog.warn("devices are not served: nothing is heard of most nodes of the store");
    }
    return false;
  }

  private void goOn() {
    pausedSince = NEVER;
    limitedLog.warn("devices are served again");
    connections().forEach(connection -> connection.resume(Connection.Pause.NO_LEASE));
  }

  private void endTurn() {
    scheduled = false;
    dispatcher.emit();
    if (dirty.isEmpty() || serves()) {
      // a flush may make room and so dirty another connection: no iterator
      for (int i = 0; i < dirty.size(); i++) {
        dirty.get(i).flush();
      }
      dirty.clear();
    }
    turned();
    for (int i = 0; i < settled.size(); i++) {
      settled.get(i).settle();
    }
    settled.clear();
    // before the links: who hears of a message and asks for what is retained finds it there
    outbox.send();
    for (int i = 0; i < reading.size(); i++) {
      reading.get(i).read();
    }
    reading.clear();
    for (int i = 0; i < dirtyLinks.size(); i++) {
      dirtyLinks.get(i).turned();
    }
    dirtyLinks.clear();
    readAt = NEVER;
    counters.flush();
  }

  /** What was read in the turn is written: one look at the clock for all of it. */
  private void turned() {
    counters.turned(readAt == NEVER ? NEVER : System.nanoTime() - readAt);
  }

  /** How much later than it should the loop came to this: any task waits that long. */
  private void late() {
    if (sweepDue != 0) {
      long late = Math.max(0, nanos - sweepDue);
      lag.record(late, TimeUnit.NANOSECONDS);
      broker.pressure.late(id, TimeUnit.NANOSECONDS.toMillis(late));
    }
    sweepDue = nanos + TimeUnit.SECONDS.toNanos(1) / SWEEPS;
  }

  /** Time-outs: each connection's once a second, if this is called {@link #SWEEPS} times in it. */
  void sweep() {
    tick();
    late();
    if (pausedSince != NEVER && broker.serves()) {
      goOn();
    } else if (pausedSince != NEVER && now - pausedSince > MOST_PAUSE) {
      connections().forEach(Connection::disowned);
    }
    turn = (turn + 1) % SWEEPS;
    for (Connection connection : List.copyOf(connections.get(turn).values())) {
      connection.sweep(now);
    }
    schedule();
    if (turn != 0) {
      return;
    }
    if (id == 0) {
      broker.pressure.look();
    }
    dispatcher.sweep();
    topics.sweep(broker.index.changes());
    outbox.sweep();
    limitedLog.sweep();
  }
}
