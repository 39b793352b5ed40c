package io.busbar.api;

import io.busbar.api.Management.Answer;
import io.busbar.bus.Bus;
import io.busbar.config.Settings;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.distribution.CountAtBucket;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.ReplyException;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.lang.management.ManagementFactory;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * How nodes are, and the values of their meters, for those who look at them from afar; any node
 * answers for all of its cluster.
 *
 * <pre>
 *   GET /node        health of the node that is asked, and each of {@link Meter} by its id
 *   GET /nodes       each node of the cluster: health, and what most want to know of it
 *   GET /nodes/ID    the same as /node, of the node with that id
 * </pre>
 *
 * A meter is a list with its values: {@code tags} where it has some, and {@code value}; of a timer
 * {@code count}, {@code seconds} and cumulative {@code buckets}. Thread-safe.
 */
public final class NodeStatus {
  private static final String ROOT = "/node";
  private static final String ALL = "/nodes";
  private static final String ONE = ALL + "/";

  /** How many may be made at once, on worker threads, for this node's callers and for others. */
  private static final int MOST = 4;

  /** How long another node may take, in milliseconds. */
  private static final long TIMEOUT = 3_000;

  /** Summaries, those of silent nodes first. */
  private static final Comparator<JsonObject> BY_NAME =
      Comparator.comparing((JsonObject one) -> one.getString("node", ""))
          .thenComparing(one -> one.getString("id"));

  private final Settings settings;
  private final Telemetry telemetry;
  private final Supplier<Health> health;
  private final String self;
  private final AtomicInteger asked = new AtomicInteger();
  private final AtomicInteger askedByOthers = new AtomicInteger();

  /**
   * Of a node.
   *
   * @param health asked on worker threads: may not block for long
   * @param self the node's id in the cluster
   */
  public NodeStatus(Settings settings, Telemetry telemetry, Supplier<Health> health, String self) {
    this.settings = settings;
    this.telemetry = telemetry;
    this.health = health;
    this.self = self;
  }

  /** Answers other nodes from now on; completes when they can ask. */
  public Future<Void> serve(Vertx vertx) {
    return vertx
        .eventBus()
        .<Buffer>consumer(
            Bus.nodeStatus(self),
            question ->
                make(vertx, askedByOthers)
                    .onSuccess(status -> question.reply(status.toBuffer()))
                    .onFailure(e -> question.fail(0, e.getMessage())))
        .completion();
  }

  static boolean handles(String path) {
    return path.equals(ROOT) || path.equals(ALL) || path.startsWith(ONE);
  }

  Future<Answer> answer(Vertx vertx, HttpServerRequest request, Caller caller) {
    if (!request.method().name().equals("GET")) {
      throw Management.notAllowed(request, "GET");
    }
    String path = request.path();
    if (path.equals(ALL)) {
      return ids(vertx).compose(ids -> all(vertx, ids)).map(all -> new Answer(200, all));
    }
    Future<JsonObject> status =
        path.equals(ROOT)
            ? make(vertx, asked)
            : one(vertx, ResourcePath.decoded(path.substring(ONE.length())));
    JsonObject who = new JsonObject().put("name", caller.name()).put("role", caller.role().key());
    return status.map(node -> new Answer(200, node.put("caller", who)));
  }

  private Future<JsonObject> all(Vertx vertx, List<String> ids) {
    List<Future<JsonObject>> answers =
        ids.stream()
            .map(
                id ->
                    of(vertx, id)
                        .map(NodeStatus::summary)
                        .otherwise(e -> new JsonObject().put("silent", e.getMessage()))
                        .map(node -> node.put("id", id)))
            .toList();
    return Future.all(answers)
        .map(
            all ->
                new JsonObject()
                    .put("asked", self)
                    .put(
                        "value",
                        new JsonArray(all.<JsonObject>list().stream().sorted(BY_NAME).toList())));
  }

  private Future<JsonObject> one(Vertx vertx, String id) {
    return ids(vertx)
        .compose(
            ids -> {
              if (!ids.contains(id)) {
                throw new ApiError(
                    404,
                    "NotFound",
                    "%s: no node of the cluster has this id (allowed: %s)"
                        .formatted(id, String.join(", ", ids)));
              }
              return of(vertx, id);
            })
        .recover(
            e ->
                Future.failedFuture(
                    e instanceof ReplyException
                        ? new ApiError(504, "GatewayTimeout", id + ": " + e.getMessage())
                        : e));
  }

