package io.busbar.api;

import io.busbar.bus.Bus;
import io.busbar.config.ClientEvents;
import io.busbar.config.EventQueues;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.ResourceForm;
import io.busbar.config.Settings;
import io.busbar.policy.Client;
import io.busbar.policy.ClientGroup;
import io.busbar.policy.EventSubscription;
import io.busbar.policy.NamespaceTopic;
import io.busbar.policy.PermissionBinding;
import io.busbar.policy.Resource;
import io.busbar.policy.Resource.Kind;
import io.busbar.shard.Command;
import io.busbar.shard.StoredResource;
import io.vertx.core.Future;
import io.vertx.core.eventbus.EventBus;
import io.vertx.core.eventbus.Message;
import java.time.Instant;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Whether resources may be what they are to be, as far as one alone does not tell: what it refers
 * to has to be there, and there may not be too many. For one request.
 */
final class Judgement {
  /** How long somebody may take who is not of the node, in milliseconds. */
  private static final long INTRODUCTION = 45_000;

  /** How many there may be in profile azure. */
  private static final Map<Kind, Integer> AZURE =
      new EnumMap<>(
          Map.of(
              Kind.CLIENT_GROUP, 10,
              Kind.TOPIC_SPACE, 10,
              Kind.PERMISSION_BINDING, 100,
              Kind.CA_CERTIFICATE, 10));

  private final EventBus bus;
  private final Profile profile;
  private final Limits limits;
  private final Finder finder;
  private final boolean introduces;
  private Future<ClientEvents> clientEvents;

  /** New ones that were judged and may not be there yet, less those that will be gone. */
  private final Map<Kind, Integer> added = new EnumMap<>(Kind.class);

  /** Finds a resource, or completes with null. */
  interface Finder {
    Future<StoredResource> find(Kind kind, String id);
  }

  /**
   * Judges what is asked for in a request.
   *
   * @param finder of what is there, or will be then
   * @param introduces whether receivers are asked if they want events
   */
  Judgement(EventBus bus, Settings settings, Finder finder, boolean introduces) {
    this.bus = bus;
    this.profile = settings.profile();
    this.limits = settings.limits();
    this.finder = finder;
    this.introduces = introduces;
  }

  private Future<Bus.Local> ask(Bus.Local question) {
    return bus.<Bus.Local>request(Bus.AUTHORIZATION, question, Bus.local(Resources.TIMEOUT))
        .map(Message::body);
  }

  /**
   * What the resource alone does not tell: others that it refers to, or that are there already.
   *
   * @return what has to be done besides
   */
  Future<List<Command>> of(Resource resource, StoredResource now) {
    if (resource instanceof Client client && now != null) {
      Client before = (Client) ResourceForm.decode(Kind.CLIENT, now.value()).resource();
      if (!before.authenticationName().equals(client.authenticationName())) {
        throw ApiError.invalid(
            "properties.authenticationName: it is '%s' and cannot be changed (allowed: delete the client and make another)"
                .formatted(before.authenticationName()));
      }
    }
    if (resource instanceof Client client
        && client.password().isPresent()
        && limits.get(Limit.PASSWORD_CHECKS) == 0) {
      throw ApiError.invalid(
          "properties.passwordAuthentication: this node checks no passwords (allowed where the limit %s is not 0)"
              .formatted(Limit.PASSWORD_CHECKS.key()));
    }
    Future<Void> good = Future.succeededFuture();
    if (resource instanceof PermissionBinding binding) {
      if (!binding.clientGroupName().equals(ClientGroup.ALL)) {
        good = exists(Kind.CLIENT_GROUP, binding.clientGroupName(), "properties.clientGroupName");
      }
      good =
          good.compose(
              v -> exists(Kind.TOPIC_SPACE, binding.topicSpaceName(), "properties.topicSpaceName"));
    }
    Integer most = profile == Profile.AZURE ? AZURE.get(resource.kind()) : null;
    if (now == null && most != null) {
      good =
          good.compose(v -> isRoom(resource.kind(), most))
              .onSuccess(v -> added.merge(resource.kind(), 1, Integer::sum));
    }
    if (resource instanceof EventSubscription subscription) {
      return queue(subscription).compose(queues -> introduce(subscription, now).map(queues));
    }
    return resource instanceof Client client
        ? good.compose(v -> clientEvents()).map(events -> events.put(client, now))
        : good.map(List.of());
  }

