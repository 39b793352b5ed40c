package io.busbar.policy;

import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An attribute that every event of a message gets (routingEnrichments).
 *
 * @param key the attribute's name: up to 20 of {@code a-z 0-9}
 * @param source where its value comes from
 * @param name the value itself if it is always the same; else which of the client's attributes or
 *     of the message's user properties it is, or "" where there is one only
 */
public record Enrichment(String key, Source source, String name) {
  private static final Pattern KEY = Pattern.compile("[a-z0-9]{1,20}");
  private static final int MAX_VALUE = 128;
  private static final Set<String> RESERVED =
      Set.of(
          "specversion",
          "id",
          "time",
          "type",
          "source",
          "subject",
          "datacontenttype",
          "dataschema",
          "data",
          "data_base64");
  private static final Pattern VARIABLE = Pattern.compile("\\$\\{([^{}]*)}");
  private static final Pattern PROPERTY = Pattern.compile("\\['((?:[^'\\\\]|\\\\['\\\\])+)']");
  private static final String PROPERTIES = "mqtt.message.userProperties";

  /** Where a value comes from. */
  public enum Source {
    FIXED(""),
    AUTHENTICATION_NAME("client.authenticationName"),
    ATTRIBUTE("client.attributes."),
    USER_PROPERTY(PROPERTIES),
    TOPIC_NAME("mqtt.message.topicName"),
    RESPONSE_TOPIC("mqtt.message.responseTopic"),
    CORRELATION_DATA("mqtt.message.correlationData"),
    PAYLOAD_FORMAT("mqtt.message.pfi");

    private final String path;

    Source(String path) {
      this.path = path;
    }
  }

  /**
   * Judges the values.
   *
   * @throws PolicyException if one breaks a rule
   */
  public Enrichment {
    if (!KEY.matcher(key).matches() || key.startsWith("azsp") || RESERVED.contains(key)) {
      throw new PolicyException(
          "routingEnrichments",
          Text.quote(key)
              + " (allowed: 1 to 20 of a-z 0-9, not an attribute of every event, not azsp…)");
    }
    if (name.length() > MAX_VALUE) {
      throw new PolicyException(
          "routingEnrichments",
          "the value of %s has %d characters (allowed: %d)"
              .formatted(Text.quote(key), name.length(), MAX_VALUE));
    }
  }

  /**
   * Reads one whose value differs from message to message.
   *
   * @param value as in <code>${client.attributes.type}</code>
   * @throws PolicyException if there is no such value
   */
  public static Enrichment dynamic(String key, String value) {
    Matcher variable = VARIABLE.matcher(value);
    if (variable.matches()) {
      String path = variable.group(1);
      for (Source source : List.of(Source.values())) {
        boolean isAll = source != Source.FIXED && path.equals(source.path);
        if (isAll && source != Source.USER_PROPERTY) {
          return new Enrichment(key, source, "");
        }
      }
      if (path.startsWith(Source.ATTRIBUTE.path)) {
        return new Enrichment(
            key, Source.ATTRIBUTE, path.substring(Source.ATTRIBUTE.path.length()));
      }
      String property = property(path);
      if (property != null) {
        return new Enrichment(key, Source.USER_PROPERTY, property);
      }
    }
    throw new PolicyException(
        "routingEnrichments",
        Text.quote(value)
            + " (allowed: ${client.authenticationName}, ${client.attributes.NAME},"
            + " ${mqtt.message.userProperties.NAME}, ${mqtt.message.userProperties['NAME']},"
            + " ${mqtt.message.topicName}, …responseTopic}, …correlationData}, …pfi})");
  }

  private static String property(String path) {
    if (path.startsWith(PROPERTIES + ".")) {
      return path.substring(PROPERTIES.length() + 1);
    }
    if (path.startsWith(PROPERTIES)) {
      Matcher quoted = PROPERTY.matcher(path.substring(PROPERTIES.length()));
      if (quoted.matches()) {
        return quoted.group(1).replaceAll("\\\\(.)", "$1");
      }
    }
    return null;
  }

  /** What {@link #dynamic} reads, or the value itself. */
  public String value() {
    return switch (source) {
      case FIXED -> name;
      case ATTRIBUTE -> "${" + source.path + name + "}";
      case USER_PROPERTY ->
          "${" + source.path + "['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']}";
      default -> "${" + source.path + "}";
    };
  }
}
