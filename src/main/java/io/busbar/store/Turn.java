package io.busbar.store;

import io.microraft.executor.RaftNodeExecutor;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/**
 * The work of all Raft groups of a node, in turns of two halves, so that one sync serves all of
 * them:
 *
 * <pre>
 *   work()    tasks of all groups; what they append stays in memory; requests leave at once
 *   commit()  one write and one sync; then the answers that waited for it, then what counts as
 *             on disk since
 * </pre>
 *
 * <p>An answer says that something is on disk (an entry, a vote): whatever a group answers while
 * the journal holds anything unsynced is held back. MicroRaft submits one kind of task that counts
 * the end of its log as on disk; these run only right after a sync, when nothing can have been
 * appended since. While they run, {@link #execute} only enqueues, also when called from a future
 * that completes in them: an append that slipped in here would count as synced.
 *
 * <p>One thread runs the turns; any thread may hand in tasks. MicroRaft's periods are whole
 * seconds: its clock and delays run {@link #SPEED} times as fast.
 */
final class Turn implements RaftNodeExecutor {
  /** How much faster than the wall the engine's time goes: its seconds are tenths. */
  static final int SPEED = 10;

  /** What one turn does at most, so that a sync is never far. */
  private static final int TASKS = 4_096;

  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final Journal journal;
  private final LongSupplier nanoTime;
  private final Runnable wakeUp;
  private final LongConsumer synced;
  private final Consumer<Throwable> fatal;
  private final Set<Safeguard> without;
  private final Queue<Runnable> handedIn = new ConcurrentLinkedQueue<>();
  private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();
  private final PriorityQueue<Timer> timers = new PriorityQueue<>(Timer.BY_TIME);
  private List<Runnable> held = new ArrayList<>();
  private List<Runnable> flushes = new ArrayList<>();
  private Thread thread;
  private long timerCount;
  private long retryAt = Long.MIN_VALUE;
  private boolean isFull;
  private boolean isInline;
  private boolean isCounting;

  private record Timer(long at, long number, Runnable task) {
    static final Comparator<Timer> BY_TIME =
        Comparator.<Timer>comparingLong(timer -> timer.at).thenComparingLong(timer -> timer.number);
  }

  /**
   * Turns of a node.
   *
   * @param nanoTime a clock that only goes forward
   * @param wakeUp has {@link #work} and {@link #commit} called soon; from any thread
   * @param synced is told how long a sync took, in nanoseconds
   * @param fatal ends the process: what is in memory and what is on disk may differ from now on
   * @param without empty but in tests
   */
  Turn(
      Journal journal,
      LongSupplier nanoTime,
      Runnable wakeUp,
      LongConsumer synced,
      Consumer<Throwable> fatal,
      Set<Safeguard> without) {
    this.journal = journal;
    this.nanoTime = nanoTime;
    this.wakeUp = wakeUp;
    this.synced = synced;
    this.fatal = fatal;
    this.without = without;
    // opening it syncs, if the disk takes it
    this.isFull = journal.isDirty();
  }

  // --- tasks ---

  @Override
  public void execute(Runnable task) {
    if (Thread.currentThread() != thread) {
      handedIn.add(task);
      wakeUp.run();
    } else if (isInline) {
      isInline = false;
      task.run();
    } else {
      tasks.add(task);
    }
  }

  /**
   * Has the engine do at once what it would hand to {@link #execute}: what was judged before stays
   * true. Only from a task of its own, not from within the engine.
   */
  void inline(Runnable call) {
    isInline = true;
    call.run();
    isInline = false;
  }

  /** Counts the end of a log as on disk: MicroRaft hands in nothing else here. */
  @Override
  public void submit(Runnable flush) {
    if (without.contains(Safeguard.SYNC_BEFORE_COUNT)) {
      tasks.add(flush);
    } else {
      flushes.add(flush);
    }
  }

  /** A task of the engine after a delay of the engine's time. */
  @Override
  public void schedule(Runnable task, long delay, TimeUnit unit) {
    after(unit.toNanos(delay) / SPEED, task);
  }

  /** A task after a delay; only from within a turn. */
  void after(long nanos, Runnable task) {
    timers.add(new Timer(nanoTime.getAsLong() + nanos, timerCount++, task));
  }

  /** Has an answer leave when everything that was appended up to now is on disk. */
  void answer(Runnable send) {
    boolean mustWait = journal.isDirty() && !without.contains(Safeguard.HELD_ANSWERS);
    if (mustWait || !held.isEmpty()) {
      held.add(send);
    } else {
      send.run();
    }
  }

  /** Ends the process. */
  void fail(Throwable cause) {
    fatal.accept(cause);
  }

  /** The clock, in nanoseconds. */
  long now() {
    return nanoTime.getAsLong();
  }

  /** Whether the disk takes nothing more at the moment. */
  boolean isFull() {
    // a term is synced within a turn
    return isFull && journal.isDirty();
  }

  /** When the next timer is due, in nanoseconds of the clock; now if there is something to do. */
  long nextDue() {
    if (!tasks.isEmpty() || !handedIn.isEmpty()) {
      return nanoTime.getAsLong();
    }
    long timer = timers.isEmpty() ? Long.MAX_VALUE : timers.peek().at;
    return needsCommit() ? Math.min(timer, Math.max(retryAt, nanoTime.getAsLong())) : timer;
  }

  boolean needsCommit() {
    return journal.isDirty() || !flushes.isEmpty() || !held.isEmpty();
  }

  // --- the two halves ---

  /** Runs what is due. */
  void work() {
    thread = Thread.currentThread();
    int done = 0;
    for (Runnable task = handedIn.poll(); task != null; task = handedIn.poll()) {
      tasks.add(task);
    }
    long now = nanoTime.getAsLong();
    while (!timers.isEmpty() && timers.peek().at <= now) {
      tasks.add(timers.remove().task);
    }
    while (!tasks.isEmpty() && done++ < TASKS) {
      run(tasks.remove());
    }
  }

  /** Has everything on disk, then says so. */
  void commit() {
    thread = Thread.currentThread();
    if (journal.isDirty() && !sync()) {
      return;
    }
    List<Runnable> answers = held;
    List<Runnable> counted = flushes;
    held = new ArrayList<>();
    flushes = new ArrayList<>();
    isCounting = true;
    answers.forEach(this::run);
    counted.forEach(this::run);
    isCounting = false;
  }

  /** Whether everything that was appended by tasks is on disk at this moment. */
  boolean isCounting() {
    return isCounting;
  }

  private boolean sync() {
    long now = nanoTime.getAsLong();
    if (now < retryAt) {
      return false;
    }
    try {
      journal.sync();
      synced.accept(nanoTime.getAsLong() - now);
      isFull = false;
      retryAt = Long.MIN_VALUE;
      return true;
    } catch (WriteFailedException e) {
      isFull = true;
      retryAt = now + RETRY_NANOS;
    } catch (IOException e) {
      fatal.accept(e);
    }
    return false;
  }

  private void run(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException | Error e) {
      fatal.accept(e);
    }
  }
}
