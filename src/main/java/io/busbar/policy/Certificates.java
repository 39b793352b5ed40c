package io.busbar.policy;

import io.busbar.policy.NamespaceSettings.NameSource;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateParsingException;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.PKIXCertPathBuilderResult;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.security.auth.x500.X500Principal;

/**
 * Whether a certificate proves to be a client's. The TLS handshake proved that the peer holds the
 * private key of the first certificate; everything else is judged here.
 *
 * <p>That some certificates are a path to a registered one stays true while those are registered
 * and all of them are valid: it is remembered, so that a device that comes back costs no signature.
 * Not thread-safe.
 */
final class Certificates {
  /** The most certificates of a chain that are looked at. */
  static final int MAX_CHAIN = 10;

  private static final String CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
  private static final String ANY_USAGE = "2.5.29.37.0";
  private final List<CaCertificate> authorities;

  /** How many chains are remembered, the latest used ones. */
  private static final int REMEMBERED = 65_536;

  /** By the digest of a chain. */
  private final Map<String, Known> known =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Known> eldest) {
          return size() > REMEMBERED;
        }
      };

  /**
   * A chain that led to a registered certificate.
   *
   * @param path which certificates of the chain, from the client's on
   */
  private record Known(CaCertificate issuer, Instant from, Instant until, byte[] path) {
    Proof proof(List<X509Certificate> chain) {
      List<X509Certificate> certificates = new ArrayList<>(path.length + 1);
      for (byte at : path) {
        certificates.add(chain.get(at));
      }
      certificates.add(issuer.certificate());
      return new Proof(null, issuer, until, certificates);
    }
  }

  Certificates(List<CaCertificate> authorities) {
    this.authorities = authorities;
  }

  /**
   * What a chain proves of a client.
   *
   * @param whyNot why it does not prove to be the client's, or null if it does
   * @param issuer the registered certificate that vouches for it, or null where none has to
   * @param until when the first certificate of the path expires
   * @param path from the client's certificate to the issuer's, or empty where none has to vouch
   */
  record Proof(String whyNot, CaCertificate issuer, Instant until, List<X509Certificate> path) {
    private static Proof none(String whyNot) {
      return new Proof(whyNot, null, null, List.of());
    }
  }

  /** Judges a chain, the client's own certificate first. */
  Proof prove(Client client, List<X509Certificate> chain, Instant now) {
    if (chain.isEmpty()) {
      return Proof.none("sent no certificate");
    }
    if (chain.size() > MAX_CHAIN) {
      return Proof.none(
          "sent %d certificates (allowed: at most %d)".formatted(chain.size(), MAX_CHAIN));
    }
    X509Certificate leaf = chain.get(0);
    Optional<String> validity = whyNotValid("certificate", leaf, now);
    if (validity.isPresent()) {
      return Proof.none(validity.get());
    }
    return switch (client.validationScheme()) {
      case THUMBPRINT_MATCH ->
          whyNotThumbprint(client, leaf)
              .map(Proof::none)
              .orElseGet(() -> new Proof(null, null, leaf.getNotAfter().toInstant(), List.of()));
      case SUBJECT_MATCHES_AUTHENTICATION_NAME ->
          issued(NameSource.CLIENT_CERTIFICATE_SUBJECT, client, chain, now);
      case DNS_MATCHES_AUTHENTICATION_NAME ->
          issued(NameSource.CLIENT_CERTIFICATE_DNS, client, chain, now);
      case URI_MATCHES_AUTHENTICATION_NAME ->
          issued(NameSource.CLIENT_CERTIFICATE_URI, client, chain, now);
      case IP_MATCHES_AUTHENTICATION_NAME ->
          issued(NameSource.CLIENT_CERTIFICATE_IP, client, chain, now);
      case EMAIL_MATCHES_AUTHENTICATION_NAME ->
          issued(NameSource.CLIENT_CERTIFICATE_EMAIL, client, chain, now);
    };
  }

  private Proof issued(NameSource where, Client client, List<X509Certificate> chain, Instant now) {
    Optional<String> usage = whyNotUsage(chain.get(0));
    if (usage.isPresent()) {
      return Proof.none(usage.get());
    }
    Proof path = path(chain, now);
    return path.whyNot != null
        ? path
        : whyNotNamed(where, client, chain.get(0)).map(Proof::none).orElse(path);
  }

  private static Optional<String> whyNotValid(String what, X509Certificate one, Instant now) {
    Instant from = one.getNotBefore().toInstant();
    Instant to = one.getNotAfter().toInstant();
    if (now.isBefore(from)) {
      return Optional.of("%s is not valid before %s (now: %s)".formatted(what, from, now));
    }
    if (now.isAfter(to)) {
      return Optional.of("%s expired at %s (now: %s)".formatted(what, to, now));
    }
    return Optional.empty();
  }

  private static Optional<String> whyNotThumbprint(Client client, X509Certificate leaf) {
    for (String algorithm : List.of("SHA-1", "SHA-256")) {
      if (client.allowedThumbprints().contains(thumbprint(leaf, algorithm))) {
        return Optional.empty();
      }
    }
    return Optional.of(
        "thumbprint %s is not in allowedThumbprints".formatted(thumbprint(leaf, "SHA-256")));
  }

  private static String thumbprint(X509Certificate certificate, String algorithm) {
    try {
      byte[] digest = MessageDigest.getInstance(algorithm).digest(certificate.getEncoded());
      return HexFormat.of().formatHex(digest).toUpperCase(Locale.ROOT);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /** RFC 5280 section 4.2.1.12: where usages are given, one must be client authentication. */
  private static Optional<String> whyNotUsage(X509Certificate leaf) {
    try {
      List<String> usages = leaf.getExtendedKeyUsage();
      if (usages == null || usages.contains(CLIENT_AUTH) || usages.contains(ANY_USAGE)) {
        return Optional.empty();
      }
      return Optional.of("certificate's extended key usage lacks clientAuth");
    } catch (CertificateParsingException e) {
      return Optional.of("certificate's extended key usage cannot be read");
    }
  }

  /** The path of a chain, which may be known from before. */
  private Proof path(List<X509Certificate> chain, Instant now) {
    String digest = digest(chain);
    Known before = known.get(digest);
    if (before != null && !now.isBefore(before.from) && !now.isAfter(before.until)) {
      return before.proof(chain);
    }
    Proof found = build(chain, now);
    if (found.whyNot == null) {
      byte[] path = new byte[found.path.size() - 1];
      Instant from = found.issuer.certificate().getNotBefore().toInstant();
      for (int i = 0; i < path.length; i++) {
        path[i] = (byte) chain.indexOf(found.path.get(i));
        Instant begin = found.path.get(i).getNotBefore().toInstant();
        from = begin.isAfter(from) ? begin : from;
      }
      known.put(digest, new Known(found.issuer, from, found.until, path));
    }
    return found;
  }

  private static String digest(List<X509Certificate> chain) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (X509Certificate one : chain) {
        digest.update(one.getEncoded());
      }
      return new String(digest.digest(), StandardCharsets.ISO_8859_1);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /** RFC 5280 section 6, from the registered certificates; {@link Revocations} judges the rest. */
  private Proof build(List<X509Certificate> chain, Instant now) {
    Set<TrustAnchor> anchors = new HashSet<>();
    for (CaCertificate authority : authorities) {
      if (whyNotValid("", authority.certificate(), now).isEmpty()) {
        anchors.add(new TrustAnchor(authority.certificate(), null));
      }
    }
    if (anchors.isEmpty()) {
      return Proof.none(whyNoPath(chain, now));
    }
    try {
      X509CertSelector target = new X509CertSelector();
      target.setCertificate(chain.get(0));
      PKIXBuilderParameters parameters = new PKIXBuilderParameters(anchors, target);
      parameters.setRevocationEnabled(false);
      parameters.setDate(Date.from(now));
      parameters.setMaxPathLength(MAX_CHAIN);
      parameters.addCertStore(
          CertStore.getInstance("Collection", new CollectionCertStoreParameters(chain)));
      PKIXCertPathBuilderResult found =
          (PKIXCertPathBuilderResult) CertPathBuilder.getInstance("PKIX").build(parameters);
      X509Certificate anchor = found.getTrustAnchor().getTrustedCert();
      Instant until = anchor.getNotAfter().toInstant();
      List<X509Certificate> path = new ArrayList<>();
      for (Certificate one : found.getCertPath().getCertificates()) {
        path.add((X509Certificate) one);
        Instant end = ((X509Certificate) one).getNotAfter().toInstant();
        until = end.isBefore(until) ? end : until;
      }
      for (CaCertificate authority : authorities) {
        if (authority.certificate().equals(anchor)) {
          path.add(authority.certificate());
          return new Proof(null, authority, until, path);
        }
      }
      throw new IllegalStateException("an anchor that is not registered");
    } catch (GeneralSecurityException e) {
      return Proof.none(whyNoPath(chain, now));
    }
  }

  /** The likeliest reason, in the order in which a person would look. */
  private String whyNoPath(List<X509Certificate> chain, Instant now) {
    if (authorities.isEmpty()) {
      return "no CA certificate is registered";
    }
    List<X500Principal> issuers = new ArrayList<>();
    for (X509Certificate one : chain) {
      issuers.add(one.getIssuerX500Principal());
    }
    for (X509Certificate one : chain.subList(1, chain.size())) {
      Optional<String> why =
          whyNotValid("intermediate " + name(one.getSubjectX500Principal()), one, now);
      if (why.isPresent()) {
        return why.get();
      }
    }
    for (CaCertificate authority : authorities) {
      X509Certificate ca = authority.certificate();
      if (issuers.contains(ca.getSubjectX500Principal())) {
        String what = "CA certificate '" + authority.name() + "'";
        return whyNotValid(what, ca, now)
            .orElse(
                "certificate names the issuer of %s, but the chain to it does not verify"
                    .formatted(what));
      }
    }
    return "certificate's issuer %s leads to no registered CA certificate"
        .formatted(name(issuers.get(0)));
  }

  private static Optional<String> whyNotNamed(
      NameSource where, Client client, X509Certificate leaf) {
    if (SubjectNames.names(where, leaf, client.authenticationName())) {
      return Optional.empty();
    }
    if (where == NameSource.CLIENT_CERTIFICATE_SUBJECT) {
      return Optional.of(
          "certificate's subject %s is not the authentication name"
              .formatted(name(leaf.getSubjectX500Principal())));
    }
    List<String> found = SubjectNames.in(where, leaf);
    String place =
        switch (where) {
          case CLIENT_CERTIFICATE_DNS -> "DNS name";
          case CLIENT_CERTIFICATE_URI -> "URI";
          case CLIENT_CERTIFICATE_IP -> "IP address";
          default -> "email address";
        };
    return Optional.of(
        found.isEmpty()
            ? "certificate has no %s among its alternative names".formatted(place)
            : "certificate's %s %s is not the authentication name"
                .formatted(place, Text.quote(String.join(", ", found))));
  }

  private static String name(X500Principal principal) {
    return Text.quote(principal.getName());
  }
}
