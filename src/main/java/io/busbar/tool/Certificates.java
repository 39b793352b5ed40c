package io.busbar.tool;

import io.busbar.config.CertifiedKey;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CRLConverter;
import org.bouncycastle.cert.jcajce.JcaX509CRLHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v2CRLBuilder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * A certificate authority for trials, in a directory: {@code ca.pem}, {@code ca-key.pem} and what
 * it has issued. ECDSA on P-256, PEM, keys as PKCS#8 that only their owner may read.
 *
 * <p>What is there and still valid is kept, so that asking twice changes nothing. An authority is
 * valid for ten years, what it issues for one; a certificate that has less than a week left, is of
 * another authority, or was revoked, is issued anew.
 */
public final class Certificates {
  /** How long before its end a certificate is issued anew. */
  public static final Duration RENEWAL = Duration.ofDays(7);

  private static final Duration AUTHORITY_VALIDITY = Duration.ofDays(3_652);
  private static final Duration VALIDITY = Duration.ofDays(365);
  // A peer whose clock is a little behind must not find a new certificate "not yet valid".
  private static final Duration CLOCK_TOLERANCE = Duration.ofHours(1);
  private static final int SERIAL_BITS = 127;
  private static final String AUTHORITY = "ca";
  private static final String NODES = "node-ca";
  private static final String REVOKED = "revoked.pem";
  private static final String SIGNATURE = "SHA256withECDSA";
  private static final Pattern ADDRESS = Pattern.compile("[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]*");

  private final SecureRandom random = new SecureRandom();
  private final Path directory;
  private final Instant now;
  private final Path file;
  private final X509Certificate authority;
  private final PrivateKey authorityKey;

  /**
   * An identity on disk.
   *
   * @param certificate PEM file
   * @param key PEM file of its private key (PKCS#8)
   */
  public record Identity(Path certificate, Path key) {}

  private Certificates(Path directory, Instant now, Path file, CertifiedKey authority) {
    this.directory = directory;
    this.now = now;
    this.file = file;
    this.authority = authority.certificate();
    this.authorityKey = authority.key();
  }

  /**
   * The authority of a directory; both are made where they are missing.
   *
   * @param now judges what is still valid, and is when a new certificate begins
   * @throws IOException if a file cannot be read or written, or holds something else; its message
   *     names the file
   */
  public static Certificates in(Path directory, Instant now) throws IOException {
    return in(directory, AUTHORITY, "Busbar demo CA ", now);
  }

