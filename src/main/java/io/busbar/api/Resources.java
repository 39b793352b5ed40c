package io.busbar.api;

import io.busbar.api.Management.Answer;
import io.busbar.bus.Bus;
import io.busbar.config.ClientEvents;
import io.busbar.config.EventQueues;
import io.busbar.config.ResourceForm;
import io.busbar.config.Settings;
import io.busbar.policy.AccessKeys;
import io.busbar.policy.CaCertificate;
import io.busbar.policy.Client;
import io.busbar.policy.EventDelivery;
import io.busbar.policy.PasswordHash;
import io.busbar.policy.PermissionBinding;
import io.busbar.policy.Resource;
import io.busbar.policy.Resource.Kind;
import io.busbar.shard.Command;
import io.busbar.shard.Outcome;
import io.busbar.shard.StoredResource;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.EventBus;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * The namespace's resources over the API, in the shapes of Azure Resource Manager: read from the
 * authorization verticle, which has them as the store told; changed through the store, and answered
 * when that is durable.
 */
final class Resources {
  /** How long a verticle may take, in milliseconds. */
  static final long TIMEOUT = 30_000;

  /** Owner of what the API made. */
  static final String OWNER = "api";

  /** Owner of what a namespace file has. */
  static final String FILE = "file";

  private static final int BATCH = 256;

  private static final int KEY_BYTES = 32;
  private static final SecureRandom RANDOM = new SecureRandom();

  private static final String URL = "endpointUrl";
  private static final String HEADERS = "deliveryAttributeMappings";
  private static final String PASSWORD = "passwordAuthentication";
  private static final String HASH = "passwordHash";

  private final EventBus bus;
  private final Settings settings;
  private final NamespaceShape shape;

  Resources(EventBus bus, Settings settings, NamespaceShape shape) {
    this.bus = bus;
    this.settings = settings;
    this.shape = shape;
  }

  // --- reading ---

  Future<Answer> get(ResourcePath path, MultiMap query, String uri) {
    if (path.namespace() == null) {
      return find(Kind.NAMESPACE, "")
          .map(
              one -> {
                JsonArray all = new JsonArray();
                if (one != null) {
                  all.add(shape.json(path, one));
                }
                return new Answer(200, new JsonObject().put("value", all));
              });
    }
    return namespace(path)
        .compose(
            namespace -> {
              if (path.kind() == null) {
                return Future.succeededFuture(new Answer(200, shape.json(path, namespace)));
              }
              return path.name() == null ? list(path, query, uri) : one(path);
            });
  }

  private Future<Answer> one(ResourcePath path) {
    return find(path.kind(), path.kind().id(path.name()))
        .map(
            found -> {
              if (found == null) {
                throw ApiError.notFound(what(path.kind(), path.name()));
              }
              return new Answer(200, json(path, found));
            });
  }

  private Future<Answer> list(ResourcePath path, MultiMap query, String uri) {
    Paging paging = Paging.of(query);
    String below = path.topic() == null ? "" : Kind.TOPIC.id(path.topic()) + "/";
    Predicate<String> names =
        id -> id.startsWith(below) && paging.names().test(id.substring(below.length()));
    return bus.<Bus.Local>request(
            Bus.AUTHORIZATION,
            new Bus.ListResources(path.kind(), paging.after(), paging.most(), names),
            Bus.local(TIMEOUT))
        .map(
            reply -> {
              Bus.Listed listed = (Bus.Listed) reply.body();
              JsonArray value = new JsonArray();
              listed.resources().forEach(one -> value.add(json(path, one)));
              JsonObject body = new JsonObject().put("value", value);
              if (listed.next() != null) {
                body.put("nextLink", Paging.next(uri, query, listed.next()));
              }
              return new Answer(200, body);
            });
  }

  Future<StoredResource> find(Kind kind, String id) {
    return bus.<Bus.Local>request(Bus.AUTHORIZATION, new Bus.Find(kind, id), Bus.local(TIMEOUT))
        .map(reply -> ((Bus.Found) reply.body()).resource());
  }

  /** The namespace of a path, if this is it. */
  Future<StoredResource> namespace(ResourcePath path) {
    return find(Kind.NAMESPACE, "")
        .map(
            found -> {
              if (found == null || !isOf(path, found)) {
                throw ApiError.notFound(what(Kind.NAMESPACE, path.namespace()));
              }
              return found;
            });
  }

