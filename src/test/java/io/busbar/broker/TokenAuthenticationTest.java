package io.busbar.broker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.broker.AuthenticationMethod.Step;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission.Credential;
import io.busbar.policy.Attribute;
import io.busbar.policy.PermissionBinding.Permission;
import io.busbar.policy.PolicyException;
import io.busbar.policy.TokenIssuer;
import io.busbar.policy.TokenIssuer.Method;
import io.busbar.policy.TokenIssuer.Signer;
import io.busbar.testing.TestTokens;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Tokens that are good, and attempts with others: each is refused with its one reason. */
class TokenAuthenticationTest {
  private static final Instant NOW = Instant.parse("2026-11-28T12:00:00.75Z");
  private static final String HERE = "mqtt.example.com";
  private static final TestTokens FIRST = issuer("first");
  private static final TestTokens SECOND = issuer("second");
  private static final TestTokens STRANGER = issuer("first");
  private static final TokenIssuer ISSUER =
      new TokenIssuer(
          Method.CUSTOM_JWT,
          TestTokens.ISSUER,
          List.of(HERE, "broker.example.com"),
          List.of(
              new Signer("first", FIRST.certificate()),
              new Signer("second", SECOND.certificate())));

  private static TestTokens issuer(String kid) {
    return TestTokens.issuer(kid, "RSA", 2_048, NOW.plusSeconds(3_600));
  }

  private static Step judge(byte[] token) {
    return new TokenAuthentication(() -> NOW).judge(ISSUER, "unused", token);
  }

  private static JsonObject claims() {
    return TestTokens.claims("truck-1", HERE, NOW, Duration.ofMinutes(10));
  }

  private static Step.Identified identified(byte[] token) {
    Step step = judge(token);
    assertThat(step).isInstanceOf(Step.Identified.class);
    return (Step.Identified) step;
  }

  // --- good ones ---

  @Test
  void aGoodTokenSaysWhoItIsAndUntilWhen() {
    Step.Identified known = identified(FIRST.token(FIRST.header(), claims()));
    assertThat(known.client().authenticationName()).isEqualTo("truck-1");
    assertThat(known.client().attributes()).isEmpty();
    assertThat(known.credential())
        .isEqualTo(new Credential.Token(Method.CUSTOM_JWT, FIRST.certificate(), Set.of()));
    assertThat(known.until())
        .isEqualTo(Instant.ofEpochSecond(NOW.plus(Duration.ofMinutes(10)).getEpochSecond() + 60));
  }

  @Test
  void claimsOfThreeKindsAreAttributesAndOthersAreNot() {
    JsonObject claims =
        claims()
            .put("jti", "a")
            .put("type", "truck")
            .put("least", Integer.MIN_VALUE)
            .put("most", Integer.MAX_VALUE)
            .put("caps", new JsonArray().add("gps").add("lte"))
            .put("none", new JsonArray())
            .put("tooMuch", 1L + Integer.MAX_VALUE)
            .put("part", 1.5)
            .put("flag", true)
            .put("object", new JsonObject().put("a", "b"))
            .put("numbers", new JsonArray().add(1).add(2))
            .put("mixed", new JsonArray().add("a").add(2))
            .putNull("nothing")
            .put("https://example.com/claim", "not a name")
            .put("has.dot", "not a name");
    assertThat(identified(FIRST.token(FIRST.header(), claims)).client().attributes())
        .isEqualTo(
            Map.of(
                "type", new Attribute.Text("truck"),
                "least", new Attribute.Whole(Integer.MIN_VALUE),
                "most", new Attribute.Whole(Integer.MAX_VALUE),
                "caps", new Attribute.Texts(List.of("gps", "lte")),
                "none", new Attribute.Texts(List.of())));
  }

  @Test
  void itIsOfTheKeyThatItNamesOrOfAnyWhereItNamesNone() {
    for (TestTokens issuer : List.of(FIRST, SECOND)) {
      JsonObject nameless = issuer.header();
      nameless.remove("kid");
      nameless.remove("typ");
      for (JsonObject header : List.of(issuer.header(), nameless)) {
        assertThat(identified(issuer.token(header, claims())).credential())
            .isEqualTo(new Credential.Token(Method.CUSTOM_JWT, issuer.certificate(), Set.of()));
      }
    }
  }

  @Test
  void theTypeMayBeOneOfTwoInAnyCaseAndTheAudienceOneText() {
    for (String type : List.of("JWT", "JWS", "jwt")) {
      identified(FIRST.token(FIRST.header().put("typ", type), claims().put("aud", HERE)));
    }
    identified(FIRST.token(FIRST.header(), claims().put("aud", "broker.example.com")));
  }

  @Test
  void clocksMayDifferByAMinute() {
    long now = NOW.getEpochSecond();
    identified(FIRST.token(FIRST.header(), claims().put("exp", now - 58)));
    identified(FIRST.token(FIRST.header(), claims().put("nbf", now + 58)));
    identified(FIRST.token(FIRST.header(), claims().put("exp", now + 0.25)));
  }

