package io.busbar.policy;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateRevokedException;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Collection;
import java.util.Date;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Whether a certificate is revoked, as those say whom it names. The JDK judges what they sent: who
 * signed it, whether it is of this certificate, and whether it is of now (by 15 minutes); it
 * fetches nothing here.
 */
public sealed interface CertificateStatus {
  /** It is not revoked. */
  record Good() implements CertificateStatus {}

  /**
   * It is.
   *
   * @param why since when, and for what reason where that is told
   */
  record Revoked(String why) implements CertificateStatus {}

  /**
   * Nobody says.
   *
   * @param why what is missing
   * @param isPassing whether somebody may say so later
   */
  record Unknown(String why, boolean isPassing) implements CertificateStatus {}

  /**
   * As a responder says (RFC 6960), which is the issuer or one that it has authorised.
   *
   * @param issuer whose key signed the certificate, which was proved
   * @param answer what was sent
   */
  static CertificateStatus ofAnswer(
      X509Certificate certificate, X509Certificate issuer, byte[] answer, Instant now) {
    try {
      PKIXRevocationChecker checker =
          (PKIXRevocationChecker) CertPathValidator.getInstance("PKIX").getRevocationChecker();
      // else it would look for lists, and fetch them
      checker.setOptions(EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK));
      checker.setOcspResponses(Map.of(certificate, answer));
      PKIXParameters parameters = parameters(issuer, now);
      parameters.setRevocationEnabled(false);
      parameters.addCertPathChecker(checker);
      return judged(certificate, parameters);
    } catch (GeneralSecurityException e) {
      return new Unknown(why(e), true);
    }
  }

  /**
   * As lists say that its distribution points have (RFC 5280 section 6.3). Lists of which each has
   * a part are needed together.
   *
   * @param issuer whose key signed the certificate, which was proved
   */
  static CertificateStatus ofLists(
      X509Certificate certificate, X509Certificate issuer, Collection<X509CRL> lists, Instant now) {
    try {
      PKIXParameters parameters = parameters(issuer, now);
      // without a checker of one's own the JDK looks in these stores alone
      parameters.setRevocationEnabled(true);
      parameters.addCertStore(
          CertStore.getInstance("Collection", new CollectionCertStoreParameters(lists)));
      return judged(certificate, parameters);
    } catch (GeneralSecurityException e) {
      return new Unknown(why(e), true);
    }
  }

  private static PKIXParameters parameters(X509Certificate issuer, Instant now)
      throws InvalidAlgorithmParameterException {
    PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(issuer, null)));
    parameters.setDate(Date.from(now));
    return parameters;
  }

  private static CertificateStatus judged(X509Certificate certificate, PKIXParameters parameters)
      throws GeneralSecurityException {
    try {
      CertPathValidator.getInstance("PKIX")
          .validate(
              CertificateFactory.getInstance("X.509").generateCertPath(List.of(certificate)),
              parameters);
      return new Good();
    } catch (CertPathValidatorException e) {
      if (e.getCause() instanceof CertificateRevokedException revoked) {
        return new Revoked(
            "%s (%s)"
                .formatted(revoked.getRevocationDate().toInstant(), revoked.getRevocationReason()));
      }
      return new Unknown(why(e), true);
    } catch (RuntimeException e) {
      // what strangers send need not be what the JDK expects
      return new Unknown("what was sent cannot be read", true);
    }
  }

  private static String why(GeneralSecurityException e) {
    if (e.getCause() instanceof IOException) {
      return "what was sent cannot be read";
    }
    return Text.quote(String.valueOf(e.getMessage()));
  }
}