  /** One will be gone: there is room for another. */
  void removed(Kind kind) {
    added.merge(kind, -1, Integer::sum);
  }

  /** Who is told of clients. */
  Future<ClientEvents> clientEvents() {
    if (clientEvents == null) {
      clientEvents =
          ask(new Bus.FindLifeCycle())
              .map(
                  reply -> {
                    Bus.LifeCycle to = (Bus.LifeCycle) reply;
                    return new ClientEvents(to.namespace(), to.told());
                  });
    }
    return clientEvents;
  }

  /** A receiver that is new is asked first whether it wants events. */
  private Future<Void> introduce(EventSubscription subscription, StoredResource now) {
    EventSubscription before =
        now == null
            ? null
            : (EventSubscription)
                ResourceForm.decode(Kind.EVENT_SUBSCRIPTION, now.value()).resource();
    if (subscription.expiration().isPresent()
        && !subscription.expiration().get().isAfter(Instant.now())) {
      throw ApiError.invalid(
          "properties.expirationTimeUtc: it has passed (allowed: a time to come)");
    }
    boolean isKnown =
        before != null
            && before.delivery().equals(subscription.delivery())
            && before.deadLetters().equals(subscription.deadLetters());
    if (isKnown || !introduces) {
      return Future.succeededFuture();
    }
    return bus.<Bus.Local>request(
            Bus.DELIVERY, new Bus.Introduce(subscription), Bus.local(INTRODUCTION))
        .map(
            reply -> {
              String why = ((Bus.Introduced) reply.body()).why();
              if (why != null) {
                throw ApiError.invalid("properties.deliveryConfiguration: " + why);
              }
              return null;
            });
  }

  /** The queue of a subscription, with its rules. */
  private Future<List<Command>> queue(EventSubscription subscription) {
    return finder
        .find(Kind.TOPIC, Kind.TOPIC.id(subscription.topic()))
        .map(
            found -> {
              if (found == null) {
                throw new ApiError(
                    404,
                    "ParentResourceNotFound",
                    Resources.what(Kind.TOPIC, subscription.topic()) + " was not found");
              }
              NamespaceTopic topic =
                  (NamespaceTopic) ResourceForm.decode(Kind.TOPIC, found.value()).resource();
              return EventQueues.made(
                  subscription,
                  topic,
                  limits.intValue(Limit.EVENT_QUEUE_EVENTS),
                  limits.get(Limit.EVENT_QUEUE_BYTES));
            });
  }

  private Future<Void> exists(Kind kind, String name, String property) {
    return finder
        .find(kind, kind.id(name))
        .map(
            found -> {
              if (found == null) {
                throw ApiError.invalid(
                    "%s: '%s' does not exist (allowed: %sa name under %s)"
                        .formatted(
                            property,
                            Resources.shown(name),
                            kind == Kind.CLIENT_GROUP ? "$all or " : "",
                            kind.plural()));
              }
              return null;
            });
  }

  private Future<Void> isRoom(Kind kind, int most) {
    return ask(new Bus.ListResources(kind, null, most, name -> true))
        .map(
            reply -> {
              int there = ((Bus.Listed) reply).resources().size();
              if (there + added.getOrDefault(kind, 0) >= most) {
                throw ApiError.invalid(
                    "%s: there are %d already (allowed: %d in profile azure)"
                        .formatted(kind.plural(), there + added.getOrDefault(kind, 0), most));
              }
              return null;
            });
  }

  /** What stands in the nodes' file is changed there. */
  static void requireOurs(StoredResource now) {
    if (now != null && now.owner().equals(Resources.FILE)) {
      throw ApiError.conflict("it stands in the nodes' namespace file (allowed: change it there)");
    }
  }
}
