package io.busbar.delivery;

import io.busbar.bus.Bus;
import io.busbar.config.EventQueues;
import io.busbar.config.Guard;
import io.busbar.config.Limit;
import io.busbar.config.Settings;
import io.busbar.config.TokenFile;
import io.busbar.event.RetrySchedule;
import io.busbar.policy.DeadLetterDestination;
import io.busbar.policy.EventDelivery;
import io.busbar.policy.EventSubscription;
import io.busbar.policy.Resource.Kind;
import io.busbar.shard.Command;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.eventbus.Message;
import java.net.URI;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has events brought to those who get them pushed, and dead letters put where they belong: a {@link
 * Courier} for each queue that is this node's to empty.
 *
 * <p>Where all nodes share a store, the nodes know of each queue whose it is without asking; while
 * they see different nodes, two may take it for theirs, and share its events. Never holds up MQTT:
 * what comes faster than it goes stays in the queue, within its bounds.
 *
 * <p>Runs on one event loop, which owns all its state.
 */
public final class DeliveryVerticle extends VerticleBase {
  private static final Logger LOG = LoggerFactory.getLogger(DeliveryVerticle.class);

  /** How often is looked which subscriptions have ended, in milliseconds. */
  private static final long LOOK = 5_000;

  private static final long TIMEOUT = 30_000;

  private final Settings settings;
  private final Telemetry telemetry;
  private final String node;
  private final boolean isStoreShared;
  private final RetrySchedule schedule;
  private final RetrySchedule letterSchedule;
  private final Map<String, Running> running = new HashMap<>();
  private List<String> members;
  private String namespace = "";
  private List<EventSubscription> subscriptions = List.of();
  private HttpSender.Setup http;
  private TokenFile token;
  private LongAdder busMessages;

  /** What a courier was made from. */
  private record Running(Object from, Courier courier) {}

  /**
   * The verticle of a node.
   *
   * @param isStoreShared whether all nodes have one store
   * @param members the nodes that are there at the start
   */
  public DeliveryVerticle(
      Settings settings,
      Telemetry telemetry,
      String node,
      boolean isStoreShared,
      List<String> members) {
    this(settings, telemetry, node, isStoreShared, members, 1_000);
  }

  /** The same on a schedule whose seconds last so many milliseconds. */
  DeliveryVerticle(
      Settings settings,
      Telemetry telemetry,
      String node,
      boolean isStoreShared,
      List<String> members,
      long millisPerSecond) {
    this.settings = settings;
    this.telemetry = telemetry;
    this.node = node;
    this.isStoreShared = isStoreShared;
    this.members = List.copyOf(members);
    this.schedule = RetrySchedule.STANDARD.at(millisPerSecond);
    this.letterSchedule = RetrySchedule.DEAD_LETTERS.at(millisPerSecond);
  }

  @Override
  public Future<?> start() {
    Settings.EventDelivery how = settings.eventDelivery();
    busMessages = telemetry.adder(Meter.BUS_MESSAGES, "delivery");
    token = new TokenFile(how.webhooks().tokenFile());
    http =
        new HttpSender.Setup(
            new Guard(how.allowedHosts()),
            how.webhooks().authority(),
            settings.limits().get(Limit.PUSH_TIMEOUT) * 1_000);
    vertx.setPeriodic(LOOK, t -> endExpired());
    return Future.all(
            vertx.eventBus().<Bus.Local>localConsumer(Bus.DELIVERY, this::onLocal).completion(),
            vertx
                .eventBus()
                .<Bus.Local>localConsumer(Bus.EVENTS, message -> ready((Bus.Ready) message.body()))
                .completion())
        .compose(
            v ->
                vertx
                    .eventBus()
                    .<Bus.Local>request(
                        Bus.AUTHORIZATION, new Bus.FindSubscriptions(), Bus.local(TIMEOUT)))
        .onSuccess(reply -> subscriptions((Bus.Subscriptions) reply.body()));
  }

  /** What is going well goes on for a moment; the rest stays in the queues. */
  @Override
  public Future<?> stop() {
    List<Future<Void>> stopped = running.values().stream().map(one -> one.courier.stop()).toList();
    running.clear();
    return Future.join(stopped);
  }

  private void onLocal(Message<Bus.Local> message) {
    busMessages.increment();
    if (message.body() instanceof Bus.Subscriptions now) {
      subscriptions(now);
    } else if (message.body() instanceof Bus.Members now) {
      if (!now.nodes().equals(members)) {
        members = now.nodes();
        arrange();
      }
    } else if (message.body() instanceof Bus.Introduce introduce) {
      introduce(introduce.subscription())
          .onSuccess(why -> message.reply(new Bus.Introduced(why.orElse(null)), Bus.local()));
    }
  }

  private void ready(Bus.Ready ready) {
    for (String queue : ready.queues()) {
      Running one = running.get(queue);
      if (one != null) {
        one.courier.ready();
      }
    }
  }

  // --- who does what ---

  private void subscriptions(Bus.Subscriptions now) {
    namespace = now.namespace();
    subscriptions = now.subscriptions();
    arrange();
  }

