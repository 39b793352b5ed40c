package io.busbar.config;

import io.busbar.policy.CaCertificate;
import io.busbar.policy.Client;
import io.busbar.policy.ClientGroup;
import io.busbar.policy.EventSubscription;
import io.busbar.policy.Namespace;
import io.busbar.policy.NamespaceSettings;
import io.busbar.policy.NamespaceTopic;
import io.busbar.policy.PermissionBinding;
import io.busbar.policy.Resource;
import io.busbar.policy.Resource.Kind;
import io.busbar.policy.TokenIssuer;
import io.busbar.policy.TopicSpace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The namespace file: the namespace's resources under Event Grid's property names, in YAML.
 *
 * @param namespace who may do what
 * @param resources the same, one by one, with what people say of them
 * @param files all that were read
 */
public record NamespaceFile(Namespace namespace, List<ResourceForm> resources, List<Path> files) {
  private static final Pattern NAMES = Pattern.compile("[^.].*\\.(?:yaml|yml|json)");

  /** What concerns the namespace as a whole, besides its name. */
  private static final List<String> OWN =
      List.of(
          "alternativeAuthenticationNameSources",
          "maximumClientSessionsPerAuthenticationName",
          TokenIssuer.Method.CUSTOM_JWT.property(),
          TokenIssuer.Method.OAUTH2_JWT.property(),
          "webhookAuthentication",
          "routeTopic",
          "routingEnrichments",
          "lifeCycleTopic",
          "publicNetworkAccess",
          "inboundIpRules");

  private static final List<String> RESOURCES =
      Stream.of(
              Kind.CLIENT,
              Kind.CLIENT_GROUP,
              Kind.TOPIC_SPACE,
              Kind.PERMISSION_BINDING,
              Kind.CA_CERTIFICATE,
              Kind.TOPIC)
          .map(Kind::plural)
          .toList();

  /** Copies the lists, so that a file read does not change. */
  public NamespaceFile {
    resources = List.copyOf(resources);
    files = List.copyOf(files);
  }

  /**
   * Reads a namespace file, or a directory of some, as a ConfigMap is mounted: their names end in
   * .yaml, .yml or .json, one of them has the name and what concerns the namespace as a whole, and
   * resources are in any.
   *
   * @throws ConfigException if it cannot be read or breaks a rule
   */
  public static NamespaceFile read(Path file) {
    List<Root> roots = roots(file);
    List<Path> files = new ArrayList<>(List.of(file));
    if (Files.isDirectory(file)) {
      roots.forEach(root -> files.add(root.file));
    }
    Root first = roots.get(0);
    first.section.only(
        Stream.of(List.of("name"), RESOURCES, OWN).flatMap(List::stream).toArray(String[]::new));
    for (Root root : roots.subList(1, roots.size())) {
      root.section.only(RESOURCES.toArray(String[]::new));
    }
    List<ResourceForm> resources = new ArrayList<>();
    NamespaceSettings settings = ResourceForm.settings(first.section, first.file);
    resources.add(new ResourceForm(settings, first.section.text("description").orElse(null)));
    List<Client> clients = read(roots, Kind.CLIENT, Client.class, resources);
    List<ClientGroup> groups = read(roots, Kind.CLIENT_GROUP, ClientGroup.class, resources);
    List<TopicSpace> spaces = read(roots, Kind.TOPIC_SPACE, TopicSpace.class, resources);
    List<PermissionBinding> bindings =
        read(roots, Kind.PERMISSION_BINDING, PermissionBinding.class, resources);
    List<CaCertificate> authorities =
        read(roots, Kind.CA_CERTIFICATE, CaCertificate.class, resources);
    Namespace namespace =
        first.section.made(
            () -> new Namespace(settings, clients, groups, spaces, bindings, authorities));
    topics(roots, settings, resources);
    for (Root root : roots) {
      root.section.sections(Kind.CA_CERTIFICATE.plural()).stream()
          .flatMap(section -> other(section, root.file).stream())
          .forEach(files::add);
    }
    Arrays.stream(TokenIssuer.Method.values())
        .flatMap(method -> first.section.section(method.property()).stream())
        .flatMap(tokens -> tokens.sections("encodedIssuerCertificates").stream())
        .flatMap(section -> other(section, first.file).stream())
        .forEach(files::add);
    return new NamespaceFile(namespace, resources, files);
  }

