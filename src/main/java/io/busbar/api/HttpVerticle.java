package io.busbar.api;

import io.busbar.config.Settings.Address;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves a node's health and metrics to operators. For a trusted network: no TLS, no login. On a
 * node that lets anyone do anything also the management API.
 *
 * <pre>
 *   GET /health/live    200 while the event loop turns
 *   GET /health/ready   200 or 503, and why, as JSON
 *   GET /metrics        Prometheus text; 503 beyond 4 at once
 * </pre>
 */
public final class HttpVerticle extends VerticleBase {
  private static final Logger LOG = LoggerFactory.getLogger(HttpVerticle.class);
  private static final JsonArray PATHS =
      new JsonArray().add("/health/live").add("/health/ready").add("/metrics");
  static final String JSON = "application/json";
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
  private static final int MAX_SCRAPES = 4;
  private static final int MAX_CONNECTIONS = 256;
  private static final int MAX_HEADER_BYTES = 8_192;
  private static final int MAX_REQUEST_LINE_BYTES = 2_048;
  private static final int IDLE_SECONDS = 30;

  private final Address address;
  private final Supplier<Health> health;
  private final Supplier<String> metrics;
  private final Optional<Management> management;
  private volatile int port;
  private int scrapes;
  private int connections;

  /**
   * Serves at an address.
   *
   * @param address a port of 0 takes any free one, see {@link #port}
   * @param health asked on the event loop: does not block
   * @param metrics makes the Prometheus text; asked on a worker thread, at most 4 times at once
   */
  public HttpVerticle(Address address, Supplier<Health> health, Supplier<String> metrics) {
    this(address, health, metrics, Optional.empty());
  }

  /** The same, with the management API for whoever comes. */
  public HttpVerticle(
      Address address,
      Supplier<Health> health,
      Supplier<String> metrics,
      Optional<Management> management) {
    this.address = address;
    this.management = management;
    this.health = health;
    this.metrics = metrics;
  }

  @Override
  public Future<?> start() {
    HttpServerOptions options =
        new HttpServerOptions()
            .setMaxHeaderSize(MAX_HEADER_BYTES)
            .setMaxInitialLineLength(MAX_REQUEST_LINE_BYTES)
            .setHttp2ClearTextEnabled(false)
            .setIdleTimeout(management.isPresent() ? Management.IDLE_SECONDS : IDLE_SECONDS);
    HttpServer server =
        vertx
            .createHttpServer(options)
            .connectionHandler(this::connected)
            .requestHandler(this::answer);
    management.ifPresent(api -> api.start(vertx));
    return server
        .listen(address.port(), address.host())
        .onSuccess(listening -> port = listening.actualPort());
  }

  /** The port that is listened on, once deployed; any thread. */
  public int port() {
    return port;
  }

  private void connected(HttpConnection connection) {
    connections++;
    connection.closeHandler(closed -> connections--);
    if (connections > MAX_CONNECTIONS) {
      connection.close();
    }
  }

  private void answer(HttpServerRequest request) {
    try {
      route(request);
    } catch (RuntimeException e) {
      fail(request, e);
    }
  }

  private void route(HttpServerRequest request) {
    String path = request.path() == null ? "" : request.path();
    if (management.isPresent() && Management.handles(path)) {
      management.get().handle(request);
    } else if (!PATHS.contains(path)) {
      JsonObject body = new JsonObject().put("error", "no such path").put("allowed", PATHS);
      send(request, 404, JSON, body.encode());
    } else if (!request.method().equals(HttpMethod.GET)
        && !request.method().equals(HttpMethod.HEAD)) {
      request.response().putHeader("allow", "GET, HEAD");
      JsonObject body =
          new JsonObject()
              .put("error", "method " + request.method())
              .put("allowed", new JsonArray().add("GET").add("HEAD"));
      send(request, 405, JSON, body.encode());
    } else {
      switch (path) {
        case "/health/live" -> send(request, 200, JSON, "{\"live\":true}");
        case "/health/ready" -> {
          Health now = health.get();
          send(request, now.ready() ? 200 : 503, JSON, now.toJson().encode());
        }
        default -> scrape(request);
      }
    }
  }

  private void scrape(HttpServerRequest request) {
    if (scrapes >= MAX_SCRAPES) {
      request.response().putHeader("retry-after", "1");
      JsonObject body =
          new JsonObject()
              .put("error", "too many scrapes at once (allowed: %d)".formatted(MAX_SCRAPES));
      send(request, 503, JSON, body.encode());
      return;
    }
    scrapes++;
    vertx
        .executeBlocking(metrics::get, false)
        .onComplete(
            text -> {
              scrapes--;
              if (text.succeeded()) {
                send(request, 200, PROMETHEUS, text.result());
              } else {
                fail(request, text.cause());
              }
            });
  }

  static void fail(HttpServerRequest request, Throwable cause) {
    LOG.error("{} {} failed", request.method(), request.path(), cause);
    ApiError error =
        new ApiError(500, "InternalServerError", "internal error (the node's log tells more)");
    send(request, 500, JSON, error.toJson().encode());
  }

  static void send(HttpServerRequest request, int status, String type, String text) {
    send(request, status, type, Buffer.buffer(text));
  }

  static void send(HttpServerRequest request, int status, String type, Buffer body) {
    HttpServerResponse response = request.response();
    if (response.closed() || response.ended()) {
      return; // whoever asked has gone
    }
    response
        .setStatusCode(status)
        .putHeader("content-type", type)
        .putHeader("cache-control", "no-store")
        .putHeader("x-content-type-options", "nosniff")
        .putHeader("content-length", Integer.toString(body.length()));
    if (request.method().equals(HttpMethod.HEAD)) {
      response.end();
    } else {
      response.end(body);
    }
  }
}
