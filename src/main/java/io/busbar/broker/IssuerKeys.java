package io.busbar.broker;

import io.busbar.config.ConfigException;
import io.busbar.config.Guard;
import io.busbar.config.JwkSet;
import io.busbar.config.Limit;
import io.busbar.config.Settings;
import io.busbar.policy.PublishedKeys;
import io.busbar.policy.TokenIssuer.Published;
import io.busbar.policy.TokenKey;
import io.busbar.telemetry.LimitedLog;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.net.URI;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Fetches the keys that issuers of tokens publish: when the namespace names an issuer, again before
 * they are old, and when a token names a key that is not among them. Whoever wants to know waits
 * for the one fetch, and no token, whatever it names, has an issuer asked more often than it may
 * be. Keys that cannot be fetched again count for a while, then none does.
 *
 * <p>For one thread, the authorization verticle's.
 */
final class IssuerKeys {
  /** Less than connections wait for authorization, in milliseconds. */
  private static final long WAIT = 4_000;

  /** Two of them follow each other where keys are discovered. */
  private static final Fetch.Bounds DOCUMENT = new Fetch.Bounds(3_000, 256 << 10);

  /** Headers cannot have keys fetched more often without need, in milliseconds. */
  private static final long LEAST = 60_000;

  /** As long as nothing else goes wrong it is said once in this time, in milliseconds. */
  private static final long SAY_AGAIN = 60_000;

  private final Vertx vertx;
  private final Broker broker;
  private final PublishedKeys known;
  private final Runnable changed;
  private final LimitedLog log;
  private final Fetch fetch;
  private final long refresh;
  private final long again;
  private final long stale;
  private final Map<Published, Source> sources = new HashMap<>();

  /** What an issuer has published. */
  private record Read(List<TokenKey> keys, Optional<Duration> fresh) {}

  /**
   * Without any issuer.
   *
   * @param known is told of the keys
   * @param changed run when a key is gone of which a client may have a token
   */
  IssuerKeys(Vertx vertx, Broker broker, PublishedKeys known, Runnable changed, LimitedLog log) {
    this.vertx = vertx;
    this.broker = broker;
    this.known = known;
    this.changed = changed;
    this.log = log;
    Settings.TokenIssuers settings = broker.settings.tokenIssuers();
    this.fetch =
        new Fetch(vertx, Optional.of(new Guard(settings.allowedHosts())), settings.authority());
    this.refresh = settings.refresh().toMillis();
    this.again = settings.again().toMillis();
    this.stale = settings.stale().toMillis();
  }

  /** From now on these are where issuers publish their keys. */
  void are(Set<Published> places) {
    sources
        .entrySet()
        .removeIf(
            one -> {
              boolean isOver = !places.contains(one.getKey());
              if (isOver) {
                one.getValue().end();
              }
              return isOver;
            });
    known.asked(places);
    for (Published place : places) {
      if (!sources.containsKey(place)) {
        Source source = new Source(place);
        sources.put(place, source);
        source.fetch();
      }
    }
  }

  /** The keys of an issuer, if they are known and count still. */
  Optional<List<TokenKey>> of(Published place) {
    return Optional.ofNullable(sources.get(place)).flatMap(Source::good);
  }

  /**
   * The keys of an issuer, fetched just now or a moment ago. Fails with {@link Fetch.Failed}, whose
   * message may be shown, if they cannot be had.
   */
  Future<List<TokenKey>> newer(Published place) {
    Source source = sources.get(place);
    if (source == null) {
      return Future.failedFuture(new Fetch.Failed("the issuer is not asked any more"));
    }
    return source
        .newer()
        .timeout(WAIT, TimeUnit.MILLISECONDS)
        .recover(
            e ->
                Future.failedFuture(
                    e instanceof Fetch.Failed
                        ? e
                        : new Fetch.Failed("no answer within %d ms".formatted(WAIT))));
  }

