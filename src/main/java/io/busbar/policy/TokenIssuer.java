package io.busbar.policy;

import java.security.cert.X509Certificate;
import java.security.interfaces.RSAPublicKey;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Whose tokens say who a client is.
 *
 * @param method which method of enhanced authentication its tokens are for
 * @param issuer what the claim {@code iss} must be
 * @param audiences one of which the claim {@code aud} must have; empty for those of the method
 * @param signers the certificates whose keys sign tokens: one, or two while one is being replaced
 */
public record TokenIssuer(
    Method method, String issuer, List<String> audiences, List<Signer> signers) {
  private static final int MAX_SIGNERS = 2;
  private static final int MAX_AUDIENCES = 8;
  private static final int MAX_TEXT = 2_048;
  private static final int LEAST_BITS = 2_048;

  /** What a token is for. */
  public enum Method {
    /** Its claims are attributes, by which groups are chosen (customJwtAuthentication). */
    CUSTOM_JWT("CUSTOM-JWT", "customJwtAuthentication"),
    /** Its roles say what the client may do, in all topic spaces; no group is asked. */
    OAUTH2_JWT("OAUTH2-JWT", "oauth2JwtAuthentication");

    private final String wire;
    private final String property;

    Method(String wire, String property) {
      this.wire = wire;
      this.property = property;
    }

    /** The Authentication Method by which clients ask for it. */
    public String wire() {
      return wire;
    }

    /** The property of a namespace that has its issuer. */
    public String property() {
      return property;
    }
  }

  /**
   * A certificate whose key signs tokens.
   *
   * @param kid what the header of a token may call it
   */
  public record Signer(String kid, X509Certificate certificate) {}

  /**
   * Judges and copies the values.
   *
   * @throws PolicyException if one breaks a rule
   */
  public TokenIssuer {
    if (issuer.isBlank() || issuer.length() > MAX_TEXT) {
      throw new PolicyException(
          "tokenIssuer", "is empty or too long (allowed: 1 to 2048 characters)");
    }
    audiences = List.copyOf(audiences);
    signers = List.copyOf(signers);
    if (audiences.size() > MAX_AUDIENCES || audiences.stream().anyMatch(String::isBlank)) {
      throw new PolicyException(
          "audiences", "%d given (allowed: up to 8, none empty)".formatted(audiences.size()));
    }
    if (signers.isEmpty() || signers.size() > MAX_SIGNERS) {
      throw new PolicyException(
          "encodedIssuerCertificates", "%d given (allowed: 1 or 2)".formatted(signers.size()));
    }
    Set<String> kids = new HashSet<>();
    for (int i = 0; i < signers.size(); i++) {
      String property = "encodedIssuerCertificates[" + i + "]";
      Signer signer = signers.get(i);
      if (signer.kid.isBlank() || signer.kid.length() > MAX_TEXT || !kids.add(signer.kid)) {
        throw new PolicyException(
            property + ".kid", Text.quote(signer.kid) + " (allowed: 1 to 2048 characters, unique)");
      }
      boolean isStrong =
          signer.certificate.getPublicKey() instanceof RSAPublicKey key
              && key.getModulus().bitLength() >= LEAST_BITS;
      if (!isStrong) {
        throw new PolicyException(
            property + ".encodedCertificate",
            "has a key of %s (allowed: RSA of 2048 bits or more, for RS256)"
                .formatted(signer.certificate.getPublicKey().getAlgorithm()));
      }
    }
  }
}
