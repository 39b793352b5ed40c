package io.busbar.policy;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission.Credential;
import io.busbar.policy.NamespaceSettings.NameSource;
import io.busbar.policy.PermissionBinding.Permission;
import java.security.PublicKey;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import javax.security.auth.x500.X500Principal;

/**
 * A namespace as it is now, ready to decide: who a connecting client is, whether its certificate
 * proves it, and what it may do. What refers to nothing gives nothing. Not thread-safe; permits
 * that were given stay as they are.
 */
public final class Policy {
  /** How many filters of a template an explanation shows. */
  private static final int SHOWN = 8;

  /** By authentication name, folded. */
  private final Map<String, Client> clients = new HashMap<>();

  private final Map<String, Client> clientsById = new HashMap<>();

  /** How many of them have a password. */
  private int passwords;

  private final Map<X500Principal, List<Client>> bySubject = new HashMap<>();
  private final Map<String, ClientGroup> groups = new LinkedHashMap<>();
  private final Map<String, TopicSpace> spaces = new LinkedHashMap<>();
  private final Map<String, PermissionBinding> bindings = new LinkedHashMap<>();
  private final Map<String, CaCertificate> authorities = new LinkedHashMap<>();

  /** What is made of the authorities; null until it is asked for again. */
  private Certificates certificates;

  private NamespaceSettings settings = new NamespaceSettings("busbar", List.of());

  /** Whose certificates are not trusted any more, or null where nobody is asked. */
  private Revocations revocations;

  /** Of a draft: the policy whose clients it has besides its own, or null. */
  private final Policy base;

  /** Of a draft: authentication names, folded, of those that it does not have of them. */
  private final Set<String> hidden = new HashSet<>(0);

  private final PublishedKeys published;

  /** What is made of groups, spaces and bindings. */
  private List<Group> compiled = List.of();

  /** Whether one of those has changed since. */
  private boolean isStale = true;

  /** The topic spaces of {@link #compiled}. */
  private List<Space> parsed = List.of();

  /** A group and what its bindings give. */
  record Group(String name, Optional<Query> query, List<Space> publish, List<Space> subscribe) {
    private boolean contains(Client client) {
      return query.isEmpty()
          || query.get().matches(client.authenticationName(), client.attributes());
    }
  }

  /** A topic space, its templates parsed. */
  record Space(String name, List<TopicTemplate> templates) {}

  /** The policy of an empty namespace: nobody may do anything. */
  public Policy() {
    this(null);
  }

  private Policy(Policy base) {
    this.base = base;
    this.published = base == null ? new PublishedKeys() : base.published;
  }

  /** Makes a policy of a namespace, which was judged when it was made. */
  public static Policy compile(Namespace namespace) {
    Policy policy = new Policy();
    namespace.resources().forEach(policy::put);
    return policy;
  }

  // --- what it consists of ---

  /** Adds a resource, or replaces the one of that kind and name. */
  public Affected put(Resource resource) {
    if (resource instanceof Client client) {
      return put(client);
    } else if (resource instanceof NamespaceSettings now) {
      return put(now);
    } else if (resource.kind().isForEvents()) {
      return Affected.NOBODY;
    } else if (resource instanceof CaCertificate authority) {
      CaCertificate old = authorities.put(authority.id(), authority);
      certificates = null;
      // one more lets more clients in, and ends no connection
      return old == null || old.equals(authority) ? Affected.NOBODY : Affected.EVERYONE;
    }
    boolean isChanged;
    if (resource instanceof ClientGroup group) {
      isChanged = !group.equals(groups.put(group.id(), group));
    } else if (resource instanceof TopicSpace space) {
      isChanged = !space.equals(spaces.put(space.id(), space));
    } else {
      PermissionBinding binding = (PermissionBinding) resource;
      isChanged = !binding.equals(bindings.put(binding.id(), binding));
    }
    return changed(isChanged);
  }

  /** Removes a resource, by {@link Resource#id}. */
  public Affected remove(Resource.Kind kind, String id) {
    return switch (kind) {
      case CLIENT -> {
        Client old = clientsById.remove(id);
        if (old == null) {
          yield Affected.NOBODY;
        }
        forget(old);
        yield Affected.client(old.authenticationName());
      }
      case CLIENT_GROUP -> changed(groups.remove(id) != null);
      case TOPIC_SPACE -> changed(spaces.remove(id) != null);
      case PERMISSION_BINDING -> changed(bindings.remove(id) != null);
      case CA_CERTIFICATE -> {
        certificates = null;
        yield authorities.remove(id) == null ? Affected.NOBODY : Affected.EVERYONE;
      }
      case TOPIC, EVENT_SUBSCRIPTION, ACCESS_KEYS -> Affected.NOBODY;
      case NAMESPACE -> put(new NamespaceSettings(settings.name(), List.of()));
    };
  }

