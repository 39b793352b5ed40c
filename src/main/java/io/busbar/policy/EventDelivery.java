package io.busbar.policy;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * How a subscription's events leave their queue (deliveryConfiguration of an event subscription).
 */
public sealed interface EventDelivery {
  /** Whether the broker brings the events to somebody, instead of handing them out on request. */
  boolean isPush();

  /**
   * Handed out on request (delivery mode Queue).
   *
   * @param receiveLockDuration how long a receiver has an event to itself: 60 to 300 s
   */
  record Queue(Duration receiveLockDuration) implements EventDelivery {
    private static final int MIN_LOCK = 60;
    private static final int MAX_LOCK = 300;

    /**
     * Judges the value.
     *
     * @throws PolicyException if it breaks a rule
     */
    public Queue {
      long lock = receiveLockDuration.toSeconds();
      if (lock < MIN_LOCK || lock > MAX_LOCK) {
        throw new PolicyException(
            "deliveryConfiguration.queue.receiveLockDurationInSeconds",
            lock + " (allowed: %d to %d)".formatted(MIN_LOCK, MAX_LOCK));
      }
    }

    @Override
    public boolean isPush() {
      return false;
    }
  }

  /**
   * Sent to a webhook (delivery mode Push, endpoint type WebHook).
   *
   * @param endpoint an http or https URL, whose query and user may be secrets
   * @param maxEventsPerBatch events of one request: 1 to 5,000; 1 means that they are not in lists
   * @param preferredBatchSizeInKilobytes bytes of one request, unless it is one event: 1 to 1,024
   * @param isBinary whether attributes are headers and the data is the body (CloudEvents HTTP
   *     binding 3.1); else the body is the event
   * @param tenant whose tokens the webhook wants (azureActiveDirectoryTenantId)
   * @param application whom it wants them for (azureActiveDirectoryApplicationIdOrUri); if either
   *     is given, the nodes' own token goes along
   * @param attributes headers besides, 10 at most
   */
  record Webhook(
      URI endpoint,
      int maxEventsPerBatch,
      int preferredBatchSizeInKilobytes,
      boolean isBinary,
      Optional<String> tenant,
      Optional<String> application,
      List<DeliveryAttribute> attributes)
      implements EventDelivery {
    private static final String PROPERTIES = "deliveryConfiguration.push.destination.properties.";
    private static final int MAX_URL = 2_048;
    private static final int MAX_EVENTS = 5_000;
    private static final int MAX_KILOBYTES = 1_024;
    private static final int MAX_ATTRIBUTES = 10;

    /**
     * Judges and copies the values.
     *
     * @throws PolicyException if one breaks a rule
     */
    public Webhook {
      if (maxEventsPerBatch < 1 || maxEventsPerBatch > MAX_EVENTS) {
        throw new PolicyException(
            PROPERTIES + "maxEventsPerBatch", maxEventsPerBatch + " (allowed: 1 to 5000)");
      }
      if (preferredBatchSizeInKilobytes < 1 || preferredBatchSizeInKilobytes > MAX_KILOBYTES) {
        throw new PolicyException(
            PROPERTIES + "preferredBatchSizeInKilobytes",
            preferredBatchSizeInKilobytes + " (allowed: 1 to 1024)");
      }
      attributes = List.copyOf(attributes);
      if (attributes.size() > MAX_ATTRIBUTES) {
        throw new PolicyException(
            PROPERTIES + "deliveryAttributeMappings", attributes.size() + " (allowed: up to 10)");
      }
      Set<String> names = new HashSet<>();
      for (DeliveryAttribute one : attributes) {
        if (!names.add(one.name().toLowerCase(Locale.ROOT))) {
          throw new PolicyException(
              PROPERTIES + "deliveryAttributeMappings",
              Text.quote(one.name()) + " is there twice (must be unique)");
        }
        if (one.isDynamic() && maxEventsPerBatch > 1) {
          throw new PolicyException(
              PROPERTIES + "deliveryAttributeMappings",
              Text.quote(one.name())
                  + " is of an event, but a request has several (allowed: maxEventsPerBatch 1)");
        }
      }
      if (isBinary && maxEventsPerBatch > 1) {
        throw new PolicyException(
            PROPERTIES + "contentMode", "Binary has one event (allowed: maxEventsPerBatch 1)");
      }
    }

    /**
     * Reads an endpoint. A URL may carry a secret in its query, so no message repeats it.
     *
     * @throws PolicyException if it is none
     */
    public static URI endpoint(String endpointUrl) {
      try {
        URI uri = new URI(endpointUrl);
        String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
        if ((scheme.equals("https") || scheme.equals("http"))
            && uri.getHost() != null
            && uri.getPort() <= 65_535
            && endpointUrl.length() <= MAX_URL) {
          return uri;
        }
      } catch (URISyntaxException notOne) {
        // refused below, without the text, which the exception repeats
      }
      throw new PolicyException(
          PROPERTIES + "endpointUrl",
          "is not a URL of a webhook (allowed: http or https://host…, up to 2048 characters)");
    }

    /** Whether the nodes' token goes along. */
    public boolean isWithToken() {
      return tenant.isPresent() || application.isPresent();
    }

    /** The endpoint without what may be secret: scheme, host and port, path. */
    public String baseUrl() {
      String port = endpoint.getPort() < 0 ? "" : ":" + endpoint.getPort();
      return endpoint.getScheme() + "://" + endpoint.getHost() + port + endpoint.getRawPath();
    }

    @Override
    public boolean isPush() {
      return true;
    }

    /** Without what may be secret. */
    @Override
    public String toString() {
      return "Webhook[" + endpoint.getScheme() + "://" + endpoint.getHost() + "]";
    }
  }

