package io.busbar;

import io.busbar.store.Channel;
import io.busbar.store.StoreMeters;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.micrometer.core.instrument.Timer;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/** The meters of a store with files: there once the store has a journal. Thread-safe. */
final class JournalMeters implements StoreMeters {
  private final Telemetry telemetry;
  private volatile Timer syncs;

  JournalMeters(Telemetry telemetry) {
    this.telemetry = telemetry;
  }

  @Override
  public void journal(LongSupplier bytes, BooleanSupplier isFull) {
    syncs = telemetry.timer(Meter.STORE_SYNC);
    telemetry.gauge(Meter.STORE_JOURNAL_BYTES, bytes::getAsLong);
    telemetry.gauge(Meter.STORE_FULL, () -> isFull.getAsBoolean() ? 1 : 0);
  }

  @Override
  public void shared(IntSupplier voters, BooleanSupplier leads, BooleanSupplier serves) {
    telemetry.gauge(Meter.STORE_VOTERS, voters::getAsInt);
    telemetry.gauge(Meter.STORE_LEADS, () -> leads.getAsBoolean() ? 1 : 0);
    telemetry.gauge(Meter.STORE_SERVES, () -> serves.getAsBoolean() ? 1 : 0);
  }

  @Override
  public void counted(Channel.Count what, long by) {
    telemetry.adder(Meter.STORE_CHANNEL, what.name().toLowerCase(Locale.ROOT)).add(by);
  }

  @Override
  public void synced(long nanos) {
    syncs.record(nanos, TimeUnit.NANOSECONDS);
  }
}
