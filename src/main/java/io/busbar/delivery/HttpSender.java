package io.busbar.delivery;

import io.busbar.config.Guard;
import io.busbar.config.TlsEngine;
import io.vertx.core.AsyncResult;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.ext.web.client.HttpRequest;
import io.vertx.ext.web.client.HttpResponse;
import io.vertx.ext.web.client.WebClient;
import io.vertx.ext.web.client.WebClientOptions;
import io.vertx.ext.web.codec.BodyCodec;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLException;

/**
 * Sends requests to one place, over HTTP/1.1 or, where it offers that with TLS, HTTP/2. Redirects
 * are not followed; of an answer nothing is looked at but its status and one header. For one event
 * loop.
 */
final class HttpSender {
  private static final int HTTPS = 443;
  private static final int HTTP = 80;

  private final Vertx vertx;
  private final URI to;
  private final boolean isTls;
  private final Setup setup;
  private final int requests;
  private WebClient client;
  private boolean isClosed;

  /** Why the last connection was not used, or null. */
  private String forbidden;

  /**
   * What holds for all places.
   *
   * @param authority who signs certificates, or none for those that the JVM trusts
   * @param timeout for an answer, in milliseconds
   */
  record Setup(Guard guard, Optional<Path> authority, long timeout) {}

  /**
   * What came of a request.
   *
   * @param header the one that was asked for, or null
   */
  record Reply(Endpoint.Answer answer, String header) {}

  HttpSender(Vertx vertx, URI to, Setup setup, int requests) {
    this.vertx = vertx;
    this.to = to;
    this.isTls = "https".equalsIgnoreCase(to.getScheme());
    this.setup = setup;
    this.requests = requests;
    this.client = client();
  }

  private WebClient client() {
    HttpClientOptions options =
        new HttpClientOptions()
            .setSsl(isTls)
            .setUseAlpn(isTls)
            .setVerifyHost(true)
            .setProtocolVersion(isTls ? HttpVersion.HTTP_2 : HttpVersion.HTTP_1_1)
            .setConnectTimeout((int) setup.timeout)
            .setTcpNoDelay(true);
    TlsEngine.choose(options);
    options.setSslHandshakeTimeout(setup.timeout).setSslHandshakeTimeoutUnit(TimeUnit.MILLISECONDS);
    setup
        .authority
        .filter(file -> isTls)
        .ifPresent(
            file -> options.setTrustOptions(new PemTrustOptions().addCertPath(file.toString())));
    return WebClient.wrap(
        vertx
            .httpClientBuilder()
            .with(options)
            .with(new PoolOptions().setHttp1MaxSize(requests).setHttp2MaxSize(1))
            .withConnectHandler(this::connected)
            .build(),
        new WebClientOptions().setFollowRedirects(false).setUserAgent("busbar"));
  }

  /** A name may have led anywhere. */
  private void connected(HttpConnection connection) {
    Optional<String> why = Guard.whyNotAddress(connection.remoteAddress().hostAddress());
    if (why.isPresent()) {
      forbidden = why.get();
      connection.close();
    }
  }

  /** Where it is, without what may be secret. */
  String place() {
    return to.getScheme() + "://" + to.getHost() + (to.getPort() < 0 ? "" : ":" + to.getPort());
  }

  void close() {
    isClosed = true;
    client.close();
  }

  /** A request to that place. */
  HttpRequest<Void> request(HttpMethod method, String below) {
    String path = to.getRawPath() + below;
    String host = to.getHost();
    HttpRequest<Buffer> request =
        client
            .request(
                method,
                to.getPort() >= 0 ? to.getPort() : isTls ? HTTPS : HTTP,
                host.startsWith("[") ? host.substring(1, host.length() - 1) : host,
                (path.isEmpty() ? "/" : path)
                    + (to.getRawQuery() == null ? "" : "?" + to.getRawQuery()))
            .ssl(isTls)
            .idleTimeout(setup.timeout);
    String user = to.getUserInfo();
    if (user != null) {
      int colon = user.indexOf(':');
      request.basicAuthentication(
          colon < 0 ? user : user.substring(0, colon), colon < 0 ? "" : user.substring(colon + 1));
    }
    return request.as(BodyCodec.none());
  }

  /** Sends it; never fails. */
  Future<Reply> send(HttpRequest<Void> request, Buffer body, String header) {
    Optional<String> why = setup.guard.whyNot(to.getHost());
    if (why.isPresent()) {
      return Future.succeededFuture(new Reply(new Endpoint.Answer(0, why.get()), null));
    }
    Promise<Reply> reply = Promise.promise();
    WebClient with = client;
    long timer =
        vertx.setTimer(
            setup.timeout,
            t -> {
              if (reply.tryComplete(overdue())) {
                replace(with);
              }
            });
    request
        .sendBuffer(body)
        .onComplete(
            answer -> {
              vertx.cancelTimer(timer);
              reply.tryComplete(reply(answer, header));
            });
    return reply.future();
  }

  /**
   * An answer that trickles ends with its connection alone: that of the client which waits for it.
   * What else that has to do ends in time.
   */
  private void replace(WebClient old) {
    if (client == old && !isClosed) {
      client = client();
      vertx.setTimer(setup.timeout, t -> old.close());
    }
  }

  private Reply overdue() {
    return new Reply(
        new Endpoint.Answer(
            Endpoint.TIMED_OUT,
            "no complete answer (allowed: within %d ms)".formatted(setup.timeout)),
        null);
  }

  /** In words of ours: those of the client name the whole URL. */
  private Reply reply(AsyncResult<HttpResponse<Void>> answer, String header) {
    if (answer.succeeded()) {
      HttpResponse<Void> response = answer.result();
      return new Reply(
          new Endpoint.Answer(response.statusCode(), ""),
          header == null ? null : response.getHeader(header));
    }
    Throwable e = answer.cause();
    if (forbidden != null) {
      Reply reply = new Reply(new Endpoint.Answer(0, forbidden), null);
      forbidden = null;
      return reply;
    } else if (e instanceof TimeoutException) {
      return overdue();
    }
    String text =
        e instanceof UnknownHostException
            ? "host not found"
            : e instanceof SSLException
                ? "TLS failed: " + e.getMessage()
                : e instanceof ConnectException
                    ? "no connection"
                    : "closed before its answer was complete: " + e.getClass().getSimpleName();
    int status = e instanceof UnknownHostException ? Endpoint.UNKNOWN_HOST : 0;
    return new Reply(new Endpoint.Answer(status, text), null);
  }
}