  /**
   * A header that goes along with an event.
   *
   * @param name of the header
   * @param value what it says; or, if it is of the event, where that stands in it: an attribute, or
   *     {@code data} and a path with dots
   * @param isDynamic whether it is of the event
   * @param isSecret whether the value is not shown again
   */
  record DeliveryAttribute(String name, String value, boolean isDynamic, boolean isSecret) {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}");
    private static final Pattern VALUE = Pattern.compile("[\\x20-\\x7e]{0,4096}");

    /** What the request itself, or the event, says. */
    private static final Pattern RESERVED =
        Pattern.compile(
            "(?i)host|content-.*|transfer-encoding|connection|te|trailer|upgrade|expect|origin"
                + "|ce-.*|webhook-.*");

    /**
     * Judges the values.
     *
     * @throws PolicyException if one breaks a rule
     */
    public DeliveryAttribute {
      if (!NAME.matcher(name).matches() || RESERVED.matcher(name).matches()) {
        throw new PolicyException(
            "deliveryAttributeMappings",
            Text.quote(name)
                + " (allowed: the name of a header that is not of the request or the event itself)");
      }
      if (!VALUE.matcher(value).matches() || (isDynamic && value.isEmpty())) {
        throw new PolicyException(
            "deliveryAttributeMappings",
            "the value of "
                + Text.quote(name)
                + (isDynamic
                    ? " is no path (allowed: as in subject or data.order.total)"
                    : " (allowed: up to 4096 characters of ASCII)"));
      }
    }

    /** Without the value, which may be secret. */
    @Override
    public String toString() {
      return "DeliveryAttribute[" + name + "]";
    }
  }

  /**
   * Sent to a topic of Kafka, which is what an event hub is for its clients (delivery mode Push,
   * endpoint type EventHub). The nodes know the cluster.
   *
   * @param resourceId whose last part is the topic's name
   * @param isBinary whether attributes are headers and the data is the record's value (CloudEvents
   *     Kafka binding 3.2); else the value is the event
   */
  record Kafka(String resourceId, boolean isBinary) implements EventDelivery {
    private static final Pattern TOPIC = Pattern.compile("[A-Za-z0-9._-]{1,249}");

    /**
     * Judges the value.
     *
     * @throws PolicyException if it breaks a rule
     */
    public Kafka {
      String topic = topic(resourceId);
      boolean isName = TOPIC.matcher(topic).matches() && !topic.matches("\\.{1,2}");
      if (!isName || resourceId.length() > 2_048) {
        throw new PolicyException(
            "deliveryConfiguration.push.destination.properties.resourceId",
            Text.quote(topic)
                + " is no topic of Kafka (allowed: an id whose last part has 1 to 249 of"
                + " A-Z a-z 0-9 . _ -)");
      }
    }

    private static String topic(String resourceId) {
      return resourceId.substring(resourceId.lastIndexOf('/') + 1);
    }

    /** The topic's name. */
    public String topic() {
      return topic(resourceId);
    }

    @Override
    public boolean isPush() {
      return true;
    }
  }
}