  @Test
  void aTokenForRolesNamesAnObjectAndWhatItMayDo() {
    TokenIssuer entra =
        new TokenIssuer(
            Method.OAUTH2_JWT,
            TestTokens.ISSUER,
            List.of(),
            List.of(new Signer("first", FIRST.certificate())));
    JsonObject claims =
        TestTokens.claims("pairwise", "https://eventgrid.azure.net/", NOW, Duration.ofMinutes(5))
            .put("oid", "object-1")
            .put(
                "roles",
                new JsonArray().add("Reader").add("EventGrid TopicSpaces Subscriber").add(7));
    TokenAuthentication tokens = new TokenAuthentication(() -> NOW);
    Step.Identified known =
        (Step.Identified) tokens.judge(entra, HERE, FIRST.token(FIRST.header(), claims));
    assertThat(known.client().authenticationName()).isEqualTo("object-1");
    assertThat(known.credential())
        .isEqualTo(
            new Credential.Token(
                Method.OAUTH2_JWT, FIRST.certificate(), Set.of(Permission.SUBSCRIBER)));
    Step here = tokens.judge(entra, HERE, FIRST.token(FIRST.header(), claims.put("aud", HERE)));
    assertThat(here).isInstanceOf(Step.Refused.class);
  }

  // --- bad ones ---

  private static Arguments header(String why, Consumer<JsonObject> change) {
    JsonObject header = FIRST.header();
    change.accept(header);
    return Arguments.of(why, FIRST.token(header, claims()));
  }

  private static Arguments claim(String why, Consumer<JsonObject> change) {
    JsonObject claims = claims();
    change.accept(claims);
    return Arguments.of(why, FIRST.token(FIRST.header(), claims));
  }

  private static String part(byte[] token, int index) {
    return new String(token, UTF_8).split("\\.")[index];
  }

  private static byte[] joined(String... parts) {
    return String.join(".", parts).getBytes(UTF_8);
  }

