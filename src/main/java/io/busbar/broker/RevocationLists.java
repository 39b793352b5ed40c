package io.busbar.broker;

import io.busbar.config.Settings;
import io.busbar.config.WatchedFiles;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLConnection;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CRL;
import java.security.cert.CRLException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the lists of revoked certificates: files when they change, URLs every five minutes. One
 * that cannot be read leaves what was known of it as it is. For one thread.
 */
final class RevocationLists {
  private static final Logger LOG = LoggerFactory.getLogger(AuthorizationVerticle.class);

  /** How often files are looked at, and how often URLs are fetched, in milliseconds. */
  private static final long LOOK = 1_000;

  private static final long FETCH = 300_000;

  /** How soon after a failure a URL is tried again, in milliseconds. */
  private static final long FETCH_AGAIN = 30_000;

  private static final int TIMEOUT = 5_000;

  /** A list has some 40 bytes for each certificate. */
  private static final int MAX_BYTES = 64 << 20;

  private final Vertx vertx;

  /** Not the verticle's own thread, for which clients wait. */
  private final WorkerExecutor reading;

  private final Broker broker;
  private final Settings.Revocation settings;
  private final Consumer<List<X509CRL>> told;
  private final Map<URI, List<X509CRL>> found = new HashMap<>();

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
  }

  /** Completes when each was tried once, so that whoever connects is judged by them. */
  Future<?> start() {
    List<Future<?>> first = new ArrayList<>();
    for (URI place : settings.lists()) {
      if (place.getScheme().equals("file")) {
        WatchedFiles file = new WatchedFiles(List.of(Path.of(place)));
        file.haveChanged();
        first.add(read(place));
        vertx.setPeriodic(
            LOOK,
            t -> {
              if (file.haveChanged()) {
                read(place);
              }
            });
      } else {
        first.add(fetch(place));
      }
    }
    return Future.all(first);
  }

  private Future<?> fetch(URI place) {
    return read(place)
        .onSuccess(isRead -> vertx.setTimer(isRead ? FETCH : FETCH_AGAIN, t -> fetch(place)));
  }

  /** Whether it could be read. */
  private Future<Boolean> read(URI place) {
    return reading
        .executeBlocking(() -> lists(bytes(place)), false)
        .map(
            lists -> {
              broker.telemetry.count(Meter.REVOCATION_LOADS, "loaded");
              if (!lists.equals(found.put(place, lists))) {
                LOG.info("revoked certificates are known: list={} lists={}", place, lists.size());
                told.accept(found.values().stream().flatMap(List::stream).toList());
              }
              return true;
            })
        .otherwise(
            e -> {
              broker.telemetry.count(Meter.REVOCATION_LOADS, "refused");
              LOG.error(
                  "list of revoked certificates not read, what was known of it stays: list={}"
                      + " cause={}",
                  place,
                  e.toString());
              return false;
            });
  }

  private static byte[] bytes(URI place) throws IOException {
    if (place.getScheme().equals("file")) {
      try (InputStream in = Files.newInputStream(Path.of(place))) {
        return bounded(in);
      }
    }
    URLConnection connection = place.toURL().openConnection();
    connection.setConnectTimeout(TIMEOUT);
    connection.setReadTimeout(TIMEOUT);
    connection.setUseCaches(false);
    HttpURLConnection http = (HttpURLConnection) connection;
    http.setInstanceFollowRedirects(false);
    try {
      if (http.getResponseCode() != HttpURLConnection.HTTP_OK) {
        throw new IOException("status " + http.getResponseCode() + " (allowed: 200)");
      }
      try (InputStream in = http.getInputStream()) {
        return bounded(in);
      }
    } finally {
      http.disconnect();
    }
  }

  private static byte[] bounded(InputStream in) throws IOException {
    byte[] bytes = in.readNBytes(MAX_BYTES + 1);
    if (bytes.length > MAX_BYTES) {
      throw new IOException("more than " + MAX_BYTES + " bytes");
    }
    return bytes;
  }

  private static List<X509CRL> lists(byte[] bytes) throws CertificateException, CRLException {
    List<X509CRL> lists = new ArrayList<>();
    for (CRL one :
        CertificateFactory.getInstance("X.509").generateCRLs(new ByteArrayInputStream(bytes))) {
      lists.add((X509CRL) one);
    }
    if (lists.isEmpty()) {
      throw new CRLException("no list (allowed: PEM, X509 CRL, one or more; DER)");
    }
    return lists;
  }
}
