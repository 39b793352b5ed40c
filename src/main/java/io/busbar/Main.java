package io.busbar;

import io.busbar.cli.Busbar;
import io.busbar.cli.Recover;
import io.busbar.cli.Running;
import io.busbar.config.Settings;
import io.busbar.store.StoreRecovery;
import java.io.IOException;

/** Entry point. */
public final class Main {
  private Main() {}

  /** Runs a command line and ends with its exit code. */
  public static void main(String[] args) {
    // Before the first class of Hazelcast is loaded, which would choose java.util.logging.
    System.setProperty("hazelcast.logging.type", "slf4j");
    System.exit(
        Busbar.run(
            args,
            settings ->
                Node.start(settings)
                    .map(
                        node ->
                            new Running(
                                node.listeners(),
                                node.http(),
                                node.api(),
                                node::depart,
                                node::stop)),
            Main::recover));
  }

  private static Recover.Found recover(Settings settings, boolean accepts) throws IOException {
    StoreRecovery.Found found =
        accepts
            ? StoreRecovery.run(settings.nodeName(), settings.storage())
            : StoreRecovery.look(settings.nodeName(), settings.storage());
    return new Recover.Found(
        found.node(), found.former(), found.store(), found.members(), found.last(), found.term());
  }
}
