package io.busbar.policy;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What becomes an event (topicSpacesConfiguration of a namespace).
 *
 * @param topic that all published messages go to, if any (routeTopicResourceId)
 * @param enrichments what is added to those, 20 at most (routingEnrichments)
 * @param lifeCycleTopic that is told which clients come and go, and which are registered, if any
 */
public record EventRouting(
    Optional<String> topic, List<Enrichment> enrichments, Optional<String> lifeCycleTopic) {
  /** Nothing does. */
  public static final EventRouting NONE =
      new EventRouting(Optional.empty(), List.of(), Optional.empty());

  private static final int MAX_ENRICHMENTS = 20;

  /**
   * Judges and copies the values.
   *
   * @throws PolicyException if one breaks a rule
   */
  public EventRouting {
    enrichments = List.copyOf(enrichments);
    if (enrichments.size() > MAX_ENRICHMENTS) {
      throw new PolicyException(
          "routingEnrichments", enrichments.size() + " (allowed: up to " + MAX_ENRICHMENTS + ")");
    }
    Set<String> keys = new HashSet<>();
    for (Enrichment one : enrichments) {
      if (!keys.add(one.key())) {
        throw new PolicyException(
            "routingEnrichments", Text.quote(one.key()) + " is there twice (must be unique)");
      }
    }
  }
}
