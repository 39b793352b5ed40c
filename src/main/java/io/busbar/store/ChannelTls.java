package io.busbar.store;

import io.busbar.config.Settings;
import io.busbar.config.TlsEngine;
import io.netty.util.NetUtil;
import io.vertx.core.eventbus.EventBusOptions;
import io.vertx.core.http.ClientAuth;
import io.vertx.core.net.NetClientOptions;
import io.vertx.core.net.NetServerOptions;
import io.vertx.core.net.NetSocket;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.core.net.TCPSSLOptions;
import java.security.cert.Certificate;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.SSLPeerUnverifiedException;

/**
 * TLS of the channel, and of the event bus. The handshake proves that the peer has the key of a
 * certificate of our authority that is valid now; {@link #refusal} judges whether that certificate
 * is a node's. It is ours and not the handshake's business because the accepting side knows only
 * from the hello which host the peer claims to be.
 */
public final class ChannelTls {
  /** How long a handshake may take on the event bus, in ms. */
  private static final int BUS_HANDSHAKE = 5_000;

  private static final int DNS_NAME = 2;
  private static final int IP_ADDRESS = 7;

  private ChannelTls() {}

  /**
   * The event bus under the same keys. It cannot look at the names of a certificate: whoever has
   * one of the authority may speak on it, so that nobody but nodes is to have one.
   */
  public static void secure(EventBusOptions options, Settings.PeerTls tls) {
    configure(options, tls, BUS_HANDSHAKE);
    // it would trust anybody
    options.setTrustAll(false).setClientAuth(ClientAuth.REQUIRED);
  }

  static NetServerOptions server(ChannelSettings settings) {
    NetServerOptions options =
        new NetServerOptions().setHost(settings.host()).setPort(settings.port());
    settings
        .tls()
        .ifPresent(
            tls -> {
              configure(options, tls, settings.silenceMillis());
              options.setClientAuth(ClientAuth.REQUIRED);
            });
    return options;
  }

  static NetClientOptions client(ChannelSettings settings) {
    NetClientOptions options =
        new NetClientOptions().setConnectTimeout(settings.silenceMillis()).setReconnectAttempts(0);
    settings
        .tls()
        .ifPresent(
            tls -> {
              configure(options, tls, settings.silenceMillis());
              // judged by us, against a pattern or the host
              options.setTrustAll(false).setHostnameVerificationAlgorithm("");
            });
    return options;
  }

  private static void configure(TCPSSLOptions options, Settings.PeerTls tls, int handshakeMillis) {
    options
        .setSsl(true)
        .setKeyCertOptions(
            new PemKeyCertOptions()
                .setCertPath(tls.certificate().toString())
                .setKeyPath(tls.key().toString()))
        .setTrustOptions(new PemTrustOptions().addCertPath(tls.authority().toString()))
        .setEnabledSecureTransportProtocols(Set.of("TLSv1.3"))
        .setSslHandshakeTimeout(handshakeMillis)
        .setSslHandshakeTimeoutUnit(TimeUnit.MILLISECONDS);
    TlsEngine.choose(options);
  }

  /**
   * Why the certificate of a peer is no node's, or null.
   *
   * @param host where this node reaches that peer, or null if it does not know
   */
  static String refusal(NetSocket socket, Settings.PeerTls tls, String host) {
    try {
      List<Certificate> chain = socket.peerCertificates();
      if (chain == null || chain.isEmpty() || !(chain.get(0) instanceof X509Certificate shown)) {
        return "it shows no certificate";
      }
      return refusal(names(shown), tls.name().orElse(null), host);
    } catch (SSLPeerUnverifiedException | CertificateParsingException e) {
      return "its certificate cannot be read: " + e.getMessage();
    }
  }

  static String refusal(List<String> names, String pattern, String host) {
    if (pattern != null) {
      return names.stream().anyMatch(name -> matches(pattern, name))
          ? null
          : "its certificate is for %s (allowed: %s)".formatted(names, pattern);
    }
    if (host == null) {
      return "no host name is known of it that its certificate could be for";
    }
    return names.stream().anyMatch(name -> isFor(name, host))
        ? null
        : "its certificate is for %s (allowed: %s)".formatted(names, host);
  }

  private static List<String> names(X509Certificate certificate)
      throws CertificateParsingException {
    List<String> names = new ArrayList<>();
    Collection<List<?>> alternatives = certificate.getSubjectAlternativeNames();
    if (alternatives != null) {
      for (List<?> alternative : alternatives) {
        if (alternative.get(0) instanceof Integer kind
            && (kind == DNS_NAME || kind == IP_ADDRESS)) {
          names.add((String) alternative.get(1));
        }
      }
    }
    return names;
  }

  private static boolean matches(String pattern, String name) {
    String regex =
        Stream.of(pattern.split("\\*", -1))
            .map(Pattern::quote)
            .collect(Collectors.joining("[^.]+"));
    return Pattern.compile(regex, Pattern.CASE_INSENSITIVE).matcher(name).matches();
  }

  /** A name of a certificate against a host; a wildcard is its whole first label (RFC 6125). */
  private static boolean isFor(String name, String host) {
    byte[] address = NetUtil.createByteArrayFromIpAddressString(host);
    if (address != null) {
      return Arrays.equals(address, NetUtil.createByteArrayFromIpAddressString(name));
    }
    String lower = host.toLowerCase(Locale.ROOT);
    if (name.startsWith("*.")) {
      int dot = lower.indexOf('.');
      return dot > 0 && lower.substring(dot).equals(name.substring(1).toLowerCase(Locale.ROOT));
    }
    return lower.equals(name.toLowerCase(Locale.ROOT));
  }
}
