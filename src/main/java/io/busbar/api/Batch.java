package io.busbar.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.api.Management.Answer;
import io.busbar.config.ConfigException;
import io.busbar.config.ResourceForm;
import io.busbar.policy.Policy;
import io.busbar.policy.Resource;
import io.busbar.policy.Resource.Kind;
import io.busbar.shard.Command;
import io.busbar.shard.Outcome;
import io.busbar.shard.StoredResource;
import io.vertx.core.Future;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Many changes of a namespace in one request.
 *
 * <p>A batch is done whole or not at all: its changes are one entry of the log.
 *
 * <pre>
 *   {"namespace": {"properties": {…}},
 *    "changes": [{"method": "PUT", "path": "clients/press-7", "properties": {…}},
 *                {"method": "DELETE", "path": "topics/orders/eventSubscriptions/billing"}]}
 * </pre>
 *
 * <p>An import takes clients, one JSON object on a line as a namespace file has them, each for
 * itself: those that break a rule are left out, and told.
 */
final class Batch {
  private static final int MAX_CHANGES = 1_000;

  /** Of what is stored together. */
  private static final int MAX_BYTES = 1 << 20;

  private static final int MAX_LINES = 10_000;

  /** Of a part of an import, about. */
  private static final int PART_BYTES = 256 * 1024;

  private final Resources resources;

  Batch(Resources resources) {
    this.resources = resources;
  }

  /** A resource, whatever is to become of it. */
  private record Id(Kind kind, String id) {}

  private record Change(ResourcePath path, JsonObject properties) {
    boolean isDelete() {
      return properties == null;
    }

    Id id() {
      return new Id(path.kind(), path.kind().id(path.name()));
    }
  }

  /** What was found out on the way through a batch. */
  private final class Plan {
    final Judgement judgement;
    final Map<Id, StoredResource> changed = new HashMap<>();
    final List<Command> commands = new ArrayList<>();
    final JsonArray results = new JsonArray();
    final TreeSet<String> breaks = new TreeSet<>();
    int bytes;

    Plan(boolean isDry) {
      this.judgement = resources.judgement(this::find, !isDry);
    }

    Future<StoredResource> find(Kind kind, String id) {
      Id of = new Id(kind, id);
      return changed.containsKey(of)
          ? Future.succeededFuture(changed.get(of))
          : resources.find(kind, id);
    }

    void put(Kind kind, String id, String key, byte[] value) {
      bytes += value.length;
      if (bytes > MAX_BYTES) {
        throw new ApiError(
            413,
            "RequestEntityTooLarge",
            "the changes have more than %d bytes together (allowed: that many)"
                .formatted(MAX_BYTES));
      }
      commands.add(new Command.PutResource(kind.code(), id, key, Resources.OWNER, value));
      changed.put(
          new Id(kind, id), new StoredResource(kind.code(), id, key, Resources.OWNER, 0, 0, value));
    }

    void result(String path, String result) {
      results.add(new JsonObject().put("path", path).put("result", result));
    }
  }

  // --- all or nothing ---

  /**
   * Carries out a batch.
   *
   * @param isDry whether it is judged only
   */
  Future<Answer> carryOut(ResourcePath path, byte[] body, boolean isDry) {
    JsonObject batch = Resources.object(body);
    List<Change> changes = changes(path, batch);
    Plan plan = new Plan(isDry);
    Future<Void> judged =
        resources.find(Kind.NAMESPACE, "").map(now -> namespace(path, batch, now, plan));
    for (Change change : changes) {
      if (change.isDelete()) {
        judged = judged.compose(v -> makeRoom(change, plan));
      }
    }
    for (int i = 0; i < changes.size(); i++) {
      String where = "changes[%d] ".formatted(i);
      Change change = changes.get(i);
      judged =
          judged.compose(
              v ->
                  (change.isDelete() ? delete(change, plan) : put(change, plan))
                      .recover(
                          e ->
                              Future.failedFuture(
                                  at(where + Resources.shown(shown(change.path)), e))));
    }
    return judged
        .compose(
            v ->
                isDry || plan.commands.isEmpty()
                    ? Future.succeededFuture()
                    : resources
                        .append(List.of(new Command.Together(plan.commands)))
                        .map(outcomes -> Resources.together(outcomes.get(0))))
        .map(
            done ->
                new Answer(
                    200,
                    new JsonObject()
                        .put("value", plan.results)
                        .put("breaks", new JsonArray(List.copyOf(plan.breaks)))));
  }

