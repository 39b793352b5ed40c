package io.busbar.cli;

import io.busbar.config.Settings;
import io.busbar.config.SettingsFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code busbar recover}: one node goes on alone, when most voters are gone for good. */
@Command(
    name = "recover",
    mixinStandardHelpOptions = true,
    description = {
      "Has a node that is stopped go on alone with what its disk has of the shared store, as a store"
          + " of its own. For when most of the voters are gone for good, and nothing else helps:"
          + " what this disk does not have is lost.",
      "Choose the node whose log is the longest: without --accept-loss nothing is changed, and how"
          + " long it is is shown. Then empty the data directories of all others: they join this one."
    },
    footer = {
      "",
      "Examples:",
      "  busbar recover --config busbar.yaml",
      "  busbar recover --config busbar.yaml --accept-loss"
    })
public final class Recover implements Callable<Integer> {
  private final Recovery recovery;

  @Spec private CommandSpec spec;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      required = true,
      description = "the node's configuration")
  private Path config;

  @Option(
      names = "--home",
      paramLabel = "DIR",
      defaultValue = "${sys:user.home}/.busbar",
      description = "files that the configuration does not name (${DEFAULT-VALUE})")
  private Path home;

  @Option(
      names = "--accept-loss",
      description = "do it: what other disks have, and this one has not, is given up")
  private boolean acceptLoss;

  /**
   * What the disk of a node has of a shared store.
   *
   * @param node as the store knows it
   * @param former id of the store, and
   * @param store id from now on; the same if nothing was changed
   * @param members of the store
   * @param last index of the log, and
   * @param term of that entry
   */
  public record Found(
      String node, String former, String store, List<String> members, long last, int term) {
    /** Copies the list, so that it does not change. */
    public Found {
      members = List.copyOf(members);
    }
  }

  /** Looks at a disk, or makes a store of its own of it; known to the root package only. */
  @FunctionalInterface
  public interface Recovery {
    /** With {@code accepts} it is done. */
    Found recover(Settings settings, boolean accepts) throws IOException;
  }

  Recover(Recovery recovery) {
    this.recovery = recovery;
  }

  @Override
  public Integer call() throws IOException {
    Settings settings = SettingsFile.read(config, home);
    Found found = recovery.recover(settings, acceptLoss);
    PrintWriter out = spec.commandLine().getOut();
    out.printf("node     %s%n", found.node());
    out.printf("store    %s%n", found.former());
    out.printf("members  %s%n", String.join(", ", found.members()));
    out.printf("log      to entry %d, term %d%n", found.last(), found.term());
    if (!acceptLoss) {
      out.println(
          "\nNothing was changed. Of all disks that are left, choose the one with the highest");
      out.println("term, and of those the longest log; go on with it: --accept-loss");
      out.flush();
      return 0;
    }
    out.printf("%nThis node has a store of its own now: %s.%n", found.store());
    out.println("Start it; then empty the data directories of the others, and start them:");
    List<String> others =
        found.members().stream().filter(one -> !one.equals(found.node())).toList();
    others.forEach(one -> out.printf("  %s%n", one));
    out.flush();
    return 0;
  }
}