  private static long now() {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime());
  }

  /** Where one issuer's keys are. */
  private final class Source {
    private final Published place;

    /** As they were fetched last, or null. */
    private List<TokenKey> keys;

    /** Until when they count. */
    private long until;

    /** While they are being fetched. */
    private Future<List<TokenKey>> fetching;

    /** From when on a token may have them fetched. */
    private long free = now();

    /** Why they were not fetched the last time, or null. */
    private String whyNot;

    /** From when on the same is said again. */
    private long quietUntil = now();

    private long timer = -1;
    private boolean isOver;

    Source(Published place) {
      this.place = place;
    }

    void end() {
      isOver = true;
      vertx.cancelTimer(timer);
    }

    Optional<List<TokenKey>> good() {
      return keys != null && now() - until < 0 ? Optional.of(keys) : Optional.empty();
    }

    Future<List<TokenKey>> newer() {
      if (fetching != null) {
        return fetching;
      }
      if (now() - free >= 0) {
        return fetch();
      }
      return whyNot == null
          ? Future.succeededFuture(keys)
          : Future.failedFuture(new Fetch.Failed(whyNot));
    }

    /** Fetches; whoever comes meanwhile waits for the same. */
    Future<List<TokenKey>> fetch() {
      if (fetching != null) {
        return fetching;
      }
      vertx.cancelTimer(timer);
      Promise<List<TokenKey>> answer = Promise.promise();
      fetching = answer.future();
      read()
          .onComplete(
              read -> {
                fetching = null;
                if (isOver) {
                  answer.fail(new Fetch.Failed("the issuer is not asked any more"));
                  return;
                }
                free = now() + again;
                if (read.succeeded()) {
                  taken(read.result());
                  answer.complete(keys);
                } else {
                  refused(read.cause());
                  answer.fail(new Fetch.Failed(whyNot));
                }
              });
      return answer.future();
    }

    private Future<Read> read() {
      return place.issuer().isEmpty()
          ? set(place.at())
          : fetch
              .get(place.at(), DOCUMENT)
              .map(body -> JwkSet.place(body.getBytes(), place.issuer().get()))
              .recover(e -> Future.failedFuture(named(place.at(), e)))
              .compose(this::set);
    }

    private Future<Read> set(URI at) {
      int most = broker.limits.intValue(Limit.ISSUER_KEYS);
      return fetch
          .answer(at, DOCUMENT)
          .map(answer -> new Read(JwkSet.read(answer.body().getBytes(), most), answer.fresh()))
          .recover(e -> Future.failedFuture(named(at, e)));
    }

    private Fetch.Failed named(URI at, Throwable e) {
      String why =
          e instanceof Fetch.Failed || e instanceof ConfigException
              ? e.getMessage()
              : "what is there cannot be read";
      return new Fetch.Failed(Fetch.place(at) + ": " + why);
    }

    private void taken(Read read) {
      long fresh =
          Math.max(
              Math.min(LEAST, refresh),
              Math.min(refresh, read.fresh.map(Duration::toMillis).orElse(refresh)));
      broker.telemetry.count(Meter.ISSUER_KEYS, "loaded");
      if (whyNot != null || !read.keys.equals(keys)) {
        log.info("keys of a token issuer are known: place={} keys={}", shown(), read.keys.size());
      }
      whyNot = null;
      quietUntil = now();
      keys = read.keys;
      until = now() + fresh + stale;
      // ahead of time, so that none has to wait for it
      later(fresh - fresh / 10);
      if (known.are(place, keys)) {
        changed.run();
      }
    }

    private void refused(Throwable e) {
      broker.telemetry.count(Meter.ISSUER_KEYS, "refused");
      whyNot = e.getMessage();
      if (now() - quietUntil >= 0) {
        quietUntil = now() + SAY_AGAIN;
        String then =
            good().isPresent()
                ? "those known count for %d s more".formatted((until - now()) / 1_000)
                : "its tokens are refused with 0x88";
        log.warn(
            "keys of a token issuer could not be fetched, {}; is the place right, is it reached"
                + " from here, is it trusted (tokenIssuers.authority) and allowed"
                + " (tokenIssuers.allowedHosts)? place={} cause={}",
            then,
            shown(),
            whyNot);
      }
      later(again);
    }

    /** Without its query, which may hold a secret. */
    private String shown() {
      return Fetch.place(place.at()) + place.at().getRawPath();
    }

    private void later(long millis) {
      timer = vertx.setTimer(Math.max(1, millis), t -> fetch());
    }
  }
}
