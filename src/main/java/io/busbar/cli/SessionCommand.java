package io.busbar.cli;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code busbar session}: who is connected, and what is kept for whom. */
@Command(
    name = "session",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      SessionCommand.ListAll.class,
      SessionCommand.Show.class,
      SessionCommand.Disconnect.class,
      SessionCommand.Drop.class
    },
    description = "The sessions of the cluster: those that are stored, and those connected.",
    footer = {
      "",
      "Examples:",
      "  busbar session list --client vehicle01",
      "  busbar session show press-7",
      "  busbar session disconnect press-7"
    })
final class SessionCommand extends CommandGroup {
  private static String path(String name) {
    return "/sessions/" + ApiClient.encoded(name);
  }

  @Command(name = "list", mixinStandardHelpOptions = true, description = "Shows them.")
  static final class ListAll implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;
    @Mixin private Output output;

    @Option(names = "--client", paramLabel = "NAME", description = "those of one client")
    private String client;

    @Option(
        names = "--filter",
        paramLabel = "EXPRESSION",
        description = "as $filter: \"contains(name, 'a')\"")
    private String filter;

    @Override
    public Integer call() throws IOException, InterruptedException {
      PrintWriter out = spec.commandLine().getOut();
      String path = ApiClient.filtered("/sessions", filter);
      path += client == null ? "" : "&client=" + ApiClient.encoded(client);
      Table table = new Table("session", "client", "state", "node", "stored", "queued", "ends");
      boolean isJson = output.isJson();
      api.each(
          path,
          one -> {
            if (isJson) {
              out.println(one.encode());
            } else {
              row(table, one);
            }
          });
      if (!isJson) {
        table.print(out);
      }
      out.flush();
      return 0;
    }

    private static void row(Table table, JsonObject one) {
      table.row(
          one.getString("name"),
          one.getString("client"),
          one.getString("state"),
          one.getString("node", "-"),
          one.getBoolean("stored") ? "yes" : "no",
          String.valueOf(one.getValue("queued", "-")),
          one.getString("endsAt", "-"));
    }
  }

  @Command(name = "show", mixinStandardHelpOptions = true, description = "Shows one, whole.")
  static final class Show implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Parameters(index = "0", paramLabel = "SESSION", description = "its name: the MQTT client id")
    private String name;

    @Override
    public Integer call() throws IOException, InterruptedException {
      PrintWriter out = spec.commandLine().getOut();
      out.println(api.ask("GET", path(name), null).body().encodePrettily());
      out.flush();
      return 0;
    }
  }

  @Command(
      name = "disconnect",
      mixinStandardHelpOptions = true,
      description = "Ends its connection (0x98 administrative action). What is stored stays.")
  static final class Disconnect implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Parameters(index = "0", paramLabel = "SESSION", description = "its name: the MQTT client id")
    private String name;

    @Override
    public Integer call() throws IOException, InterruptedException {
      api.ask("POST", path(name) + "/disconnect", null);
      PrintWriter out = spec.commandLine().getOut();
      out.println("disconnected");
      out.flush();
      return 0;
    }
  }

  @Command(
      name = "drop",
      mixinStandardHelpOptions = true,
      description = "Ends it: its connection, its subscriptions, and the messages queued in it.")
  static final class Drop implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Parameters(index = "0", paramLabel = "SESSION", description = "its name: the MQTT client id")
    private String name;

    @Override
    public Integer call() throws IOException, InterruptedException {
      int status = api.ask("DELETE", path(name), null).status();
      PrintWriter out = spec.commandLine().getOut();
      out.println(status == 204 ? "there was none" : "dropped");
      out.flush();
      return 0;
    }
  }
}
