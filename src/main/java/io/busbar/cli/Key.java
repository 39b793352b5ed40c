package io.busbar.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.config.SettingsFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code busbar key}: a key of the management API. */
@Command(
    name = "key",
    mixinStandardHelpOptions = true,
    description = {
      "Makes a key of the management API and shows it once: api-keys, which nodes read, has its"
          + " hash only. To take a key back, delete its line there."
    },
    footer = {"", "Example:", "  busbar key --role reader"})
final class Key implements Callable<Integer> {
  private static final Set<String> ROLES = Set.of("reader", "operator", "owner");
  private static final int BYTES = 32;

  @Spec private CommandSpec spec;

  @Option(
      names = "--role",
      paramLabel = "ROLE",
      defaultValue = "operator",
      description = "reader: read, explain; operator: change; owner: all (${DEFAULT-VALUE})")
  private String role;

  @Option(names = "--name", paramLabel = "NAME", description = "what it is called in the audit")
  private String name;

  @Option(
      names = "--home",
      paramLabel = "DIR",
      defaultValue = "${sys:user.home}/.busbar",
      description = "where api-keys is (${DEFAULT-VALUE})")
  private Path home;

  @Override
  public Integer call() throws IOException {
    if (!ROLES.contains(role)) {
      throw new ParameterException(
          spec.commandLine(), "--role: \"%s\" (allowed: reader, operator, owner)".formatted(role));
    }
    if (name != null && !name.matches("\\S(.*\\S)?")) {
      throw new ParameterException(spec.commandLine(), "--name: allowed: one line of text");
    }
    Files.createDirectories(home);
    PrintWriter out = spec.commandLine().getOut();
    out.println(make(home, role, name));
    out.flush();
    return 0;
  }

  /** A new key, whose hash is in the home. */
  private static String make(Path home, String role, String name) throws IOException {
    byte[] random = new byte[BYTES];
    new SecureRandom().nextBytes(random);
    String key = "bb_" + Base64.getUrlEncoder().withoutPadding().encodeToString(random);
    Path file = SettingsFile.keys(home);
    create(file);
    Files.writeString(
        file,
        role + " " + hash(key) + (name == null ? "" : " " + name) + "\n",
        UTF_8,
        StandardOpenOption.APPEND);
    return key;
  }

  /** Makes the keys of a home, and one for the commands of whoever has it, if there are none. */
  static void prepare(Path home) throws IOException {
    if (Files.exists(SettingsFile.keys(home))) {
      return;
    }
    Path own = home.resolve("api-key");
    Files.deleteIfExists(own);
    create(own);
    Files.writeString(own, make(home, "owner", "api-key of the home") + "\n", UTF_8);
  }

  /** For its owner alone. */
  private static void create(Path file) throws IOException {
    try {
      if (file.getFileSystem().supportedFileAttributeViews().contains("posix")) {
        Files.createFile(
            file,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      } else {
        Files.createFile(file);
      }
    } catch (FileAlreadyExistsException e) {
      // its rights are its owner's choice
      return;
    }
  }

  private static String hash(String key) {
    try {
      return HexFormat.of()
          .formatHex(MessageDigest.getInstance("SHA-256").digest(key.getBytes(UTF_8)));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }
}
