package io.busbar.cli;

import io.busbar.config.ConfigException;
import io.busbar.policy.PasswordHash;
import io.busbar.policy.Resource.Kind;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** What makes a node's namespace what is wanted: shown, and carried out. */
final class Plan {
  /** Changes of one request, and their bytes; more of them are done in parts. */
  private static final int MOST = 1_000;

  private static final int MOST_BYTES = 600_000;

  /** So many resources of a kind are asked for one by one. */
  private static final int FEW = 100;

  private final ApiClient api;
  private final Wanted wanted;
  private final List<Step> steps = new ArrayList<>();

  /**
   * One change.
   *
   * @param kind {@link Kind#NAMESPACE} for the namespace itself
   * @param now what is there, or null
   * @param then what is to be there, or null
   */
  private record Step(Kind kind, String name, JsonObject now, JsonObject then) {
    String what() {
      return now == null ? "create" : then == null ? "delete" : "change";
    }

    JsonObject json() {
      JsonObject json =
          new JsonObject()
              .put("method", then == null ? "DELETE" : "PUT")
              .put("path", ApiClient.below(kind, name));
      return then == null ? json : json.put("properties", then);
    }
  }

  /**
   * Compares.
   *
   * @param prune whether what is not wanted is deleted
   */
  Plan(ApiClient api, Wanted wanted, boolean prune) throws IOException, InterruptedException {
    this.api = api;
    this.wanted = wanted;
    JsonObject namespace = namespace();
    List<Step> puts = new ArrayList<>();
    List<Step> deletes = new ArrayList<>();
    for (Kind kind : ApiClient.KINDS) {
      Map<String, JsonObject> there = namespace == null ? Map.of() : there(kind, prune);
      Set<String> kept = new HashSet<>();
      for (Wanted.Entry entry : wanted.entries()) {
        if (entry.kind() == kind) {
          kept.add(entry.id());
          JsonObject now = there.get(entry.id());
          JsonObject properties = now == null ? null : Shapes.properties(now);
          if (!hidden(entry.properties()).equals(properties)) {
            puts.add(new Step(kind, entry.name(), properties, entry.properties()));
          }
        }
      }
      if (prune) {
        List<Step> ofKind = new ArrayList<>();
        there.forEach(
            (id, one) -> {
              if (!kept.contains(id)) {
                ofKind.add(new Step(kind, one.getString("name"), Shapes.properties(one), null));
              }
            });
        // what refers to others goes before them
        deletes.addAll(0, ofKind);
      }
    }
    steps.addAll(deletes);
    steps.addAll(puts);
  }

  /** What is there of a kind, by its id: as far as it matters, for there may be millions. */
  private Map<String, JsonObject> there(Kind kind, boolean prune)
      throws IOException, InterruptedException {
    Map<String, JsonObject> there = new HashMap<>();
    List<Wanted.Entry> named =
        wanted.entries().stream().filter(entry -> entry.kind() == kind).toList();
    if (prune || named.size() > FEW) {
      for (JsonObject one : api.whole(wanted.name(), kind)) {
        there.put(kind.id(one.getString("name")), one);
      }
      return there;
    }
    for (Wanted.Entry entry : named) {
      JsonObject one = api.whole(wanted.name(), kind, entry.name());
      if (one != null) {
        there.put(entry.id(), one);
      }
    }
    return there;
  }

  /** The namespace itself as it is, or null; what is to change about it is the first step. */
  private JsonObject namespace() throws IOException, InterruptedException {
    JsonArray all = api.ask("GET", "/namespaces", null).body().getJsonArray("value");
    JsonObject now = all.isEmpty() ? null : all.getJsonObject(0);
    if (now != null && !now.getString("name").equalsIgnoreCase(wanted.name())) {
      throw new ConfigException(
          "name: \"%s\", but the node serves namespace \"%s\" (allowed: that one)"
              .formatted(wanted.name(), now.getString("name")));
    }
    if (now == null && wanted.namespace() == null) {
      throw new ConfigException(
          "the node has no namespace yet, and the template makes none (allowed: one that does)");
    }
    if (wanted.namespace() != null) {
      JsonObject then = settings(wanted.namespace());
      JsonObject before = now == null ? null : Shapes.settings(now);
      if (!then.equals(before)) {
        steps.add(new Step(Kind.NAMESPACE, wanted.name(), before, then));
      }
    }
    return now;
  }

  private JsonObject settings(JsonObject properties) {
    return Shapes.settings(
        new JsonObject().put("name", wanted.name()).put("properties", properties));
  }

  boolean isEmpty() {
    return steps.isEmpty();
  }

