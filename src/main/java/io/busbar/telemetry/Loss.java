package io.busbar.telemetry;

import java.util.Locale;

/**
 * Why a message was not delivered: the rows of the loss ledger. Every message that is matched to a
 * destination and never reaches it is counted once, under one of these.
 */
public enum Loss {
  /** A publish that matched no subscription and no event route. */
  NO_SUBSCRIBER,
  /** The publisher had no permission; the message was refused or dropped. */
  NOT_AUTHORIZED,
  /** The Message Expiry Interval passed while the message waited. */
  EXPIRED,
  /** The receiver's queue was full. */
  QUEUE_FULL,
  /** QoS 0 to a receiver whose socket takes no more. */
  SLOW_RECEIVER,
  /** Beyond what clients may publish in a second; a publisher at QoS 1 or 2 was told so. */
  PUBLISHER_THROTTLED,
  /** QoS 0 beyond what a client gets in a second. */
  RECEIVER_THROTTLED,
  /** Larger than the receiver's Maximum Packet Size. */
  TOO_LARGE,
  /** The connection of a session that is not stored ended with messages queued or in flight. */
  SESSION_ENDED,
  /** QoS 0 that waited too long for credit towards another node. */
  NODE_BUSY,
  /** Sent to a node that left before it said that it has the message. */
  NODE_LOST,
  /** The store had no room; a publisher at QoS 1 or 2 was told so. */
  STORE_FULL,
  /** The store could not promise to keep it; a publisher at QoS 1 or 2 was told so. */
  STORE_UNAVAILABLE,
  /** The queue of an event subscription was full when a device published. */
  EVENT_QUEUE_FULL,
  /** An event's time to live passed while it waited in the queue of its subscription. */
  EVENT_EXPIRED,
  /** An event was given out or brought as often as may be, and never taken. */
  EVENT_UNDELIVERED,
  /** Whoever received the event, or was brought it, will never take it. */
  EVENT_REJECTED,
  /** The event subscription was deleted while the event waited. */
  EVENT_QUEUE_GONE;

  /** The value of the meter's {@code reason} tag. */
  public String tag() {
    return name().toLowerCase(Locale.ROOT);
  }
}
