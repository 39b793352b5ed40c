package io.busbar.tool.load;

import io.busbar.mqtt.MqttVersion;
import java.util.concurrent.TimeUnit;

/** Connects and disconnects in a number of slots, each as fast as the broker allows. */
final class Churn extends Run {
  private static final long ANSWER_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final int MAX_FAILURES = 1000;

  private final int warmUpSeconds;
  private final int seconds;
  private final Slot[] slots;
  private final Histogram latency = new Histogram();
  private long attempts;
  private long connects;
  private long connectsBefore;
  private long failures;
  private String firstProblem;
  private boolean stopped;
  private Snapshot from;

  private record Snapshot(long at, long connects, Machine.Reading machine) {}

  Churn(
      Target target,
      MqttVersion version,
      Machine machine,
      int connections,
      int warmUpSeconds,
      int seconds) {
    super(target, version, machine);
    Plan.check("connections", connections, 1, 10_000);
    Plan.check("warm-up", warmUpSeconds, 0, 600);
    Plan.check("seconds", seconds, 1, 3600);
    this.warmUpSeconds = warmUpSeconds;
    this.seconds = seconds;
    this.slots = new Slot[connections];
  }

  /** One attempt: connect, be accepted, disconnect, be closed. */
  private final class Slot extends Peer {
    private final int index;
    private final long since = now();

    Slot(int index, int attempt) {
      super(Churn.this, "c", attempt);
      this.index = index;
    }

    @Override
    void connected(Wire.Connack connack) {
      connects++;
      if (from != null && !stopped) {
        latency.record(now() - since);
      }
      leave();
    }

    @Override
    void left() {
      connectAgain(index);
    }
  }

  @Override
  void begin() {
    for (int i = 0; i < slots.length; i++) {
      connectAgain(i);
    }
    long warmUp = TimeUnit.SECONDS.toNanos(warmUpSeconds);
    after(warmUp, () -> from = snapshot());
    after(warmUp + TimeUnit.SECONDS.toNanos(seconds), () -> finish(report(snapshot())));
  }

  private void connectAgain(int index) {
    if (!stopped) {
      slots[index] = new Slot(index, (int) attempts++);
      open(slots[index]);
    }
  }

  @Override
  void ready(Peer peer) {
    throw new IllegalStateException("a slot is never ready: it leaves");
  }

  @Override
  void closed(Peer peer, String why) {
    if (stopped) {
      return;
    }
    failures++;
    if (firstProblem == null) {
      firstProblem = why;
    }
    if (failures == MAX_FAILURES || connects == 0) {
      fail(new LoadException(failures + " connections failed, the first: " + firstProblem));
    } else {
      connectAgain(((Slot) peer).index);
    }
  }

  @Override
  String tick() {
    long now = now();
    for (Slot slot : slots) {
      if (slot != null && now - slot.since > ANSWER_NANOS) {
        slot.abort("not closed within 10 s");
      }
    }
    long made = connects - connectsBefore;
    connectsBefore = connects;
    return "connects: " + made + "/s";
  }

  private Snapshot snapshot() {
    return new Snapshot(now(), connects, machine.read());
  }

  private Report report(Snapshot to) {
    stopped = true;
    double window = (to.at - from.at) / 1e9;
    long made = to.connects - from.connects;
    Report report = new Report();
    report.text("mode", "connect");
    report.count("mqtt", version.level());
    report.count("connections", slots.length);
    report.number("seconds", window);
    report.count("connects", made);
    report.number("connects_per_s", made / window);
    report.latency("connack", latency);
    report.count("failures", failures);
    if (firstProblem != null) {
      report.text("first_problem", firstProblem);
    }
    report.cost(machine, from.machine, to.machine, window, made);
    report.failed(failures > 0 || made == 0);
    return report;
  }
}
