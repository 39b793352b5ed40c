package io.busbar.policy;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What is kept of a password: the Argon2id hash (RFC 9106), as others write it, too. Bounded, so
 * that no hash makes a node work or allocate without end.
 *
 * <pre>
 *   $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH
 * </pre>
 *
 * @param memory in KiB, 7168 to 65536
 * @param iterations 1 to 5
 * @param parallelism lanes, 1 to 4
 * @param salt 8 to 64 bytes; not to be changed
 * @param hash 16 to 64 bytes; not to be changed
 */
public record PasswordHash(int memory, int iterations, int parallelism, byte[] salt, byte[] hash) {
  /** What stands in place of a hash where it is not to be seen. */
  private static final String HIDDEN = "Hidden:";

  private static final int SHOWN_BYTES = 8;
  private static final Pattern FORM =
      Pattern.compile(
          "\\$argon2id\\$v=19\\$m=([0-9]{1,9}),t=([0-9]{1,9}),p=([0-9]{1,9})"
              + "\\$([A-Za-z0-9+/]{1,100})\\$([A-Za-z0-9+/]{1,100})");

  /**
   * Judges the values.
   *
   * @throws PolicyException if one is out of its bounds
   */
  public PasswordHash {
    bounded("m", memory, 7_168, 65_536);
    bounded("t", iterations, 1, 5);
    bounded("p", parallelism, 1, 4);
    bounded("bytes of salt", salt.length, 8, 64);
    bounded("bytes of hash", hash.length, 16, 64);
  }

  private static void bounded(String what, int value, int least, int most) {
    if (value < least || value > most) {
      throw wrong("%s is %d (allowed: %d to %d)".formatted(what, value, least, most));
    }
  }

  /** Nothing of the text is in it: it may be the password itself. */
  private static PolicyException wrong(String why) {
    return new PolicyException("passwordHash", why);
  }

  /**
   * Reads one.
   *
   * @throws PolicyException if it is none, or out of its bounds; it has nothing of the text
   */
  public static PasswordHash parse(String text) {
    Matcher parts = FORM.matcher(text);
    if (!parts.matches()) {
      throw wrong(
          text.startsWith(HIDDEN)
              ? "is what the API shows in place of a hash, and of none that is there (allowed: what"
                  + " busbar client password prints)"
              : "is no Argon2id hash (allowed: $argon2id$v=19$m=…,t=…,p=…$SALT$HASH, which busbar"
                  + " client password prints)");
    }
    return new PasswordHash(
        Integer.parseInt(parts.group(1)),
        Integer.parseInt(parts.group(2)),
        Integer.parseInt(parts.group(3)),
        bytes(parts.group(4)),
        bytes(parts.group(5)));
  }

  private static byte[] bytes(String base64) {
    try {
      return Base64.getDecoder().decode(base64);
    } catch (IllegalArgumentException e) {
      throw wrong("its salt or its hash is not one (allowed: base64 without padding)");
    }
  }

  /** The form that {@link #parse} reads; as secret as the password is hard to guess. */
  public String text() {
    Base64.Encoder base64 = Base64.getEncoder().withoutPadding();
    return "$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s"
        .formatted(
            memory,
            iterations,
            parallelism,
            base64.encodeToString(salt),
            base64.encodeToString(hash));
  }

  /** What is shown of it: nothing, but whether it is the same as another one. */
  public String hidden() {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(text().getBytes(US_ASCII));
      return HIDDEN + HexFormat.of().formatHex(digest, 0, SHOWN_BYTES);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof PasswordHash that && that.text().equals(text());
  }

  @Override
  public int hashCode() {
    return text().hashCode();
  }

  /** Nothing secret: it may come into a log. */
  @Override
  public String toString() {
    return hidden();
  }
}
