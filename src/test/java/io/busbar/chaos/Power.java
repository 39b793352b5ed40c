package io.busbar.chaos;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;

/**
 * The loss of power: what a process did not sync is thrown away when it is killed. {@code
 * loadtest/power/powerloss.c} says how, and why that is honest.
 */
final class Power {
  /** When a name that was made, changed or deleted in a directory is on the disk. */
  enum Names {
    /** When the directory was synced. */
    POSIX,
    /** When the directory or a file in it was synced. */
    EXT4
  }

  private static final Path SOURCES = Path.of("loadtest", "power");

  private final Path library;
  private final Path cutter;
  private final Names names;

  /**
   * Compiles the library and the tool into a folder.
   *
   * @throws KillException if there is no C compiler
   */
  Power(Path folder, Names names) throws IOException {
    this.names = names;
    library = folder.resolve("powerloss.so");
    cutter = folder.resolve("powercut");
    compile(library, "powerloss.c", "-fPIC", "-shared", "-ldl", "-lpthread");
    compile(cutter, "powercut.c");
  }

  private static void compile(Path to, String source, String... options) throws IOException {
    String[] command = {"cc", "-O2", "-o", to.toString(), SOURCES.resolve(source).toString()};
    String[] all = Arrays.copyOf(command, command.length + options.length);
    System.arraycopy(options, 0, all, command.length, options.length);
    run(all);
  }

  /** What a process that is to lose power needs in its environment. */
  Map<String, String> environment(Path data) throws IOException {
    return Map.of(
        "LD_PRELOAD", library.toString(),
        "POWER_DIR", data.toRealPath().toString(),
        "POWER_SHADOW", shadow(data).toString(),
        "POWER_NAMES", names.name().toLowerCase(Locale.ROOT));
  }

  /** Before the first start: all that is in the folder is on the disk. */
  void on(Path data) throws IOException {
    if (Files.exists(shadow(data))) {
      throw new KillException(shadow(data) + " exists already");
    }
    cut(data);
  }

  /** After a kill: leaves in the folder what was on the disk, and no more. */
  void cut(Path data) throws IOException {
    run(cutter.toString(), data.toRealPath().toString(), shadow(data).toString());
  }

  private static Path shadow(Path data) throws IOException {
    Path real = data.toRealPath();
    return real.resolveSibling(real.getFileName() + ".disk");
  }

  private static void run(String... command) throws IOException {
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw new KillException("--power: a C compiler (cc) is needed", e);
    }
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      if (process.waitFor() != 0) {
        throw new KillException("%s failed: %s".formatted(String.join(" ", command), said.trim()));
      }
    } catch (InterruptedException e) {
      throw new KillException("interrupted", e);
    }
  }
}