  /** The changes of a batch as a policy has them; each is judged by itself, nothing is done. */
  static List<Policy.Change> draft(ResourcePath namespace, byte[] body) {
    List<Policy.Change> draft = new ArrayList<>();
    List<Change> changes = changes(namespace, Resources.object(body));
    for (int i = 0; i < changes.size(); i++) {
      Change change = changes.get(i);
      Id id = change.id();
      try {
        Resource then = change.isDelete() ? null : form(change, change.path.name()).resource();
        draft.add(new Policy.Change(id.kind, id.id, then));
      } catch (ConfigException e) {
        throw at("changes[%d] ".formatted(i) + Resources.shown(shown(change.path)), e);
      }
    }
    return draft;
  }

  private static ResourceForm form(Change change, String name) {
    byte[] body = new JsonObject().put("properties", change.properties).encode().getBytes(UTF_8);
    return ResourceForm.parse(change.path.kind(), name, body);
  }

  private static List<Change> changes(ResourcePath path, JsonObject batch) {
    if (!(batch.getValue("changes", new JsonArray()) instanceof JsonArray given)) {
      throw ApiError.invalid("changes: not a list (allowed: [{…}])");
    }
    if (given.size() > MAX_CHANGES) {
      throw ApiError.invalid(
          "changes: there are %d (allowed: %d)".formatted(given.size(), MAX_CHANGES));
    }
    List<Change> changes = new ArrayList<>();
    Set<Id> ids = new HashSet<>();
    for (int i = 0; i < given.size(); i++) {
      try {
        Change change = change(path, given.getValue(i));
        if (!ids.add(change.id())) {
          throw ApiError.invalid("path: named before (allowed: each resource once)");
        }
        changes.add(change);
      } catch (ApiError e) {
        throw at("changes[%d]".formatted(i), e);
      }
    }
    return changes;
  }

  private static Change change(ResourcePath namespace, Object given) {
    if (!(given instanceof JsonObject one)) {
      throw ApiError.invalid("not an object (allowed: {\"method\", \"path\", \"properties\"})");
    }
    String method = String.valueOf(one.getValue("method"));
    if (!List.of("PUT", "DELETE").contains(method)) {
      throw ApiError.invalid(
          "method: '%s' (allowed: PUT, DELETE)".formatted(Resources.shown(method)));
    }
    if (!(one.getValue("path") instanceof String below) || below.startsWith("/")) {
      throw ApiError.invalid("path: missing (allowed: one below the namespace, as clients/NAME)");
    }
    ResourcePath path = ResourcePath.of(namespace.id(Kind.NAMESPACE, "") + "/" + below);
    if (path.name() == null || path.action() != null) {
      throw ApiError.invalid("path: no resource (allowed: TYPE/NAME)");
    }
    if (method.equals("DELETE")) {
      return new Change(path, null);
    }
    Object properties = one.getValue("properties", new JsonObject());
    if (!(properties instanceof JsonObject object)) {
      throw ApiError.invalid("properties: not an object (allowed: {…})");
    }
    return new Change(path, object);
  }

  /** The namespace itself: made, or changed as a PATCH would, where the batch says something. */
  private Void namespace(ResourcePath path, JsonObject batch, StoredResource now, Plan plan) {
    boolean isGiven = batch.getValue("namespace") != null;
    if (now == null && !isGiven) {
      throw ApiError.notFound(Resources.what(Kind.NAMESPACE, path.namespace()));
    }
    if (now != null && !Resources.isOf(path, now)) {
      throw Resources.another(now);
    }
    if (!isGiven) {
      return null;
    }
    if (!(batch.getValue("namespace") instanceof JsonObject given)) {
      throw ApiError.invalid("namespace: not an object (allowed: {\"properties\": {…}})");
    }
    byte[] value;
    try {
      value = resources.namespace(path.namespace(), now, given);
    } catch (ApiError | ConfigException e) {
      throw at("namespace", e);
    }
    boolean isSame = now != null && Arrays.equals(now.value(), value);
    if (!isSame) {
      Judgement.requireOurs(now);
      plan.put(Kind.NAMESPACE, "", null, value);
    }
    plan.result("", now == null ? "created" : isSame ? "unchanged" : "changed");
    return null;
  }

