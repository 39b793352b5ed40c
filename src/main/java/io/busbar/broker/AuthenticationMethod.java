package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission.Credential;
import io.busbar.policy.Client;
import io.busbar.policy.Permit;
import io.vertx.core.Future;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;

/**
 * A method of enhanced authentication (MQTT 5.0 section 4.12), such as a challenge and its response
 * or a token. A node is started with those that it offers; CONNECT with another is refused with
 * 0x8C.
 *
 * <p>Called on the authorization verticle's thread, which must not be blocked: what takes longer
 * completes its future later.
 */
public interface AuthenticationMethod {
  /** The Authentication Method by which clients ask for it. */
  String name();

  /** Begins an exchange for a client that connects, or that authenticates again. */
  Exchange begin(Attempt attempt);

  /**
   * Who wants to be authenticated.
   *
   * @param userName as sent, or null
   * @param chain the certificates that the client proved by TLS, its own first; empty without
   */
  record Attempt(String userName, String clientId, List<X509Certificate> chain) {}

  /** The server's side of one exchange. */
  interface Exchange extends Bus.Exchange {
    /**
     * Judges what the client sent. A future that fails says that the authority is unavailable: the
     * client is not let in.
     *
     * @param data the Authentication Data, or null without; never to be logged
     */
    Future<Step> next(byte[] data);
  }

  /** What an exchange comes to. */
  sealed interface Step {
    /**
     * The client has to answer, with AUTH.
     *
     * @param data for the client, or null
     */
    record Challenge(byte[] data) implements Step {}

    /**
     * The client is who it says.
     *
     * @param data for the client, or null
     */
    record Granted(Permit permit, byte[] data) implements Step {}

    /**
     * The client is who it says, and the namespace's groups and bindings say what it may do.
     *
     * @param client with its attributes
     * @param until when the credential expires
     */
    record Identified(Client client, Credential credential, Instant until) implements Step {}

    /** It is not let in. */
    record Refused(ReasonCode reason, String text) implements Step {}
  }
}
