package io.busbar.cli;

import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** TCP ports given as options. */
final class Ports {
  private static final int LAST = 65_535;

  private Ports() {}

  /** The port, if it is one; 0 stands for any free one. */
  static int require(CommandLine command, String option, int port) {
    if (port < 0 || port > LAST) {
      throw new ParameterException(
          command, "%s: %d (allowed: 0 to %d)".formatted(option, port, LAST));
    }
    return port;
  }
}