  private Future<Void> makeRoom(Change change, Plan plan) {
    return resources
        .find(change.id().kind, change.id().id)
        .map(
            now -> {
              if (now != null) {
                plan.judgement.removed(change.id().kind);
              }
              return null;
            });
  }

  private Future<Void> put(Change change, Plan plan) {
    ResourcePath path = change.path;
    return plan.find(change.id().kind, change.id().id)
        .compose(
            now -> {
              Resources.reveal(change.properties, now);
              ResourceForm form = form(change, Resources.name(path, now));
              boolean isSame = now != null && Arrays.equals(now.value(), form.encode());
              plan.result(shown(path), now == null ? "created" : isSame ? "unchanged" : "changed");
              if (isSame) {
                return Future.succeededFuture();
              }
              Judgement.requireOurs(now);
              return plan.judgement
                  .of(form.resource(), now)
                  .map(
                      besides -> {
                        Resource one = form.resource();
                        plan.put(one.kind(), one.id(), one.key(), form.encode());
                        plan.commands.addAll(besides);
                        return null;
                      });
            });
  }

  private Future<Void> delete(Change change, Plan plan) {
    Id id = change.id();
    return plan.find(id.kind, id.id)
        .compose(
            now -> {
              plan.result(shown(change.path), now == null ? "absent" : "deleted");
              if (now == null) {
                return Future.succeededFuture();
              }
              Judgement.requireOurs(now);
              Future<Void> gone =
                  id.kind == Kind.TOPIC
                      ? resources.below(now).compose(below -> gone(below, plan))
                      : Future.succeededFuture();
              return gone.compose(v -> gone(List.of(now), plan))
                  .compose(v -> resources.broken(id.kind, now))
                  .map(
                      breaks -> {
                        breaks.ifPresent(
                            names -> plan.breaks.addAll(Arrays.asList(names.split(", "))));
                        return null;
                      });
            });
  }

  private static Future<Void> gone(List<StoredResource> all, Plan plan) {
    return plan.judgement
        .clientEvents()
        .map(
            events -> {
              for (StoredResource one : all) {
                Judgement.requireOurs(one);
                plan.changed.put(new Id(Kind.of(one.kind()), one.name()), null);
                plan.commands.addAll(Resources.gone(one, events));
              }
              return null;
            });
  }

  /** The path below the namespace, as the batch has it. */
  private static String shown(ResourcePath path) {
    String id = path.id(path.kind(), path.name());
    return id.substring(path.id(Kind.NAMESPACE, "").length() + 1);
  }

  /** An error, with where in the request it is. */
  private static ApiError at(String where, Throwable e) {
    ApiError error = refusal(e);
    return new ApiError(error.status(), error.code(), where + ": " + error.getMessage());
  }

  /** What is wrong with the request, if that is it. */
  private static ApiError refusal(Throwable e) {
    if (e instanceof ApiError error) {
      return error;
    } else if (e instanceof ConfigException) {
      return ApiError.invalid(e.getMessage());
    }
    throw e instanceof RuntimeException other ? other : new IllegalStateException(e);
  }

  // --- each for itself ---

  /** A client to be imported. */
  private record Line(int number, String name, StoredResource before, List<Command> commands) {}

  /** How an import went so far. */
  private static final class Tally {
    int created;
    int changed;
    int unchanged;
    final JsonArray refused = new JsonArray();

    void refuse(int line, String name, String why) {
      JsonObject one = new JsonObject().put("line", line);
      refused.add(
          (name == null ? one : one.put("name", Resources.shown(name))).put("message", why));
    }
  }

