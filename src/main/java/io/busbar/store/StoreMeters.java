package io.busbar.store;

import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/** What a store with files has measured; told from any thread. */
public interface StoreMeters {
  /**
   * There is a journal from now on; once per store.
   *
   * @param bytes of its files, asked for at each look at the meters, from any thread
   * @param isFull whether batches that need room are refused, asked for likewise
   */
  void journal(LongSupplier bytes, BooleanSupplier isFull);

  /**
   * There is a store that several nodes have; once per store.
   *
   * @param voters how many nodes vote in it, asked for as above
   * @param leads whether this node leads, asked for likewise
   * @param serves {@link Store#serves}
   */
  default void shared(IntSupplier voters, BooleanSupplier leads, BooleanSupplier serves) {}

  /** Something happened on the channel to other nodes, so many times, or so many bytes. */
  default void counted(Channel.Count what, long by) {}

  /** One sync of the journal, which is known by now, took so long. */
  void synced(long nanos);
}
