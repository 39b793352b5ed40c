package io.busbar.policy;

import io.busbar.policy.Client.ValidationScheme;
import io.busbar.policy.NamespaceSettings.NameSource;
import io.busbar.policy.PermissionBinding.Permission;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Puts a namespace together. */
final class TestPolicy {
  private final List<Client> clients = new ArrayList<>();
  private final List<ClientGroup> groups = new ArrayList<>();
  private final List<TopicSpace> spaces = new ArrayList<>();
  private final List<PermissionBinding> bindings = new ArrayList<>();
  private final List<CaCertificate> authorities = new ArrayList<>();
  private final List<NameSource> sources = new ArrayList<>();

  TestPolicy clients(Client... some) {
    clients.addAll(List.of(some));
    return this;
  }

  TestPolicy client(String name, Map<String, Attribute> attributes) {
    return clients(
        new Client(
            name,
            name,
            true,
            ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
            List.of(),
            attributes));
  }

  TestPolicy group(String name, String query) {
    groups.add(new ClientGroup(name, query));
    return this;
  }

  TestPolicy space(String name, String... templates) {
    spaces.add(new TopicSpace(name, List.of(templates)));
    return this;
  }

  TestPolicy bind(String group, Permission permission, String space) {
    bindings.add(new PermissionBinding("b-" + bindings.size(), group, space, permission));
    return this;
  }

  TestPolicy authorities(TestCa... some) {
    for (TestCa authority : some) {
      authorities.add(new CaCertificate("ca" + authorities.size(), authority.certificate()));
    }
    return this;
  }

  TestPolicy sources(NameSource... some) {
    sources.addAll(List.of(some));
    return this;
  }

  Namespace namespace() {
    return new Namespace(
        new NamespaceSettings("plant", sources), clients, groups, spaces, bindings, authorities);
  }

  Policy compile() {
    return Policy.compile(namespace());
  }
}
