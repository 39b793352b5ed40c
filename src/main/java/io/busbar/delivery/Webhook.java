package io.busbar.delivery;

import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.event.CloudEvent;
import io.busbar.event.RetrySchedule;
import io.busbar.event.RetrySchedule.Verdict;
import io.busbar.event.Route;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.Topics;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.vertx.core.AsyncResult;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientAgent;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClosedException;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.http.PoolOptions;
import io.vertx.ext.web.client.HttpRequest;
import io.vertx.ext.web.client.HttpResponse;
import io.vertx.ext.web.client.WebClient;
import io.vertx.ext.web.client.WebClientOptions;
import io.vertx.ext.web.codec.BodyCodec;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The events of one route on their way to its endpoint.
 *
 * <p>They go in lanes. A lane is a queue, a connection and at most one request in flight, so its
 * events arrive in order; all events of one publisher share a lane. A retry holds up its lane only.
 *
 * <p>Everything runs on the event loop of the verticle; only the two numbers of what is pending are
 * read by others.
 */
final class Webhook {
  /** What an event in the queue costs besides its packet: the objects that hold it, rounded up. */
  static final int EVENT_BYTES = 128;

  private static final Logger LOG = LoggerFactory.getLogger(Webhook.class);
  private static final long QUIET_NANOS = 30_000_000_000L;
  private static final long DRAIN_MILLIS = 2_000;

  private final Vertx vertx;
  private final Route route;
  private final List<byte[]> filters;
  private final long share;
  private final int attemptsAllowed;
  private final long timeoutMillis;
  private final RetrySchedule schedule;
  private final String source;
  private final Publish publish;
  private final Telemetry telemetry;
  private final LongAdder matched;
  private final LongAdder taken;
  private final LongAdder retried;
  private final Lane[] lanes;
  private final AtomicLong pendingEvents = new AtomicLong();
  private final AtomicLong pendingBytes = new AtomicLong();

  private Promise<Void> stopped;
  private boolean warned;
  private long warnedAt;
  private long failures;
  private long dropped;

  /**
   * A route's endpoint with its lanes.
   *
   * @param share bytes that may wait here
   * @param source the namespace's name
   * @param publish read anew for each event; shared by all on this event loop
   */
  Webhook(
      Vertx vertx,
      Route route,
      long share,
      Limits limits,
      RetrySchedule schedule,
      String source,
      Publish publish,
      Telemetry telemetry) {
    this.vertx = vertx;
    this.route = route;
    this.filters =
        route.topicFilters().stream().map(f -> f.getBytes(StandardCharsets.UTF_8)).toList();
    this.share = share;
    this.attemptsAllowed = limits.intValue(Limit.ROUTE_ATTEMPTS);
    this.timeoutMillis = limits.get(Limit.ROUTE_TIMEOUT) * 1_000;
    this.schedule = schedule;
    this.source = source;
    this.publish = publish;
    this.telemetry = telemetry;
    matched = telemetry.adder(Meter.EVENTS_MATCHED, route.name());
    taken = telemetry.adder(Meter.EVENTS_ROUTED, route.name());
    retried = telemetry.adder(Meter.EVENTS_RETRIED, route.name());
    lanes = Stream.generate(Lane::new).limit(route.lanes()).toArray(Lane[]::new);
  }

  /** Whether the route covers a topic. */
  boolean covers(byte[] topic, int offset, int length) {
    for (byte[] filter : filters) {
      if (Topics.matches(filter, topic, offset, length)) {
        return true;
      }
    }
    return false;
  }

  /** Events that wait or are in flight; any thread. */
  long pendingEvents() {
    return pendingEvents.get();
  }

  /** What they cost; any thread. */
  long pendingBytes() {
    return pendingBytes.get();
  }

