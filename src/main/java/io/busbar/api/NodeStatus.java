package io.busbar.api;

import io.busbar.api.Management.Answer;
import io.busbar.config.Settings;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.distribution.CountAtBucket;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * How the node that is asked is, and the values of its meters, for those who look at it from afar.
 *
 * <pre>
 *   GET /node    health, and each of {@link Meter} by its id
 * </pre>
 *
 * A meter is a list with its values: {@code tags} where it has some, and {@code value}; of a timer
 * {@code count}, {@code seconds} and cumulative {@code buckets}.
 */
final class NodeStatus {
  private static final String ROOT = "/node";

  /** How many may be made at once, on worker threads. */
  private static final int MOST = 4;

  private final Settings settings;
  private final Telemetry telemetry;
  private final Supplier<Health> health;
  private int asked;

  NodeStatus(Settings settings, Telemetry telemetry, Supplier<Health> health) {
    this.settings = settings;
    this.telemetry = telemetry;
    this.health = health;
  }

  static boolean handles(String path) {
    return path.equals(ROOT);
  }

  Future<Answer> answer(Vertx vertx, HttpServerRequest request, Caller caller) {
    if (!request.method().name().equals("GET")) {
      throw Management.notAllowed(request, "GET");
    }
    if (asked >= MOST) {
      throw new ApiError(
          429, "TooManyRequests", "more than %d such requests at once: try again".formatted(MOST));
    }
    asked++;
    return vertx
        .executeBlocking(() -> new Answer(200, json(caller)), false)
        .onComplete(done -> asked--);
  }

  private JsonObject json(Caller caller) {
    Runtime memory = Runtime.getRuntime();
    return health
        .get()
        .toJson()
        .put("profile", settings.profile().name().toLowerCase(Locale.ROOT))
        .put("uptimeSeconds", ManagementFactory.getRuntimeMXBean().getUptime() / 1_000)
        .put("heapBytes", memory.totalMemory() - memory.freeMemory())
        .put("mostHeapBytes", memory.maxMemory())
        .put("caller", new JsonObject().put("name", caller.name()).put("role", caller.role().key()))
        .put("meters", meters());
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
