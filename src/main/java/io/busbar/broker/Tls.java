package io.busbar.broker;

import io.busbar.config.ServerCertificate;
import io.busbar.config.Settings;
import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.OpenSslCachingX509KeyManagerFactory;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.vertx.core.Vertx;
import io.vertx.core.net.PemKeyCertOptions;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * TLS of a listener. A client certificate is asked for and not required, and whatever is shown is
 * let through: the handshake proves that the client has the key, and nothing else is decided here.
 * Chain, validity and name are judged at CONNECT, where a refusal has a reason code.
 */
final class Tls {
  private final Path certificate;
  private final Path key;
  private final ServerCertificate files;
  private volatile SslContext context;

  Tls(Settings.Listener listener) {
    this.certificate = listener.certificate().orElseThrow();
    this.key = listener.key().orElseThrow();
    this.files = new ServerCertificate(certificate, key);
  }

  /**
   * Reads the certificate and its key. To be called once, before anything else; blocks.
   *
   * @throws IOException if they are not there or wrong
   */
  void load(Vertx vertx) throws IOException {
    files.isRenewed();
    context = read(vertx);
  }

  /**
   * Has what stands in the files now shown to whoever connects from now on, if it is another than
   * before; if that is no certificate with its key, what was shown before still is. Blocks.
   *
   * @return whether it is another
   * @throws IOException once for each change that is wrong
   */
  boolean renew(Vertx vertx) throws IOException {
    if (!files.isRenewed()) {
      return false;
    }
    context = read(vertx);
    return true;
  }

  private SslContext read(Vertx vertx) throws IOException {
    PemKeyCertOptions pem =
        new PemKeyCertOptions().setCertPath(certificate.toString()).setKeyPath(key.toString());
    try {
      KeyManagerFactory keys = pem.getKeyManagerFactory(vertx);
      boolean isNative = OpenSsl.isAvailable();
      return SslContextBuilder
          // else the key is parsed again for each handshake
          .forServer(isNative ? new OpenSslCachingX509KeyManagerFactory(keys) : keys)
          .sslProvider(isNative ? SslProvider.OPENSSL : SslProvider.JDK)
          .trustManager(new ProofOfPossession())
          .clientAuth(ClientAuth.OPTIONAL)
          .protocols("TLSv1.3", "TLSv1.2")
          .build();
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  /** What a connection reads and writes through. */
  SslHandler handler(ByteBufAllocator buffers, long handshakeMillis) {
    SslHandler handler = context.newHandler(buffers);
    handler.setHandshakeTimeoutMillis(handshakeMillis);
    return handler;
  }

  /** Accepts every certificate; see the class. */
  private static final class ProofOfPossession extends X509ExtendedTrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {
      throw new UnsupportedOperationException("this node is the server");
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {
      throw new UnsupportedOperationException("this node is the server");
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {
      throw new UnsupportedOperationException("this node is the server");
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
