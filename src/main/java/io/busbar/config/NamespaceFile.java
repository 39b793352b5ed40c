package io.busbar.config;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.event.Route;
import io.busbar.mqtt.Topics;
import io.busbar.policy.Attribute;
import io.busbar.policy.CaCertificate;
import io.busbar.policy.Client;
import io.busbar.policy.Client.ValidationScheme;
import io.busbar.policy.ClientGroup;
import io.busbar.policy.Namespace;
import io.busbar.policy.Namespace.NameSource;
import io.busbar.policy.PermissionBinding;
import io.busbar.policy.PermissionBinding.Permission;
import io.busbar.policy.TopicSpace;
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The namespace file: the namespace's resources under Event Grid's property names, in YAML.
 *
 * @param namespace who may do what
 * @param routes where messages are sent besides to subscribers
 */
public record NamespaceFile(Namespace namespace, List<Route> routes) {
  private static final int MAX_PEM_BYTES = 65_536;
  private static final int MAX_LANES = 1_024;
  private static final int DEFAULT_LANES = 16;
  private static final Pattern ROUTE_NAME = Pattern.compile("[a-zA-Z0-9-]{3,50}");
  private static final Pattern PEM =
      Pattern.compile("-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\\s]*+)-----END CERTIFICATE-----");
  private static final Map<String, Boolean> STATES = Choices.of("Enabled", true, "Disabled", false);
  private static final Map<String, ValidationScheme> SCHEMES =
      Choices.of(
          "SubjectMatchesAuthenticationName",
          ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
          "ThumbprintMatch",
          ValidationScheme.THUMBPRINT_MATCH);
  private static final Set<String> OTHER_SCHEMES =
      Set.of(
          "DnsMatchesAuthenticationName",
          "UriMatchesAuthenticationName",
          "IpMatchesAuthenticationName",
          "EmailMatchesAuthenticationName");
  private static final Map<String, Permission> PERMISSIONS =
      Choices.of("Publisher", Permission.PUBLISHER, "Subscriber", Permission.SUBSCRIBER);

  /** Copies the list, so that a file read does not change. */
  public NamespaceFile {
    routes = List.copyOf(routes);
  }

  /**
   * Reads a namespace file.
   *
   * @throws ConfigException if it cannot be read or breaks a rule
   */
  public static NamespaceFile read(Path file) {
    Section root =
        Section.read(file)
            .only(
                "name",
                "clients",
                "clientGroups",
                "topicSpaces",
                "permissionBindings",
                "caCertificates",
                "alternativeAuthenticationNameSources",
                "routes");
    String name = root.requiredText("name");
    List<Client> clients = root.sections("clients").stream().map(NamespaceFile::client).toList();
    List<ClientGroup> groups =
        root.sections("clientGroups").stream().map(NamespaceFile::group).toList();
    List<TopicSpace> spaces =
        root.sections("topicSpaces").stream().map(NamespaceFile::space).toList();
    List<PermissionBinding> bindings =
        root.sections("permissionBindings").stream().map(NamespaceFile::binding).toList();
    List<CaCertificate> authorities =
        root.sections("caCertificates").stream().map(s -> authority(s, file)).toList();
    List<NameSource> sources = nameSources(root);
    Namespace namespace =
        root.made(
            () -> new Namespace(name, clients, groups, spaces, bindings, authorities, sources));
    return new NamespaceFile(namespace, routes(root));
  }

  private static Client client(Section section) {
    section.only(
        "name", "authenticationName", "state", "clientCertificateAuthentication", "attributes");
    String name = section.requiredText("name");
    String authenticationName = section.text("authenticationName").orElse(name);
    boolean enabled = section.choice("state", STATES, true);
    ValidationScheme scheme = ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME;
    List<String> thumbprints = List.of();
    if (section.has("clientCertificateAuthentication")) {
      Section certificate = section.section("clientCertificateAuthentication").orElseThrow();
      certificate.only("validationScheme", "allowedThumbprints");
      if (certificate.text("validationScheme").filter(OTHER_SCHEMES::contains).isPresent()) {
        throw certificate.error(
            "validationScheme",
            Yaml.quote(certificate.requiredText("validationScheme"))
                + " is not available yet (available: "
                + String.join(", ", SCHEMES.keySet())
                + ")");
      }
      scheme = certificate.choice("validationScheme", SCHEMES, scheme);
      thumbprints = certificate.texts("allowedThumbprints").orElse(List.of());
    }
    Map<String, Attribute> attributes =
        section
            .section("attributes")
            .map(s -> s.values(Attribute.Text::new, Attribute.Whole::new, NamespaceFile::list))
            .orElse(Map.of());
    ValidationScheme chosen = scheme;
    List<String> allowed = thumbprints;
    return section.made(
        () -> new Client(name, authenticationName, enabled, chosen, allowed, attributes));
  }

  private static Attribute list(List<String> texts) {
    return new Attribute.Texts(texts);
  }

  private static ClientGroup group(Section section) {
    section.only("name", "query");
    String name = section.requiredText("name");
    String query = section.requiredText("query");
    return section.made(() -> new ClientGroup(name, query));
  }

  private static TopicSpace space(Section section) {
    section.only("name", "topicTemplates");
    String name = section.requiredText("name");
    List<String> templates =
        section.texts("topicTemplates").orElseThrow(() -> section.missing("topicTemplates"));
    return section.made(() -> new TopicSpace(name, templates));
  }

