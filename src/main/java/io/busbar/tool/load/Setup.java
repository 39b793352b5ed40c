package io.busbar.tool.load;

import io.busbar.mqtt.MqttVersion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What every run has.
 *
 * @param targets nodes of one broker, to which connections go in turn
 * @param tls certificates and sessions, if a target is secure
 */
record Setup(List<Target> targets, MqttVersion version, Machine machine, Optional<Tls> tls) {
  private static final Path LIMITS = Path.of("/proc/self/limits");
  private static final int FILES_BESIDES = 200;

  Setup {
    targets = List.copyOf(targets);
  }

  /**
   * Refuses more connections than this process may have files.
   *
   * @throws LoadException which says how to allow more
   */
  static void requireFiles(int connections) {
    long allowed = filesAllowed();
    if (connections + FILES_BESIDES > allowed) {
      throw new LoadException(
          "connections: %d, and this process may open %d files (allow more: ulimit -n %d, here and where the broker starts)"
              .formatted(connections, allowed, connections + FILES_BESIDES));
    }
  }

  private static long filesAllowed() {
    try {
      for (String line : Files.readAllLines(LIMITS)) {
        if (line.startsWith("Max open files")) {
          String soft = line.substring("Max open files".length()).trim().split("\\s+")[0];
          return soft.equals("unlimited") ? Long.MAX_VALUE : Long.parseLong(soft);
        }
      }
    } catch (IOException notLinux) {
      return Long.MAX_VALUE;
    }
    return Long.MAX_VALUE;
  }
}
