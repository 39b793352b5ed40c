package io.busbar.policy;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Whose events of a topic are kept in a queue, to be received
 * (Microsoft.EventGrid/namespaces/topics/eventSubscriptions, delivery mode Queue).
 *
 * @param name the topic's name, a slash, and its own: 3 to 50 of {@code A-Z a-z 0-9 -}
 * @param receiveLockDuration how long a receiver has an event to itself: 60 to 300 s
 * @param maxDeliveryCount how often an event is given out: 1 to 10
 * @param eventTimeToLive how long an event is kept, a minute or more, or none for as long as the
 *     topic keeps events
 * @param includedEventTypes types of events that are wanted; none given means all
 * @param filters all of which an event must pass
 */
public record EventSubscription(
    String name,
    Duration receiveLockDuration,
    int maxDeliveryCount,
    Optional<Duration> eventTimeToLive,
    List<String> includedEventTypes,
    List<EventFilter> filters)
    implements Resource {
  /** The most filters of a subscription, and the most values of all of them. */
  public static final int MAX_FILTERS = 25;

  private static final int MIN_LOCK = 60;
  private static final int MAX_LOCK = 300;
  private static final int MAX_DELIVERIES = 10;

  /**
   * Judges and copies the values.
   *
   * @throws PolicyException if one breaks a rule
   */
  public EventSubscription {
    int slash = name.indexOf('/');
    Namespace.requireName("name", name.substring(slash + 1));
    long lock = receiveLockDuration.toSeconds();
    if (lock < MIN_LOCK || lock > MAX_LOCK) {
      throw new PolicyException(
          "deliveryConfiguration.queue.receiveLockDurationInSeconds",
          lock + " (allowed: %d to %d)".formatted(MIN_LOCK, MAX_LOCK));
    }
    if (maxDeliveryCount < 1 || maxDeliveryCount > MAX_DELIVERIES) {
      throw new PolicyException(
          "deliveryConfiguration.queue.maxDeliveryCount",
          maxDeliveryCount + " (allowed: 1 to " + MAX_DELIVERIES + ")");
    }
    if (eventTimeToLive.isPresent()) {
      Duration ttl = eventTimeToLive.get();
      boolean isAllowed =
          ttl.compareTo(Duration.ofMinutes(1)) >= 0
              && ttl.compareTo(Duration.ofDays(NamespaceTopic.MAX_RETENTION)) <= 0;
      if (!isAllowed) {
        throw new PolicyException(
            "deliveryConfiguration.queue.eventTimeToLive", ttl + " (allowed: PT1M to P7D)");
      }
    }
    includedEventTypes = List.copyOf(includedEventTypes);
    filters = List.copyOf(filters);
    int values = filters.stream().mapToInt(filter -> filter.values().size()).sum();
    if (filters.size() > MAX_FILTERS || values > MAX_FILTERS) {
      throw new PolicyException(
          "filtersConfiguration.filters",
          "%d filters with %d values (allowed: %d of each)"
              .formatted(filters.size(), values, MAX_FILTERS));
    }
  }

  @Override
  public Kind kind() {
    return Kind.EVENT_SUBSCRIPTION;
  }

  /** The topic's name. */
  public String topic() {
    return name.substring(0, name.indexOf('/'));
  }

  /** Whether it wants some events only. */
  public boolean isChoosing() {
    return !includedEventTypes.isEmpty() || !filters.isEmpty();
  }

  /**
   * Whether an event is wanted.
   *
   * @param event its attributes and data as JSON has them: texts, numbers, truth values, lists,
   *     maps
   */
  public boolean wants(Map<String, Object> event) {
    boolean isType =
        includedEventTypes.isEmpty()
            || (event.get("type") instanceof String type
                && includedEventTypes.stream().anyMatch(type::equalsIgnoreCase));
    return isType && filters.stream().allMatch(filter -> filter.passes(value(event, filter.key())));
  }

  /** What a filter's key stands for: an attribute, the data, or a part of it. */
  private static Object value(Map<String, Object> event, String key) {
    if (key.equalsIgnoreCase("eventtype")) {
      return event.get("type");
    } else if (key.equalsIgnoreCase("eventid")) {
      return event.get("id");
    }
    if (!key.startsWith("data.")) {
      return event.get(key);
    }
    Object at = event;
    for (String step : key.split("\\.")) {
      at = at instanceof Map<?, ?> map ? map.get(step) : null;
    }
    return at;
  }
}