  private static PermissionBinding binding(Section section) {
    section.only("name", "clientGroupName", "topicSpaceName", "permission");
    String name = section.requiredText("name");
    String group = section.requiredText("clientGroupName");
    String space = section.requiredText("topicSpaceName");
    section.requiredText("permission");
    Permission permission = section.choice("permission", PERMISSIONS, null);
    return section.made(() -> new PermissionBinding(name, group, space, permission));
  }

  private static CaCertificate authority(Section section, Path namespaceFile) {
    section.only("name", "encodedCertificate", "file");
    String name = section.requiredText("name");
    if (section.has("encodedCertificate") == section.has("file")) {
      throw section.error(
          "encodedCertificate",
          (section.has("file") ? "given besides file" : "missing")
              + " (allowed: either encodedCertificate or file)");
    }
    String key = section.has("file") ? "file" : "encodedCertificate";
    String pem = section.requiredText(key);
    if (key.equals("file")) {
      pem = new String(Yaml.bytes(path(section, namespaceFile, pem), MAX_PEM_BYTES), ISO_8859_1);
    }
    X509Certificate certificate = certificate(section, key, pem);
    return section.made(() -> new CaCertificate(name, certificate));
  }

  private static Path path(Section section, Path namespaceFile, String relative) {
    try {
      return namespaceFile.toAbsolutePath().resolveSibling(relative).normalize();
    } catch (InvalidPathException e) {
      throw section.error("file", Yaml.quote(relative) + " (allowed: a path)");
    }
  }

  private static X509Certificate certificate(Section section, String key, String pem) {
    Matcher block = PEM.matcher(pem);
    if (!block.find()) {
      throw section.error(
          key, "holds no certificate (allowed: PEM, -----BEGIN CERTIFICATE----- …)");
    }
    byte[] der;
    try {
      der = Base64.getDecoder().decode(block.group(1).replaceAll("\\s", ""));
    } catch (IllegalArgumentException e) {
      throw section.error(key, "is not base64 between BEGIN and END CERTIFICATE");
    }
    if (block.find()) {
      throw section.error(key, "holds several certificates (allowed: one, the issuer)");
    }
    try {
      return (X509Certificate)
          CertificateFactory.getInstance("X.509")
              .generateCertificate(new ByteArrayInputStream(der));
    } catch (CertificateException e) {
      throw section.error(key, "is not an X.509 certificate");
    }
  }

  private static List<NameSource> nameSources(Section root) {
    List<String> given = root.texts("alternativeAuthenticationNameSources").orElse(List.of());
    List<NameSource> sources = new ArrayList<>();
    for (int i = 0; i < given.size(); i++) {
      if (!given.get(i).equals("ClientCertificateSubject")) {
        throw root.error(
            "alternativeAuthenticationNameSources[" + i + "]",
            Yaml.quote(given.get(i)) + " (available: ClientCertificateSubject)");
      }
      sources.add(NameSource.CLIENT_CERTIFICATE_SUBJECT);
    }
    return sources;
  }

  private static List<Route> routes(Section root) {
    List<Route> routes = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (Section section : root.sections("routes")) {
      Route route = route(section);
      if (!names.add(route.name())) {
        throw section.error(
            "name", Yaml.quote(route.name()) + " is that of another route (must be unique)");
      }
      routes.add(route);
    }
    return routes;
  }

  private static Route route(Section section) {
    section.only("name", "topicFilters", "webhook");
    String name = section.requiredText("name");
    if (!ROUTE_NAME.matcher(name).matches()) {
      throw section.error("name", Yaml.quote(name) + " (allowed: 3 to 50 of A-Z a-z 0-9 -)");
    }
    List<String> filters = section.texts("topicFilters").orElse(List.of("#"));
    if (filters.isEmpty()) {
      throw section.error("topicFilters", "none given (allowed: at least 1)");
    }
    for (int i = 0; i < filters.size(); i++) {
      byte[] filter = filters.get(i).getBytes(UTF_8);
      String problem =
          Topics.filterError(filter, 0, filter.length, (int) Limit.TOPIC_LEVELS.most());
      if (problem == null && filters.get(i).startsWith("$")) {
        problem = Yaml.quote(filters.get(i)) + " begins with '$' (such topics are reserved)";
      }
      if (problem != null) {
        throw section.error("topicFilters[" + i + "]", problem);
      }
    }
    Section webhook = section.section("webhook").orElseThrow(() -> section.missing("webhook"));
    webhook.only("endpointUrl", "lanes");
    return new Route(
        name,
        filters,
        endpoint(webhook, webhook.requiredText("endpointUrl")),
        webhook.whole("lanes", 1, MAX_LANES, DEFAULT_LANES));
  }

  /** A URL may carry a secret in its query, so none is repeated in a message. */
  private static URI endpoint(Section webhook, String url) {
    try {
      URI uri = new URI(url);
      String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
      if ((scheme.equals("http") || scheme.equals("https"))
          && uri.getHost() != null
          && uri.getPort() <= 65_535) {
        return uri;
      }
    } catch (URISyntaxException notOne) {
      // refused below, without the text, which the exception repeats
    }
    throw webhook.error(
        "endpointUrl", "is not a URL of a webhook (allowed: http or https://host…)");
  }
}
