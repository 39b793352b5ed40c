package io.busbar.cli;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The nodes that have one store, and who of them is to be no member any more. */
@Command(
    name = "cluster",
    mixinStandardHelpOptions = true,
    subcommands = {Cluster.Leave.class, Cluster.Remove.class, Cluster.Scale.class},
    description =
        "Shows the nodes that have the store together: who leads, who votes, who is away.",
    footer = {"", "Examples:", "  busbar cluster", "  busbar cluster leave busbar-3"})
final class Cluster implements Callable<Integer> {
  private static final Duration LOOK = Duration.ofMillis(500);

  /** An order is given again after so many looks. */
  private static final int AGAIN = 10;

  private interface Order {
    JsonObject give() throws IOException, InterruptedException;
  }

  @Spec private CommandSpec spec;
  @Mixin private ApiClient api;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "json",
      description = "json: the answer as it is")
  private String output;

  @Override
  public Integer call() throws IOException, InterruptedException {
    JsonObject cluster = api.ask("GET", "/cluster", null).body();
    PrintWriter out = spec.commandLine().getOut();
    if ("json".equals(output)) {
      out.println(cluster.encodePrettily());
    } else if (!cluster.getBoolean("shared")) {
      out.printf("node %s has its store alone%n", cluster.getString("asked"));
    } else {
      print(out, cluster);
    }
    out.flush();
    return 0;
  }

  private static void print(PrintWriter out, JsonObject cluster) {
    Table table = new Table("node", "role", "state", "behind", "id");
    for (JsonObject node : nodes(cluster)) {
      Long behind = node.getLong("behind");
      table.row(
          node.getString("name"),
          node.getString("role"),
          node.getString("state"),
          behind == null ? "?" : String.valueOf(behind),
          node.getString("id"));
    }
    table.print(out);
    int spare = cluster.getInteger("mayBeLost");
    out.printf(
        "%nstore %s: %d vote (wanted: %d), %d decide; %s%n",
        cluster.getString("store"),
        cluster.getInteger("voters"),
        cluster.getInteger("votersWanted"),
        cluster.getInteger("votersNeeded"),
        cluster.getString("leader") == null
            ? "nobody leads: nothing is acknowledged"
            : spare == 0
                ? "no voter may be lost now"
                : "%d of them may be lost now".formatted(spare));
  }

  private static List<JsonObject> nodes(JsonObject cluster) {
    return cluster.getJsonArray("nodes").stream().map(JsonObject.class::cast).toList();
  }

  /**
   * Waits until a node is no member.
   *
   * @param id as the answer to the order has it
   * @param again the order, which is lost when another node leads
   */
  private static void waitFor(
      ApiClient api, PrintWriter out, String id, Duration within, Order again)
      throws IOException, InterruptedException {
    long end = System.nanoTime() + within.toNanos();
    String told = "";
    for (int looks = 1; ; looks++) {
      if (looks % AGAIN == 0) {
        again.give();
      }
      JsonObject cluster = api.ask("GET", "/cluster", null).body();
      JsonObject node =
          nodes(cluster).stream()
              .filter(one -> one.getString("id").equals(id))
              .findFirst()
              .orElse(null);
      if (node == null || node.getString("role").equals("none")) {
        out.printf("%s is no member any more: %d vote%n", id, cluster.getInteger("voters"));
        return;
      }
      String now =
          "%s is %s, %s; %d vote"
              .formatted(
                  id,
                  node.getString("role"),
                  node.getString("state"),
                  cluster.getInteger("voters"));
      if (!now.equals(told)) {
        out.println(now);
        out.flush();
        told = now;
      }
      if (System.nanoTime() > end) {
        throw new IOException(
            "%s is still a member after %d s (busbar cluster shows why)"
                .formatted(id, within.toSeconds()));
      }
      Thread.sleep(LOOK.toMillis());
    }
  }

  /** The member of this name, or of this id. */
  private static String id(JsonObject cluster, String name, boolean isAway) {
    return nodes(cluster).stream()
        .filter(node -> node.getString("name").equals(name) || node.getString("id").equals(name))
        .filter(node -> node.getString("state").equals("away") == isAway)
        .map(node -> node.getString("id"))
        .findFirst()
        .orElse(name);
  }

  /** One node is to be no member any more. */
  private abstract static class Departure implements Callable<Integer> {
    private final boolean isAway;

    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Parameters(paramLabel = "NODE", description = "a node's name, or its id")
    private String node;

    @Option(
        names = "--timeout",
        paramLabel = "SECONDS",
        defaultValue = "600",
        description = "how long to wait (${DEFAULT-VALUE})")
    private int seconds;

    Departure(boolean isAway) {
      this.isAway = isAway;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
      Order order = () -> depart(api, node, isAway);
      JsonObject cluster = order.give();
      PrintWriter out = spec.commandLine().getOut();
      waitFor(api, out, id(cluster, node, isAway), Duration.ofSeconds(seconds), order);
      out.flush();
      return 0;
    }
  }

  /** Gives the order to one that is there, or of one that is away. */
  private static JsonObject depart(ApiClient api, String node, boolean isAway)
      throws IOException, InterruptedException {
    String path = "/cluster/nodes/" + URLEncoder.encode(node, StandardCharsets.UTF_8);
    return api.ask(isAway ? "DELETE" : "POST", isAway ? path : path + "/leave", null).body();
  }

  /** A node hands on what it has. */
  @Command(
      name = "leave",
      mixinStandardHelpOptions = true,
      description = {
        "Has a node leave: its connections end, others take over what it has of the store, then it"
            + " is no member. Waits for that; then the node can be stopped for good.",
        "Started again it comes back with an empty disk, and gets all from the others."
      },
      footer = {
        "",
        "Example, before a StatefulSet gets smaller:",
        "  busbar cluster leave busbar-3"
      })
  static final class Leave extends Departure {
    Leave() {
      super(false);
    }
  }

  /** A node is given up. */
  @Command(
      name = "remove",
      mixinStandardHelpOptions = true,
      description = {
        "Gives up a node that is away and does not come back: it is no member any more, whether or"
            + " not another one can vote in its place.",
        "What only its disk had is lost. It cannot come back but with an empty disk."
      },
      footer = {"", "Example:", "  busbar cluster remove busbar-2"})
  static final class Remove extends Departure {
    Remove() {
      super(true);
    }
  }

  /** As many nodes leave as there are more than wanted. */
  @Command(
      name = "scale",
      mixinStandardHelpOptions = true,
      description = {
        "Has the nodes leave that a StatefulSet of so many replicas would not have, those of the"
            + " highest ordinals first, one after the other. Then the StatefulSet can be scaled down.",
        "More replicas need no command: new nodes join by themselves."
      },
      footer = {
        "",
        "Example:",
        "  busbar cluster scale 3 && kubectl scale statefulset busbar --replicas=3"
      })
  static final class Scale implements Callable<Integer> {
    private static final Pattern ORDINAL = Pattern.compile(".*-([0-9]{1,6})");

    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Parameters(paramLabel = "REPLICAS", description = "how many nodes are to be left")
    private int replicas;

    @Option(
        names = "--timeout",
        paramLabel = "SECONDS",
        defaultValue = "600",
        description = "how long to wait for each node (${DEFAULT-VALUE})")
    private int seconds;

    @Override
    public Integer call() throws IOException, InterruptedException {
      if (replicas < 1) {
        throw new ParameterException(
            spec.commandLine(), "REPLICAS: %d (allowed: 1 and more)".formatted(replicas));
      }
      PrintWriter out = spec.commandLine().getOut();
      JsonObject cluster = api.ask("GET", "/cluster", null).body();
      TreeMap<Integer, JsonObject> leaving = new TreeMap<>(Comparator.reverseOrder());
      boolean isFromZero = false;
      for (JsonObject node : nodes(cluster)) {
        Matcher ordinal = ORDINAL.matcher(node.getString("name"));
        if (!ordinal.matches()) {
          throw new IOException(
              "node %s has no ordinal at the end of its name, as a StatefulSet gives it: have nodes"
                      .formatted(node.getString("name"))
                  + " leave one by one, with busbar cluster leave");
        }
        int number = Integer.parseInt(ordinal.group(1));
        isFromZero |= number == 0;
        if (number >= replicas && !node.getString("role").equals("none")) {
          leaving.put(number, node);
        }
      }
      if (!isFromZero) {
        throw new IOException(
            "no node has ordinal 0, so these are not the first %d pods of a StatefulSet: have nodes"
                    .formatted(replicas)
                + " leave one by one, with busbar cluster leave");
      }
      for (JsonObject node : leaving.values()) {
        boolean isAway = node.getString("state").equals("away");
        Order order = () -> depart(api, node.getString("id"), isAway);
        order.give();
        waitFor(api, out, node.getString("id"), Duration.ofSeconds(seconds), order);
      }
      out.printf("%d nodes or fewer have the store%n", replicas);
      out.flush();
      return 0;
    }
  }
}