  private Affected changed(boolean isChanged) {
    if (!isChanged) {
      return Affected.NOBODY;
    }
    isStale = true;
    return Affected.EVERYONE;
  }

  private Affected put(NamespaceSettings now) {
    boolean isSame =
        now.tokenIssuers().equals(settings.tokenIssuers())
            && now.webhook().equals(settings.webhook());
    settings = now;
    return isSame ? Affected.NOBODY : Affected.EVERYONE;
  }

  private Affected put(Client client) {
    Client old = clientsById.put(client.id(), client);
    if (client.equals(old)) {
      return Affected.NOBODY;
    }
    Affected affected = Affected.client(client.authenticationName());
    if (old != null) {
      forget(old);
      affected = affected.and(Affected.client(old.authenticationName()));
    }
    clients.put(Text.fold(client.authenticationName()), client);
    passwords += client.password().isPresent() ? 1 : 0;
    SubjectNames.distinguishedName(client.authenticationName())
        .ifPresent(
            subject -> bySubject.computeIfAbsent(subject, s -> new ArrayList<>(1)).add(client));
    return affected;
  }

  private void forget(Client client) {
    clients.remove(Text.fold(client.authenticationName()), client);
    passwords -= client.password().isPresent() ? 1 : 0;
    SubjectNames.distinguishedName(client.authenticationName())
        .ifPresent(
            subject ->
                bySubject.computeIfPresent(
                    subject,
                    (s, same) -> {
                      same.remove(client);
                      return same.isEmpty() ? null : same;
                    }));
  }

  /** What the namespace itself says. */
  public NamespaceSettings settings() {
    return settings;
  }

  private List<Group> groups() {
    if (!isStale) {
      return compiled;
    }
    Map<String, Space> byName = new LinkedHashMap<>();
    for (TopicSpace space : spaces.values()) {
      byName.put(
          space.id(),
          new Space(space.name(), space.topicTemplates().stream().map(TopicTemplate::of).toList()));
    }
    Map<String, Group> byId = new LinkedHashMap<>();
    byId.put(
        ClientGroup.ALL,
        new Group(ClientGroup.ALL, Optional.empty(), new ArrayList<>(), new ArrayList<>()));
    for (ClientGroup group : groups.values()) {
      Query query = Query.parse(group.query());
      byId.put(
          group.id(),
          new Group(group.name(), Optional.of(query), new ArrayList<>(), new ArrayList<>()));
    }
    for (PermissionBinding binding : bindings.values()) {
      Group group = byId.get(Text.fold(binding.clientGroupName()));
      Space space = byName.get(Text.fold(binding.topicSpaceName()));
      if (group == null || space == null) {
        continue;
      }
      List<Space> given =
          binding.permission() == Permission.PUBLISHER ? group.publish() : group.subscribe();
      if (!given.contains(space)) {
        given.add(space);
      }
    }
    compiled = kept(compiled, byId.values());
    parsed = kept(parsed, byName.values());
    isStale = false;
    return compiled;
  }

  /** What is now, with what was before for what is equal: permits that were given out hold that. */
  private static <T> List<T> kept(List<T> before, Collection<T> now) {
    Map<T, T> known = new HashMap<>();
    before.forEach(one -> known.put(one, one));
    return now.stream().map(one -> known.getOrDefault(one, one)).toList();
  }

  // --- what it decides ---

  /** The registry's client of an authentication name, whose case does not matter. */
  public Optional<Client> client(String authenticationName) {
    String name = Text.fold(authenticationName);
    Client own = clients.get(name);
    return own == null && base != null && !hidden.contains(name)
        ? base.client(authenticationName)
        : Optional.ofNullable(own);
  }

  /** What a client may do, whether or not it may connect. */
  public Permit permit(Client client) {
    return new GroupPermit(client, of(client));
  }

  /** The same as before, if what the client may do is. */
  private Admission.Granted again(Client client, List<Group> of, Admission.Granted before) {
    return before.permit() instanceof GroupPermit permit && permit.isOf(client, of)
        ? before
        : new Admission.Granted(
            client, new GroupPermit(client, of), before.credential(), before.until());
  }

