package io.busbar.broker;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.config.Jose;
import io.busbar.config.Profile;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission.Credential;
import io.busbar.policy.Attribute;
import io.busbar.policy.Client;
import io.busbar.policy.PermissionBinding.Permission;
import io.busbar.policy.PolicyException;
import io.busbar.policy.TokenIssuer;
import io.busbar.policy.TokenIssuer.Method;
import io.busbar.policy.TokenIssuer.Published;
import io.busbar.policy.TokenIssuer.Signer;
import io.busbar.policy.TokenKey;
import io.busbar.policy.TokenKey.Algorithm;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.vertx.core.Future;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.security.cert.CertificateException;
import java.time.Instant;
import java.util.Date;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * The authentication methods of Event Grid in which the Authentication Data is a JSON Web Token
 * (RFC 7519), signed by an issuer that the namespace names, whose keys are pinned there or fetched
 * from it; nobody needs to be in the registry. Of {@code CUSTOM-JWT} the subject is the
 * authentication name and other claims are attributes; of {@code OAUTH2-JWT} the object id is, and
 * roles say what it may do.
 */
final class TokenAuthentication {
  private static final int MAX_BYTES = 8_192;

  /** By how much clocks may differ, in seconds. */
  private static final long LEEWAY = 60;

  private static final Set<String> TYPES = Set.of("jwt", "jws");

  /** What tokens of Microsoft Entra are for, and the roles that Event Grid has for it. */
  private static final List<String> EVENT_GRID =
      List.of("https://eventgrid.azure.net/", "https://eventgrid.azure.net");

  private static final Map<String, Permission> ROLES =
      Map.of(
          "EventGrid TopicSpaces Publisher", Permission.PUBLISHER,
          "EventGrid TopicSpaces Subscriber", Permission.SUBSCRIBER);

  /** Claims that say something of the token, and nothing of the client. */
  private static final Set<String> OF_THE_TOKEN =
      Set.of("iss", "sub", "aud", "exp", "nbf", "iat", "jti");

  private final Supplier<Instant> now;
  private final Optional<IssuerKeys> keys;
  private final boolean isAzure;
  private final Telemetry telemetry;

  /**
   * The method.
   *
   * @param now the time at which tokens must be valid
   * @param keys what issuers publish; without, pinned certificates alone count
   * @param profile in which tokens may be no more than Event Grid's may
   */
  TokenAuthentication(
      Supplier<Instant> now, Optional<IssuerKeys> keys, Profile profile, Telemetry telemetry) {
    this.now = now;
    this.keys = keys;
    this.isAzure = profile == Profile.AZURE;
    this.telemetry = telemetry;
  }

  /** A token that is not accepted; its message says why, and nothing of the token. */
  private static final class Wrong extends Exception {
    private static final long serialVersionUID = 1L;

    Wrong(String why) {
      super(why, null, false, false);
    }
  }

  /**
   * A token of the right form, which anybody may have made.
   *
   * @param kid the name of its key, or null
   * @param signed what the signature is of
   */
  private record Token(
      String kid, Algorithm algorithm, JsonObject claims, byte[] signed, byte[] signature) {}

  /**
   * An exchange of one step.
   *
   * @param issuer whose tokens are accepted
   * @param host by which name clients reach the node
   */
  AuthenticationMethod.Exchange exchange(TokenIssuer issuer, String host) {
    return data -> judge(issuer, host, data);
  }

  /** Where an issuer's keys are fetched from, if they are. */
  Optional<Published> published(TokenIssuer issuer) {
    return issuer.published().filter(at -> !isAzure || !issuer.isFetchedHereAlone());
  }

  /** What a token says, if it is one of the issuer's, for here, and valid now; never fails. */
  Future<AuthenticationMethod.Step> judge(TokenIssuer issuer, String host, byte[] data) {
    try {
      Token token = token(data);
      if (!issuer.issuer().equals(text(token.claims, "iss"))) {
        throw new Wrong("its issuer (iss) is not the namespace's");
      }
      TokenKey pinned = pinned(issuer, token);
      if (pinned != null) {
        return Future.succeededFuture(identified(issuer, host, token, pinned));
      }
      Optional<Published> published = published(issuer);
      if (keys.isEmpty() || published.isEmpty()) {
        throw unsigned(issuer.signers().stream().map(Signer::key).toList(), token);
      }
      Optional<List<TokenKey>> known = keys.get().of(published.get());
      if (known.isPresent()) {
        TokenKey key = signer(known.get(), token);
        if (key != null) {
          return Future.succeededFuture(identified(issuer, host, token, key));
        }
        boolean isNamed =
            token.kid != null && known.get().stream().anyMatch(one -> token.kid.equals(one.kid()));
        if (isNamed) {
          throw unsigned(known.get(), token);
        }
      }
      // the issuer may have a new one
      return keys.get()
          .newer(published.get())
          .transform(
              newer ->
                  Future.succeededFuture(
                      newer.succeeded()
                          ? judged(issuer, host, token, newer.result())
                          : unavailable(newer.cause().getMessage())));
    } catch (Wrong e) {
      return Future.succeededFuture(refused(e));
    }
  }

