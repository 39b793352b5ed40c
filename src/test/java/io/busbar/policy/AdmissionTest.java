package io.busbar.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Client.ValidationScheme;
import io.busbar.policy.NamespaceSettings.NameSource;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.bouncycastle.asn1.DERUTF8String;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.junit.jupiter.api.Test;

class AdmissionTest {
  private static final Instant JANUARY = Instant.parse("2026-01-01T00:00:00Z");
  private static final Instant FEBRUARY = Instant.parse("2026-02-01T00:00:00Z");
  private static final Instant JULY = Instant.parse("2026-07-01T00:00:00Z");
  private static final Instant NEXT_YEAR = Instant.parse("2027-01-01T00:00:00Z");
  private static final TestCa ROOT = TestCa.root("CN=Root,O=Plant");
  private static final TestCa INTERMEDIATE = ROOT.intermediate("CN=Line 1", NEXT_YEAR);
  private static final TestCa OTHER = TestCa.root("CN=Other");

  private final Policy policy =
      policy(
          List.of(ROOT),
          client("vehicle01"),
          client("Vehicle 02", "CN=Vehicle 02, OU=Cars, O=Plant"),
          new Client(
              "off",
              "off",
              false,
              ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
              List.of(),
              Map.of()));

  @Test
  void ok_issuedByRegisteredRoot() {
    granted(policy, "vehicle01", "vehicle01", ROOT.issue("CN=vehicle01"));
  }

  @Test
  void ok_nameInAnyCase_registrysCaseIsKept() {
    granted(policy, "VEHICLE01", "vehicle01", ROOT.issue("CN=Vehicle01"));
    assertThat(policy.client("vEhIcLe01")).isPresent();
  }

  @Test
  void ok_throughIntermediate_sentInAnyOrderWithTheRoot() {
    X509Certificate leaf = INTERMEDIATE.issue("CN=vehicle01,O=Plant");
    granted(policy, "vehicle01", "vehicle01", leaf, INTERMEDIATE.certificate());
    granted(policy, "vehicle01", "vehicle01", leaf, ROOT.certificate(), INTERMEDIATE.certificate());
  }

  @Test
  void ok_registeredIntermediate_needsNoMoreOfTheChain() {
    Policy line = policy(List.of(INTERMEDIATE), client("vehicle01"));
    X509Certificate leaf = INTERMEDIATE.issue("CN=vehicle01");
    granted(line, "vehicle01", "vehicle01", leaf);
    granted(line, "vehicle01", "vehicle01", leaf, INTERMEDIATE.certificate(), ROOT.certificate());
    refused(line, "vehicle01", "leads to no registered CA", ROOT.issue("CN=vehicle01"));
  }

  @Test
  void aPathThatWasFoundBefore_holdsWhileAllOfItIsValidAndRegistered() {
    TestCa line = ROOT.intermediate("CN=Line 9", NEXT_YEAR);
    X509Certificate leaf = line.issue(new X500Name("CN=vehicle01"), JANUARY, JULY, null);
    List<X509Certificate> chain = List.of(leaf, ROOT.certificate(), line.certificate());
    Policy plant = policy(List.of(ROOT), client("vehicle01"));
    for (int i = 0; i < 2; i++) {
      Admission.Granted granted =
          (Admission.Granted) plant.admit("vehicle01", "s", chain, TestCa.NOW);
      assertThat(granted.until()).isEqualTo(JULY);
      assertThat(((Admission.Credential.Certificate) granted.credential()).issuer().name())
          .isEqualTo("ca0");
    }
    Instant afterwards = JULY.plusSeconds(1);
    assertThat(plant.admit("vehicle01", "s", chain, afterwards))
        .isInstanceOf(Admission.Refused.class);
    // the same certificate without what leads from it to the root, and with another of that name
    refused(plant, "vehicle01", "leads to no registered CA", leaf);
    TestCa other = ROOT.intermediate("CN=Line 9", NEXT_YEAR);
    assertThat(plant.admit("vehicle01", "s", List.of(leaf, other.certificate()), TestCa.NOW))
        .isInstanceOf(Admission.Refused.class);
    plant.remove(Resource.Kind.CA_CERTIFICATE, "ca0");
    assertThat(plant.admit("vehicle01", "s", chain, TestCa.NOW))
        .isInstanceOfSatisfying(
            Admission.Refused.class,
            no -> assertThat(no.text()).contains("no CA certificate is registered"));
  }

  @Test
  void ok_wholeSubject() {
    granted(
        policy,
        "cn=vehicle 02, ou=cars, o=plant",
        "CN=Vehicle 02, OU=Cars, O=Plant",
        ROOT.issue("O=Plant,OU=Cars,CN=Vehicle 02"));
    refused(
        policy,
        "CN=Vehicle 02, OU=Cars, O=Plant",
        "is not the authentication name",
        ROOT.issue("O=Plant,OU=Vans,CN=Vehicle 02"));
  }