  /** Has a courier for each queue that is to have one, and none for others. */
  private void arrange() {
    Map<String, Object> wanted = new HashMap<>();
    for (EventSubscription one : subscriptions) {
      if (isOurs(one.id())) {
        if (one.delivery().isPush()) {
          wanted.put(one.id(), one.delivery());
        }
        one.deadLetters()
            .ifPresent(
                to ->
                    wanted.put(
                        EventQueues.deadLetters(one.id()),
                        new Letters(to, namespace, one.name(), one.delivery().isPush())));
      }
    }
    for (String queue : List.copyOf(running.keySet())) {
      if (!running.get(queue).from.equals(wanted.get(queue))) {
        running.remove(queue).courier.stop();
      }
    }
    wanted.forEach(
        (queue, from) -> {
          if (!running.containsKey(queue)) {
            endpoint(from)
                .ifPresent(to -> running.put(queue, new Running(from, courier(queue, to))));
          }
        });
  }

  /** Where dead letters of a subscription go. */
  private record Letters(
      DeadLetterDestination to, String namespace, String subscription, boolean isPush) {}

  /** Of all nodes, each queue has one that comes first. */
  private boolean isOurs(String queue) {
    if (!isStoreShared) {
      return true;
    }
    long own = weight(node, queue);
    for (String other : members) {
      long weight = weight(other, queue);
      if (weight > own || (weight == own && other.compareTo(node) > 0)) {
        return false;
      }
    }
    return true;
  }

  private static long weight(String node, String queue) {
    long mixed = (node.hashCode() * 31L + queue.hashCode()) * 0x9e3779b97f4a7c15L;
    return (mixed ^ (mixed >>> 32)) * 0xff51afd7ed558ccdL;
  }

  private Courier courier(String queue, Endpoint endpoint) {
    boolean isLetters = endpoint instanceof DeadLetters || endpoint instanceof TopicEndpoint;
    String name = isLetters ? queue.substring(0, queue.length() - 1) : queue;
    LongAdder delivered =
        telemetry.adder(isLetters ? Meter.EVENTS_DEAD_LETTERED : Meter.EVENTS_DELIVERED, name);
    LongAdder retried = telemetry.adder(Meter.EVENTS_RETRIED, name);
    Courier courier =
        new Courier(
            vertx,
            queue,
            endpoint,
            isLetters ? letterSchedule : schedule,
            new Courier.Counts(delivered::add, isLetters ? n -> {} : retried::add),
            telemetry.spans());
    courier.ready();
    return courier;
  }

  private Optional<Endpoint> endpoint(Object from) {
    if (from instanceof EventDelivery.Webhook webhook) {
      return Optional.of(webhook(webhook));
    } else if (from instanceof EventDelivery.Kafka kafka) {
      return settings.eventDelivery().kafka().map(file -> new KafkaEndpoint(vertx, kafka, file));
    }
    Letters letters = (Letters) from;
    if (letters.to.kind() == DeadLetterDestination.Kind.TOPIC) {
      return Optional.of(
          new TopicEndpoint(vertx.eventBus(), letters.to.name(), letters.subscription));
    }
    String folder = String.join("/", letters.to.name(), letters.namespace, letters.subscription);
    return settings
        .deadLetters()
        .map(place -> new DeadLetters(vertx, place, folder, letters.isPush, http));
  }

  private WebhookEndpoint webhook(EventDelivery.Webhook webhook) {
    return new WebhookEndpoint(vertx, webhook, http, token, settings.host());
  }

  // --- new and old ---

  /** Whether a subscription can be served, and its receiver wants that; why not, or empty. */
  private Future<Optional<String>> introduce(EventSubscription subscription) {
    Optional<URI> letters = settings.deadLetters();
    boolean isForContainer =
        subscription
            .deadLetters()
            .filter(to -> to.kind() == DeadLetterDestination.Kind.CONTAINER)
            .isPresent();
    if (isForContainer && letters.isEmpty()) {
      return Future.succeededFuture(
          Optional.of("the nodes have no place for dead letters (eventDelivery.deadLetters)"));
    }
    if (subscription.delivery() instanceof EventDelivery.Kafka
        && settings.eventDelivery().kafka().isEmpty()) {
      return Future.succeededFuture(
          Optional.of("the nodes know no Kafka (eventDelivery.kafka of their configuration)"));
    }
    if (subscription.delivery() instanceof EventDelivery.Webhook webhook) {
      if (webhook.isWithToken() && settings.eventDelivery().webhooks().tokenFile().isEmpty()) {
        return Future.succeededFuture(
            Optional.of("the nodes have no token to show (eventDelivery.tokenFile)"));
      }
      WebhookEndpoint endpoint = webhook(webhook);
      return endpoint.introduce().onComplete(done -> endpoint.close());
    }
    return Future.succeededFuture(Optional.empty());
  }

  /** Takes away what has ended, with what waits there. */
  private void endExpired() {
    Instant now = Instant.now();
    for (EventSubscription one : subscriptions) {
      boolean isOver = one.expiration().isPresent() && !one.expiration().get().isAfter(now);
      if (isOver && isOurs(one.id())) {
        LOG.info("event subscription has ended: name={}", one.name());
        List<Command> gone = new ArrayList<>();
        gone.add(new Command.DeleteResource(Kind.EVENT_SUBSCRIPTION.code(), one.id()));
        gone.addAll(EventQueues.gone(one.id()));
        vertx
            .eventBus()
            .request(Bus.SESSION, new Bus.Append(gone), Bus.local(TIMEOUT))
            // it is tried again the next time
            .onFailure(e -> LOG.warn("event subscription could not be ended: name={}", one.name()));
      }
    }
  }
}
