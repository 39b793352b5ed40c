package io.busbar.config;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.busbar.policy.AccessKeys;
import io.busbar.policy.Attribute;
import io.busbar.policy.AuthenticationWebhook;
import io.busbar.policy.CaCertificate;
import io.busbar.policy.Client;
import io.busbar.policy.Client.ValidationScheme;
import io.busbar.policy.ClientGroup;
import io.busbar.policy.Enrichment;
import io.busbar.policy.Enrichment.Source;
import io.busbar.policy.EventRouting;
import io.busbar.policy.EventSubscription;
import io.busbar.policy.NamespaceSettings;
import io.busbar.policy.NamespaceSettings.NameSource;
import io.busbar.policy.NamespaceTopic;
import io.busbar.policy.Network;
import io.busbar.policy.PasswordHash;
import io.busbar.policy.PermissionBinding;
import io.busbar.policy.PermissionBinding.Permission;
import io.busbar.policy.Resource;
import io.busbar.policy.TokenIssuer;
import io.busbar.policy.TokenIssuer.Method;
import io.busbar.policy.TokenIssuer.Published;
import io.busbar.policy.TokenIssuer.Signer;
import io.busbar.policy.TopicSpace;
import io.netty.util.NetUtil;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The form of a namespace's resources, under Event Grid's property names: as entries of a namespace
 * file, in the store, and in requests.
 *
 * @param resource what it is
 * @param description what people say of it, or null
 */
public record ResourceForm(Resource resource, String description) {
  private static final JsonFactory JSON = new JsonFactory();
  private static final int MAX_PEM_BYTES = 65_536;
  private static final int MAX_SESSIONS = 100;
  private static final String ENRICHMENTS = "routingEnrichments";
  private static final String CERTIFICATE = "clientCertificateAuthentication";
  private static final String PASSWORD = "passwordAuthentication";
  private static final String ACCESS = "publicNetworkAccess";
  private static final String IP_RULES = "inboundIpRules";
  private static final Pattern IP_MASK = Pattern.compile("([0-9A-Fa-f.:]{2,45})(?:/([0-9]{1,3}))?");
  private static final String SESSIONS = "maximumClientSessionsPerAuthenticationName";
  private static final Pattern PEM =
      Pattern.compile("-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\\s]*+)-----END CERTIFICATE-----");
  private static final Map<String, Boolean> STATES = Choices.of("Enabled", true, "Disabled", false);
  private static final Map<String, ValidationScheme> SCHEMES =
      Choices.words(ValidationScheme.class);
  private static final Map<String, NameSource> SOURCES = Choices.words(NameSource.class);
  private static final Map<String, Permission> PERMISSIONS = Choices.words(Permission.class);

  // --- reading ---

  /**
   * Reads what {@link #encode} wrote.
   *
   * @throws ConfigException if it breaks a rule
   */
  public static ResourceForm decode(Resource.Kind kind, byte[] stored) {
    return read(kind, Section.of(Json.read(stored)), null);
  }

  /**
   * Reads the properties of a resource from a request. Properties that are not known are left out:
   * samples send some.
   *
   * @param name the resource's, from the path of the request
   * @param json an object; its {@code properties} are the resource's
   * @throws ConfigException if it breaks a rule
   */
  public static ResourceForm parse(Resource.Kind kind, String name, byte[] json) {
    Section body = Section.of(Json.read(json));
    Section properties = body.section("properties").orElseGet(body::nothing);
    return read(kind, properties.named(name), null);
  }

  /** Reads an entry of a namespace file, or a resource of another form without a file. */
  static ResourceForm read(Resource.Kind kind, Section section, Path file) {
    Resource resource =
        switch (kind) {
          case CLIENT -> client(section);
          case CLIENT_GROUP -> group(section);
          case TOPIC_SPACE -> space(section);
          case PERMISSION_BINDING -> binding(section);
          case CA_CERTIFICATE -> authority(section, file);
          case NAMESPACE -> settings(section, file);
          case TOPIC -> topic(section);
          case EVENT_SUBSCRIPTION -> EventSubscriptionForm.read(section);
          case ACCESS_KEYS ->
              new AccessKeys(section.requiredText("key1"), section.requiredText("key2"));
        };
    return new ResourceForm(resource, section.text("description").orElse(null));
  }