  @Test
  void ok_usageForClients() {
    for (KeyPurposeId usage :
        List.of(KeyPurposeId.id_kp_clientAuth, KeyPurposeId.anyExtendedKeyUsage)) {
      granted(
          policy,
          "vehicle01",
          "vehicle01",
          ROOT.issue(new X500Name("CN=vehicle01"), JANUARY, JULY, usage));
    }
  }

  @Test
  void unknown() {
    refused(policy, "nobody", "client 'nobody' is not registered", ROOT.issue("CN=nobody"));
    refused(policy, "\r\nx\u202e", "client '\\u000d\\u000ax\\u202e' is not registered");
  }

  @Test
  void disabled() {
    refused(policy, "OFF", "client 'off' is disabled", ROOT.issue("CN=off"));
  }

  @Test
  void noCertificate() {
    refused(policy, "vehicle01", "client 'vehicle01': sent no certificate");
  }

  @Test
  void tooManyCertificates() {
    X509Certificate[] chain = new X509Certificate[11];
    Arrays.fill(chain, ROOT.issue("CN=vehicle01"));
    refused(policy, "vehicle01", "sent 11 certificates (allowed: at most 10)", chain);
  }

  @Test
  void expiredAndNotYetValid() {
    refused(
        policy,
        "vehicle01",
        "certificate expired at 2026-02-01T00:00:00Z (now: 2026-06-01T00:00:00Z)",
        ROOT.issue(new X500Name("CN=vehicle01"), JANUARY, FEBRUARY, null));
    refused(
        policy,
        "vehicle01",
        "certificate is not valid before 2026-07-01T00:00:00Z",
        ROOT.issue(new X500Name("CN=vehicle01"), JULY, NEXT_YEAR, null));
  }

  @Test
  void expiredIssuers() {
    TestCa old = ROOT.intermediate("CN=Old", FEBRUARY);
    refused(
        policy,
        "vehicle01",
        "intermediate 'CN=Old' expired at 2026-02-01T00:00:00Z",
        old.issue("CN=vehicle01"),
        old.certificate());
    TestCa past = TestCa.root("CN=Past", JANUARY, FEBRUARY);
    refused(
        policy(List.of(past, OTHER), client("vehicle01")),
        "vehicle01",
        "CA certificate 'ca0' expired at 2026-02-01T00:00:00Z",
        past.issue("CN=vehicle01"));
  }

  @Test
  void wrongIssuer() {
    refused(
        policy,
        "vehicle01",
        "certificate's issuer 'CN=Other' leads to no registered CA certificate",
        OTHER.issue("CN=vehicle01"));
    refused(
        policy,
        "vehicle01",
        "names the issuer of CA certificate 'ca0', but the chain to it does not verify",
        TestCa.root("CN=Root,O=Plant").issue("CN=vehicle01"));
    refused(
        policy,
        "vehicle01",
        "issuer 'CN=vehicle01' leads to no registered CA",
        TestCa.selfSigned("CN=vehicle01"));
    refused(
        policy(List.of(), client("vehicle01")),
        "vehicle01",
        "no CA certificate is registered",
        ROOT.issue("CN=vehicle01"));
  }

  @Test
  void clientsMayNotIssue() {
    // a device's own certificate in the chain vouches for nobody
    TestCa line = ROOT.intermediate("CN=Line 2", NEXT_YEAR);
    X509Certificate device = TestCa.selfSigned("CN=Line 2");
    refused(policy, "vehicle01", "", line.issue("CN=vehicle01"), device);
    assertThatThrownBy(() -> new CaCertificate("device", ROOT.issue("CN=device")))
        .isInstanceOf(PolicyException.class)
        .hasMessageContaining("encodedCertificate: subject 'CN=device' may not issue certificates");
  }

  @Test
  void wrongUsage() {
    refused(
        policy,
        "vehicle01",
        "certificate's extended key usage lacks clientAuth",
        ROOT.issue(new X500Name("CN=vehicle01"), JANUARY, JULY, KeyPurposeId.id_kp_serverAuth));
  }

  @Test
  void wrongName() {
    refused(
        policy,
        "vehicle01",
        "certificate's subject 'CN=vehicle02' is not the authentication name",
        ROOT.issue("CN=vehicle02"));
    refused(policy, "vehicle01", "is not the authentication name", ROOT.issue("O=vehicle01"));
    refused(policy, "vehicle01", "is not the authentication name", ROOT.issue("CN=vehicle01 x"));
    refused(
        policy, "vehicle01", "is not the authentication name", ROOT.issue("CN=a\\,CN\\=vehicle01"));
  }

