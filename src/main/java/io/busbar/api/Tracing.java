package io.busbar.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.bus.Bus;
import io.busbar.bus.Trace;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.util.UUID;

/**
 * What one client does, at whichever node, as it happens, for operators: a line of JSON for each
 * packet, for each decision, and for each message that waits for it or is dropped.
 *
 * <pre>
 *   POST /trace    {"client": NAME, "minutes": 5, "payload": 0}
 *   POST /trace    {"session": CLIENT ID}
 * </pre>
 *
 * Bounded: so many look at once, so many events a second are shown, the others are counted; for so
 * long. Whoever does not read does not look any more. For one event loop.
 */
final class Tracing {
  private static final String ROOT = "/trace";
  private static final int MAX_NAME = 65_535;
  private static final int MINUTES = 5;
  private static final int MOST_MINUTES = 60;

  /** How long it may go unread, in milliseconds. */
  private static final long UNREAD = 4_000;

  /** How long this node may take to begin, in milliseconds. */
  private static final long TIMEOUT = 5_000;

  /** What a request asks for. */
  record Wanted(Trace.Whom whom, int minutes) {
    /** Whom, for the audit. */
    String shown() {
      return (whom.isSession() ? "session=" : "client=") + whom.name();
    }
  }

  static boolean handles(String path) {
    return path.equals(ROOT);
  }

  /**
   * What a request asks for.
   *
   * @throws ApiError if it is not as it should be
   */
  static Wanted wanted(byte[] body) {
    JsonObject asked;
    try {
      asked = new JsonObject(Buffer.buffer(body));
    } catch (DecodeException e) {
      throw ApiError.invalid("the body is no JSON object (allowed: as {\"client\":\"press-7\"})");
    }
    boolean isSession = asked.containsKey("session");
    if (isSession == asked.containsKey("client")) {
      throw ApiError.invalid(
          "client, session: %s (allowed: one of them)".formatted(isSession ? "both" : "missing"));
    }
    String key = isSession ? "session" : "client";
    boolean isName =
        asked.getValue(key) instanceof String name
            && !name.isEmpty()
            && name.getBytes(UTF_8).length <= MAX_NAME;
    if (!isName) {
      throw ApiError.invalid(
          "%s: not a name (allowed: a text of 1 to %d bytes)".formatted(key, MAX_NAME));
    }
    return new Wanted(
        new Trace.Whom(
            isSession, asked.getString(key), number(asked, "payload", 0, 0, Trace.MOST_PAYLOAD)),
        number(asked, "minutes", MINUTES, 1, MOST_MINUTES));
  }

  private static int number(JsonObject asked, String key, int absent, int least, int most) {
    Object value = asked.getValue(key, absent);
    if (!(value instanceof Integer number) || number < least || number > most) {
      throw ApiError.invalid("%s: %s (allowed: %d to %d)".formatted(key, value, least, most));
    }
    return number;
  }

  /**
   * Answers, line by line.
   *
   * @param ended told when nobody looks any more
   * @return completes when somebody looks; fails with an {@link ApiError} if too many do already
   */
  Future<?> answer(Vertx vertx, HttpServerRequest request, Wanted wanted, Runnable ended) {
    String id = UUID.randomUUID().toString();
    Bus.TakeTrace take = new Bus.TakeTrace(id, wanted.whom());
    return ask(vertx, take)
        .map(
            first -> {
              if (first.refused() != null) {
                throw new ApiError(429, "TooManyRequests", first.refused());
              }
              new LineStream(
                      vertx,
                      request,
                      wanted.minutes(),
                      UNREAD,
                      () -> ask(vertx, take).map(Tracing::lines),
                      () -> {
                        vertx.eventBus().send(Bus.SESSION, new Bus.EndTrace(id), Bus.local());
                        ended.run();
                      })
                  .begin(lines(first));
              return null;
            });
  }

  private static Future<Bus.Traced> ask(Vertx vertx, Bus.TakeTrace take) {
    return vertx
        .eventBus()
        .<Bus.Local>request(Bus.SESSION, take, Bus.local(TIMEOUT))
        .map(reply -> (Bus.Traced) reply.body());
  }

  private static String lines(Bus.Traced traced) {
    return traced.lines().isEmpty() ? "" : String.join("\n", traced.lines()) + '\n';
  }
}
