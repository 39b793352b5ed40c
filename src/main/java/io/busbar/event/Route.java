package io.busbar.event;

import java.net.URI;
import java.util.List;

/**
 * Sends every message published to matching topics to a webhook as a CloudEvent.
 *
 * @param name unique in the namespace
 * @param topicFilters MQTT topic filters; a message is covered if one matches
 * @param endpoint an http or https URL
 * @param lanes how many requests run at once; messages of one publisher share a lane, in order
 */
public record Route(String name, List<String> topicFilters, URI endpoint, int lanes) {
  /**
   * Copies the list, so that routes do not change.
   *
   * @throws IllegalArgumentException if there is no lane, or the endpoint is no http or https URL
   *     with a host; the message does not repeat the URL, which may hold a secret
   */
  public Route {
    if (lanes < 1) {
      throw new IllegalArgumentException(
          "route %s: lanes: %d (allowed: at least 1)".formatted(name, lanes));
    }
    String scheme = endpoint.getScheme();
    if (endpoint.getHost() == null
        || !("http".equalsIgnoreCase(scheme) || "https".equalsIgnoreCase(scheme))) {
      throw new IllegalArgumentException(
          ("route %s: endpoint has scheme %s and host %s (allowed: http or https,"
                  + " and a host name or IP literal)")
              .formatted(name, scheme, endpoint.getHost()));
    }
    topicFilters = List.copyOf(topicFilters);
  }
}
