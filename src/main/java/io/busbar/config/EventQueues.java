package io.busbar.config;

import io.busbar.event.CloudEvent;
import io.busbar.event.LifeCycleEvent;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.policy.EventDelivery;
import io.busbar.policy.EventMatcher;
import io.busbar.policy.EventSubscription;
import io.busbar.policy.NamespaceTopic;
import io.busbar.shard.Command;
import io.busbar.shard.QueueRules;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The queues of event subscriptions: one of its events, and one of those that nobody took. */
public final class EventQueues {
  /** How long whoever brings an event somewhere has it: longer than that takes. */
  private static final Duration PUSH_LOCK = Duration.ofSeconds(45);

  /** How long it is tried to put a dead letter where it belongs. */
  private static final Duration DEAD_LETTER_LIFE = Duration.ofDays(2);

  private static final Duration DEAD_LETTER_LOCK = Duration.ofSeconds(60);
  private static final int UNBOUNDED = Integer.MAX_VALUE;

  private EventQueues() {}

  /** The queue of what nobody took from a subscription's. */
  public static String deadLetters(String subscription) {
    // no name has this sign
    return subscription + "!";
  }

  /**
   * What makes the queues those of a subscription.
   *
   * @param mostEvents in each
   * @param mostBytes of them
   * @throws ConfigException if it keeps events longer than its topic
   */
  public static List<Command> made(
      EventSubscription subscription, NamespaceTopic topic, int mostEvents, long mostBytes) {
    Duration ttl = ttl(subscription, topic);
    Duration lock =
        subscription.delivery() instanceof EventDelivery.Queue queue
            ? queue.receiveLockDuration()
            : PUSH_LOCK;
    String letters = deadLetters(subscription.id());
    boolean hasLetters = subscription.deadLetters().isPresent();
    List<Command> commands = new ArrayList<>();
    commands.add(
        new Command.Queue(
            subscription.id(),
            new QueueRules(
                lock.toMillis(),
                subscription.maxDeliveryCount(),
                ttl.toMillis(),
                mostEvents,
                mostBytes,
                hasLetters ? letters : "")));
    if (hasLetters) {
      commands.add(
          new Command.Queue(
              letters,
              new QueueRules(
                  DEAD_LETTER_LOCK.toMillis(),
                  UNBOUNDED,
                  DEAD_LETTER_LIFE.toMillis(),
                  mostEvents,
                  mostBytes,
                  "")));
    } else {
      commands.add(new Command.Unqueue(letters));
    }
    return commands;
  }

  /** What puts an event about a client where it is wanted; empty if nobody wants it. */
  public static Optional<Command.Enqueue> enqueue(
      EventMatcher subscriptions, LifeCycleEvent event) {
    List<String> queues = subscriptions.wanting(event.members());
    return queues.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new Command.Enqueue(false, List.of(new Command.Incoming(queues, event.json()))));
  }

  /** The MQTT message that tells of a client: a PUBLISH of MQTT 5 at QoS 0. */
  public static byte[] message(LifeCycleEvent event) {
    ByteBuf out = Unpooled.buffer();
    PropertyWriter properties =
        new PropertyWriter()
            .number(Property.PAYLOAD_FORMAT_INDICATOR, 1)
            .string(Property.CONTENT_TYPE, CloudEvent.CONTENT_TYPE);
    Encoder.publish(out, MqttVersion.V5, event.topic(), 0, 0, event.json(), properties);
    return ByteBufUtil.getBytes(out);
  }

  /** What takes a subscription's queues away, with what is in them. */
  public static List<Command> gone(String subscription) {
    return List.of(
        new Command.Unqueue(subscription), new Command.Unqueue(deadLetters(subscription)));
  }

  /**
   * How long events are kept.
   *
   * @throws ConfigException if that is longer than the topic keeps them
   */
  static Duration ttl(EventSubscription subscription, NamespaceTopic topic) {
    Duration retention = Duration.ofDays(topic.eventRetentionInDays());
    Duration ttl = subscription.eventTimeToLive().orElse(retention);
    if (ttl.compareTo(retention) > 0) {
      throw new ConfigException(
          "deliveryConfiguration.%s.eventTimeToLive: %s (allowed: up to %s, the topic's retention)"
              .formatted(subscription.delivery().isPush() ? "push" : "queue", ttl, retention));
    }
    return ttl;
  }
}
