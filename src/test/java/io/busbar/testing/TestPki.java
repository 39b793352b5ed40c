package io.busbar.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.tool.Certificates;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.AccessDescription;
import org.bouncycastle.asn1.x509.AuthorityInformationAccess;
import org.bouncycastle.asn1.x509.CRLDistPoint;
import org.bouncycastle.asn1.x509.CRLReason;
import org.bouncycastle.asn1.x509.DistributionPoint;
import org.bouncycastle.asn1.x509.DistributionPointName;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v2CRLBuilder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** An authority with real certificates, good ones and odd ones, and clients that show them. */
public final class TestPki {
  private static final AtomicLong SERIAL = new AtomicLong(1);

  private final Certificates certificates;
  private final Path home;
  private final Map<String, Shown> clients = new HashMap<>();
  private final Map<Optional<Shown>, SSLContext> contexts = new HashMap<>();

  /** A certificate with its private key. */
  public record Shown(X509Certificate certificate, PrivateKey key) {
    /** Writes both as PEM: {@code NAME.pem} and {@code NAME-key.pem}. */
    public void write(Path folder, String name) throws IOException, GeneralSecurityException {
      Files.writeString(
          folder.resolve(name + ".pem"), pem("CERTIFICATE", certificate.getEncoded()));
      Files.writeString(folder.resolve(name + "-key.pem"), pem("PRIVATE KEY", key.getEncoded()));
    }

    private static String pem(String type, byte[] der) {
      return "-----BEGIN %s-----%n%s%n-----END %s-----%n"
          .formatted(type, Base64.getMimeEncoder().encodeToString(der), type);
    }
  }

  private TestPki(Path home) throws IOException {
    this.home = home;
    this.certificates = Certificates.in(home, Instant.now());
  }

  /** An authority in a directory. */
  public static TestPki in(Path home) throws IOException {
    return new TestPki(home);
  }

  /** The certificate of a server on this machine. */
  public Certificates.Identity server() throws IOException {
    return certificates.server(List.of("localhost", "127.0.0.1"));
  }

  /** A good certificate, CN=NAME. */
  public Shown client(String name) throws IOException, GeneralSecurityException {
    Shown known = clients.get(name);
    if (known == null) {
      Certificates.Identity files = certificates.client(name);
      known = new Shown(read(files.certificate()), readKey(files.key()));
      clients.put(name, known);
    }
    return known;
  }

  /** A certificate of any subject and time, signed by the authority. */
  public Shown issue(X500Name subject, Instant from, Instant to, String... alternatives)
      throws IOException, GeneralSecurityException {
    KeyPair keys = newKeys();
    JcaX509v3CertificateBuilder builder =
        new JcaX509v3CertificateBuilder(
            X500Name.getInstance(
                read(certificates.authority()).getSubjectX500Principal().getEncoded()),
            BigInteger.valueOf(SERIAL.getAndIncrement()),
            Date.from(from),
            Date.from(to),
            subject,
            keys.getPublic());
    if (alternatives.length > 0) {
      GeneralName[] names = new GeneralName[alternatives.length];
      for (int i = 0; i < names.length; i++) {
        names[i] = new GeneralName(GeneralName.dNSName, alternatives[i]);
      }
      builder.addExtension(Extension.subjectAlternativeName, false, new GeneralNames(names));
    }
    return signed(builder, keys);
  }

  /**
   * A good certificate, CN=NAME, that names who says whether it is revoked.
   *
   * @param responder of OCSP, or null
   * @param list distribution point of a list, or null
   */
  public Shown naming(String name, String responder, String list)
      throws IOException, GeneralSecurityException {
    KeyPair keys = newKeys();
    JcaX509v3CertificateBuilder builder = builder(name, keys);
    if (responder != null) {
      builder.addExtension(
          Extension.authorityInfoAccess,
          false,
          new AuthorityInformationAccess(AccessDescription.id_ad_ocsp, url(responder)));
    }
    if (list != null) {
      DistributionPointName at = new DistributionPointName(new GeneralNames(url(list)));
      builder.addExtension(
          Extension.cRLDistributionPoints,
          false,
          new CRLDistPoint(new DistributionPoint[] {new DistributionPoint(at, null, null)}));
    }
    return signed(builder, keys);
  }

  /** Who may answer for the authority, or may not. */
  public Shown responder(boolean isAuthorised) throws IOException, GeneralSecurityException {
    KeyPair keys = newKeys();
    JcaX509v3CertificateBuilder builder = builder("responder", keys);
    builder.addExtension(
        Extension.extendedKeyUsage,
        false,
        new ExtendedKeyUsage(
            isAuthorised ? KeyPurposeId.id_kp_OCSPSigning : KeyPurposeId.id_kp_clientAuth));
    return signed(builder, keys);
  }

  private static GeneralName url(String url) {
    return new GeneralName(GeneralName.uniformResourceIdentifier, url);
  }

