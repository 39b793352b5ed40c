package io.busbar.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.bus.Bus;
import io.busbar.policy.AccessKeys;
import io.busbar.policy.EventMatcher;
import io.busbar.policy.Resource.Kind;
import io.busbar.shard.Command;
import io.busbar.shard.Command.Return;
import io.busbar.shard.Outcome;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.netty.util.NetUtil;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.EventBus;
import io.vertx.core.eventbus.ReplyException;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.net.URLDecoder;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Events over HTTP, as Event Grid's data plane has it: published to topics, and received,
 * acknowledged, released, rejected and renewed by whoever reads a subscription. A publish is
 * answered when the events are durable.
 *
 * <pre>
 *   POST /topics/T:publish
 *   POST /topics/T/eventsubscriptions/S:receive|acknowledge|release|reject|renewLock
 * </pre>
 *
 * <p>For one event loop.
 */
final class Events {
  private static final String PREFIX = "/topics/";
  private static final Pattern PATH =
      Pattern.compile(
          "/topics/([^/:]{1,128})(?:/eventsubscriptions/([^/:]{1,128}))?:([a-z]{1,16})",
          Pattern.CASE_INSENSITIVE);
  private static final Set<String> VERSIONS =
      Set.of("2023-06-01-preview", "2023-10-01-preview", "2023-11-01", "2024-06-01");
  private static final Set<String> OPERATIONS =
      Set.of("receive", "acknowledge", "release", "reject", "renewlock");
  private static final Set<String> DELAYS = Set.of("0", "10", "60", "600", "3600");
  private static final int MAX_EVENTS = 100;
  private static final int MIN_WAIT = 10;
  private static final int MAX_WAIT = 120;
  private static final int DEFAULT_WAIT = 60;
  private static final int MAX_WAITING = 10_000;

  /** An answer has so many bytes of events at most, unless it is one. */
  private static final long MAX_BYTES = 1 << 20;

  /** How often those that wait look for themselves, in milliseconds: a bell may be lost. */
  private static final long LOOK = 5_000;

  /** How SAS tokens write when they end. */
  private static final DateTimeFormatter END =
      DateTimeFormatter.ofPattern("M/d/yyyy h:mm:ss a", Locale.ROOT);

  private final EventBus bus;
  private final Telemetry telemetry;
  private final ApiKeys apiKeys;
  private final Map<String, LinkedHashSet<Waiting>> waiting = new HashMap<>();
  private int waits;
  private Vertx vertx;

  /**
   * The events of a node.
   *
   * @param apiKeys whose owners and operators may do everything here too, or null if whoever comes
   *     may
   */
  Events(EventBus bus, Telemetry telemetry, ApiKeys apiKeys) {
    this.bus = bus;
    this.telemetry = telemetry;
    this.apiKeys = apiKeys;
  }

  /** Whether a path is one of them. */
  static boolean handles(String path) {
    return path != null && path.startsWith(PREFIX);
  }

  void start(Vertx ofNode) {
    vertx = ofNode;
    bus.<Bus.Local>localConsumer(
        Bus.EVENTS, message -> ready(((Bus.Ready) message.body()).queues()));
    vertx.setPeriodic(LOOK, t -> ready(Set.copyOf(waiting.keySet())));
  }

  /** Answers a request, when there is an answer. */
  Future<Buffer> answer(HttpServerRequest request, byte[] body) {
    try {
      Matcher path = PATH.matcher(request.path());
      if (!path.matches()) {
        throw new ApiError(
            404,
            "NotFound",
            "no such path (allowed: /topics/TOPIC:publish,"
                + " /topics/TOPIC/eventsubscriptions/NAME:receive|acknowledge|release|reject|renewLock)");
      }
      if (!request.method().equals(HttpMethod.POST)) {
        request.response().putHeader("allow", "POST");
        throw new ApiError(405, "MethodNotAllowed", "method not allowed (allowed: POST)");
      }
      String version = request.getParam("api-version");
      if (version == null || !VERSIONS.contains(version)) {
        throw new ApiError(
            400,
            "InvalidApiVersionParameter",
            "the api-version is missing or not known (allowed: 2024-06-01)");
      }
      String topic = URLDecoder.decode(path.group(1), UTF_8);
      String subscription = path.group(2) == null ? null : URLDecoder.decode(path.group(2), UTF_8);
      String operation = path.group(3).toLowerCase(Locale.ROOT);
      return bus.<Bus.Local>request(
              Bus.AUTHORIZATION,
              new Bus.FindTopic(Kind.TOPIC.id(topic), address(request)),
              Bus.local(Resources.TIMEOUT))
          .compose(
              reply -> {
                Bus.FoundTopic found = (Bus.FoundTopic) reply.body();
                if (!found.isReachable()) {
                  throw new ApiError(
                      403,
                      "PublicNetworkAccessDenied",
                      "the namespace is not reached from this address (inboundIpRules, publicNetworkAccess)");
                }
                requireKey(request, found.keys());
                if (found.topic() == null) {
                  throw ApiError.notFound("topic '%s'".formatted(shown(topic)));
                }
                return subscription == null
                    ? publish(request, operation, found, body)
                    : subscribed(request, operation, found, subscription, body);
              });
    } catch (ApiError | IllegalArgumentException e) {
      return Future.failedFuture(
          e instanceof ApiError ? e : ApiError.invalid("the path cannot be read"));
    }
  }

