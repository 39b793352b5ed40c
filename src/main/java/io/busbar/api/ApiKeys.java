package io.busbar.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.config.WatchedFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The keys of the management API, of which only hashes are known: a file with a line for each, its
 * role and its SHA-256 in hexadecimal digits. Keys are random and long, so that a hash tells
 * nothing. The file is read again when it has changed. For one thread; {@link #refresh} may block.
 *
 * <pre>
 *   # who
 *   owner 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 * </pre>
 */
final class ApiKeys {
  private static final Logger LOG = LoggerFactory.getLogger(ApiKeys.class);
  private static final int MAX_BYTES = 1 << 20;
  private static final int HASH_BYTES = 32;

  private final Path file;
  private final WatchedFiles watched;
  private volatile List<Known> known = List.of();

  private record Known(Role role, byte[] hash) {}

  ApiKeys(Path file) {
    this.file = file;
    this.watched = new WatchedFiles(List.of(file));
  }

  /** Reads the file if it is another than before; what cannot be read lets nobody in. */
  void refresh() {
    if (!watched.haveChanged()) {
      return;
    }
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw new IOException("larger than " + MAX_BYTES + " bytes");
      }
      known = read(Files.readAllLines(file, UTF_8));
      LOG.info("keys of the API read: file={} keys={}", file, known.size());
    } catch (IOException | IllegalArgumentException e) {
      LOG.error(
          "keys of the API cannot be read, nobody is let in: file={} cause={}", file, e.toString());
      known = List.of();
    }
  }

  private static List<Known> read(List<String> lines) {
    List<Known> all = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      String[] words = line.split("\\s+");
      Optional<Role> role = role(words[0]);
      if (words.length != 2 || role.isEmpty() || !words[1].matches("[0-9a-fA-F]{64}")) {
        throw new IllegalArgumentException(
            "line %d (allowed: reader, operator or owner, and the SHA-256 of a key)"
                .formatted(i + 1));
      }
      all.add(new Known(role.get(), HexFormat.of().parseHex(words[1])));
    }
    return List.copyOf(all);
  }

  private static Optional<Role> role(String word) {
    for (Role role : Role.values()) {
      if (role.key().equals(word)) {
        return Optional.of(role);
      }
    }
    return Optional.empty();
  }

  /** The role of a key, or empty for one that is not known; takes as long for each. */
  Optional<Role> role(byte[] key) {
    byte[] hash;
    try {
      hash = MessageDigest.getInstance("SHA-256").digest(key);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
    Role found = null;
    for (Known one : known) {
      boolean isIt = one.hash.length == HASH_BYTES && MessageDigest.isEqual(one.hash, hash);
      found = isIt ? one.role : found;
    }
    return Optional.ofNullable(found);
  }
}
