package io.busbar.config;

import io.busbar.policy.PolicyException;
import io.busbar.policy.TokenIssuer.Published;
import io.busbar.policy.TokenKey;
import io.busbar.policy.TokenKey.Algorithm;
import java.math.BigInteger;
import java.net.URI;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.KeySpec;
import java.security.spec.RSAPublicKeySpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What issuers of tokens publish: their keys (RFC 7517), and where those are. */
public final class JwkSet {
  private static final int MAX_KID = 2_048;

  /** The algorithm of each curve's keys (RFC 7518 section 6.2.1.1). */
  private static final Map<String, Algorithm> CURVES = curves();

  private JwkSet() {}

  private static Map<String, Algorithm> curves() {
    Map<String, Algorithm> curves = new LinkedHashMap<>();
    curves.put("P-256", Algorithm.ES256);
    curves.put("P-384", Algorithm.ES384);
    curves.put("P-521", Algorithm.ES512);
    return curves;
  }

  /**
   * The keys of a set that verify signatures of tokens; others in it are for others (RFC 7517
   * section 5).
   *
   * @param most keys that it may have
   * @throws ConfigException if it is no set, has more, or has none of those; the message may be
   *     shown
   */
  public static List<TokenKey> read(byte[] json, int most) {
    Section set = Section.of(Json.read(json));
    if (!set.has("keys")) {
      throw set.missing("keys");
    }
    List<Section> all = set.sections("keys");
    if (all.size() > most) {
      throw set.error("keys", "%d given (allowed: %d)".formatted(all.size(), most));
    }
    List<TokenKey> keys = new ArrayList<>();
    ConfigException first = null;
    for (Section one : all) {
      try {
        keys.add(key(one));
      } catch (ConfigException e) {
        first = first == null ? e : first;
      }
    }
    if (keys.isEmpty()) {
      throw set.error(
          "keys",
          "none of %d verifies signatures%s"
              .formatted(all.size(), first == null ? "" : "; " + first.getMessage()));
    }
    return keys;
  }

  private static TokenKey key(Section jwk) {
    String type = jwk.requiredText("kty");
    String use = jwk.text("use").orElse("sig");
    if (!use.equals("sig")) {
      throw jwk.error("use", Yaml.quote(use) + " (allowed: sig)");
    }
    List<String> operations = jwk.texts("key_ops").orElse(List.of("verify"));
    if (!operations.contains("verify")) {
      throw jwk.error("key_ops", "has no verify");
    }
    if (jwk.has("d")) {
      throw jwk.error("d", "is private, so that others may have the key, too");
    }
    String kid = jwk.text("kid").orElse(null);
    if (kid != null && (kid.isEmpty() || kid.length() > MAX_KID)) {
      throw jwk.error("kid", "has %d characters (allowed: 1 to 2048)".formatted(kid.length()));
    }
    TokenKey key =
        TokenKey.of(
            kid,
            switch (type) {
              case "RSA" -> rsa(jwk);
              case "EC" -> curve(jwk);
              default -> throw jwk.error("kty", Yaml.quote(type) + " (allowed: RSA, EC)");
            });
    if (key.algorithms().isEmpty()) {
      throw jwk.error(
          type.equals("RSA") ? "n" : "x",
          type.equals("RSA")
              ? "no such key (allowed: RSA of 2048 to 8192 bits)"
              : "not a point of the curve");
    }
    String only = jwk.text("alg").orElse(null);
    if (only == null) {
      return key;
    }
    return Algorithm.of(only)
        .filter(key.algorithms()::contains)
        .map(one -> new TokenKey(kid, key.key(), Set.of(one)))
        .orElseThrow(() -> jwk.error("alg", Yaml.quote(only) + " (allowed: " + names(key) + ")"));
  }

  private static String names(TokenKey key) {
    return String.join(", ", key.algorithms().stream().map(Enum::name).sorted().toList());
  }

  private static PublicKey rsa(Section jwk) {
    return made(jwk, "RSA", new RSAPublicKeySpec(number(jwk, "n"), number(jwk, "e")));
  }

  private static PublicKey curve(Section jwk) {
    jwk.requiredText("crv");
    Algorithm of = jwk.choice("crv", CURVES, null);
    int bytes = (of.curve().getCurve().getField().getFieldSize() + 7) / 8;
    for (String coordinate : List.of("x", "y")) {
      // RFC 7518 section 6.2.1.2
      if (bytes(jwk, coordinate).length != bytes) {
        throw jwk.error(coordinate, "has not %d bytes".formatted(bytes));
      }
    }
    ECPoint point = new ECPoint(number(jwk, "x"), number(jwk, "y"));
    return made(jwk, "EC", new ECPublicKeySpec(point, of.curve()));
  }

  private static PublicKey made(Section jwk, String type, KeySpec specification) {
    try {
      return KeyFactory.getInstance(type).generatePublic(specification);
    } catch (GeneralSecurityException e) {
      throw jwk.error("kty", "is %s, but the rest is no such key".formatted(type));
    }
  }

  private static BigInteger number(Section jwk, String key) {
    return new BigInteger(1, bytes(jwk, key));
  }

  private static byte[] bytes(Section jwk, String key) {
    return Jose.bytes(jwk.requiredText(key)).orElseThrow(() -> jwk.error(key, "is not base64url"));
  }

  /**
   * Where the keys are, as an issuer's configuration says (OpenID Connect Discovery 1.0 section 3).
   *
   * @throws ConfigException if it is no configuration, another issuer's, or names no place that
   *     keys may come from; the message may be shown
   */
  public static URI place(byte[] configuration, String issuer) {
    Section section = Section.of(Json.read(configuration));
    String of = section.requiredText("issuer");
    if (!of.equals(issuer)) {
      throw section.error(
          "issuer", "%s (needed: %s)".formatted(Yaml.quote(of), Yaml.quote(issuer)));
    }
    String place = section.requiredText("jwks_uri");
    try {
      return Published.keys(place).at();
    } catch (PolicyException e) {
      throw section.error("jwks_uri", e.problem());
    }
  }
}
