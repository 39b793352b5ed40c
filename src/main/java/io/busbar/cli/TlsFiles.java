package io.busbar.cli;

import io.busbar.config.CertifiedKey;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Collection;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManagerFactory;

/** PEM files, as TLS of the JDK wants them. */
final class TlsFiles {
  private static final char[] NO_PASSWORD = {};

  private TlsFiles() {}

  /** Trusts whom these certificates are of. */
  static TrustManagerFactory trust(Path authority) throws GeneralSecurityException, IOException {
    KeyStore trust = empty();
    int i = 0;
    for (Certificate one : certificates(authority)) {
      trust.setCertificateEntry("ca-" + i++, one);
    }
    TrustManagerFactory trusts = TrustManagerFactory.getInstance("PKIX");
    trusts.init(trust);
    return trusts;
  }

  /** Shows a certificate, which the key has to be of. */
  static KeyManagerFactory identity(Path certificate, Path key)
      throws GeneralSecurityException, IOException {
    CertifiedKey.require(certificate, key);
    KeyStore store = empty();
    store.setKeyEntry(
        "own",
        CertifiedKey.read(certificate, key).key(),
        NO_PASSWORD,
        certificates(certificate).toArray(Certificate[]::new));
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(store, NO_PASSWORD);
    return keys;
  }

  private static KeyStore empty() throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    return store;
  }

  private static Collection<? extends Certificate> certificates(Path pem)
      throws GeneralSecurityException, IOException {
    try (InputStream in = Files.newInputStream(pem)) {
      return CertificateFactory.getInstance("X.509").generateCertificates(in);
    }
  }
}