  private AuthenticationMethod.Step judged(
      TokenIssuer issuer, String host, Token token, List<TokenKey> known) {
    try {
      TokenKey key = signer(known, token);
      if (key == null && token.kid == null && known.size() > 1) {
        throw new Wrong("names no key (kid), and is not of the only one of its issuer's");
      }
      if (key == null) {
        throw unsigned(known, token);
      }
      return identified(issuer, host, token, key);
    } catch (Wrong e) {
      return refused(e);
    }
  }

  private AuthenticationMethod.Step refused(Wrong e) {
    telemetry.count(Meter.TOKENS, "wrong");
    return new AuthenticationMethod.Step.Refused(
        ReasonCode.NOT_AUTHORIZED, "token: " + e.getMessage());
  }

  private AuthenticationMethod.Step unavailable(String why) {
    telemetry.count(Meter.TOKENS, "unavailable");
    return new AuthenticationMethod.Step.Refused(
        ReasonCode.SERVER_UNAVAILABLE, "token: its issuer's keys cannot be had: " + why);
  }

  private Token token(byte[] data) throws Wrong {
    if (data == null || data.length == 0) {
      throw new Wrong("none was sent (needed: a JWT as Authentication Data)");
    }
    if (data.length > MAX_BYTES) {
      throw new Wrong("has %d bytes (allowed: %d)".formatted(data.length, MAX_BYTES));
    }
    String[] parts = new String(data, US_ASCII).split("\\.", -1);
    if (parts.length != 3) {
      throw new Wrong("has %d parts (allowed: header.claims.signature)".formatted(parts.length));
    }
    JsonObject header = json("header", parts[0]);
    String algorithm = text(header, "alg");
    String allowed = isAzure ? Algorithm.RS256.name() : Algorithm.NAMES;
    Algorithm by =
        Algorithm.of(String.valueOf(algorithm))
            .filter(one -> !isAzure || one == Algorithm.RS256)
            .orElseThrow(() -> new Wrong("is not signed with an algorithm (alg) of " + allowed));
    String type = text(header, "typ");
    if (type != null && !TYPES.contains(type.toLowerCase(Locale.ROOT))) {
      throw new Wrong("is of another type (allowed: JWT, JWS)");
    }
    if (header.containsKey("crit")) {
      throw new Wrong("needs extensions (crit), which are not known");
    }
    return new Token(
        text(header, "kid"),
        by,
        json("claims", parts[1]),
        (parts[0] + "." + parts[1]).getBytes(US_ASCII),
        bytes("signature", parts[2]));
  }

  private AuthenticationMethod.Step identified(
      TokenIssuer issuer, String host, Token token, TokenKey key) throws Wrong {
    JsonObject claims = token.claims;
    List<String> audiences = issuer.audiences();
    if (audiences.isEmpty()) {
      audiences = issuer.method() == Method.OAUTH2_JWT ? EVENT_GRID : List.of(host);
    }
    if (!isFor(claims, audiences)) {
      throw new Wrong(
          "its audience (aud) is another (needed: %s)".formatted(String.join(" or ", audiences)));
    }
    Instant time = now.get();
    Instant until = time(claims, "exp");
    if (!time.isBefore(until.plusSeconds(LEEWAY))) {
      throw new Wrong("has expired at %s (now: %s)".formatted(until, time));
    }
    Instant from = time(claims, "nbf");
    if (time.isBefore(from.minusSeconds(LEEWAY))) {
      throw new Wrong("is not valid before %s (now: %s)".formatted(from, time));
    }
    AuthenticationMethod.Step step =
        new AuthenticationMethod.Step.Identified(
            client(issuer.method(), claims),
            new Credential.Token(issuer.method(), key.key(), roles(claims)),
            until.plusSeconds(LEEWAY));
    telemetry.count(Meter.TOKENS, "good");
    return step;
  }

  // --- the signature ---

