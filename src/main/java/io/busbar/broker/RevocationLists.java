package io.busbar.broker;

import io.busbar.config.Guard;
import io.busbar.config.Settings;
import io.busbar.config.WatchedFiles;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CRL;
import java.security.cert.CRLException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the lists of revoked certificates: files when they change, URLs every five minutes, and
 * those that certificates name when they are first asked for and from then on when they are due.
 * One that cannot be read leaves what was known of it as it is. For one thread.
 */
final class RevocationLists {
  private static final Logger LOG = LoggerFactory.getLogger(AuthorizationVerticle.class);

  /** How often files are looked at, and how often URLs are fetched, in milliseconds. */
  private static final long LOOK = 1_000;

  private static final long FETCH = 300_000;

  /** How soon after a failure a URL is tried again, in milliseconds. */
  private static final long FETCH_AGAIN = 30_000;

  /** A list has some 40 bytes for each certificate. */
  private static final Fetch.Bounds CONFIGURED = new Fetch.Bounds(30_000, 64 << 20);

  private static final Fetch.Bounds NAMED = new Fetch.Bounds(10_000, 16 << 20);

  /** Lists that certificates name, and their bytes together. */
  private static final int MAX_NAMED = 64;

  private static final long MAX_NAMED_BYTES = 64 << 20;

  /** Those that are read at once, each of which may be large. */
  private static final int MAX_READING = 8;

  private final Vertx vertx;

  /** Not the verticle's own thread, for which clients wait. */
  private final WorkerExecutor reading;

  private final Broker broker;
  private final Settings.Revocation settings;
  private final Consumer<List<X509CRL>> told;
  private final Fetch anywhere;
  private final Fetch guarded;
  private final Duration refresh;
  private final Map<URI, List<X509CRL>> found = new HashMap<>();

  /** Those that certificates name, the one first that was asked for the longest time ago. */
  private final Map<URI, Named> named = new LinkedHashMap<>(16, 0.75f, true);

  /** A list that certificates name. */
  private static final class Named {
    private List<X509CRL> lists = List.of();
    private long bytes;

    /** Why it was not read the last time, or null. */
    private String whyNot;

    /** While it is being read. */
    private Future<List<X509CRL>> reading;
  }

  /** What was read. */
  private record Read(List<X509CRL> lists, long bytes) {}

  /**
   * Lists that have not been read yet.
   *
   * @param told gets all of them, first and whenever one is another
   */
  RevocationLists(Vertx vertx, Broker broker, Consumer<List<X509CRL>> told) {
    this.vertx = vertx;
    this.reading = vertx.createSharedWorkerExecutor("busbar-revocation", 1);
    this.broker = broker;
    this.settings = broker.settings.revocation();
    this.told = told;
    this.anywhere = new Fetch(vertx, Optional.empty());
    List<String> hosts = settings.online().map(Settings.Online::allowedHosts).orElse(List.of());
    this.guarded = new Fetch(vertx, Optional.of(new Guard(hosts)));
    this.refresh = settings.online().map(Settings.Online::refresh).orElse(Settings.Online.REFRESH);
  }

  /** Completes when each was tried once, so that whoever connects is judged by them. */
  Future<?> start() {
    List<Future<?>> first = new ArrayList<>();
    for (URI place : settings.lists()) {
      if (place.getScheme().equals("file")) {
        WatchedFiles file = new WatchedFiles(List.of(Path.of(place)));
        file.haveChanged();
        first.add(configured(place));
        vertx.setPeriodic(
            LOOK,
            t -> {
              if (file.haveChanged()) {
                configured(place);
              }
            });
      } else {
        first.add(fetch(place));
      }
    }
    return Future.all(first);
  }

  private Future<?> fetch(URI place) {
    return configured(place)
        .onSuccess(isRead -> vertx.setTimer(isRead ? FETCH : FETCH_AGAIN, t -> fetch(place)));
  }

  /** Whether it could be read. */
  private Future<Boolean> configured(URI place) {
    Future<Read> read =
        place.getScheme().equals("file")
            ? reading.executeBlocking(() -> read(bytes(place)), false)
            : read(anywhere, place, CONFIGURED);
    return read.map(
            is -> {
              taken(place, is, is.lists.equals(found.put(place, is.lists)));
              return true;
            })
        .otherwise(
            e -> {
              refused(place, e);
              return false;
            });
  }

  private Future<Read> read(Fetch by, URI place, Fetch.Bounds bounds) {
    return by.get(place, bounds)
        .compose(body -> reading.executeBlocking(() -> read(body.getBytes()), false));
  }