  /** Queues a message, or drops it where the route's share is used up. */
  void accept(Bus.RoutedMessage message) {
    matched.increment();
    long cost = cost(message);
    if (pendingBytes.get() + cost > share) {
      telemetry.lost(Loss.ROUTE_QUEUE_FULL, 1);
      dropped++;
      warn("its queue is full");
      return;
    }
    pendingEvents.incrementAndGet();
    pendingBytes.addAndGet(cost);
    // connection numbers may share their low bits: spread them
    long spread = message.publisher().connection() * 0x9e3779b97f4a7c15L;
    lanes[(int) ((spread >>> 33) % lanes.length)].add(message);
  }

  /**
   * Goes on sending for a moment, except where a lane waits for a retry; completes when nothing is
   * pending any more, what was not sent being in the ledger.
   */
  Future<Void> stop() {
    stopped = Promise.promise();
    for (Lane lane : lanes) {
      if (lane.retrying) {
        lane.abandon();
      }
    }
    long timer =
        vertx.setTimer(
            DRAIN_MILLIS,
            t -> {
              for (Lane lane : lanes) {
                lane.abandon();
              }
            });
    completeIfIdle();
    return stopped
        .future()
        .onComplete(
            done -> {
              vertx.cancelTimer(timer);
              for (Lane lane : lanes) {
                lane.client.close();
              }
            });
  }

  private static long cost(Bus.RoutedMessage message) {
    return (long) message.packet().length + EVENT_BYTES;
  }

  private void settled(Bus.RoutedMessage message) {
    pendingEvents.decrementAndGet();
    pendingBytes.addAndGet(-cost(message));
  }

  private void completeIfIdle() {
    if (stopped != null && pendingEvents.get() == 0) {
      stopped.tryComplete();
    }
  }

  /** At most a line per route in 30 s, without path, query and user-info, which may be secrets. */
  private void warn(String what) {
    long now = System.nanoTime();
    if (warned && now - warnedAt < QUIET_NANOS) {
      return;
    }
    warned = true;
    warnedAt = now;
    URI endpoint = route.endpoint();
    LOG.warn(
        "route {}: {}://{}: {} (since the last such line: {} failed deliveries, {} events dropped;"
            + " pending: {} events, {} bytes)",
        route.name(),
        endpoint.getScheme(),
        endpoint.getHost() + (endpoint.getPort() < 0 ? "" : ":" + endpoint.getPort()),
        what,
        failures,
        dropped,
        pendingEvents.get(),
        pendingBytes.get());
    failures = 0;
    dropped = 0;
  }

  /** What a failure was, in words of ours: those of the client name the whole URL. */
  private String reason(Throwable failure, boolean overdue) {
    if (overdue || failure instanceof TimeoutException) {
      return "no complete answer (allowed: within " + timeoutMillis + " ms)";
    }
    if (failure instanceof HttpClosedException) {
      return "closed before its answer was complete";
    }
    if (failure instanceof UnknownHostException) {
      return "host not found";
    }
    if (failure instanceof SSLException) {
      return "TLS failed: " + failure.getMessage();
    }
    if (failure instanceof ConnectException) {
      return "no connection";
    }
    return failure.getClass().getSimpleName();
  }

  /** A queue, a connection, and one request at a time. */
  private final class Lane {
    final WebClient client;
    private final HttpRequest<Void> request;
    private final ArrayDeque<Bus.RoutedMessage> queue = new ArrayDeque<>();
    private HttpConnection connection;
    private Buffer event;
    private int attempts;
    private boolean sending;
    private boolean retrying;
    private boolean overdue;

