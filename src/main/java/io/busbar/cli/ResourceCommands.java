package io.busbar.cli;

import io.busbar.config.ConfigException;
import io.busbar.config.NamespaceFile;
import io.busbar.config.ResourceForm;
import io.busbar.policy.NamespaceSettings;
import io.busbar.policy.Resource;
import io.busbar.policy.Resource.Kind;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The commands that read and change the namespace's resources over the management API. */
final class ResourceCommands {
  private static final String ENRICHMENTS = "routingEnrichments";
  private static final List<String> TOPICS = List.of("routeTopic", "lifeCycleTopic");

  /** From where clients may come, and what that is where nothing is said. */
  private static final Map<String, Object> NETWORK =
      Map.of("publicNetworkAccess", "Enabled", "inboundIpRules", new JsonArray());

  private static final String SESSIONS = "maximumClientSessionsPerAuthenticationName";

  private ResourceCommands() {}

  private static final List<String> ISSUERS =
      List.of("customJwtAuthentication", "oauth2JwtAuthentication");

  /** What a namespace itself says, as a namespace file has it. */
  private static JsonObject settings(JsonObject namespace) {
    JsonObject spaces =
        namespace.getJsonObject("properties").getJsonObject("topicSpacesConfiguration");
    JsonObject authentication = spaces.getJsonObject("clientAuthentication");
    JsonObject settings = new JsonObject();
    String sources = "alternativeAuthenticationNameSources";
    settings.put(sources, authentication.getJsonArray(sources));
    if (spaces.getValue(SESSIONS) != null) {
      settings.put(SESSIONS, spaces.getValue(SESSIONS));
    }
    for (String key : ISSUERS) {
      copy(authentication, settings, key, "tokenIssuer", "audiences", "encodedIssuerCertificates");
    }
    for (String topic : TOPICS) {
      String id = spaces.getString(topic + "ResourceId", "");
      if (!id.isEmpty()) {
        settings.put(topic, id.substring(id.lastIndexOf('/') + 1));
      }
    }
    copy(authentication, settings, "webhookAuthentication", "endpointUrl");
    if (spaces.getValue(ENRICHMENTS) != null) {
      settings.put(ENRICHMENTS, spaces.getValue(ENRICHMENTS));
    }
    for (String key : NETWORK.keySet()) {
      if (namespace.getJsonObject("properties").getValue(key) != null) {
        settings.put(key, namespace.getJsonObject("properties").getValue(key));
      }
    }
    settings.put("name", namespace.getString("name"));
    return settings(
        (NamespaceSettings)
            ResourceForm.decode(Kind.NAMESPACE, settings.toBuffer().getBytes()).resource());
  }

  /** The same as a namespace file has it, without the name. */
  private static JsonObject settings(NamespaceSettings settings) {
    JsonObject json = new JsonObject(Buffer.buffer(new ResourceForm(settings, null).encode()));
    json.remove("name");
    return json;
  }

  /** Copies the parts of an object that a namespace file knows. */
  private static void copy(JsonObject from, JsonObject to, String key, String... parts) {
    JsonObject given = from.getJsonObject(key);
    if (given == null) {
      return;
    }
    JsonObject known = new JsonObject();
    for (String part : parts) {
      if (given.getValue(part) != null) {
        known.put(part, given.getValue(part));
      }
    }
    to.put(key, known);
  }

  /** The same as the API has it; what is not there is said, too, as it may be there now. */
  private static JsonObject properties(NamespaceSettings of) {
    JsonObject authentication = settings(of);
    JsonObject spaces = new JsonObject();
    JsonObject properties = new JsonObject().put("topicSpacesConfiguration", spaces);
    Object sessions = authentication.remove(SESSIONS);
    if (sessions != null) {
      spaces.put(SESSIONS, sessions);
    }
    for (String topic : TOPICS) {
      Object name = authentication.remove(topic);
      spaces.put(topic + "ResourceId", name == null ? "" : name);
    }
    spaces.put(ENRICHMENTS, authentication.remove(ENRICHMENTS));
    for (Map.Entry<String, Object> one : NETWORK.entrySet()) {
      Object given = authentication.remove(one.getKey());
      properties.put(one.getKey(), given == null ? one.getValue() : given);
    }
    spaces.put("clientAuthentication", authentication);
    return properties;
  }

  /** What a resource is, without what a node adds to it. */
  private static JsonObject properties(JsonObject resource) {
    JsonObject properties = resource.getJsonObject("properties").copy();
    for (String added : List.of("provisioningState", "issueTimeInUtc", "expiryTimeInUtc")) {
      properties.remove(added);
    }
    return properties;
  }

  @Command(
      name = "get",
      mixinStandardHelpOptions = true,
      description = "Shows the namespace's resources of a kind, or one of them.",
      footer = {"", "Examples:", "  busbar get clients", "  busbar get topic-space fleet -o json"})
  static final class Get implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Parameters(
        index = "0",
        paramLabel = "KIND",
        description =
            "clients, clientGroups, topicSpaces, permissionBindings, caCertificates, topics,"
                + " eventSubscriptions")
    private String kind;

