package io.busbar.store;

/**
 * Where a batch comes from: from somebody whose batches are taken in their order or not at all.
 * What was sent before it was heard that an earlier batch is refused is refused, too: the store
 * would otherwise have the later one, and the earlier one when it is sent again.
 *
 * @param source a number of whoever it is, from 1 on
 * @param heard the last {@link Appended.Refused#refusals} that the source knew of, 0 at first
 */
public record Feed(int source, long heard) {
  /** Of batches that have no order among them. */
  public static final Feed NONE = new Feed(0, 0);
}
