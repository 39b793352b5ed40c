package io.busbar.broker;

import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import java.util.concurrent.atomic.LongAdder;

/**
 * What one event loop counts: plain fields while messages pass, added to the node's meters once a
 * turn.
 */
@SuppressWarnings("EnumOrdinal") // an array of counts by reason, never stored
final class Counters {
  final long[] received = new long[3];
  final long[] sent = new long[3];
  final long[] lost = new long[Loss.values().length];
  long bytesReceived;
  long bytesSent;
  long matched;
  long settled;
  long forwardsSent;
  long forwardsReceived;
  long busMessages;

  /** Change in QoS 1 and 2 deliveries that are queued or in flight. */
  long pending;

  private final LongAdder[] receivedMeters = new LongAdder[3];
  private final LongAdder[] sentMeters = new LongAdder[3];
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
    for (int qos = 0; qos < 3; qos++) {
      receivedMeters[qos] = telemetry.adder(Meter.PUBLISHES_RECEIVED, String.valueOf(qos));
    }
    for (int qos = 0; qos < 3; qos++) {
      sentMeters[qos] = telemetry.adder(Meter.PUBLISHES_SENT, String.valueOf(qos));
    }
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

  /** Adds what was counted to the meters. */
  void flush() {
    flush(received, receivedMeters);
    flush(sent, sentMeters);
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

  private static void flush(long[] counts, LongAdder[] meters) {
    for (int i = 0; i < counts.length; i++) {
      counts[i] = add(meters[i], counts[i]);
    }
  }

  private static long add(LongAdder meter, long count) {
    if (count != 0) {
      meter.add(count);
    }
    return 0;
  }
}