  private void taken(URI place, Read is, boolean isSame) {
    broker.telemetry.count(Meter.REVOCATION_LOADS, "loaded");
    if (!isSame) {
      LOG.info("revoked certificates are known: list={} lists={}", place, is.lists.size());
      told.accept(
          Stream.concat(found.values().stream(), named.values().stream().map(one -> one.lists))
              .flatMap(List::stream)
              .toList());
    }
  }

  private void refused(URI place, Throwable e) {
    broker.telemetry.count(Meter.REVOCATION_LOADS, "refused");
    LOG.error(
        "list of revoked certificates not read, what was known of it stays: list={} cause={}",
        place,
        e instanceof Fetch.Failed ? e.getMessage() : e.toString());
  }

  // --- those that certificates name ---

  /**
   * What is behind a URL that a certificate names, as it was read last; fetched once, whoever asks
   * for it. Fails with {@link Fetch.Failed} if it could never be read.
   */
  Future<List<X509CRL>> named(URI place) {
    boolean isBusy =
        named.values().stream().filter(one -> one.reading != null).count() >= MAX_READING;
    if (isBusy && !named.containsKey(place)) {
      return Future.failedFuture(new Fetch.Failed("too many lists are being read"));
    }
    Named one = named.computeIfAbsent(place, p -> new Named());
    if (one.reading != null) {
      return one.reading;
    }
    if (!one.lists.isEmpty()) {
      return Future.succeededFuture(one.lists);
    }
    return one.whyNot == null
        ? read(place, one)
        : Future.failedFuture(new Fetch.Failed(one.whyNot));
  }

  private Future<List<X509CRL>> read(URI place, Named one) {
    // one that fails at once has been read before it could be set
    boolean[] isDone = {false};
    Future<List<X509CRL>> read =
        read(guarded, place, NAMED)
            .onComplete(
                done -> {
                  isDone[0] = true;
                  one.reading = null;
                })
            .map(
                is -> {
                  boolean isSame = is.lists.equals(one.lists);
                  one.lists = is.lists;
                  one.bytes = is.bytes;
                  one.whyNot = null;
                  evict(one);
                  taken(place, is, isSame);
                  later(place, one, due(is.lists));
                  return is.lists;
                })
            .recover(
                e -> {
                  one.whyNot =
                      e instanceof Fetch.Failed ? e.getMessage() : "what is there is no list";
                  evict(one);
                  refused(place, e);
                  later(place, one, FETCH_AGAIN);
                  return one.lists.isEmpty()
                      ? Future.failedFuture(new Fetch.Failed(one.whyNot))
                      : Future.succeededFuture(one.lists);
                });
    if (!isDone[0]) {
      one.reading = read;
    }
    return read;
  }

  /** Reads it again after a while, as long as it is kept; one that never was is forgotten. */
  private void later(URI place, Named one, long millis) {
    vertx.setTimer(
        millis,
        t -> {
          if (one.lists.isEmpty()) {
            named.remove(place, one);
          } else if (named.containsValue(one)) {
            read(place, one);
          }
        });
  }

  /** When it is to be read again: at its next update, or sooner. */
  private long due(List<X509CRL> lists) {
    long due = refresh.toMillis();
    for (X509CRL one : lists) {
      if (one.getNextUpdate() != null) {
        long left = Duration.between(Instant.now(), one.getNextUpdate().toInstant()).toMillis();
        due = Math.min(due, left);
      }
    }
    return Math.max(LOOK, due);
  }

  /** What was asked for the longest time ago makes room. */
  private void evict(Named but) {
    long bytes = named.values().stream().mapToLong(one -> one.bytes).sum();
    Iterator<Named> eldest = named.values().iterator();
    while ((named.size() > MAX_NAMED || bytes > MAX_NAMED_BYTES) && eldest.hasNext()) {
      Named one = eldest.next();
      if (one != but && one.reading == null) {
        bytes -= one.bytes;
        eldest.remove();
      }
    }
  }

  // --- their form ---

  private static byte[] bytes(URI file) throws IOException {
    try (InputStream in = Files.newInputStream(Path.of(file))) {
      byte[] bytes = in.readNBytes(CONFIGURED.bytes() + 1);
      if (bytes.length > CONFIGURED.bytes()) {
        throw new IOException("more than " + CONFIGURED.bytes() + " bytes");
      }
      return bytes;
    }
  }

  private static Read read(byte[] bytes) throws CertificateException, CRLException {
    List<X509CRL> lists = new ArrayList<>();
    for (CRL one :
        CertificateFactory.getInstance("X.509").generateCRLs(new ByteArrayInputStream(bytes))) {
      lists.add((X509CRL) one);
    }
    if (lists.isEmpty()) {
      throw new CRLException("no list (allowed: PEM, X509 CRL, one or more; DER)");
    }
    return new Read(lists, bytes.length);
  }
}
