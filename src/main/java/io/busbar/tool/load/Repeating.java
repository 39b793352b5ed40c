package io.busbar.tool.load;

import java.util.concurrent.TimeUnit;

/**
 * One thing that is done again and again: through a warm-up, then through the window that is
 * measured. Counts how often, and how long each took.
 */
abstract class Repeating extends Run {
  private final Window window;
  private final String mode;
  private final String what;
  private final String answer;
  private final Histogram latency = new Histogram();
  private long done;
  private boolean stopped;
  private Snapshot from;

  /**
   * How long.
   *
   * @param warmUp seconds before the measurement
   * @param seconds measured
   */
  record Window(int warmUp, int seconds) {
    Window {
      Plan.check("warm-up", warmUp, 0, 600);
      Plan.check("seconds", seconds, 1, 3600);
    }
  }

  private record Snapshot(long at, long done, Machine.Reading machine) {}

  /**
   * A run.
   *
   * @param mode the command's name
   * @param what is done, in the plural
   * @param answer the packet that ends one, in lower case
   */
  Repeating(Setup setup, Window window, String mode, String what, String answer) {
    super(setup);
    this.window = window;
    this.mode = mode;
    this.what = what;
    this.answer = answer;
  }

  /** Adds what else there is to say. */
  abstract void describe(Report report);

  /** Whether the broker broke a promise. */
  boolean hasFailed() {
    return false;
  }

  /** The warm-up begins. */
  final void started() {
    long warmUp = TimeUnit.SECONDS.toNanos(window.warmUp);
    after(
        warmUp,
        () -> {
          tls().ifPresent(Tls::reset);
          from = snapshot();
        });
    after(
        warmUp + TimeUnit.SECONDS.toNanos(window.seconds),
        () -> {
          stopped = true;
          finish(report(snapshot()));
        });
  }

  /** One was done, begun at {@code since}. */
  final void done(long since) {
    long nanos = now() - since;
    done++;
    series.done(nanos);
    if (from != null && !stopped) {
      latency.record(nanos);
    }
  }

  /** How many so far, warm-up included. */
  final long doneSoFar() {
    return done;
  }

  final boolean isStopped() {
    return stopped;
  }

  @Override
  String tick(Series.Point second) {
    String phase = from == null ? "warm-up" : stopped ? "leaving" : "run";
    return "%s: %,.0f %s/s".formatted(phase, second.perSecond(), what);
  }

  private Snapshot snapshot() {
    return new Snapshot(now(), done, machine.read());
  }

  private Report report(Snapshot to) {
    double seconds = (to.at - from.at) / 1e9;
    long made = to.done - from.done;
    Report report = new Report();
    report.text("mode", mode);
    report.count("mqtt", version.level());
    describe(report);
    report.number("seconds", seconds);
    report.count(what, made);
    report.number(what + "_per_s", made / seconds);
    report.latency(answer, latency);
    tls().ifPresent(tls -> tls.report(report));
    report.cost(machine, from.machine, to.machine, seconds, made);
    report.failed(made == 0 || hasFailed());
    return report;
  }
}
