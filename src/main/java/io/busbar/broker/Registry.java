package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.ClientEvents;
import io.busbar.config.ConfigException;
import io.busbar.config.EventQueues;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.NamespaceFile;
import io.busbar.config.ResourceForm;
import io.busbar.policy.AccessKeys;
import io.busbar.policy.Affected;
import io.busbar.policy.Client;
import io.busbar.policy.EventMatcher;
import io.busbar.policy.EventRouting;
import io.busbar.policy.EventSubscription;
import io.busbar.policy.NamespaceSettings;
import io.busbar.policy.NamespaceTopic;
import io.busbar.policy.Policy;
import io.busbar.policy.Resource;
import io.busbar.policy.Resource.Kind;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.StoredResource;
import io.busbar.telemetry.Telemetry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The namespace's resources as the store has told of them, and the policy that they come to. For
 * one thread.
 */
final class Registry {
  private static final Logger LOG = LoggerFactory.getLogger(AuthorizationVerticle.class);

  /** Owner of what the namespace file has: what it does not have any more goes. */
  static final String FILE = "file";

  /** Resources that a list looks at. */
  private static final int VISITS = 10_000;

  private final Policy policy = new Policy();
  private final Map<Kind, TreeMap<String, StoredResource>> resources = new EnumMap<>(Kind.class);
  private long revision;

  /** Event subscriptions by the ids of their topics, and their own. */
  private final Map<String, TreeMap<String, EventSubscription>> subscriptions = new HashMap<>();

  /** The same compiled, as far as somebody has asked for them. */
  private final Map<String, EventMatcher> matchers = new HashMap<>();

  Registry() {
    for (Kind kind : Kind.values()) {
      resources.put(kind, new TreeMap<>());
    }
  }

  /** What the resources come to. */
  Policy policy() {
    return policy;
  }

  /** Rises with each change. */
  long revision() {
    return revision;
  }

  /** Permits are others from now on, though no resource has changed. */
  void revise() {
    revision++;
  }

  /** Those of a kind, by their ids. */
  NavigableMap<String, StoredResource> all(Kind kind) {
    return resources.get(kind);
  }

  /**
   * Some of a kind's resources; those that are not wanted count, too, so that it takes not long.
   */
  Bus.Listed list(Bus.ListResources list) {
    NavigableMap<String, StoredResource> all = resources.get(list.kind());
    if (list.after() != null) {
      all = all.tailMap(list.after(), false);
    }
    List<StoredResource> some = new ArrayList<>();
    int visits = 0;
    for (StoredResource one : all.values()) {
      if (list.ids().test(one.name())) {
        some.add(one);
      }
      if (some.size() == list.most() || ++visits == VISITS) {
        boolean isLast = one.name().equals(all.lastKey());
        return new Bus.Listed(some, isLast ? null : one.name());
      }
    }
    return new Bus.Listed(some, null);
  }

  /** A topic, by its id, with its subscriptions. */
  Bus.FoundTopic topic(String id, byte[] address) {
    StoredResource topic = all(Kind.TOPIC).get(id);
    StoredResource keys = all(Kind.ACCESS_KEYS).get("");
    return new Bus.FoundTopic(
        topic == null
            ? null
            : (NamespaceTopic) ResourceForm.decode(Kind.TOPIC, topic.value()).resource(),
        of(id),
        keys == null
            ? null
            : (AccessKeys) ResourceForm.decode(Kind.ACCESS_KEYS, keys.value()).resource(),
        address == null || policy.settings().network().allows(address));
  }

  /** Where all published messages go besides, or null. */
  EventRoute eventRoute(Telemetry telemetry) {
    EventRouting routing = policy.settings().events();
    return routing
        .topic()
        .map(Kind.TOPIC::id)
        .filter(all(Kind.TOPIC)::containsKey)
        .map(
            id ->
                new EventRoute(
                    policy.settings().name(),
                    EventRoute.Counts.of(telemetry, id),
                    of(id).subscriptions(),
                    routing.enrichments()))
        .orElse(null);
  }

  /** Who is told which clients come and go; nobody if nobody is. */
  Bus.LifeCycle lifeCycle() {
    Optional<String> topic = policy.settings().events().lifeCycleTopic();
    return new Bus.LifeCycle(
        policy.settings().name(),
        topic.map(id -> of(Kind.TOPIC.id(id))).orElse(EventMatcher.NOBODY),
        topic.isPresent());
  }

  /** The subscriptions of a topic. */
  private EventMatcher of(String topic) {
    TreeMap<String, EventSubscription> of = subscriptions.get(topic);
    return of == null
        ? EventMatcher.NOBODY
        : matchers.computeIfAbsent(topic, t -> new EventMatcher(List.copyOf(of.values())));
  }

  /** All event subscriptions. */
  Bus.Subscriptions subscriptions() {
    return new Bus.Subscriptions(
        policy.settings().name(),
        subscriptions.values().stream().flatMap(of -> of.values().stream()).toList());
  }

  /** Remembers a subscription as it is now, or that it is gone: null. */
  private void subscription(String id, EventSubscription now) {
    String topic = id.substring(0, id.indexOf('/'));
    matchers.remove(topic);
    TreeMap<String, EventSubscription> of =
        subscriptions.computeIfAbsent(topic, t -> new TreeMap<>());
    if (now == null) {
      of.remove(id);
    } else {
      of.put(id, now);
    }
    if (of.isEmpty()) {
      subscriptions.remove(topic);
    }
  }

