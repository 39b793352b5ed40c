package io.busbar.config;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.bouncycastle.asn1.ASN1IA5String;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.x509.AccessDescription;
import org.bouncycastle.asn1.x509.AuthorityInformationAccess;
import org.bouncycastle.asn1.x509.CRLDistPoint;
import org.bouncycastle.asn1.x509.DistributionPoint;
import org.bouncycastle.asn1.x509.DistributionPointName;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.ocsp.BasicOCSPResp;
import org.bouncycastle.cert.ocsp.CertificateID;
import org.bouncycastle.cert.ocsp.OCSPException;
import org.bouncycastle.cert.ocsp.OCSPReqBuilder;
import org.bouncycastle.cert.ocsp.OCSPResp;
import org.bouncycastle.cert.ocsp.RevokedStatus;
import org.bouncycastle.cert.ocsp.SingleResp;
import org.bouncycastle.cert.ocsp.jcajce.JcaCertificateID;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * Where a certificate says that it can be asked whether it is revoked, with http or https; other
 * places are left out, and all beyond the fourth.
 *
 * @param responders that speak OCSP (RFC 5280 section 4.2.2.1)
 * @param lists distribution points of CRLs (RFC 5280 section 4.2.1.13)
 */
public record StatusServices(List<URI> responders, List<URI> lists) {
  private static final int MOST = 4;
  private static final Pattern PLACE = Pattern.compile("(?i)https?://[\\x21-\\x7e]{1,1000}");

  /** Copies the lists. */
  public StatusServices {
    responders = List.copyOf(responders);
    lists = List.copyOf(lists);
  }

  /** What stands in a certificate; an extension that cannot be read names none. */
  public static StatusServices of(X509Certificate certificate) {
    List<URI> responders = new ArrayList<>();
    List<URI> lists = new ArrayList<>();
    try {
      byte[] access = extension(certificate, Extension.authorityInfoAccess.getId());
      if (access != null) {
        for (AccessDescription one :
            AuthorityInformationAccess.getInstance(access).getAccessDescriptions()) {
          if (one.getAccessMethod().equals(AccessDescription.id_ad_ocsp)) {
            add(responders, one.getAccessLocation());
          }
        }
      }
      byte[] points = extension(certificate, Extension.cRLDistributionPoints.getId());
      if (points != null) {
        for (DistributionPoint one : CRLDistPoint.getInstance(points).getDistributionPoints()) {
          DistributionPointName name = one.getDistributionPoint();
          if (name != null && name.getType() == DistributionPointName.FULL_NAME) {
            for (GeneralName place : GeneralNames.getInstance(name.getName()).getNames()) {
              add(lists, place);
            }
          }
        }
      }
    } catch (IllegalArgumentException e) {
      // its issuer wrote no extension: what was read before it stays
    }
    return new StatusServices(responders, lists);
  }

  private static byte[] extension(X509Certificate certificate, String id) {
    byte[] value = certificate.getExtensionValue(id);
    return value == null ? null : ASN1OctetString.getInstance(value).getOctets();
  }

  private static void add(List<URI> places, GeneralName name) {
    if (name.getTagNo() != GeneralName.uniformResourceIdentifier || places.size() >= MOST) {
      return;
    }
    String place = ASN1IA5String.getInstance(name.getName()).getString();
    try {
      URI url = new URI(place);
      boolean isOne =
          PLACE.matcher(place).matches()
              && url.getHost() != null
              && url.getRawUserInfo() == null
              && url.getRawFragment() == null;
      if (isOne && !places.contains(url)) {
        places.add(url);
      }
    } catch (URISyntaxException e) {
      // no place that could be asked
    }
  }

  /**
   * What a responder is asked (RFC 6960 section 4.1), without a nonce: answers that were made
   * before do.
   *
   * @param issuer whose key signed the certificate
   */
  public static byte[] question(X509Certificate certificate, X509Certificate issuer) {
    try {
      CertificateID id =
          new JcaCertificateID(
              new JcaDigestCalculatorProviderBuilder().build().get(CertificateID.HASH_SHA1),
              issuer,
              certificate.getSerialNumber());
      return new OCSPReqBuilder().addRequest(id).build().getEncoded();
    } catch (OperatorCreationException
        | CertificateEncodingException
        | OCSPException
        | IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Until when a responder's answer says what is so (RFC 6960 section 4.2.2.1): its next update, or
   * where it names none the time at which it was made, or a time to come at which it says that the
   * certificate is revoked.
   *
   * @param answer one that was verified
   */
  public static Instant until(byte[] answer, Instant now) {
    Instant until = Instant.MAX;
    try {
      BasicOCSPResp basic = (BasicOCSPResp) new OCSPResp(answer).getResponseObject();
      for (SingleResp one : basic.getResponses()) {
        Instant end =
            (one.getNextUpdate() == null ? one.getThisUpdate() : one.getNextUpdate()).toInstant();
        until = end.isBefore(until) ? end : until;
        if (one.getCertStatus() instanceof RevokedStatus revoked) {
          Instant since = revoked.getRevocationTime().toInstant();
          until = since.isAfter(now) && since.isBefore(until) ? since : until;
        }
      }
    } catch (IOException | OCSPException e) {
      throw new IllegalArgumentException("no answer of OCSP", e);
    }
    return until;
  }
}
