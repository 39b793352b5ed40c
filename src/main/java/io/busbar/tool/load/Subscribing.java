package io.busbar.tool.load;

import io.busbar.mqtt.MqttVersion;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Subscribes on some connections, each to one filter after another that nobody had before, as fast
 * as SUBACK comes; a connection keeps the latest few.
 */
final class Subscribing extends Run {
  /** Subscriptions of a connection: beyond, the oldest goes. */
  private static final int KEPT = 40;

  /** Odd ones for SUBSCRIBE, the next even ones for UNSUBSCRIBE. */
  private static final int PACKET_IDS = 30_000;

  private final List<Target> targets;
  private final List<Subscriptions> peers = new ArrayList<>();
  private final int warmUpSeconds;
  private final int seconds;
  private final Histogram latency = new Histogram();
  private long subscribed;
  private long subscribedBefore;
  private boolean stopped;
  private Snapshot from;

  private record Snapshot(long at, long subscribed, Machine.Reading machine) {}

  /**
   * A run.
   *
   * @param targets where the connections go, in turn
   */
  Subscribing(
      List<Target> targets,
      MqttVersion version,
      Machine machine,
      int connections,
      int warmUpSeconds,
      int seconds) {
    super(targets.get(0), version, machine);
    Plan.check("connections", connections, 1, 10_000);
    Plan.check("warm-up", warmUpSeconds, 0, 600);
    Plan.check("seconds", seconds, 1, 3600);
    this.targets = List.copyOf(targets);
    this.warmUpSeconds = warmUpSeconds;
    this.seconds = seconds;
    for (int i = 0; i < connections; i++) {
      peers.add(new Subscriptions(i));
    }
  }

  /**
   * One connection: SUBSCRIBE, SUBACK, and the oldest filter goes, whose UNSUBACK nobody awaits.
   */
  private final class Subscriptions extends Peer {
    private final int number;
    private int filters;
    private long since;

    Subscriptions(int number) {
      super(Subscribing.this, "s", number);
      this.number = number;
    }

    private String filter(int one) {
      return "load/" + Integer.toHexString(runId) + "/" + number + "/" + one;
    }

    @Override
    void connected(Wire.Connack connack) {
      ready(this);
    }

    @Override
    void turn(long now) {
      ByteBuf out = buffer(256);
      int packetId = 1 + 2 * (filters % PACKET_IDS);
      if (filters >= KEPT) {
        Wire.unsubscribe(out, version, packetId + 1, filter(filters - KEPT));
      }
      Wire.subscribe(out, version, packetId, filter(filters), 0);
      filters++;
      since = now;
      write(out);
    }

    @Override
    void packet(int first, ByteBuf in, int at, int length) {
      if (first >>> 4 == Wire.UNSUBACK) {
        return;
      }
      int code = in.getUnsignedByte(at + length - 1);
      if (first >>> 4 != Wire.SUBACK || code > 2) {
        throw new LoadException("no SUBACK, or one that refuses: " + hex(code));
      }
      subscribed++;
      if (from != null && !stopped) {
        latency.record(now() - since);
      }
      if (!stopped) {
        touch(this);
      }
    }
  }

  @Override
  Target target(Peer peer) {
    return targets.get(((Subscriptions) peer).number % targets.size());
  }

  @Override
  void begin() {
    dial(
        peers,
        () -> {
          peers.forEach(this::touch);
          long warmUp = TimeUnit.SECONDS.toNanos(warmUpSeconds);
          after(warmUp, () -> from = snapshot());
          after(warmUp + TimeUnit.SECONDS.toNanos(seconds), () -> finish(report(snapshot())));
        });
  }

  @Override
  void ready(Peer peer) {
    dialedOne();
  }

  @Override
  void closed(Peer peer, String why) {
    if (!stopped) {
      fail(new LoadException(why));
    }
  }

  @Override
  String tick() {
    long made = subscribed - subscribedBefore;
    subscribedBefore = subscribed;
    return "subscriptions: " + made + "/s";
  }

  private Snapshot snapshot() {
    return new Snapshot(now(), subscribed, machine.read());
  }

  private Report report(Snapshot to) {
    stopped = true;
    double window = (to.at - from.at) / 1e9;
    long made = to.subscribed - from.subscribed;
    Report report = new Report();
    report.text("mode", "subscribe");
    report.count("mqtt", version.level());
    report.count("connections", peers.size());
    report.number("seconds", window);
    report.count("subscribes", made);
    report.number("subscribes_per_s", made / window);
    report.latency("suback", latency);
    report.cost(machine, from.machine, to.machine, window, made);
    report.failed(made == 0);
    return report;
  }
}
