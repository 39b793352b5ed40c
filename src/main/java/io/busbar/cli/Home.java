package io.busbar.cli;

import io.busbar.tool.Certificates;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The directory that the quick start fills once: authority, certificates, configuration, namespace.
 * What is there is kept; certificates that are about to end are issued anew.
 */
final class Home {
  /** The clients that have a certificate; the namespace registers them all. */
  static final List<String> CLIENTS =
      List.of("vehicle01", "vehicle02", "map-app", "mobile-app", "control-tower", "operator");

  private final Path directory;
  private final Certificates certificates;
  private final List<Path> made = new ArrayList<>();

  private Home(Path directory, Certificates certificates) {
    this.directory = directory;
    this.certificates = certificates;
  }

  /**
   * Opens a home and makes what is missing.
   *
   * @param ports what the files say for {@code @NAME@}, where they are made
   * @throws IOException if a file cannot be read or written; its message names the file
   */
  static Home open(Path directory, Map<String, Integer> ports) throws IOException {
    Path place = directory.toAbsolutePath().normalize();
    try {
      Files.createDirectories(place);
    } catch (IOException e) {
      throw new IOException(place + ": cannot be made a directory: " + e.getMessage(), e);
    }
    Home home = new Home(place, Certificates.in(place, Instant.now()));
    home.certificates.server(Cert.thisMachine());
    for (String client : CLIENTS) {
      home.certificates.client(client);
    }
    Key.prepare(place);
    home.write("namespace.yaml", ports);
    home.write("busbar.yaml", ports);
    return home;
  }

  Path directory() {
    return directory;
  }

  /** The configuration file of the node. */
  Path configuration() {
    return directory.resolve("busbar.yaml");
  }

  Path namespace() {
    return directory.resolve("namespace.yaml");
  }

  Certificates certificates() {
    return certificates;
  }

  /** Whether this call wrote the files for people to edit. */
  boolean isNew() {
    return !made.isEmpty();
  }

  private void write(String name, Map<String, Integer> ports) throws IOException {
    Path file = directory.resolve(name);
    if (Files.exists(file)) {
      return;
    }
    String text;
    try (InputStream in = Home.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("resource " + name + " is not in the jar");
      }
      text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    for (Map.Entry<String, Integer> port : ports.entrySet()) {
      text = text.replace("@" + port.getKey() + "@", port.getValue().toString());
    }
    Path unfinished = directory.resolve(name + ".new");
    Files.writeString(
        unfinished,
        text,
        StandardOpenOption.CREATE,
        StandardOpenOption.TRUNCATE_EXISTING,
        StandardOpenOption.WRITE);
    Files.move(unfinished, file);
    made.add(file);
  }
}
