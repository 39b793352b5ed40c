package io.busbar.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.config.WatchedFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import javax.security.auth.x500.X500Principal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who may use the management API: a file with a line for each. Of a key it has the role, its
 * SHA-256 in hexadecimal digits, and what it is called; keys are random and long, so that a hash
 * tells nothing. Of whoever comes with a certificate it has the role and the certificate's subject.
 * The file is read again when it has changed. For one thread; {@link #refresh} may block.
 *
 * <pre>
 *   # who
 *   owner 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 deployment
 *   operator subject CN=alice, O=Plant
 * </pre>
 */
final class ApiKeys {
  private static final Logger LOG = LoggerFactory.getLogger(ApiKeys.class);
  private static final int MAX_BYTES = 1 << 20;
  private static final int HASH_BYTES = 32;

  /** Digits of its hash that a key without a name is called by. */
  private static final int SHOWN = 8;

  private static final Pattern HASH = Pattern.compile("[0-9a-fA-F]{64}");

  private final Path file;
  private final WatchedFiles watched;
  private volatile List<Known> known = List.of();

  private volatile Map<X500Principal, Caller> subjects = Map.of();

  private record Known(Caller caller, byte[] hash) {}

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
      read(Files.readAllLines(file, UTF_8));
      LOG.info(
          "those who may use the API read: file={} keys={} subjects={}",
          file,
          known.size(),
          subjects.size());
    } catch (IOException | IllegalArgumentException e) {
      LOG.error(
          "keys of the API cannot be read, nobody is let in: file={} cause={}", file, e.toString());
      known = List.of();
      subjects = Map.of();
    }
  }

  private void read(List<String> lines) {
    List<Known> keys = new ArrayList<>();
    Map<X500Principal, Caller> certificates = new HashMap<>();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      String[] words = line.split("\\s+", 3);
      Optional<Role> role = role(words[0]);
      if (role.isPresent() && words.length == 3 && words[1].equals("subject")) {
        X500Principal subject = subject(words[2], i + 1);
        certificates.put(subject, new Caller(role.get(), subject.getName()));
      } else if (role.isPresent() && words.length > 1 && HASH.matcher(words[1]).matches()) {
        String name = words.length == 3 ? words[2] : words[1].substring(0, SHOWN);
        keys.add(
            new Known(new Caller(role.get(), "key " + name), HexFormat.of().parseHex(words[1])));
      } else {
        throw new IllegalArgumentException(
            ("line %d (allowed: reader, operator or owner, and the SHA-256 of a key and its name, or"
                    + " subject and that of a certificate)")
                .formatted(i + 1));
      }
    }
    known = List.copyOf(keys);
    subjects = Map.copyOf(certificates);
  }

  private static X500Principal subject(String name, int line) {
    try {
      return new X500Principal(name);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "line %d: no subject (allowed: as CN=alice, O=Plant)".formatted(line), e);
    }
  }

  private static Optional<Role> role(String word) {
    for (Role role : Role.values()) {
      if (role.key().equals(word)) {
        return Optional.of(role);
      }
    }
    return Optional.empty();
  }

  /** Whose key it is, or empty for one that is not known; takes as long for each. */
  Optional<Caller> caller(byte[] key) {
    byte[] hash;
    try {
      hash = MessageDigest.getInstance("SHA-256").digest(key);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
    Caller found = null;
    for (Known one : known) {
      boolean isIt = one.hash.length == HASH_BYTES && MessageDigest.isEqual(one.hash, hash);
      found = isIt ? one.caller : found;
    }
    return Optional.ofNullable(found);
  }

  /** Whose certificate it is, or empty. */
  Optional<Caller> caller(X500Principal subject) {
    return Optional.ofNullable(subjects.get(subject));
  }
}
