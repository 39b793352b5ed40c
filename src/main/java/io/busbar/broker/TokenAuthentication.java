package io.busbar.broker;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission.Credential;
import io.busbar.policy.Attribute;
import io.busbar.policy.Client;
import io.busbar.policy.PermissionBinding.Permission;
import io.busbar.policy.PolicyException;
import io.busbar.policy.TokenIssuer;
import io.busbar.policy.TokenIssuer.Method;
import io.busbar.policy.TokenIssuer.Signer;
import io.vertx.core.Future;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.security.GeneralSecurityException;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * The authentication methods of Event Grid in which the Authentication Data is a JSON Web Token
 * (RFC 7519), signed with RS256 by an issuer that the namespace names; nobody needs to be in the
 * registry. Of {@code CUSTOM-JWT} the subject is the authentication name and other claims are
 * attributes; of {@code OAUTH2-JWT} the object id is, and roles say what it may do.
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

  /**
   * The method.
   *
   * @param now the time at which tokens must be valid
   */
  TokenAuthentication(Supplier<Instant> now) {
    this.now = now;
  }

  /** A token that is not accepted; its message says why, and nothing of the token. */
  private static final class Wrong extends Exception {
    private static final long serialVersionUID = 1L;

    Wrong(String why) {
      super(why, null, false, false);
    }
  }

  /**
   * An exchange of one step.
   *
   * @param issuer whose tokens are accepted
   * @param host by which name clients reach the node
   */
  AuthenticationMethod.Exchange exchange(TokenIssuer issuer, String host) {
    return data -> Future.succeededFuture(judge(issuer, host, data));
  }

  /** What a token says, if it is one of the issuer's, for here, and valid now. */
  AuthenticationMethod.Step judge(TokenIssuer issuer, String host, byte[] data) {
    List<String> audiences = issuer.audiences();
    if (audiences.isEmpty()) {
      audiences = issuer.method() == Method.OAUTH2_JWT ? EVENT_GRID : List.of(host);
    }
    try {
      return verified(issuer, audiences, data);
    } catch (Wrong e) {
      return new AuthenticationMethod.Step.Refused(
          ReasonCode.NOT_AUTHORIZED, "token: " + e.getMessage());
    }
  }

  private AuthenticationMethod.Step verified(
      TokenIssuer issuer, List<String> audiences, byte[] data) throws Wrong {
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
    if (!"RS256".equals(algorithm)) {
      throw new Wrong("is not signed with the algorithm RS256");
    }
    String type = text(header, "typ");
    if (type != null && !TYPES.contains(type.toLowerCase(Locale.ROOT))) {
      throw new Wrong("is of another type (allowed: JWT, JWS)");
    }
    if (header.containsKey("crit")) {
      throw new Wrong("needs extensions (crit), which are not known");
    }
    byte[] signed = (parts[0] + "." + parts[1]).getBytes(US_ASCII);
    X509Certificate signer = signer(issuer, header, signed, bytes("signature", parts[2]));
    JsonObject claims = json("claims", parts[1]);
    if (!issuer.issuer().equals(text(claims, "iss"))) {
      throw new Wrong("its issuer (iss) is not the namespace's");
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
    return new AuthenticationMethod.Step.Identified(
        client(issuer.method(), claims),
        new Credential.Token(issuer.method(), signer, roles(claims)),
        until.plusSeconds(LEEWAY));
  }

  // --- the signature ---

  private X509Certificate signer(
      TokenIssuer issuer, JsonObject header, byte[] signed, byte[] signature) throws Wrong {
    String kid = text(header, "kid");
    boolean isKnown = false;
    String why = null;
    for (Signer one : issuer.signers()) {
      if (kid != null && !kid.equals(one.kid())) {
        continue;
      }
      isKnown = true;
      try {
        one.certificate().checkValidity(Date.from(now.get()));
        Signature verifier = Signature.getInstance("SHA256withRSA");
        verifier.initVerify(one.certificate().getPublicKey());
        verifier.update(signed);
        if (verifier.verify(signature)) {
          return one.certificate();
        }
      } catch (CertificateException e) {
        why = "the issuer's certificate '%s' is not valid now".formatted(one.kid());
      } catch (GeneralSecurityException e) {
        // a signature of another form is none
        why = null;
      }
    }
    if (!isKnown) {
      throw new Wrong("its key (kid) is not one of the namespace's issuer certificates");
    }
    throw new Wrong(why == null ? "its signature does not verify" : why);
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
    try {
      return new JsonObject(new String(bytes(what, part), UTF_8));
    } catch (DecodeException e) {
      throw new Wrong("its %s is not a JSON object".formatted(what));
    }
  }

  private static byte[] bytes(String what, String part) throws Wrong {
    try {
      return Base64.getUrlDecoder().decode(part);
    } catch (IllegalArgumentException e) {
      throw new Wrong("its %s is not base64url".formatted(what));
    }
  }
}