  private List<Group> of(Client client) {
    return groups().stream().filter(group -> group.contains(client)).toList();
  }

  /**
   * The registry's client that connects, proved or not.
   *
   * @param userName the user name of CONNECT, or an empty text without one
   * @param chain the certificates that it proved and sent, its own first; empty without
   */
  public Optional<Client> find(String userName, List<X509Certificate> chain) {
    return userName.isEmpty() ? named(chain) : client(userName);
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
    Optional<Client> found = find(userName, chain);
    if (found.isEmpty()) {
      return refused(whyNotFound(userName, clientId, chain));
    }
    Client client = found.get();
    if (client.password().isPresent()) {
      return refused(
          "client %s is let in by its user name and password alone, where password-checks is not 0"
              .formatted(Text.quote(client.authenticationName())));
    }
    if (!client.enabled()) {
      return refused("client " + Text.quote(client.authenticationName()) + " is disabled");
    }
    if (certificates == null) {
      certificates = new Certificates(List.copyOf(authorities.values()));
    }
    Certificates.Proof proof = certificates.prove(client, chain, now);
    List<Revocations.Issued> path =
        revocations == null ? List.of() : revocations.issued(proof.path());
    boolean isAsked = revocations != null && revocations.isOnline() && !path.isEmpty();
    String whyNot = proof.whyNot();
    if (whyNot == null && revocations != null) {
      whyNot =
          (isAsked ? revocations.whyRevoked(path) : revocations.whyNot(path, now)).orElse(null);
    }
    if (whyNot != null) {
      return refused("client %s: %s".formatted(Text.quote(client.authenticationName()), whyNot));
    }
    Admission.Granted granted =
        new Admission.Granted(
            client,
            permit(client),
            new Credential.Certificate(proof.issuer(), path),
            proof.until());
    return isAsked ? new Admission.Unsettled(granted, proof.path()) : granted;
  }

  /**
   * Judges a client whose certificates were asked about, by what is in force now.
   *
   * @param statuses what is known of each certificate of its path but the registered one
   */
  public Admission settle(Admission.Unsettled who, List<CertificateStatus> statuses, Instant now) {
    Admission again = again(who.granted());
    if (!(again instanceof Admission.Granted granted)) {
      return again;
    }
    Credential.Certificate certificate = (Credential.Certificate) granted.credential();
    String name = Text.quote(granted.client().authenticationName());
    return revocations
        .whyNot(certificate.path(), statuses, now)
        .<Admission>map(
            no ->
                new Admission.Refused(
                    no.reason(), Text.line("client %s: %s".formatted(name, no.text()))))
        .orElse(granted);
  }

  /** Whether there is a client that proves by a password who it is. */
  public boolean hasPasswords() {
    return passwords > 0;
  }

  /**
   * Judges a client whose password was checked.
   *
   * @param userName the user name of CONNECT
   * @param checked what the password was checked by, or null where there was no such client
   * @param matches whether it was that password
   */
  public Admission admit(String userName, PasswordHash checked, boolean matches) {
    Optional<Client> found = client(userName);
    String who = "client " + Text.quote(userName);
    if (found.isEmpty()) {
      return badPassword(who + " is not registered");
    }
    Client client = found.get();
    if (!matches || !client.password().equals(Optional.ofNullable(checked))) {
      return badPassword(who + " sent another password than its own");
    }
    if (!client.enabled()) {
      return refused(who + " is disabled");
    }
    return new Admission.Granted(client, permit(client), new Credential.Password(checked), null);
  }

  private static Admission badPassword(String text) {
    return new Admission.Refused(ReasonCode.BAD_USER_NAME_OR_PASSWORD, Text.line(text));
  }

  /** From now on certificates are looked up there, too. */
  public void revocations(Revocations asked) {
    revocations = asked;
  }

  /** The keys that issuers of tokens publish, to be told of. */
  public PublishedKeys published() {
    return published;
  }

