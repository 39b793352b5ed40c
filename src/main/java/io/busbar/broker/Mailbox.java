package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.ReasonCode;
import io.busbar.shard.Command;
import io.busbar.shard.Delivery;
import io.busbar.shard.InboxPage;
import io.busbar.shard.Outcome;
import io.busbar.telemetry.Loss;
import java.util.Arrays;

/**
 * A connection's side of a stored session's inbox. A delivery comes with its bell and is sent if it
 * is the next and there is room; else it stays in the inbox and is read when there is. What the
 * device settled is told to the store once a turn.
 */
final class Mailbox {
  /** Deliveries read at once. */
  private static final int PAGE = 256;

  /** How long the store may take to answer a reading, in milliseconds. */
  private static final long TIMEOUT = 30_000;

  private static final long[] NONE = {};

  private final Loop loop;
  private final Connection connection;
  private final Outgoing outgoing;
  private final String session;
  private final long epoch;

  /** The sequence after the last one that was sent. */
  private long next;

  /** The sequence of the last bell. */
  private long rung = -1;

  private boolean isBehind = true;
  private boolean isReading;

  /** Settlements that the store has answered: each may bring more of the inbox into flight. */
  private long answers;

  private long[] done = NONE;
  private int doneCount;

  /** How many of those are not settled by the device, but lost. */
  private int expired;

  private int tooLarge;
  private long[] released = NONE;
  private int releasedCount;

  Mailbox(Loop loop, Connection connection, String session, long epoch) {
    this.loop = loop;
    this.connection = connection;
    this.outgoing = connection.outgoing();
    this.session = session;
    this.epoch = epoch;
  }

  String session() {
    return session;
  }

  long epoch() {
    return epoch;
  }

  /** All sequences below were sent at least once. */
  long sentUpTo() {
    return next;
  }

  /** Whether everything in the inbox was sent, as far as is known here. */
  boolean isEmpty() {
    return !isBehind;
  }

  /** A new delivery is in the inbox. */
  void bell(long ofEpoch, Delivery delivery) {
    if (ofEpoch != epoch || connection.isEnding()) {
      return;
    }
    rung = delivery.sequence();
    if (!isBehind && delivery.sequence() == next && send(delivery)) {
      return;
    }
    isBehind |= delivery.sequence() >= next;
    advance();
  }

  /** Reads on at the end of the turn, if there is something to read and room to send it. */
  void advance() {
    if (isBehind && !isReading && !connection.isEnding() && outgoing.isReady()) {
      isReading = true;
      loop.markReading(this);
    }
  }

  /** The end of the turn. */
  void read() {
    final long before = answers;
    int most = Math.min(PAGE, outgoing.room());
    loop.<Bus.Local>request(
            Bus.SESSION, new Bus.ReadInbox(session, epoch, next, most), Bus.local(TIMEOUT))
        .onComplete(
            reply ->
                loop.execute(
                    () -> {
                      loop.counters.busMessages++;
                      isReading = false;
                      if (reply.failed()) {
                        connection.end(
                            ReasonCode.SERVER_UNAVAILABLE, "the inbox could not be read");
                      } else {
                        read(((Bus.Inbox) reply.result().body()).page(), answers != before);
                      }
                    }));
  }

  /**
   * Sends what was read.
   *
   * @param isOld whether a settlement was answered since it was asked for
   */
  private void read(InboxPage page, boolean isOld) {
    for (Delivery delivery : page.deliveries()) {
      if (connection.isEnding() || !send(delivery)) {
        return;
      }
    }
    isBehind = !page.isAll() || rung >= next;
    if (!isBehind) {
      connection.drained();
    } else if (!page.deliveries().isEmpty() || rung >= next || isOld) {
      advance();
    }
    // else what waits comes into flight when a settlement is answered
  }

