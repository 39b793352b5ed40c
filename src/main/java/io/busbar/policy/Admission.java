package io.busbar.policy;

import io.busbar.mqtt.ReasonCode;
import java.security.cert.X509Certificate;
import java.time.Instant;

/** The answer to a client that connects, or that is judged again. */
public sealed interface Admission {
  /**
   * It may connect, and do what the permit says.
   *
   * @param credential what it proved by
   * @param until when that expires, or null if it does not
   */
  record Granted(Client client, Permit permit, Credential credential, Instant until)
      implements Admission {}

  /** What a client proved by who it is. */
  sealed interface Credential {
    /**
     * Its certificate; the client is one of the registry's.
     *
     * @param issuer the registered certificate that vouches for it, or null where none has to
     */
    record Certificate(CaCertificate issuer) implements Credential {}

    /**
     * A token, which says the client's attributes, too.
     *
     * @param signer the certificate of the namespace's issuer whose key signed it
     */
    record Token(X509Certificate signer) implements Credential {}

    /** What a webhook said, the client's attributes, too. */
    record Webhook(AuthenticationWebhook webhook) implements Credential {}
  }

  /**
   * It may not connect.
   *
   * @param reason the code for CONNACK
   * @param text why, in one bounded line without control characters, for logs and Reason String
   */
  record Refused(ReasonCode reason, String text) implements Admission {}
}