  private static Client client(Section section) {
    section.only("name", "authenticationName", "state", CERTIFICATE, PASSWORD, "attributes");
    String name = section.requiredText("name");
    String authenticationName = section.text("authenticationName").orElse(name);
    boolean enabled = section.choice("state", STATES, true);
    ValidationScheme scheme = ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME;
    List<String> thumbprints = List.of();
    if (section.has(CERTIFICATE) && section.has(PASSWORD)) {
      throw section.error(PASSWORD, "given besides " + CERTIFICATE + " (allowed: one of them)");
    }
    Optional<PasswordHash> password = section.section(PASSWORD).map(ResourceForm::password);
    if (section.has(CERTIFICATE)) {
      Section certificate = section.section(CERTIFICATE).orElseThrow();
      certificate.only("validationScheme", "allowedThumbprints");
      scheme = certificate.choice("validationScheme", SCHEMES, scheme);
      thumbprints = certificate.texts("allowedThumbprints").orElse(List.of());
    }
    Map<String, Attribute> attributes =
        section
            .section("attributes")
            .map(s -> s.values(Attribute.Text::new, Attribute.Whole::new, ResourceForm::list))
            .orElse(Map.of());
    ValidationScheme chosen = scheme;
    List<String> allowed = thumbprints;
    return section.made(
        () -> new Client(name, authenticationName, enabled, chosen, allowed, attributes, password));
  }