  /** Sends a delivery or settles one that must not be sent; false if there is no room. */
  private boolean send(Delivery delivery) {
    if (delivery.sequence() < next) {
      return true;
    }
    if (delivery.released()) {
      if (!outgoing.release(delivery.packetId())) {
        return false;
      }
      next = delivery.sequence() + 1;
      return true;
    }
    byte[] packet = delivery.packet();
    try {
      loop.stored.parse(packet, 0, packet.length, MqttVersion.V5);
    } catch (MqttException e) {
      throw new IllegalStateException("a packet that was stored", e);
    }
    long left = delivery.expiresAt() - System.currentTimeMillis();
    // what was sent once is sent again until it is settled, expired or not [MQTT-4.3.3-7]
    if (left <= 0 && !delivery.sent()) {
      lose(delivery, Loss.EXPIRED);
    } else if (loop.stored.writtenLength(connection.version(), delivery.qos(), delivery.ids())
        > outgoing.largestToSend()) {
      lose(delivery, Loss.TOO_LARGE);
    } else if (!outgoing.send(loop.stored, delivery, Math.max(0, (left + 999) / 1_000))) {
      return false;
    }
    next = delivery.sequence() + 1;
    return true;
  }

  private void lose(Delivery delivery, Loss loss) {
    if (connection.tracer() != null) {
      connection.tracer().lost(loss, delivery.packet(), MqttVersion.V5);
    }
    done(delivery.sequence());
    if (loss == Loss.EXPIRED) {
      expired++;
    } else {
      tooLarge++;
    }
  }

  // --- what the device settles ---

  /** A delivery is settled: PUBACK, PUBCOMP or a PUBREC that is an error. */
  void settled(int packetId) {
    done(sequence(packetId));
    advance();
  }

  /** A PUBREC came; PUBREL follows when the store knows. */
  void received(int packetId) {
    mark();
    if (releasedCount == released.length) {
      released = Arrays.copyOf(released, Math.max(8, releasedCount * 2));
    }
    released[releasedCount++] = sequence(packetId);
  }

  private void done(long sequence) {
    mark();
    if (doneCount == done.length) {
      done = Arrays.copyOf(done, Math.max(8, doneCount * 2));
    }
    done[doneCount++] = sequence;
  }

  private void mark() {
    if (doneCount + releasedCount == 0) {
      loop.markSettled(this);
    }
  }

  /** The sequence that an identifier in flight stands for: fewer than 65535 are in flight. */
  private long sequence(int packetId) {
    long last = next - 1;
    return last - Math.floorMod(last - (packetId - 1), (long) Delivery.IDENTIFIERS);
  }

  /** What becomes of deliveries when the store knows. */
  private record Settled(int byDevice, int expired, int tooLarge) {}

  private void count(Settled settled) {
    loop.counters.settled += settled.byDevice;
    loop.counters.lost(Loss.EXPIRED, settled.expired);
    loop.counters.lost(Loss.TOO_LARGE, settled.tooLarge);
    loop.counters.pending -= settled.byDevice + settled.expired + settled.tooLarge;
  }

  /** The end of the turn, or of the connection: tells the store. */
  void settle() {
    if (doneCount + releasedCount == 0) {
      return;
    }
    final long[] received = Arrays.copyOf(released, releasedCount);
    Command.Settle settle =
        new Command.Settle(session, epoch, Arrays.copyOf(done, doneCount), received);
    final Settled settled = new Settled(doneCount - expired - tooLarge, expired, tooLarge);
    doneCount = 0;
    expired = 0;
    tooLarge = 0;
    releasedCount = 0;
    loop.outbox.add(
        settle,
        connection,
        outcome -> {
          answers++;
          advance();
          if (outcome instanceof Outcome.Done) {
            count(settled);
          }
          if (!connection.isEnding()) {
            for (long sequence : received) {
              int packetId = (int) (1 + sequence % Delivery.IDENTIFIERS);
              Encoder.ack(
                  connection.out(),
                  connection.version(),
                  Packet.PUBREL,
                  packetId,
                  ReasonCode.SUCCESS);
            }
          }
        });
  }
}
