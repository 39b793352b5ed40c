package io.busbar.config;

import com.fasterxml.jackson.core.JsonGenerator;
import io.busbar.policy.DeadLetterDestination;
import io.busbar.policy.EventDelivery;
import io.busbar.policy.EventDelivery.DeliveryAttribute;
import io.busbar.policy.EventFilter;
import io.busbar.policy.EventFilter.Form;
import io.busbar.policy.EventFilter.Operator;
import io.busbar.policy.EventSubscription;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The form of an event subscription, as a part of {@link ResourceForm}. */
final class EventSubscriptionForm {
  private static final Map<String, Operator> OPERATORS = Choices.words(Operator.class);
  private static final int LOCK = 60;
  private static final int DELIVERIES = 10;

  private static final int KILOBYTES = 64;
  private static final String DEAD_LETTERS = "deadLetterDestinationWithResourceIdentity";
  private static final String TENANT = "azureActiveDirectoryTenantId";
  private static final String APPLICATION = "azureActiveDirectoryApplicationIdOrUri";
  private static final Map<String, Boolean> CONTENT =
      Choices.of("Structured", false, "Binary", true);
  private static final List<String> OTHER_ENDPOINTS =
      List.of(
          "StorageQueue",
          "HybridConnection",
          "ServiceBusQueue",
          "ServiceBusTopic",
          "AzureFunction",
          "PartnerDestination",
          "MonitorAlert",
          "NamespaceTopic");

  private EventSubscriptionForm() {}

  static EventSubscription read(Section section) {
    section.only(
        "name",
        "deliveryConfiguration",
        "eventDeliverySchema",
        "filtersConfiguration",
        "expirationTimeUtc");
    String name = section.requiredText("name");
    section.choice("eventDeliverySchema", Map.of("CloudEventSchemaV1_0", true), true);
    Optional<Instant> expiration =
        text(section, "expirationTimeUtc").map(text -> instant(section, text));
    Section configuration =
        section
            .section("deliveryConfiguration")
            .orElseThrow(() -> section.missing("deliveryConfiguration"));
    configuration.only("deliveryMode", "queue", "push");
    configuration.requiredText("deliveryMode");
    boolean isPush =
        configuration.choice("deliveryMode", Choices.of("Queue", false, "Push", true), null);
    Section mode =
        isPush
            ? part(configuration, "push").orElseThrow(() -> configuration.missing("push"))
            : part(configuration, "queue").orElseGet(configuration::nothing);
    if (isPush) {
      mode.only(
          "maxDeliveryCount",
          "eventTimeToLive",
          DEAD_LETTERS,
          "destination",
          "deliveryWithResourceIdentity");
    } else {
      mode.only(
          "receiveLockDurationInSeconds", "maxDeliveryCount", "eventTimeToLive", DEAD_LETTERS);
    }
    EventDelivery delivery = isPush ? destination(mode) : queue(mode);
    int deliveries = mode.whole("maxDeliveryCount", 1, Integer.MAX_VALUE, DELIVERIES);
    Optional<Duration> ttl = text(mode, "eventTimeToLive").map(text -> duration(mode, text));
    Optional<DeadLetterDestination> letters =
        part(mode, DEAD_LETTERS).map(EventSubscriptionForm::deadLetters);
    Section filters = part(section, "filtersConfiguration").orElseGet(section::nothing);
    filters.only("includedEventTypes", "filters");
    List<String> types =
        filters.value("includedEventTypes") == null
            ? List.of()
            : filters.texts("includedEventTypes").orElse(List.of());
    List<EventFilter> all = new ArrayList<>();
    if (filters.value("filters") != null) {
      filters.sections("filters").forEach(one -> all.add(filter(one)));
    }
    return section.made(
        () ->
            new EventSubscription(
                name, delivery, deliveries, ttl, letters, types, all, expiration));
  }

