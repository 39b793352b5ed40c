package io.busbar.tool.load;

import io.busbar.mqtt.MqttVersion;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Opens connections, holds them, and reports what they cost the broker. */
final class Idle extends Run {
  private final List<Peer> peers = new ArrayList<>();
  private final int seconds;
  private Machine.Reading before;
  private long dialStart;
  private Machine.Reading connected;
  private long dialEnd;
  private long ready;
  private long disconnected;
  private String firstProblem;

  Idle(Target target, MqttVersion version, Machine machine, int connections, int seconds) {
    super(target, version, machine);
    Plan.check("connections", connections, 1, 1_000_000);
    Plan.check("seconds", seconds, 1, 3600);
    this.seconds = seconds;
    for (int i = 0; i < connections; i++) {
      peers.add(
          new Peer(this, "i", i) {
            @Override
            void connected(Wire.Connack connack) {
              ready(this);
            }
          });
    }
  }

  @Override
  void begin() {
    before = machine.read();
    dialStart = now();
    dial(peers, this::hold);
  }

  @Override
  void ready(Peer peer) {
    ready++;
    dialedOne();
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
  String tick() {
    return "connected: " + ready;
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
