package io.busbar.config;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.openssl.PEMException;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;

/** A certificate and a private key, which should be its own. */
public record CertifiedKey(X509Certificate certificate, PrivateKey key) {
  /**
   * Reads both from PEM files.
   *
   * @throws IOException if they are none; its message names the file
   */
  public static CertifiedKey read(Path certificate, Path key) throws IOException {
    try {
      X509CertificateHolder holder = pem(certificate, X509CertificateHolder.class);
      return new CertifiedKey(
          new JcaX509CertificateConverter().getCertificate(holder),
          new JcaPEMKeyConverter().getPrivateKey(pem(key, PrivateKeyInfo.class)));
    } catch (GeneralSecurityException | PEMException e) {
      throw new IOException(
          "%s, %s: not a certificate and its key in PEM: %s"
              .formatted(certificate, key, e.getMessage()),
          e);
    }
  }

  /**
   * Judges a server's or client's files before they are used.
   *
   * @throws IOException if they are not a certificate and its private key in PEM; its message names
   *     the file
   */
  public static void require(Path certificate, Path key) throws IOException {
    if (!read(certificate, key).belongTogether()) {
      throw new IOException(key + ": is not the key of " + certificate);
    }
  }

  /** Whether the key is the certificate's. */
  public boolean belongTogether() {
    try {
      byte[] probe = {1};
      Signature signature =
          Signature.getInstance(
              switch (key.getAlgorithm()) {
                case "EC", "ECDSA" -> "SHA256withECDSA";
                case "RSA" -> "SHA256withRSA";
                default -> key.getAlgorithm();
              });
      signature.initSign(key);
      signature.update(probe);
      byte[] signed = signature.sign();
      signature.initVerify(certificate.getPublicKey());
      signature.update(probe);
      return signature.verify(signed);
    } catch (GeneralSecurityException e) {
      return false; // not even keys of one kind
    }
  }

  /** The first PEM object of a file; an old-style key pair counts as its private key. */
  private static <T> T pem(Path file, Class<T> kind) throws IOException {
    try (Reader reader = Files.newBufferedReader(file, StandardCharsets.US_ASCII);
        PEMParser parser = new PEMParser(reader)) {
      Object found = parser.readObject();
      if (found instanceof PEMKeyPair pair) {
        found = pair.getPrivateKeyInfo();
      }
      if (!kind.isInstance(found)) {
        throw new IOException(
            "%s: no %s found (allowed: PEM)"
                .formatted(file, kind == PrivateKeyInfo.class ? "private key" : "certificate"));
      }
      return kind.cast(found);
    } catch (NoSuchFileException | AccessDeniedException e) {
      throw new IOException(file + ": does not exist or cannot be read", e);
    } catch (CharacterCodingException | PEMException e) {
      throw new IOException(file + ": not PEM: " + e.getMessage(), e);
    }
  }

  /** Without the key. */
  @Override
  public String toString() {
    return "CertifiedKey[" + certificate.getSubjectX500Principal() + "]";
  }
}
