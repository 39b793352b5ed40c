package io.busbar.config;

import com.fasterxml.jackson.core.JsonGenerator;
import io.busbar.policy.EventFilter;
import io.busbar.policy.EventFilter.Form;
import io.busbar.policy.EventFilter.Operator;
import io.busbar.policy.EventSubscription;
import java.io.IOException;
import java.time.Duration;
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

  /** What Event Grid has besides, and what is not offered must not be lost in silence. */
  private static final List<String> NOT_OFFERED = List.of("expirationTimeUtc");

  private EventSubscriptionForm() {}

  static EventSubscription read(Section section) {
    section.only("name", "deliveryConfiguration", "eventDeliverySchema", "filtersConfiguration");
    for (String key : NOT_OFFERED) {
      if (section.value(key) != null) {
        throw section.error(key, "is not offered yet (allowed: to leave it out)");
      }
    }
    String name = section.requiredText("name");
    section.choice("eventDeliverySchema", Map.of("CloudEventSchemaV1_0", true), true);
    Section delivery =
        section
            .section("deliveryConfiguration")
            .orElseThrow(() -> section.missing("deliveryConfiguration"));
    delivery.only("deliveryMode", "queue");
    String mode = delivery.requiredText("deliveryMode");
    if (!mode.equals("Queue")) {
      throw delivery.error(
          "deliveryMode",
          Yaml.quote(mode)
              + " (allowed: Queue; for webhooks there are routes in the namespace file)");
    }
    Section queue = delivery.section("queue").orElseGet(delivery::nothing);
    queue.only("receiveLockDurationInSeconds", "maxDeliveryCount", "eventTimeToLive");
    String deadLetters = "deadLetterDestinationWithResourceIdentity";
    if (queue.value(deadLetters) != null) {
      throw queue.error(deadLetters, "is not offered yet (allowed: to leave it out)");
    }
    int lock = queue.whole("receiveLockDurationInSeconds", 1, Integer.MAX_VALUE, LOCK);
    int deliveries = queue.whole("maxDeliveryCount", 1, Integer.MAX_VALUE, DELIVERIES);
    Optional<Duration> ttl = queue.text("eventTimeToLive").map(text -> duration(queue, text));
    Section filters = section.section("filtersConfiguration").orElseGet(section::nothing);
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
        () -> new EventSubscription(name, Duration.ofSeconds(lock), deliveries, ttl, types, all));
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
    out.writeObjectFieldStart("deliveryConfiguration");
    out.writeStringField("deliveryMode", "Queue");
    out.writeObjectFieldStart("queue");
    out.writeNumberField("receiveLockDurationInSeconds", it.receiveLockDuration().toSeconds());
    out.writeNumberField("maxDeliveryCount", it.maxDeliveryCount());
    if (it.eventTimeToLive().isPresent()) {
      out.writeStringField("eventTimeToLive", it.eventTimeToLive().get().toString());
    }
    out.writeEndObject();
    out.writeEndObject();
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