  /**
   * Judges a client again that is connected, after something changed: verifies no signature. The
   * answer is {@code before} itself where nothing changed for the client.
   */
  public Admission again(Admission.Granted before) {
    if (before.credential() instanceof Credential.Certificate
        || before.credential() instanceof Credential.Password) {
      return registered(before);
    }
    Client client = before.client();
    String who = "client " + Text.quote(client.authenticationName()) + " ";
    if (before.credential() instanceof Credential.Token token) {
      boolean isKey =
          settings.tokenIssuers().stream()
              .filter(issuer -> issuer.method() == token.method())
              .anyMatch(issuer -> mayBeOf(issuer, token.key()));
      if (!isKey) {
        return refused(who + "has a token of a key that is not its issuer's any more");
      }
    } else if (before.credential() instanceof Credential.Webhook told
        && !settings.webhook().equals(Optional.of(told.webhook()))) {
      return refused(who + "was let in by a webhook that is not asked any more");
    }
    return isDisabled(client)
        ? refused(who + "is disabled")
        : again(client, of(client, before.credential()), before);
  }

  private boolean mayBeOf(TokenIssuer issuer, PublicKey key) {
    return issuer.signers().stream()
            .anyMatch(signer -> signer.certificate().getPublicKey().equals(key))
        || issuer.published().filter(at -> published.mayBe(at, key)).isPresent();
  }

  /** The same for a client of the registry. */
  private Admission registered(Admission.Granted before) {
    String name = before.client().authenticationName();
    Client client = client(name).orElse(null);
    String who = "client " + Text.quote(name) + " ";
    if (client == null) {
      return refused(who + "is not registered any more");
    }
    if (!client.enabled()) {
      return refused(who + "is disabled");
    }
    boolean isSameProof =
        client.validationScheme() == before.client().validationScheme()
            && client.allowedThumbprints().equals(before.client().allowedThumbprints())
            && client.password().equals(before.client().password());
    if (!isSameProof) {
      return refused(who + "is to prove otherwise now who it is");
    }
    return before.credential() instanceof Credential.Certificate certificate
        ? again(before, client, certificate)
        : again(client, of(client), before);
  }

  private Admission again(
      Admission.Granted before, Client client, Credential.Certificate certificate) {
    CaCertificate issuer = certificate.issuer();
    String who = "client " + Text.quote(client.authenticationName());
    if (issuer != null && !issuer.equals(authorities.get(issuer.id()))) {
      return refused(
          who
              + " has a certificate of CA '%s', which is not registered any more"
                  .formatted(issuer.name()));
    }
    Optional<String> revoked =
        revocations == null ? Optional.empty() : revocations.whyRevoked(certificate.path());
    if (revoked.isPresent()) {
      return refused(who + ": " + revoked.get());
    }
    return again(client, of(client), before);
  }

  /**
   * Admits a client of which a credential said all that is known of it, unless the registry has
   * disabled whoever has its name.
   *
   * @param until when the credential expires
   */
  public Admission identified(Client client, Credential credential, Instant until) {
    if (isDisabled(client)) {
      return refused("client " + Text.quote(client.authenticationName()) + " is disabled");
    }
    Permit permit = new GroupPermit(client, of(client, credential));
    return new Admission.Granted(client, permit, credential, until);
  }

  private boolean isDisabled(Client identified) {
    return client(identified.authenticationName())
        .filter(registered -> !registered.enabled())
        .isPresent();
  }

  private List<Group> of(Client client, Credential credential) {
    return credential instanceof Credential.Token token
            && token.method() == TokenIssuer.Method.OAUTH2_JWT
        ? List.of(withRoles(token.roles()))
        : of(client);
  }

  /** A group of its own, with all topic spaces. */
  private Group withRoles(Set<Permission> roles) {
    groups();
    return new Group(
        "of roles",
        Optional.empty(),
        roles.contains(Permission.PUBLISHER) ? parsed : List.of(),
        roles.contains(Permission.SUBSCRIBER) ? parsed : List.of());
  }

  /** The client that the certificate names in the first of the configured sources. */
  private Optional<Client> named(List<X509Certificate> chain) {
    if (chain.isEmpty()) {
      return Optional.empty();
    }
    X509Certificate leaf = chain.get(0);
    for (NameSource source : settings.alternativeAuthenticationNameSources()) {
      for (String name : SubjectNames.in(source, leaf)) {
        Optional<Client> found = client(name);
        if (found.isPresent()) {
          return found;
        }
      }
      Optional<Client> same = ofSubject(leaf.getSubjectX500Principal());
      if (source == NameSource.CLIENT_CERTIFICATE_SUBJECT && same.isPresent()) {
        return same;
      }
    }
    return Optional.empty();
  }

  private Optional<Client> ofSubject(X500Principal subject) {
    List<Client> own = bySubject.get(subject);
    return own == null && base != null
        ? base.ofSubject(subject)
            .filter(one -> !hidden.contains(Text.fold(one.authenticationName())))
        : Optional.ofNullable(own).map(same -> same.get(0));
  }

