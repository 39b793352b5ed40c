package io.busbar.delivery;

import io.busbar.bus.Bus;
import io.busbar.policy.Resource.Kind;
import io.busbar.shard.Command;
import io.busbar.shard.Outcome;
import io.busbar.telemetry.Spans;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.EventBus;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Another topic, which dead letters are published to: each with attributes that say what became of
 * it. An event that has been a dead letter is none again, so that none goes round for ever.
 */
final class TopicEndpoint implements Endpoint {
  private static final int EVENTS = 100;
  private static final int BYTES = 1 << 20;
  private static final long TIMEOUT = 30_000;
  private static final String REASON = "deadletterreason";
  private static final int UNFIT = 400;

  private final EventBus bus;
  private final String topic;
  private final String subscription;

  /**
   * A topic.
   *
   * @param subscription whose dead letters they are
   */
  TopicEndpoint(EventBus bus, String topic, String subscription) {
    this.bus = bus;
    this.topic = topic;
    this.subscription = subscription;
  }

  @Override
  public int requests() {
    return 1;
  }

  @Override
  public int eventsPerRequest() {
    return EVENTS;
  }

  @Override
  public int bytesPerRequest() {
    return BYTES;
  }

  @Override
  public String place() {
    return "topic " + topic;
  }

  @Override
  public void close() {
    // there is nothing to close
  }

  @Override
  public Future<Answer> send(List<Event> events, Spans.Context context) {
    return bus.<Bus.Local>request(
            Bus.AUTHORIZATION, new Bus.FindTopic(Kind.TOPIC.id(topic), null), Bus.local(TIMEOUT))
        .compose(
            reply -> {
              Bus.FoundTopic found = (Bus.FoundTopic) reply.body();
              return found.topic() == null
                  ? Future.succeededFuture(new Answer(0, "there is no such topic"))
                  : publish(found, events);
            })
        .otherwise(e -> new Answer(0, "the store does not answer"));
  }

  private Future<Answer> publish(Bus.FoundTopic found, List<Event> events) {
    List<Command.Incoming> incoming = new ArrayList<>();
    for (Event event : events) {
      JsonObject json = new JsonObject(Buffer.buffer(event.json()));
      if (json.containsKey(REASON)) {
        return Future.succeededFuture(new Answer(UNFIT, "it has been a dead letter"));
      }
      json.put(REASON, event.letter().cause().name().toLowerCase(Locale.ROOT))
          .put("deadletterattempts", event.letter().deliveries())
          .put("deadlettersource", subscription);
      List<String> queues = found.matcher().wanting(json.getMap());
      if (!queues.isEmpty()) {
        incoming.add(new Command.Incoming(queues, json.toBuffer().getBytes()));
      }
    }
    if (incoming.isEmpty()) {
      return Future.succeededFuture(Answer.TAKEN);
    }
    Command enqueue = new Command.Enqueue(true, incoming);
    return bus.<Bus.Local>request(Bus.SESSION, new Bus.Append(List.of(enqueue)), Bus.local(TIMEOUT))
        .map(
            reply -> {
              Bus.Appended appended = (Bus.Appended) reply.body();
              boolean isTaken =
                  appended.refusal() == null
                      && !(appended.outcomes().get(0) instanceof Outcome.Refused);
              return isTaken ? Answer.TAKEN : new Answer(0, "a queue of the topic is full");
            });
  }
}
