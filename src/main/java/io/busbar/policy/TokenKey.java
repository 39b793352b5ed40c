package io.busbar.policy;

import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.PublicKey;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.ECFieldFp;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * A public key that verifies signatures of tokens. The key says by which algorithms, never the
 * token.
 *
 * @param kid what the header of a token calls it, or null if it has no name
 * @param algorithms those of the key's type, or some of them
 */
public record TokenKey(String kid, PublicKey key, Set<Algorithm> algorithms) {
  /** Of RSA keys; each further bit costs whoever verifies. */
  private static final int LEAST_BITS = 2_048;

  private static final int MOST_BITS = 8_192;

  /** Of an RSA key's public exponent. */
  private static final int EXPONENT_BITS = 33;

  /** How a token may be signed (RFC 7518 section 3.1): by no secret that is shared. */
  public enum Algorithm {
    RS256("SHA256withRSA"),
    RS384("SHA384withRSA"),
    RS512("SHA512withRSA"),
    PS256("SHA-256", MGF1ParameterSpec.SHA256, 32),
    PS384("SHA-384", MGF1ParameterSpec.SHA384, 48),
    PS512("SHA-512", MGF1ParameterSpec.SHA512, 64),
    ES256("SHA256withECDSAinP1363Format", "secp256r1"),
    ES384("SHA384withECDSAinP1363Format", "secp384r1"),
    ES512("SHA512withECDSAinP1363Format", "secp521r1");

    /** All of them, as messages name them. */
    public static final String NAMES =
        String.join(", ", Arrays.stream(values()).map(Enum::name).toList());

    private final String signature;

    @SuppressWarnings("ImmutableEnumChecker") // does not change
    private final PSSParameterSpec padding;

    @SuppressWarnings("ImmutableEnumChecker") // does not change
    private final ECParameterSpec curve;

    Algorithm(String signature) {
      this(signature, null, null);
    }

    Algorithm(String hash, MGF1ParameterSpec mask, int salt) {
      this("RSASSA-PSS", new PSSParameterSpec(hash, "MGF1", mask, salt, 1), null);
    }

    Algorithm(String signature, String curve) {
      this(signature, null, named(curve));
    }

    Algorithm(String signature, PSSParameterSpec padding, ECParameterSpec curve) {
      this.signature = signature;
      this.padding = padding;
      this.curve = curve;
    }

    private static ECParameterSpec named(String curve) {
      try {
        AlgorithmParameters parameters = AlgorithmParameters.getInstance("EC");
        parameters.init(new ECGenParameterSpec(curve));
        return parameters.getParameterSpec(ECParameterSpec.class);
      } catch (GeneralSecurityException e) {
        throw new IllegalStateException(e);
      }
    }

    /** The one of a name, as tokens have it; empty if it is none of these. */
    public static Optional<Algorithm> of(String name) {
      return Arrays.stream(values()).filter(one -> one.name().equals(name)).findFirst();
    }

    /** The curve that its keys are on; null for those of RSA. */
    public ECParameterSpec curve() {
      return curve;
    }

    private boolean isOf(PublicKey key) {
      if (curve != null) {
        return key instanceof ECPublicKey point && isOnCurve(point);
      }
      return key instanceof RSAPublicKey rsa
          && rsa.getAlgorithm().equals("RSA")
          && rsa.getModulus().bitLength() >= LEAST_BITS
          && rsa.getModulus().bitLength() <= MOST_BITS
          && rsa.getModulus().testBit(0)
          && rsa.getPublicExponent().testBit(0)
          && rsa.getPublicExponent().compareTo(BigInteger.ONE) > 0
          && rsa.getPublicExponent().bitLength() <= EXPONENT_BITS;
    }

    private boolean isOnCurve(ECPublicKey key) {
      ECParameterSpec of = key.getParams();
      boolean isSame =
          of.getCurve().getField().equals(curve.getCurve().getField())
              && of.getCurve().getA().equals(curve.getCurve().getA())
              && of.getCurve().getB().equals(curve.getCurve().getB())
              && of.getGenerator().equals(curve.getGenerator())
              && of.getOrder().equals(curve.getOrder())
              && of.getCofactor() == curve.getCofactor();
      if (!isSame || key.getW().equals(ECPoint.POINT_INFINITY)) {
        return false;
      }
      BigInteger p = ((ECFieldFp) curve.getCurve().getField()).getP();
      BigInteger x = key.getW().getAffineX();
      BigInteger y = key.getW().getAffineY();
      BigInteger right =
          x.pow(3).add(curve.getCurve().getA().multiply(x)).add(curve.getCurve().getB()).mod(p);
      return x.signum() >= 0
          && y.signum() >= 0
          && x.compareTo(p) < 0
          && y.compareTo(p) < 0
          && y.pow(2).mod(p).equals(right);
    }

    private boolean verifies(PublicKey key, byte[] signed, byte[] proof) {
      if (curve != null && !isPair(proof)) {
        return false;
      }
      try {
        Signature verifier = Signature.getInstance(signature);
        if (padding != null) {
          verifier.setParameter(padding);
        }
        verifier.initVerify(key);
        verifier.update(signed);
        return verifier.verify(proof);
      } catch (GeneralSecurityException e) {
        // a signature of another form is none
        return false;
      }
    }

    /** Whether it is R and S (RFC 7518 section 3.4), neither of them nothing. */
    private boolean isPair(byte[] proof) {
      int bytes = (curve.getOrder().bitLength() + 7) / 8;
      return proof.length == 2 * bytes
          && isBelowOrder(Arrays.copyOf(proof, bytes))
          && isBelowOrder(Arrays.copyOfRange(proof, bytes, 2 * bytes));
    }

    private boolean isBelowOrder(byte[] number) {
      BigInteger value = new BigInteger(1, number);
      return value.signum() > 0 && value.compareTo(curve.getOrder()) < 0;
    }
  }

  /** Copies the algorithms, so that a key does not change. */
  public TokenKey {
    Objects.requireNonNull(key, "key");
    algorithms = Set.copyOf(algorithms);
  }

  /** Without any, if no algorithm is for such a key, or it is too weak. */
  public static TokenKey of(String kid, PublicKey key) {
    Set<Algorithm> algorithms = EnumSet.noneOf(Algorithm.class);
    for (Algorithm one : Algorithm.values()) {
      if (one.isOf(key)) {
        algorithms.add(one);
      }
    }
    return new TokenKey(kid, key, algorithms);
  }

  /** Whether a token's signature is this key's, by the algorithm that the token names. */
  public boolean verifies(Algorithm algorithm, byte[] signed, byte[] signature) {
    return algorithms.contains(algorithm) && algorithm.verifies(key, signed, signature);
  }
}
