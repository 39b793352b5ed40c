package io.busbar.delivery;

import io.busbar.bus.Bus;
import io.busbar.policy.EventSubscription;
import io.busbar.shard.Bounds;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.Group;
import io.busbar.shard.Outcome;
import io.vertx.core.Vertx;
import io.vertx.core.eventbus.Message;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Queues of events in memory, where the verticles of a node would have them: on its bus. */
final class QueueStore {
  private final Vertx vertx;
  private final Group group = new Group(Bounds.INITIAL);
  private final Map<Effect.Loss, Integer> lost = new EnumMap<>(Effect.Loss.class);
  private final List<Command> commands = new ArrayList<>();
  private List<EventSubscription> subscriptions = List.of();

  QueueStore(Vertx vertx) {
    this.vertx = vertx;
    vertx.eventBus().localConsumer(Bus.SESSION, this::answer);
    vertx
        .eventBus()
        .<Bus.Local>localConsumer(
            Bus.AUTHORIZATION,
            message -> message.reply(new Bus.Subscriptions("plant7", subscriptions), Bus.local()));
    vertx.setPeriodic(5, t -> apply(new Command.Tick()));
  }

  private void answer(Message<Bus.Local> message) {
    if (message.body() instanceof Bus.Append append) {
      List<Outcome> outcomes = append.commands().stream().map(this::apply).toList();
      message.reply(new Bus.Appended(outcomes, null, 0), Bus.local());
    } else if (message.body() instanceof Bus.ReadEvents read) {
      List<byte[]> bodies;
      synchronized (this) {
        bodies = group.events(read.queue(), read.events());
      }
      message.reply(new Bus.EventBodies(bodies), Bus.local());
    }
  }

  synchronized Outcome apply(Command command) {
    Set<String> ready = new HashSet<>();
    Outcome outcome =
        group.apply(
            System.currentTimeMillis(),
            command,
            effect -> {
              if (effect instanceof Effect.Ready queue) {
                ready.add(queue.queue());
              } else if (effect instanceof Effect.Lost one) {
                lost.merge(one.loss(), one.deliveries(), Integer::sum);
              }
            });
    if (!(command instanceof Command.Tick)) {
      commands.add(command);
    }
    if (!ready.isEmpty()) {
      vertx.eventBus().publish(Bus.EVENTS, new Bus.Ready(ready), Bus.local());
    }
    return outcome;
  }

  synchronized int pending() {
    return group.queuedEvents();
  }

  synchronized int lost(Effect.Loss loss) {
    return lost.getOrDefault(loss, 0);
  }

  /** What was appended, by whomever. */
  synchronized List<Command> commands() {
    return List.copyOf(commands);
  }

  /** Tells who has subscribed from now on. */
  void subscribed(List<EventSubscription> now) {
    subscriptions = List.copyOf(now);
    vertx
        .eventBus()
        .publish(Bus.DELIVERY, new Bus.Subscriptions("plant7", subscriptions), Bus.local());
  }
}
