package io.busbar.policy;

import io.busbar.mqtt.ReasonCode;

/** The answer to a client that connects. */
public sealed interface Admission {
  /** It may connect, and do what the permit says. */
  record Granted(Client client, Permit permit) implements Admission {}

  /**
   * It may not connect.
   *
   * @param reason the code for CONNACK
   * @param text why, in one bounded line without control characters, for logs and Reason String
   */
  record Refused(ReasonCode reason, String text) implements Admission {}
}
