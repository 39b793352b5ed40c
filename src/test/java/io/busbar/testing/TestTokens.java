package io.busbar.testing;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.cert.X509Certificate;
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
      String signature = algorithm.equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA";
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

  /** The header of a good token. */
  public JsonObject header() {
    return new JsonObject().put("typ", "JWT").put("alg", "RS256").put("kid", kid);
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

  /** A token that is signed with RS256, whatever its header says. */
  public byte[] token(JsonObject header, JsonObject claims) {
    return token(base64(header.encode()), base64(claims.encode()));
  }

  /** A token of parts that stand in it as they are. */
  public byte[] token(String header, String claims) {
    String signed = header + "." + claims;
    try {
      Signature signer = Signature.getInstance("SHA256withRSA");
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
}
