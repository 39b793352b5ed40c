package io.busbar.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
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
      "Ends with 0 if it may, with 1 if not."
    },
    footer = {
      "",
      "Examples:",
      "  busbar explain --client vehicle01 --publish vehicles/vehicle01/position",
      "  busbar explain --client map-app --subscribe 'vehicles/#'"
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

  @ArgGroup(multiplicity = "1")
  private Wanted wanted;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "json",
      description = "json: the answer as it is")
  private String output;

  private static final class Wanted {
    @Option(names = "--publish", paramLabel = "TOPIC", description = "may it publish to this?")
    private String topic;

    @Option(names = "--subscribe", paramLabel = "FILTER", description = "may it subscribe to this?")
    private String filter;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    boolean isPublish = wanted.topic != null;
    String what = isPublish ? wanted.topic : wanted.filter;
    String path =
        "/explain?client=%s&%s=%s"
            .formatted(encoded(client), isPublish ? "publish" : "subscribe", encoded(what));
    JsonObject answer = api.ask("GET", path, null).body();
    PrintWriter out = spec.commandLine().getOut();
    if ("json".equals(output)) {
      out.println(answer.encodePrettily());
    } else {
      print(out, answer, isPublish ? "publish to" : "subscribe to", what);
    }
    out.flush();
    return answer.getBoolean("allowed") ? 0 : 1;
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
