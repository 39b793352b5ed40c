package io.busbar.broker;

import io.busbar.config.Guard;
import io.busbar.config.Settings;
import io.busbar.config.StatusServices;
import io.busbar.policy.CertificateStatus;
import io.busbar.policy.CertificateStatus.Good;
import io.busbar.policy.CertificateStatus.Unknown;
import io.busbar.policy.Revocations;
import io.busbar.policy.Revocations.Issued;
import io.busbar.telemetry.LimitedLog;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.security.cert.CertificateEncodingException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Asks whether certificates are revoked where they say who knows: responders (OCSP) first, then
 * lists. Only those of a path that was proved are asked about, so that strangers send this node
 * nowhere. An answer is kept as long as it is valid, and asked for again after a while; whoever
 * asks for the same meanwhile gets the same.
 *
 * <p>For one thread, the authorization verticle's.
 */
final class StatusLookups {
  /** Less than connections wait for authorization, in milliseconds. */
  static final long TIMEOUT = 4_000;

  /** Answers of responders that are kept; a certificate with each. */
  private static final int MAX_ANSWERS = 50_000;

  /** How many answers are asked for again at once. */
  private static final int RENEWED_AT_ONCE = 8;

  private static final Fetch.Bounds ANSWER = new Fetch.Bounds(3_000, 65_536);

  /** For so long a responder is not asked that did not answer. */
  private static final Duration PAUSE = Duration.ofSeconds(5);

  private static final int MAX_PAUSED = 1_000;

  private final Vertx vertx;
  private final Broker broker;
  private final Revocations revocations;
  private final RevocationLists lists;
  private final Runnable changed;
  private final LimitedLog log;
  private final CertificateFactory certificates;
  private final Duration refresh;
  private final Fetch fetch;

  /** The one first that was looked at the longest time ago. */
  private final Map<Issued, Answer> answers = new LinkedHashMap<>(16, 0.75f, true);

  private final Map<Issued, Future<CertificateStatus>> asking = new HashMap<>();

  /** Answers that are to be asked for again, for clients that are connected. */
  private final Set<Issued> due = new LinkedHashSet<>();

  private int renewing;

  /** Responders that did not answer, and until when they are left alone. */
  private final Map<URI, Instant> paused = new LinkedHashMap<>();

  /**
   * What a responder said.
   *
   * @param certificate DER; what the JDK makes of it is several times as large
   * @param again when it is to be asked again
   * @param until when it is valid
   */
  private record Answer(
      byte[] certificate,
      X509Certificate issuer,
      CertificateStatus status,
      Instant again,
      Instant until) {}

  /**
   * Without any answer.
   *
   * @param settings of {@code broker}'s
   * @param revocations is told what is revoked
   * @param changed run when a certificate is revoked whose client may be connected
   */
  StatusLookups(
      Vertx vertx,
      Broker broker,
      Settings.Online settings,
      Revocations revocations,
      RevocationLists lists,
      Runnable changed,
      LimitedLog log)
      throws CertificateException {
    this.vertx = vertx;
    this.broker = broker;
    this.revocations = revocations;
    this.lists = lists;
    this.changed = changed;
    this.log = log;
    this.certificates = CertificateFactory.getInstance("X.509");
    this.refresh = settings.refresh();
    this.fetch = new Fetch(vertx, Optional.of(new Guard(settings.allowedHosts())));
  }

  /**
   * What is known of each certificate of a path but the last, which is registered; never fails.
   *
   * @param path which was proved, the client's certificate first
   */
  Future<List<CertificateStatus>> of(List<X509Certificate> path) {
    List<Future<CertificateStatus>> all = new ArrayList<>();
    for (int i = 0; i + 1 < path.size(); i++) {
      all.add(inTime(of(path.get(i), path.get(i + 1))));
    }
    return Future.join(all).map(done -> all.stream().map(Future::result).toList());
  }

  /** What is asked goes on for the next who wants to know it. */
  private Future<CertificateStatus> inTime(Future<CertificateStatus> asked) {
    if (asked.isComplete()) {
      return asked;
    }
    Promise<CertificateStatus> status = Promise.promise();
    long timer =
        vertx.setTimer(
            TIMEOUT,
            t ->
                status.tryComplete(new Unknown("no answer within %d ms".formatted(TIMEOUT), true)));
    asked.onSuccess(
        is -> {
          vertx.cancelTimer(timer);
          status.tryComplete(is);
        });
    return status.future();
  }

  /** Asks again for what is due, of a client that is connected. */
  void renew(List<Issued> path) {
    for (Issued one : path) {
      Answer known = answers.get(one);
      if (known != null && !Instant.now().isBefore(known.again)) {
        due.add(one);
      }
    }
    renew();
  }

  private void renew() {
    while (renewing < RENEWED_AT_ONCE && !due.isEmpty()) {
      Issued next = due.iterator().next();
      due.remove(next);
      Answer known = answers.get(next);
      if (known != null) {
        renewing++;
        certificate(known)
            .compose(certificate -> of(certificate, known.issuer))
            .onComplete(
                done ->
                    vertx.runOnContext(
                        v -> {
                          renewing--;
                          renew();
                        }));
      }
    }
  }

