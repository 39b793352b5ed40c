package io.busbar.broker;

import io.busbar.config.Guard;
import io.busbar.config.TlsEngine;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.PemTrustOptions;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;

/**
 * Fetches what is behind URLs, with http or https: whole, within a time, and up to a size.
 * Redirects are not followed; an answer counts with status 200 alone. For one context.
 */
final class Fetch {
  /** Connections to one host. */
  private static final int CONNECTIONS = 16;

  private static final int MAX_WAITING = 10_000;

  /** Of Cache-Control (RFC 9111 section 5.2.2). */
  private static final Pattern NOT_KEPT =
      Pattern.compile("(?:^|[\\s,])no-(?:store|cache)(?![\\w-])");

  private static final Pattern MAX_AGE =
      Pattern.compile("(?:^|[\\s,])max-age=\"?([0-9]{1,10})(?![0-9])");
  private static final Pattern SECONDS = Pattern.compile("[0-9]{1,10}");

  private final Vertx vertx;
  private final Optional<Guard> guard;
  private final Optional<Path> authority;
  private HttpClient client;

  /**
   * What one answer may be.
   *
   * @param timeout until it is there, in milliseconds
   * @param bytes of its body, at most
   */
  record Bounds(long timeout, int bytes) {}

  /**
   * An answer that counts.
   *
   * @param fresh how long it stays so (RFC 9111 section 4.2), where it says that
   */
  record Answer(Buffer body, Optional<Duration> fresh) {}

  /** No answer that counts; its message says why, and may be shown to whoever asks. */
  static final class Failed extends Exception {
    private static final long serialVersionUID = 1L;

    Failed(String why) {
      super(why, null, false, false);
    }
  }

  /**
   * Fetches.
   *
   * @param guard whom nothing is sent to; none where the operator wrote the URLs
   */
  Fetch(Vertx vertx, Optional<Guard> guard) {
    this(vertx, guard, Optional.empty());
  }

  /**
   * Fetches from servers that an authority vouches for.
   *
   * @param authority PEM file of it; none for those that the JVM trusts
   */
  Fetch(Vertx vertx, Optional<Guard> guard, Optional<Path> authority) {
    this.vertx = vertx;
    this.guard = guard;
    this.authority = authority;
  }

  /** A place, without what may be long or secret in it. */
  static String place(URI url) {
    return url.getScheme() + "://" + url.getHost() + (url.getPort() < 0 ? "" : ":" + url.getPort());
  }

  /** What is there; fails with {@link Failed}. */
  Future<Buffer> get(URI from, Bounds bounds) {
    return answer(from, bounds).map(Answer::body);
  }

  /** The same, with how long it is so. */
  Future<Answer> answer(URI from, Bounds bounds) {
    return call(HttpMethod.GET, from, null, null, bounds);
  }

  /** What is answered to something; fails with {@link Failed}. */
  Future<Buffer> post(URI to, String type, Buffer body, Bounds bounds) {
    return call(HttpMethod.POST, to, type, body, bounds).map(Answer::body);
  }

  /**
   * How long an answer stays fresh by its headers; empty if they do not say, zero if not at all.
   */
  static Optional<Duration> fresh(MultiMap headers) {
    String control = String.join(",", headers.getAll("cache-control")).toLowerCase(Locale.ROOT);
    if (NOT_KEPT.matcher(control).find()) {
      return Optional.of(Duration.ZERO);
    }
    Matcher age = MAX_AGE.matcher(control);
    if (age.find()) {
      String since = headers.get("age");
      long passed = since != null && SECONDS.matcher(since).matches() ? Long.parseLong(since) : 0;
      return Optional.of(Duration.ofSeconds(Math.max(0, Long.parseLong(age.group(1)) - passed)));
    }
    return Optional.empty();
  }

  private Future<Answer> call(
      HttpMethod method, URI place, String type, Buffer body, Bounds bounds) {
    Optional<String> forbidden = guard.flatMap(one -> one.whyNot(place.getHost()));
    if (forbidden.isPresent()) {
      return Future.failedFuture(new Failed(forbidden.get()));
    }
    RequestOptions options =
        new RequestOptions()
            .setMethod(method)
            .setAbsoluteURI(place.toString())
            .setConnectTimeout(bounds.timeout)
            .putHeader("user-agent", "busbar");
    if (type != null) {
      options.putHeader("content-type", type);
    }
    Call call = new Call(bounds);
    long timer =
        vertx.setTimer(
            bounds.timeout,
            t -> call.fail("no whole answer within %d ms".formatted(bounds.timeout)));
    client()
        .request(options)
        .onSuccess(request -> call.send(request, body))
        .onFailure(
            e ->
                call.fail(
                    e instanceof SSLException
                        ? "has no certificate that is trusted and has its name"
                        : "cannot be reached"));
    return call.answer.future().onComplete(done -> vertx.cancelTimer(timer));
  }

  private HttpClient client() {
    if (client == null) {
      HttpClientOptions options = new HttpClientOptions().setVerifyHost(true);
      TlsEngine.choose(options);
      authority.ifPresent(
          file -> options.setTrustOptions(new PemTrustOptions().addCertPath(file.toString())));
      client =
          vertx.createHttpClient(
              options,
              new PoolOptions().setHttp1MaxSize(CONNECTIONS).setMaxWaitQueueSize(MAX_WAITING));
    }
    return client;
  }

  /** One request, which ends once: with its answer, or with what went wrong. */
  private final class Call {
    private final Bounds bounds;
    private final Promise<Answer> answer = Promise.promise();
    private final Buffer body = Buffer.buffer();
    private HttpClientRequest request;

    Call(Bounds bounds) {
      this.bounds = bounds;
    }

    void fail(String why) {
      if (answer.tryFail(new Failed(why)) && request != null) {
        request.reset();
      }
    }

    void send(HttpClientRequest ready, Buffer question) {
      request = ready;
      ready.exceptionHandler(e -> fail("gave no answer"));
      if (answer.future().isComplete()) {
        ready.reset();
        return;
      }
      // a name may have led anywhere
      String address = ready.connection().remoteAddress().hostAddress();
      Optional<String> forbidden = guard.flatMap(one -> one.whyNotReached(address));
      if (forbidden.isPresent()) {
        fail(forbidden.get());
        return;
      }
      Future<HttpClientResponse> response = question == null ? ready.send() : ready.send(question);
      response.onSuccess(this::take).onFailure(e -> fail("gave no answer"));
    }

    private void take(HttpClientResponse response) {
      response.exceptionHandler(e -> fail("its answer broke off"));
      if (response.statusCode() != 200) {
        fail("answered with status " + response.statusCode() + " (allowed: 200)");
        return;
      }
      response.handler(
          part -> {
            if (body.length() + part.length() > bounds.bytes) {
              fail("its answer is larger than " + bounds.bytes + " bytes");
            } else {
              body.appendBuffer(part);
            }
          });
      response.endHandler(done -> answer.tryComplete(new Answer(body, fresh(response.headers()))));
    }
  }
}
