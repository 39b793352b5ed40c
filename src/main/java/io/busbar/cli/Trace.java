package io.busbar.cli;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code busbar trace}: what one client does, at whichever node, as it happens. */
@Command(
    name = "trace",
    mixinStandardHelpOptions = true,
    description = {
      "Shows what one client does as it happens, at whichever node of the cluster: its packets"
          + " (-> from the client, <- to it), whether it is let in, may publish and subscribe and why"
          + " not, and which messages wait for it or are dropped. Times are UTC.",
      "It ends after the minutes, or with Ctrl-C; the nodes forget it then."
    },
    footer = {
      "",
      "Examples:",
      "  busbar trace --client press-7",
      "  busbar trace --session press-7-dashboard --minutes 15 --payload",
      "  busbar trace --client press-7 --json"
    })
final class Trace implements Callable<Integer> {
  private static final int MOST_MINUTES = 60;
  private static final int MOST_PAYLOAD = 1_024;

  @Spec private CommandSpec spec;
  @Mixin private ApiClient api;

  @ArgGroup(multiplicity = "1")
  private Whom whom;

  @Option(
      names = "--minutes",
      paramLabel = "N",
      defaultValue = "5",
      description = "for how long, 1 to 60 (${DEFAULT-VALUE})")
  private int minutes;

  @Option(
      names = "--payload",
      paramLabel = "BYTES",
      arity = "0..1",
      fallbackValue = "256",
      defaultValue = "0",
      description =
          "also shows what messages carry: so many bytes of each payload, up to 1024"
              + " (${FALLBACK-VALUE} if no number is given), and the values of user properties")
  private int payload;

  @Option(names = "--json", description = "a line of JSON for each event")
  private boolean isJson;

  private static final class Whom {
    @Option(
        names = "--client",
        paramLabel = "NAME",
        description = "the client's authentication name, as the registry has it")
    private String client;

    @Option(
        names = "--session",
        paramLabel = "ID",
        description = "or one session of it: the MQTT client id")
    private String session;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    require("--minutes", minutes, 1, MOST_MINUTES);
    require("--payload", payload, 0, MOST_PAYLOAD);
    JsonObject wanted = new JsonObject().put("minutes", minutes).put("payload", payload);
    if (whom.client != null) {
      wanted.put("client", whom.client);
    } else {
      wanted.put("session", whom.session);
    }
    PrintWriter out = spec.commandLine().getOut();
    api.stream(
        "/trace",
        wanted,
        line -> {
          out.println(isJson ? TraceLine.harmless(line) : TraceLine.of(new JsonObject(line)));
          out.flush();
        });
    return 0;
  }

  private void require(String option, int value, int least, int most) {
    if (value < least || value > most) {
      throw new ParameterException(
          spec.commandLine(), "%s: %d (allowed: %d to %d)".formatted(option, value, least, most));
    }
  }
}