  // --- what is counted ---

  private Future<Buffer> timed(String operation, Future<Buffer> answer) {
    long begun = System.nanoTime();
    return answer.onSuccess(
        done ->
            telemetry
                .timer(Meter.EVENTS_TIME, operation)
                .record(System.nanoTime() - begun, TimeUnit.NANOSECONDS));
  }

  private void handled(String subscription, String operation, String result, int events) {
    telemetry.adder(Meter.EVENTS_HANDLED, subscription, operation, result).add(events);
  }

  /** What a request fails with, as a tag. */
  private static String result(Throwable cause) {
    if (!(cause instanceof ApiError error)) {
      return cause instanceof ReplyException ? "unavailable" : "gone";
    }
    return error.code().replaceAll("([a-z])([A-Z])", "$1_$2").toLowerCase(Locale.ROOT);
  }

  private static byte[] address(HttpServerRequest request) {
    return NetUtil.createByteArrayFromIpAddressString(request.remoteAddress().hostAddress());
  }

  private static String shown(String name) {
    return name.length() > 50 ? name.substring(0, 50) + "…" : name;
  }

  // --- who asks ---

  private void requireKey(HttpServerRequest request, AccessKeys keys) {
    if (apiKeys == null) {
      return;
    }
    String given = request.getHeader("authorization");
    if (given == null) {
      throw unauthorized("no key is given (allowed: Authorization: SharedAccessKey KEY)");
    }
    int space = given.indexOf(' ');
    String scheme = space < 0 ? "" : given.substring(0, space).toLowerCase(Locale.ROOT);
    String value = given.substring(space + 1).strip();
    boolean isKnown =
        switch (scheme) {
          case "sharedaccesskey" ->
              keys != null && isOne(isSame(value, keys.key1()), isSame(value, keys.key2()));
          case "sharedaccesssignature" -> keys != null && isSigned(value, request.path(), keys);
          case "bearer" ->
              apiKeys
                  .caller(value.getBytes(UTF_8))
                  .filter(caller -> caller.role().compareTo(Role.OPERATOR) >= 0)
                  .isPresent();
          default -> false;
        };
    if (!isKnown) {
      throw unauthorized("the key, signature or token is not known, or has expired");
    }
  }

  private static ApiError unauthorized(String why) {
    return new ApiError(401, "Unauthorized", why);
  }

  /** Both were looked at, so that how long it takes tells nothing. */
  private static boolean isOne(boolean first, boolean second) {
    return first || second;
  }

  private static boolean isSame(String given, String key) {
    return MessageDigest.isEqual(given.getBytes(UTF_8), key.getBytes(UTF_8));
  }

  /**
   * A signature of one of the keys over resource and end, {@code r=…&e=…&s=…}, for a path that is
   * the resource's or below it.
   */
  private static boolean isSigned(String token, String path, AccessKeys keys) {
    Matcher parts = Pattern.compile("(r=([^&]*)&e=([^&]*))&s=([^&]*)").matcher(token);
    if (!parts.matches()) {
      return false;
    }
    try {
      String end = URLDecoder.decode(parts.group(3), UTF_8).toUpperCase(Locale.ROOT);
      boolean isOver = LocalDateTime.parse(end, END).isBefore(LocalDateTime.now(ZoneOffset.UTC));
      byte[] given = Base64.getDecoder().decode(URLDecoder.decode(parts.group(4), UTF_8));
      boolean isOne = MessageDigest.isEqual(given, signature(parts.group(1), keys.key1()));
      boolean isOther = MessageDigest.isEqual(given, signature(parts.group(1), keys.key2()));
      boolean isFor = isBelow(path, URI.create(URLDecoder.decode(parts.group(2), UTF_8)).getPath());
      return !isOver && isFor && isOne(isOne, isOther);
    } catch (DateTimeException | IllegalArgumentException e) {
      return false;
    }
  }

