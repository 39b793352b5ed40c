package io.busbar.policy;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What a namespace itself says (Microsoft.EventGrid/namespaces).
 *
 * @param name 3 to 50 of {@code A-Z a-z 0-9 -}
 * @param alternativeAuthenticationNameSources where the authentication name is taken from when
 *     CONNECT has no user name, in this order
 * @param maximumClientSessionsPerAuthenticationName 1 to 100, or 0 for what the nodes are set to
 * @param tokenIssuers whose tokens say who a client is, at most one for each method
 * @param webhook who else is asked, if anyone (webhookAuthentication)
 * @param events what becomes an event
 * @param network from where clients may come
 */
public record NamespaceSettings(
    String name,
    List<NameSource> alternativeAuthenticationNameSources,
    int maximumClientSessionsPerAuthenticationName,
    List<TokenIssuer> tokenIssuers,
    Optional<AuthenticationWebhook> webhook,
    EventRouting events,
    Network network)
    implements Resource {
  private static final List<String> RESERVED = List.of("microsoft", "system", "eventgrid");

  /** A place in the certificate that may hold the authentication name. */
  public enum NameSource {
    CLIENT_CERTIFICATE_SUBJECT,
    CLIENT_CERTIFICATE_DNS,
    CLIENT_CERTIFICATE_URI,
    CLIENT_CERTIFICATE_IP,
    CLIENT_CERTIFICATE_EMAIL
  }

  /**
   * Judges and copies the values.
   *
   * @throws PolicyException if one breaks a rule
   */
  public NamespaceSettings {
    Namespace.requireName("name", name);
    for (String reserved : RESERVED) {
      if (name.toLowerCase(Locale.ROOT).startsWith(reserved)) {
        throw new PolicyException(
            "name", Text.quote(name) + " (must not begin with Microsoft, System or EventGrid)");
      }
    }
    alternativeAuthenticationNameSources = List.copyOf(alternativeAuthenticationNameSources);
    tokenIssuers = List.copyOf(tokenIssuers);
  }

  /** In which the registry alone says who a client is. */
  public NamespaceSettings(String name, List<NameSource> alternativeAuthenticationNameSources) {
    this(
        name,
        alternativeAuthenticationNameSources,
        0,
        List.of(),
        Optional.empty(),
        EventRouting.NONE,
        Network.OPEN);
  }

  @Override
  public Kind kind() {
    return Kind.NAMESPACE;
  }

  /** There is one of them, whatever it is called. */
  @Override
  public String id() {
    return "";
  }
}
