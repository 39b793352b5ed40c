package io.busbar.tool.load;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * Scripted devices and their backend: devices connect over a ramp and report, the backend hears
 * them all and sends each its commands, at QoS 1 and whether or not it sleeps. Every message is
 * accounted for; at the end who sleeps comes back for what waits.
 */
final class Devices extends Run {
  /** Of a sleeper's session, beyond any sleep that is allowed. */
  static final int EXPIRY_SECONDS = 7_200;

  private static final int COMMANDS_UNDER_WAY = 1_000;
  private static final long DRAIN_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
  private static final long DRAIN_STILL_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final long DRAIN_NANOS = TimeUnit.SECONDS.toNanos(60);

  private final Script script;
  private final String prefix;
  private final Random random;
  private final List<Device> devices = new ArrayList<>();
  private final Stream[] commands;
  private final Arrivals[] heard;
  private final Backend backend = new Backend();
  private final Histogram telemetryLatency = new Histogram();
  private final Histogram commandLatency = new Histogram();
  private boolean isRunning = true;
  private boolean isOver;
  private long telemetryArrived;
  private long commandsArrived;
  private long commandsToSleepers;
  private long commandsHeld;
  private long naps;
  private long sessionsLost;
  private long disconnected;
  private String firstProblem;
  private long rampFrom;
  private double rampSeconds;
  private Snapshot from;
  private Snapshot to;
  private long drainFrom;
  private long drainMark = -1;
  private long lastProgress;

  private record Snapshot(long at, long arrived, Machine.Reading machine) {}

  /**
   * What devices do.
   *
   * @param ramp seconds in which they all begin, evenly
   * @param interval seconds between two reports of a device
   * @param jitter share of the interval, and of waking and sleeping, by which each may differ
   * @param qos of reports
   * @param size of payloads, in bytes
   * @param commandRate commands a second, to all devices together
   * @param sleepersPercent how many sleep
   * @param awake seconds until a sleeper goes
   * @param asleep seconds until it comes back
   * @param seed decides what is random; what the network and the broker do remains
   * @param seconds measured, after the ramp
   */
  record Script(
      int devices,
      int ramp,
      double interval,
      double jitter,
      int qos,
      int size,
      double commandRate,
      int sleepersPercent,
      double awake,
      double asleep,
      long seed,
      int seconds) {
    Script {
      Plan.check("devices", devices, 1, 20_000);
      Plan.check("ramp", ramp, 0, 3_600);
      check("interval", interval, 0.01, 3_600);
      check("jitter", jitter, 0, 1);
      Plan.check("qos", qos, 0, 1);
      Plan.check("size", size, Stream.HEADER_BYTES, 1 << 16);
      check("commands", commandRate, 0, 100_000);
      Plan.check("sleepers", sleepersPercent, 0, 100);
      check("awake", awake, 0.1, 3_600);
      check("asleep", asleep, 0.1, 3_600);
      Plan.check("seconds", seconds, 1, 3_600);
    }

    private static void check(String option, double value, double low, double high) {
      if (!(value >= low && value <= high)) {
        throw new LoadException("--%s: %s (allowed: %s to %s)".formatted(option, value, low, high));
      }
    }
  }

  Devices(Setup setup, Script script) {
    super(setup);
    this.script = script;
    if (script.sleepersPercent() > 0 && version.level() < 5) {
      throw new LoadException("--sleepers: with --mqtt 4 (allowed: with 5, whose sessions expire)");
    }
    Setup.requireFiles(script.devices() + 1);
    this.prefix = "load/" + Integer.toHexString(runId) + "/";
    this.random = new Random(script.seed());
    this.commands = new Stream[script.devices()];
    this.heard = new Arrivals[script.devices()];
    for (int i = 0; i < script.devices(); i++) {
      devices.add(new Device(this, script, i));
      commands[i] = new Stream(i, 1);
      heard[i] = new Arrivals();
    }
  }

  String telemetryTopic(int device) {
    return prefix + device + "/telemetry";
  }

  String commandTopic(int device) {
    return prefix + device + "/commands";
  }

  boolean isRunning() {
    return isRunning;
  }

  /** All is counted, and connections end for good. */
  boolean isOver() {
    return isOver;
  }

  void sessionLost() {
    sessionsLost++;
  }

  void slept() {
    naps++;
  }

  void commandArrived(int device, long sentAt) {
    commands[device].arrived();
    commandsArrived++;
    if (sentAt >= 0) {
      commandLatency.record(now() - sentAt);
    }
  }