  private static Certificates in(Path directory, String file, String called, Instant now)
      throws IOException {
    Files.createDirectories(directory);
    Identity files = identity(directory, file);
    boolean certificate = Files.exists(files.certificate);
    if (certificate != Files.exists(files.key)) {
      throw new IOException(
          "%s: missing beside %s (delete both to have a new authority made)"
              .formatted(
                  certificate ? files.key : files.certificate,
                  certificate ? files.certificate : files.key));
    }
    if (certificate) {
      CertifiedKey found = read(files);
      if (!found.belongTogether()) {
        throw new IOException(files.key + ": is not the key of " + files.certificate);
      }
      if (found.certificate().getNotAfter().toInstant().isBefore(now.plus(RENEWAL))) {
        throw new IOException(
            "%s: ends on %s (delete it and its key to have a new authority made)"
                .formatted(files.certificate, found.certificate().getNotAfter().toInstant()));
      }
      return new Certificates(directory, now, files.certificate, found);
    }
    SecureRandom random = new SecureRandom();
    KeyPair keys = keys(random);
    X500Name name = named(called + Long.toString(now.getEpochSecond(), 36));
    try {
      X509v3CertificateBuilder builder =
          builder(name, now, AUTHORITY_VALIDITY, name, keys, random)
              .addExtension(Extension.basicConstraints, true, new BasicConstraints(0))
              .addExtension(
                  Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
      CertifiedKey made = new CertifiedKey(signed(builder, keys.getPrivate()), keys.getPrivate());
      write(made, files);
      return new Certificates(directory, now, files.certificate, made);
    } catch (GeneralSecurityException | OperatorCreationException e) {
      throw platformLacksP256(e);
    }
  }

  /** The authority's certificate: what a client or a server is told to trust. */
  public Path authority() {
    return file;
  }

  /**
   * The authority that signs for nodes alone, {@code node-ca.pem}: whoever has a certificate of it
   * may speak where nodes do, which devices may not.
   */
  public Certificates ofNodes() throws IOException {
    return in(directory, NODES, "Busbar demo node CA ", now);
  }

  /**
   * A server's certificate, {@code server.pem}.
   *
   * @param names host names and IP literals that it is valid for; at least one
   */
  public Identity server(List<String> names) throws IOException {
    return host("server", names, KeyPurposeId.id_kp_serverAuth);
  }

  /**
   * A node's certificate towards other nodes, {@code node.pem}: a server's and a client's, {@link
   * #ofNodes signed} for nodes alone.
   *
   * @param names host names and IP literals that it is valid for; at least one
   */
  public Identity node(List<String> names) throws IOException {
    return ofNodes()
        .host("node", names, KeyPurposeId.id_kp_serverAuth, KeyPurposeId.id_kp_clientAuth);
  }

  private Identity host(String file, List<String> names, KeyPurposeId... purposes)
      throws IOException {
    List<GeneralName> alternatives = new ArrayList<>();
    for (String name : names) {
      boolean address = ADDRESS.matcher(name).matches();
      alternatives.add(
          new GeneralName(address ? GeneralName.iPAddress : GeneralName.dNSName, name));
    }
    return issued(
        identity(directory, file),
        names.get(0),
        Optional.of(new GeneralNames(alternatives.toArray(GeneralName[]::new))),
        purposes);
  }

  /** A client's certificate, {@code clients/NAME.pem}, whose subject is {@code CN=NAME}. */
  public Identity client(String name) throws IOException {
    Path clients = directory.resolve("clients");
    Files.createDirectories(clients);
    Identity files = identity(clients, fileName(name));
    Optional<X509CRL> revoked = revoked();
    if (revoked.isPresent()
        && Files.exists(files.certificate)
        && revoked.get().isRevoked(certificate(files.certificate))) {
      Files.delete(files.certificate);
    }
    return issued(files, name, Optional.empty(), KeyPurposeId.id_kp_clientAuth);
  }

  /** A client's certificate that is not written anywhere, whose subject is {@code CN=NAME}. */
  public CertifiedKey unkept(String name) throws IOException {
    return made(name, Optional.empty(), KeyPurposeId.id_kp_clientAuth);
  }

  /**
   * Adds clients' certificates, {@code clients/NAME.pem}, to the list of those that the authority
   * has revoked, {@code revoked.pem}, which is valid for a year from now. Those that it had stay.
   *
   * @throws IOException if there is no such certificate of this authority
   */
  public Path revoke(List<String> names) throws IOException {
    try {
      JcaX509v2CRLBuilder builder = new JcaX509v2CRLBuilder(authority, Date.from(now));
      builder.setNextUpdate(Date.from(now.plus(VALIDITY)));
      Optional<X509CRL> former = revoked();
      if (former.isPresent()) {
        builder.addCRL(new JcaX509CRLHolder(former.get()));
      }
      for (String name : new LinkedHashSet<>(names)) {
        Path of = identity(directory.resolve("clients"), fileName(name)).certificate;
        if (!Files.exists(of)) {
          throw new IOException(of + ": missing (allowed: names of certificates that are there)");
        }
        X509Certificate certificate = certificate(of);
        if (!isIssuer(certificate)) {
          throw new IOException(of + ": is not of the authority " + file);
        }
        if (former.isEmpty() || !former.get().isRevoked(certificate)) {
          builder.addCRLEntry(certificate.getSerialNumber(), Date.from(now), 0);
        }
      }
      Path list = directory.resolve(REVOKED);
      write(
          list,
          new JcaX509CRLConverter()
              .getCRL(builder.build(new JcaContentSignerBuilder(SIGNATURE).build(authorityKey))),
          false);
      return list;
    } catch (GeneralSecurityException | OperatorCreationException e) {
      throw platformLacksP256(e);
    }
  }

  private static X509Certificate certificate(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
    } catch (CertificateException e) {
      throw new IOException(file + ": is no certificate", e);
    }
  }

  private boolean isIssuer(X509Certificate certificate) {
    try {
      certificate.verify(authority.getPublicKey());
      return true;
    } catch (GeneralSecurityException e) {
      return false;
    }
  }

  /** What was revoked before, if anything. */
  private Optional<X509CRL> revoked() throws IOException {
    Path list = directory.resolve(REVOKED);
    if (!Files.exists(list)) {
      return Optional.empty();
    }
    try (InputStream in = Files.newInputStream(list)) {
      X509CRL found = (X509CRL) CertificateFactory.getInstance("X.509").generateCRL(in);
      found.verify(authority.getPublicKey());
      return Optional.of(found);
    } catch (GeneralSecurityException e) {
      throw new IOException(
          list + ": is no list of the authority " + file + " (delete it to have a new one made)",
          e);
    }
  }

  private Identity issued(
      Identity files, String name, Optional<GeneralNames> alternatives, KeyPurposeId... purposes)
      throws IOException {
    if (Files.exists(files.certificate)
        && Files.exists(files.key)
        && serves(read(files), name, alternatives)) {
      return files;
    }
    write(made(name, alternatives, purposes), files);
    return files;
  }

