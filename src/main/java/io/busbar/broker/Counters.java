package io.busbar.broker;

import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Histogram;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import java.util.Arrays;
import java.util.concurrent.atomic.LongAdder;

/**
 * What one event loop counts: plain fields while messages pass, added to the node's meters once a
 * turn.
 */
@SuppressWarnings("EnumOrdinal") // an array of counts by reason, never stored
final class Counters {
  private static final int PLACES = Dialect.values().length * Dialect.KINDS;

  /** PUBLISH from clients, by {@link Dialect#base} and the packet's flags. */
  final long[] received = new long[PLACES];

  /** The same to clients. */
  final long[] sent = new long[PLACES];

  /** Those acknowledged in the turn they came in. */
  final long[] acknowledged = new long[PLACES];

  final long[] lost = new long[Loss.values().length];

  /** Of those sent, the ones that come out of a store or a queue. */
  long sentLater;

  /** MQTT messages that their topic of events took. */
  long routed;

  long bytesReceived;
  long bytesSent;
  long matched;
  long settled;
  long forwardsSent;
  long forwardsReceived;
  long busMessages;

  /** Change in QoS 1 and 2 deliveries that are queued or in flight. */
  long pending;

  private final LongAdder[] receivedMeters = new LongAdder[PLACES];
  private final LongAdder[] sentMeters = new LongAdder[PLACES];
  private final Histogram.Counts[] publishTimes = new Histogram.Counts[PLACES];
  private final Histogram[] publishTimeMeters = new Histogram[PLACES];
  private final Histogram.Counts deliverTimes = new Histogram.Counts();
  private final Histogram deliverTimeMeter;
  private final LongAdder routedMeter;
  private final LongAdder bytesReceivedMeter;
  private final LongAdder bytesSentMeter;
  private final LongAdder matchedMeter;
  private final LongAdder settledMeter;
  private final LongAdder forwardsSentMeter;
  private final LongAdder forwardsReceivedMeter;
  private final LongAdder busMessagesMeter;
  private final LongAdder pendingMeter;
  private final Telemetry telemetry;

  Counters(Telemetry telemetry, LongAdder pendingDeliveries) {
    this.telemetry = telemetry;
    this.pendingMeter = pendingDeliveries;
    for (int place = 0; place < PLACES; place++) {
      // QoS 3 is no packet that anybody should send
      boolean isUsual = place % Dialect.KINDS < 6;
      if (isUsual) {
        receivedMeters[place] = telemetry.adder(Meter.PUBLISHES_RECEIVED, tags(place));
      }
      if (isUsual && dialect(place) != Dialect.HTTP_PUBLISH) {
        sentMeters[place] = telemetry.adder(Meter.PUBLISHES_SENT, tags(place));
      }
    }
    deliverTimeMeter = telemetry.histogram(Meter.DELIVER_TIME);
    routedMeter = telemetry.adder(Meter.MESSAGES_ROUTED, "success");
    bytesReceivedMeter = telemetry.adder(Meter.BYTES_RECEIVED);
    bytesSentMeter = telemetry.adder(Meter.BYTES_SENT);
    matchedMeter = telemetry.adder(Meter.DELIVERIES_MATCHED);
    settledMeter = telemetry.adder(Meter.DELIVERIES_SETTLED);
    forwardsSentMeter = telemetry.adder(Meter.FORWARDS_SENT);
    forwardsReceivedMeter = telemetry.adder(Meter.FORWARDS_RECEIVED);
    busMessagesMeter = telemetry.adder(Meter.BUS_MESSAGES, "connection");
  }

  void lost(Loss loss, long messages) {
    lost[loss.ordinal()] += messages;
  }

  private static Dialect dialect(int place) {
    return Dialect.values()[place / Dialect.KINDS];
  }

  /** QoS, protocol and RETAIN of a place. */
  private static String[] tags(int place) {
    int flags = place % Dialect.KINDS;
    return new String[] {
      String.valueOf(flags >> 1), dialect(place).tag(), String.valueOf((flags & 1) == 1)
    };
  }

  /**
   * A PUBLISH was refused or dropped; rare enough to be counted at once.
   *
   * @param flags its first byte
   */
  void refused(Dialect from, int flags, ReasonCode reason) {
    String[] tags = Arrays.copyOf(tags(from.base() + (flags & Dialect.PUBLISH_FLAGS)), 4);
    tags[3] = Protocol.tag(reason);
    telemetry.count(Meter.PUBLISHES_REFUSED, tags);
  }

  /** A PUBLISH is acknowledged that waited for that, so many nanoseconds after its read. */
  void acknowledged(int place, long nanos) {
    if (publishTimes[place] == null) {
      publishTimes[place] = new Histogram.Counts();
    }
    publishTimes[place].add(1, nanos);
  }

  /**
   * The turn has written all: what it acknowledged and sent took so long at most.
   *
   * @param nanos since the first thing that the turn read, or a negative number if it read nothing
   */
  void turned(long nanos) {
    if (nanos < 0) {
      // of the other things that a turn is about, nobody knows when they came
      Arrays.fill(acknowledged, 0);
      sentLater = 0;
      return;
    }
    long all = -sentLater;
    for (int place = 0; place < PLACES; place++) {
      all += sent[place];
      if (acknowledged[place] != 0) {
        if (publishTimes[place] == null) {
          publishTimes[place] = new Histogram.Counts();
        }
        publishTimes[place].add(acknowledged[place], nanos);
        acknowledged[place] = 0;
      }
    }
    if (all > 0) {
      deliverTimes.add(all, nanos);
    }
    sentLater = 0;
  }

  private void flushTimes() {
    for (int place = 0; place < PLACES; place++) {
      if (publishTimes[place] != null && !publishTimes[place].isEmpty()) {
        if (publishTimeMeters[place] == null) {
          publishTimeMeters[place] = telemetry.histogram(Meter.PUBLISH_TIME, tags(place));
        }
        publishTimes[place].addTo(publishTimeMeters[place]);
      }
    }
    if (!deliverTimes.isEmpty()) {
      deliverTimes.addTo(deliverTimeMeter);
    }
  }

  /** Adds what was counted to the meters. */
  void flush() {
    flushTimes();
    routed = add(routedMeter, routed);
    flush(received, receivedMeters, Meter.PUBLISHES_RECEIVED);
    flush(sent, sentMeters, Meter.PUBLISHES_SENT);
    for (int i = 0; i < lost.length; i++) {
      if (lost[i] != 0) {
        telemetry.lost(Loss.values()[i], lost[i]);
        lost[i] = 0;
      }
    }
    bytesReceived = add(bytesReceivedMeter, bytesReceived);
    bytesSent = add(bytesSentMeter, bytesSent);
    matched = add(matchedMeter, matched);
    settled = add(settledMeter, settled);
    forwardsSent = add(forwardsSentMeter, forwardsSent);
    forwardsReceived = add(forwardsReceivedMeter, forwardsReceived);
    busMessages = add(busMessagesMeter, busMessages);
    pending = add(pendingMeter, pending);
  }

  private void flush(long[] counts, LongAdder[] meters, Meter meter) {
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] != 0) {
        if (meters[i] == null) {
          meters[i] = telemetry.adder(meter, tags(i));
        }
        meters[i].add(counts[i]);
        counts[i] = 0;
      }
    }
  }

  private static long add(LongAdder meter, long count) {
    if (count != 0) {
      meter.add(count);
    }
    return 0;
  }
}
