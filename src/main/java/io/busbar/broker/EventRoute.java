package io.busbar.broker;

import io.busbar.event.CloudEvent;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;
import io.busbar.policy.EventSubscription;
import io.busbar.shard.Command;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The topic of events that all published messages go to, besides to subscribers: who has subscribed
 * to it. Immutable.
 */
final class EventRoute {
  private final String source;

  /** Queues that get everything. */
  private final List<String> all;

  /** Subscriptions that choose. */
  private final List<EventSubscription> choosing;

  /**
   * The route to a topic.
   *
   * @param source the namespace's name, where its events come from
   */
  EventRoute(String source, List<EventSubscription> subscriptions) {
    this.source = source;
    this.all =
        subscriptions.stream().filter(one -> !one.isChoosing()).map(one -> one.id()).toList();
    this.choosing = subscriptions.stream().filter(EventSubscription::isChoosing).toList();
  }

  /** A message as an event, for those who want it; null if nobody does. */
  Command.Enqueue enqueue(Publish message, MqttVersion version) {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    String id = new UUID(random.nextLong(), random.nextLong()).toString();
    byte[] event = CloudEvent.json(message, version, System.currentTimeMillis(), source, id);
    List<String> queues = all;
    if (!choosing.isEmpty()) {
      Map<String, Object> json = new JsonObject(Buffer.buffer(event)).getMap();
      queues = new ArrayList<>(all);
      for (EventSubscription one : choosing) {
        if (one.wants(json)) {
          queues.add(one.id());
        }
      }
    }
    return queues.isEmpty()
        ? null
        : new Command.Enqueue(false, List.of(new Command.Incoming(queues, event)));
  }
}