  private String whyNotFound(String userName, String clientId, List<X509Certificate> chain) {
    if (!userName.isEmpty()) {
      return "client " + Text.quote(userName) + " is not registered";
    }
    String session = "session " + Text.quote(clientId) + " has no user name, ";
    if (settings.alternativeAuthenticationNameSources().isEmpty()) {
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

  // --- why ---

  /**
   * A change that may be made.
   *
   * @param id of the resource ({@link Resource#id})
   * @param resource what it is to be, or null if it is to go
   */
  public record Change(Resource.Kind kind, String id, Resource resource) {}

  /**
   * What this policy would be after changes; this one stays as it is. Clients that they do not name
   * are this one's, also later.
   */
  public Policy draft(List<Change> changes) {
    Policy draft = new Policy(this);
    draft.settings = settings;
    draft.revocations = revocations;
    draft.groups.putAll(groups);
    draft.spaces.putAll(spaces);
    draft.bindings.putAll(bindings);
    draft.authorities.putAll(authorities);
    for (Change change : changes) {
      if (change.kind == Resource.Kind.CLIENT && clientsById.get(change.id) != null) {
        draft.hidden.add(Text.fold(clientsById.get(change.id).authenticationName()));
      }
      if (change.resource == null) {
        draft.remove(change.kind, change.id);
      } else {
        draft.put(change.resource);
      }
    }
    return draft;
  }

  /**
   * Why a client may publish to a topic, or subscribe to a filter, or may not.
   *
   * @param authenticationName of the client
   * @param wanted a valid topic name or a valid filter, without any share
   */
  public Explanation explain(String authenticationName, Permission right, String wanted) {
    Optional<Client> found = client(authenticationName);
    if (found.isEmpty()) {
      String why = "client " + Text.quote(authenticationName) + " is not registered";
      return new Explanation(false, Text.line(why), null, List.of(), List.of());
    }
    Client client = found.get();
    List<Group> of = of(client);
    Permit permit = new GroupPermit(client, of);
    boolean isPublish = right == Permission.PUBLISHER;
    Optional<String> whyNot =
        isPublish ? permit.whyNotPublish(wanted) : permit.whyNotSubscribe(wanted);
    List<Explanation.Binding> all = new ArrayList<>();
    String allows = null;
    for (PermissionBinding binding : bindings.values()) {
      if (binding.permission() != right) {
        continue;
      }
      String group = Text.fold(binding.clientGroupName());
      boolean isIn = of.stream().anyMatch(one -> Text.fold(one.name()).equals(group));
      List<Explanation.Template> templates = templates(client, binding, isPublish, wanted);
      all.add(
          new Explanation.Binding(
              binding.name(),
              binding.clientGroupName(),
              binding.topicSpaceName(),
              isIn,
              templates));
      if (allows == null && isIn && templates.stream().anyMatch(Explanation.Template::matches)) {
        allows =
            "permission binding '%s' gives group '%s' topic space '%s'"
                .formatted(binding.name(), binding.clientGroupName(), binding.topicSpaceName());
      }
    }
    List<String> names = of.stream().map(Group::name).toList();
    if (!client.enabled()) {
      String why = "client " + Text.quote(client.authenticationName()) + " is disabled";
      return new Explanation(false, Text.line(why), client, names, all);
    }
    return new Explanation(
        whyNot.isEmpty(),
        whyNot.orElse(Objects.requireNonNullElse(allows, "")),
        client,
        names,
        all);
  }

  private List<Explanation.Template> templates(
      Client client, PermissionBinding binding, boolean isPublish, String wanted) {
    TopicSpace space = spaces.get(Text.fold(binding.topicSpaceName()));
    List<Explanation.Template> templates = new ArrayList<>();
    byte[] bytes = wanted.getBytes(UTF_8);
    for (String text : space == null ? List.<String>of() : space.topicTemplates()) {
      TopicTemplate.Expansion made =
          TopicTemplate.of(text).expand(client.authenticationName(), client.attributes());
      Filters filters = new Filters(made.filters());
      boolean matches = isPublish ? filters.matches(bytes, 0, bytes.length) : filters.covers(bytes);
      templates.add(
          new Explanation.Template(
              text,
              made.filters().stream().limit(SHOWN).map(one -> new String(one, UTF_8)).toList(),
              made.whyNone().orElse(null),
              matches));
    }
    return templates;
  }
}
