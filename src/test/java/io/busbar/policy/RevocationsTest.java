package io.busbar.policy;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.testing.TestPki;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RevocationsTest {
  private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
  private static final Instant LATER = NOW.plus(Duration.ofHours(1));

  @TempDir private Path home;
  private TestPki pki;
  private TestPki.Shown one;
  private TestPki.Shown other;

  @BeforeEach
  void begin() throws Exception {
    pki = TestPki.in(home);
    pki.server();
    one = pki.client("one");
    other = pki.client("other");
  }

  private static X509CRL list(String pem) throws Exception {
    return (X509CRL)
        CertificateFactory.getInstance("X.509")
            .generateCRL(new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII)));
  }

  private List<Revocations.Issued> path(Revocations of, TestPki.Shown client) throws Exception {
    return of.issued(List.of(client.certificate(), pki.authority()));
  }

  @Test
  void whatAListNamesIsNotTrusted() throws Exception {
    Revocations revocations = new Revocations(true);
    revocations.are(List.of(list(pki.revoked(LATER, one.certificate()))));
    assertThat(revocations.whyNot(path(revocations, one), NOW))
        .hasValueSatisfying(
            why ->
                assertThat(why)
                    .startsWith(
                        "certificate " + one.certificate().getSerialNumber().toString(16) + " of ")
                    .endsWith("(KEY_COMPROMISE)"));
    assertThat(revocations.whyNot(path(revocations, other), NOW)).isEmpty();
  }

  @Test
  void whoHasNoCurrentListIsRefusedOnlyWhereOneIsRequired() throws Exception {
    for (boolean isRequired : List.of(true, false)) {
      Revocations revocations = new Revocations(isRequired);
      assertThat(revocations.whyNot(path(revocations, one), NOW).isPresent())
          .as("no list")
          .isEqualTo(isRequired);
      revocations.are(List.of(list(pki.revoked(LATER))));
      assertThat(revocations.whyNot(path(revocations, one), NOW)).as("a list").isEmpty();
      assertThat(revocations.whyNot(path(revocations, one), LATER).isPresent())
          .as("an old list")
          .isEqualTo(isRequired);
    }
  }

  @Test
  void anOldListStillSaysWhatWasRevoked() throws Exception {
    Revocations revocations = new Revocations(false);
    revocations.are(List.of(list(pki.revoked(NOW.minusSeconds(60), one.certificate()))));
    assertThat(revocations.whyNot(path(revocations, one), NOW)).isPresent();
  }

  /** Of an authority of the same name, with another key. */
  @Test
  void aListThatSomebodyElseSignedDoesNotCount(@TempDir Path elsewhere) throws Exception {
    TestPki stranger = TestPki.in(elsewhere);
    stranger.server();
    Revocations revocations = new Revocations(true);
    revocations.are(List.of(list(stranger.revoked(LATER, one.certificate()))));
    assertThat(revocations.whyNot(path(revocations, one), NOW))
        .hasValueSatisfying(why -> assertThat(why).startsWith("no current list"));
  }
}
