package io.busbar.cli;

import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A command that does nothing by itself: it has others below it. */
abstract class CommandGroup implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(),
        "no command given (allowed: " + String.join(", ", spec.subcommands().keySet()) + ")");
  }
}