  private Future<X509Certificate> certificate(Answer of) {
    try {
      return Future.succeededFuture(
          (X509Certificate)
              certificates.generateCertificate(new ByteArrayInputStream(of.certificate)));
    } catch (CertificateException e) {
      return Future.failedFuture(e);
    }
  }

  private Future<CertificateStatus> of(X509Certificate certificate, X509Certificate issuer) {
    Issued name = Issued.by(issuer, certificate);
    Answer known = answers.get(name);
    if (known != null && Instant.now().isBefore(known.again)) {
      return Future.succeededFuture(known.status);
    }
    Future<CertificateStatus> running = asking.get(name);
    if (running != null) {
      return running;
    }
    StatusServices services = StatusServices.of(certificate);
    Future<CertificateStatus> asked =
        services.responders().isEmpty() && services.lists().isEmpty()
            ? Future.succeededFuture(
                new Unknown("it names nobody who could be asked with http or https", false))
            : Future.<CertificateStatus>succeededFuture()
                .compose(new Asking(certificate, issuer, services)::next);
    Future<CertificateStatus> status =
        asked
            .otherwise(e -> new Unknown("it cannot be asked about", true))
            .map(
                is -> {
                  asking.remove(name);
                  boolean isValid = known != null && Instant.now().isBefore(known.until);
                  return is instanceof Unknown && isValid ? known.status : is;
                });
    if (!status.isComplete()) {
      asking.put(name, status);
    }
    return status;
  }

  /** One certificate, and whom it names. */
  private final class Asking {
    private final X509Certificate certificate;
    private final X509Certificate issuer;
    private final Iterator<URI> responders;
    private final Iterator<URI> points;
    private final List<X509CRL> found = new ArrayList<>();

    Asking(X509Certificate certificate, X509Certificate issuer, StatusServices services) {
      this.certificate = certificate;
      this.issuer = issuer;
      this.responders = services.responders().iterator();
      this.points = services.lists().iterator();
    }

    /** Asks one after the other, until one says something. */
    private Future<CertificateStatus> next(CertificateStatus last) {
      if (last != null && !(last instanceof Unknown)) {
        return Future.succeededFuture(last);
      }
      if (responders.hasNext()) {
        return responder(responders.next()).compose(this::next);
      }
      return points.hasNext()
          ? list(points.next()).compose(this::next)
          : Future.succeededFuture(last);
    }

    private Future<CertificateStatus> responder(URI at) {
      Instant until = paused.get(at);
      if (until != null && Instant.now().isBefore(until)) {
        return Future.succeededFuture(
            new Unknown(Fetch.place(at) + " does not answer, and is left alone for a while", true));
      }
      Buffer question = Buffer.buffer(StatusServices.question(certificate, issuer));
      return fetch
          .post(at, "application/ocsp-request", question, ANSWER)
          .map(body -> judged(at, body.getBytes()))
          .otherwise(
              e -> {
                pause(at);
                return failed("responder", at, e.getMessage());
              });
    }

    private CertificateStatus judged(URI at, byte[] answer) {
      CertificateStatus status =
          CertificateStatus.ofAnswer(certificate, issuer, answer, Instant.now());
      if (status instanceof Unknown unknown) {
        return failed("responder", at, unknown.why());
      }
      keep(certificate, issuer, status, StatusServices.until(answer, Instant.now()));
      return counted(status);
    }

    private Future<CertificateStatus> list(URI at) {
      return lists
          .named(at)
          .map(
              some -> {
                found.addAll(some);
                CertificateStatus status =
                    CertificateStatus.ofLists(certificate, issuer, found, Instant.now());
                return status instanceof Unknown unknown
                    ? failed("list", at, unknown.why())
                    : counted(status);
              })
          .otherwise(e -> failed("list", at, e.getMessage()));
    }

    private CertificateStatus failed(String what, URI at, String why) {
      broker.telemetry.count(Meter.REVOCATION_LOOKUPS, "failed");
      log.warn("nobody says whether a certificate is revoked: {}={} cause={}", what, at, why);
      return new Unknown("%s of %s: %s".formatted(what, Fetch.place(at), why), true);
    }
  }

  private CertificateStatus counted(CertificateStatus status) {
    broker.telemetry.count(Meter.REVOCATION_LOOKUPS, status instanceof Good ? "good" : "revoked");
    return status;
  }

  private void pause(URI at) {
    paused.remove(at);
    paused.put(at, Instant.now().plus(PAUSE));
    if (paused.size() > MAX_PAUSED) {
      paused.remove(paused.keySet().iterator().next());
    }
  }

  private void keep(
      X509Certificate certificate,
      X509Certificate issuer,
      CertificateStatus status,
      Instant until) {
    Issued name = Issued.by(issuer, certificate);
    Instant refreshed = Instant.now().plus(refresh);
    try {
      answers.put(
          name,
          new Answer(
              certificate.getEncoded(),
              issuer,
              status,
              until.isBefore(refreshed) ? until : refreshed,
              until));
    } catch (CertificateEncodingException e) {
      throw new IllegalStateException(e);
    }
    if (answers.size() > MAX_ANSWERS) {
      Issued eldest = answers.keySet().iterator().next();
      answers.remove(eldest);
      revocations.forget(eldest);
    }
    if (revocations.is(name, status)) {
      changed.run();
    }
  }
}
