package io.busbar.policy;

import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.PermissionBinding.Permission;
import java.security.PublicKey;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import java.util.Set;

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
     * @param path what lists of revoked certificates name those of its path by; empty where none
     *     are asked
     */
    record Certificate(CaCertificate issuer, List<Revocations.Issued> path) implements Credential {
      /** Copies the path, so that a credential does not change. */
      public Certificate {
        path = List.copyOf(path);
      }
    }

    /**
     * A token, which says all that is known of the client.
     *
     * @param method what it was for
     * @param key of the issuer's, by which its signature was verified
     * @param roles what it may do in all topic spaces, where the method is one of roles
     */
    record Token(TokenIssuer.Method method, PublicKey key, Set<Permission> roles)
        implements Credential {
      /** Copies the roles, so that a credential does not change. */
      public Token {
        roles = Set.copyOf(roles);
      }
    }

    /** Its password, of which the registry has this; the client is one of the registry's. */
    record Password(PasswordHash hash) implements Credential {}

    /** What a webhook said, the client's attributes, too. */
    record Webhook(AuthenticationWebhook webhook) implements Credential {}
  }

  /**
   * It may connect, unless one of its certificates turns out to be revoked: those are to be asked
   * whom they name, and then {@link Policy#settle}.
   *
   * @param path from the client's certificate to the registered one that vouches for it
   */
  record Unsettled(Granted granted, List<X509Certificate> path) implements Admission {
    /** Copies the path, so that it does not change. */
    public Unsettled {
      path = List.copyOf(path);
    }
  }

  /**
   * It may not connect.
   *
   * @param reason the code for CONNACK
   * @param text why, in one bounded line without control characters, for logs and Reason String
   */
  record Refused(ReasonCode reason, String text) implements Admission {}
}