  static boolean isOf(ResourcePath path, StoredResource namespace) {
    return NamespaceShape.name(namespace).equalsIgnoreCase(path.namespace());
  }

  static String what(Kind kind, String name) {
    String some = kind.plural();
    return "%s '%s'".formatted(some.substring(0, some.length() - 1), shown(name));
  }

  /** A name, as an answer repeats it. */
  static String shown(String name) {
    return name.length() > 128 ? name.substring(0, 128) + "…" : name;
  }

  /** A resource in its envelope. */
  private static JsonObject json(ResourcePath path, StoredResource stored) {
    JsonObject properties = new JsonObject(Buffer.buffer(stored.value()));
    String name = (String) properties.remove("name");
    Kind kind = Kind.of(stored.kind());
    String own = name.substring(name.indexOf('/') + 1);
    if (kind == Kind.CA_CERTIFICATE) {
      CaCertificate authority =
          (CaCertificate) ResourceForm.decode(kind, stored.value()).resource();
      properties
          .put("issueTimeInUtc", authority.certificate().getNotBefore().toInstant().toString())
          .put("expiryTimeInUtc", authority.certificate().getNotAfter().toInstant().toString());
    }
    if (kind == Kind.EVENT_SUBSCRIPTION) {
      hide(properties);
    } else if (properties.getValue(PASSWORD) instanceof JsonObject password) {
      password.put(HASH, PasswordHash.parse(password.getString(HASH)).hidden());
    }
    properties.put("provisioningState", "Succeeded");
    return new JsonObject()
        .put("id", path.id(kind, name))
        .put("name", own)
        .put("type", ResourcePath.type(kind))
        .put("systemData", systemData(stored))
        .put("properties", properties);
  }

  /** What a webhook's URL and its headers may keep secret is told by actions of their own. */
  private static void hide(JsonObject properties) {
    JsonObject destination = destination(properties);
    if (destination.containsKey(URL)) {
      destination.put("endpointBaseUrl", baseUrl((String) destination.remove(URL)));
    }
    for (Object one : destination.getJsonArray(HEADERS, new JsonArray())) {
      JsonObject header = ((JsonObject) one).getJsonObject("properties");
      if (header.getBoolean("isSecret", false)) {
        header.put("value", "Hidden");
      }
    }
  }

  /** A hash that is sent as it is shown stands for the one that is there. */
  static void reveal(JsonObject properties, StoredResource now) {
    if (now != null
        && now.kind() == Kind.CLIENT.code()
        && properties.getValue(PASSWORD) instanceof JsonObject sent) {
      Client there = (Client) ResourceForm.decode(Kind.CLIENT, now.value()).resource();
      there
          .password()
          .filter(hash -> hash.hidden().equals(sent.getValue(HASH)))
          .ifPresent(hash -> sent.put(HASH, hash.text()));
    }
  }

  private static String baseUrl(String url) {
    return new EventDelivery.Webhook(
            EventDelivery.Webhook.endpoint(url),
            1,
            1,
            false,
            Optional.empty(),
            Optional.empty(),
            List.of())
        .baseUrl();
  }

  /** The properties of where events are brought, empty if they are not. */
  private static JsonObject destination(JsonObject properties) {
    return properties
        .getJsonObject("deliveryConfiguration")
        .getJsonObject("push", new JsonObject())
        .getJsonObject("destination", new JsonObject())
        .getJsonObject("properties", new JsonObject());
  }

  /** What {@link #hide} hides. */
  Future<Answer> secrets(ResourcePath path) {
    return namespace(path)
        .compose(namespace -> find(path.kind(), path.kind().id(path.name())))
        .map(
            found -> {
              if (found == null) {
                throw ApiError.notFound(what(path.kind(), path.name()));
              }
              JsonObject to = destination(new JsonObject(Buffer.buffer(found.value())));
              return path.action().equals("getFullUrl")
                  ? new Answer(200, new JsonObject().put(URL, to.getString(URL)))
                  : new Answer(
                      200,
                      new JsonObject().put("value", to.getJsonArray(HEADERS, new JsonArray())));
            });
  }

  static JsonObject systemData(StoredResource stored) {
    String by = stored.owner().equals(FILE) ? "namespace file" : "management API";
    return new JsonObject()
        .put("createdBy", by)
        .put("createdByType", "Application")
        .put("createdAt", Instant.ofEpochMilli(stored.created()).toString())
        .put("lastModifiedAt", Instant.ofEpochMilli(stored.modified()).toString());
  }

