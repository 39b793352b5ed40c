package io.busbar.policy;

import io.busbar.mqtt.ReasonCode;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.security.auth.x500.X500Principal;

/**
 * A namespace, ready to decide: who a connecting client is, whether its certificate proves it, and
 * what it may do. Immutable and safe for any thread.
 */
public final class Policy {
  private final Map<String, Client> clients = new HashMap<>();
  private final Map<X500Principal, Client> bySubject = new HashMap<>();
  private final List<Group> groups = new ArrayList<>();
  private final List<Namespace.NameSource> nameSources;
  private final Certificates certificates;

  /** A group and what its bindings give. */
  record Group(String name, Optional<Query> query, List<Space> publish, List<Space> subscribe) {
    private boolean contains(Client client) {
      return query.isEmpty()
          || query.get().matches(client.authenticationName(), client.attributes());
    }
  }

  /** A topic space, its templates parsed. */
  record Space(String name, List<TopicTemplate> templates) {}

  private Policy(Namespace namespace) {
    for (Client client : namespace.clients()) {
      clients.put(Text.fold(client.authenticationName()), client);
      Certificates.distinguishedName(client.authenticationName())
          .ifPresent(subject -> bySubject.putIfAbsent(subject, client));
    }
    Map<String, Space> spaces = new HashMap<>();
    for (TopicSpace space : namespace.topicSpaces()) {
      spaces.put(
          space.name(),
          new Space(space.name(), space.topicTemplates().stream().map(TopicTemplate::of).toList()));
    }
    groups.add(new Group(ClientGroup.ALL, Optional.empty(), new ArrayList<>(), new ArrayList<>()));
    Map<String, Group> byName = new HashMap<>();
    for (ClientGroup group : namespace.clientGroups()) {
      Query query = Query.parse(group.query());
      groups.add(new Group(group.name(), Optional.of(query), new ArrayList<>(), new ArrayList<>()));
    }
    groups.forEach(group -> byName.put(group.name(), group));
    for (PermissionBinding binding : namespace.permissionBindings()) {
      Group group = byName.get(binding.clientGroupName());
      Space space = spaces.get(binding.topicSpaceName());
      List<Space> given =
          switch (binding.permission()) {
            case PUBLISHER -> group.publish();
            case SUBSCRIBER -> group.subscribe();
          };
      if (!given.contains(space)) {
        given.add(space);
      }
    }
    nameSources = namespace.alternativeAuthenticationNameSources();
    certificates = new Certificates(namespace.caCertificates());
  }

  /** Makes a policy of a namespace, which was judged when it was made. */
  public static Policy compile(Namespace namespace) {
    return new Policy(namespace);
  }

  /** The registry's client of an authentication name, whose case does not matter. */
  public Optional<Client> client(String authenticationName) {
    return Optional.ofNullable(clients.get(Text.fold(authenticationName)));
  }

  /** What a client may do, whether or not it may connect. */
  public Permit permit(Client client) {
    List<Group> of = new ArrayList<>();
    for (Group group : groups) {
      if (group.contains(client)) {
        of.add(group);
      }
    }
    return new GroupPermit(client, of);
  }

  /**
   * Judges a client that connects. Verifies up to {@value Certificates#MAX_CHAIN} signatures, about
   * a millisecond of work.
   *
   * @param userName the user name of CONNECT, or an empty text without one
   * @param clientId the client id of CONNECT, for the text of a refusal only
   * @param chain the certificates that the client proved and sent, its own first; empty without
   * @param now the time at which certificates must be valid
   */
  public Admission admit(
      String userName, String clientId, List<X509Certificate> chain, Instant now) {
    Optional<Client> found = userName.isEmpty() ? named(chain) : client(userName);
    if (found.isEmpty()) {
      return refused(whyNotFound(userName, clientId, chain));
    }
    Client client = found.get();
    if (!client.enabled()) {
      return refused("client " + Text.quote(client.authenticationName()) + " is disabled");
    }
    Optional<String> whyNot = certificates.whyNot(client, chain, now);
    return whyNot.isPresent()
        ? refused("client %s: %s".formatted(Text.quote(client.authenticationName()), whyNot.get()))
        : new Admission.Granted(client, permit(client));
  }

  /** The client that the certificate names in the first of the configured sources. */
  private Optional<Client> named(List<X509Certificate> chain) {
    if (chain.isEmpty()) {
      return Optional.empty();
    }
    X509Certificate leaf = chain.get(0);
    for (Namespace.NameSource source : nameSources) {
      Optional<Client> found =
          switch (source) {
            case CLIENT_CERTIFICATE_SUBJECT ->
                Certificates.commonName(leaf)
                    .flatMap(this::client)
                    .or(() -> Optional.ofNullable(bySubject.get(leaf.getSubjectX500Principal())));
          };
      if (found.isPresent()) {
        return found;
      }
    }
    return Optional.empty();
  }

  private String whyNotFound(String userName, String clientId, List<X509Certificate> chain) {
    if (!userName.isEmpty()) {
      return "client " + Text.quote(userName) + " is not registered";
    }
    String session = "session " + Text.quote(clientId) + " has no user name, ";
    if (nameSources.isEmpty()) {
      return session + "and alternativeAuthenticationNameSources is empty";
    }
    if (chain.isEmpty()) {
      return session + "and no certificate to take a name from";
    }
    return session
        + "and no client is registered under the subject %s of its certificate"
            .formatted(Text.quote(chain.get(0).getSubjectX500Principal().getName()));
  }

  private static Admission refused(String text) {
    return new Admission.Refused(ReasonCode.NOT_AUTHORIZED, Text.line(text));
  }
}
