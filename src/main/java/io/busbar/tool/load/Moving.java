package io.busbar.tool.load;

import io.busbar.mqtt.MqttVersion;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Sessions that move: each is opened at one node after another while its former connection is still
 * there, which the broker is to end.
 */
final class Moving extends Run {
  private static final int EXPIRY_SECONDS = 3_600;

  private final List<Target> targets;
  private final int sessions;
  private final boolean isStored;
  private final double rate;
  private final int warmUpSeconds;
  private final int seconds;
  private final Move[] latest;
  private final Histogram latency = new Histogram();
  private long moves;
  private long movesBefore;
  private long late;
  private long scheduled;
  private long start;
  private boolean stopped;
  private Snapshot from;

  private record Snapshot(long at, long moves, Machine.Reading machine) {}

  /**
   * A run.
   *
   * @param targets where a session goes, in turn
   * @param isStored whether the sessions outlive their connections
   * @param rate moves a second, of all
   */
  Moving(
      List<Target> targets,
      MqttVersion version,
      Machine machine,
      int sessions,
      boolean isStored,
      double rate,
      int warmUpSeconds,
      int seconds) {
    super(targets.get(0), version, machine);
    Plan.check("sessions", sessions, 1, 10_000);
    Plan.check("warm-up", warmUpSeconds, 0, 600);
    Plan.check("seconds", seconds, 1, 3600);
    this.targets = List.copyOf(targets);
    this.sessions = sessions;
    this.isStored = isStored;
    this.rate = rate;
    this.warmUpSeconds = warmUpSeconds;
    this.seconds = seconds;
    this.latest = new Move[sessions];
  }

  /** One connection of a session. */
  private final class Move extends Peer {
    private final int session;
    private final int at;
    private final long since = now();
    private boolean isOpened;

    Move(int session, int at) {
      super(Moving.this, "m", session);
      this.session = session;
      this.at = at;
    }

    @Override
    int expirySeconds() {
      return isStored ? EXPIRY_SECONDS : 0;
    }

    @Override
    void connected(Wire.Connack connack) {
      isOpened = true;
      moves++;
      if (from != null && !stopped) {
        latency.record(now() - since);
      }
    }
  }

  @Override
  Target target(Peer peer) {
    return targets.get(((Move) peer).at % targets.size());
  }

  @Override
  void begin() {
    start = now();
    pump();
    long warmUp = TimeUnit.SECONDS.toNanos(warmUpSeconds);
    after(warmUp, () -> from = snapshot());
    after(warmUp + TimeUnit.SECONDS.toNanos(seconds), () -> finish(report(snapshot())));
  }

  /** Moves whose turn has come; one that is still under way is left out, and counted. */
  private void pump() {
    while (!stopped && start + (long) (scheduled * (1e9 / rate)) <= now()) {
      int session = (int) (scheduled++ % sessions);
      Move before = latest[session];
      if (before != null && !before.isOpened) {
        late++;
        continue;
      }
      latest[session] = new Move(session, before == null ? session : before.at + 1);
      open(latest[session]);
    }
    if (!stopped) {
      after(TimeUnit.MILLISECONDS.toNanos(1), this::pump);
    }
  }

  @Override
  void ready(Peer peer) {
    throw new IllegalStateException("a session is never ready: it moves on");
  }

  @Override
  void closed(Peer peer, String why) {
    Move move = (Move) peer;
    if (!stopped && latest[move.session] == peer) {
      fail(new LoadException("the latest connection of a session ended: " + why));
    }
  }

  @Override
  String tick() {
    long made = moves - movesBefore;
    movesBefore = moves;
    return "moves: " + made + "/s";
  }

  private Snapshot snapshot() {
    return new Snapshot(now(), moves, machine.read());
  }

  private Report report(Snapshot to) {
    stopped = true;
    double window = (to.at - from.at) / 1e9;
    long made = to.moves - from.moves;
    Report report = new Report();
    report.text("mode", "move");
    report.count("mqtt", version.level());
    report.count("sessions", sessions);
    report.text("kept", isStored ? "stored" : "with the connection");
    report.number("rate", rate);
    report.number("seconds", window);
    report.count("moves", made);
    report.count("left_out", late);
    report.number("moves_per_s", made / window);
    report.latency("connack", latency);
    report.cost(machine, from.machine, to.machine, window, made);
    report.failed(made == 0);
    return report;
  }
}
