package io.busbar.tool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPrivateKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CertificatesTest {
  private static final Instant NOW = Instant.parse("2026-03-01T12:00:00Z");
  private static final String SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
  private static final String CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

  @TempDir Path home;

  @Test
  void serverCertificate_chainsToTheAuthority_andNamesItsHosts() throws Exception {
    Certificates certificates = Certificates.in(home, NOW);
    Certificates.Identity server = certificates.server(List.of("localhost", "127.0.0.1", "::1"));

    X509Certificate certificate = read(server.certificate());
    validate(certificate, read(certificates.authority()));
    assertThat(certificate.getExtendedKeyUsage()).containsExactly(SERVER_AUTH);
    assertThat(certificate.getBasicConstraints()).isEqualTo(-1);
    assertThat(certificate.getSubjectAlternativeNames())
        .containsExactlyInAnyOrder(
            List.of(2, "localhost"), List.of(7, "127.0.0.1"), List.of(7, "0:0:0:0:0:0:0:1"));
    assertThat(key(server.key()).getParams().getOrder().bitLength()).isEqualTo(256);
  }

  @Test
  void nodeCertificate_isAServersAndAClients() throws Exception {
    Certificates certificates = Certificates.in(home, NOW);
    Certificates.Identity node = certificates.node(List.of("busbar-0.busbar-nodes", "10.0.0.7"));

    assertThat(node.certificate()).hasFileName("node.pem");
    X509Certificate certificate = read(node.certificate());
    validate(certificate, read(certificates.ofNodes().authority()));
    assertThat(certificate.getExtendedKeyUsage()).containsExactly(SERVER_AUTH, CLIENT_AUTH);
    assertThat(certificate.getSubjectAlternativeNames())
        .containsExactlyInAnyOrder(List.of(2, "busbar-0.busbar-nodes"), List.of(7, "10.0.0.7"));
  }

  /** What a device has opens nothing where nodes speak. */
  @Test
  void nodesHaveAnAuthorityOfTheirOwn() throws Exception {
    Certificates certificates = Certificates.in(home, NOW);
    X509Certificate node = read(certificates.node(List.of("n")).certificate());
    X509Certificate device = read(certificates.client("device").certificate());
    X509Certificate ofNodes = read(certificates.ofNodes().authority());
    assertThat(certificates.ofNodes().authority()).hasFileName("node-ca.pem");
    assertThat(node.getIssuerX500Principal()).isEqualTo(ofNodes.getSubjectX500Principal());
    assertThat(device.getIssuerX500Principal()).isNotEqualTo(ofNodes.getSubjectX500Principal());
    assertThatThrownBy(() -> device.verify(ofNodes.getPublicKey()))
        .isInstanceOf(GeneralSecurityException.class);
    assertThat(read(Certificates.in(home, NOW).ofNodes().authority())).isEqualTo(ofNodes);
  }

  @Test
  void clientCertificate_chainsToTheAuthority_andIsNamedInItsSubject() throws Exception {
    Certificates certificates = Certificates.in(home, NOW);
    X509Certificate certificate = read(certificates.client("vehicle01").certificate());

    validate(certificate, read(certificates.authority()));
    assertThat(certificate.getSubjectX500Principal().getName()).isEqualTo("CN=vehicle01");
    assertThat(certificate.getExtendedKeyUsage()).containsExactly(CLIENT_AUTH);
    assertThat(certificate.getNotAfter().toInstant()).isEqualTo(NOW.plus(Duration.ofDays(365)));
  }

  @Test
  void whatIsRevokedIsOnTheList_staysThere_andIsIssuedAnew() throws Exception {
    Certificates certificates = Certificates.in(home, NOW);
    X509Certificate one = read(certificates.client("one").certificate());
    X509Certificate two = read(certificates.client("two").certificate());
    X509Certificate kept = read(certificates.client("kept").certificate());
    certificates.revoke(List.of("one"));
    Path file = certificates.revoke(List.of("two", "two"));
    X509CRL list;
    try (InputStream in = Files.newInputStream(file)) {
      list = (X509CRL) CertificateFactory.getInstance("X.509").generateCRL(in);
    }
    list.verify(read(certificates.authority()).getPublicKey());
    assertThat(list.isRevoked(one)).isTrue();
    assertThat(list.isRevoked(two)).isTrue();
    assertThat(list.isRevoked(kept)).isFalse();
    assertThat(list.getNextUpdate().toInstant()).isEqualTo(NOW.plus(Duration.ofDays(365)));
    assertThat(read(certificates.client("one").certificate())).isNotEqualTo(one);
    assertThat(read(certificates.client("kept").certificate())).isEqualTo(kept);
    // the list is not the other authority's
    X509Certificate node = read(certificates.node(List.of("n")).certificate());
    assertThat(read(certificates.node(List.of("n")).certificate())).isEqualTo(node);
    assertThatThrownBy(() -> certificates.revoke(List.of("nobody")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("nobody.pem: missing");
  }

  @Test
  void keys_areReadableByTheirOwnerOnly() throws Exception {
    Certificates certificates = Certificates.in(home, NOW);
    assertThat(PosixFilePermissions.toString(permissions(home.resolve("ca-key.pem"))))
        .isEqualTo("rw-------");
    assertThat(PosixFilePermissions.toString(permissions(certificates.client("a").key())))
        .isEqualTo("rw-------");
  }

  @Test
  void askingAgain_keepsWhatIsThere() throws Exception {
    byte[] first = Files.readAllBytes(Certificates.in(home, NOW).client("a").certificate());
    Instant later = NOW.plus(Duration.ofDays(300));
    assertThat(Certificates.in(home, later).client("a").certificate()).hasBinaryContent(first);
  }

  @Test
  void lessThanAWeekLeft_isIssuedAnew() throws Exception {
    Path file = Certificates.in(home, NOW).client("a").certificate();
    byte[] first = Files.readAllBytes(file);
    Instant later = NOW.plus(Duration.ofDays(359));
    Certificates certificates = Certificates.in(home, later);

    certificates.client("a");

    assertThat(Files.readAllBytes(file)).isNotEqualTo(first);
    read(file).checkValidity(Date.from(later.plus(Duration.ofDays(364))));
  }

  @Test
  void ofAnotherAuthority_isIssuedAnew() throws Exception {
    Path file = Certificates.in(home, NOW).client("a").certificate();
    Files.delete(home.resolve("ca.pem"));
    Files.delete(home.resolve("ca-key.pem"));
    Certificates other = Certificates.in(home, NOW);

    other.client("a");

    validate(read(file), read(other.authority()));
  }

  @Test
  void keyOfAnother_isReplaced() throws Exception {
    Certificates certificates = Certificates.in(home, NOW);
    Certificates.Identity a = certificates.client("a");
    Files.copy(
        certificates.client("b").key(), a.key(), java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    byte[] first = Files.readAllBytes(a.certificate());

    certificates.client("a");

    assertThat(Files.readAllBytes(a.certificate())).isNotEqualTo(first);
  }

  @Test
  void authorityWithoutItsKey_isRefused() throws Exception {
    Certificates.in(home, NOW);
    Files.delete(home.resolve("ca-key.pem"));
    assertThatThrownBy(() -> Certificates.in(home, NOW))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(home.resolve("ca-key.pem") + ": missing beside ");
  }

  @Test
  void somethingElseInAFile_isRefusedByName() throws Exception {
    Certificates.in(home, NOW);
    Files.writeString(home.resolve("ca.pem"), "hello\n");
    assertThatThrownBy(() -> Certificates.in(home, NOW))
        .hasMessage(home.resolve("ca.pem") + ": no certificate found (allowed: PEM)");
  }

  @Test
  void nameThatWouldLeaveTheDirectory_isRefused() throws Exception {
    Certificates certificates = Certificates.in(home, NOW);
    assertThatThrownBy(() -> certificates.client("../a")).isInstanceOf(IOException.class);
  }

  private static Set<java.nio.file.attribute.PosixFilePermission> permissions(Path file)
      throws IOException {
    return Files.getPosixFilePermissions(file);
  }

  private static void validate(X509Certificate leaf, X509Certificate authority) throws Exception {
    PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(authority, null)));
    parameters.setRevocationEnabled(false);
    parameters.setDate(Date.from(NOW));
    CertPathValidator.getInstance("PKIX")
        .validate(
            CertificateFactory.getInstance("X.509").generateCertPath(List.of(leaf)), parameters);
  }

  private static X509Certificate read(Path file) throws Exception {
    try (InputStream in = Files.newInputStream(file)) {
      return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
    }
  }

  private static ECPrivateKey key(Path file) throws Exception {
    String body = Files.readString(file).replaceAll("-----(BEGIN|END) PRIVATE KEY-----|\\s", "");
    return (ECPrivateKey)
        KeyFactory.getInstance("EC")
            .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(body)));
  }
}