  // --- keys ---

  /** The keys for events; they are made when they are asked for first. */
  Future<Answer> keys(ResourcePath path, byte[] body) {
    return namespace(path)
        .compose(
            namespace ->
                path.kind() == null
                    ? Future.succeededFuture()
                    : find(Kind.TOPIC, Kind.TOPIC.id(path.name())))
        .compose(
            topic -> {
              if (path.kind() != null && topic == null) {
                throw ApiError.notFound(what(Kind.TOPIC, path.name()));
              }
              return find(Kind.ACCESS_KEYS, "");
            })
        .compose(
            found -> {
              AccessKeys now =
                  found == null
                      ? new AccessKeys(key(), key())
                      : (AccessKeys)
                          ResourceForm.decode(Kind.ACCESS_KEYS, found.value()).resource();
              AccessKeys next = now;
              if (path.action().equals("regenerateKey")) {
                String which = String.valueOf(object(body).getValue("keyName"));
                next =
                    switch (which) {
                      case "key1" -> new AccessKeys(key(), now.key2());
                      case "key2" -> new AccessKeys(now.key1(), key());
                      default -> throw ApiError.invalid("keyName: none (allowed: key1, key2)");
                    };
              }
              JsonObject json = new JsonObject().put("key1", next.key1()).put("key2", next.key2());
              if (found != null && next.equals(now)) {
                return Future.succeededFuture(new Answer(200, json));
              }
              ResourceForm form = new ResourceForm(next, null);
              return append(
                      List.of(
                          new Command.PutResource(
                              Kind.ACCESS_KEYS.code(), "", null, OWNER, form.encode())))
                  .map(stored -> new Answer(200, json));
            });
  }

  private static String key() {
    byte[] key = new byte[KEY_BYTES];
    RANDOM.nextBytes(key);
    return Base64.getEncoder().encodeToString(key);
  }

  // --- changing ---

  private Judgement judgement() {
    return judgement(this::find, true);
  }

  /** For a request that finds what it will have made. */
  Judgement judgement(Judgement.Finder finder, boolean introduces) {
    return new Judgement(bus, settings, finder, introduces);
  }

  static ApiError another(StoredResource namespace) {
    return ApiError.conflict(
        "this cluster serves namespace '%s' (allowed: that one; or delete it first)"
            .formatted(NamespaceShape.name(namespace)));
  }

  /** The stored form of the namespace: made, or changed as what is given says. */
  byte[] namespace(String name, StoredResource now, JsonObject given) {
    return now == null ? shape.made(name, given) : shape.changed(now, given);
  }

  /** The event subscriptions of a topic. */
  Future<List<StoredResource>> below(StoredResource topic) {
    return below(Kind.EVENT_SUBSCRIPTION, topic.name() + "/", null, new ArrayList<>());
  }

  private Future<List<StoredResource>> below(
      Kind kind, String prefix, String after, List<StoredResource> all) {
    return bus.<Bus.Local>request(
            Bus.AUTHORIZATION,
            new Bus.ListResources(kind, after, BATCH, name -> name.startsWith(prefix)),
            Bus.local(TIMEOUT))
        .compose(
            reply -> {
              Bus.Listed some = (Bus.Listed) reply.body();
              all.addAll(some.resources());
              return some.next() == null
                  ? Future.succeededFuture(all)
                  : below(kind, prefix, some.next(), all);
            });
  }

  Future<Answer> put(ResourcePath path, byte[] body) {
    requireOne(path);
    if (path.kind() == null) {
      return find(Kind.NAMESPACE, "")
          .compose(
              now -> {
                if (now != null && !isOf(path, now)) {
                  throw another(now);
                }
                Judgement.requireOurs(now);
                byte[] value = shape.made(path.namespace(), object(body));
                return store(path, Kind.NAMESPACE, "", null, value, List.of());
              });
    }
    return namespace(path)
        .compose(namespace -> find(path.kind(), path.kind().id(path.name())))
        .compose(
            now -> {
              Judgement.requireOurs(now);
              ResourceForm form =
                  ResourceForm.parse(path.kind(), name(path, now), revealed(body, path, now));
              return judgement()
                  .of(form.resource(), now)
                  .compose(besides -> store(path, form, besides));
            });
  }

