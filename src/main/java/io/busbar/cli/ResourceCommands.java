package io.busbar.cli;

import io.busbar.policy.Resource.Kind;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The commands that take the namespace as a whole: from a file, and into one. */
final class ResourceCommands {
  private ResourceCommands() {}

  /** What apply and diff take. */
  private static final class Source {
    @Option(
        names = {"-f", "--file"},
        paramLabel = "FILE",
        required = true,
        description =
            "a namespace file (docs/configuration.md), a directory of some, or an ARM template")
    private Path file;

    @Option(
        names = {"-p", "--parameter"},
        paramLabel = "NAME=VALUE",
        description = "of an ARM template; a VALUE that is JSON is that")
    private Map<String, String> parameters = Map.of();

    @Option(names = "--prune", description = "delete what the file does not have")
    private boolean prune;

    Plan plan(ApiClient api) throws IOException, InterruptedException {
      Map<String, Object> values = new HashMap<>();
      parameters.forEach((name, text) -> values.put(name, Values.of(text)));
      return new Plan(api, Wanted.read(file, values), prune);
    }
  }

  @Command(
      name = "apply",
      mixinStandardHelpOptions = true,
      description = {
        "Makes the namespace what a file says: shows the plan, then carries it out, whole or not at"
            + " all.",
        "What the file does not name stays, unless --prune."
      },
      footer = {
        "",
        "Examples:",
        "  busbar apply -f namespace.yaml --dry-run",
        "  busbar apply -f namespace.d --prune",
        "  busbar apply -f azuredeploy.json -p namespaceName=plant"
      })
  static final class Apply implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;
    @Mixin private Source source;

    @Option(names = "--dry-run", description = "show the plan only")
    private boolean isDry;

    @Override
    public Integer call() throws IOException, InterruptedException {
      Plan plan = source.plan(api);
      PrintWriter out = spec.commandLine().getOut();
      plan.print(out);
      out.flush();
      if (isDry) {
        return 0;
      }
      if (!plan.isEmpty()) {
        plan.carryOut(out);
      }
      out.println("done");
      out.flush();
      return 0;
    }
  }

  @Command(
      name = "diff",
      mixinStandardHelpOptions = true,
      description = "Shows what apply would change, property by property. Ends with 1 if it would.",
      footer = {"", "Example:", "  busbar diff -f namespace.yaml --prune"})
  static final class Diff implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;
    @Mixin private Source source;

    @Override
    public Integer call() throws IOException, InterruptedException {
      Plan plan = source.plan(api);
      PrintWriter out = spec.commandLine().getOut();
      plan.printDifferences(out);
      out.flush();
      return plan.isEmpty() ? 0 : 1;
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
      for (Map.Entry<String, Object> one : Shapes.settings(own)) {
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
            .add(new JsonObject().put("name", names[1]).mergeIn(Shapes.properties(one)));
      }
      for (Kind kind : ApiClient.KINDS) {
        if (kind == Kind.EVENT_SUBSCRIPTION) {
          continue;
        }
        // as they come: there may be more than memory has room for
        boolean[] isHeaded = {false};
        api.each(
            namespace,
            kind,
            null,
            one -> {
              if (!isHeaded[0]) {
                out.println(kind.plural() + ":");
                isHeaded[0] = true;
              }
              // each is JSON on a line, which is YAML as well
              JsonObject entry = new JsonObject().put("name", one.getString("name"));
              entry.mergeIn(Shapes.properties(one));
              if (kind == Kind.TOPIC && below.containsKey(one.getString("name"))) {
                entry.put(Kind.EVENT_SUBSCRIPTION.plural(), below.get(one.getString("name")));
              }
              out.println("  - " + entry.encode());
            });
      }
      out.flush();
      return 0;
    }
  }
}
