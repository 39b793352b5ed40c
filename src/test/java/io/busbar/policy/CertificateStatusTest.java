package io.busbar.policy;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.busbar.policy.CertificateStatus.Good;
import io.busbar.policy.CertificateStatus.Revoked;
import io.busbar.policy.CertificateStatus.Unknown;
import io.busbar.testing.TestOcsp;
import io.busbar.testing.TestOcsp.Says;
import io.busbar.testing.TestPki;
import java.io.ByteArrayInputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.bouncycastle.cert.ocsp.BasicOCSPResp;
import org.bouncycastle.cert.ocsp.OCSPResp;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CertificateStatusTest {
  private final Instant now = Instant.now();

  @TempDir private Path home;
  private TestPki pki;
  private X509Certificate one;
  private X509Certificate other;

  @BeforeEach
  void begin() throws Exception {
    pki = TestPki.in(home);
    pki.server();
    one = pki.naming("one", null, null).certificate();
    other = pki.naming("other", null, null).certificate();
  }

  private CertificateStatus said(byte[] answer) throws Exception {
    return CertificateStatus.ofAnswer(one, pki.authority(), answer, now);
  }

  private void assertUnknown(byte[] answer, String why) throws Exception {
    assertThat(said(answer))
        .isInstanceOfSatisfying(
            Unknown.class,
            unknown -> {
              assertThat(unknown.why()).contains(why);
              assertThat(unknown.isPassing()).isTrue();
            });
  }

  private static X509CRL list(String pem) throws Exception {
    return (X509CRL)
        CertificateFactory.getInstance("X.509")
            .generateCRL(new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII)));
  }

  @Test
  void theIssuerAnswersOrWhomItHasAuthorised() throws Exception {
    for (TestPki.Shown signer : List.of(pki.itself(), pki.responder(true))) {
      assertThat(said(TestOcsp.answer(signer, pki, one, Says.GOOD))).isEqualTo(new Good());
      assertThat(said(TestOcsp.answer(signer, pki, one, Says.REVOKED)))
          .isInstanceOfSatisfying(
              Revoked.class, revoked -> assertThat(revoked.why()).endsWith(" (KEY_COMPROMISE)"));
    }
  }

  @Test
  void nobodyElseAnswers(@TempDir Path elsewhere) throws Exception {
    for (Says says : List.of(Says.GOOD, Says.REVOKED)) {
      assertUnknown(TestOcsp.answer(pki.responder(false), pki, one, says), "");
      TestPki stranger = TestPki.in(elsewhere);
      stranger.server();
      assertUnknown(TestOcsp.answer(stranger.itself(), pki, one, says), "");
      assertUnknown(TestOcsp.answer(stranger.responder(true), pki, one, says), "");
    }
  }

  @Test
  void anAnswerIsOfTheCertificateAndOfNow() throws Exception {
    TestPki.Shown signer = pki.itself();
    assertUnknown(TestOcsp.answer(signer, pki, other, Says.GOOD), "");
    Instant hourAgo = now.minus(Duration.ofHours(1));
    Instant inAnHour = now.plus(Duration.ofHours(1));
    for (Says says : List.of(Says.GOOD, Says.REVOKED)) {
      assertUnknown(
          TestOcsp.answer(signer, pki, one, says, hourAgo, now.minus(Duration.ofMinutes(20))),
          "out-of-date");
      assertUnknown(
          TestOcsp.answer(signer, pki, one, says, inAnHour, inAnHour.plusSeconds(60)),
          "out-of-date");
      assertUnknown(TestOcsp.answer(signer, pki, one, says, hourAgo, null), "out-of-date");
    }
    // clocks may differ
    Instant since = now.minus(Duration.ofMinutes(5));
    assertThat(said(TestOcsp.answer(signer, pki, one, Says.GOOD, hourAgo, since)))
        .isEqualTo(new Good());
  }

  @Test
  void whatSaysNothingLeavesItUnknown() throws Exception {
    assertUnknown(TestOcsp.answer(pki.itself(), pki, one, Says.UNKNOWN), "unknown");
    assertUnknown(TestOcsp.tryLater(), "TRY_LATER");
    for (byte[] garbage :
        List.of(new byte[0], new byte[1_000], "<html>".getBytes(StandardCharsets.US_ASCII))) {
      assertUnknown(garbage, "cannot be read");
    }
    byte[] good = TestOcsp.answer(pki.itself(), pki, one, Says.GOOD);
    byte[] signed = ((BasicOCSPResp) new OCSPResp(good).getResponseObject()).getTBSResponseData();
    int from = new String(good, ISO_8859_1).indexOf(new String(signed, ISO_8859_1));
    assertThat(from).isPositive();
    for (int at = from; at < from + signed.length; at += 3) {
      byte[] broken = good.clone();
      broken[at] ^= 0x55;
      assertThat(said(broken)).as("byte %d", at).isInstanceOf(Unknown.class);
    }
  }

  @Test
  void listsSayItAndNothingIsFetched() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    HttpServer pages =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    pages.createContext(
        "/",
        exchange -> {
          asked.incrementAndGet();
          exchange.sendResponseHeaders(404, -1);
          exchange.close();
        });
    pages.start();
    try {
      String url = "http://127.0.0.1:" + pages.getAddress().getPort() + "/";
      X509Certificate named = pki.naming("named", url, url).certificate();
      X509CRL current = list(pki.revoked(now.plusSeconds(60), named));
      X509CRL empty = list(pki.revoked(now.plusSeconds(60)));
      X509CRL old = list(pki.revoked(now.minus(Duration.ofHours(1))));
      assertThat(CertificateStatus.ofLists(named, pki.authority(), List.of(empty), now))
          .isEqualTo(new Good());
      assertThat(
              CertificateStatus.ofLists(
                  named, pki.authority(), List.of(current), now.plusSeconds(30)))
          .isInstanceOf(Revoked.class);
      for (List<X509CRL> none : List.of(List.<X509CRL>of(), List.of(old))) {
        assertThat(CertificateStatus.ofLists(named, pki.authority(), none, now))
            .isInstanceOf(Unknown.class);
      }
      assertThat(CertificateStatus.ofAnswer(named, pki.authority(), new byte[0], now))
          .isInstanceOf(Unknown.class);
      assertThat(asked).hasValue(0);
    } finally {
      pages.stop(0);
    }
  }
}
