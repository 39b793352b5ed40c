package io.busbar.policy;

import java.security.cert.X509Certificate;

/**
 * A certificate whose holder vouches for clients (Microsoft.EventGrid/namespaces/caCertificates):
 * the root or an intermediate that issued theirs.
 *
 * @param name 3 to 50 of {@code A-Z a-z 0-9 -}
 * @param certificate a CA's certificate: with any other, a device could vouch for others
 */
public record CaCertificate(String name, X509Certificate certificate) implements Resource {
  private static final int KEY_CERT_SIGN = 5;

  /**
   * Judges name and certificate.
   *
   * @throws PolicyException if one breaks a rule
   */
  public CaCertificate {
    Namespace.requireName("name", name);
    boolean[] usage = certificate.getKeyUsage();
    if (certificate.getBasicConstraints() < 0 || (usage != null && !usage[KEY_CERT_SIGN])) {
      throw new PolicyException(
          "encodedCertificate",
          "subject %s may not issue certificates (allowed: basic constraints with CA true, and key"
                  .formatted(Text.quote(certificate.getSubjectX500Principal().getName()))
              + " usage keyCertSign if key usage is given)");
    }
  }

  @Override
  public Kind kind() {
    return Kind.CA_CERTIFICATE;
  }
}
