package io.busbar.policy;

import java.net.URI;
import java.security.cert.X509Certificate;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Whose tokens say who a client is.
 *
 * @param method which method of enhanced authentication its tokens are for
 * @param issuer what the claim {@code iss} must be
 * @param audiences one of which the claim {@code aud} must have; empty for those of the method
 * @param signers the certificates whose keys sign tokens: one, or two while one is being replaced;
 *     none are needed where it publishes its keys
 * @param published where it does, if anywhere
 */
public record TokenIssuer(
    Method method,
    String issuer,
    List<String> audiences,
    List<Signer> signers,
    Optional<Published> published) {
  private static final int MAX_SIGNERS = 2;
  private static final int MAX_AUDIENCES = 8;
  private static final int MAX_TEXT = 2_048;

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
  public record Signer(String kid, X509Certificate certificate) {
    /** The key, with what it can verify. */
    public TokenKey key() {
      return TokenKey.of(kid, certificate.getPublicKey());
    }
  }

  /**
   * Where an issuer publishes its keys.
   *
   * @param at a JWK Set (RFC 7517 section 5), or the issuer's configuration, which names one
   * @param issuer whose configuration it has to be (OpenID Connect Discovery 1.0 section 4); empty
   *     where it is the set itself
   */
  public record Published(URI at, Optional<String> issuer) {
    private static final String ALLOWED =
        " (allowed: https://host…, without a user; http://localhost… for trials)";

    /**
     * Behind a URL.
     *
     * @throws PolicyException if it is none that keys may come from
     */
    public static Published keys(String jwksUri) {
      return SecuredUrl.of(jwksUri)
          .filter(url -> url.getRawFragment() == null)
          .map(url -> new Published(url, Optional.empty()))
          .orElseThrow(() -> new PolicyException("jwksUri", "is not a URL of a JWK Set" + ALLOWED));
    }

    /**
     * As the issuer's configuration says.
     *
     * @throws PolicyException if its name is not a URL below which that can be
     */
    public static Published discovered(String issuer) {
      String base = issuer.endsWith("/") ? issuer.substring(0, issuer.length() - 1) : issuer;
      return SecuredUrl.of(issuer)
          .filter(url -> url.getRawFragment() == null && url.getRawQuery() == null)
          .flatMap(url -> SecuredUrl.of(base + "/.well-known/openid-configuration"))
          .map(url -> new Published(url, Optional.of(issuer)))
          .orElseThrow(
              () ->
                  new PolicyException(
                      "tokenIssuer", "is not a URL, which discovery needs" + ALLOWED));
    }
  }

  /**
   * Whether its keys are fetched where Event Grid fetches none: it has those of Microsoft Entra,
   * and of others the certificates that it is given.
   */
  public boolean isFetchedHereAlone() {
    return published.isPresent() && method == Method.CUSTOM_JWT;
  }

  /** Whose keys are pinned. */
  public TokenIssuer(Method method, String issuer, List<String> audiences, List<Signer> signers) {
    this(method, issuer, audiences, signers, Optional.empty());
  }

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
    if (signers.size() > MAX_SIGNERS || (signers.isEmpty() && published.isEmpty())) {
      throw new PolicyException(
          "encodedIssuerCertificates",
          "%d given (allowed: 1 or 2; none with jwksUri or discovery)".formatted(signers.size()));
    }
    Set<String> kids = new HashSet<>();
    for (int i = 0; i < signers.size(); i++) {
      String property = "encodedIssuerCertificates[" + i + "]";
      Signer signer = signers.get(i);
      if (signer.kid.isBlank() || signer.kid.length() > MAX_TEXT || !kids.add(signer.kid)) {
        throw new PolicyException(
            property + ".kid", Text.quote(signer.kid) + " (allowed: 1 to 2048 characters, unique)");
      }
      if (signer.key().algorithms().isEmpty()) {
        throw new PolicyException(
            property + ".encodedCertificate",
            "has a key of %s (allowed: RSA of 2048 to 8192 bits; EC on P-256, P-384 or P-521)"
                .formatted(signer.certificate.getPublicKey().getAlgorithm()));
      }
    }
  }
}