  @Test
  void severalNames() {
    refused(
        policy, "vehicle01", "is not the auth", ROOT.issue("CN=vehicle01,O=Plant,CN=vehicle02"));
    refused(policy, "vehicle01", "is not the auth", ROOT.issue("CN=vehicle02,CN=vehicle01"));
    refused(policy, "vehicle01", "is not the auth", ROOT.issue("CN=vehicle01+CN=vehicle02"));
    refused(policy, "vehicle01", "is not the auth", ROOT.issue("CN=vehicle01,CN=vehicle01"));
  }

  @Test
  void namesWithNul() {
    refused(policy, "vehicle01", "is not the auth", withCommonName("vehicle01\0.evil"));
    refused(policy, "vehicle01", "is not the auth", withCommonName("vehicle01\0"));
    refused(
        policy(List.of(ROOT), client("nul", "vehicle01\0")),
        "vehicle01\0",
        "is not the auth",
        withCommonName("vehicle01\0"));
  }

  @Test
  void thumbprints() throws GeneralSecurityException {
    X509Certificate leaf = TestCa.selfSigned("CN=anything");
    for (String algorithm : List.of("SHA-1", "SHA-256")) {
      byte[] digest = MessageDigest.getInstance(algorithm).digest(leaf.getEncoded());
      for (HexFormat form :
          List.of(HexFormat.of(), HexFormat.of().withUpperCase(), HexFormat.ofDelimiter(":"))) {
        Policy pinned = policy(List.of(), pinned("00".repeat(20), form.formatHex(digest)));
        granted(pinned, "vehicle01", "vehicle01", leaf);
        refused(
            pinned, "vehicle01", "is not in allowedThumbprints", TestCa.selfSigned("CN=vehicle01"));
        assertThat(pinned.admit("vehicle01", "s", List.of(leaf), NEXT_YEAR.plusSeconds(1)))
            .isInstanceOfSatisfying(
                Admission.Refused.class,
                refused -> assertThat(refused.text()).contains("certificate expired"));
      }
    }
  }

  @Test
  void nameFromCertificate() {
    Policy named =
        new TestPolicy()
            .clients(client("vehicle01"), client("v2", "CN=Vehicle 02, O=Plant"))
            .authorities(ROOT)
            .sources(NameSource.CLIENT_CERTIFICATE_SUBJECT)
            .compile();
    granted(named, "", "vehicle01", ROOT.issue("CN=VEHICLE01,O=Plant"));
    granted(named, "", "CN=Vehicle 02, O=Plant", ROOT.issue("O=Plant,CN=Vehicle 02"));
    // the user name goes before the certificate
    refused(named, "v2", "client 'v2' is not registered", ROOT.issue("CN=vehicle01"));
    refused(named, "", "no client is registered under the subject 'CN=x'", ROOT.issue("CN=x"));
    refused(named, "", "no certificate to take a name from");
    refused(named, "", "leads to no registered CA", OTHER.issue("CN=vehicle01"));
    refused(
        policy,
        "",
        "session 's' has no user name, and alternativeAuthenticationNameSources is empty",
        ROOT.issue("CN=vehicle01"));
  }

  private static X509Certificate withCommonName(String name) {
    X500Name subject =
        new X500NameBuilder(BCStyle.INSTANCE).addRDN(BCStyle.CN, new DERUTF8String(name)).build();
    return ROOT.issue(subject, JANUARY, JULY, null);
  }

  private static void granted(
      Policy policy, String userName, String expected, X509Certificate... chain) {
    assertThat(policy.admit(userName, "s", List.of(chain), TestCa.NOW))
        .isInstanceOfSatisfying(
            Admission.Granted.class,
            granted -> {
              assertThat(granted.client().authenticationName()).isEqualTo(expected);
              assertThat(granted.permit().authenticationName()).isEqualTo(expected);
            });
  }

  private static void refused(
      Policy policy, String userName, String why, X509Certificate... chain) {
    assertThat(policy.admit(userName, "s", List.of(chain), TestCa.NOW))
        .isInstanceOfSatisfying(
            Admission.Refused.class,
            refused -> {
              assertThat(refused.reason()).isEqualTo(ReasonCode.NOT_AUTHORIZED);
              assertThat(refused.text()).contains(why).hasSizeLessThanOrEqualTo(Text.LINE);
              assertThat(refused.text().chars().noneMatch(Character::isISOControl)).isTrue();
            });
  }

  private static Policy policy(List<TestCa> authorities, Client... clients) {
    return new TestPolicy()
        .clients(clients)
        .authorities(authorities.toArray(TestCa[]::new))
        .compile();
  }

  private static Client client(String name) {
    return client(name, name);
  }

  private static Client client(String name, String authenticationName) {
    return new Client(
        name.replace(' ', '-'),
        authenticationName,
        true,
        ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
        List.of(),
        Map.of());
  }

  private static Client pinned(String... thumbprints) {
    return new Client(
        "vehicle01",
        "vehicle01",
        true,
        ValidationScheme.THUMBPRINT_MATCH,
        new ArrayList<>(List.of(thumbprints)),
        Map.of());
  }
}
