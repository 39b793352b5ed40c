package io.busbar.api;

import io.busbar.bus.Bus;
import io.busbar.policy.Policy;
import io.busbar.policy.Shadow;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.UUID;

/**
 * What a draft of the namespace would decide otherwise for what clients do now, at all nodes: a
 * line of JSON for each difference, once, and now and then how much was compared. Nothing changes.
 *
 * <pre>
 *   POST /shadow    {"changes": [those of a batch], "minutes": 5}
 * </pre>
 *
 * Whoever does not read has nothing compared any more. For one event loop.
 */
final class Shadowing {
  private static final String ROOT = "/shadow";
  private static final int MINUTES = 5;
  private static final int MOST_MINUTES = 60;

  /** How long it may go unread, in milliseconds. */
  private static final long UNREAD = 5_000;

  /** How long this node may take, in milliseconds. */
  private static final long TIMEOUT = 5_000;

  /** How often is told how much was compared, in turns of {@link LineStream#TURN}. */
  private static final int TOLD = 10;

  static boolean handles(String path) {
    return path.equals(ROOT);
  }

  /**
   * How long a request wants it.
   *
   * @throws ApiError if it is not as it should be
   */
  static int minutes(byte[] body) {
    Object minutes;
    try {
      minutes = new JsonObject(Buffer.buffer(body)).getValue("minutes", MINUTES);
    } catch (DecodeException e) {
      throw ApiError.invalid("the body is no JSON object (allowed: {\"changes\": […]})");
    }
    if (!(minutes instanceof Integer number) || number < 1 || number > MOST_MINUTES) {
      throw ApiError.invalid("minutes: %s (allowed: 1 to %d)".formatted(minutes, MOST_MINUTES));
    }
    return number;
  }

  /**
   * Answers, line by line.
   *
   * @param ended told when nothing is compared any more
   * @return completes when the draft is compared; fails with an {@link ApiError} if it cannot be
   */
  Future<?> answer(
      Vertx vertx,
      HttpServerRequest request,
      List<Policy.Change> changes,
      int minutes,
      Runnable ended) {
    String id = UUID.randomUUID().toString();
    Bus.TakeShadow take = new Bus.TakeShadow(id, changes);
    int[] turns = new int[2];
    return ask(vertx, take)
        .map(
            first -> {
              if (!first.refused().isEmpty()) {
                throw new ApiError(409, "Conflict", first.refused());
              }
              new LineStream(
                      vertx,
                      request,
                      minutes,
                      UNREAD,
                      () -> ask(vertx, take).map(now -> lines(now, turns)),
                      () -> {
                        vertx
                            .eventBus()
                            .send(Bus.AUTHORIZATION, new Bus.EndShadow(id), Bus.local());
                        ended.run();
                      })
                  .begin(lines(first, turns));
              return null;
            });
  }

  private static Future<Bus.Shadowed> ask(Vertx vertx, Bus.TakeShadow take) {
    return vertx
        .eventBus()
        .<Bus.Local>request(Bus.AUTHORIZATION, take, Bus.local(TIMEOUT))
        .map(reply -> (Bus.Shadowed) reply.body());
  }

  private static String lines(Bus.Shadowed now, int[] turns) {
    boolean isTold = turns[0]++ % TOLD == 0 || turns[1] != now.nodes();
    turns[1] = now.nodes();
    StringBuilder lines = new StringBuilder();
    for (Shadow.Difference one : now.differences()) {
      lines.append(json(one).encode()).append('\n');
    }
    if (isTold) {
      lines
          .append(
              new JsonObject()
                  .put("nodes", now.nodes())
                  .put("compared", now.compared())
                  .put("leftOut", now.leftOut())
                  .encode())
          .append('\n');
    }
    return lines.toString();
  }

  private static JsonObject json(Shadow.Difference one) {
    JsonObject json = new JsonObject().put("client", one.client()).put("right", one.right().key());
    switch (one.right()) {
      case PUBLISH -> json.put("topic", one.object());
      case SUBSCRIBE -> json.put("filter", one.object());
      case CONNECT -> {}
    }
    return json.put("now", word(one.isAllowed()))
        .put("then", word(!one.isAllowed()))
        .put("reason", one.why());
  }

  private static String word(boolean isAllowed) {
    return isAllowed ? "allowed" : "denied";
  }
}