  /** Clients send nothing in place of what they leave out. */
  private static Optional<Section> part(Section section, String key) {
    return section.value(key) == null ? Optional.empty() : section.section(key);
  }

  private static Optional<String> text(Section section, String key) {
    return section.value(key) == null ? Optional.empty() : section.text(key);
  }

  private static EventDelivery queue(Section section) {
    int lock = section.whole("receiveLockDurationInSeconds", 1, Integer.MAX_VALUE, LOCK);
    return section.made(() -> new EventDelivery.Queue(Duration.ofSeconds(lock)));
  }

  private static EventDelivery destination(Section push) {
    Section around =
        part(push, "deliveryWithResourceIdentity")
            // whose identity it is matters to Azure alone
            .map(one -> one.only("identity", "destination"))
            .orElse(push);
    Section section =
        around.section("destination").orElseThrow(() -> around.missing("destination"));
    section.only("endpointType", "properties");
    String type = section.requiredText("endpointType");
    if (OTHER_ENDPOINTS.contains(type)) {
      throw section.error(
          "endpointType", Yaml.quote(type) + " is not offered here (allowed: WebHook, EventHub)");
    }
    boolean isWebhook =
        section.choice("endpointType", Choices.of("WebHook", true, "EventHub", false), null);
    Section properties =
        section.section("properties").orElseThrow(() -> section.missing("properties"));
    return isWebhook ? webhook(properties) : kafka(properties);
  }

  private static EventDelivery webhook(Section section) {
    section.only(
        "endpointUrl",
        "endpointBaseUrl",
        "maxEventsPerBatch",
        "preferredBatchSizeInKilobytes",
        TENANT,
        APPLICATION,
        "minimumTlsVersionAllowed",
        "deliveryAttributeMappings",
        "contentMode");
    String url = section.requiredText("endpointUrl");
    int events = section.whole("maxEventsPerBatch", 1, Integer.MAX_VALUE, 1);
    int kilobytes = section.whole("preferredBatchSizeInKilobytes", 1, Integer.MAX_VALUE, KILOBYTES);
    boolean isBinary = section.choice("contentMode", CONTENT, false);
    Optional<String> tenant = text(section, TENANT);
    Optional<String> application = text(section, APPLICATION);
    List<DeliveryAttribute> attributes = new ArrayList<>();
    if (section.value("deliveryAttributeMappings") != null) {
      for (Section one : section.sections("deliveryAttributeMappings")) {
        attributes.add(attribute(one));
      }
    }
    return section.made(
        () ->
            new EventDelivery.Webhook(
                EventDelivery.Webhook.endpoint(url),
                events,
                kilobytes,
                isBinary,
                tenant,
                application,
                attributes));
  }

  private static DeliveryAttribute attribute(Section section) {
    section.only("name", "type", "properties");
    String name = section.requiredText("name");
    section.requiredText("type");
    boolean isDynamic = section.choice("type", Choices.of("Static", false, "Dynamic", true), null);
    Section properties =
        section.section("properties").orElseThrow(() -> section.missing("properties"));
    properties.only("value", "isSecret", "sourceField");
    String value = properties.requiredText(isDynamic ? "sourceField" : "value");
    boolean isSecret = properties.flag("isSecret", false);
    return section.made(() -> new DeliveryAttribute(name, value, isDynamic, isSecret));
  }

  private static EventDelivery kafka(Section section) {
    section.only("resourceId", "deliveryAttributeMappings", "contentMode");
    String id = section.requiredText("resourceId");
    if (section.value("deliveryAttributeMappings") != null
        && !section.sections("deliveryAttributeMappings").isEmpty()) {
      throw section.error(
          "deliveryAttributeMappings", "are those of webhooks here (allowed: to leave them out)");
    }
    boolean isBinary = section.choice("contentMode", CONTENT, false);
    return section.made(() -> new EventDelivery.Kafka(id, isBinary));
  }

