package io.busbar.config;

import io.busbar.policy.PasswordHash;
import java.security.MessageDigest;
import java.security.SecureRandom;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.params.Argon2Parameters;

/**
 * Makes and checks hashes of passwords: tens of milliseconds of work, and as much memory as the
 * hash says, so never on an event loop. Argon2id of RFC 9106; what OWASP advises where the memory
 * is shared with others.
 */
public final class Passwords {
  /** The longest password: what MQTT can carry is longer than any that is one. */
  public static final int MAX_BYTES = 1_024;

  private static final int MEMORY = 19_456;
  private static final int ITERATIONS = 2;
  private static final int PARALLELISM = 1;
  private static final int SALT_BYTES = 16;
  private static final int HASH_BYTES = 32;

  private Passwords() {}

  /**
   * Hashes a password with a salt of its own.
   *
   * @param password 1 to {@value #MAX_BYTES} bytes
   */
  public static PasswordHash hash(byte[] password, SecureRandom random) {
    byte[] salt = new byte[SALT_BYTES];
    random.nextBytes(salt);
    PasswordHash empty =
        new PasswordHash(MEMORY, ITERATIONS, PARALLELISM, salt, new byte[HASH_BYTES]);
    return new PasswordHash(MEMORY, ITERATIONS, PARALLELISM, salt, hash(empty, password));
  }

  /** A hash that no password is known for: to check one takes as long as to check any other. */
  public static PasswordHash ofNobody(SecureRandom random) {
    byte[] hash = new byte[HASH_BYTES];
    random.nextBytes(hash);
    byte[] salt = new byte[SALT_BYTES];
    random.nextBytes(salt);
    return new PasswordHash(MEMORY, ITERATIONS, PARALLELISM, salt, hash);
  }

  /** Whether a password is the one that was hashed; takes as long if it is not. */
  public static boolean matches(PasswordHash hash, byte[] password) {
    return MessageDigest.isEqual(hash.hash(), hash(hash, password));
  }

  private static byte[] hash(PasswordHash like, byte[] password) {
    Argon2BytesGenerator generator = new Argon2BytesGenerator();
    generator.init(
        new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
            .withVersion(Argon2Parameters.ARGON2_VERSION_13)
            .withMemoryAsKB(like.memory())
            .withIterations(like.iterations())
            .withParallelism(like.parallelism())
            .withSalt(like.salt())
            .build());
    byte[] hash = new byte[like.hash().length];
    generator.generateBytes(password, hash);
    return hash;
  }
}