  /** Shows what is to be done. */
  void print(PrintWriter out) {
    if (isEmpty()) {
      out.println("all resources are as the file says");
      return;
    }
    Table table = new Table("what", "kind", "name");
    steps.forEach(
        step ->
            table.row(
                step.what(),
                step.kind == Kind.NAMESPACE ? "namespace" : step.kind.plural(),
                step.name));
    table.print(out);
  }

  /** Shows the same, property by property. */
  void printDifferences(PrintWriter out) {
    if (isEmpty()) {
      out.println("all resources are as the file says");
    }
    for (Step step : steps) {
      String sign = step.now == null ? "+" : step.then == null ? "-" : "~";
      out.println(
          sign
              + " "
              + (step.kind == Kind.NAMESPACE
                  ? "namespace " + step.name
                  : ApiClient.below(step.kind, step.name)));
      Map<String, String> now = flat(step.now);
      Map<String, String> then = flat(hidden(step.then));
      Set<String> paths = new TreeSet<>(now.keySet());
      paths.addAll(then.keySet());
      for (String path : paths) {
        if (!Objects.equals(now.get(path), then.get(path))) {
          out.println(
              "    "
                  + path
                  + ": "
                  + difference(shown(path, now.get(path)), shown(path, then.get(path))));
        }
      }
    }
  }

  /** What is wanted as a node would show it: hashes of passwords are not. */
  private static JsonObject hidden(JsonObject properties) {
    if (properties == null
        || !(properties.getValue("passwordAuthentication") instanceof JsonObject password)) {
      return properties;
    }
    String hash = PasswordHash.parse(password.getString("passwordHash")).hidden();
    return properties
        .copy()
        .put("passwordAuthentication", new JsonObject().put("passwordHash", hash));
  }

  /** Without what may be secret: a diff is read by many, and kept in logs of deployments. */
  private static String shown(String path, String json) {
    if (json == null) {
      return null;
    } else if (path.endsWith("endpointUrl")) {
      return json.replaceAll("\\?[^\"]*", "?…");
    } else if (path.endsWith("deliveryAttributeMappings")) {
      return "(headers, with their secrets)";
    }
    return json;
  }

  private static String difference(String now, String then) {
    if (now == null) {
      return then;
    }
    return then == null ? now + " -> nothing" : now + " -> " + then;
  }

  /** The properties that have no others below them, by their paths. */
  private static Map<String, String> flat(JsonObject properties) {
    Map<String, String> flat = new TreeMap<>();
    if (properties != null) {
      flatten("", properties, flat);
    }
    return flat;
  }

  private static void flatten(String path, JsonObject object, Map<String, String> flat) {
    for (Map.Entry<String, Object> one : object) {
      String below = path.isEmpty() ? one.getKey() : path + "." + one.getKey();
      if (one.getValue() instanceof JsonObject part && !part.isEmpty()) {
        flatten(below, part, flat);
      } else {
        flat.put(below, Json.encode(one.getValue()));
      }
    }
  }

  /**
   * The changes as a batch has them, but for the namespace itself.
   *
   * @throws ConfigException if they are more than one request takes
   */
  JsonArray changes() {
    List<JsonObject> parts = parts();
    if (parts.size() > 1) {
      throw new ConfigException(
          "there are more than %d changes (allowed: that many)".formatted(MOST));
    }
    return parts.isEmpty() ? new JsonArray() : parts.get(0).getJsonArray("changes");
  }

  /** Does it: each part is done whole or not at all. */
  void carryOut(PrintWriter out) throws IOException, InterruptedException {
    List<JsonObject> parts = parts();
    for (int i = 0; i < parts.size(); i++) {
      JsonObject answer =
          api.ask("POST", "/namespaces/" + wanted.name() + "/batch", parts.get(i)).body();
      for (Object broken : answer.getJsonArray("breaks")) {
        out.println("gives nothing any more: " + broken);
      }
      if (parts.size() > 1) {
        out.println("part %d of %d done".formatted(i + 1, parts.size()));
      }
      out.flush();
    }
  }

  private List<JsonObject> parts() {
    List<JsonObject> parts = new ArrayList<>();
    JsonObject part = new JsonObject();
    JsonArray changes = new JsonArray();
    int bytes = 0;
    for (Step step : steps) {
      if (step.kind == Kind.NAMESPACE) {
        part.put("namespace", new JsonObject().put("properties", wanted.namespace()));
        continue;
      }
      JsonObject change = step.json();
      int size = change.encode().length();
      if (!changes.isEmpty() && (changes.size() == MOST || bytes + size > MOST_BYTES)) {
        parts.add(part.put("changes", changes));
        part = new JsonObject();
        changes = new JsonArray();
        bytes = 0;
      }
      changes.add(change);
      bytes += size;
    }
    parts.add(part.put("changes", changes));
    return parts;
  }
}
