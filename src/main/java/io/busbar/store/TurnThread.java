package io.busbar.store;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** The thread that runs the {@link Turn}s of a node, and sleeps when there is nothing to do. */
final class TurnThread {
  /** How long the journal is left alone before it gets its mark. */
  private static final long IDLE = TimeUnit.MILLISECONDS.toNanos(200);

  private static final long LONGEST_SLEEP = TimeUnit.SECONDS.toNanos(1);

  private final Thread thread;
  private final Body body;
  private volatile boolean isAsleep;
  private volatile boolean isClosing;

  /** What runs in it. */
  interface Body {
    /** Begins; the turns and the journal are there afterwards. Whether it could. */
    boolean open();

    Turn turn();

    Journal journal();

    /** After each turn. */
    void turned();

    /** A turn came to an end that it must not come to: no other follows. */
    void failed(Throwable cause);

    /** The last thing. */
    void close();
  }

  TurnThread(String name, Body body) {
    this.body = body;
    this.thread = new Thread(this::run, name);
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  /** Ends the thread soon. */
  void close() {
    isClosing = true;
    LockSupport.unpark(thread);
  }

  /** There is something to do; from any thread. */
  void wakeUp() {
    if (isAsleep) {
      LockSupport.unpark(thread);
    }
  }

  private void run() {
    try {
      if (body.open()) {
        turns(body.turn(), body.journal());
      }
    } catch (RuntimeException | Error e) {
      body.failed(e);
    }
    body.close();
  }

  private void turns(Turn turn, Journal journal) {
    long written = journal.end();
    long since = System.nanoTime();
    while (!isClosing) {
      turn.work();
      if (turn.needsCommit()) {
        turn.commit();
      }
      body.turned();
      if (journal.end() != written) {
        written = journal.end();
        since = System.nanoTime();
      } else if (System.nanoTime() - since > IDLE && journal.mark()) {
        written = journal.end();
      }
      sleep(turn);
    }
  }

  private void sleep(Turn turn) {
    isAsleep = true;
    // looked at after it was said: who hands something in after that wakes this thread
    long due = turn.nextDue();
    long now = System.nanoTime();
    if (due > now && !isClosing) {
      LockSupport.parkNanos(this, Math.min(due - now, LONGEST_SLEEP));
    }
    isAsleep = false;
  }
}
