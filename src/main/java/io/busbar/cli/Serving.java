package io.busbar.cli;

import io.busbar.config.CertifiedKey;
import io.busbar.config.ConfigException;
import io.busbar.config.Settings;
import io.busbar.config.Settings.Address;
import io.busbar.config.Settings.Cluster;
import io.busbar.config.Settings.Listener;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A node from its start by a command to its stop by a signal. */
final class Serving {
  private static final Logger LOG = LoggerFactory.getLogger(Serving.class);
  // Within the 10 s that a clean stop may take, JVM included.
  private static final int STOP_SECONDS = 9;

  /** So much of that may go into asking whether the node is to come back. */
  private static final int ASKED_SECONDS = 3;

  private final Running node;
  private final AtomicBoolean isStopping = new AtomicBoolean();

  /**
   * How the origin of a setting is called in an error.
   *
   * @param source of what no option gives, such as a file
   * @param port of a listener's port, by the listener's index
   * @param http of the port of HTTP
   */
  record Places(String source, IntFunction<String> port, String http) {
    /** What the ports of a configuration file are called. */
    static Places of(Path file) {
      return new Places(file.toString(), i -> port(file, i), file + ": http.port");
    }

    static String port(Path file, int listener) {
      return "%s: listeners[%d].port".formatted(file, listener);
    }
  }

  private Serving(Running node) {
    this.node = node;
  }

  /**
   * Starts a node and stops it when the JVM is told to end.
   *
   * @throws ConfigException if a certificate cannot be used
   * @throws IOException if a port is in use, or the start failed for another reason
   */
  static Serving start(Settings settings, Places places, Running.Starter starter)
      throws IOException, InterruptedException {
    List<Listener> listeners = settings.listeners();
    for (int i = 0; i < listeners.size(); i++) {
      requireCertificate("%s: listeners[%d]".formatted(places.source, i), listeners.get(i));
      requireFree(places.port.apply(i), listeners.get(i).address());
    }
    requireFree(places.http, settings.http());
    if (settings.api().isPresent()) {
      Settings.Api api = settings.api().get();
      requireCertificate(places.source + ": api", api.certificate(), api.key());
      requireFree(places.source + ": api.port", api.address());
    }
    Cluster cluster = settings.cluster();
    if (cluster.enabled()) {
      requireFree(places.source + ": cluster.port", cluster.address());
      requireFree(
          places.source + ": cluster.busPort",
          new Address(cluster.address().host(), cluster.busPort()));
    }
    try {
      Serving serving =
          new Serving(starter.start(settings).toCompletionStage().toCompletableFuture().get());
      Runtime.getRuntime().addShutdownHook(new Thread(serving::stop, "busbar-stop"));
      return serving;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ConfigException wrong) {
        throw wrong;
      }
      throw new IOException("cannot start: " + e.getCause().getMessage(), e.getCause());
    }
  }

  Running node() {
    return node;
  }

  /** Says on one line that connections are accepted, and where. */
  void announce(PrintWriter out) {
    StringBuilder line = new StringBuilder("busbar ready");
    for (Listener listener : node.listeners()) {
      line.append(' ').append(url(listener));
    }
    line.append(" http://").append(node.http());
    node.api().ifPresent(api -> line.append(" https://").append(api));
    out.println(line);
    out.flush();
  }

  /** Such as {@code wss://127.0.0.1:8443/mqtt}. */
  static String url(Listener listener) {
    return "%s://%s%s"
        .formatted(
            listener.protocol().name().toLowerCase(Locale.ROOT),
            listener.address(),
            listener.protocol().webSocket() ? listener.path() : "");
  }

  /** Blocks until the JVM ends. */
  static void untilStopped() throws InterruptedException {
    new CountDownLatch(1).await();
  }

  /** Stops the node: within a bound, after it has left if it is not to come back. */
  void stop() {
    if (isStopping.getAndSet(true)) {
      return;
    }
    long begun = System.nanoTime();
    long bound = STOP_SECONDS;
    try {
      // leaving takes what it takes: whoever had this node stop bounds that
      node.depart().get().toCompletionStage().toCompletableFuture().get();
      long asked = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begun);
      bound -= Math.min(asked, ASKED_SECONDS);
      node.stop().get().toCompletionStage().toCompletableFuture().get(bound, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      LOG.warn("not stopped within {} s; ends now", bound);
    } catch (ExecutionException e) {
      LOG.warn("not stopped cleanly: {}", e.getCause().toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void requireCertificate(String place, Listener listener) {
    if (listener.certificate().isPresent() && listener.key().isPresent()) {
      requireCertificate(place, listener.certificate().get(), listener.key().get());
    }
  }

  private static void requireCertificate(String place, Path certificate, Path key) {
    try {
      CertifiedKey.require(certificate, key);
    } catch (IOException e) {
      throw new ConfigException(place + ".certificate, key: " + e.getMessage(), e);
    }
  }

  /**
   * Judged before the start, which would find out late and say less. Port 0 is any free one.
   *
   * @throws IOException if the port is in use or the host is not this machine
   */
  static void requireFree(String place, Address address) throws IOException {
    if (address.port() == 0) {
      return;
    }
    InetSocketAddress socket = new InetSocketAddress(address.host(), address.port());
    if (socket.isUnresolved()) {
      throw new ConfigException(
          "%s: host %s is unknown (allowed: an address of this machine)"
              .formatted(place, address.host()));
    }
    try (ServerSocket probe = new ServerSocket()) {
      probe.setReuseAddress(true);
      probe.bind(socket);
    } catch (IOException e) {
      throw new IOException(
          "%s: cannot listen on %s: %s (allowed: a free port of this machine)"
              .formatted(place, address, e.getMessage()),
          e);
    }
  }
}
