package io.busbar.delivery;

import io.busbar.bus.Budget;
import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.event.RetrySchedule;
import io.busbar.event.Route;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Telemetry;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.eventbus.Message;
import io.vertx.core.eventbus.MessageConsumer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * Takes the messages that routes cover from the bus and hands each to the webhooks of those routes.
 *
 * <p>It never holds up MQTT: a message is only counted and queued here, within {@link
 * Limit#ROUTE_QUEUE_BYTES}, of which each route has an equal share, so that a dead webhook costs
 * the others nothing. Beyond its share new events are dropped, in the ledger. For each route
 * always: matched = routed + pending + lost.
 *
 * <p>Runs on one event loop, which owns all its state.
 */
public final class RoutingVerticle extends VerticleBase {
  private static final int CACHED_TOPICS = 4_096;
  private static final int CACHED_TOPIC_BYTES = 256;

  private final List<Route> routes;
  private final String namespaceName;
  private final Limits limits;
  private final Telemetry telemetry;
  private final Budget onTheBus;
  private final RetrySchedule schedule;
  private final Publish publish = new Publish();
  private final Map<String, List<Webhook>> coveringByTopic = new Recent();

  private List<Webhook> webhooks = List.of();
  private MessageConsumer<Bus.Routed> consumer;
  private LongAdder taken;

  /** Delivers on Event Grid's schedule. */
  public RoutingVerticle(
      List<Route> routes,
      String namespaceName,
      Limits limits,
      Telemetry telemetry,
      Budget onTheBus) {
    this(routes, namespaceName, limits, telemetry, onTheBus, RetrySchedule.STANDARD);
  }

  /**
   * Delivers on a given schedule.
   *
   * @param namespaceName the source of the events
   * @param onTheBus bytes of messages that were sent here and have not arrived yet: taken by the
   *     senders, given back here
   */
  public RoutingVerticle(
      List<Route> routes,
      String namespaceName,
      Limits limits,
      Telemetry telemetry,
      Budget onTheBus,
      RetrySchedule schedule) {
    this.routes = List.copyOf(routes);
    this.namespaceName = namespaceName;
    this.limits = limits;
    this.telemetry = telemetry;
    this.onTheBus = onTheBus;
    this.schedule = schedule;
  }

  @Override
  public Future<?> start() {
    long share = limits.get(Limit.ROUTE_QUEUE_BYTES) / Math.max(1, routes.size());
    webhooks =
        routes.stream()
            .map(
                route ->
                    new Webhook(
                        vertx, route, share, limits, schedule, namespaceName, publish, telemetry))
            .toList();
    List<Webhook> all = webhooks;
    telemetry.gauge(
        Meter.EVENTS_PENDING, () -> all.stream().mapToLong(Webhook::pendingEvents).sum());
    telemetry.gauge(
        Meter.EVENTS_PENDING_BYTES, () -> all.stream().mapToLong(Webhook::pendingBytes).sum());
    taken = telemetry.adder(Meter.BUS_MESSAGES, "routing");
    consumer = vertx.eventBus().localConsumer(Bus.ROUTING, this::routed);
    return consumer.completion();
  }

  /** Lets what is going well go on for a moment; what is left then is in the ledger. */
  @Override
  public Future<?> stop() {
    return consumer
        .unregister()
        .compose(done -> Future.join(webhooks.stream().map(Webhook::stop).toList()));
  }

  private void routed(Message<Bus.Routed> message) {
    taken.increment();
    for (Bus.RoutedMessage routed : message.body().messages()) {
      onTheBus.give(routed.packet().length);
      read(publish, routed);
      for (Webhook webhook : covering(publish)) {
        webhook.accept(routed);
      }
    }
  }

  private List<Webhook> covering(Publish message) {
    if (message.topicLength() > CACHED_TOPIC_BYTES) {
      return match(message);
    }
    // one char per byte: a key that costs a copy and no decoding
    String key =
        new String(
            message.topicArray(),
            message.topicOffset(),
            message.topicLength(),
            StandardCharsets.ISO_8859_1);
    List<Webhook> known = coveringByTopic.get(key);
    if (known == null) {
      known = match(message);
      coveringByTopic.put(key, known);
    }
    return known;
  }

  private List<Webhook> match(Publish message) {
    return webhooks.stream()
        .filter(
            webhook ->
                webhook.covers(message.topicArray(), message.topicOffset(), message.topicLength()))
        .toList();
  }

  /** Reads a packet that a connection of this node has read and written before. */
  static void read(Publish publish, Bus.RoutedMessage message) {
    byte[] packet = message.packet();
    try {
      publish.parse(packet, 0, packet.length, MqttVersion.V5);
    } catch (MqttException e) {
      throw new IllegalStateException("the bus carried a packet that is not an MQTT 5 PUBLISH", e);
    }
  }

  /** The topics used last. */
  private static final class Recent extends LinkedHashMap<String, List<Webhook>> {
    private static final long serialVersionUID = 1L;

    Recent() {
      super(16, 0.75f, true);
    }

    @Override
    protected boolean removeEldestEntry(Map.Entry<String, List<Webhook>> eldest) {
      return size() > CACHED_TOPICS;
    }
  }
}