  /** The pinned key that signed a token, or null. */
  private TokenKey pinned(TokenIssuer issuer, Token token) throws Wrong {
    String why = null;
    for (Signer one : issuer.signers()) {
      if (token.kid != null && !token.kid.equals(one.kid())) {
        continue;
      }
      try {
        one.certificate().checkValidity(Date.from(now.get()));
        if (one.key().verifies(token.algorithm, token.signed, token.signature)) {
          return one.key();
        }
      } catch (CertificateException e) {
        why = "the issuer's certificate '%s' is not valid now".formatted(one.kid());
      }
    }
    if (why != null && published(issuer).isEmpty()) {
      throw new Wrong(why);
    }
    return null;
  }

  /**
   * The key of a set that signed a token, or null. A token that names none is of the only one
   * (OpenID Connect Core 1.0 section 10.1): not all are tried.
   */
  private static TokenKey signer(List<TokenKey> keys, Token token) {
    List<TokenKey> some =
        keys.stream()
            .filter(one -> one.algorithms().contains(token.algorithm))
            .filter(one -> token.kid == null || token.kid.equals(one.kid()))
            .toList();
    return some.stream()
        .filter(one -> token.kid != null || some.size() == 1)
        .filter(one -> one.verifies(token.algorithm, token.signed, token.signature))
        .findFirst()
        .orElse(null);
  }

  /** Why a token is of none of some keys. */
  private static Wrong unsigned(List<TokenKey> keys, Token token) {
    List<TokenKey> named =
        keys.stream().filter(one -> token.kid == null || token.kid.equals(one.kid())).toList();
    if (named.isEmpty()) {
      return new Wrong("its key (kid) is not one of its issuer's");
    }
    return new Wrong(
        named.stream().anyMatch(one -> one.algorithms().contains(token.algorithm))
            ? "its signature does not verify"
            : "its algorithm (alg) is none of its key's");
  }

  // --- what it says ---

  private static boolean isFor(JsonObject claims, List<String> audiences) {
    Object audience = claims.getValue("aud");
    if (audience instanceof JsonArray several) {
      return several.stream().anyMatch(audiences::contains);
    }
    return audience instanceof String one && audiences.contains(one);
  }

  private static Instant time(JsonObject claims, String claim) throws Wrong {
    return Claims.time(claims.getValue(claim))
        .orElseThrow(() -> new Wrong("has no %s (needed: seconds since 1970)".formatted(claim)));
  }

  private static Client client(Method method, JsonObject claims) throws Wrong {
    String name = method == Method.OAUTH2_JWT ? text(claims, "oid") : null;
    if (name == null) {
      name = text(claims, "sub");
    }
    if (name == null) {
      throw new Wrong("has no subject (sub), the authentication name");
    }
    Map<String, Attribute> attributes = new TreeMap<>();
    for (String claim : claims.fieldNames()) {
      boolean isName = claim.matches("[A-Za-z0-9_]+") && !OF_THE_TOKEN.contains(claim);
      if (isName) {
        Claims.attribute(claims.getValue(claim)).ifPresent(one -> attributes.put(claim, one));
      }
    }
    try {
      return Claims.client(name, attributes);
    } catch (PolicyException e) {
      throw new Wrong(e.getMessage());
    }
  }

  /** The roles that mean something here; others are for others. */
  private static Set<Permission> roles(JsonObject claims) {
    Set<Permission> roles = EnumSet.noneOf(Permission.class);
    if (claims.getValue("roles") instanceof JsonArray all) {
      all.stream()
          .filter(String.class::isInstance)
          .map(ROLES::get)
          .filter(Objects::nonNull)
          .forEach(roles::add);
    }
    return roles;
  }

  // --- its form ---

  private static String text(JsonObject in, String key) throws Wrong {
    Object value = in.getValue(key);
    if (value != null && !(value instanceof String)) {
      throw new Wrong("its %s is not a text".formatted(key));
    }
    return (String) value;
  }

  private static JsonObject json(String what, String part) throws Wrong {
    byte[] json = bytes(what, part);
    try {
      if (Jose.isObject(json)) {
        return new JsonObject(new String(json, UTF_8));
      }
    } catch (DecodeException e) {
      // an object in another encoding than UTF-8
    }
    throw new Wrong("its %s is not a JSON object".formatted(what));
  }

  private static byte[] bytes(String what, String part) throws Wrong {
    return Jose.bytes(part).orElseThrow(() -> new Wrong("its %s is not base64url".formatted(what)));
  }
}