  private static byte[] revealed(byte[] body, ResourcePath path, StoredResource now) {
    if (path.kind() != Kind.CLIENT || now == null) {
      return body;
    }
    JsonObject json = object(body);
    if (json.getValue("properties") instanceof JsonObject properties) {
      reveal(properties, now);
    }
    return json.toBuffer().getBytes();
  }

  private Future<Answer> store(ResourcePath path, ResourceForm form, List<Command> besides) {
    Resource resource = form.resource();
    return store(path, resource.kind(), resource.id(), resource.key(), form.encode(), besides);
  }

  /** The name as it was first given: its case does not change. */
  static String name(ResourcePath path, StoredResource now) {
    return now == null ? path.name() : new JsonObject(Buffer.buffer(now.value())).getString("name");
  }

  Future<Answer> patch(ResourcePath path, byte[] body) {
    requireOne(path);
    JsonObject change = object(body);
    return namespace(path)
        .compose(
            namespace -> {
              if (path.kind() == null) {
                Judgement.requireOurs(namespace);
                byte[] value = shape.changed(namespace, change);
                return store(path, Kind.NAMESPACE, "", null, value, List.of());
              }
              return find(path.kind(), path.kind().id(path.name()))
                  .compose(now -> patch(path, now, change));
            });
  }

  /** What is sent takes the place of what was there, property by property. */
  private Future<Answer> patch(ResourcePath path, StoredResource now, JsonObject change) {
    if (now == null) {
      throw ApiError.notFound(what(path.kind(), path.name()));
    }
    Judgement.requireOurs(now);
    JsonObject properties = new JsonObject(Buffer.buffer(now.value()));
    if (change.getValue("properties") instanceof JsonObject sent) {
      properties.mergeIn(sent, true);
    }
    JsonObject whole = new JsonObject().put("properties", properties);
    ResourceForm form =
        ResourceForm.parse(path.kind(), name(path, now), whole.toBuffer().getBytes());
    return judgement().of(form.resource(), now).compose(besides -> store(path, form, besides));
  }

  static JsonObject object(byte[] body) {
    try {
      return new JsonObject(Buffer.buffer(body));
    } catch (DecodeException | ClassCastException e) {
      throw ApiError.invalid("the body is not a JSON object");
    }
  }

  private static void requireOne(ResourcePath path) {
    boolean isOne = path.namespace() != null && (path.kind() == null || path.name() != null);
    if (!isOne) {
      throw new ApiError(405, "MethodNotAllowed", "a list is only read (allowed here: GET)");
    }
  }

  private Future<Answer> store(
      ResourcePath path, Kind kind, String id, String key, byte[] value, List<Command> besides) {
    List<Command> commands = new ArrayList<>();
    commands.add(new Command.PutResource(kind.code(), id, key, OWNER, value));
    commands.addAll(besides);
    return append(List.of(new Command.Together(commands)))
        .compose(
            outcomes -> {
              Outcome.Put put = (Outcome.Put) together(outcomes.get(0)).get(0);
              return find(kind, id)
                  .map(
                      now -> {
                        if (now == null) {
                          throw ApiError.conflict("it was deleted meanwhile");
                        }
                        JsonObject body =
                            kind == Kind.NAMESPACE ? shape.json(path, now) : json(path, now);
                        return new Answer(put.created() ? 201 : 200, body);
                      });
            });
  }

  /** What commands came to that took effect together; none does if a key is another's. */
  static List<Outcome> together(Outcome outcome) {
    if (outcome instanceof Outcome.Taken taken) {
      throw ApiError.conflict(isTaken(taken));
    }
    return ((Outcome.Together) outcome).outcomes();
  }

  /** Why a client is not kept. */
  static String isTaken(Outcome.Taken by) {
    return "properties.authenticationName: it is that of client '%s' (must be unique, whatever its case)"
        .formatted(by.by());
  }

  Future<List<Outcome>> append(List<Command> commands) {
    return bus.<Bus.Local>request(Bus.SESSION, new Bus.Append(commands), Bus.local(TIMEOUT))
        .map(
            reply -> {
              Bus.Appended appended = (Bus.Appended) reply.body();
              if (appended.refusal() != null) {
                throw ApiError.unavailable(
                    "the store takes nothing now (%s): try again later"
                        .formatted(appended.refusal()));
              }
              return appended.outcomes();
            });
  }

