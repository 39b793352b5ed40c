package io.busbar.broker;

/**
 * What the promise rests on between nodes, besides what the store has for it. A node has all of
 * them; the chaos run leaves each out once, to see that it would notice.
 */
public enum Safeguard {
  /** SUBACK waits until all nodes know what is subscribed to. */
  AWAITED_INTEREST,
  /** An acknowledgement waits until the other nodes have taken the message. */
  ACKED_FORWARDS,
  /** A QoS 2 message that comes again reaches who was to have it from where it came first. */
  SENDINGS
}