  /** Signed with the public key as the secret of HMAC: the confusion of keys. */
  private static byte[] confused() throws GeneralSecurityException {
    String signed =
        TestTokens.base64(FIRST.header().put("alg", "HS256").encode())
            + "."
            + TestTokens.base64(claims().encode());
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(FIRST.certificate().getPublicKey().getEncoded(), "HmacSHA256"));
    return joined(signed, TestTokens.base64(mac.doFinal(signed.getBytes(UTF_8))));
  }

  static Stream<Arguments> attempts() throws GeneralSecurityException {
    byte[] good = FIRST.token(FIRST.header(), claims());
    String head = part(good, 0);
    String body = part(good, 1);
    String signature = part(good, 2);
    String none = TestTokens.base64(FIRST.header().put("alg", "none").encode());
    String other = TestTokens.base64(claims().put("sub", "admin").encode());
    byte[] flipped = FIRST.token(FIRST.header(), claims());
    int at = flipped.length - 20;
    flipped[at] = (byte) (flipped[at] == 'A' ? 'B' : 'A');
    List<Arguments> all =
        new ArrayList<>(
            List.of(
                Arguments.of("none was sent", null),
                Arguments.of("none was sent", new byte[0]),
                Arguments.of("has 1 parts", "token".getBytes(UTF_8)),
                Arguments.of("has 2 parts", joined(head, body)),
                Arguments.of("has 4 parts", joined(head, body, signature, "")),
                Arguments.of("has 5 parts", joined(head, "", "", "", signature)),
                Arguments.of("has 8193 bytes", new byte[8_193]),
                Arguments.of("its header is not base64url", joined("{}", body, signature)),
                Arguments.of("its header is not a JSON object", joined("", body, signature)),
                Arguments.of(
                    "its header is not a JSON object",
                    joined(TestTokens.base64("[1]"), body, signature)),
                Arguments.of(
                    "its header is not a JSON object",
                    joined(TestTokens.base64("[".repeat(5_000)), body, signature)),
                Arguments.of("its signature is not base64url", joined(head, body, "é")),
                Arguments.of("signature does not verify", joined(head, body, "")),
                Arguments.of("signature does not verify", joined(head, other, signature)),
                Arguments.of("signature does not verify", flipped),
                Arguments.of("not signed with the algorithm RS256", joined(none, body, "")),
                Arguments.of("not signed with the algorithm RS256", joined(none, body, signature)),
                Arguments.of("not signed with the algorithm RS256", confused()),
                Arguments.of(
                    "signature does not verify", STRANGER.token(STRANGER.header(), claims())),
                Arguments.of(
                    "signature does not verify",
                    FIRST.token(FIRST.header().put("kid", "second"), claims())),
                Arguments.of(
                    "its claims is not a JSON object",
                    FIRST.token(head, TestTokens.base64("\"text\""))),
                Arguments.of(
                    "its claims is not a JSON object",
                    FIRST.token(head, TestTokens.base64(new byte[] {(byte) 0xC0, 0x00})))));
    for (Object algorithm : List.of("rs256", "RS384", "ES256", "PS256", "")) {
      all.add(header("not signed with the algorithm RS256", h -> h.put("alg", algorithm)));
    }
    long now = NOW.getEpochSecond();
    all.addAll(
        List.of(
            header("its alg is not a text", h -> h.put("alg", new JsonArray().add("RS256"))),
            header("not signed with the algorithm RS256", h -> h.remove("alg")),
            header("is of another type", h -> h.put("typ", "at+jwt")),
            header("its typ is not a text", h -> h.put("typ", 1)),
            header("needs extensions", h -> h.put("crit", new JsonArray().add("b64"))),
            header("its key (kid) is not one", h -> h.put("kid", "third")),
            header("its key (kid) is not one", h -> h.put("kid", "")),
            header("its kid is not a text", h -> h.put("kid", true)),
            claim("its issuer (iss)", c -> c.remove("iss")),
            claim("its issuer (iss)", c -> c.put("iss", TestTokens.ISSUER + "/")),
            claim("its iss is not a text", c -> c.put("iss", new JsonObject())),
            claim("its audience (aud)", c -> c.remove("aud")),
            claim("its audience (aud)", c -> c.put("aud", "elsewhere")),
            claim("its audience (aud)", c -> c.put("aud", HERE.toUpperCase(Locale.ROOT))),
            claim("its audience (aud)", c -> c.put("aud", new JsonArray())),
            claim("its audience (aud)", c -> c.put("aud", new JsonObject().put("a", HERE))),
            claim("has no exp", c -> c.remove("exp")),
            claim("has no exp", c -> c.put("exp", "never")),
            claim("has no exp", c -> c.put("exp", -1)),
            claim("has no exp", c -> c.put("exp", 1e300)),
            claim("has expired at", c -> c.put("exp", now - 61)),
            claim("has expired at", c -> c.put("exp", 0)),
            claim("has no nbf", c -> c.remove("nbf")),
            claim("is not valid before", c -> c.put("nbf", now + 62)),
            claim("has no subject", c -> c.remove("sub")),
            claim("its sub is not a text", c -> c.put("sub", 7)),
            claim("authenticationName", c -> c.put("sub", "")),
            claim("authenticationName", c -> c.put("sub", "a".repeat(2_000)))));
    return all.stream();
  }

  @ParameterizedTest(name = "{index} {0}")
  @MethodSource("attempts")
  void anAttemptIsRefusedWithItsReasonAndNothingOfTheTokenIsTold(String why, byte[] token) {
    Step step = judge(token);
    assertThat(step).isInstanceOf(Step.Refused.class);
    Step.Refused refused = (Step.Refused) step;
    assertThat(refused.reason()).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    assertThat(refused.text()).startsWith("token: ").contains(why).hasSizeLessThan(300);
    assertThat(refused.text()).matches("\\P{Cntrl}*");
    if (token != null && token.length > 60) {
      String tail = new String(token, token.length - 30, 30, UTF_8);
      assertThat(refused.text()).doesNotContain(tail);
    }
  }

  @Test
  void anIssuersCertificateMustBeValidItself() {
    TestTokens old = TestTokens.issuer("old", "RSA", 2_048, NOW.minusSeconds(60));
    TokenIssuer issuer =
        new TokenIssuer(
            Method.CUSTOM_JWT,
            TestTokens.ISSUER,
            List.of(),
            List.of(new Signer("old", old.certificate())));
    Step step =
        new TokenAuthentication(() -> NOW).judge(issuer, HERE, old.token(old.header(), claims()));
    assertThat(((Step.Refused) step).text())
        .isEqualTo("token: the issuer's certificate 'old' is not valid now");
  }

  // --- the issuer ---

  @Test
  void anIssuerHasOneOrTwoStrongKeysOfDifferentNames() {
    Signer first = new Signer("first", FIRST.certificate());
    Signer second = new Signer("second", SECOND.certificate());
    Instant later = NOW.plusSeconds(3_600);
    TestTokens weak = TestTokens.issuer("weak", "RSA", 1_024, later);
    TestTokens curve = TestTokens.issuer("curve", "EC", 256, later);
    refused("tokenIssuer", " ", List.of(), List.of(first));
    refused("audiences", "i", List.of(""), List.of(first));
    refused("audiences", "i", Collections.nCopies(9, "a"), List.of(first));
    refused("encodedIssuerCertificates", "i", List.of(), List.of());
    refused("encodedIssuerCertificates", "i", List.of(), List.of(first, second, second));
    refused("encodedIssuerCertificates[1].kid", "i", List.of(), List.of(first, first));
    refused(
        "encodedIssuerCertificates[0].kid",
        "i",
        List.of(),
        List.of(new Signer("", FIRST.certificate())));
    for (TestTokens bad : List.of(weak, curve)) {
      refused(
          "encodedIssuerCertificates[1].encodedCertificate",
          "i",
          List.of(),
          List.of(first, new Signer("bad", bad.certificate())));
    }
  }

  private static void refused(
      String property, String issuer, List<String> audiences, List<Signer> signers) {
    assertThatThrownBy(() -> new TokenIssuer(Method.CUSTOM_JWT, issuer, audiences, signers))
        .isInstanceOf(PolicyException.class)
        .hasMessageContaining(property);
  }
}
