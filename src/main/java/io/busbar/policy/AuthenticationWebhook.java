package io.busbar.policy;

import java.net.URI;

/**
 * Who is asked for clients that the registry does not know (webhookAuthentication of a namespace).
 *
 * @param endpoint https; or http on this machine, for trials
 */
public record AuthenticationWebhook(URI endpoint) {
  /**
   * Reads an endpoint. A URL may carry a secret in its query, so no message repeats it.
   *
   * @throws PolicyException if it is none that passwords may be sent to
   */
  public static AuthenticationWebhook of(String endpointUrl) {
    return SecuredUrl.of(endpointUrl)
        .map(AuthenticationWebhook::new)
        .orElseThrow(
            () ->
                new PolicyException(
                    "endpointUrl",
                    "is not a URL of such a webhook (allowed: https://host…, without a user;"
                        + " http://localhost… for trials)"));
  }

  /** Without what may be secret. */
  @Override
  public String toString() {
    return "AuthenticationWebhook[" + endpoint.getScheme() + "://" + endpoint.getAuthority() + "]";
  }
}