    Lane() {
      // A client of its own: the one connection in its pool is then known, and can be closed when
      // its time is up. The client's timeouts end a silence, not an answer that trickles.
      HttpClientOptions options =
          new HttpClientOptions()
              .setProtocolVersion(HttpVersion.HTTP_1_1)
              .setConnectTimeout((int) timeoutMillis)
              .setTcpNoDelay(true);
      options.setSslHandshakeTimeout(timeoutMillis);
      options.setSslHandshakeTimeoutUnit(TimeUnit.MILLISECONDS);
      HttpClientAgent agent =
          vertx
              .httpClientBuilder()
              .with(options)
              .with(new PoolOptions().setHttp1MaxSize(1))
              .withConnectHandler(opened -> connection = opened)
              .build();
      client =
          WebClient.wrap(
              agent, new WebClientOptions().setFollowRedirects(false).setUserAgent("busbar"));
      URI endpoint = route.endpoint();
      boolean tls = "https".equalsIgnoreCase(endpoint.getScheme());
      int port = endpoint.getPort() >= 0 ? endpoint.getPort() : tls ? 443 : 80;
      String host = endpoint.getHost();
      if (host.startsWith("[")) {
        host = host.substring(1, host.length() - 1);
      }
      String path = endpoint.getRawPath().isEmpty() ? "/" : endpoint.getRawPath();
      String query = endpoint.getRawQuery() == null ? "" : "?" + endpoint.getRawQuery();
      HttpRequest<Buffer> post =
          client
              .request(HttpMethod.POST, port, host, path + query)
              .ssl(tls)
              .putHeader("content-type", CloudEvent.CONTENT_TYPE)
              // not timeout(): its timer for connecting fires when the connection is long made, and
              // fails in the client; connecting is bounded by the options above
              .idleTimeout(timeoutMillis);
      String user = endpoint.getUserInfo();
      if (user != null) {
        int colon = user.indexOf(':');
        post.basicAuthentication(
            colon < 0 ? user : user.substring(0, colon),
            colon < 0 ? "" : user.substring(colon + 1));
      }
      request = post.as(BodyCodec.none());
    }

    void add(Bus.RoutedMessage message) {
      queue.add(message);
      if (!sending) {
        next();
      }
    }

    private void next() {
      Bus.RoutedMessage message = queue.peek();
      sending = message != null;
      if (!sending) {
        return;
      }
      RoutingVerticle.read(publish, message);
      String id = UUID.randomUUID().toString();
      event =
          Buffer.buffer(
              CloudEvent.json(publish, message.version(), message.receivedAt(), source, id));
      attempts = 0;
      send();
    }

    private void send() {
      retrying = false;
      overdue = false;
      attempts++;
      // again and again, since the first time may find the connection not yet made
      long deadline =
          vertx.setPeriodic(
              timeoutMillis,
              t -> {
                overdue = true;
                if (connection != null) {
                  connection.close();
                }
              });
      request
          .sendBuffer(event)
          .onComplete(
              answer -> {
                vertx.cancelTimer(deadline);
                if (!queue.isEmpty()) { // else abandoned meanwhile, and in the ledger
                  answered(answer);
                }
              });
    }

    private void answered(AsyncResult<HttpResponse<Void>> answer) {
      int status = answer.succeeded() ? answer.result().statusCode() : RetrySchedule.NO_ANSWER;
      Verdict verdict = RetrySchedule.verdict(status);
      if (verdict == Verdict.TAKEN) {
        taken.increment();
        settle();
        return;
      }
      failures++;
      warn(answer.succeeded() ? "answered " + status : reason(answer.cause(), overdue));
      if (verdict == Verdict.REFUSED || attempts >= attemptsAllowed) {
        telemetry.lost(Loss.ROUTE_UNDELIVERED, 1);
        settle();
      } else if (stopped != null) {
        abandon();
      } else {
        retrying = true;
        double jitter = ThreadLocalRandom.current().nextDouble();
        vertx.setTimer(
            Math.max(1, schedule.delayMillis(attempts + 1, status, jitter)),
            t -> {
              if (!queue.isEmpty()) { // else abandoned meanwhile
                retried.increment();
                send();
              }
            });
      }
    }

    private void settle() {
      settled(queue.remove());
      event = null;
      next();
      completeIfIdle();
    }

    /** Gives up all that is here: the node stops. */
    void abandon() {
      telemetry.lost(Loss.ROUTE_STOPPED, queue.size());
      queue.forEach(Webhook.this::settled);
      queue.clear();
      event = null;
      completeIfIdle();
    }
  }
}