  private static PasswordHash password(Section section) {
    section.only("passwordHash");
    String text = section.requiredText("passwordHash");
    return section.made(() -> PasswordHash.parse(text));
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

  private static NamespaceTopic topic(Section section) {
    section.only(
        "name", "publisherType", "inputSchema", "eventRetentionInDays", "eventSubscriptions");
    String name = section.requiredText("name");
    section.choice("publisherType", Map.of("Custom", true), true);
    section.choice("inputSchema", Map.of("CloudEventSchemaV1_0", true), true);
    int days = section.whole("eventRetentionInDays", 1, NamespaceTopic.MAX_RETENTION, 1);
    return section.made(() -> new NamespaceTopic(name, days));
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

  private static CaCertificate authority(Section section, Path file) {
    section.only("name", "encodedCertificate", "file");
    String name = section.requiredText("name");
    X509Certificate certificate = certificate(section, file);
    return section.made(() -> new CaCertificate(name, certificate));
  }

  /** A certificate in its property, or in a file beside the namespace file. */
  private static X509Certificate certificate(Section section, Path file) {
    if (file == null) {
      return certificate(section, "encodedCertificate", section.requiredText("encodedCertificate"));
    }
    if (section.has("encodedCertificate") == section.has("file")) {
      throw section.error(
          "encodedCertificate",
          (section.has("file") ? "given besides file" : "missing")
              + " (allowed: either encodedCertificate or file)");
    }
    String key = section.has("file") ? "file" : "encodedCertificate";
    String pem = section.requiredText(key);
    if (key.equals("file")) {
      pem = new String(Yaml.bytes(path(section, file, pem), MAX_PEM_BYTES), ISO_8859_1);
    }
    return certificate(section, key, pem);
  }

  /** The path of a file that a namespace file names, as it does: relative to itself. */
  static Path path(Section section, Path file, String relative) {
    try {
      return file.toAbsolutePath().resolveSibling(relative).normalize();
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

  /** The namespace's own keys; a namespace file has others besides. */
  static NamespaceSettings settings(Section section, Path file) {
    String name = section.requiredText("name");
    List<String> given = section.texts("alternativeAuthenticationNameSources").orElse(List.of());
    List<NameSource> sources = new ArrayList<>();
    for (int i = 0; i < given.size(); i++) {
      NameSource source = SOURCES.get(given.get(i));
      if (source == null) {
        throw section.error(
            "alternativeAuthenticationNameSources[" + i + "]",
            Yaml.quote(given.get(i)) + " (allowed: " + String.join(", ", SOURCES.keySet()) + ")");
      }
      sources.add(source);
    }
    int sessions = section.whole(SESSIONS, 1, MAX_SESSIONS, 0);
    List<TokenIssuer> issuers = new ArrayList<>();
    for (Method method : Method.values()) {
      section
          .section(method.property())
          .ifPresent(tokens -> issuers.add(tokenIssuer(method, tokens, file)));
    }
    Optional<AuthenticationWebhook> webhook =
        section.section("webhookAuthentication").map(ResourceForm::webhook);
    EventRouting events = events(section);
    Network network = network(section);
    return section.made(
        () -> new NamespaceSettings(name, sources, sessions, issuers, webhook, events, network));
  }

  private static EventRouting events(Section section) {
    List<Enrichment> enrichments = new ArrayList<>();
    Section given = section.section(ENRICHMENTS).orElseGet(section::nothing);
    given.only("static", "dynamic");
    for (Section one : given.sections("static")) {
      one.only("key", "value", "valueType");
      String value = one.requiredText("value");
      enrichments.add(one.made(() -> new Enrichment(one.requiredText("key"), Source.FIXED, value)));
    }
    for (Section one : given.sections("dynamic")) {
      one.only("key", "value");
      String value = one.requiredText("value");
      enrichments.add(one.made(() -> Enrichment.dynamic(one.requiredText("key"), value)));
    }
    Optional<String> topic = section.text("routeTopic");
    Optional<String> lifeCycle = section.text("lifeCycleTopic");
    return section.made(() -> new EventRouting(topic, enrichments, lifeCycle));
  }

  private static Network network(Section section) {
    List<Network.Range> ranges = new ArrayList<>();
    for (Section one : section.sections(IP_RULES)) {
      one.only("ipMask", "action");
      one.choice("action", Map.of("Allow", true), true);
      ranges.add(range(one, one.requiredText("ipMask")));
    }
    boolean isPublic = section.choice(ACCESS, STATES, true);
    return section.made(() -> new Network(isPublic, ranges));
  }

  private static Network.Range range(Section section, String text) {
    Matcher mask = IP_MASK.matcher(text);
    byte[] address =
        mask.matches() ? NetUtil.createByteArrayFromIpAddressString(mask.group(1)) : null;
    if (address == null) {
      throw section.error(
          "ipMask",
          Yaml.quote(text) + " (allowed: an address, or a range, as in 10.1.0.0/16 or fd00::/8)");
    }
    int prefix = mask.group(2) == null ? address.length * 8 : Integer.parseInt(mask.group(2));
    return section.made(() -> new Network.Range(address, prefix));
  }

  private static AuthenticationWebhook webhook(Section section) {
    section.only("endpointUrl");
    String endpointUrl = section.requiredText("endpointUrl");
    return section.made(() -> AuthenticationWebhook.of(endpointUrl));
  }

  private static TokenIssuer tokenIssuer(Method method, Section section, Path file) {
    section.only("tokenIssuer", "audiences", "encodedIssuerCertificates", "jwksUri", "discovery");
    String issuer = section.requiredText("tokenIssuer");
    List<String> audiences = section.texts("audiences").orElse(List.of());
    List<Signer> signers = new ArrayList<>();
    for (Section one : section.sections("encodedIssuerCertificates")) {
      one.only("kid", "encodedCertificate", "file");
      signers.add(new Signer(one.requiredText("kid"), certificate(one, file)));
    }
    Optional<Published> published = published(section, issuer);
    return section.made(() -> new TokenIssuer(method, issuer, audiences, signers, published));
  }

  private static Optional<Published> published(Section section, String issuer) {
    boolean isDiscovered = section.flag("discovery", false);
    if (isDiscovered && section.has("jwksUri")) {
      throw section.error("discovery", "given besides jwksUri (allowed: one of them)");
    }
    if (isDiscovered) {
      return Optional.of(section.made(() -> Published.discovered(issuer)));
    }
    return section.text("jwksUri").map(uri -> section.made(() -> Published.keys(uri)));
  }

  // --- writing ---

  /** The resource as one JSON object, the same bytes for the same resource. */
  public byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator out = JSON.createGenerator(bytes)) {
      out.writeStartObject();
      out.writeStringField("name", resource.name());
      if (description != null) {
        out.writeStringField("description", description);
      }
      properties(out);
      out.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private void properties(JsonGenerator out) throws IOException {
    if (resource instanceof Client client) {
      client(out, client);
    } else if (resource instanceof ClientGroup group) {
      out.writeStringField("query", group.query());
    } else if (resource instanceof TopicSpace space) {
      texts(out, "topicTemplates", space.topicTemplates());
    } else if (resource instanceof PermissionBinding binding) {
      out.writeStringField("clientGroupName", binding.clientGroupName());
      out.writeStringField("topicSpaceName", binding.topicSpaceName());
      out.writeStringField("permission", word(PERMISSIONS, binding.permission()));
    } else if (resource instanceof CaCertificate authority) {
      out.writeStringField("encodedCertificate", Pem.of(authority.certificate()));
    } else if (resource instanceof NamespaceTopic topic) {
      out.writeStringField("publisherType", "Custom");
      out.writeStringField("inputSchema", "CloudEventSchemaV1_0");
      out.writeNumberField("eventRetentionInDays", topic.eventRetentionInDays());
    } else if (resource instanceof EventSubscription subscription) {
      EventSubscriptionForm.write(out, subscription);
    } else if (resource instanceof AccessKeys keys) {
      out.writeStringField("key1", keys.key1());
      out.writeStringField("key2", keys.key2());
    } else if (resource instanceof NamespaceSettings settings) {
      texts(
          out,
          "alternativeAuthenticationNameSources",
          settings.alternativeAuthenticationNameSources().stream()
              .map(source -> word(SOURCES, source))
              .toList());
      if (settings.maximumClientSessionsPerAuthenticationName() > 0) {
        out.writeNumberField(SESSIONS, settings.maximumClientSessionsPerAuthenticationName());
      }
      for (TokenIssuer issuer : settings.tokenIssuers()) {
        tokenIssuer(out, issuer);
      }
      routing(out, settings.events());
      network(out, settings.network());
      if (settings.webhook().isPresent()) {
        out.writeObjectFieldStart("webhookAuthentication");
        out.writeStringField("endpointUrl", settings.webhook().get().endpoint().toString());
        out.writeEndObject();
      }
    }
  }

  private static void routing(JsonGenerator out, EventRouting events) throws IOException {
    if (events.topic().isPresent()) {
      out.writeStringField("routeTopic", events.topic().get());
    }
    if (!events.enrichments().isEmpty()) {
      out.writeObjectFieldStart(ENRICHMENTS);
      for (boolean isFixed : new boolean[] {true, false}) {
        out.writeArrayFieldStart(isFixed ? "static" : "dynamic");
        for (Enrichment one : events.enrichments()) {
          if ((one.source() == Source.FIXED) == isFixed) {
            out.writeStartObject();
            out.writeStringField("key", one.key());
            out.writeStringField("value", one.value());
            out.writeEndObject();
          }
        }
        out.writeEndArray();
      }
      out.writeEndObject();
    }
    if (events.lifeCycleTopic().isPresent()) {
      out.writeStringField("lifeCycleTopic", events.lifeCycleTopic().get());
    }
  }

  private static void network(JsonGenerator out, Network network) throws IOException {
    if (!network.isPublic()) {
      out.writeStringField(ACCESS, "Disabled");
    }
    if (!network.allowed().isEmpty()) {
      out.writeArrayFieldStart(IP_RULES);
      for (Network.Range one : network.allowed()) {
        out.writeStartObject();
        out.writeStringField(
            "ipMask", NetUtil.bytesToIpAddress(one.address()) + "/" + one.prefix());
        out.writeStringField("action", "Allow");
        out.writeEndObject();
      }
      out.writeEndArray();
    }
  }

  private static void tokenIssuer(JsonGenerator out, TokenIssuer issuer) throws IOException {
    out.writeObjectFieldStart(issuer.method().property());
    out.writeStringField("tokenIssuer", issuer.issuer());
    if (!issuer.audiences().isEmpty()) {
      texts(out, "audiences", issuer.audiences());
    }
    if (issuer.published().isPresent()) {
      Published published = issuer.published().get();
      if (published.issuer().isPresent()) {
        out.writeBooleanField("discovery", true);
      } else {
        out.writeStringField("jwksUri", published.at().toString());
      }
    }
    out.writeArrayFieldStart("encodedIssuerCertificates");
    for (Signer signer : issuer.signers()) {
      out.writeStartObject();
      out.writeStringField("kid", signer.kid());
      out.writeStringField("encodedCertificate", Pem.of(signer.certificate()));
      out.writeEndObject();
    }
    out.writeEndArray();
    out.writeEndObject();
  }

  private static void client(JsonGenerator out, Client client) throws IOException {
    out.writeStringField("authenticationName", client.authenticationName());
    out.writeStringField("state", word(STATES, client.enabled()));
    if (client.password().isPresent()) {
      out.writeObjectFieldStart(PASSWORD);
      out.writeStringField("passwordHash", client.password().get().text());
    } else {
      out.writeObjectFieldStart(CERTIFICATE);
      out.writeStringField("validationScheme", word(SCHEMES, client.validationScheme()));
      if (!client.allowedThumbprints().isEmpty()) {
        texts(out, "allowedThumbprints", client.allowedThumbprints());
      }
    }
    out.writeEndObject();
    out.writeObjectFieldStart("attributes");
    for (Map.Entry<String, Attribute> one : new TreeMap<>(client.attributes()).entrySet()) {
      if (one.getValue() instanceof Attribute.Whole whole) {
        out.writeNumberField(one.getKey(), whole.value());
      } else if (one.getValue() instanceof Attribute.Text text) {
        out.writeStringField(one.getKey(), text.value());
      } else {
        texts(out, one.getKey(), one.getValue().texts());
      }
    }
    out.writeEndObject();
  }

  private static void texts(JsonGenerator out, String key, List<String> texts) throws IOException {
    out.writeArrayFieldStart(key);
    for (String text : texts) {
      out.writeString(text);
    }
    out.writeEndArray();
  }

  private static <T> String word(Map<String, T> words, T value) {
    for (Map.Entry<String, T> word : words.entrySet()) {
      if (Objects.equals(word.getValue(), value)) {
        return word.getKey();
      }
    }
    throw new IllegalArgumentException("a value without a word: " + value);
  }
}
