package io.busbar.broker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.broker.AuthenticationMethod.Step;
import io.busbar.config.Jose;
import io.busbar.config.Profile;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission.Credential;
import io.busbar.policy.Attribute;
import io.busbar.policy.PermissionBinding.Permission;
import io.busbar.policy.PolicyException;
import io.busbar.policy.TokenIssuer;
import io.busbar.policy.TokenIssuer.Method;
import io.busbar.policy.TokenIssuer.Published;
import io.busbar.policy.TokenIssuer.Signer;
import io.busbar.telemetry.Telemetry;
import io.busbar.testing.TestTokens;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.security.GeneralSecurityException;
import java.security.PublicKey;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tokens that are good, and attempts with others: each is refused with its one reason. */
class TokenAuthenticationTest {
  private static final Instant NOW = Instant.parse("2026-11-28T12:00:00.75Z");
  private static final String HERE = "mqtt.example.com";
  private static final TestTokens FIRST = issuer("first");
  private static final TestTokens SECOND = issuer("second");
  private static final TestTokens STRANGER = issuer("first");
  private static final String NO_ALGORITHM = "not signed with an algorithm (alg) of RS256, RS384";
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
    return judge(ISSUER, token);
  }

  private static Step judge(TokenIssuer issuer, byte[] token) {
    return judge(Profile.OPEN, issuer, token);
  }

  private static Step judge(Profile profile, TokenIssuer issuer, byte[] token) {
    Telemetry telemetry = new Telemetry(new SimpleMeterRegistry());
    return new TokenAuthentication(() -> NOW, Optional.empty(), profile, telemetry)
        .judge(issuer, HERE, token)
        .result();
  }

  private static PublicKey key(TestTokens issuer) {
    return issuer.certificate().getPublicKey();
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
        .isEqualTo(new Credential.Token(Method.CUSTOM_JWT, key(FIRST), Set.of()));
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
            .isEqualTo(new Credential.Token(Method.CUSTOM_JWT, key(issuer), Set.of()));
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
    Step.Identified known =
        (Step.Identified) judge(Profile.AZURE, entra, FIRST.token(FIRST.header(), claims));
    assertThat(known.client().authenticationName()).isEqualTo("object-1");
    assertThat(known.credential())
        .isEqualTo(
            new Credential.Token(Method.OAUTH2_JWT, key(FIRST), Set.of(Permission.SUBSCRIBER)));
    Step here = judge(entra, FIRST.token(FIRST.header(), claims.put("aud", HERE)));
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

  /** The same bytes in another text: with bits beyond the last. */
  private static String unclean(String base64) {
    String digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int last = digits.indexOf(base64.charAt(base64.length() - 1));
    return base64.substring(0, base64.length() - 1) + digits.charAt(last + 1);
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
                Arguments.of(NO_ALGORITHM, joined(none, body, "")),
                Arguments.of(NO_ALGORITHM, joined(none, body, signature)),
                Arguments.of(NO_ALGORITHM, confused()),
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
                    FIRST.token(head, TestTokens.base64(new byte[] {(byte) 0xC0, 0x00}))),
                Arguments.of(
                    "its claims is not a JSON object",
                    FIRST.token(
                        head, TestTokens.base64(new byte[] {0, 0, 0, 0x7b, 0x7f, 0, 0, 0}))),
                Arguments.of(
                    "its claims is not a JSON object",
                    FIRST.token(head, TestTokens.base64("{\"sub\":\"a\",\"sub\":\"b\"}"))),
                Arguments.of(
                    "its claims is not a JSON object",
                    FIRST.token(head, TestTokens.base64(claims().encode() + "{}"))),
                Arguments.of(
                    "its header is not a JSON object",
                    joined(
                        TestTokens.base64("{\"alg\":\"none\",\"alg\":\"RS256\"}"),
                        body,
                        signature)),
                Arguments.of(
                    "its signature is not base64url", joined(head, body, signature + "==")),
                Arguments.of(
                    "its signature is not base64url", joined(head, body, signature + "AAA")),
                Arguments.of(
                    "its signature is not base64url", joined(head, body, unclean(signature))),
                Arguments.of("its claims is not base64url", joined(head, body + "=", signature)),
                Arguments.of("its claims is not base64url", joined(head, "\n" + body, signature))));
    for (Object algorithm : List.of("rs256", "HS512", "none", "NONE", "EdDSA", "ES256K", "")) {
      all.add(header(NO_ALGORITHM, h -> h.put("alg", algorithm)));
    }
    for (Object algorithm : List.of("RS384", "RS512", "PS256", "PS384", "PS512")) {
      all.add(header("signature does not verify", h -> h.put("alg", algorithm)));
    }
    for (Object algorithm : List.of("ES256", "ES384", "ES512")) {
      all.add(header("its algorithm (alg) is none of its key's", h -> h.put("alg", algorithm)));
    }
    long now = NOW.getEpochSecond();
    all.addAll(
        List.of(
            header("its alg is not a text", h -> h.put("alg", new JsonArray().add("RS256"))),
            header(NO_ALGORITHM, h -> h.remove("alg")),
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
    Step step = judge(issuer, old.token(old.header(), claims()));
    assertThat(((Step.Refused) step).text())
        .isEqualTo("token: the issuer's certificate 'old' is not valid now");
  }

  // --- algorithms ---

  private static TokenIssuer pinned(TestTokens... issuers) {
    return new TokenIssuer(
        Method.CUSTOM_JWT,
        TestTokens.ISSUER,
        List.of(),
        Stream.of(issuers)
            .map(one -> new Signer(one.header().getString("kid"), one.certificate()))
            .toList());
  }

  private static TestTokens curve(int bits) {
    return TestTokens.issuer("curve", "EC", bits, NOW.plusSeconds(3_600));
  }

  @ParameterizedTest
  @ValueSource(ints = {256, 384, 521})
  void aKeyOnACurveSignsByTheCurvesAlgorithm(int bits) {
    TestTokens curve = curve(bits);
    TokenIssuer issuer = pinned(curve);
    byte[] token = curve.token(curve.header(), claims());
    assertThat(judge(issuer, token)).isInstanceOf(Step.Identified.class);
    assertThat(judge(Profile.AZURE, issuer, token)).isInstanceOf(Step.Refused.class);
    for (String other : List.of("RS256", "PS256", "ES256", "ES384", "ES512")) {
      if (!other.equals(curve.header().getString("alg"))) {
        byte[] wrong = curve.token(curve.header().put("alg", other), claims());
        assertThat(((Step.Refused) judge(issuer, wrong)).text())
            .isEqualTo("token: its algorithm (alg) is none of its key's");
      }
    }
  }

  @Test
  void anRsaKeySignsWithBothPaddingsAndAllHashes() {
    for (int bits : new int[] {256, 384, 512}) {
      String head = TestTokens.base64(FIRST.header().put("alg", "RS" + bits).encode());
      String body = TestTokens.base64(claims().encode());
      identified(FIRST.token(head, body, "SHA%dwithRSA".formatted(bits), null));
      head = TestTokens.base64(FIRST.header().put("alg", "PS" + bits).encode());
      String hash = "SHA-" + bits;
      PSSParameterSpec padding =
          new PSSParameterSpec(hash, "MGF1", new MGF1ParameterSpec(hash), bits / 8, 1);
      identified(FIRST.token(head, body, "RSASSA-PSS", padding));
      PSSParameterSpec unsalted =
          new PSSParameterSpec(hash, "MGF1", new MGF1ParameterSpec(hash), 0, 1);
      assertThat(judge(FIRST.token(head, body, "RSASSA-PSS", unsalted)))
          .isInstanceOf(Step.Refused.class);
    }
  }

  /** RFC 7518 section 3.4: R and S of the curve's size each, neither of them nothing. */
  @Test
  void aSignatureOnACurveHasItsOneForm() {
    TestTokens curve = curve(256);
    TokenIssuer issuer = pinned(curve);
    String head = TestTokens.base64(curve.header().encode());
    String body = TestTokens.base64(claims().encode());
    byte[] pair = Jose.bytes(part(curve.token(head, body), 2)).orElseThrow();
    byte[] noR = pair.clone();
    Arrays.fill(noR, 0, 32, (byte) 0);
    byte[] noS = pair.clone();
    Arrays.fill(noS, 32, 64, (byte) 0);
    byte[] beyond = pair.clone();
    Arrays.fill(beyond, 0, 32, (byte) 0xFF);
    List<byte[]> wrong =
        List.of(
            new byte[0],
            new byte[64],
            noR,
            noS,
            beyond,
            Arrays.copyOf(pair, 63),
            Arrays.copyOf(pair, 65),
            Arrays.copyOf(pair, 96));
    for (byte[] one : wrong) {
      Step step = judge(issuer, joined(head, body, TestTokens.base64(one)));
      assertThat(((Step.Refused) step).text()).contains("its signature does not verify");
    }
    byte[] encoded = curve.token(head, body, "SHA256withECDSA", null);
    assertThat(judge(issuer, encoded)).isInstanceOf(Step.Refused.class);
    assertThat(judge(issuer, curve.token(head, body))).isInstanceOf(Step.Identified.class);
  }

  /** Event Grid knows one algorithm, and no keys that are fetched but Entra's. */
  @Test
  void inProfileAzureATokenIsWhatEventGridTakes() {
    byte[] good = FIRST.token(FIRST.header(), claims());
    assertThat(judge(Profile.AZURE, ISSUER, good)).isInstanceOf(Step.Identified.class);
    String head = TestTokens.base64(FIRST.header().put("alg", "RS384").encode());
    byte[] other = FIRST.token(head, TestTokens.base64(claims().encode()), "SHA384withRSA", null);
    assertThat(((Step.Refused) judge(Profile.AZURE, ISSUER, other)).text())
        .isEqualTo("token: is not signed with an algorithm (alg) of RS256");
    TokenAuthentication azure =
        new TokenAuthentication(() -> NOW, Optional.empty(), Profile.AZURE, null);
    for (Method method : Method.values()) {
      TokenIssuer fetched =
          new TokenIssuer(
              method,
              TestTokens.ISSUER,
              List.of(),
              List.of(),
              Optional.of(Published.discovered(TestTokens.ISSUER)));
      assertThat(azure.published(fetched).isPresent()).isEqualTo(method == Method.OAUTH2_JWT);
    }
  }

  // --- the issuer ---

  @Test
  void anIssuersKeysAreBehindAUrlThatIsSecured() {
    assertThat(Published.discovered("https://a.example.com/t/").at())
        .hasToString("https://a.example.com/t/.well-known/openid-configuration");
    assertThat(Published.discovered("http://localhost:81").at())
        .hasToString("http://localhost:81/.well-known/openid-configuration");
    assertThat(Published.keys("https://a.example.com/k?v=1").at())
        .hasToString("https://a.example.com/k?v=1");
    for (String wrong :
        List.of(
            "",
            "plant",
            "http://a.example.com",
            "https://u:secret@a.example.com",
            "https://a.example.com/#secret",
            "https://a b")) {
      assertThatThrownBy(() -> Published.keys(wrong))
          .isInstanceOf(PolicyException.class)
          .hasMessageContaining("jwksUri: is not a URL of a JWK Set (allowed: https://host")
          .hasMessageNotContaining("secret");
      assertThatThrownBy(() -> Published.discovered(wrong))
          .isInstanceOf(PolicyException.class)
          .hasMessageContaining("tokenIssuer: is not a URL, which discovery needs");
    }
    assertThatThrownBy(() -> Published.discovered("https://a.example.com?x"))
        .isInstanceOf(PolicyException.class);
  }

  @Test
  void anIssuerHasOneOrTwoStrongKeysOfDifferentNames() {
    Signer first = new Signer("first", FIRST.certificate());
    Signer second = new Signer("second", SECOND.certificate());
    Instant later = NOW.plusSeconds(3_600);
    TestTokens weak = TestTokens.issuer("weak", "RSA", 1_024, later);
    TestTokens other = TestTokens.issuer("other", "DSA", 2_048, later);
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
    for (TestTokens bad : List.of(weak, other)) {
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
