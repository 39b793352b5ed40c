package io.busbar.policy;

import io.busbar.mqtt.ReasonCode;
import java.time.Instant;

/** The answer to a client that connects, or that is judged again. */
public sealed interface Admission {
  /**
   * It may connect, and do what the permit says.
   *
   * @param isRegistered whether it is one of the registry's; else its token said who it is
   * @param issuer the registered certificate that vouches for it, or null where none has to
   * @param until when what proves who it is expires
   */
  record Granted(
      Client client, boolean isRegistered, Permit permit, CaCertificate issuer, Instant until)
      implements Admission {}

  /**
   * It may not connect.
   *
   * @param reason the code for CONNACK
   * @param text why, in one bounded line without control characters, for logs and Reason String
   */
  record Refused(ReasonCode reason, String text) implements Admission {}
}
