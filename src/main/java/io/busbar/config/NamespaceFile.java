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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The namespace file: the namespace's resources under Event Grid's property names, in YAML.
 *
 * @param namespace who may do what
 * @param resources the same, one by one, with what people say of them
 * @param files all that were read
 */
public record NamespaceFile(Namespace namespace, List<ResourceForm> resources, List<Path> files) {

  /** Copies the lists, so that a file read does not change. */
  public NamespaceFile {
    resources = List.copyOf(resources);
    files = List.copyOf(files);
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
                "maximumClientSessionsPerAuthenticationName",
                TokenIssuer.Method.CUSTOM_JWT.property(),
                TokenIssuer.Method.OAUTH2_JWT.property(),
                "webhookAuthentication",
                "routeTopic",
                "routingEnrichments",
                "lifeCycleTopic",
                "publicNetworkAccess",
                "inboundIpRules",
                "topics");
    List<ResourceForm> resources = new ArrayList<>();
    NamespaceSettings settings = ResourceForm.settings(root, file);
    resources.add(new ResourceForm(settings, root.text("description").orElse(null)));
    List<Client> clients = read(root, Kind.CLIENT, Client.class, file, resources);
    List<ClientGroup> groups = read(root, Kind.CLIENT_GROUP, ClientGroup.class, file, resources);
    List<TopicSpace> spaces = read(root, Kind.TOPIC_SPACE, TopicSpace.class, file, resources);
    List<PermissionBinding> bindings =
        read(root, Kind.PERMISSION_BINDING, PermissionBinding.class, file, resources);
    List<CaCertificate> authorities =
        read(root, Kind.CA_CERTIFICATE, CaCertificate.class, file, resources);
    Namespace namespace =
        root.made(() -> new Namespace(settings, clients, groups, spaces, bindings, authorities));
    topics(root, settings, resources);
    List<Path> files = new ArrayList<>(List.of(file));
    for (Section section : root.sections(Kind.CA_CERTIFICATE.plural())) {
      section.text("file").ifPresent(other -> files.add(ResourceForm.path(section, file, other)));
    }
    Arrays.stream(TokenIssuer.Method.values())
        .flatMap(method -> root.section(method.property()).stream())
        .flatMap(tokens -> tokens.sections("encodedIssuerCertificates").stream())
        .forEach(
            section ->
                section
                    .text("file")
                    .ifPresent(other -> files.add(ResourceForm.path(section, file, other))));
    return new NamespaceFile(namespace, resources, files);
  }

  private static <T extends Resource> List<T> read(
      Section root, Kind kind, Class<T> type, Path file, List<ResourceForm> all) {
    List<T> some = new ArrayList<>();
    for (Section section : root.sections(kind.plural())) {
      ResourceForm one = ResourceForm.read(kind, section, file);
      all.add(one);
      some.add(type.cast(one.resource()));
    }
    return some;
  }

  /** Topics, and the event subscriptions of each. */
  private static void topics(
      Section root, NamespaceSettings settings, List<ResourceForm> resources) {
    Set<String> ids = new HashSet<>();
    for (Section section : root.sections(Kind.TOPIC.plural())) {
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
    requireTopic(root, "routeTopic", settings.events().topic(), ids);
    requireTopic(root, "lifeCycleTopic", settings.events().lifeCycleTopic(), ids);
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
