package io.busbar.broker;

import io.busbar.mqtt.ReasonCode;
import io.busbar.shard.Refusal;
import io.busbar.telemetry.Loss;

/** What clients and the ledger are told of what the store refused. */
final class Unstored {
  /** For those whose outcome stays unknown: neither a yes nor a no. */
  static final String UNKNOWN = "the store did not answer";

  /** For a connection whose session another one has. */
  static final String STALE = "another connection took the session";

  private Unstored() {}

  /** The code of a CONNACK, and of a connection that ends for it. */
  static ReasonCode ends(Refusal refusal) {
    return switch (refusal) {
      case FULL -> ReasonCode.QUOTA_EXCEEDED;
      case UNAVAILABLE -> ReasonCode.SERVER_UNAVAILABLE;
    };
  }

  /** The code of a PUBACK, PUBREC or SUBACK, which cannot say that a server is unavailable. */
  static ReasonCode refuses(Refusal refusal) {
    return switch (refusal) {
      case FULL -> ReasonCode.QUOTA_EXCEEDED;
      case UNAVAILABLE -> ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR;
    };
  }

  /** The reason string. */
  static String text(Refusal refusal) {
    return switch (refusal) {
      case FULL -> "the store is full";
      case UNAVAILABLE -> "the store is not available";
    };
  }

  /** The row of a message that nobody keeps. */
  static Loss loss(Refusal refusal) {
    return switch (refusal) {
      case FULL -> Loss.STORE_FULL;
      case UNAVAILABLE -> Loss.STORE_UNAVAILABLE;
    };
  }
}
