package io.busbar.shard;

import java.util.List;

/** What a {@link Command} came to. */
public sealed interface Outcome {
  /**
   * The connection may serve the session.
   *
   * @param present whether state from before is there (CONNACK's Session Present)
   * @param epoch of this connection, to be given with every command; 0 for a session that is not
   *     stored
   * @param subscriptions those of the session
   * @param receiving its QoS 2 packet identifiers that are in use
   * @param replays retained messages it has still to get: filter and where to go on
   */
  record Opened(
      boolean present,
      long epoch,
      List<StoredSubscription> subscriptions,
      List<Receiving> receiving,
      List<PendingReplay> replays)
      implements Outcome {}

  /**
   * A QoS 2 packet identifier that is in use.
   *
   * @param sending what its message is called where it was sent to other nodes, or null
   */
  record Receiving(int packetId, Sending sending) {}

  /** A reading of retained messages that is not at its end; {@code after} null at its start. */
  record PendingReplay(StoredSubscription subscription, byte[] after) {}

  /** Done. */
  record Done() implements Outcome {}

  /** For each subscription, whether one of this filter and share was there before. */
  record Subscribed(List<Boolean> existed) implements Outcome {}

  /** For each filter, the subscription that is removed, or null where there was none. */
  record Unsubscribed(List<StoredSubscription> removed) implements Outcome {}

  /** The message is in so many inboxes. */
  record Published(int sessions) implements Outcome {}

  /** A queue is full, and its owner wants the publisher to know: nobody has the message. */
  record Refused() implements Outcome {}

  /** The owner has as many sessions as it may have: this one was not opened. */
  record Exceeded() implements Outcome {}

  /** The resource is kept; {@code created} if there was none of that name. */
  record Put(boolean created) implements Outcome {}

  /** Another resource, of that name, has the key: nothing changed. */
  record Taken(String by) implements Outcome {}

  /** What each of the commands came to that took effect {@linkplain Command.Together together}. */
  record Together(List<Outcome> outcomes) implements Outcome {}

  /** There is no such resource any more; {@code existed} if there was one. */
  record Deleted(boolean existed) implements Outcome {}

  /** Events were given out, from the queue of this number. */
  record Given(long queue, List<Took> events) implements Outcome {}

  /**
   * An event that was given out.
   *
   * @param deliveries for which time
   * @param letter what became of it before, if it is a dead letter, or null
   */
  record Took(long sequence, int deliveries, DeadLetter letter) {}

  /** What became of each event that was to be settled. */
  record Returned(List<Settled> events) implements Outcome {}

  /** What became of an event that was to be settled. */
  enum Settled {
    DONE,
    /** Whoever had it has it no more. */
    LOST,
    /** It was never given out here. */
    UNKNOWN
  }

  /** The command's epoch is not the session's: another connection has it, or it has ended. */
  record Stale() implements Outcome {}
}
