package io.busbar.testing;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.AlgorithmParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** An issuer of JSON Web Tokens: what it signs may be as wrong as it likes. */
public final class TestTokens {
  /** What its tokens say of themselves. */
  public static final String ISSUER = "https://tokens.example.com";

  private final String kid;
  private final KeyPair keys;
  private final X509Certificate certificate;

  private TestTokens(String kid, KeyPair keys, X509Certificate certificate) {
    this.kid = kid;
    this.keys = keys;
    this.certificate = certificate;
  }

  /** An issuer with an RSA key of 2048 bits. */
  public static TestTokens issuer(String kid) {
    Instant now = Instant.now();
    return issuer(kid, "RSA", 2_048, now.plus(Duration.ofHours(1)));
  }

  /** An issuer with a key on the curve P-256. */
  public static TestTokens curve(String kid) {
    return issuer(kid, "EC", 256, Instant.now().plus(Duration.ofHours(1)));
  }

  /** An issuer with any key, whose certificate ends at a time. */
  public static TestTokens issuer(String kid, String algorithm, int bits, Instant to) {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
      generator.initialize(bits);
      KeyPair keys = generator.generateKeyPair();
      X500Name name = new X500Name("CN=" + kid);
      JcaX509v3CertificateBuilder builder =
          new JcaX509v3CertificateBuilder(
              name,
              BigInteger.ONE,
              Date.from(to.minus(Duration.ofHours(2))),
              Date.from(to),
              name,
              keys.getPublic());
      String signature = "SHA256with" + (algorithm.equals("EC") ? "ECDSA" : algorithm);
      return new TestTokens(
          kid,
          keys,
          new JcaX509CertificateConverter()
              .getCertificate(
                  builder.build(new JcaContentSignerBuilder(signature).build(keys.getPrivate()))));
    } catch (GeneralSecurityException | OperatorCreationException e) {
      throw new AssertionError(e);
    }
  }

  /** The certificate that a namespace names. */
  public X509Certificate certificate() {
    return certificate;
  }

  /** The same in PEM. */
  public String pem() throws GeneralSecurityException {
    return "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"
        .formatted(Base64.getMimeEncoder().encodeToString(certificate.getEncoded()));
  }

  /** The header of a good token: with RS256, or the algorithm of the key's curve. */
  public JsonObject header() {
    String algorithm =
        switch (bytes()) {
          case 32 -> "ES256";
          case 48 -> "ES384";
          case 66 -> "ES512";
          default -> "RS256";
        };
    return new JsonObject().put("typ", "JWT").put("alg", algorithm).put("kid", kid);
  }

  /** Bytes of a coordinate, 0 if the key is on no curve. */
  private int bytes() {
    return keys.getPublic() instanceof ECPublicKey key
        ? (key.getParams().getCurve().getField().getFieldSize() + 7) / 8
        : 0;
  }

  /** The key as a JWK Set has it (RFC 7517), for signatures. */
  public JsonObject jwk() {
    JsonObject jwk = new JsonObject().put("kid", kid).put("use", "sig");
    if (keys.getPublic() instanceof RSAPublicKey rsa) {
      return jwk.put("kty", "RSA")
          .put("n", number(rsa.getModulus(), (rsa.getModulus().bitLength() + 7) / 8))
          .put("e", number(rsa.getPublicExponent(), 3));
    }
    ECPublicKey point = (ECPublicKey) keys.getPublic();
    return jwk.put("kty", "EC")
        .put("crv", "P-" + point.getParams().getCurve().getField().getFieldSize())
        .put("x", number(point.getW().getAffineX(), bytes()))
        .put("y", number(point.getW().getAffineY(), bytes()));
  }

  /** A JWK Set of some issuers' keys. */
  public static JsonObject set(TestTokens... issuers) {
    JsonArray keys = new JsonArray();
    for (TestTokens one : issuers) {
      keys.add(one.jwk());
    }
    return new JsonObject().put("keys", keys);
  }

  private static String number(BigInteger number, int bytes) {
    byte[] with = number.toByteArray();
    byte[] sized = new byte[bytes];
    int length = Math.min(with.length, bytes);
    System.arraycopy(with, with.length - length, sized, bytes - length, length);
    return base64(sized);
  }

  /** The claims of a token for somewhere, good for so long from now. */
  public static JsonObject claims(String subject, String audience, Instant now, Duration good) {
    return new JsonObject()
        .put("iss", ISSUER)
        .put("sub", subject)
        .put("aud", new JsonArray().add("elsewhere").add(audience))
        .put("nbf", now.minusSeconds(5).getEpochSecond())
        .put("iat", now.getEpochSecond())
        .put("exp", now.plus(good).getEpochSecond());
  }

  /** A token that is signed as {@link #header} says, whatever its own says. */
  public byte[] token(JsonObject header, JsonObject claims) {
    return token(base64(header.encode()), base64(claims.encode()));
  }

  /** A token of parts that stand in it as they are. */
  public byte[] token(String header, String claims) {
    return token(
        header,
        claims,
        switch (bytes()) {
          case 32 -> "SHA256withECDSAinP1363Format";
          case 48 -> "SHA384withECDSAinP1363Format";
          case 66 -> "SHA512withECDSAinP1363Format";
          default -> "SHA256withRSA";
        },
        null);
  }

  /**
   * A token that is signed in any way.
   *
   * @param signature as the JDK names it
   * @param parameters of it, or null
   */
  public byte[] token(
      String header, String claims, String signature, AlgorithmParameterSpec parameters) {
    String signed = header + "." + claims;
    try {
      Signature signer = Signature.getInstance(signature);
      if (parameters != null) {
        signer.setParameter(parameters);
      }
      signer.initSign(keys.getPrivate());
      signer.update(signed.getBytes(UTF_8));
      return (signed + "." + base64(signer.sign())).getBytes(UTF_8);
    } catch (GeneralSecurityException e) {
      throw new AssertionError(e);
    }
  }

  /** A text, as it stands in tokens. */
  public static String base64(String text) {
    return base64(text.getBytes(UTF_8));
  }

  /** Bytes, as they stand in tokens. */
  public static String base64(byte[] bytes) {
    return new String(Base64.getUrlEncoder().withoutPadding().encode(bytes), US_ASCII);
  }

  /** What CONNECT and AUTH carry of a token. */
  public static PropertyWriter properties(String method, byte[] token) {
    return new PropertyWriter()
        .string(Property.AUTHENTICATION_METHOD, method)
        .binary(Property.AUTHENTICATION_DATA, token);
  }

  /** Sends a CONNECT with a token. */
  public static void request(RawClient client, String session, String method, byte[] token)
      throws IOException {
    client.send(
        RawClient.bytes(
            out ->
                Encoder.connect(
                    out,
                    MqttVersion.V5,
                    session,
                    true,
                    30,
                    null,
                    null,
                    properties(method, token))));
  }

  /** Authenticates again, with another token. */
  public static void again(RawClient client, String method, byte[] token) throws IOException {
    client.send(
        RawClient.bytes(
            out -> Encoder.auth(out, ReasonCode.REAUTHENTICATE, properties(method, token))));
  }
}
