package io.busbar.testing;

import io.busbar.testing.TestPki.Shown;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.CRLReason;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateHolder;
import org.bouncycastle.cert.ocsp.BasicOCSPRespBuilder;
import org.bouncycastle.cert.ocsp.CertificateID;
import org.bouncycastle.cert.ocsp.CertificateStatus;
import org.bouncycastle.cert.ocsp.OCSPException;
import org.bouncycastle.cert.ocsp.OCSPRespBuilder;
import org.bouncycastle.cert.ocsp.RespID;
import org.bouncycastle.cert.ocsp.RevokedStatus;
import org.bouncycastle.cert.ocsp.UnknownStatus;
import org.bouncycastle.cert.ocsp.jcajce.JcaCertificateID;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/** What responders of OCSP say; it may be as wrong as it likes. */
public final class TestOcsp {
  private TestOcsp() {}

  /** What is said of a certificate. */
  public enum Says {
    GOOD,
    REVOKED,
    UNKNOWN
  }

  /** An answer of somebody, valid for an hour. */
  public static byte[] answer(Shown signer, TestPki of, X509Certificate certificate, Says says) {
    Instant now = Instant.now();
    return answer(signer, of, certificate, says, now.minusSeconds(60), now.plusSeconds(3_600));
  }

  /**
   * An answer of somebody.
   *
   * @param of whose certificate it is
   * @param until null names none
   */
  public static byte[] answer(
      Shown signer,
      TestPki of,
      X509Certificate certificate,
      Says says,
      Instant from,
      Instant until) {
    try {
      CertificateID id =
          new JcaCertificateID(
              new JcaDigestCalculatorProviderBuilder().build().get(CertificateID.HASH_SHA1),
              of.authority(),
              certificate.getSerialNumber());
      CertificateStatus status =
          switch (says) {
            case GOOD -> CertificateStatus.GOOD;
            case REVOKED ->
                new RevokedStatus(
                    Date.from(Instant.now().minus(Duration.ofMinutes(5))), CRLReason.keyCompromise);
            case UNKNOWN -> new UnknownStatus();
          };
      X500Name name =
          X500Name.getInstance(signer.certificate().getSubjectX500Principal().getEncoded());
      BasicOCSPRespBuilder builder = new BasicOCSPRespBuilder(new RespID(name));
      builder.addResponse(
          id, status, Date.from(from), until == null ? null : Date.from(until), null);
      return new OCSPRespBuilder()
          .build(
              OCSPRespBuilder.SUCCESSFUL,
              builder.build(
                  new JcaContentSignerBuilder("SHA256withECDSA").build(signer.key()),
                  new X509CertificateHolder[] {new JcaX509CertificateHolder(signer.certificate())},
                  Date.from(from)))
          .getEncoded();
    } catch (OperatorCreationException | OCSPException | GeneralSecurityException | IOException e) {
      throw new AssertionError(e);
    }
  }

  /** A responder that says nothing of any certificate: it is to be asked later. */
  public static byte[] tryLater() {
    try {
      return new OCSPRespBuilder().build(OCSPRespBuilder.TRY_LATER, null).getEncoded();
    } catch (OCSPException | IOException e) {
      throw new AssertionError(e);
    }
  }
}
