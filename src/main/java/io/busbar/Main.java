package io.busbar;

import io.busbar.cli.Busbar;
import io.busbar.cli.Running;

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
                            new Running(node.listeners(), node.http(), node.api(), node::stop))));
  }
}
