package io.busbar.store;

import io.busbar.shard.Command;
import io.busbar.shard.Entry;
import io.busbar.shard.Outcome;
import io.busbar.shard.Refusal;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * What one node appends to one group, wherever its leader is: a stream of numbered entries. At most
 * {@value #IN_FLIGHT} are on their way; meanwhile the next fills. An entry whose outcome is not
 * known is sent again under its number for as long as the node lives: the group applies each number
 * once. When one has waited too long for its turn to be sent all that wait are refused, and what
 * their {@link Feed} sends until it hears of that. Outcomes are told in the order of the appends.
 * Runs in the {@link Turn}.
 */
final class Appender {
  private static final int IN_FLIGHT = 2;

  /** What one entry holds at most, unless a single command is larger. */
  private static final int ENTRY_BYTES = 64 * 1024;

  private static final int ENTRY_COMMANDS = 1_024;

  /** An answer that does not come is asked for again. */
  private static final long AGAIN = TimeUnit.MILLISECONDS.toNanos(500);

  /** Between attempts while there is no leader, or it takes no more. */
  private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(20);

  /** So long an append may wait before it is sent; then whoever waits is told no. */
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(10);

  private static final long WATCH = TimeUnit.SECONDS.toNanos(1);

  private final String origin;
  private final long incarnation;
  private final Turn turn;
  private final Path path;
  private final Set<Safeguard> without;
  private final Deque<Append> waiting = new ArrayDeque<>();
  private final Deque<Batch> inFlight = new ArrayDeque<>();

  /** Of each source that had any. */
  private final Map<Integer, Long> refusals = new HashMap<>();

  private long lastNumber;
  private boolean isWatching;

  /** How an entry gets to the group's leader. */
  interface Path {
    /** Sends an entry to whoever is believed to be the leader; the answer may never come. */
    void send(long number, byte[] entry);

    /** Has another node be asked: the last one did not answer, or is not the leader. */
    void elsewhere();
  }

  /** Commands that are answered together. */
  private record Append(
      List<Command> commands, Feed feed, int bytes, long since, Consumer<Appended> then) {}

  /** An entry on its way. */
  private static final class Batch {
    final List<Append> appends;
    final List<Command> commands;
    long number;
    byte[] entry;
    List<Outcome> outcomes;
    long sendAt;

    Batch(List<Append> appends, List<Command> commands) {
      this.appends = appends;
      this.commands = commands;
    }
  }

  /**
   * A node's stream.
   *
   * @param origin the node's id
   * @param incarnation larger than that of any start before
   */
  Appender(String origin, long incarnation, Turn turn, Path path, Set<Safeguard> without) {
    this.origin = origin;
    this.incarnation = incarnation;
    this.turn = turn;
    this.path = path;
    this.without = without;
  }

  /**
   * Appends commands, which take effect in this order.
   *
   * @param commands may be none: then all is answered that came before
   * @param feed whose they are
   * @param bytes about how many they are
   * @param then gets their outcomes when they are as safe as the group promises
   */
  void append(List<Command> commands, Feed feed, int bytes, Consumer<Appended> then) {
    Append append = new Append(commands, feed, bytes, turn.now(), then);
    if (feed.heard() < refusals.getOrDefault(feed.source(), 0L)) {
      refuse(append);
      return;
    }
    waiting.add(append);
    advance();
    if (!isWatching && !waiting.isEmpty()) {
      isWatching = true;
      turn.after(WATCH, this::watch);
    }
  }

  /** Sends and tells what can be. */
  private void advance() {
    fill();
    while (!inFlight.isEmpty() && inFlight.peek().outcomes != null) {
      tell(inFlight.remove());
      fill();
    }
  }

  private void fill() {
    while (inFlight.size() < IN_FLIGHT && !waiting.isEmpty()) {
      List<Append> appends = new ArrayList<>();
      List<Command> commands = new ArrayList<>();
      int bytes = 0;
      while (!waiting.isEmpty()) {
        Append next = waiting.peek();
        boolean fits =
            bytes + next.bytes <= ENTRY_BYTES
                && commands.size() + next.commands.size() <= ENTRY_COMMANDS;
        if (!appends.isEmpty() && !fits) {
          break;
        }
        appends.add(waiting.remove());
        commands.addAll(next.commands);
        bytes += next.bytes;
      }
      Batch batch = new Batch(appends, commands);
      inFlight.add(batch);
      if (commands.isEmpty()) {
        batch.outcomes = List.of();
      } else {
        number(batch);
        send(batch);
      }
    }
  }

  private void watch() {
    if (!waiting.isEmpty() && waiting.peek().since + PATIENCE < turn.now()) {
      List<Append> all = List.copyOf(waiting);
      waiting.clear();
      all.forEach(this::refuse);
    }
    isWatching = !waiting.isEmpty();
    if (isWatching) {
      turn.after(WATCH, this::watch);
    }
  }

  /** What was never sent is known not to be applied, now or later. */
  private void refuse(Append append) {
    Feed feed = append.feed;
    long many = feed.equals(Feed.NONE) ? 0 : refusals.merge(feed.source(), 1L, Long::sum);
    append.then.accept(new Appended.Refused(Refusal.UNAVAILABLE, many));
  }

  private void number(Batch batch) {
    batch.number = ++lastNumber;
    // the time is the leader's: it puts it in
    batch.entry = new Entry(origin, incarnation, batch.number, 0, batch.commands).encode();
  }

  private void send(Batch batch) {
    batch.sendAt = turn.now() + AGAIN;
    path.send(batch.number, batch.entry);
    turn.after(AGAIN, () -> again(batch, true));
  }

  private void again(Batch batch, boolean isLate) {
    if (batch.outcomes != null || turn.now() < batch.sendAt) {
      return;
    }
    if (isLate) {
      path.elsewhere();
    }
    if (without.contains(Safeguard.NUMBERS)) {
      number(batch);
    }
    send(batch);
  }

  // --- answers ---

  /** An entry was applied, now or before. */
  void applied(long number, List<Outcome> outcomes) {
    for (Batch batch : inFlight) {
      if (batch.number == number && batch.outcomes == null) {
        batch.outcomes = outcomes;
      }
    }
    advance();
  }

  /** An entry was not taken: it is sent again after a moment. */
  void notTaken(long number) {
    for (Batch batch : inFlight) {
      if (batch.number == number && batch.outcomes == null) {
        batch.sendAt = turn.now() + PAUSE;
        turn.after(PAUSE, () -> again(batch, false));
      }
    }
  }

  private static void tell(Batch batch) {
    int from = 0;
    for (Append append : batch.appends) {
      int to = from + append.commands.size();
      append.then.accept(new Appended.Outcomes(List.copyOf(batch.outcomes.subList(from, to))));
      from = to;
    }
  }
}
