package io.busbar.store;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Nodes, the network between them and time, all in one thread under one seed: the same seed does
 * the same. What must always hold is checked as it happens; {@link #fail} ends the run.
 */
final class SimCluster {
  static final long MILLISECOND = 1_000_000L;
  static final long SECOND = 1_000 * MILLISECOND;
  private static final long EPOCH = 1_800_000_000_000L;

  /** Of a log's entries on the heap: most are read from the journal. */
  private static final long HEAP_BYTES = 4 << 10;

  final Random random;
  final int groups;
  final int snapshotEntries;
  final long heapBytes;
  final Set<Safeguard> without;
  final List<SimNode> nodes = new ArrayList<>();
  final List<NodeEndpoint> founders = new ArrayList<>();

  /** Whether one node founds the groups and lets the others in. */
  final boolean grows;

  /** How many of them vote then. */
  final int wanted;

  final Placement.Wanted placement;

  /** Starts a node that has left. */
  Consumer<SimNode> returned = node -> {};

  /** Directed links that carry nothing, as "from>to". */
  final Set<String> cut = new HashSet<>();

  /** Names of nodes that those who tell who is there have lost, though they may be reached. */
  final Set<String> unseen = new HashSet<>();

  /** Names of nodes that see no other. */
  final Set<String> blind = new HashSet<>();

  double dropped;
  double doubled;
  long slowest = 2 * MILLISECOND;

  /** How many of the second copies come much later than the first, and how late at most. */
  double late;

  long latest;

  private final SimReferee referee = new SimReferee();
  private final PriorityQueue<Event> events = new PriorityQueue<>(Event.BY_TIME);
  private long now;
  private Violation broken;
  private long eventCount;

  /** Where nodes were taken for gone, as "group/index". */
  private final Set<String> goneAt = new HashSet<>();

  /** Something that happens at a time. */
  private record Event(long at, long number, Runnable what) {
    static final Comparator<Event> BY_TIME =
        Comparator.<Event>comparingLong(event -> event.at).thenComparingLong(event -> event.number);
  }

  /** A promise that was broken. */
  static final class Violation extends AssertionError {
    private static final long serialVersionUID = 1L;

    Violation(String what) {
      super(what);
    }
  }

  SimCluster(long seed, int size, int groups, boolean grows, Set<Safeguard> without) {
    this(seed, size, groups, grows, without, 0, HEAP_BYTES);
  }

  /**
   * A cluster of other logs.
   *
   * @param snapshotEntries after which they begin anew, or 0: after any number
   * @param heapBytes of their entries on the heap; four times as many come before they begin anew
   */
  SimCluster(
      long seed,
      int size,
      int groups,
      boolean grows,
      Set<Safeguard> without,
      int snapshotEntries,
      long heapBytes) {
    this.random = new Random(seed);
    this.groups = groups;
    this.grows = grows;
    this.wanted = !grows ? 1 : seed % 2 == 0 ? size : Math.min(3, size);
    this.placement =
        new Placement.Wanted(
            wanted, seed % 5 < 2 ? Duration.ofMillis(300 + seed % 700) : Duration.ofHours(1));
    int any = random.nextInt(3) == 0 ? 4 + random.nextInt(16) : 20 + random.nextInt(200);
    this.snapshotEntries = snapshotEntries == 0 ? any : snapshotEntries;
    this.heapBytes = heapBytes;
    this.without = without;
    for (int i = 0; i < size; i++) {
      NodeEndpoint node = NodeEndpoint.of("n" + i, "0");
      if (i == 0 || !grows) {
        founders.add(node);
      }
      nodes.add(new SimNode(this, node));
    }
    nodes.forEach(SimNode::start);
  }

  // --- time ---

  long now() {
    return now;
  }

  long wallClock() {
    return EPOCH + now / MILLISECOND;
  }

  void after(long nanos, Runnable what) {
    events.add(new Event(now + nanos, eventCount++, what));
  }

  /** From zero up to a bound. */
  long upTo(long bound) {
    return (long) (random.nextDouble() * bound);
  }

  /** Lets time pass. */
  void run(long nanos) {
    long until = now + nanos;
    while (!events.isEmpty() && events.peek().at <= until) {
      Event event = events.remove();
      now = event.at;
      try {
        event.what.run();
      } catch (Violation e) {
        throw broken == null ? fail(e.getMessage()) : broken;
      }
      if (broken != null) {
        throw broken;
      }
    }
    now = until;
  }

  // --- network ---

  void send(SimNode from, String to, int kind, int group, byte[] body) {
    String sender = from.self.id();
    if (kind == Exchange.RAFT) {
      referee.said(sender, to, RaftMessages.read(ByteBuffer.wrap(body)));
    }
    if (random.nextDouble() < dropped) {
      return;
    }
    int copies = random.nextDouble() < doubled ? 2 : 1;
    for (int i = 0; i < copies; i++) {
      long delay = 50_000 + upTo(random.nextInt(10) == 0 ? slowest * 10 : slowest);
      if (i > 0 && random.nextDouble() < late) {
        delay += upTo(latest);
      }
      after(delay, () -> arrive(sender, to, kind, group, body));
    }
  }

  private void arrive(String from, String to, int kind, int group, byte[] body) {
    if (cut.contains(from + ">" + to)) {
      return;
    }
    for (SimNode node : nodes) {
      if (node.self.id().equals(to) && node.isUp()) {
        node.receive(from, kind, group, ByteBuffer.wrap(body.clone()));
      }
    }
  }

  // --- what must always hold ---

  SimReferee referee() {
    return referee;
  }

  /** A node cannot go on, for no reason that it was given. */
  void broken(String what, Throwable cause) {
    if (broken == null) {
      broken = cause instanceof Violation it ? it : fail(what + ": " + cause);
      if (broken != cause) {
        broken.initCause(cause);
      }
    }
  }

  Violation fail(String what) {
    return new Violation(what + ", at " + now / MILLISECOND + " ms");
  }

  /** The first replica has come to an entry that takes a node for gone: it must not serve. */
  void gone(int group, long index, String id) {
    if (!goneAt.add(group + "/" + index)) {
      return;
    }
    for (SimNode node : nodes) {
      if (node.self.id().equals(id) && node.serves(group)) {
        throw fail(
            "group %d, entry %d: %s is taken for gone and serves".formatted(group, index, id));
      }
    }
  }

  /** How often a node was taken for gone. */
  int gone() {
    return goneAt.size();
  }

  SimNode anyNode() {
    return nodes.get(random.nextInt(nodes.size()));
  }
}
