package io.busbar.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code busbar explain}: why a client may publish or subscribe, or why not. */
@Command(
    name = "explain",
    mixinStandardHelpOptions = true,
    description = {
      "Says why a client may publish to a topic or subscribe to a filter, or why not: its groups,"
          + " and what each template of each binding comes to for it.",
      "Ends with 0 if it may, with 1 if not.",
      "With --policy it tells what would be if that was applied; nothing is changed."
    },
    footer = {
      "",
      "Examples:",
      "  busbar explain --client vehicle01 --publish vehicles/vehicle01/position",
      "  busbar explain --client map-app --subscribe 'vehicles/#'",
      "  busbar explain --client map-app --subscribe 'vehicles/#' --policy draft.yaml"
    })
final class Explain implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ApiClient api;

  @Option(
      names = "--client",
      paramLabel = "NAME",
      required = true,
      description = "the client's authentication name")
  private String client;

  @Option(
      names = "--policy",
      paramLabel = "PLACE",
      description =
          "what 'busbar apply' would take: a namespace file, a directory of them, or an ARM template")
  private Path policy;

  @Option(names = "--prune", description = "with --policy: what that does not have is gone")
  private boolean prune;

  @ArgGroup(multiplicity = "1")
  private Right right;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "json",
      description = "json: the answer as it is")
  private String output;

  private static final class Right {
    @Option(names = "--publish", paramLabel = "TOPIC", description = "may it publish to this?")
    private String topic;

    @Option(names = "--subscribe", paramLabel = "FILTER", description = "may it subscribe to this?")
    private String filter;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    boolean isPublish = right.topic != null;
    String what = isPublish ? right.topic : right.filter;
    String path =
        "/explain?client=%s&%s=%s"
            .formatted(encoded(client), isPublish ? "publish" : "subscribe", encoded(what));
    JsonObject answer = policy == null ? api.ask("GET", path, null).body() : draft(path);
    PrintWriter out = spec.commandLine().getOut();
    if ("json".equals(output)) {
      out.println(answer.encodePrettily());
    } else {
      print(out, answer, isPublish ? "publish to" : "subscribe to", what);
    }
    out.flush();
    return answer.getBoolean("allowed") ? 0 : 1;
  }

  private JsonObject draft(String path) throws IOException, InterruptedException {
    Wanted wanted = Wanted.read(policy, Map.of());
    JsonObject changes = new JsonObject().put("changes", new Plan(api, wanted, prune).changes());
    return api.ask("POST", path, changes).body();
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  private void print(PrintWriter out, JsonObject answer, String verb, String what) {
    boolean allowed = answer.getBoolean("allowed");
    out.printf(
        "%s  %s may %s%s '%s'%n",
        allowed ? "allowed" : "denied ", client, allowed ? "" : "not ", verb, what);
    out.printf("         %s%n", answer.getString("reason"));
    JsonObject now = answer.getJsonObject("now");
    if (now != null) {
      out.printf(
          "now      %s: %s%n",
          now.getBoolean("allowed") ? "allowed" : "denied", now.getString("reason"));
    }
    if (answer.getString("client") == null) {
      return;
    }
    out.printf("%nclient   %s", answer.getString("client"));
    out.println(answer.getBoolean("enabled") ? "" : " (disabled)");
    out.printf("groups   %s%n", joined(answer.getJsonArray("clientGroups")));
    JsonArray bindings = answer.getJsonArray("bindings");
    if (bindings.isEmpty()) {
      return;
    }
    Table table =
        new Table("binding", "group", "in it", "topic space", "template", "comes to", "matches");
    for (Object one : bindings) {
      JsonObject binding = (JsonObject) one;
      for (Object other : binding.getJsonArray("topicTemplates")) {
        JsonObject template = (JsonObject) other;
        String made =
            template.getString("nothing") == null
                ? joined(template.getJsonArray("filters"))
                : "nothing: " + template.getString("nothing");
        table.row(
            binding.getString("permissionBinding"),
            binding.getString("clientGroup"),
            binding.getBoolean("inGroup") ? "yes" : "no",
            binding.getString("topicSpace"),
            template.getString("template"),
            made,
            template.getBoolean("matches") ? "yes" : "no");
      }
    }
    out.println();
    table.print(out);
  }

  private static String joined(JsonArray texts) {
    return String.join(", ", texts.stream().map(Object::toString).toList());
  }
}
