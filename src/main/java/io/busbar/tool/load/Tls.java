package io.busbar.tool.load;

import io.busbar.config.CertifiedKey;
import io.busbar.tool.Certificates;
import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.OpenSslSessionContext;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedKeyManager;
import javax.net.ssl.X509ExtendedTrustManager;
import javax.net.ssl.X509TrustManager;

/**
 * TLS of a run: certificates for its clients, made at its beginning and kept in memory, and how its
 * handshakes went. BoringSSL only, which costs the tool least. Who the broker is is checked against
 * the authority; its name is not, since all is on this machine.
 *
 * <p>A handshake is resumed if the broker's certificate was not shown again. Sessions are kept for
 * each identity by itself.
 */
final class Tls {
  private static final int MAX_IDENTITIES = 20_000;
  private static final String NAME = "load-";

  private final CertifiedKey[] identities;
  private final SslContext context;
  private final Set<SSLEngine> shown = Collections.newSetFromMap(new IdentityHashMap<>());
  private Histogram full = new Histogram();
  private Histogram resumed = new Histogram();

  /**
   * Makes the certificates.
   *
   * @param directory has {@code ca.pem} and {@code ca-key.pem}, which are made where missing
   * @param count of clients, named {@code load-0} and on
   * @param version 1.2 or 1.3
   * @param resumes whether a client comes back with the session it was given
   * @throws LoadException if this cannot be done
   */
  Tls(Path directory, int count, String version, boolean resumes) {
    Plan.check("identities", count, 1, MAX_IDENTITIES);
    if (!version.equals("1.2") && !version.equals("1.3")) {
      throw new LoadException("--tls: " + version + " (allowed: 1.2, 1.3)");
    }
    if (!OpenSsl.isAvailable()) {
      throw new LoadException(
          "TLS: no BoringSSL for this platform (allowed: Linux on x86-64 and AArch64)");
    }
    try {
      Certificates authority = Certificates.in(directory, Instant.now());
      identities = new CertifiedKey[count];
      for (int i = 0; i < count; i++) {
        identities[i] = authority.unkept(name(i));
      }
      context =
          SslContextBuilder.forClient()
              .sslProvider(SslProvider.OPENSSL)
              .protocols("TLSv" + version)
              .endpointIdentificationAlgorithm(null)
              .keyManager(new Shower())
              .trustManager(new Judge(authority.authority()))
              .sessionCacheSize(2L * MAX_IDENTITIES)
              .build();
      ((OpenSslSessionContext) context.sessionContext()).setSessionCacheEnabled(resumes);
    } catch (IOException | GeneralSecurityException e) {
      throw new LoadException("--certificates: " + e.getMessage());
    }
  }

  private int count() {
    return identities.length;
  }

  /** The CN of an identity, which is its MQTT user name too; more than there are begin again. */
  String name(int identity) {
    return NAME + identity % count();
  }

  /** A handler for one connection of an identity. */
  SslHandler handler(ByteBufAllocator alloc, int identity) {
    // A name without a dot is not sent as SNI: here it says whose certificate and session to use.
    return context.newHandler(alloc, name(identity), 1);
  }

  /** Counts a handshake that ended well. */
  void completed(SSLEngine engine, long nanos) {
    (shown.remove(engine) ? full : resumed).record(nanos);
  }

  /** Forgets about an engine whose connection has ended. */
  void forget(SSLEngine engine) {
    shown.remove(engine);
  }

  /** Counts from now on only. */
  void reset() {
    full = new Histogram();
    resumed = new Histogram();
  }

  /** How many handshakes of each kind there were, and how long they took from the first byte. */
  void report(Report report) {
    report.count("tls_full", full.count());
    report.count("tls_resumed", resumed.count());
    report.latency("tls_full", full);
    report.latency("tls_resumed", resumed);
  }

  /** Shows the certificate of the identity whose name the engine has. */
  private final class Shower extends X509ExtendedKeyManager {
    @Override
    public String chooseEngineClientAlias(String[] types, Principal[] issuers, SSLEngine engine) {
      return engine.getPeerHost();
    }

    @Override
    public String chooseClientAlias(String[] types, Principal[] issuers, Socket socket) {
      return null;
    }

    @Override
    public String chooseServerAlias(String type, Principal[] issuers, Socket socket) {
      return null;
    }

    @Override
    public String[] getClientAliases(String type, Principal[] issuers) {
      return new String[0];
    }

    @Override
    public String[] getServerAliases(String type, Principal[] issuers) {
      return new String[0];
    }

    @Override
    public X509Certificate[] getCertificateChain(String alias) {
      return new X509Certificate[] {of(alias).certificate()};
    }

    @Override
    public PrivateKey getPrivateKey(String alias) {
      return of(alias).key();
    }

    private CertifiedKey of(String alias) {
      return identities[Integer.parseInt(alias.substring(NAME.length()))];
    }
  }

  /** Judges the broker's certificate, and notes that it was shown. */
  private final class Judge extends X509ExtendedTrustManager {
    private final X509TrustManager authority;
    private X509Certificate known;

    Judge(Path file) throws IOException, GeneralSecurityException {
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      try (InputStream in = Files.newInputStream(file)) {
        store.setCertificateEntry(
            "ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
      }
      TrustManagerFactory factory =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init(store);
      authority = (X509TrustManager) factory.getTrustManagers()[0];
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
        throws CertificateException {
      // Verified once: what is measured is the broker.
      if (!chain[0].equals(known)) {
        authority.checkServerTrusted(chain, type);
        known = chain[0];
      }
      shown.add(engine);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {
      throw new UnsupportedOperationException("this tool has no blocking sockets");
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {
      throw new UnsupportedOperationException("this tool has no blocking sockets");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {
      throw new UnsupportedOperationException("this tool is the client");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {
      throw new UnsupportedOperationException("this tool is the client");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {
      throw new UnsupportedOperationException("this tool is the client");
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
