package io.busbar.policy;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.Set;

/**
 * Who is asked for clients that the registry does not know (webhookAuthentication of a namespace).
 *
 * @param endpoint https; or http on this machine, for trials
 */
public record AuthenticationWebhook(URI endpoint) {
  private static final int MAX_TEXT = 2_048;
  private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]");

  /**
   * Reads an endpoint. A URL may carry a secret in its query, so no message repeats it.
   *
   * @throws PolicyException if it is none that passwords may be sent to
   */
  public static AuthenticationWebhook of(String endpointUrl) {
    try {
      URI uri = new URI(endpointUrl);
      String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
      String host = uri.getHost();
      boolean isHere = host != null && LOOPBACK.contains(host.toLowerCase(Locale.ROOT));
      boolean isAllowed = scheme.equals("https") || (scheme.equals("http") && isHere);
      if (isAllowed
          && host != null
          && uri.getPort() <= 65_535
          && uri.getUserInfo() == null
          && endpointUrl.length() <= MAX_TEXT) {
        return new AuthenticationWebhook(uri);
      }
    } catch (URISyntaxException notOne) {
      // refused below, without the text, which the exception repeats
    }
    throw new PolicyException(
        "endpointUrl",
        "is not a URL of such a webhook (allowed: https://host…, without a user;"
            + " http://localhost… for trials)");
  }

  /** Without what may be secret. */
  @Override
  public String toString() {
    return "AuthenticationWebhook[" + endpoint.getScheme() + "://" + endpoint.getAuthority() + "]";
  }
}
