package io.busbar.policy;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** URLs of authorities: https; or http on this machine, for trials. */
final class SecuredUrl {
  static final int MAX_TEXT = 2_048;
  private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]");

  private SecuredUrl() {}

  /** What a text says; empty if it is no such URL, or names a user. */
  static Optional<URI> of(String text) {
    try {
      URI uri = new URI(text);
      String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
      String host = uri.getHost();
      boolean isHere = host != null && LOOPBACK.contains(host.toLowerCase(Locale.ROOT));
      boolean isOne =
          (scheme.equals("https") || (scheme.equals("http") && isHere))
              && host != null
              && uri.getPort() <= 65_535
              && uri.getUserInfo() == null
              && text.length() <= MAX_TEXT;
      return isOne ? Optional.of(uri) : Optional.empty();
    } catch (URISyntaxException e) {
      // without its text, which may hold a secret
      return Optional.empty();
    }
  }
}
