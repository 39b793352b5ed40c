package io.busbar.api;

import io.busbar.api.Management.Answer;
import io.busbar.bus.Bus;
import io.busbar.config.EventQueues;
import io.busbar.shard.EventQueueView;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.eventbus.EventBus;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Instant;

/**
 * What waits in the queues of event subscriptions, and of their dead letters.
 *
 * <pre>
 *   GET /queues?$top=…
 * </pre>
 */
final class EventBacklog {
  private static final String ROOT = "/queues";

  private final EventBus bus;

  EventBacklog(EventBus bus) {
    this.bus = bus;
  }

  static boolean handles(String path) {
    return path.equals(ROOT);
  }

  Future<Answer> answer(HttpServerRequest request) {
    if (!request.method().name().equals("GET")) {
      throw Management.notAllowed(request, "GET");
    }
    MultiMap query = request.params();
    Paging paging = Paging.of(query);
    return bus.<Bus.Local>request(
            Bus.SESSION,
            new Bus.ListQueues(paging.after(), paging.most()),
            Bus.local(Resources.TIMEOUT))
        .map(
            reply -> {
              var queues = ((Bus.QueuesListed) reply.body()).queues();
              JsonArray value = new JsonArray();
              queues.forEach(one -> value.add(json(one)));
              JsonObject body = new JsonObject().put("value", value);
              if (queues.size() == paging.most()) {
                String last = queues.get(queues.size() - 1).name();
                body.put("nextLink", Paging.next(request.absoluteURI(), query, last));
              }
              return new Answer(200, body);
            });
  }

  private static JsonObject json(EventQueueView queue) {
    boolean isOfLetters = queue.name().endsWith(EventQueues.deadLetters(""));
    String subscription =
        isOfLetters
            ? queue
                .name()
                .substring(0, queue.name().length() - EventQueues.deadLetters("").length())
            : queue.name();
    JsonObject json =
        new JsonObject()
            .put("subscription", subscription)
            .put("deadLetters", isOfLetters)
            .put("events", queue.events())
            .put("away", queue.away())
            .put("bytes", queue.bytes())
            .put("mostEvents", queue.rules().mostEvents())
            .put("mostBytes", queue.rules().mostBytes());
    return queue.oldest() == 0
        ? json
        : json.put("oldest", Instant.ofEpochMilli(queue.oldest()).toString());
  }
}
