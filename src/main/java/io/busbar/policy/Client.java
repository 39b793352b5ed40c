package io.busbar.policy;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * An entry of the client registry (Microsoft.EventGrid/namespaces/clients).
 *
 * @param name the resource name: 1 to 128 of {@code A-Z a-z 0-9 - : . _}
 * @param authenticationName who the client says it is: 1 to 128 characters, unique in the namespace
 *     ignoring case
 * @param enabled whether it may connect
 * @param validationScheme how its certificate is judged
 * @param allowedThumbprints SHA-1 or SHA-256 of the certificates accepted, kept in upper case
 *     without colons; one or two with {@link ValidationScheme#THUMBPRINT_MATCH}, else none
 * @param attributes what groups and templates refer to; less than 4 KB in all
 * @param password what its password is checked by, if that proves who it is: no certificate does
 *     then. Not of Event Grid
 */
public record Client(
    String name,
    String authenticationName,
    boolean enabled,
    ValidationScheme validationScheme,
    List<String> allowedThumbprints,
    Map<String, Attribute> attributes,
    Optional<PasswordHash> password)
    implements Resource {

  private static final Pattern NAME = Pattern.compile("[-a-zA-Z0-9:._]{1,128}");
  private static final Pattern KEY = Pattern.compile("[A-Za-z0-9_]+");
  private static final Pattern THUMBPRINT = Pattern.compile("[0-9A-F]{40}|[0-9A-F]{64}");
  private static final int MAX_AUTHENTICATION_NAME = 128;
  private static final int MAX_THUMBPRINTS = 2;
  private static final int MAX_ATTRIBUTE_BYTES = 4_095;

  /** How a client's certificate is judged. */
  public enum ValidationScheme {
    /** Issued by a registered CA, and its CN or whole subject is the authentication name. */
    SUBJECT_MATCHES_AUTHENTICATION_NAME,
    /** Issued by a registered CA, and one of its DNS names is the authentication name. */
    DNS_MATCHES_AUTHENTICATION_NAME,
    /** Issued by a registered CA, and one of its URIs is the authentication name. */
    URI_MATCHES_AUTHENTICATION_NAME,
    /** Issued by a registered CA, and one of its IP addresses is the authentication name. */
    IP_MATCHES_AUTHENTICATION_NAME,
    /** Issued by a registered CA, and one of its email addresses is the authentication name. */
    EMAIL_MATCHES_AUTHENTICATION_NAME,
    /** One of the allowed thumbprints; no CA is asked. */
    THUMBPRINT_MATCH
  }

  /**
   * Judges and copies the values.
   *
   * @throws PolicyException if one breaks a rule
   */
  public Client {
    if (!NAME.matcher(name).matches()) {
      throw new PolicyException(
          "name", Text.quote(name) + " (allowed: 1 to 128 of A-Z a-z 0-9 - : . _)");
    }
    int length = authenticationName.codePointCount(0, authenticationName.length());
    if (length < 1 || length > MAX_AUTHENTICATION_NAME || !Text.isWellFormed(authenticationName)) {
      throw new PolicyException(
          "authenticationName",
          Text.quote(authenticationName) + " (allowed: 1 to 128 characters of UTF-8)");
    }
    allowedThumbprints = allowedThumbprints.stream().map(Client::thumbprint).toList();
    int most = validationScheme == ValidationScheme.THUMBPRINT_MATCH ? MAX_THUMBPRINTS : 0;
    if (allowedThumbprints.size() > most || (most > 0 && allowedThumbprints.isEmpty())) {
      throw new PolicyException(
          "clientCertificateAuthentication.allowedThumbprints",
          "%d given (allowed: 1 or 2 with scheme ThumbprintMatch, else none)"
              .formatted(allowedThumbprints.size()));
    }
    attributes = Map.copyOf(attributes);
    long bytes = 0;
    for (Map.Entry<String, Attribute> attribute : attributes.entrySet()) {
      String key = attribute.getKey();
      if (!KEY.matcher(key).matches()) {
        throw new PolicyException(
            "attributes", "key " + Text.quote(key) + " (allowed: A-Z a-z 0-9 _)");
      }
      bytes += key.length();
      for (String text : attribute.getValue().texts()) {
        if (!Text.isWellFormed(text)) {
          throw new PolicyException("attributes." + key, "not Unicode: " + Text.quote(text));
        }
        bytes += text.getBytes(UTF_8).length;
      }
    }
    if (bytes > MAX_ATTRIBUTE_BYTES) {
      throw new PolicyException(
          "attributes",
          "%d bytes of keys and values (allowed: at most %d)"
              .formatted(bytes, MAX_ATTRIBUTE_BYTES));
    }
  }

  /**
   * A client that proves by its certificate who it is.
   *
   * @throws PolicyException if a value breaks a rule
   */
  public Client(
      String name,
      String authenticationName,
      boolean enabled,
      ValidationScheme validationScheme,
      List<String> allowedThumbprints,
      Map<String, Attribute> attributes) {
    this(
        name,
        authenticationName,
        enabled,
        validationScheme,
        allowedThumbprints,
        attributes,
        Optional.empty());
  }

  private static String thumbprint(String given) {
    String bare = given.replace(":", "").toUpperCase(Locale.ROOT);
    if (!THUMBPRINT.matcher(bare).matches()) {
      throw new PolicyException(
          "clientCertificateAuthentication.allowedThumbprints",
          Text.quote(given) + " (allowed: SHA-1 or SHA-256 as 40 or 64 hexadecimal digits)");
    }
    return bare;
  }

  @Override
  public Kind kind() {
    return Kind.CLIENT;
  }

  /** Its authentication name, whose case does not matter. */
  @Override
  public String key() {
    return Text.fold(authenticationName);
  }
}
