package io.busbar.tool.load;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * A scripted device: connects, hears its commands, reports now and then; sleeps and comes back, if
 * it is one of those that do. Its session, and this object, outlive its connections.
 */
final class Device {
  private static final int SUBSCRIBE_ID = 65_535;
  private static final long AGAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

  final int number;
  final Stream telemetry;
  final Arrivals commands = new Arrivals();
  private final Devices run;
  private final Devices.Script script;
  private final boolean sleeps;
  private final Random random;

  /** Messages without PUBACK: packet id to number. */
  private final Map<Integer, Long> unanswered = new HashMap<>();

  private Connection connection;
  private boolean isSubscribed;
  private boolean isTired;
  private long acknowledged;

  Device(Devices run, Devices.Script script, int number) {
    this.run = run;
    this.script = script;
    this.number = number;
    this.telemetry = new Stream(number, 1);
    this.random = new Random(script.seed() * 31 + number);
    this.sleeps = random.nextInt(100) < script.sleepersPercent();
  }

  /** Connects, or comes back. */
  void wake() {
    if (connection == null) {
      connection = new Connection();
      run.open(connection);
    }
  }

  /** Its SUBACK came, once. */
  boolean isSubscribed() {
    return isSubscribed;
  }

  boolean isAwake() {
    return connection != null && connection.isAwake;
  }

  /** Nothing of its own waits for an answer. */
  boolean isSettled() {
    return isAwake() && unanswered.isEmpty();
  }

  long acknowledged() {
    return acknowledged;
  }

  long unanswered() {
    return unanswered.size();
  }

  /** Unanswered messages that did not arrive: nobody promised anything. */
  long excused(Arrivals heard) {
    return unanswered.values().stream().filter(heard::misses).count();
  }

  /** A connection that was not to end has. */
  void lost(Peer peer) {
    if (peer == connection) {
      connection = null;
      run.after((long) (AGAIN_NANOS * (1 + random.nextDouble())), this::wake);
    }
  }

  private long about(double seconds) {
    double share = 1 + script.jitter() * (2 * random.nextDouble() - 1);
    return (long) (seconds * share * TimeUnit.SECONDS.toNanos(1));
  }

  private void awake() {
    connection.isAwake = true;
    Connection current = connection;
    // The first report after a share of the interval, so that devices of one second spread.
    run.after((long) (about(script.interval()) * random.nextDouble()), current::report);
    if (sleeps) {
      run.after(
          about(script.awake()),
          () -> {
            isTired = true;
            current.sleep();
          });
    }
  }

  private final class Connection extends Peer {
    private boolean isAwake;

    Connection() {
      super(run, "d", Device.this.number);
    }

    @Override
    int expirySeconds() {
      return script.sleepersPercent() > 0 ? Devices.EXPIRY_SECONDS : 0;
    }

    @Override
    void connected(Wire.Connack connack) {
      if (isSubscribed && connack.isSessionPresent()) {
        awake();
        return;
      }
      if (isSubscribed && expirySeconds() > 0) {
        run.sessionLost();
      }
      ByteBuf out = buffer(128);
      Wire.subscribe(out, run.version, SUBSCRIBE_ID, run.commandTopic(number()), 1);
      write(out);
    }

    @Override
    void packet(int first, ByteBuf in, int at, int length) {
      switch (first >>> 4) {
        case Wire.SUBACK -> {
          int code = in.getUnsignedByte(at + length - 1);
          if (code != 1) {
            throw new LoadException("SUBACK for commands: " + hex(code) + " (asked for QoS 1)");
          }
          isSubscribed = true;
          awake();
        }
        case Wire.PUBACK -> answered(in, at, length);
        case Wire.PUBLISH -> command(first, in, at, at + length);
        default -> super.packet(first, in, at, length);
      }
    }

    private void answered(ByteBuf in, int at, int length) {
      int code = length > 2 ? in.getUnsignedByte(at + 2) : 0;
      if (code >= 0x80) {
        throw new LoadException("PUBACK for telemetry: " + hex(code));
      }
      if (unanswered.remove(in.getUnsignedShort(at)) != null) {
        acknowledged++;
      }
      sleep();
    }

    private void command(int first, ByteBuf in, int at, int end) {
      long found = Wire.published(in, run.version, first, at, end);
      int payload = (int) found;
      if (Stream.runId(in, payload) == run.runId && commands.accept(Stream.sequence(in, payload))) {
        run.commandArrived(number(), Stream.sentAt(in, payload));
      }
      ByteBuf out = buffer(4);
      Wire.puback(out, (int) (found >>> 32));
      write(out);
    }

    /** Sends one message, and sees to the next. */
    private void report() {
      if (connection != this || !isOpen() || isTired || !run.isRunning()) {
        return;
      }
      byte[] topic = run.telemetryTopic(number()).getBytes(StandardCharsets.UTF_8);
      int id = 1 + (int) (telemetry.sent() % (SUBSCRIBE_ID - 1));
      if (isWritable() && !unanswered.containsKey(id)) {
        long sequence = telemetry.sent();
        write(Devices.message(this, run, topic, script.qos(), script.size(), id, telemetry));
        if (script.qos() > 0) {
          unanswered.put(id, sequence);
        }
      }
      run.after(about(script.interval()), this::report);
    }

    /** Goes when it is time and nothing of it is unanswered; comes back. */
    private void sleep() {
      if (isTired && connection == this && unanswered.isEmpty() && run.isRunning()) {
        leave();
      }
    }

    @Override
    void left() {
      if (connection == this && !run.isOver()) {
        connection = null;
        isTired = false;
        run.slept();
        run.after(run.isRunning() ? about(script.asleep()) : 0, Device.this::wake);
      }
    }
  }
}