  private static DeadLetterDestination deadLetters(Section section) {
    section.only("identity", "deadLetterDestination");
    Section destination =
        section
            .section("deadLetterDestination")
            .orElseThrow(() -> section.missing("deadLetterDestination"));
    destination.only("endpointType", "properties");
    boolean isTopic =
        destination.choice(
            "endpointType", Choices.of("StorageBlob", false, "NamespaceTopic", true), false);
    Section properties =
        destination.section("properties").orElseThrow(() -> destination.missing("properties"));
    properties.only("resourceId", "blobContainerName");
    String id = properties.requiredText(isTopic ? "resourceId" : "blobContainerName");
    return properties.made(
        () ->
            new DeadLetterDestination(
                isTopic ? DeadLetterDestination.Kind.TOPIC : DeadLetterDestination.Kind.CONTAINER,
                isTopic ? id.substring(id.lastIndexOf('/') + 1) : id));
  }

  private static Instant instant(Section section, String text) {
    try {
      return OffsetDateTime.parse(text).toInstant();
    } catch (DateTimeParseException e) {
      throw section.error(
          "expirationTimeUtc",
          Yaml.quote(text) + " (allowed: a time of RFC 3339, as in 2030-01-02T03:04:05Z)");
    }
  }

  private static Duration duration(Section section, String text) {
    try {
      return Duration.parse(text);
    } catch (DateTimeParseException e) {
      throw section.error(
          "eventTimeToLive",
          Yaml.quote(text) + " (allowed: a duration of ISO 8601, as in P1D or PT12H30M)");
    }
  }

  private static EventFilter filter(Section section) {
    section.only("operatorType", "key", "value", "values");
    section.requiredText("operatorType");
    Operator operator = section.choice("operatorType", OPERATORS, null);
    String key = section.requiredText("key");
    boolean isOne = operator.form() == Form.NUMBER || operator.form() == Form.TRUTH;
    Object given = section.value(isOne ? "value" : "values");
    List<Object> values = new ArrayList<>();
    if (isOne && given != null) {
      values.add(given);
    } else if (given instanceof List<?> several) {
      for (Object one : several) {
        if (one == null) {
          throw section.error("values", "has nothing among them (allowed: values)");
        }
        values.add(one);
      }
    } else if (given != null) {
      throw section.error("values", "is not a list (allowed: a list)");
    }
    return section.made(() -> new EventFilter(operator, key, values));
  }

  static void write(JsonGenerator out, EventSubscription it) throws IOException {
    boolean isPush = it.delivery().isPush();
    out.writeObjectFieldStart("deliveryConfiguration");
    out.writeStringField("deliveryMode", isPush ? "Push" : "Queue");
    out.writeObjectFieldStart(isPush ? "push" : "queue");
    if (it.delivery() instanceof EventDelivery.Queue queue) {
      out.writeNumberField("receiveLockDurationInSeconds", queue.receiveLockDuration().toSeconds());
    }
    out.writeNumberField("maxDeliveryCount", it.maxDeliveryCount());
    if (it.eventTimeToLive().isPresent()) {
      out.writeStringField("eventTimeToLive", it.eventTimeToLive().get().toString());
    }
    if (it.deadLetters().isPresent()) {
      out.writeObjectFieldStart(DEAD_LETTERS);
      out.writeObjectFieldStart("deadLetterDestination");
      DeadLetterDestination letters = it.deadLetters().get();
      boolean isTopic = letters.kind() == DeadLetterDestination.Kind.TOPIC;
      out.writeStringField("endpointType", isTopic ? "NamespaceTopic" : "StorageBlob");
      out.writeObjectFieldStart("properties");
      out.writeStringField(isTopic ? "resourceId" : "blobContainerName", letters.name());
      out.writeEndObject();
      out.writeEndObject();
      out.writeEndObject();
    }
    if (it.delivery() instanceof EventDelivery.Webhook webhook) {
      webhook(out, webhook);
    } else if (it.delivery() instanceof EventDelivery.Kafka kafka) {
      destination(out, "EventHub");
      out.writeStringField("resourceId", kafka.resourceId());
      content(out, kafka.isBinary());
      out.writeEndObject();
      out.writeEndObject();
    }
    out.writeEndObject();
    out.writeEndObject();
    if (it.expiration().isPresent()) {
      out.writeStringField("expirationTimeUtc", it.expiration().get().toString());
    }
    out.writeStringField("eventDeliverySchema", "CloudEventSchemaV1_0");
    out.writeObjectFieldStart("filtersConfiguration");
    if (!it.includedEventTypes().isEmpty()) {
      value(out, "includedEventTypes", it.includedEventTypes());
    }
    if (!it.filters().isEmpty()) {
      out.writeArrayFieldStart("filters");
      for (EventFilter filter : it.filters()) {
        filter(out, filter);
      }
      out.writeEndArray();
    }
    out.writeEndObject();
  }

