package io.busbar.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A file with a token that is shown to others, read again when it is old: whoever gives it out
 * replaces the file. Reading it may block.
 */
public final class TokenFile {
  private static final int MAX = 16_384;
  private static final long AGE = 10_000_000_000L;

  private final Optional<Path> file;
  private String token;
  private long readAt;

  /** A file, or none: then there is no token. */
  public TokenFile(Optional<Path> file) {
    this.file = file;
  }

  /**
   * The token, or empty if there is no file.
   *
   * @throws IOException if the file cannot be read, or is too large for a token
   */
  public synchronized Optional<String> token() throws IOException {
    boolean isOld = token == null || System.nanoTime() - readAt > AGE;
    if (file.isPresent() && isOld) {
      if (Files.size(file.get()) > MAX) {
        throw new IOException("the token is larger than " + MAX + " bytes");
      }
      token = Files.readString(file.get()).strip();
      readAt = System.nanoTime();
    }
    return Optional.ofNullable(token);
  }
}
