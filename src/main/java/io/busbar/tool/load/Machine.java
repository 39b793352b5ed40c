package io.busbar.tool.load;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What the kernel says about CPU and memory (Linux, {@code /proc}); nothing elsewhere. CPU times
 * are in seconds, with the kernel's resolution of 10 ms.
 */
final class Machine {
  private static final Path PROC = Path.of("/proc");

  /** User-space clock ticks; 100 on every Linux that Java runs on. */
  private static final double TICKS_PER_SECOND = 100;

  private static final long PAGE_KIB = 4;

  private final List<Long> broker;

  /**
   * Watches the machine and the broker's processes, if any are given.
   *
   * @throws LoadException if there is no such process
   */
  Machine(List<Long> broker) {
    for (long pid : broker) {
      if (!Files.exists(stat(pid))) {
        throw new LoadException("--pid: " + pid + " (allowed: processes in /proc)");
      }
    }
    this.broker = List.copyOf(broker);
  }

  /** Sums since boot or process start, at one moment. */
  record Reading(double busy, double steal, double own, double broker, long brokerRssKib) {}

  boolean seesMachine() {
    return Files.exists(PROC.resolve("stat"));
  }

  boolean seesBroker() {
    return !broker.isEmpty();
  }

  /**
   * Reads all sums; those that cannot be seen are 0.
   *
   * @throws LoadException if a process of the broker has ended
   */
  Reading read() {
    if (!seesMachine()) {
      return new Reading(0, 0, 0, 0, 0);
    }
    // user nice system idle iowait irq softirq steal, after the word "cpu"
    String[] cpu = lines(PROC.resolve("stat")).get(0).split("\\s+");
    double busy = 0;
    for (int i : new int[] {1, 2, 3, 6, 7}) {
      busy += Long.parseLong(cpu[i]);
    }
    double own = cpuSeconds(fields(ProcessHandle.current().pid()));
    double brokerCpu = 0;
    long rss = 0;
    for (long pid : broker) {
      String[] fields = fields(pid);
      brokerCpu += cpuSeconds(fields);
      rss += Long.parseLong(fields[21]) * PAGE_KIB;
    }
    return new Reading(
        busy / TICKS_PER_SECOND, Long.parseLong(cpu[8]) / TICKS_PER_SECOND, own, brokerCpu, rss);
  }

  /** Processors, memory, kernel and Java, in one line. */
  static String description() {
    String model = System.getProperty("os.arch");
    String memory = "";
    if (Files.exists(PROC.resolve("cpuinfo"))) {
      model = value(PROC.resolve("cpuinfo"), "model name", model);
      String kib = value(PROC.resolve("meminfo"), "MemTotal", "0 kB").split(" ")[0];
      memory = ", %.0f GiB".formatted(Long.parseLong(kib) / 1048576.0);
    }
    return "%d CPUs (%s)%s, %s %s, Java %s"
        .formatted(
            Runtime.getRuntime().availableProcessors(),
            model,
            memory,
            System.getProperty("os.name"),
            System.getProperty("os.version"),
            System.getProperty("java.version"));
  }

  private static String value(Path file, String name, String otherwise) {
    return lines(file).stream()
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(line.indexOf(':') + 1).trim())
        .findFirst()
        .orElse(otherwise);
  }

  private static double cpuSeconds(String[] fields) {
    return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / TICKS_PER_SECOND;
  }

  /** The fields after the command's name, which alone may contain spaces. */
  private static String[] fields(long pid) {
    String line = lines(stat(pid)).get(0);
    return line.substring(line.lastIndexOf(')') + 2).split(" ");
  }

  private static Path stat(long pid) {
    return PROC.resolve(Long.toString(pid)).resolve("stat");
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (java.nio.file.NoSuchFileException e) {
      throw new LoadException("the broker's process has ended (" + file + " is gone)");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