    @Parameters(index = "1", arity = "0..1", paramLabel = "NAME", description = "one of them")
    private String name;

    @Option(
        names = {"-o", "--output"},
        paramLabel = "json",
        description = "json: as the API has it")
    private String output;

    @Override
    public Integer call() throws IOException, InterruptedException {
      Kind of = ApiClient.kind(kind);
      String namespace = api.namespace();
      List<JsonObject> all =
          name == null
              ? api.all(namespace, of)
              : List.of(api.ask("GET", ApiClient.path(namespace, of, name), null).body());
      PrintWriter out = spec.commandLine().getOut();
      if ("json".equals(output)) {
        all.forEach(one -> out.println(one.encodePrettily()));
      } else {
        print(out, of, all);
      }
      out.flush();
      return 0;
    }

    private static void print(PrintWriter out, Kind kind, List<JsonObject> all) {
      List<String> columns =
          switch (kind) {
            case CLIENT -> List.of("authenticationName", "state", "attributes");
            case CLIENT_GROUP -> List.of("query");
            case TOPIC_SPACE -> List.of("topicTemplates");
            case PERMISSION_BINDING -> List.of("permission", "clientGroupName", "topicSpaceName");
            case TOPIC -> List.of("eventRetentionInDays");
            case EVENT_SUBSCRIPTION -> List.of("deliveryConfiguration", "filtersConfiguration");
            default -> List.of("expiryTimeInUtc");
          };
      List<String> heads = new ArrayList<>(List.of("name"));
      heads.addAll(columns);
      Table table = new Table(heads.toArray(String[]::new));
      for (JsonObject one : all) {
        List<String> row = new ArrayList<>(List.of(one.getString("name")));
        for (String column : columns) {
          Object value = one.getJsonObject("properties").getValue(column);
          row.add(value == null ? "-" : value.toString());
        }
        table.row(row.toArray(String[]::new));
      }
      table.print(out);
    }
  }

  @Command(
      name = "delete",
      mixinStandardHelpOptions = true,
      description = "Deletes a resource of the namespace.",
      footer = {"", "Example:", "  busbar delete client press-7"})
  static final class Delete implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Parameters(
        index = "0",
        paramLabel = "KIND",
        description = "client, clientGroup, topicSpace, …")
    private String kind;

    @Parameters(index = "1", paramLabel = "NAME", description = "which")
    private String name;

    @Override
    public Integer call() throws IOException, InterruptedException {
      Kind of = ApiClient.kind(kind);
      int status = api.ask("DELETE", ApiClient.path(api.namespace(), of, name), null).status();
      PrintWriter out = spec.commandLine().getOut();
      out.println(status == 204 ? "there was none" : "deleted");
      out.flush();
      return 0;
    }
  }

  @Command(
      name = "apply",
      mixinStandardHelpOptions = true,
      description = {
        "Makes the namespace what a namespace file says: shows the plan, then carries it out.",
        "What the file does not name stays, unless --prune. One resource after the other: if one is"
            + " refused, those before it are in force."
      },
      footer = {
        "",
        "Examples:",
        "  busbar apply -f namespace.yaml --dry-run",
        "  busbar apply -f namespace.yaml --prune"
      })
  static final class Apply implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Option(
        names = {"-f", "--file"},
        paramLabel = "FILE",
        required = true,
        description = "a namespace file (docs/configuration.md)")
    private Path file;

    @Option(names = "--prune", description = "delete what the file does not have")
    private boolean prune;

    @Option(names = "--dry-run", description = "show the plan only")
    private boolean isDry;

    /** One step of a plan. */
    private record Step(String what, Kind kind, String name, JsonObject properties) {}

    @Override
    public Integer call() throws IOException, InterruptedException {
      NamespaceFile read = NamespaceFile.read(file);
      NamespaceSettings settings = read.namespace().settings();
      List<Step> plan = new ArrayList<>();
      Map<Kind, Map<String, JsonObject>> there = there(settings.name());
      for (Kind kind : ApiClient.KINDS) {
        plan.addAll(puts(kind, read, there.get(kind)));
      }
      if (prune) {
        for (int i = ApiClient.KINDS.size() - 1; i >= 0; i--) {
          plan.addAll(deletes(ApiClient.KINDS.get(i), read, there.get(ApiClient.KINDS.get(i))));
        }
      }
      PrintWriter out = spec.commandLine().getOut();
      print(out, plan);
      out.flush();
      if (isDry) {
        return 0;
      }
      namespace(settings, there.get(Kind.NAMESPACE).values().stream().findFirst().orElse(null));
      for (Step step : plan) {
        String path = ApiClient.path(settings.name(), step.kind, step.name);
        if (step.properties == null) {
          api.ask("DELETE", path, null);
        } else {
          api.ask("PUT", path, new JsonObject().put("properties", step.properties));
        }
      }
      out.println("done");
      out.flush();
      return 0;
    }

    /** The namespace itself, if it is not there or says something else. */
    private void namespace(NamespaceSettings settings, JsonObject now)
        throws IOException, InterruptedException {
      JsonObject body = new JsonObject().put("properties", properties(settings));
      String own = "/namespaces/" + settings.name();
      if (now == null) {
        api.ask("PUT", own, body);
      } else if (!settings(now).equals(settings(settings))) {
        api.ask("PATCH", own, body);
      }
    }

    /** What the node has, by kind and id; the namespace itself too. */
    private Map<Kind, Map<String, JsonObject>> there(String namespace)
        throws IOException, InterruptedException {
      Map<Kind, Map<String, JsonObject>> there = new LinkedHashMap<>();
      there.put(Kind.NAMESPACE, new LinkedHashMap<>());
      for (Object one : api.ask("GET", "/namespaces", null).body().getJsonArray("value")) {
        String name = ((JsonObject) one).getString("name");
        if (!name.equalsIgnoreCase(namespace)) {
          throw new ConfigException(
              "%s: name: \"%s\", but the node serves namespace \"%s\" (allowed: that one)"
                  .formatted(file, namespace, name));
        }
        there.get(Kind.NAMESPACE).put(name, (JsonObject) one);
      }
      for (Kind kind : ApiClient.KINDS) {
        Map<String, JsonObject> of = new LinkedHashMap<>();
        if (!there.get(Kind.NAMESPACE).isEmpty()) {
          api.whole(namespace, kind).forEach(one -> of.put(kind.id(one.getString("name")), one));
        }
        there.put(kind, of);
      }
      return there;
    }

    private static List<Step> puts(Kind kind, NamespaceFile read, Map<String, JsonObject> there) {
      List<Step> steps = new ArrayList<>();
      for (ResourceForm form : read.resources()) {
        if (form.resource().kind() != kind) {
          continue;
        }
        JsonObject wanted = new JsonObject(Buffer.buffer(form.encode()));
        wanted.remove("name");
        JsonObject now = there.get(form.resource().id());
        if (now == null || !properties(now).equals(wanted)) {
          steps.add(
              new Step(now == null ? "create" : "change", kind, form.resource().name(), wanted));
        }
      }
      return steps;
    }

    private static List<Step> deletes(
        Kind kind, NamespaceFile read, Map<String, JsonObject> there) {
      List<String> wanted =
          read.resources().stream()
              .map(ResourceForm::resource)
              .filter(one -> one.kind() == kind)
              .map(Resource::id)
              .toList();
      return there.entrySet().stream()
          .filter(one -> !wanted.contains(one.getKey()))
          .map(one -> new Step("delete", kind, one.getValue().getString("name"), null))
          .toList();
    }

    private static void print(PrintWriter out, List<Step> plan) {
      if (plan.isEmpty()) {
        out.println("all resources are as the file says");
        return;
      }
      Table table = new Table("what", "kind", "name");
      plan.forEach(step -> table.row(step.what, step.kind.plural(), step.name));
      table.print(out);
    }
  }

  @Command(
      name = "export",
      mixinStandardHelpOptions = true,
      description = "Prints the namespace as a namespace file, which apply takes.",
      footer = {"", "Example:", "  busbar export > namespace.yaml"})
  static final class Export implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Override
    public Integer call() throws IOException, InterruptedException {
      PrintWriter out = spec.commandLine().getOut();
      String namespace = api.namespace();
      JsonObject own = api.ask("GET", "/namespaces/" + namespace, null).body();
      out.println("name: " + namespace);
      for (Map.Entry<String, Object> one : settings(own)) {
        boolean isNothing = one.getValue() instanceof JsonArray list && list.isEmpty();
        if (!isNothing) {
          out.println(one.getKey() + ": " + Json.encode(one.getValue()));
        }
      }
      Map<String, JsonArray> below = new LinkedHashMap<>();
      for (JsonObject one : api.whole(namespace, Kind.EVENT_SUBSCRIPTION)) {
        String[] names = one.getString("name").split("/", 2);
        below
            .computeIfAbsent(names[0], topic -> new JsonArray())
            .add(new JsonObject().put("name", names[1]).mergeIn(properties(one)));
      }
      for (Kind kind : ApiClient.KINDS) {
        List<JsonObject> all =
            kind == Kind.EVENT_SUBSCRIPTION ? List.of() : api.all(namespace, kind);
        if (!all.isEmpty()) {
          out.println(kind.plural() + ":");
        }
        for (JsonObject one : all) {
          // each is JSON on a line, which is YAML as well
          JsonObject entry = new JsonObject().put("name", one.getString("name"));
          entry.mergeIn(properties(one));
          if (kind == Kind.TOPIC && below.containsKey(one.getString("name"))) {
            entry.put(Kind.EVENT_SUBSCRIPTION.plural(), below.get(one.getString("name")));
          }
          out.println("  - " + entry.encode());
        }
      }
      out.flush();
      return 0;
    }
  }
}