  private static KeyPair newKeys() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(256);
    return generator.generateKeyPair();
  }

  private JcaX509v3CertificateBuilder builder(String name, KeyPair keys)
      throws IOException, GeneralSecurityException {
    Instant now = Instant.now();
    return new JcaX509v3CertificateBuilder(
        X500Name.getInstance(authority().getSubjectX500Principal().getEncoded()),
        BigInteger.valueOf(SERIAL.getAndIncrement()),
        Date.from(now.minus(Duration.ofHours(1))),
        Date.from(now.plus(Duration.ofHours(1))),
        new X500Name("CN=" + name),
        keys.getPublic());
  }

  private Shown signed(JcaX509v3CertificateBuilder builder, KeyPair keys)
      throws IOException, GeneralSecurityException {
    try {
      PrivateKey key = readKey(home.resolve("ca-key.pem"));
      X509Certificate made =
          new JcaX509CertificateConverter()
              .getCertificate(
                  builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(key)));
      return new Shown(made, keys.getPrivate());
    } catch (OperatorCreationException e) {
      throw new GeneralSecurityException(e);
    }
  }

  /** The authority itself. */
  public Shown itself() throws IOException, GeneralSecurityException {
    return new Shown(authority(), readKey(home.resolve("ca-key.pem")));
  }

  /** The authority's list of what it has revoked, as PEM. */
  public String revoked(Instant until, X509Certificate... certificates)
      throws IOException, GeneralSecurityException {
    JcaX509v2CRLBuilder builder =
        new JcaX509v2CRLBuilder(read(this.certificates.authority()), Date.from(Instant.now()));
    builder.setNextUpdate(Date.from(until));
    for (X509Certificate one : certificates) {
      builder.addCRLEntry(one.getSerialNumber(), Date.from(Instant.now()), CRLReason.keyCompromise);
    }
    try {
      PrivateKey key = readKey(home.resolve("ca-key.pem"));
      byte[] der =
          builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(key)).getEncoded();
      return Shown.pem("X509 CRL", der);
    } catch (OperatorCreationException e) {
      throw new GeneralSecurityException(e);
    }
  }

  /** The authority's certificate. */
  public X509Certificate authority() throws IOException, GeneralSecurityException {
    return read(certificates.authority());
  }

  /** The same, valid for an hour. */
  public Shown issue(X500Name subject) throws IOException, GeneralSecurityException {
    Instant now = Instant.now();
    return issue(subject, now.minus(Duration.ofHours(1)), now.plus(Duration.ofHours(1)));
  }

  /** SHA-256 of a certificate, in hexadecimal digits. */
  public static String thumbprint(Shown shown) throws GeneralSecurityException {
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(shown.certificate.getEncoded());
    return HexFormat.of().formatHex(hash);
  }

  /** What a client trusts and shows; null shows nothing. */
  public SSLContext context(Shown shown) throws IOException, GeneralSecurityException {
    Optional<Shown> key = Optional.ofNullable(shown);
    SSLContext known = contexts.get(key);
    if (known == null) {
      known = newContext(shown);
      contexts.put(key, known);
    }
    return known;
  }

  private SSLContext newContext(Shown shown) throws IOException, GeneralSecurityException {
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(
        shown == null ? new KeyManager[0] : keys(shown).getKeyManagers(),
        trusts().getTrustManagers(),
        null);
    return context;
  }

  /** For clients that want no context: whom they trust. */
  public TrustManagerFactory trusts() throws IOException, GeneralSecurityException {
    KeyStore trust = KeyStore.getInstance("PKCS12");
    trust.load(null, null);
    trust.setCertificateEntry("ca", read(certificates.authority()));
    TrustManagerFactory trusts = TrustManagerFactory.getInstance("PKIX");
    trusts.init(trust);
    return trusts;
  }

  /** For clients that want no context: what they show. */
  public static KeyManagerFactory keys(Shown shown) throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    store.setKeyEntry("key", shown.key, new char[0], new X509Certificate[] {shown.certificate});
    KeyManagerFactory factory = KeyManagerFactory.getInstance("PKIX");
    factory.init(store, new char[0]);
    return factory;
  }

  /** A client that has done its handshake. */
  public static RawClient open(int port, MqttVersion version, SSLContext context, String protocol)
      throws IOException {
    SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", port);
    socket.setEnabledProtocols(new String[] {protocol});
    socket.startHandshake();
    assertThat(socket.getSession().getProtocol()).isEqualTo(protocol);
    return RawClient.over(socket, version);
  }

  /** Says who it is; a user name of null is none. */
  public static Packet.Connack connect(RawClient client, String user, String session)
      throws IOException {
    request(client, user, session, 0);
    return client.read(Packet.Connack.class);
  }

  /** The same, the answer being the caller's, of a session that lasts so many seconds longer. */
  public static void request(RawClient client, String user, String session, int expirySeconds)
      throws IOException {
    PropertyWriter properties = new PropertyWriter();
    if (expirySeconds > 0) {
      properties.number(Property.SESSION_EXPIRY_INTERVAL, expirySeconds);
    }
    client.send(
        RawClient.bytes(
            out ->
                Encoder.connect(out, client.version(), session, true, 30, user, null, properties)));
  }

  private static X509Certificate read(Path pem) throws IOException, GeneralSecurityException {
    try (var in = Files.newInputStream(pem)) {
      return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
    }
  }

  private static PrivateKey readKey(Path file) throws IOException, GeneralSecurityException {
    String pem = Files.readString(file).replaceAll("-----[A-Z ]+-----|\\s", "");
    return KeyFactory.getInstance("EC")
        .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
  }
}
