package io.busbar.config;

import java.util.Base64;
import java.util.Optional;
import java.util.regex.Pattern;

/** The forms that tokens and keys are written in (RFC 7515 section 2), read strictly. */
public final class Jose {
  private static final Pattern BASE64URL = Pattern.compile("[A-Za-z0-9_-]*");

  private Jose() {}

  /**
   * What base64url stands for; empty if it is none: no padding, nothing between, and no bits beyond
   * the last byte.
   */
  public static Optional<byte[]> bytes(String text) {
    if (!BASE64URL.matcher(text).matches() || text.length() % 4 == 1) {
      return Optional.empty();
    }
    byte[] bytes = Base64.getUrlDecoder().decode(text);
    boolean isWhole = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes).equals(text);
    return isWhole ? Optional.of(bytes) : Optional.empty();
  }

  /** Whether it is one JSON object, which has no member twice (RFC 7515 section 4). */
  public static boolean isObject(byte[] json) {
    try {
      Json.read(json);
      return true;
    } catch (ConfigException e) {
      return false;
    }
  }
}
