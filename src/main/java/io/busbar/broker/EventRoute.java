package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.event.CloudEvent;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;
import io.busbar.policy.Admission;
import io.busbar.policy.Attribute;
import io.busbar.policy.Enrichment;
import io.busbar.policy.EventMatcher;
import io.busbar.policy.EventSubscription;
import io.busbar.shard.Command;
import io.busbar.telemetry.Meter;
import io.busbar.telemetry.Spans;
import io.busbar.telemetry.Telemetry;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;

/**
 * The topic of events that all published messages go to, besides to subscribers: who has subscribed
 * to it. Immutable.
 */
final class EventRoute {
  private final String source;
  private final LongAdder matched;
  private final LongAdder unmatched;

  /** Queues that get everything. */
  private final List<String> all;

  /** Subscriptions that choose. */
  private final EventMatcher choosing;

  private final List<Enrichment> enrichments;

  /**
   * The route to a topic.
   *
   * @param source the namespace's name, where its events come from
   * @param counts of the topic
   * @param enrichments what each event gets besides
   */
  EventRoute(
      String source,
      Counts counts,
      List<EventSubscription> subscriptions,
      List<Enrichment> enrichments) {
    this.source = source;
    this.matched = counts.matched;
    this.unmatched = counts.unmatched;
    this.enrichments = enrichments;
    this.all =
        subscriptions.stream().filter(one -> !one.isChoosing()).map(one -> one.id()).toList();
    this.choosing =
        new EventMatcher(subscriptions.stream().filter(EventSubscription::isChoosing).toList());
  }

  /**
   * What is counted of a topic's events.
   *
   * @param matched events times subscriptions
   */
  record Counts(LongAdder matched, LongAdder unmatched) {
    /** Those of a topic. */
    static Counts of(Telemetry telemetry, String topic) {
      return new Counts(
          telemetry.adder(Meter.EVENTS_MATCHED, topic),
          telemetry.adder(Meter.EVENTS_UNMATCHED, topic));
    }
  }

  /**
   * A message as an event, for those who want it; null if nobody does.
   *
   * @param context that of a span of its own, or none; where the publisher has begun a trace, the
   *     event says that one (CloudEvents Distributed Tracing 1.0: that of the start)
   */
  Command.Enqueue enqueue(Publish message, Origin origin, Spans.Context context) {
    MqttVersion version = origin.version();
    ThreadLocalRandom random = ThreadLocalRandom.current();
    String id = new UUID(random.nextLong(), random.nextLong()).toString();
    Map<String, Object> more = enrichments.isEmpty() ? Map.of() : enrichments(message, origin);
    if (context.traceparent() != null && !CloudEvent.isStructured(message, version)) {
      more = traced(more, began(message, version), context);
    }
    byte[] event = CloudEvent.json(message, version, System.currentTimeMillis(), source, id, more);
    List<String> queues = all;
    if (!choosing.subscriptions().isEmpty()) {
      Map<String, Object> json = new JsonObject(Buffer.buffer(event)).getMap();
      queues = new ArrayList<>(all);
      queues.addAll(choosing.wanting(json));
    }
    matched.add(queues.size());
    unmatched.add(queues.isEmpty() ? 1 : 0);
    return queues.isEmpty()
        ? null
        : new Command.Enqueue(false, List.of(new Command.Incoming(queues, event)));
  }

  /** The trace that the publisher has begun. */
  static Spans.Context began(Publish message, MqttVersion version) {
    return version == MqttVersion.V5 && message.userPropertiesBytes() > 0
        ? Spans.Context.of(message.userProperties())
        : Spans.Context.NONE;
  }

  private static Map<String, Object> traced(
      Map<String, Object> more, Spans.Context began, Spans.Context own) {
    Spans.Context context = began.traceparent() == null ? own : began;
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("traceparent", context.traceparent());
    if (context.tracestate() != null) {
      all.put("tracestate", context.tracestate());
    }
    all.putAll(more);
    return all;
  }

  private Map<String, Object> enrichments(Publish message, Origin origin) {
    Map<String, Object> more = new LinkedHashMap<>();
    boolean hasProperties = origin.version() == MqttVersion.V5;
    Bus.Publisher publisher = origin.publisher();
    for (Enrichment one : enrichments) {
      more.put(
          one.key(),
          switch (one.source()) {
            case FIXED -> one.name();
            case AUTHENTICATION_NAME -> publisher == null ? "" : publisher.authenticationName();
            case ATTRIBUTE -> attribute(origin.connection(), one.name());
            case USER_PROPERTY -> hasProperties ? property(message, one.name()) : "";
            case TOPIC_NAME -> message.topic();
            case RESPONSE_TOPIC -> hasProperties ? orNothing(message.responseTopic()) : "";
            case CORRELATION_DATA -> hasProperties ? base64(message.correlationData()) : "";
            case PAYLOAD_FORMAT -> hasProperties && message.payloadFormatUtf8() ? 1 : 0;
          });
    }
    return more;
  }

  /** Of the client as it is now; of one that is gone, nothing is known. */
  private static String attribute(Connection connection, String name) {
    Admission.Granted granted = connection == null ? null : connection.granted();
    Attribute attribute = granted == null ? null : granted.client().attributes().get(name);
    return attribute == null ? "" : String.join(",", attribute.texts());
  }

  private static String property(Publish message, String name) {
    return message.userProperties().stream()
        .filter(one -> one.getKey().equals(name))
        .map(Map.Entry::getValue)
        .collect(Collectors.joining(","));
  }

  private static String orNothing(String text) {
    return text == null ? "" : text;
  }

  private static String base64(byte[] data) {
    return data == null ? "" : Base64.getEncoder().encodeToString(data);
  }
}