  private Future<List<String>> ids(Vertx vertx) {
    return vertx.executeBlocking(() -> health.get().nodes().stream().sorted().toList(), false);
  }

  /** Of this node or another one. */
  private Future<JsonObject> of(Vertx vertx, String id) {
    return id.equals(self)
        ? make(vertx, asked)
        : vertx
            .eventBus()
            .<Buffer>request(Bus.nodeStatus(id), Buffer.buffer(), Bus.remote(TIMEOUT))
            .map(reply -> new JsonObject(reply.body()));
  }

  private Future<JsonObject> make(Vertx vertx, AtomicInteger making) {
    if (making.incrementAndGet() > MOST) {
      making.decrementAndGet();
      return Future.failedFuture(
          new ApiError(
              429,
              "TooManyRequests",
              "more than %d such requests at once: try again".formatted(MOST)));
    }
    return vertx.executeBlocking(this::json, false).onComplete(done -> making.decrementAndGet());
  }

  private JsonObject json() {
    Runtime memory = Runtime.getRuntime();
    return health
        .get()
        .toJson()
        .put("id", self)
        .put("profile", settings.profile().name().toLowerCase(Locale.ROOT))
        .put("uptimeSeconds", ManagementFactory.getRuntimeMXBean().getUptime() / 1_000)
        .put("heapBytes", memory.totalMemory() - memory.freeMemory())
        .put("mostHeapBytes", memory.maxMemory())
        .put("meters", meters());
  }

  /** What of a status fits into a line. */
  private static JsonObject summary(JsonObject status) {
    JsonObject summary = new JsonObject();
    for (String key :
        List.of("node", "ready", "reason", "uptimeSeconds", "heapBytes", "mostHeapBytes")) {
      if (status.containsKey(key)) {
        summary.put(key, status.getValue(key));
      }
    }
    JsonObject meters = status.getJsonObject("meters");
    return summary
        .put("connections", sum(meters, Meter.CONNECTIONS))
        .put("received", sum(meters, Meter.PUBLISHES_RECEIVED))
        .put("sent", sum(meters, Meter.PUBLISHES_SENT))
        .put("lost", sum(meters, Meter.LOST));
  }

  private static long sum(JsonObject meters, Meter meter) {
    long sum = 0;
    for (Object one : meters.getJsonArray(meter.id(), new JsonArray())) {
      sum += ((JsonObject) one).getDouble("value").longValue();
    }
    return sum;
  }

  private JsonObject meters() {
    JsonObject meters = new JsonObject();
    for (Meter meter : Meter.values()) {
      JsonArray values = new JsonArray();
      for (var one : telemetry.registry().find(meter.id()).meters()) {
        JsonObject value =
            one instanceof Timer timer
                ? timed(timer)
                : new JsonObject().put("value", finite(one.measure().iterator().next().getValue()));
        List<Tag> tags = one.getId().getTags();
        if (!tags.isEmpty()) {
          value.put(
              "tags",
              new JsonObject(tags.stream().collect(Collectors.toMap(Tag::getKey, Tag::getValue))));
        }
        values.add(value);
      }
      if (!values.isEmpty()) {
        meters.put(meter.id(), values);
      }
    }
    return meters;
  }

  /** JSON has no other numbers. */
  private static double finite(double value) {
    return Double.isFinite(value) ? value : 0;
  }

  private static JsonObject timed(Timer timer) {
    var taken = timer.takeSnapshot();
    JsonArray buckets = new JsonArray();
    for (CountAtBucket bucket : taken.histogramCounts()) {
      buckets.add(
          new JsonObject()
              .put("seconds", bucket.bucket(TimeUnit.SECONDS))
              .put("count", (long) bucket.count()));
    }
    return new JsonObject()
        .put("count", taken.count())
        .put("seconds", taken.total(TimeUnit.SECONDS))
        .put("buckets", buckets);
  }
}