  private static void destination(JsonGenerator out, String type) throws IOException {
    out.writeObjectFieldStart("destination");
    out.writeStringField("endpointType", type);
    out.writeObjectFieldStart("properties");
  }

  private static void content(JsonGenerator out, boolean isBinary) throws IOException {
    if (isBinary) {
      out.writeStringField("contentMode", "Binary");
    }
  }

  private static void webhook(JsonGenerator out, EventDelivery.Webhook it) throws IOException {
    destination(out, "WebHook");
    out.writeStringField("endpointUrl", it.endpoint().toString());
    out.writeNumberField("maxEventsPerBatch", it.maxEventsPerBatch());
    out.writeNumberField("preferredBatchSizeInKilobytes", it.preferredBatchSizeInKilobytes());
    content(out, it.isBinary());
    if (it.tenant().isPresent()) {
      out.writeStringField(TENANT, it.tenant().get());
    }
    if (it.application().isPresent()) {
      out.writeStringField(APPLICATION, it.application().get());
    }
    if (!it.attributes().isEmpty()) {
      out.writeArrayFieldStart("deliveryAttributeMappings");
      for (DeliveryAttribute one : it.attributes()) {
        out.writeStartObject();
        out.writeStringField("name", one.name());
        out.writeStringField("type", one.isDynamic() ? "Dynamic" : "Static");
        out.writeObjectFieldStart("properties");
        out.writeStringField(one.isDynamic() ? "sourceField" : "value", one.value());
        if (!one.isDynamic()) {
          out.writeBooleanField("isSecret", one.isSecret());
        }
        out.writeEndObject();
        out.writeEndObject();
      }
      out.writeEndArray();
    }
    out.writeEndObject();
    out.writeEndObject();
  }

  private static void filter(JsonGenerator out, EventFilter filter) throws IOException {
    out.writeStartObject();
    for (Map.Entry<String, Operator> word : OPERATORS.entrySet()) {
      if (word.getValue() == filter.operator()) {
        out.writeStringField("operatorType", word.getKey());
      }
    }
    out.writeStringField("key", filter.key());
    Form form = filter.operator().form();
    if (form == Form.NUMBER || form == Form.TRUTH) {
      value(out, "value", filter.values().get(0));
    } else if (form != Form.NOTHING) {
      value(out, "values", filter.values());
    }
    out.writeEndObject();
  }

  private static void value(JsonGenerator out, String key, Object value) throws IOException {
    out.writeFieldName(key);
    value(out, value);
  }

  private static void value(JsonGenerator out, Object value) throws IOException {
    if (value instanceof List<?> several) {
      out.writeStartArray();
      for (Object one : several) {
        value(out, one);
      }
      out.writeEndArray();
    } else if (value instanceof Long whole) {
      out.writeNumber(whole);
    } else if (value instanceof Number number) {
      out.writeNumber(number.doubleValue());
    } else if (value instanceof Boolean flag) {
      out.writeBoolean(flag);
    } else {
      out.writeString((String) value);
    }
  }
}