  /** The next message of a stream. */
  static ByteBuf message(
      Peer by, Run run, byte[] topic, int qos, int size, int packetId, Stream stream) {
    ByteBuf out = by.buffer(topic.length + size + 16);
    int packetIdAt = Wire.publishHead(out, run.version, topic, qos, size);
    int payload = out.writerIndex();
    Stream.writeHeader(out, run.runId, stream.id);
    out.writeZero(size - Stream.HEADER_BYTES);
    stream.stamp(out, payload, run.now());
    if (qos > 0) {
      out.setShort(packetIdAt, packetId);
    }
    return out;
  }

  /** Hears all devices, and tells each what to do. */
  private final class Backend extends Peer {
    private record Command(int device, long sequence) {}

    private final Map<Integer, Command> unanswered = new HashMap<>();
    private int room;
    private long sent;

    Backend() {
      super(Devices.this, "backend", 0);
    }

    @Override
    void connected(Wire.Connack connack) {
      room = Math.min(COMMANDS_UNDER_WAY, connack.receiveMaximum());
      ByteBuf out = buffer(128);
      Wire.subscribe(out, version, 65_535, prefix + "+/telemetry", script.qos());
      write(out);
    }

    @Override
    void packet(int first, ByteBuf in, int at, int length) {
      switch (first >>> 4) {
        case Wire.SUBACK -> {
          int code = in.getUnsignedByte(at + length - 1);
          if (code != script.qos()) {
            throw new LoadException("SUBACK for telemetry: " + hex(code));
          }
          ready(this);
        }
        case Wire.PUBACK -> {
          if (length > 2 && in.getUnsignedByte(at + 2) >= 0x80) {
            throw new LoadException("PUBACK for a command: " + hex(in.getUnsignedByte(at + 2)));
          }
          unanswered.remove(in.getUnsignedShort(at));
        }
        case Wire.PUBLISH -> telemetry(first, in, at, at + length);
        default -> super.packet(first, in, at, length);
      }
    }

    private void telemetry(int first, ByteBuf in, int at, int end) {
      long found = Wire.published(in, version, first, at, end);
      int payload = (int) found;
      int device = Stream.stream(in, payload);
      if (Stream.runId(in, payload) == runId
          && device >= 0
          && device < heard.length
          && heard[device].accept(Stream.sequence(in, payload))) {
        long nanos = now() - Stream.sentAt(in, payload);
        telemetryArrived++;
        series.done(nanos);
        if (from != null) {
          telemetryLatency.record(nanos);
        }
      }
      if (found >>> 32 != 0) {
        ByteBuf out = buffer(4);
        Wire.puback(out, (int) (found >>> 32));
        write(out);
      }
    }

    void command(Device device) {
      int id = 1 + (int) (sent % 65_000);
      if (unanswered.size() >= room || unanswered.containsKey(id) || !isWritable()) {
        commandsHeld++;
        return;
      }
      sent++;
      Stream stream = commands[device.number];
      unanswered.put(id, new Command(device.number, stream.sent()));
      if (!device.isAwake()) {
        commandsToSleepers++;
      }
      byte[] topic = commandTopic(device.number).getBytes(StandardCharsets.UTF_8);
      ByteBuf out = message(this, Devices.this, topic, 1, script.size(), id, stream);
      if (!device.isAwake()) {
        // How long it sleeps is no latency.
        out.setLong(out.writerIndex() - script.size() + Stream.SENT_AT, -1);
      }
      write(out);
    }

    long excused() {
      return unanswered.values().stream()
          .filter(one -> devices.get(one.device).commands.misses(one.sequence))
          .count();
    }
  }

  @Override
  void begin() {
    dial(
        List.of(backend),
        () -> {
          rampFrom = now();
          ramp(Schedule.ramp(rampFrom, devices.size(), script.ramp()), 0);
        });
  }

  private void ramp(Schedule schedule, int next) {
    int number = next;
    while (number < devices.size() && schedule.due(number) <= now()) {
      devices.get(number++).wake();
    }
    int rest = number;
    if (rest < devices.size()) {
      after(Math.max(0, schedule.due(rest) - now()), () -> ramp(schedule, rest));
    } else {
      awaitDevices();
    }
  }

  private void awaitDevices() {
    if (devices.stream().allMatch(Device::isSubscribed)) {
      rampSeconds = (now() - rampFrom) / 1e9;
      from = snapshot();
      command(new Schedule(now(), script.commandRate()), 0);
      after(TimeUnit.SECONDS.toNanos(script.seconds()), this::stop);
    } else {
      after(DRAIN_CHECK_NANOS, this::awaitDevices);
    }
  }

