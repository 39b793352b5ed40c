package io.busbar.tool.load;

import java.util.concurrent.TimeUnit;

/**
 * Connects and disconnects in a number of slots: each as fast as the broker allows, or all of them
 * on a schedule.
 */
final class Churn extends Repeating {
  private static final long ANSWER_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final int MAX_FAILURES = 1000;

  private final double rate;
  private final Slot[] slots;
  private int free;
  private final int[] freeSlots;
  private long attempts;
  private long failures;
  private long scheduled;
  private long late;
  private String firstProblem;

  /**
   * A run.
   *
   * @param connections at a time, at most
   * @param rate connects a second, of all; 0: as fast as the broker allows
   */
  Churn(Setup setup, Window window, int connections, double rate) {
    super(setup, window, "connect", "connects", "connack");
    Plan.check("connections", connections, 1, 10_000);
    checkRate(rate);
    Setup.requireFiles(connections);
    this.rate = rate;
    this.slots = new Slot[connections];
    this.freeSlots = new int[connections];
  }

  /** One attempt: connect, be accepted, disconnect, be closed. */
  private final class Slot extends Peer {
    private final int index;
    private final long since;

    Slot(int index, long since) {
      // The slot's certificate, and the TLS session that it was given last.
      super(Churn.this, "c" + attempts++ + "-", index);
      this.index = index;
      this.since = since;
    }

    @Override
    void connected(Wire.Connack connack) {
      done(since);
      leave();
    }

    @Override
    void left() {
      ended(index);
    }
  }

  @Override
  void begin() {
    if (rate > 0) {
      for (int i = 0; i < slots.length; i++) {
        freeSlots[free++] = i;
      }
      pump(new Schedule(now(), rate));
    } else {
      for (int i = 0; i < slots.length; i++) {
        connect(i, now());
      }
    }
    started();
  }

  /** Connects that are due, or that were when there was no slot for them. */
  private void pump(Schedule schedule) {
    while (!isStopped() && schedule.due(scheduled) <= now()) {
      if (free == 0) {
        late++;
        break;
      }
      connect(freeSlots[--free], schedule.due(scheduled++));
    }
    if (!isStopped()) {
      after(TimeUnit.MILLISECONDS.toNanos(1), () -> pump(schedule));
    }
  }

  private void connect(int index, long since) {
    slots[index] = new Slot(index, since);
    open(slots[index]);
  }

  private void ended(int index) {
    slots[index] = null;
    if (rate > 0) {
      freeSlots[free++] = index;
    } else if (!isStopped()) {
      connect(index, now());
    }
  }

  @Override
  void ready(Peer peer) {
    throw new IllegalStateException("a slot is never ready: it leaves");
  }

  @Override
  void closed(Peer peer, String why) {
    if (isStopped()) {
      return;
    }
    failures++;
    if (firstProblem == null) {
      firstProblem = why;
    }
    if (failures == MAX_FAILURES || doneSoFar() == 0) {
      fail(new LoadException(failures + " connections failed, the first: " + firstProblem));
    } else {
      ended(((Slot) peer).index);
    }
  }

  @Override
  String tick(Series.Point second) {
    long now = now();
    for (Slot slot : slots) {
      if (slot != null && now - slot.since > ANSWER_NANOS) {
        slot.abort("not closed within 10 s");
      }
    }
    return super.tick(second);
  }

  @Override
  boolean hasFailed() {
    return failures > 0;
  }

  @Override
  void describe(Report report) {
    report.count("connections", slots.length);
    report.number("rate", rate);
    report.count("failures", failures);
    if (rate > 0) {
      report.count("waits_for_a_slot", late);
    }
    if (firstProblem != null) {
      report.text("first_problem", firstProblem);
    }
  }
}