  private CertifiedKey made(
      String name, Optional<GeneralNames> alternatives, KeyPurposeId... purposes)
      throws IOException {
    KeyPair keys = keys(random);
    try {
      X500Name issuer = X500Name.getInstance(authority.getSubjectX500Principal().getEncoded());
      JcaX509ExtensionUtils identifiers = new JcaX509ExtensionUtils();
      X509v3CertificateBuilder builder =
          builder(issuer, now, VALIDITY, named(name), keys, random)
              .addExtension(Extension.basicConstraints, true, new BasicConstraints(false))
              .addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature))
              .addExtension(Extension.extendedKeyUsage, false, new ExtendedKeyUsage(purposes))
              .addExtension(
                  Extension.authorityKeyIdentifier,
                  false,
                  identifiers.createAuthorityKeyIdentifier(authority.getPublicKey()));
      if (alternatives.isPresent()) {
        builder.addExtension(Extension.subjectAlternativeName, false, alternatives.get());
      }
      return new CertifiedKey(signed(builder, authorityKey), keys.getPrivate());
    } catch (GeneralSecurityException | OperatorCreationException e) {
      throw platformLacksP256(e);
    }
  }

  /** Whether a certificate found on disk can be kept. */
  private boolean serves(CertifiedKey found, String name, Optional<GeneralNames> alternatives)
      throws IOException {
    if (!isIssuer(found.certificate())) {
      return false; // Of another authority: issued anew.
    }
    return !found.certificate().getNotAfter().toInstant().isBefore(now.plus(RENEWAL))
        && X500Name.getInstance(found.certificate().getSubjectX500Principal().getEncoded())
            .equals(named(name))
        && alternatives(found.certificate()).equals(alternatives)
        && found.belongTogether();
  }

  private static Optional<GeneralNames> alternatives(X509Certificate certificate)
      throws IOException {
    byte[] extension = certificate.getExtensionValue(Extension.subjectAlternativeName.getId());
    return extension == null
        ? Optional.empty()
        : Optional.of(
            GeneralNames.getInstance(JcaX509ExtensionUtils.parseExtensionValue(extension)));
  }

  private static X509v3CertificateBuilder builder(
      X500Name issuer,
      Instant now,
      Duration validity,
      X500Name subject,
      KeyPair keys,
      SecureRandom random)
      throws IOException, GeneralSecurityException {
    return new JcaX509v3CertificateBuilder(
            issuer,
            new BigInteger(SERIAL_BITS, random).add(BigInteger.ONE),
            Date.from(now.minus(CLOCK_TOLERANCE)),
            Date.from(now.plus(validity)),
            subject,
            keys.getPublic())
        .addExtension(
            Extension.subjectKeyIdentifier,
            false,
            new JcaX509ExtensionUtils().createSubjectKeyIdentifier(keys.getPublic()));
  }

  private static X509Certificate signed(X509v3CertificateBuilder builder, PrivateKey key)
      throws GeneralSecurityException, OperatorCreationException {
    return new JcaX509CertificateConverter()
        .getCertificate(builder.build(new JcaContentSignerBuilder(SIGNATURE).build(key)));
  }

  private static KeyPair keys(SecureRandom random) {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"), random);
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw platformLacksP256(e);
    }
  }

  private static X500Name named(String commonName) {
    return new X500NameBuilder(BCStyle.INSTANCE).addRDN(BCStyle.CN, commonName).build();
  }

  private static Identity identity(Path directory, String name) {
    return new Identity(directory.resolve(name + ".pem"), directory.resolve(name + "-key.pem"));
  }

  private static String fileName(String name) throws IOException {
    if (name.isBlank()
        || name.startsWith(".")
        || name.indexOf('/') >= 0
        || name.indexOf('\\') >= 0) {
      throw new IOException(
          "name: \"%s\" (allowed: a file name that does not begin with a dot)".formatted(name));
    }
    return name;
  }

  private static CertifiedKey read(Identity files) throws IOException {
    return CertifiedKey.read(files.certificate, files.key);
  }

  private static void write(CertifiedKey pair, Identity files) throws IOException {
    write(files.key, new JcaPKCS8Generator(pair.key(), null), true);
    write(files.certificate, pair.certificate(), false);
  }

  /** A reader sees the old file or the whole new one, and nobody else ever sees a key. */
  private static void write(Path file, Object object, boolean secret) throws IOException {
    StringWriter text = new StringWriter();
    try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
      writer.writeObject(object);
    }
    Path directory = file.toAbsolutePath().getParent();
    // Made readable by its owner alone, before anything is in it.
    Path unfinished = Files.createTempFile(directory, file.getFileName().toString(), ".new");
    try {
      Files.writeString(unfinished, text.toString(), StandardCharsets.US_ASCII);
      PosixFileAttributeView posix =
          Files.getFileAttributeView(unfinished, PosixFileAttributeView.class);
      if (posix != null && !secret) {
        posix.setPermissions(PosixFilePermissions.fromString("rw-r--r--"));
      }
      Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(unfinished);
    }
  }

  private static IllegalStateException platformLacksP256(Exception cause) {
    return new IllegalStateException("this Java has no ECDSA on P-256", cause);
  }
}
