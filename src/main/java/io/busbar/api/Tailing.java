package io.busbar.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.bus.Bus;
import io.busbar.bus.Tail;
import io.busbar.mqtt.Topics;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;

/**
 * What clients of this node publish, as it comes, for operators: a line of JSON for each message
 * that a filter matches, until whoever looks goes away.
 *
 * <pre>
 *   POST /tail    {"filter": "vehicles/#"}
 * </pre>
 *
 * What clients may not publish is not there, nor what they publish at other nodes. Bounded: so many
 * look at once, so many messages a second are shown and so many bytes of each, the others are
 * counted; for so long. For one event loop.
 */
final class Tailing {
  private static final String ROOT = "/tail";
  private static final int MAX_LEVELS = 128;
  private static final int MAX_BYTES = 65_535;

  /** How many may look at once. */
  private static final int MOST = 8;

  /** How many messages are sent each {@link LineStream#TURN} at most. */
  private static final int MOST_MESSAGES = 40;

  /** How long somebody may look. */
  private static final int MINUTES = 10;

  private int looking;

  static boolean handles(String path) {
    return path.equals(ROOT);
  }

  /**
   * The filter that a request has.
   *
   * @throws ApiError if it has none
   */
  static String filter(byte[] body) {
    Object filter;
    try {
      filter = new JsonObject(Buffer.buffer(body)).getValue("filter");
    } catch (DecodeException e) {
      filter = null;
    }
    if (!(filter instanceof String text)) {
      throw ApiError.invalid("filter: missing (allowed: a body as {\"filter\":\"vehicles/#\"})");
    }
    byte[] bytes = text.getBytes(UTF_8);
    String wrong =
        bytes.length > MAX_BYTES
            ? "longer than %d bytes".formatted(MAX_BYTES)
            : Topics.filterError(bytes, 0, bytes.length, MAX_LEVELS);
    if (wrong != null) {
      throw ApiError.invalid("filter: " + wrong);
    }
    return text;
  }

  /**
   * Answers, line by line.
   *
   * @throws ApiError if too many look already
   */
  void answer(Vertx vertx, HttpServerRequest request, String filter) {
    if (looking >= MOST) {
      throw new ApiError(
          429, "TooManyRequests", "%d look already (allowed: %d at once)".formatted(looking, MOST));
    }
    looking++;
    Tail tail = new Tail(filter);
    vertx.eventBus().publish(Bus.TAILS, new Bus.Watch(tail), Bus.local());
    new LineStream(
            vertx,
            request,
            MINUTES,
            // whoever reads slowly misses more
            MINUTES * 60_000L,
            () -> Future.succeededFuture(lines(tail)),
            () -> {
              tail.end();
              looking--;
            })
        .begin("");
  }

  private static String lines(Tail tail) {
    StringBuilder lines = new StringBuilder();
    tail.take(MOST_MESSAGES).forEach(one -> lines.append(json(one).encode()).append('\n'));
    long skipped = tail.skipped();
    if (skipped > 0) {
      lines.append(new JsonObject().put("skipped", skipped).encode()).append('\n');
    }
    return lines.toString();
  }

  private static JsonObject json(Tail.Seen seen) {
    JsonObject json =
        new JsonObject()
            .put("topic", seen.topic())
            .put("client", seen.client())
            .put("qos", seen.qos())
            .put("retain", seen.retain())
            .put("bytes", seen.bytes())
            .put("payloadBase64", seen.payload());
    return seen.contentType() == null ? json : json.put("contentType", seen.contentType());
  }
}