  private static boolean isBelow(String path, String resource) {
    String own = path.toLowerCase(Locale.ROOT);
    String above = resource == null ? "" : resource.toLowerCase(Locale.ROOT);
    above = above.endsWith("/") ? above.substring(0, above.length() - 1) : above;
    return own.startsWith(above)
        && (own.length() == above.length() || "/:".indexOf(own.charAt(above.length())) >= 0);
  }

  private static byte[] signature(String of, String key) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(Base64.getDecoder().decode(key), "HmacSHA256"));
      return mac.doFinal(of.getBytes(UTF_8));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  // --- publishing ---

  private Future<Buffer> publish(
      HttpServerRequest request, String operation, Bus.FoundTopic topic, byte[] body) {
    if (!operation.equals("publish")) {
      throw ApiError.invalid("a topic has no such operation (allowed: publish)");
    }
    String id = topic.topic().id();
    List<IncomingEvent> incoming;
    try {
      incoming = IncomingEvent.read(request.headers(), body);
    } catch (ApiError e) {
      published(id, result(e), 1);
      throw e;
    }
    return timed(operation, enqueue(id, topic.matcher(), incoming))
        .onComplete(
            done ->
                published(
                    id, done.succeeded() ? "success" : result(done.cause()), incoming.size()));
  }

  private void published(String topic, String result, int events) {
    telemetry.adder(Meter.EVENTS_PUBLISHED, topic, result).add(events);
  }

  private Future<Buffer> enqueue(String topic, EventMatcher matcher, List<IncomingEvent> incoming) {
    List<Command.Incoming> events = new ArrayList<>();
    int matched = 0;
    for (IncomingEvent event : incoming) {
      List<String> queues = matcher.wanting(event.json().getMap());
      matched += queues.size();
      if (!queues.isEmpty()) {
        events.add(new Command.Incoming(queues, event.bytes()));
      }
    }
    telemetry.adder(Meter.EVENTS_MATCHED, topic).add(matched);
    telemetry.adder(Meter.EVENTS_UNMATCHED, topic).add(incoming.size() - events.size());
    Buffer done = Buffer.buffer("{}");
    if (events.isEmpty()) {
      return Future.succeededFuture(done);
    }
    return append(new Command.Enqueue(true, events))
        .map(
            outcome -> {
              if (outcome instanceof Outcome.Refused) {
                throw new ApiError(
                    429,
                    "QuotaExceeded",
                    "the queue of one of the topic's subscriptions is full: try again later");
              }
              return done;
            });
  }

  private Future<Outcome> append(Command command) {
    return bus.<Bus.Local>request(
            Bus.SESSION, new Bus.Append(List.of(command)), Bus.local(Resources.TIMEOUT))
        .map(
            reply -> {
              Bus.Appended appended = (Bus.Appended) reply.body();
              if (appended.refusal() != null) {
                throw ApiError.unavailable(
                    "the store takes nothing now (%s): try again later"
                        .formatted(appended.refusal()));
              }
              return appended.outcomes().get(0);
            });
  }

  // --- receiving ---

  private Future<Buffer> subscribed(
      HttpServerRequest request, String operation, Bus.FoundTopic topic, String name, byte[] body) {
    String id = Kind.EVENT_SUBSCRIPTION.id(topic.topic().name() + "/" + name);
    boolean isThere = topic.matcher().subscriptions().stream().anyMatch(one -> one.id().equals(id));
    if (!isThere) {
      throw ApiError.notFound("event subscription '%s'".formatted(shown(name)));
    }
    String counted = OPERATIONS.contains(operation) ? operation : "other";
    Future<Buffer> answer;
    try {
      answer = handle(request, operation, id, body);
    } catch (ApiError e) {
      answer = Future.failedFuture(e);
    }
    return timed(counted, answer.onFailure(e -> handled(id, counted, result(e), 1)));
  }

  private Future<Buffer> handle(
      HttpServerRequest request, String operation, String id, byte[] body) {
    return switch (operation) {
      case "receive" -> receive(request, id);
      case "acknowledge" -> settle(id, operation, Return.Kind.ACKNOWLEDGE, 0, body);
      case "reject" -> settle(id, operation, Return.Kind.REJECT, 0, body);
      case "renewlock" -> settle(id, operation, Return.Kind.RENEW, 0, body);
      case "release" -> {
        String delay = Optional.ofNullable(request.getParam("releaseDelayInSeconds")).orElse("0");
        if (!DELAYS.contains(delay)) {
          throw ApiError.invalid("releaseDelayInSeconds: none (allowed: 0, 10, 60, 600, 3600)");
        }
        long millis = Long.parseLong(delay) * 1_000;
        yield settle(id, operation, Return.Kind.RELEASE, millis, body);
      }
      default ->
          throw ApiError.invalid(
              "an event subscription has no such operation (allowed: receive, acknowledge, release,"
                  + " reject, renewLock)");
    };
  }

  /** A request that waits for events. */
  private static final class Waiting {
    final String queue;
    final int most;
    final Promise<Buffer> answer = Promise.promise();
    boolean isTaking;
    boolean isRungAgain;
    boolean isOver;

    Waiting(String queue, int most) {
      this.queue = queue;
      this.most = most;
    }
  }

  private Future<Buffer> receive(HttpServerRequest request, String queue) {
    int most = number(request, "maxEvents", 1, MAX_EVENTS, 1);
    int seconds = number(request, "maxWaitTime", MIN_WAIT, MAX_WAIT, DEFAULT_WAIT);
    if (waits >= MAX_WAITING) {
      throw new ApiError(429, "TooManyRequests", "too many requests wait for events");
    }
    Waiting one = new Waiting(queue, most);
    waits++;
    waiting.computeIfAbsent(queue, q -> new LinkedHashSet<>()).add(one);
    long timer =
        vertx.setTimer(
            seconds * 1_000L,
            t -> {
              one.isOver = true;
              // events that are on their way are waited for
              if (!one.isTaking) {
                one.answer.tryComplete(given(List.of()));
              }
            });
    request.response().closeHandler(closed -> one.answer.tryFail("the receiver is gone"));
    take(one);
    return one.answer
        .future()
        .onComplete(
            done -> {
              waits--;
              vertx.cancelTimer(timer);
              LinkedHashSet<Waiting> all = waiting.get(queue);
              all.remove(one);
              if (all.isEmpty()) {
                waiting.remove(queue);
              }
            });
  }

  private static int number(
      HttpServerRequest request, String name, int least, int most, int absent) {
    String given = request.getParam(name);
    if (given == null) {
      return absent;
    }
    int value = given.matches("[0-9]{1,6}") ? Integer.parseInt(given) : -1;
    if (value < least || value > most) {
      throw ApiError.invalid(
          "%s: not a number of it (allowed: %d to %d)".formatted(name, least, most));
    }
    return value;
  }

  /** Queues have events: who waits longest looks, and then the next if there was something. */
  private void ready(Set<String> queues) {
    queues.forEach(this::wake);
  }

  private void wake(String queue) {
    for (Waiting one : waiting.getOrDefault(queue, new LinkedHashSet<>())) {
      if (!one.isTaking && !one.answer.future().isComplete()) {
        take(one);
        return;
      }
      // it looks already, perhaps too early
      one.isRungAgain = true;
    }
  }

  private void take(Waiting one) {
    one.isTaking = true;
    one.isRungAgain = false;
    append(new Command.Take(one.queue, one.most, MAX_BYTES))
        .onComplete(
            outcome -> {
              one.isTaking = false;
              if (outcome.failed()) {
                one.answer.tryFail(outcome.cause());
              } else if (!(outcome.result() instanceof Outcome.Given given)) {
                one.answer.tryFail(ApiError.notFound("the event subscription"));
              } else if (!given.events().isEmpty()) {
                give(one, given);
                wake(one.queue);
              } else if (one.isRungAgain) {
                take(one);
              } else if (one.isOver) {
                one.answer.tryComplete(given(List.of()));
              }
            });
  }

  private void give(Waiting one, Outcome.Given given) {
    one.isTaking = true;
    bus.<Bus.Local>request(
            Bus.SESSION,
            new Bus.ReadEvents(one.queue, given.events()),
            Bus.local(Resources.TIMEOUT))
        .onComplete(
            read -> {
              if (read.failed()) {
                one.answer.tryFail(read.cause());
                return;
              }
              List<byte[]> bodies = ((Bus.EventBodies) read.result().body()).events();
              List<Buffer> value = new ArrayList<>();
              for (int i = 0; i < bodies.size(); i++) {
                Outcome.Took took = given.events().get(i);
                if (bodies.get(i) != null) {
                  value.add(element(given.queue(), took, bodies.get(i)));
                }
              }
              if (one.answer.tryComplete(given(value))) {
                handled(one.queue, "receive", "success", value.size());
              } else {
                giveBack(one.queue, given);
              }
            });
  }

  /** Nobody is there any more who would have them. */
  private void giveBack(String queue, Outcome.Given given) {
    List<Command.Token> tokens =
        given.events().stream()
            .map(one -> new Command.Token(given.queue(), one.sequence(), one.deliveries()))
            .toList();
    // if that fails, their locks end in time
    append(new Command.Return(queue, Return.Kind.RELEASE, 0, 0, tokens)).otherwiseEmpty();
  }

  private static Buffer element(long queue, Outcome.Took took, byte[] event) {
    return Buffer.buffer(event.length + 128)
        .appendString("{\"brokerProperties\":{\"lockToken\":\"")
        .appendString(token(queue, took))
        .appendString("\",\"deliveryCount\":" + took.deliveries() + "},\"event\":")
        .appendBytes(event)
        .appendString("}");
  }

  private static Buffer given(List<Buffer> events) {
    Buffer body = Buffer.buffer("{\"value\":[");
    String separator = "";
    for (Buffer event : events) {
      body.appendString(separator).appendBuffer(event);
      separator = ",";
    }
    return body.appendString("]}");
  }

  // --- settling ---

  private static String token(long queue, Outcome.Took took) {
    String text = queue + "." + took.sequence() + "." + took.deliveries();
    return Base64.getUrlEncoder().withoutPadding().encodeToString(text.getBytes(UTF_8));
  }

  private static Optional<Command.Token> token(String given) {
    try {
      String text = new String(Base64.getUrlDecoder().decode(given), UTF_8);
      if (text.matches("[0-9]{1,18}\\.[0-9]{1,18}\\.[0-9]{1,9}")) {
        String[] parts = text.split("\\.");
        return Optional.of(
            new Command.Token(
                Long.parseLong(parts[0]), Long.parseLong(parts[1]), Integer.parseInt(parts[2])));
      }
    } catch (IllegalArgumentException e) {
      // none
    }
    return Optional.empty();
  }

  private Future<Buffer> settle(
      String queue, String operation, Return.Kind kind, long delay, byte[] body) {
    List<String> given = lockTokens(body);
    List<Command.Token> tokens = new ArrayList<>();
    JsonArray succeeded = new JsonArray();
    JsonArray failed = new JsonArray();
    List<String> known = new ArrayList<>();
    for (String one : given) {
      Optional<Command.Token> token = token(one);
      if (token.isPresent()) {
        tokens.add(token.get());
        known.add(one);
      } else {
        failed.add(failure(one, Outcome.Settled.UNKNOWN));
      }
    }
    JsonObject answer =
        new JsonObject().put("failedLockTokens", failed).put("succeededLockTokens", succeeded);
    if (tokens.isEmpty()) {
      handled(queue, operation, "failed", failed.size());
      return Future.succeededFuture(answer.toBuffer());
    }
    return append(new Command.Return(queue, kind, delay, 0, tokens))
        .map(
            outcome -> {
              if (!(outcome instanceof Outcome.Returned returned)) {
                throw ApiError.notFound("the event subscription");
              }
              for (int i = 0; i < known.size(); i++) {
                Outcome.Settled settled = returned.events().get(i);
                if (settled == Outcome.Settled.DONE) {
                  succeeded.add(known.get(i));
                } else {
                  failed.add(failure(known.get(i), settled));
                }
              }
              handled(queue, operation, "success", succeeded.size());
              handled(queue, operation, "failed", failed.size());
              return answer.toBuffer();
            });
  }

  private static JsonObject failure(String token, Outcome.Settled why) {
    boolean isLost = why == Outcome.Settled.LOST;
    return new JsonObject()
        .put("lockToken", token)
        .put(
            "error",
            new JsonObject()
                .put("code", isLost ? "TokenLost" : "BadToken")
                .put(
                    "message",
                    isLost ? "Token has expired." : "Token is not one of this subscription."));
  }

  private static List<String> lockTokens(byte[] body) {
    try {
      JsonArray given = new JsonObject(Buffer.buffer(body)).getJsonArray("lockTokens");
      if (given != null && !given.isEmpty() && given.size() <= MAX_EVENTS) {
        List<String> tokens = new ArrayList<>();
        given.forEach(one -> tokens.add((String) one));
        return tokens;
      }
    } catch (DecodeException | ClassCastException e) {
      // refused below
    }
    throw ApiError.invalid("lockTokens: not there (allowed: a list of 1 to 100 lock tokens)");
  }
}
