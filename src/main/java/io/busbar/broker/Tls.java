package io.busbar.broker;

import io.busbar.config.Settings;
import io.vertx.core.Future;
import io.vertx.core.http.ClientAuth;
import io.vertx.core.net.NetServer;
import io.vertx.core.net.NetServerOptions;
import io.vertx.core.net.OpenSSLEngineOptions;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.core.net.TrustOptions;
import java.net.Socket;
import java.security.cert.X509Certificate;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * TLS of the listeners. A client certificate is asked for and not required, and whatever is shown
 * is let through: the handshake proves that the client has the key, and nothing else is decided
 * here. Chain, validity and name are judged at CONNECT, where a refusal has a reason code.
 */
final class Tls {
  private Tls() {}

  static void configure(NetServerOptions options, Settings.Listener listener, long seconds) {
    options
        .setSsl(true)
        .setKeyCertOptions(
            new PemKeyCertOptions()
                .setCertPath(listener.certificate().orElseThrow().toString())
                .setKeyPath(listener.key().orElseThrow().toString()))
        .setTrustOptions(TrustOptions.wrap(new ProofOfPossession()))
        .setClientAuth(ClientAuth.REQUEST)
        .setEnabledSecureTransportProtocols(Set.of("TLSv1.2", "TLSv1.3"))
        .setSslHandshakeTimeout(seconds)
        .setSslHandshakeTimeoutUnit(TimeUnit.SECONDS);
    if (OpenSSLEngineOptions.isAvailable()) {
      options.setSslEngineOptions(new OpenSSLEngineOptions());
    }
  }

  /**
   * Has a server show what stands in its files now, to whoever connects from now on; if that is no
   * certificate with its key, it shows what it did.
   */
  static Future<Boolean> renew(NetServer server, NetServerOptions options) {
    return server.updateSSLOptions(options.getSslOptions(), true);
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