  Future<Answer> delete(ResourcePath path) {
    requireOne(path);
    Kind kind = path.kind() == null ? Kind.NAMESPACE : path.kind();
    String id = path.kind() == null ? "" : kind.id(path.name());
    return find(Kind.NAMESPACE, "")
        .compose(
            namespace -> {
              if (namespace == null || !isOf(path, namespace)) {
                return Future.succeededFuture(new Answer(204, null));
              }
              return find(kind, id).compose(now -> now == null ? none() : delete(kind, now));
            });
  }

  private static Future<Answer> none() {
    return Future.succeededFuture(new Answer(204, null));
  }

  private Future<Answer> delete(Kind kind, StoredResource now) {
    Judgement.requireOurs(now);
    Future<Void> below = Future.succeededFuture();
    if (kind == Kind.NAMESPACE) {
      for (Kind one :
          List.of(
              Kind.PERMISSION_BINDING,
              Kind.TOPIC_SPACE,
              Kind.CLIENT_GROUP,
              Kind.CLIENT,
              Kind.CA_CERTIFICATE,
              Kind.EVENT_SUBSCRIPTION,
              Kind.TOPIC,
              Kind.ACCESS_KEYS)) {
        below = below.compose(v -> deleteAll(one, ""));
      }
    } else if (kind == Kind.TOPIC) {
      below = deleteAll(Kind.EVENT_SUBSCRIPTION, now.name() + "/");
    }
    return below
        .compose(v -> judgement().clientEvents())
        .compose(events -> broken(kind, now).map(breaks -> new Gone(gone(now, events), breaks)))
        .compose(
            gone ->
                append(gone.commands)
                    .map(
                        outcomes ->
                            outcomes.get(0) instanceof Outcome.Deleted deleted && deleted.existed()
                                ? new Answer(200, null, gone.breaks.orElse(null))
                                : new Answer(204, null)));
  }

  /** What deletes a resource, and what that breaks. */
  private record Gone(List<Command> commands, Optional<String> breaks) {}

  /** What deletes a resource, first of all. */
  static List<Command> gone(StoredResource one, ClientEvents events) {
    List<Command> gone = new ArrayList<>();
    gone.add(new Command.DeleteResource(one.kind(), one.name()));
    Kind kind = Kind.of(one.kind());
    if (kind == Kind.EVENT_SUBSCRIPTION) {
      gone.addAll(EventQueues.gone(one.name()));
    } else if (kind == Kind.CLIENT) {
      gone.addAll(events.deleted((Client) ResourceForm.decode(kind, one.value()).resource()));
    }
    return gone;
  }

  private Future<Void> deleteAll(Kind kind, String prefix) {
    return judgement()
        .clientEvents()
        .compose(
            events ->
                bus.<Bus.Local>request(
                        Bus.AUTHORIZATION,
                        new Bus.ListResources(kind, null, BATCH, name -> name.startsWith(prefix)),
                        Bus.local(TIMEOUT))
                    .compose(
                        reply -> {
                          List<Command> gone = new ArrayList<>();
                          for (StoredResource one : ((Bus.Listed) reply.body()).resources()) {
                            Judgement.requireOurs(one);
                            gone.addAll(gone(one, events));
                          }
                          return gone.isEmpty()
                              ? Future.succeededFuture()
                              : append(gone).compose(outcomes -> deleteAll(kind, prefix));
                        }));
  }

  /** Bindings that give nothing any more without a group or a space. */
  Future<Optional<String>> broken(Kind kind, StoredResource gone) {
    if (kind != Kind.CLIENT_GROUP && kind != Kind.TOPIC_SPACE) {
      return Future.succeededFuture(Optional.empty());
    }
    return bus.<Bus.Local>request(
            Bus.AUTHORIZATION,
            new Bus.ListResources(Kind.PERMISSION_BINDING, null, BATCH, name -> true),
            Bus.local(TIMEOUT))
        .map(
            reply -> {
              List<String> names = new ArrayList<>();
              for (StoredResource one : ((Bus.Listed) reply.body()).resources()) {
                PermissionBinding binding =
                    (PermissionBinding)
                        ResourceForm.decode(Kind.PERMISSION_BINDING, one.value()).resource();
                String used =
                    kind == Kind.CLIENT_GROUP
                        ? binding.clientGroupName()
                        : binding.topicSpaceName();
                if (Objects.equals(kind.id(used), gone.name())) {
                  names.add("permissionBindings/" + binding.name());
                }
              }
              return names.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", names));
            });
  }
}
