package io.busbar.tool.load;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.TimeUnit;

/**
 * Connections to one node, which is killed when all are there; each then goes to another node. How
 * long that takes is counted from the kill.
 */
final class Failover extends Run {
  /** Connections that are under way to the other nodes at a time. */
  private static final int AT_ONCE = 256;

  private static final long AGAIN_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private final long victim;
  private final int expirySeconds;
  private final List<Device> devices = new ArrayList<>();
  private final Queue<Integer> homeless = new ArrayDeque<>();
  private final Histogram latency = new Histogram();
  private final long[] gone;
  private int underWay;
  private long killedAt = -1;
  private long refused;
  private long returned;
  private Machine.Reading before;

  /**
   * A run.
   *
   * @param setup the node that is killed, then those where its clients go; its machine watches
   *     these
   * @param victim the process of the node that is killed
   */
  Failover(Setup setup, long victim, int connections, int expirySeconds) {
    super(setup);
    Plan.check("connections", connections, 1, 100_000);
    if (nodes() < 2) {
      throw new LoadException("--target: one (allowed: the node that is killed, then others)");
    }
    Setup.requireFiles(connections);
    this.victim = victim;
    this.expirySeconds = expirySeconds;
    this.gone = new long[connections];
    for (int i = 0; i < connections; i++) {
      devices.add(new Device(i, -1));
    }
  }

  /** A connection of a device: the first, or one to another node. */
  private final class Device extends Peer {
    private final int number;
    private final int attempt;
    private boolean isOpened;

    Device(int number, int attempt) {
      super(Failover.this, "f", number);
      this.number = number;
      this.attempt = attempt;
    }

    @Override
    int expirySeconds() {
      return expirySeconds;
    }

    @Override
    void connected(Wire.Connack connack) {
      isOpened = true;
      if (attempt < 0) {
        ready(this);
        return;
      }
      underWay--;
      latency.record(now() - gone[number]);
      series.done(now() - gone[number]);
      if (++returned == devices.size()) {
        finish(report());
      } else {
        goOn();
      }
    }
  }

  @Override
  Target target(Peer peer) {
    Device device = (Device) peer;
    return device.attempt < 0
        ? node(0)
        : node(1 + (device.number + device.attempt) % (nodes() - 1));
  }

  @Override
  void begin() {
    dial(devices, this::kill);
  }

  private void kill() {
    ProcessHandle node =
        ProcessHandle.of(victim)
            .orElseThrow(() -> new LoadException("--kill: " + victim + " (allowed: a process)"));
    before = machine.read();
    killedAt = now();
    node.destroyForcibly();
  }

  @Override
  void ready(Peer peer) {
    dialedOne();
  }

  @Override
  void closed(Peer peer, String why) {
    Device device = (Device) peer;
    if (killedAt < 0) {
      fail(new LoadException(why));
    } else if (device.attempt < 0) {
      gone[device.number] = now();
      homeless.add(device.number);
      goOn();
    } else if (device.isOpened) {
      fail(new LoadException("a connection to another node ended: " + why));
    } else {
      refused++;
      after(AGAIN_NANOS, () -> open(new Device(device.number, device.attempt + 1)));
    }
  }

  private void goOn() {
    while (underWay < AT_ONCE && !homeless.isEmpty()) {
      underWay++;
      open(new Device(homeless.remove(), 0));
    }
  }

  @Override
  String tick(Series.Point second) {
    return killedAt < 0 ? "connecting" : "returned: " + returned;
  }

  private Report report() {
    double window = (now() - killedAt) / 1e9;
    Report report = new Report();
    report.text("mode", "failover");
    report.count("mqtt", version.level());
    report.count("connections", devices.size());
    report.count("session_expiry_s", expirySeconds);
    report.number("all_returned_s", window);
    report.number("returned_per_s", devices.size() / window);
    report.latency("connack", latency);
    report.count("refused", refused);
    report.cost(machine, before, machine.read(), window, devices.size());
    return report;
  }
}
