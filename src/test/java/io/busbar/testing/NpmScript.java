package io.busbar.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;

/**
 * A script of {@code .ci/clients} with packages from npm, which is run against a node; a test is
 * skipped where there is no node.js or no registry of packages.
 */
public final class NpmScript {
  private static final Path MODULES = Path.of("target", "npm");
  private static final Path LOG = MODULES.resolve("last-run.txt");

  private NpmScript() {}

  /**
   * Runs a script, which must end with 0.
   *
   * @param authority PEM file of whom the script trusts
   * @param packages with their versions; the first says whether all are there already
   * @param arguments of the script, behind the directory of the packages
   */
  public static void run(
      Path authority, String script, List<String> packages, List<String> arguments)
      throws IOException, InterruptedException {
    Files.createDirectories(MODULES);
    String first = packages.get(0).substring(0, packages.get(0).lastIndexOf('@'));
    if (!Files.isDirectory(MODULES.resolve("node_modules").resolve(first))) {
      List<String> install = new ArrayList<>(List.of("npm", "install", "--no-audit", "--no-fund"));
      install.addAll(packages);
      Assumptions.assumeTrue(run(MODULES, authority, install) == 0, "npm has no " + first);
    }
    List<String> command = new ArrayList<>(List.of("node", ".ci/clients/" + script));
    command.add(MODULES.toAbsolutePath().toString());
    command.addAll(arguments);
    int code = run(Path.of("."), authority, command);
    assertThat(code).as(Files.readString(LOG)).isZero();
  }

  private static int run(Path directory, Path authority, List<String> command)
      throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(LOG.toFile());
    builder.environment().put("NODE_EXTRA_CA_CERTS", authority.toAbsolutePath().toString());
    Process process;
    try {
      process = builder.start();
    } catch (IOException e) {
      Assumptions.abort(command.get(0) + " is not there");
      return 1;
    }
    try {
      assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    return process.exitValue();
  }
}
