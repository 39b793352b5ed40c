package io.busbar.config;

import io.vertx.core.net.OpenSSLEngineOptions;
import io.vertx.core.net.TCPSSLOptions;

/**
 * What carries out TLS. The native library where there is one: a handshake costs a fraction of the
 * JDK's, and the first one does not hold its event loop, and every client on it, for a second while
 * the JDK's is loaded (and with it all of BouncyCastle, for which Netty looks then).
 */
public final class TlsEngine {
  private TlsEngine() {}

  /** Has connections with these options use it. */
  public static void choose(TCPSSLOptions options) {
    if (OpenSSLEngineOptions.isAvailable()) {
      options.setSslEngineOptions(new OpenSSLEngineOptions());
    }
  }
}
