package io.busbar.tool.load;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Opens connections, holds them, and reports what they cost the broker. */
final class Idle extends Run {
  private final List<Held> peers = new ArrayList<>();
  private final int seconds;
  private final double rate;
  private Machine.Reading before;
  private long dialStart;
  private Machine.Reading connected;
  private long dialEnd;
  private long ready;
  private long disconnected;
  private String firstProblem;
  private final Histogram latency = new Histogram();

  /**
   * A run.
   *
   * @param rate connections a second on a fixed schedule, however many are under way; 0: as fast as
   *     the broker lets in 64 at a time
   */
  Idle(Setup setup, int connections, double rate, int seconds) {
    super(setup);
    checkRate(rate);
    Setup.requireFiles(connections);
    Plan.check("connections", connections, 1, 1_000_000);
    Plan.check("seconds", seconds, 1, 3600);
    this.seconds = seconds;
    this.rate = rate;
    for (int i = 0; i < connections; i++) {
      peers.add(new Held(i));
    }
  }

  @Override
  void begin() {
    before = machine.read();
    dialStart = now();
    if (rate == 0) {
      dial(peers, this::hold);
    } else {
      pump(new Schedule(dialStart, rate), 0);
    }
  }

  private void pump(Schedule schedule, int next) {
    int number = next;
    while (number < peers.size() && schedule.due(number) <= now()) {
      peers.get(number).dialedAt = schedule.due(number);
      open(peers.get(number++));
    }
    int rest = number;
    if (rest < peers.size()) {
      after(Math.max(0, schedule.due(rest) - now()), () -> pump(schedule, rest));
    }
  }

  /** A connection; over TLS its handshake is in the time to its CONNACK. */
  private final class Held extends Peer {
    /** When it was due. */
    private long dialedAt;

    Held(int number) {
      super(Idle.this, "i", number);
    }

    @Override
    void opening(long now) {
      dialedAt = rate == 0 ? now : dialedAt;
    }

    @Override
    void connected(Wire.Connack connack) {
      long nanos = now() - dialedAt;
      series.done(nanos);
      latency.record(nanos);
      ready(this);
    }
  }

  @Override
  void ready(Peer peer) {
    ready++;
    if (rate == 0) {
      dialedOne();
    } else if (ready == peers.size()) {
      hold();
    }
  }

  @Override
  void closed(Peer peer, String why) {
    if (connected == null) {
      fail(new LoadException(why + " (" + ready + " of " + peers.size() + " connected)"));
      return;
    }
    disconnected++;
    if (firstProblem == null) {
      firstProblem = why;
    }
  }

  @Override
  String tick(Series.Point second) {
    return "connected: %,d of %,d, %,.0f/s".formatted(ready, peers.size(), second.perSecond());
  }

  private void hold() {
    dialEnd = now();
    connected = machine.read();
    after(TimeUnit.SECONDS.toNanos(seconds), () -> finish(report()));
  }

  private Report report() {
    Machine.Reading held = machine.read();
    double holdSeconds = (now() - dialEnd) / 1e9;
    int count = peers.size();
    Report report = new Report();
    report.text("mode", "idle");
    report.count("mqtt", version.level());
    report.count("connections", count);
    report.count("disconnected", disconnected);
    if (firstProblem != null) {
      report.text("first_problem", firstProblem);
    }
    report.number("connect_s", (dialEnd - dialStart) / 1e9);
    report.number("connects_per_s", count * 1e9 / (dialEnd - dialStart));
    report.latency("connack", latency);
    tls().ifPresent(tls -> tls.report(report));
    report.number("seconds", holdSeconds);
    if (machine.seesBroker()) {
      report.number("broker_us_per_connect", 1e6 * (connected.broker() - before.broker()) / count);
      report.number(
          "broker_idle_cpu_pct", 100 * (held.broker() - connected.broker()) / holdSeconds);
      report.count("broker_rss_kib", held.brokerRssKib());
      report.number(
          "broker_kib_per_connection",
          (double) (held.brokerRssKib() - before.brokerRssKib()) / count);
    }
    report.failed(disconnected > 0);
    return report;
  }
}
