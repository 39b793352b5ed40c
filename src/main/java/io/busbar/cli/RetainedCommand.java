package io.busbar.cli;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code busbar retained}: the retained messages. */
@Command(
    name = "retained",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      RetainedCommand.ListAll.class,
      RetainedCommand.Show.class,
      RetainedCommand.Delete.class
    },
    description = "The retained messages of the cluster.",
    footer = {
      "",
      "Examples:",
      "  busbar retained list 'plant/+/state'",
      "  busbar retained show plant/7/state",
      "  busbar retained delete plant/7/state"
    })
final class RetainedCommand extends CommandGroup {
  private static String path(String topic) {
    return "/retained/" + ApiClient.encoded(topic);
  }

  @Command(name = "list", mixinStandardHelpOptions = true, description = "Shows those that match.")
  static final class ListAll implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;
    @Mixin private Output output;

    @Parameters(
        index = "0",
        arity = "0..1",
        paramLabel = "FILTER",
        defaultValue = "#",
        description = "a topic filter (${DEFAULT-VALUE})")
    private String filter;

    @Override
    public Integer call() throws IOException, InterruptedException {
      PrintWriter out = spec.commandLine().getOut();
      Table table = new Table("topic", "qos", "bytes", "expires in", "content type");
      boolean isJson = output.isJson();
      api.each(
          "/retained?$top=100&filter=" + ApiClient.encoded(filter),
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
      Object expires = one.getValue("expiresInSeconds");
      table.row(
          one.getString("topic"),
          String.valueOf(one.getInteger("qos")),
          String.valueOf(one.getInteger("bytes")),
          expires == null ? "-" : expires + " s",
          one.getString("contentType", "-"));
    }
  }

  @Command(
      name = "show",
      mixinStandardHelpOptions = true,
      description = "Shows the message of a topic; its payload as text, if it is that.")
  static final class Show implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;
    @Mixin private Output output;

    @Parameters(index = "0", paramLabel = "TOPIC", description = "which")
    private String topic;

    @Override
    public Integer call() throws IOException, InterruptedException {
      JsonObject message = api.ask("GET", path(topic), null).body();
      PrintWriter out = spec.commandLine().getOut();
      if (!output.isJson()) {
        byte[] payload = message.getBinary("payloadBase64");
        String text = new String(payload, StandardCharsets.UTF_8);
        if (text.chars().noneMatch(c -> c == 0xfffd || (c < ' ' && !Character.isWhitespace(c)))) {
          message.remove("payloadBase64");
          message.put("payload", text);
        }
      }
      out.println(message.encodePrettily());
      out.flush();
      return 0;
    }
  }

  @Command(
      name = "delete",
      mixinStandardHelpOptions = true,
      description = "Takes the message of a topic away. Who is subscribed now is not told.")
  static final class Delete implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Parameters(index = "0", paramLabel = "TOPIC", description = "which")
    private String topic;

    @Override
    public Integer call() throws IOException, InterruptedException {
      int status = api.ask("DELETE", path(topic), null).status();
      PrintWriter out = spec.commandLine().getOut();
      out.println(status == 204 ? "there was none" : "deleted");
      out.flush();
      return 0;
    }
  }
}
