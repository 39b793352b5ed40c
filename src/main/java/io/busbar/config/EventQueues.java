package io.busbar.config;

import io.busbar.policy.EventSubscription;
import io.busbar.policy.NamespaceTopic;
import io.busbar.shard.QueueRules;
import java.time.Duration;

/** The queues of event subscriptions. */
public final class EventQueues {
  private EventQueues() {}

  /**
   * What holds for the queue of a subscription.
   *
   * @param mostEvents in the queue
   * @param mostBytes of them
   * @throws ConfigException if it keeps events longer than its topic
   */
  public static QueueRules rules(
      EventSubscription subscription, NamespaceTopic topic, int mostEvents, long mostBytes) {
    Duration retention = Duration.ofDays(topic.eventRetentionInDays());
    Duration ttl = subscription.eventTimeToLive().orElse(retention);
    if (ttl.compareTo(retention) > 0) {
      throw new ConfigException(
          "deliveryConfiguration.queue.eventTimeToLive: %s (allowed: up to %s, the topic's retention)"
              .formatted(ttl, retention));
    }
    return new QueueRules(
        subscription.receiveLockDuration().toMillis(),
        subscription.maxDeliveryCount(),
        ttl.toMillis(),
        mostEvents,
        mostBytes);
  }
}