  private void command(Schedule schedule, long next) {
    if (script.commandRate() == 0) {
      return;
    }
    long number = next;
    while (isRunning && schedule.due(number) <= now()) {
      number++;
      backend.command(devices.get(random.nextInt(devices.size())));
    }
    long rest = number;
    if (isRunning) {
      after(Math.max(0, schedule.due(rest) - now()), () -> command(schedule, rest));
    }
  }

  private Snapshot snapshot() {
    return new Snapshot(now(), telemetryArrived + commandsArrived, machine.read());
  }

  private void stop() {
    to = snapshot();
    isRunning = false;
    drainFrom = now();
    devices.forEach(Device::wake);
    drain();
  }

  private void drain() {
    long telemetry = 0;
    long commanded = 0;
    long settled = 0;
    for (Device device : devices) {
      telemetry += device.telemetry.sent();
      commanded += commands[device.number].sent();
      settled += device.isSettled() ? 1 : 0;
    }
    boolean done =
        settled == devices.size()
            && backend.unanswered.isEmpty()
            && telemetryArrived == telemetry
            && commandsArrived == commanded;
    long mark = telemetryArrived + commandsArrived + settled - backend.unanswered.size();
    if (mark != drainMark) {
      drainMark = mark;
      lastProgress = now();
    }
    if (done || now() - lastProgress > DRAIN_STILL_NANOS || now() - drainFrom > DRAIN_NANOS) {
      isOver = true;
      finish(report((now() - drainFrom) / 1e9));
    } else {
      after(DRAIN_CHECK_NANOS, this::drain);
    }
  }

  @Override
  void goodbye(Peer peer) {
    peer.leave(peer != backend && script.sleepersPercent() > 0);
  }

  @Override
  void ready(Peer peer) {
    dialedOne();
  }

  @Override
  void closed(Peer peer, String why) {
    if (from == null) {
      fail(new LoadException(why));
      return;
    }
    disconnected++;
    if (firstProblem == null) {
      firstProblem = why;
    }
    if (peer == backend) {
      fail(new LoadException("the backend's connection ended: " + why));
    } else {
      devices.get(peer.number()).lost(peer);
    }
  }

  @Override
  String tick(Series.Point second) {
    long awake = devices.stream().filter(Device::isAwake).count();
    String phase = from == null ? "ramp" : isRunning ? "run" : "draining";
    return "%s: %,d of %,d devices awake, %,.0f msg/s, p99 %,.0f us"
        .formatted(phase, awake, devices.size(), second.perSecond(), second.p99Micros());
  }

  private Report report(double drained) {
    long sent = 0;
    long acknowledged = 0;
    long unanswered = 0;
    long lost = 0;
    long excused = 0;
    long commandsSent = 0;
    long commandsLost = 0;
    long repeated = 0;
    for (Device device : devices) {
      sent += device.telemetry.sent();
      acknowledged += device.acknowledged();
      unanswered += device.unanswered();
      lost += heard[device.number].lost(device.telemetry.sent());
      excused += device.excused(heard[device.number]);
      commandsSent += commands[device.number].sent();
      commandsLost += device.commands.lost(commands[device.number].sent());
      repeated += heard[device.number].duplicated() + device.commands.duplicated();
    }
    double seconds = (to.at - from.at) / 1e9;
    Report report = new Report();
    report.text("mode", "devices");
    report.count("mqtt", version.level());
    report.count("devices", devices.size());
    report.count("seed", script.seed());
    report.number("ramp_s", rampSeconds);
    report.number("seconds", seconds);
    report.count("qos", script.qos());
    report.count("telemetry_sent", sent);
    report.count("telemetry_lost", lost);
    if (script.qos() > 0) {
      report.count("telemetry_acknowledged", acknowledged);
      report.count("telemetry_unanswered", unanswered);
      report.count("telemetry_lost_acknowledged", lost - excused);
    }
    report.latency("telemetry", telemetryLatency);
    report.count("commands_sent", commandsSent);
    report.count("commands_to_sleepers", commandsToSleepers);
    report.count("commands_held_back", commandsHeld);
    report.count("commands_lost_acknowledged", commandsLost - backend.excused());
    report.latency("command", commandLatency);
    report.count("naps", naps);
    report.count("sessions_lost", sessionsLost);
    report.count("duplicated", repeated);
    report.count("disconnected", disconnected);
    if (firstProblem != null) {
      report.text("first_problem", firstProblem);
    }
    report.number("received_per_s", (to.arrived - from.arrived) / seconds);
    report.number("drain_s", drained);
    tls().ifPresent(tls -> tls.report(report));
    report.cost(machine, from.machine, to.machine, seconds, to.arrived - from.arrived);
    report.failed(
        (script.qos() > 0 && lost > excused)
            || commandsLost > backend.excused()
            || sessionsLost > 0);
    return report;
  }
}
