package io.busbar.cli;

import io.busbar.config.ConfigException;
import io.busbar.policy.Resource.Kind;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code busbar client}, {@code busbar group} and so on: the resources of one kind. */
@Command(mixinStandardHelpOptions = true, synopsisSubcommandLabel = "COMMAND")
final class KindCommand extends CommandGroup {
  /** The word for a kind, the columns of its table, and how one of it is made. */
  private record Noun(String word, List<String> columns, String example) {}

  private static final Map<Kind, Noun> NOUNS = new LinkedHashMap<>();

  static {
    NOUNS.put(
        Kind.CLIENT,
        new Noun(
            "client",
            List.of("authenticationName", "state", "attributes"),
            "press-7 attributes.type=press state=Enabled"));
    NOUNS.put(
        Kind.CLIENT_GROUP,
        new Noun("group", List.of("query"), "presses query=\"attributes.type = 'press'\""));
    NOUNS.put(
        Kind.TOPIC_SPACE,
        new Noun(
            "topic-space", List.of("topicTemplates"), "hall topicTemplates='[\"hall/+/state\"]'"));
    NOUNS.put(
        Kind.PERMISSION_BINDING,
        new Noun(
            "binding",
            List.of("permission", "clientGroupName", "topicSpaceName"),
            "presses-publish clientGroupName=presses topicSpaceName=hall permission=Publisher"));
    NOUNS.put(
        Kind.CA_CERTIFICATE,
        new Noun("ca", List.of("expiryTimeInUtc"), "ours encodedCertificate=@ca.pem"));
    NOUNS.put(
        Kind.TOPIC,
        new Noun("topic", List.of("eventRetentionInDays"), "orders eventRetentionInDays=1"));
    NOUNS.put(
        Kind.EVENT_SUBSCRIPTION,
        new Noun(
            "subscription",
            List.of("deliveryConfiguration", "filtersConfiguration"),
            "orders/all deliveryConfiguration.deliveryMode=Queue"));
  }

  private KindCommand() {}

  /** The commands of all kinds. */
  static List<CommandLine> all() {
    return NOUNS.keySet().stream().map(KindCommand::of).toList();
  }

  private static CommandLine of(Kind kind) {
    Noun noun = NOUNS.get(kind);
    CommandLine command = new CommandLine(new KindCommand());
    String some = kind == Kind.EVENT_SUBSCRIPTION ? "TOPIC/NAME" : "NAME";
    command
        .addSubcommand(new ListAll(kind))
        .addSubcommand(new Show(kind))
        .addSubcommand(new Change(kind))
        .addSubcommand(new Delete(kind));
    if (kind == Kind.CLIENT) {
      command.addSubcommand(new ImportClients()).addSubcommand(new Password());
    }
    command.getCommandSpec().name(noun.word);
    command
        .getCommandSpec()
        .usageMessage()
        .description(
            "The namespace's %s: list, show %s, set %s PROPERTY=VALUE…, delete %s."
                .formatted(kind.plural(), some, some, some))
        .footer("", "Examples:", "  busbar %s list".formatted(noun.word), example(noun));
    command
        .getSubcommands()
        .get("set")
        .getCommandSpec()
        .usageMessage()
        .footer("", "Example:", example(noun));
    return command;
  }

  private static String example(Noun noun) {
    return "  busbar %s set %s".formatted(noun.word, noun.example);
  }