  /** What a file says, and which. */
  private record Root(Path file, Section section) {}

  /** The files; that which has the namespace's name is the first. */
  private static List<Root> roots(Path place) {
    if (!Files.isDirectory(place)) {
      return List.of(new Root(place, Section.read(place)));
    }
    List<Root> roots;
    try (Stream<Path> files = Files.list(place)) {
      roots =
          files
              .filter(file -> NAMES.matcher(file.getFileName().toString()).matches())
              .filter(Files::isRegularFile)
              .sorted()
              .map(file -> new Root(file, Section.read(file)))
              .collect(Collectors.toCollection(ArrayList::new));
    } catch (IOException | UncheckedIOException e) {
      throw new ConfigException(place + ": cannot be read: " + e.getMessage());
    }
    List<Root> named = roots.stream().filter(root -> root.section.keys().contains("name")).toList();
    if (named.size() != 1) {
      throw new ConfigException(
          "%s: %d of its %d files have the name of the namespace (allowed: one of *.yaml, *.yml,"
                  .formatted(place, named.size(), roots.size())
              + " *.json)");
    }
    roots.remove(named.get(0));
    roots.add(0, named.get(0));
    return roots;
  }

  private static Optional<Path> other(Section section, Path file) {
    return section.text("file").map(name -> ResourceForm.path(section, file, name));
  }

  private static <T extends Resource> List<T> read(
      List<Root> roots, Kind kind, Class<T> type, List<ResourceForm> all) {
    List<T> some = new ArrayList<>();
    for (Root root : roots) {
      for (Section section : root.section.sections(kind.plural())) {
        ResourceForm one = ResourceForm.read(kind, section, root.file);
        all.add(one);
        some.add(type.cast(one.resource()));
      }
    }
    return some;
  }

  /** Topics, and the event subscriptions of each. */
  private static void topics(
      List<Root> roots, NamespaceSettings settings, List<ResourceForm> resources) {
    Set<String> ids = new HashSet<>();
    List<Section> topics =
        roots.stream()
            .flatMap(root -> root.section.sections(Kind.TOPIC.plural()).stream())
            .toList();
    for (Section section : topics) {
      ResourceForm topic = ResourceForm.read(Kind.TOPIC, section, null);
      requireNew(section, ids, topic);
      resources.add(topic);
      for (Section below : section.sections(Kind.EVENT_SUBSCRIPTION.plural())) {
        Section named = below.named(topic.resource().name() + "/" + below.requiredText("name"));
        ResourceForm one = ResourceForm.read(Kind.EVENT_SUBSCRIPTION, named, null);
        requireNew(below, ids, one);
        try {
          EventQueues.ttl((EventSubscription) one.resource(), (NamespaceTopic) topic.resource());
        } catch (ConfigException e) {
          throw below.error("deliveryConfiguration", e.getMessage());
        }
        resources.add(one);
      }
    }
    requireTopic(roots.get(0).section, "routeTopic", settings.events().topic(), ids);
    requireTopic(roots.get(0).section, "lifeCycleTopic", settings.events().lifeCycleTopic(), ids);
  }

  private static void requireTopic(
      Section root, String key, Optional<String> name, Set<String> ids) {
    if (name.isPresent() && !ids.contains(Kind.TOPIC.id(name.get()))) {
      throw root.error(
          key, Yaml.quote(name.get()) + " does not exist (allowed: a name under topics)");
    }
  }

  private static void requireNew(Section section, Set<String> ids, ResourceForm form) {
    if (!ids.add(form.resource().id())) {
      throw section.error(
          "name", Yaml.quote(form.resource().name()) + " is that of another (must be unique)");
    }
  }
}
