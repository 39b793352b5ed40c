package io.busbar.broker;

import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.session.Rate;

/** How many messages, and how many bytes of them, may pass in a second. Thread-safe. */
final class Throttle {
  private final Limit messages;
  private final Limit bytes;
  private final Rate ofMessages;
  private final Rate ofBytes;

  private Throttle(Limits limits, Limit messages, Limit bytes, long now) {
    this.messages = messages;
    this.bytes = bytes;
    this.ofMessages = rate(limits, messages, now);
    this.ofBytes = rate(limits, bytes, now);
  }

  /** What limits say, or null if they bound neither. */
  static Throttle of(Limits limits, Limit messages, Limit bytes, long now) {
    boolean isBounded = limits.get(messages) > 0 || limits.get(bytes) > 0;
    return isBounded ? new Throttle(limits, messages, bytes, now) : null;
  }

  /** What a limit says, or null if it bounds nothing. */
  static Rate rate(Limits limits, Limit limit, long now) {
    return limits.get(limit) > 0 ? new Rate(limits.get(limit), now) : null;
  }

  /** Which limit is reached, or null. */
  Limit reached(long now) {
    if (ofMessages != null && !ofMessages.isLeft(now)) {
      return messages;
    }
    return ofBytes != null && !ofBytes.isLeft(now) ? bytes : null;
  }

  /** A message passes. */
  void passed(int length) {
    if (ofMessages != null) {
      ofMessages.use(1);
    }
    if (ofBytes != null) {
      ofBytes.use(length);
    }
  }
}
