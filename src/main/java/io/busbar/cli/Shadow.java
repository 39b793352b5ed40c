package io.busbar.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code busbar shadow}: what a draft would decide otherwise for what clients do now. */
@Command(
    name = "shadow",
    mixinStandardHelpOptions = true,
    description = {
      "Compares a draft of the namespace with the one in force, for what clients do meanwhile: who"
          + " is connected or connects, publishes, subscribes, or has a stored session, at all"
          + " nodes. Nothing changes, nobody is denied anything. What the draft decides otherwise"
          + " is shown once, with the reason.",
      "Ends after the minutes, or with Ctrl-C: with 0 if nothing would change, with 1 if something"
          + " would."
    },
    footer = {
      "",
      "Examples:",
      "  busbar shadow --policy draft.yaml",
      "  busbar shadow --policy draft.yaml --prune --minutes 60 --json"
    })
final class Shadow implements Callable<Integer> {
  private static final int MOST_MINUTES = 60;

  @Spec private CommandSpec spec;
  @Mixin private ApiClient api;

  @Option(
      names = "--policy",
      paramLabel = "PLACE",
      required = true,
      description =
          "what 'busbar apply' would take: a namespace file, a directory of them, or an ARM template")
  private Path policy;

  @Option(names = "--prune", description = "what the draft does not have is gone")
  private boolean prune;

  @Option(
      names = "--minutes",
      paramLabel = "N",
      defaultValue = "5",
      description = "for how long, 1 to 60 (${DEFAULT-VALUE})")
  private int minutes;

  @Option(names = "--json", description = "a line of JSON for each difference")
  private boolean isJson;

  private final Set<String> shown = new HashSet<>();
  private int losses;
  private int gains;
  private JsonObject progress = new JsonObject();
  private boolean isSummed;
  private String failure;

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (minutes < 1 || minutes > MOST_MINUTES) {
      throw new ParameterException(
          spec.commandLine(), "--minutes: %d (allowed: 1 to %d)".formatted(minutes, MOST_MINUTES));
    }
    JsonArray changes = new Plan(api, Wanted.read(policy, Map.of()), prune).changes();
    PrintWriter out = spec.commandLine().getOut();
    if (changes.isEmpty()) {
      out.println("the draft changes nothing");
      return 0;
    }
    Runtime.getRuntime().addShutdownHook(new Thread(() -> sum(out)));
    api.stream(
        "/shadow",
        new JsonObject().put("changes", changes).put("minutes", minutes),
        line -> show(out, new JsonObject(line)));
    sum(out);
    if (failure != null) {
      throw new IOException(failure);
    }
    return losses + gains == 0 ? 0 : 1;
  }

  private synchronized void show(PrintWriter out, JsonObject line) {
    if (line.getString("client") == null) {
      progress(out, line);
      return;
    }
    boolean isLoss = line.getString("then").equals("denied");
    String object = line.getString("topic", line.getString("filter", ""));
    // each node tells what it has seen
    if (isSummed
        || !shown.add(line.getString("client") + '\0' + line.getString("right") + '\0' + object)) {
      return;
    }
    losses += isLoss ? 1 : 0;
    gains += isLoss ? 0 : 1;
    out.println(
        isJson
            ? TraceLine.harmless(line.encode())
            : "%-13s  %s  %s%s%n               %s"
                .formatted(
                    isLoss ? "would be denied" : "would be allowed",
                    TraceLine.word(line.getString("client")),
                    line.getString("right"),
                    object.isEmpty() ? "" : " " + TraceLine.word(object),
                    TraceLine.harmless(line.getString("reason"))));
    out.flush();
  }

  private void progress(PrintWriter out, JsonObject line) {
    if (line.getValue("compared") == null) {
      failure = line.getString("failed"); // else it has lasted long enough
      return;
    }
    boolean isNew = !line.getValue("nodes").equals(progress.getValue("nodes"));
    progress = line;
    if (isNew && !isJson) {
      out.println("comparing at " + nodes());
      out.flush();
    }
  }

  private String nodes() {
    int nodes = progress.getInteger("nodes", 0);
    return nodes + (nodes == 1 ? " node" : " nodes");
  }

  private synchronized void sum(PrintWriter out) {
    if (isSummed || progress.isEmpty()) {
      return;
    }
    isSummed = true;
    if (isJson) {
      out.println(
          progress.copy().put("wouldBeDenied", losses).put("wouldBeAllowed", gains).encode());
    } else {
      out.printf(
          "compared %,d decisions at %s: %d would be denied, %d would be allowed%s%n",
          progress.getLong("compared", 0L),
          nodes(),
          losses,
          gains,
          progress.getLong("leftOut", 0L) == 0
              ? ""
              : " (%,d more are not shown)".formatted(progress.getLong("leftOut")));
    }
    out.flush();
  }
}
