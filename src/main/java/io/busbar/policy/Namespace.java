package io.busbar.policy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;

/**
 * Everything that says who may do what (Microsoft.EventGrid/namespaces and its resources). Names
 * are unique among their kind and references lead somewhere.
 */
public record Namespace(
    NamespaceSettings settings,
    List<Client> clients,
    List<ClientGroup> clientGroups,
    List<TopicSpace> topicSpaces,
    List<PermissionBinding> permissionBindings,
    List<CaCertificate> caCertificates) {

  private static final Pattern NAME = Pattern.compile("[a-zA-Z0-9-]{3,50}");

  /**
   * Judges and copies the values.
   *
   * @throws PolicyException if one breaks a rule
   */
  public Namespace {
    clients = List.copyOf(clients);
    clientGroups = List.copyOf(clientGroups);
    topicSpaces = List.copyOf(topicSpaces);
    permissionBindings = List.copyOf(permissionBindings);
    caCertificates = List.copyOf(caCertificates);

    requireUnique("clients", "name", clients, Client::id);
    requireUnique("clients", "authenticationName", clients, c -> Text.fold(c.authenticationName()));
    Set<String> groups = requireUnique("clientGroups", "name", clientGroups, ClientGroup::id);
    Set<String> spaces = requireUnique("topicSpaces", "name", topicSpaces, TopicSpace::id);
    requireUnique("permissionBindings", "name", permissionBindings, PermissionBinding::id);
    requireUnique("caCertificates", "name", caCertificates, CaCertificate::id);
    for (int i = 0; i < permissionBindings.size(); i++) {
      PermissionBinding binding = permissionBindings.get(i);
      String group = binding.clientGroupName();
      if (!group.equals(ClientGroup.ALL) && !groups.contains(Text.fold(group))) {
        throw new PolicyException(
            "permissionBindings[" + i + "].clientGroupName",
            Text.quote(group) + " does not exist (allowed: $all or a name under clientGroups)");
      }
      if (!spaces.contains(Text.fold(binding.topicSpaceName()))) {
        throw new PolicyException(
            "permissionBindings[" + i + "].topicSpaceName",
            Text.quote(binding.topicSpaceName())
                + " does not exist (allowed: a name under topicSpaces)");
      }
    }
  }

  /** All of it, what refers to others after them. */
  public List<Resource> resources() {
    List<Resource> all = new ArrayList<>();
    all.add(settings);
    all.addAll(caCertificates);
    all.addAll(clients);
    all.addAll(clientGroups);
    all.addAll(topicSpaces);
    all.addAll(permissionBindings);
    return all;
  }

  /** Holds a name to the rule of all resources but clients. */
  static void requireName(String property, String name) {
    if (!NAME.matcher(name).matches()) {
      throw new PolicyException(
          property, Text.quote(name) + " (allowed: 3 to 50 of A-Z a-z 0-9 -)");
    }
  }

  private static <T> Set<String> requireUnique(
      String kind, String property, List<T> all, Function<T, String> key) {
    Map<String, Integer> seen = new HashMap<>();
    for (int i = 0; i < all.size(); i++) {
      String value = key.apply(all.get(i));
      Integer earlier = seen.putIfAbsent(value, i);
      if (earlier != null) {
        throw new PolicyException(
            kind + "[" + i + "]." + property,
            Text.quote(value) + " is that of " + kind + "[" + earlier + "] too (must be unique)");
      }
    }
    return new HashSet<>(seen.keySet());
  }
}
