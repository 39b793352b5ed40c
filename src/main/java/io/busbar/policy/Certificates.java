package io.busbar.policy;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.CertificateParsingException;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import javax.naming.NamingEnumeration;
import javax.naming.NamingException;
import javax.naming.directory.Attribute;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;
import javax.security.auth.x500.X500Principal;

/**
 * Whether a certificate proves to be a client's. The TLS handshake proved that the peer holds the
 * private key of the first certificate; everything else is judged here.
 */
final class Certificates {
  /** The most certificates of a chain that are looked at. */
  static final int MAX_CHAIN = 10;

  private static final String CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
  private static final String ANY_USAGE = "2.5.29.37.0";
  private final List<CaCertificate> authorities;

  Certificates(List<CaCertificate> authorities) {
    this.authorities = authorities;
  }

  /** Why a chain does not prove to be the client's, or empty if it does. */
  Optional<String> whyNot(Client client, List<X509Certificate> chain, Instant now) {
    if (chain.isEmpty()) {
      return Optional.of("sent no certificate");
    }
    if (chain.size() > MAX_CHAIN) {
      return Optional.of(
          "sent %d certificates (allowed: at most %d)".formatted(chain.size(), MAX_CHAIN));
    }
    X509Certificate leaf = chain.get(0);
    Optional<String> validity = whyNotValid("certificate", leaf, now);
    if (validity.isPresent()) {
      return validity;
    }
    return switch (client.validationScheme()) {
      case THUMBPRINT_MATCH -> whyNotThumbprint(client, leaf);
      case SUBJECT_MATCHES_AUTHENTICATION_NAME ->
          whyNotUsage(leaf)
              .or(() -> whyNotIssued(chain, now))
              .or(() -> whyNotSubject(client, leaf));
    };
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

  /** RFC 5280 section 6, from the registered certificates; revocation is not judged. */
  private Optional<String> whyNotIssued(List<X509Certificate> chain, Instant now) {
    Set<TrustAnchor> anchors = new HashSet<>();
    for (CaCertificate authority : authorities) {
      if (whyNotValid("", authority.certificate(), now).isEmpty()) {
        anchors.add(new TrustAnchor(authority.certificate(), null));
      }
    }
    X509Certificate leaf = chain.get(0);
    if (!anchors.isEmpty()) {
      try {
        X509CertSelector target = new X509CertSelector();
        target.setCertificate(leaf);
        PKIXBuilderParameters parameters = new PKIXBuilderParameters(anchors, target);
        parameters.setRevocationEnabled(false);
        parameters.setDate(Date.from(now));
        parameters.setMaxPathLength(MAX_CHAIN);
        parameters.addCertStore(
            CertStore.getInstance("Collection", new CollectionCertStoreParameters(chain)));
        CertPathBuilder.getInstance("PKIX").build(parameters);
        return Optional.empty();
      } catch (GeneralSecurityException e) {
        return Optional.of(whyNoPath(chain, now));
      }
    }
    return Optional.of(whyNoPath(chain, now));
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

  private static Optional<String> whyNotSubject(Client client, X509Certificate leaf) {
    String expected = client.authenticationName();
    X500Principal subject = leaf.getSubjectX500Principal();
    boolean same =
        commonName(leaf).map(Text::fold).filter(Text.fold(expected)::equals).isPresent()
            || distinguishedName(expected).filter(subject::equals).isPresent();
    return same
        ? Optional.empty()
        : Optional.of(
            "certificate's subject %s is not the authentication name".formatted(name(subject)));
  }

  /** The CN of a certificate that has exactly one. */
  static Optional<String> commonName(X509Certificate certificate) {
    List<String> names = commonNames(certificate);
    return names.size() == 1 ? Optional.of(names.get(0)) : Optional.empty();
  }

  /** An authentication name read as a distinguished name (RFC 2253), if it is one. */
  static Optional<X500Principal> distinguishedName(String authenticationName) {
    if (authenticationName.indexOf('=') < 0) {
      return Optional.empty();
    }
    try {
      return Optional.of(new X500Principal(authenticationName));
    } catch (IllegalArgumentException notOne) {
      return Optional.empty();
    }
  }

  /**
   * All CN of a subject. One that is no text or contains U+0000, which other software reads as the
   * end of a shorter name, counts as two: it never is the only one.
   */
  private static List<String> commonNames(X509Certificate certificate) {
    List<String> names = new ArrayList<>();
    try {
      LdapName subject = new LdapName(certificate.getSubjectX500Principal().getName());
      for (Rdn rdn : subject.getRdns()) {
        Attribute attribute = rdn.toAttributes().get("CN");
        if (attribute == null) {
          continue;
        }
        NamingEnumeration<?> values = attribute.getAll();
        while (values.hasMore()) {
          if (values.next() instanceof String text && text.indexOf('\0') < 0) {
            names.add(text);
          } else {
            names.add("");
            names.add("");
          }
        }
      }
    } catch (NamingException e) {
      return List.of();
    }
    return names;
  }

  private static String name(X500Principal principal) {
    return Text.quote(principal.getName());
  }
}
