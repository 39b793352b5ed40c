package io.busbar.policy;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Whose events of a topic are kept in a queue, until somebody has them
 * (Microsoft.EventGrid/namespaces/topics/eventSubscriptions).
 *
 * @param name the topic's name, a slash, and its own: 3 to 50 of {@code A-Z a-z 0-9 -}
 * @param delivery how they leave the queue
 * @param maxDeliveryCount how often an event is given out: 1 to 10
 * @param eventTimeToLive how long an event is kept, a minute or more, or none for as long as the
 *     topic keeps events
 * @param deadLetters where events go that nobody took, or none if they are dropped
 * @param includedEventTypes types of events that are wanted; none given means all
 * @param filters all of which an event must pass
 * @param expiration when the subscription ends, if it does
 */
public record EventSubscription(
    String name,
    EventDelivery delivery,
    int maxDeliveryCount,
    Optional<Duration> eventTimeToLive,
    Optional<DeadLetterDestination> deadLetters,
    List<String> includedEventTypes,
    List<EventFilter> filters,
    Optional<Instant> expiration)
    implements Resource {
  /** The most filters of a subscription, and the most values of all of them. */
  public static final int MAX_FILTERS = 25;

  private static final int MAX_DELIVERIES = 10;

  /**
   * Judges and copies the values.
   *
   * @throws PolicyException if one breaks a rule
   */
  public EventSubscription {
    int slash = name.indexOf('/');
    Namespace.requireName("name", name.substring(slash + 1));
    String mode = "deliveryConfiguration." + (delivery.isPush() ? "push" : "queue");
    if (maxDeliveryCount < 1 || maxDeliveryCount > MAX_DELIVERIES) {
      throw new PolicyException(
          mode + ".maxDeliveryCount", maxDeliveryCount + " (allowed: 1 to " + MAX_DELIVERIES + ")");
    }
    if (eventTimeToLive.isPresent()) {
      Duration ttl = eventTimeToLive.get();
      boolean isAllowed =
          ttl.compareTo(Duration.ofMinutes(1)) >= 0
              && ttl.compareTo(Duration.ofDays(NamespaceTopic.MAX_RETENTION)) <= 0;
      if (!isAllowed) {
        throw new PolicyException(mode + ".eventTimeToLive", ttl + " (allowed: PT1M to P7D)");
      }
    }
    boolean isItsOwn =
        deadLetters
            .filter(to -> to.kind() == DeadLetterDestination.Kind.TOPIC)
            .filter(to -> to.name().equalsIgnoreCase(name.substring(0, Math.max(0, slash))))
            .isPresent();
    if (isItsOwn) {
      throw new PolicyException(
          mode + ".deadLetterDestinationWithResourceIdentity",
          "is the subscription's own topic (allowed: another one)");
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

  /**
   * What a key stands for: an attribute, the data, or a part of it.
   *
   * @return null if it is not there
   */
  public static Object value(Map<String, Object> event, String key) {
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