  private static void print(PrintWriter out, Kind kind, List<JsonObject> all) {
    List<String> columns = NOUNS.get(kind).columns;
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

  @Command(name = "list", mixinStandardHelpOptions = true, description = "Shows all of them.")
  private static final class ListAll implements Callable<Integer> {
    private final Kind kind;
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;
    @Mixin private Output output;

    @Option(
        names = "--filter",
        paramLabel = "EXPRESSION",
        description = "as $filter: \"contains(name, 'a') and name ne 'ab'\"")
    private String filter;

    ListAll(Kind kind) {
      this.kind = kind;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
      PrintWriter out = spec.commandLine().getOut();
      if (output.isJson()) {
        // as they come: there may be more than memory has room for
        api.each(api.namespace(), kind, filter, one -> out.println(one.encode()));
      } else {
        print(out, kind, api.all(api.namespace(), kind, filter));
      }
      out.flush();
      return 0;
    }
  }

  @Command(name = "show", mixinStandardHelpOptions = true, description = "Shows one, whole.")
  private static final class Show implements Callable<Integer> {
    private final Kind kind;
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Parameters(index = "0", paramLabel = "NAME", description = "which")
    private String name;

    Show(Kind kind) {
      this.kind = kind;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
      PrintWriter out = spec.commandLine().getOut();
      out.println(
          api.ask("GET", ApiClient.path(api.namespace(), kind, name), null)
              .body()
              .encodePrettily());
      out.flush();
      return 0;
    }
  }

  @Command(
      name = "set",
      mixinStandardHelpOptions = true,
      description = {
        "Makes one, or changes what it says of one; other properties stay as they are.",
        "A PROPERTY may be one of another: attributes.type. A VALUE that is JSON is that, what"
            + " follows @ is a file, nothing takes the property away."
      })
  private static final class Change implements Callable<Integer> {
    private final Kind kind;
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Parameters(index = "0", paramLabel = "NAME", description = "which")
    private String name;

    @Parameters(
        index = "1..*",
        arity = "0..*",
        paramLabel = "PROPERTY=VALUE",
        description = "what it is to be")
    private List<String> properties = List.of();

    @Option(
        names = {"-f", "--file"},
        paramLabel = "FILE",
        description = "all its properties, as a JSON object; those that are not there go")
    private Path file;

    Change(Kind kind) {
      this.kind = kind;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
      String namespace = api.namespace();
      JsonObject wanted = new JsonObject();
      if (file != null) {
        wanted = read(file);
      } else {
        JsonObject now = api.whole(namespace, kind, name);
        if (now != null) {
          wanted = Shapes.properties(now);
        }
      }
      for (String property : properties) {
        int equals = property.indexOf('=');
        if (equals < 1) {
          throw new ParameterException(
              spec.commandLine(), "\"%s\" (allowed: PROPERTY=VALUE)".formatted(property));
        }
        String value = property.substring(equals + 1);
        Values.put(
            wanted, property.substring(0, equals), value.isEmpty() ? null : Values.orFile(value));
      }
      ApiClient.Answer answer =
          api.ask(
              "PUT",
              ApiClient.path(namespace, kind, name),
              new JsonObject().put("properties", wanted));
      PrintWriter out = spec.commandLine().getOut();
      out.println(answer.status() == 201 ? "created" : "changed");
      out.flush();
      return 0;
    }

    private static JsonObject read(Path file) throws IOException {
      try {
        return new JsonObject(Buffer.buffer(Files.readAllBytes(file)));
      } catch (DecodeException | ClassCastException e) {
        throw new ConfigException(file + ": not a JSON object (allowed: {…})");
      }
    }
  }

  @Command(name = "delete", mixinStandardHelpOptions = true, description = "Deletes some of them.")
  private static final class Delete implements Callable<Integer> {
    private final Kind kind;
    @Spec private CommandSpec spec;
    @Mixin private ApiClient api;

    @Parameters(arity = "1..*", paramLabel = "NAME", description = "which")
    private List<String> names;

    Delete(Kind kind) {
      this.kind = kind;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
      String namespace = api.namespace();
      PrintWriter out = spec.commandLine().getOut();
      for (String name : names) {
        ApiClient.Answer answer = api.ask("DELETE", ApiClient.path(namespace, kind, name), null);
        out.println(name + (answer.status() == 204 ? ": there was none" : ": deleted"));
        answer.breaks().ifPresent(broken -> out.println("  give nothing any more: " + broken));
      }
      out.flush();
      return 0;
    }
  }
}