  /** Logs what there is. */
  void tell() {
    List<String> counts = new ArrayList<>();
    for (Kind kind : Kind.values()) {
      if (kind != Kind.NAMESPACE && !kind.isForEvents()) {
        counts.add(kind.plural() + "=" + resources.get(kind).size());
      }
    }
    LOG.info("namespace {}: {}", policy.settings().name(), String.join(" ", counts));
  }

  /** What a change changes, or null if it is new, or of a kind that is not known. */
  StoredResource stored(Effect.Changed changed) {
    for (Kind kind : Kind.values()) {
      if (kind.code() == changed.kind()) {
        return resources.get(kind).get(changed.name());
      }
    }
    return null;
  }

  /** Takes a change that the store has told; empty for what this version does not know. */
  Optional<Affected> apply(Effect.Changed changed) {
    Kind kind;
    Affected affected;
    try {
      kind = Kind.of(changed.kind());
      Resource now =
          changed.resource() == null
              ? null
              : ResourceForm.decode(kind, changed.resource().value()).resource();
      affected = now == null ? policy.remove(kind, changed.name()) : policy.put(now);
      if (kind == Kind.EVENT_SUBSCRIPTION) {
        subscription(changed.name(), (EventSubscription) now);
      }
    } catch (IllegalArgumentException | ConfigException e) {
      // of a later version: what cannot be read gives nobody anything
      LOG.error(
          "a stored resource cannot be read: kind={} name={} cause={}",
          changed.kind(),
          changed.name(),
          e.getMessage());
      return Optional.empty();
    }
    if (changed.resource() == null) {
      resources.get(kind).remove(changed.name());
    } else {
      resources.get(kind).put(changed.name(), changed.resource());
    }
    if (!affected.isNobody()) {
      revision++;
    }
    return Optional.of(affected);
  }

  /** What puts a resource into the store. */
  static Command.PutResource put(ResourceForm form, String owner) {
    Resource resource = form.resource();
    return new Command.PutResource(
        resource.kind().code(), resource.id(), resource.key(), owner, form.encode());
  }

  /**
   * What is to be done.
   *
   * @param commands the changes
   * @param told what tells of them, when they are done
   */
  record Plan(List<Command> commands, List<Command> told) {}

  /** What makes the resources those of a namespace file: others that are not from one stay. */
  Plan plan(NamespaceFile file, Limits limits) {
    List<Command> gone = new ArrayList<>();
    List<Command> plan = new ArrayList<>();
    List<Command> told = new ArrayList<>();
    Map<Kind, Set<String>> inFile = new EnumMap<>(Kind.class);
    for (Kind kind : Kind.values()) {
      inFile.put(kind, new HashSet<>());
    }
    ClientEvents events = clientEvents(file);
    NamespaceTopic topic = null;
    for (ResourceForm form : file.resources()) {
      // subscriptions follow their topic
      topic = form.resource() instanceof NamespaceTopic one ? one : topic;
      Command.PutResource put = put(form, FILE);
      Kind kind = form.resource().kind();
      inFile.get(kind).add(put.name());
      StoredResource now = resources.get(kind).get(put.name());
      boolean isSame =
          now != null && now.owner().equals(FILE) && Arrays.equals(now.value(), put.value());
      if (!isSame) {
        plan.add(put);
        if (form.resource() instanceof Client client) {
          told.addAll(events.put(client, now));
        }
        if (form.resource() instanceof EventSubscription subscription) {
          plan.addAll(
              EventQueues.made(
                  subscription,
                  topic,
                  limits.intValue(Limit.EVENT_QUEUE_EVENTS),
                  limits.get(Limit.EVENT_QUEUE_BYTES)));
        }
      }
    }
    for (Kind kind : Kind.values()) {
      for (StoredResource now : resources.get(kind).values()) {
        if (now.owner().equals(FILE) && !inFile.get(kind).contains(now.name())) {
          gone.add(new Command.DeleteResource(now.kind(), now.name()));
          if (kind == Kind.CLIENT) {
            told.addAll(events.deleted((Client) ResourceForm.decode(kind, now.value()).resource()));
          }
          if (kind == Kind.EVENT_SUBSCRIPTION) {
            gone.addAll(EventQueues.gone(now.name()));
          }
        }
      }
    }
    // first what goes: its authentication name may be another client's now
    gone.addAll(plan);
    return new Plan(gone, told);
  }

  /**
   * Who is told of the file's clients: who is told where the file is in force, those whose
   * subscriptions are not from a file among them.
   */
  private ClientEvents clientEvents(NamespaceFile file) {
    NamespaceSettings settings = file.namespace().settings();
    String topic = settings.events().lifeCycleTopic().map(Kind.TOPIC::id).orElse("");
    TreeMap<String, EventSubscription> told =
        new TreeMap<>(subscriptions.getOrDefault(topic, new TreeMap<>()));
    told.keySet()
        .removeIf(id -> resources.get(Kind.EVENT_SUBSCRIPTION).get(id).owner().equals(FILE));
    for (ResourceForm form : file.resources()) {
      if (form.resource() instanceof EventSubscription one
          && Kind.TOPIC.id(one.topic()).equals(topic)) {
        told.put(one.id(), one);
      }
    }
    return new ClientEvents(settings.name(), new EventMatcher(List.copyOf(told.values())));
  }
}
