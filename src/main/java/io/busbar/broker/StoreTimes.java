package io.busbar.broker;

import io.busbar.shard.Refusal;
import io.busbar.store.Appended;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.micrometer.core.instrument.Timer;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/** Measures what the store answers. Thread-safe. */
final class StoreTimes {
  private final Timer commits;
  private final Map<Refusal, LongAdder> refused = new EnumMap<>(Refusal.class);

  StoreTimes(Telemetry telemetry) {
    commits = telemetry.timer(Meter.STORE_COMMIT);
    for (Refusal reason : Refusal.values()) {
      String tag = reason.name().toLowerCase(Locale.ROOT);
      refused.put(reason, telemetry.adder(Meter.STORE_REFUSED, tag));
    }
  }

  /** A batch was answered after so many nanoseconds. */
  void answered(int commands, Appended appended, long nanos) {
    if (appended instanceof Appended.Refused no) {
      refused.get(no.reason()).add(commands);
    } else if (appended instanceof Appended.Outcomes && commands > 0) {
      commits.record(nanos, TimeUnit.NANOSECONDS);
    }
  }
}
