package io.busbar.config;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.policy.TokenKey;
import io.busbar.policy.TokenKey.Algorithm;
import io.busbar.testing.TestTokens;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Sets of keys as issuers publish them, good ones and others. */
class JwkSetTest {
  private static final int MOST = 4;
  private static final TestTokens RSA = issuer("RSA", 2_048);
  private static final TestTokens WEAK = issuer("RSA", 1_024);
  private static final TestTokens CURVE = issuer("EC", 256);
  private static final String ISSUER = "https://tokens.example.com/plant/";

  private static TestTokens issuer(String algorithm, int bits) {
    return TestTokens.issuer(algorithm + bits, algorithm, bits, Instant.now().plusSeconds(60));
  }

  private static List<TokenKey> read(String json) {
    return JwkSet.read(json.getBytes(UTF_8), MOST);
  }

  private static JsonObject set(JsonObject... keys) {
    return new JsonObject().put("keys", new JsonArray(List.of(keys)));
  }

  // --- good ones ---

  @Test
  void aKeyVerifiesByTheAlgorithmsOfItsTypeAlone() {
    assertThat(read(TestTokens.set(RSA).encode()))
        .containsExactly(
            new TokenKey(
                "RSA2048",
                RSA.certificate().getPublicKey(),
                EnumSet.range(Algorithm.RS256, Algorithm.PS512)));
    List<Algorithm> ofCurves = List.of(Algorithm.ES256, Algorithm.ES384, Algorithm.ES512);
    List<Integer> bits = List.of(256, 384, 521);
    for (int i = 0; i < bits.size(); i++) {
      TestTokens one = issuer("EC", bits.get(i));
      TokenKey key = read(TestTokens.set(one).encode()).get(0);
      assertThat(key.algorithms()).containsExactly(ofCurves.get(i));
      assertThat(key.key()).isEqualTo(one.certificate().getPublicKey());
    }
  }

  @Test
  void aKeyMaySayByWhichOneAlgorithmItVerifies() {
    assertThat(read(set(RSA.jwk().put("alg", "PS256")).encode()).get(0).algorithms())
        .isEqualTo(Set.of(Algorithm.PS256));
    assertThat(read(set(CURVE.jwk().put("alg", "ES256")).encode()).get(0).algorithms())
        .isEqualTo(Set.of(Algorithm.ES256));
  }

  /** RFC 7517 section 5: what is not understood is for others. */
  @Test
  void othersKeysAreLeftOutAndUnknownMembersToo() {
    JsonObject secret = new JsonObject().put("kty", "oct").put("k", "c2VjcmV0").put("kid", "oct");
    JsonObject nameless = CURVE.jwk().put("x5c", new JsonArray().add("AAAA")).put("ext", true);
    nameless.remove("kid");
    nameless.remove("use");
    JsonObject json = set(secret, WEAK.jwk(), RSA.jwk().put("use", "enc"), nameless).put("more", 1);
    List<TokenKey> keys = read(json.encode());
    assertThat(keys).hasSize(1);
    assertThat(keys.get(0).kid()).isNull();
    assertThat(keys.get(0).key()).isEqualTo(CURVE.certificate().getPublicKey());
  }

  @Test
  void operationsOfAKeyMayBeSeveralIfOneIsToVerify() {
    JsonArray operations = new JsonArray().add("encrypt").add("verify");
    assertThat(read(set(RSA.jwk().put("key_ops", operations)).encode())).hasSize(1);
  }

  // --- keys that are none ---

  private static Arguments rsa(String why, Consumer<JsonObject> change) {
    return changed(why, RSA.jwk(), change);
  }

  private static Arguments curve(String why, Consumer<JsonObject> change) {
    return changed(why, CURVE.jwk(), change);
  }

  private static Arguments changed(String why, JsonObject key, Consumer<JsonObject> change) {
    change.accept(key);
    return Arguments.of(why, key);
  }

