package io.busbar.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.testing.TestOcsp;
import io.busbar.testing.TestOcsp.Says;
import io.busbar.testing.TestPki;
import java.math.BigInteger;
import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import org.bouncycastle.cert.jcajce.JcaX509CertificateHolder;
import org.bouncycastle.cert.ocsp.CertificateID;
import org.bouncycastle.cert.ocsp.OCSPReq;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StatusServicesTest {
  @TempDir private Path home;
  private TestPki pki;

  @BeforeEach
  void begin() throws Exception {
    pki = TestPki.in(home);
    pki.server();
  }

  @Test
  void aCertificateNamesWhomToAsk() throws Exception {
    String responder = "http://ocsp.example.com/a";
    String list = "https://ca.example.com:8443/plant.crl?part=1";
    assertThat(StatusServices.of(pki.naming("one", responder, list).certificate()))
        .isEqualTo(new StatusServices(List.of(URI.create(responder)), List.of(URI.create(list))));
    assertThat(StatusServices.of(pki.naming("one", null, null).certificate()))
        .isEqualTo(new StatusServices(List.of(), List.of()));
  }

  @Test
  void whatIsNoPlaceForUsIsLeftOut() throws Exception {
    for (String place :
        List.of(
            "ldap://ca.example.com/x",
            "file:///etc/passwd",
            "http:///x",
            "http://user:secret@ca.example.com/",
            "http://ca.example.com/#x",
            "http://ca.example.com/a b",
            "gopher://x/",
            "//ca.example.com/",
            "",
            "http://ca.example.com/" + "x".repeat(1_001))) {
      assertThat(StatusServices.of(pki.naming("one", place, place).certificate()))
          .as(place)
          .isEqualTo(new StatusServices(List.of(), List.of()));
    }
  }

  @Test
  void aQuestionIsOfOneCertificate() throws Exception {
    TestPki.Shown one = pki.naming("one", null, null);
    OCSPReq question = new OCSPReq(StatusServices.question(one.certificate(), pki.authority()));
    assertThat(question.getRequestList()).hasSize(1);
    CertificateID id = question.getRequestList()[0].getCertID();
    BigInteger serial = one.certificate().getSerialNumber();
    assertThat(id.getSerialNumber()).isEqualTo(serial);
    assertThat(
            id.matchesIssuer(
                new JcaX509CertificateHolder(pki.authority()),
                new JcaDigestCalculatorProviderBuilder().build()))
        .isTrue();
  }

  @Test
  void anAnswerHoldsUntilItsNextUpdate() throws Exception {
    Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    TestPki.Shown one = pki.naming("one", null, null);
    for (Says says : Says.values()) {
      assertThat(
              StatusServices.until(
                  TestOcsp.answer(
                      pki.itself(), pki, one.certificate(), says, now, now.plusSeconds(60)),
                  now))
          .isEqualTo(now.plusSeconds(60));
      assertThat(
              StatusServices.until(
                  TestOcsp.answer(pki.itself(), pki, one.certificate(), says, now, null), now))
          .isEqualTo(now);
    }
    byte[] revoked =
        TestOcsp.answer(
            pki.itself(), pki, one.certificate(), Says.REVOKED, now, now.plusSeconds(60));
    // five minutes ago as this says it, which then is still to come
    Instant then = now.minusSeconds(600);
    assertThat(StatusServices.until(revoked, then)).isBefore(now);
  }
}
