package io.busbar.policy;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Date;
import java.util.concurrent.atomic.AtomicLong;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** A certificate authority for tests, valid in 2026. */
public final class TestCa {
  public static final Instant NOW = Instant.parse("2026-06-01T00:00:00Z");
  private static final Instant FROM = Instant.parse("2026-01-01T00:00:00Z");
  private static final Instant TO = Instant.parse("2027-01-01T00:00:00Z");
  private static final AtomicLong SERIAL = new AtomicLong(1);
  private final X500Name name;
  private final KeyPair keys;
  private final X509Certificate certificate;

  private TestCa(X500Name name, KeyPair keys, X509Certificate certificate) {
    this.name = name;
    this.keys = keys;
    this.certificate = certificate;
  }

  /** A root of its own. */
  public static TestCa root(String subject) {
    return root(subject, FROM, TO);
  }

  static TestCa root(String subject, Instant from, Instant to) {
    X500Name name = new X500Name(subject);
    KeyPair keys = keys();
    return new TestCa(name, keys, sign(name, keys, name, keys, from, to, true, null));
  }

  TestCa intermediate(String subject, Instant to) {
    X500Name child = new X500Name(subject);
    KeyPair childKeys = keys();
    return new TestCa(child, childKeys, sign(name, keys, child, childKeys, FROM, to, true, null));
  }

  public X509Certificate certificate() {
    return certificate;
  }

  X509Certificate issue(String subject) {
    return issue(new X500Name(subject), FROM, TO, null);
  }

  X509Certificate issue(String subject, GeneralName... alternatives) {
    return sign(name, keys, new X500Name(subject), keys(), FROM, TO, false, null, alternatives);
  }

  X509Certificate issue(X500Name subject, Instant from, Instant to, KeyPurposeId usage) {
    return sign(name, keys, subject, keys(), from, to, false, usage);
  }

  static X509Certificate selfSigned(String subject) {
    X500Name name = new X500Name(subject);
    KeyPair keys = keys();
    return sign(name, keys, name, keys, FROM, TO, false, null);
  }

  private static KeyPair keys() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(256);
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new AssertionError(e);
    }
  }

  private static X509Certificate sign(
      X500Name issuer,
      KeyPair issuerKeys,
      X500Name subject,
      KeyPair subjectKeys,
      Instant from,
      Instant to,
      boolean authority,
      KeyPurposeId usage,
      GeneralName... alternatives) {
    try {
      JcaX509v3CertificateBuilder builder =
          new JcaX509v3CertificateBuilder(
              issuer,
              BigInteger.valueOf(SERIAL.getAndIncrement()),
              Date.from(from),
              Date.from(to),
              subject,
              subjectKeys.getPublic());
      if (authority) {
        builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(true));
        builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign));
      }
      if (alternatives.length > 0) {
        builder.addExtension(
            Extension.subjectAlternativeName, false, new GeneralNames(alternatives));
      }
      if (usage != null) {
        builder.addExtension(Extension.extendedKeyUsage, false, new ExtendedKeyUsage(usage));
      }
      return new JcaX509CertificateConverter()
          .getCertificate(
              builder.build(
                  new JcaContentSignerBuilder("SHA256withECDSA").build(issuerKeys.getPrivate())));
    } catch (CertIOException | OperatorCreationException | GeneralSecurityException e) {
      throw new AssertionError(e);
    }
  }
}