  private static String base64(int... bytes) {
    byte[] all = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      all[i] = (byte) bytes[i];
    }
    return TestTokens.base64(all);
  }

  private static String even(String modulus) {
    byte[] bytes = Jose.bytes(modulus).orElseThrow();
    bytes[bytes.length - 1] &= (byte) 0xFE;
    return TestTokens.base64(bytes);
  }

  static Stream<Arguments> keys() {
    List<Arguments> all = new ArrayList<>();
    for (String type : List.of("", "oct", "OKP", "rsa", "ec", "none")) {
      all.add(rsa("kty: ", k -> k.put("kty", type)));
    }
    for (String member : List.of("kty", "n", "e")) {
      all.add(rsa(member + ": missing", k -> k.remove(member)));
      all.add(rsa(member + ": 7", k -> k.put(member, 7)));
      all.add(rsa(member + ": nothing", k -> k.putNull(member)));
    }
    for (String member : List.of("crv", "x", "y")) {
      all.add(curve(member + ": missing", k -> k.remove(member)));
      all.add(curve(member + ": a list", k -> k.put(member, new JsonArray())));
    }
    for (String text : List.of("A", "AA==", "AAB", "A A", "A+/A", "A\nAA", "é")) {
      all.add(rsa("n: is not base64url", k -> k.put("n", text)));
      all.add(rsa("e: is not base64url", k -> k.put("e", text)));
      all.add(curve("x: is not base64url", k -> k.put("x", text)));
      all.add(curve("y: is not base64url", k -> k.put("y", text)));
    }
    all.add(rsa("allowed: RSA of 2048 to 8192 bits", k -> k.put("n", WEAK.jwk().getString("n"))));
    all.add(rsa("allowed: RSA of 2048 to 8192 bits", k -> k.put("n", even(k.getString("n")))));
    byte[] large = new byte[1_025];
    large[0] = 1;
    large[1_024] = 1;
    all.add(rsa("allowed: RSA of", k -> k.put("n", TestTokens.base64(large))));
    all.add(rsa("", k -> k.put("n", "")));
    for (String exponent : List.of("", base64(0), base64(1), base64(2), base64(1, 0, 0))) {
      all.add(rsa("", k -> k.put("e", exponent)));
    }
    all.add(rsa("allowed: RSA of", k -> k.put("e", base64(3, 0, 0, 0, 1))));
    all.add(rsa("use: \"enc\"", k -> k.put("use", "enc")));
    all.add(rsa("use: a list", k -> k.put("use", new JsonArray().add("sig"))));
    all.add(rsa("key_ops: has no verify", k -> k.put("key_ops", new JsonArray().add("sign"))));
    all.add(rsa("key_ops: has no verify", k -> k.put("key_ops", new JsonArray())));
    all.add(rsa("key_ops: \"verify\" (allowed: a list)", k -> k.put("key_ops", "verify")));
    all.add(rsa("d: is private", k -> k.put("d", "AAAA")));
    for (String algorithm : List.of("ES256", "HS256", "none", "RSA-OAEP", "rs256", "")) {
      all.add(rsa("(allowed: PS256, PS384", k -> k.put("alg", algorithm)));
    }
    for (String algorithm : List.of("RS256", "ES384", "HS256")) {
      all.add(curve("(allowed: ES256)", k -> k.put("alg", algorithm)));
    }
    all.add(rsa("kid: has 0 characters", k -> k.put("kid", "")));
    all.add(rsa("kid: has 2049 characters", k -> k.put("kid", "a".repeat(2_049))));
    all.add(rsa("kid: 1", k -> k.put("kid", 1)));
    for (String name : List.of("P-384", "P-521")) {
      all.add(curve("x: has not", k -> k.put("crv", name)));
    }
    for (String name : List.of("secp256k1", "P-192", "Ed25519", "p-256", "")) {
      all.add(curve("(allowed: P-256, P-384, P-521)", k -> k.put("crv", name)));
    }
    all.add(curve("not a point of the curve", k -> k.put("y", k.getString("x"))));
    all.add(curve("", k -> k.put("x", base64(new int[32])).put("y", base64(new int[32]))));
    int[] beyond = new int[32];
    Arrays.fill(beyond, 0xFF);
    all.add(curve("", k -> k.put("x", base64(beyond))));
    all.add(curve("x: has not 32 bytes", k -> k.put("x", base64(new int[31]))));
    all.add(curve("x: has not 32 bytes", k -> k.put("x", base64(new int[33]))));
    return all.stream();
  }

  @ParameterizedTest(name = "{index} {0}")
  @MethodSource("keys")
  void aKeyIsLeftOutWithItsReasonAndOthersAreTaken(String why, JsonObject key) {
    assertThatThrownBy(() -> read(set(key).encode()))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("keys: none of 1 verifies signatures; keys[0].")
        .hasMessageContaining(why)
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(300).matches("\\P{Cntrl}*"));
    assertThat(read(set(key, CURVE.jwk()).encode())).hasSize(1);
  }

  // --- sets that are none ---

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "null",
        "[]",
        "\"keys\"",
        "{",
        "{}",
        "{} {}",
        "{\"keys\":null}",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[7]}",
        "{\"keys\":[[]]}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kty\":\"EC\"}]}",
        "{'keys':[]}",
        "{\"keys\":[],}",
        "<html></html>"
      })
  void whatIsNoSetIsRefused(String json) {
    assertThatThrownBy(() -> read(json)).isInstanceOf(ConfigException.class);
  }

  @Test
  void aSetIsBounded() {
    JsonObject[] keys = Collections.nCopies(MOST + 1, RSA.jwk()).toArray(JsonObject[]::new);
    assertThatThrownBy(() -> read(set(keys).encode())).hasMessage("keys: 5 given (allowed: 4)");
    assertThatThrownBy(() -> read("{\"keys\":" + "[".repeat(1_000) + "]".repeat(1_000) + "}"))
        .isInstanceOf(ConfigException.class);
    assertThatThrownBy(() -> JwkSet.read(new byte[] {0, 0, 0, 0x7b, 0x7f, 0, 0, 0}, MOST))
        .isInstanceOf(ConfigException.class);
  }

  // --- where keys are ---

  private static URI place(JsonObject configuration) {
    return JwkSet.place(configuration.encode().getBytes(UTF_8), ISSUER);
  }

  private static JsonObject configuration() {
    return new JsonObject()
        .put("issuer", ISSUER)
        .put("jwks_uri", "https://keys.example.com/plant?v=1")
        .put("scopes_supported", new JsonArray().add("openid"));
  }

  @Test
  void anIssuersConfigurationNamesThePlace() {
    assertThat(place(configuration())).hasToString("https://keys.example.com/plant?v=1");
  }

  static Stream<Arguments> configurations() {
    List<Arguments> all = new ArrayList<>();
    List<Object> issuers =
        List.of(
            "",
            "https://tokens.example.com/plant",
            ISSUER.toUpperCase(Locale.ROOT),
            7,
            new JsonArray());
    for (Object issuer : issuers) {
      all.add(changed("issuer: ", configuration(), c -> c.put("issuer", issuer)));
    }
    all.add(changed("issuer: missing", configuration(), c -> c.remove("issuer")));
    all.add(changed("jwks_uri: missing", configuration(), c -> c.remove("jwks_uri")));
    for (Object place :
        List.of(
            "",
            "keys",
            "/keys",
            "http://keys.example.com/",
            "ftp://keys.example.com/",
            "file:///etc/passwd",
            "https:///keys",
            "https://me@keys.example.com/",
            "https://keys.example.com/#a",
            "https://keys.example.com:99999/",
            "https://keys.example.com/" + "a".repeat(2_048),
            new JsonObject())) {
      all.add(changed("jwks_uri: ", configuration(), c -> c.put("jwks_uri", place)));
    }
    return all.stream();
  }

  @ParameterizedTest(name = "{index} {0}")
  @MethodSource("configurations")
  void anotherConfigurationNamesNone(String why, JsonObject configuration) {
    assertThatThrownBy(() -> place(configuration))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(why);
  }
}
