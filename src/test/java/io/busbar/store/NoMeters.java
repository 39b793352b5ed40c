package io.busbar.store;

import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/** Where nothing of what a store measures is looked at. */
final class NoMeters implements StoreMeters {
  @Override
  public void journal(LongSupplier bytes, BooleanSupplier isFull) {
    // not looked at
  }

  @Override
  public void synced(long nanos) {
    // not looked at
  }
}