  /** Takes in clients. */
  Future<Answer> importClients(ResourcePath path, byte[] body) {
    List<String> lines = new String(body, UTF_8).lines().limit(MAX_LINES + 1).toList();
    if (lines.size() > MAX_LINES) {
      throw new ApiError(
          413,
          "RequestEntityTooLarge",
          "there are more than %d lines (allowed: that many in a request)".formatted(MAX_LINES));
    }
    Tally tally = new Tally();
    Judgement judgement = resources.judgement(resources::find, false);
    return resources
        .namespace(path)
        .compose(namespace -> importFrom(lines, 0, judgement, tally))
        .map(
            done ->
                new Answer(
                    200,
                    new JsonObject()
                        .put("created", tally.created)
                        .put("changed", tally.changed)
                        .put("unchanged", tally.unchanged)
                        .put("refused", tally.refused)));
  }

  /** Part after part, so that none is too large for the log. */
  private Future<Void> importFrom(List<String> lines, int from, Judgement judgement, Tally tally) {
    if (from >= lines.size()) {
      return Future.succeededFuture();
    }
    int to = from;
    for (int bytes = 0; to < lines.size() && to - from < MAX_CHANGES && bytes < PART_BYTES; to++) {
      bytes += lines.get(to).length();
    }
    List<Future<Optional<Line>>> parsed = new ArrayList<>();
    for (int i = from; i < to; i++) {
      if (!lines.get(i).isBlank()) {
        parsed.add(parse(lines.get(i), i + 1, judgement, tally));
      }
    }
    int next = to;
    return Future.all(parsed)
        .compose(
            all -> {
              List<Line> good = parsed.stream().flatMap(one -> one.result().stream()).toList();
              return good.isEmpty() ? Future.succeededFuture() : append(good, tally);
            })
        .compose(done -> importFrom(lines, next, judgement, tally));
  }

  private Future<Void> append(List<Line> good, Tally tally) {
    return resources
        .append(good.stream().<Command>map(one -> new Command.Together(one.commands)).toList())
        .map(
            outcomes -> {
              for (int i = 0; i < good.size(); i++) {
                Line one = good.get(i);
                if (outcomes.get(i) instanceof Outcome.Taken taken) {
                  tally.refuse(one.number, one.name, Resources.isTaken(taken));
                } else if (((Outcome.Put) Resources.together(outcomes.get(i)).get(0)).created()) {
                  tally.created++;
                } else {
                  tally.changed++;
                }
              }
              return null;
            });
  }

  private Future<Optional<Line>> parse(String line, int number, Judgement judgement, Tally tally) {
    String name = null;
    try {
      JsonObject given = new JsonObject(line);
      if (!(given.remove("name") instanceof String text) || text.isEmpty()) {
        throw ApiError.invalid("name: missing (allowed: a text)");
      }
      name = text;
      ResourceForm form =
          ResourceForm.parse(
              Kind.CLIENT,
              name,
              new JsonObject().put("properties", given).encode().getBytes(UTF_8));
      return judged(number, form, judgement)
          .recover(
              e -> {
                tally.refuse(number, text, refusal(e).getMessage());
                return Future.succeededFuture(Optional.empty());
              })
          .onSuccess(
              one -> {
                if (one.isPresent() && one.get().commands.isEmpty()) {
                  tally.unchanged++;
                }
              })
          .map(one -> one.filter(some -> !some.commands.isEmpty()));
    } catch (DecodeException | ClassCastException e) {
      tally.refuse(number, null, "not a JSON object (allowed: {\"name\": …})");
    } catch (ApiError | ConfigException e) {
      tally.refuse(number, name, e.getMessage());
    }
    return Future.succeededFuture(Optional.empty());
  }

  private Future<Optional<Line>> judged(int number, ResourceForm form, Judgement judgement) {
    Resource client = form.resource();
    return resources
        .find(Kind.CLIENT, client.id())
        .compose(
            now -> {
              byte[] value = form.encode();
              if (now != null && Arrays.equals(now.value(), value)) {
                return Future.succeededFuture(
                    Optional.of(new Line(number, client.name(), now, List.of())));
              }
              Judgement.requireOurs(now);
              return judgement
                  .of(client, now)
                  .map(
                      besides -> {
                        List<Command> commands = new ArrayList<>();
                        commands.add(
                            new Command.PutResource(
                                Kind.CLIENT.code(),
                                client.id(),
                                client.key(),
                                Resources.OWNER,
                                value));
                        commands.addAll(besides);
                        return Optional.of(new Line(number, client.name(), now, commands));
                      });
            });
  }
}
