package io.busbar.event;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.Utf8;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * An MQTT message as a CloudEvent 1.0 in structured JSON, mapped as Event Grid namespaces do.
 *
 * <pre>
 *   publish                                   datacontenttype            data
 *   3.1.1                                     application/octet-stream   data_base64
 *   5, content type x/json or x/y+json        the content type           data: the JSON value; a
 *                                                                        string if it is not JSON
 *   5, payload format 1, other content type   the content type           data: a string
 *   5, payload format 1, no content type      text/plain; charset=utf-8  data: a string
 *   5, otherwise                              the content type, or       data_base64
 *                                             application/octet-stream
 * </pre>
 *
 * <p>A payload that should be text but is not UTF-8 goes as {@code data_base64}. JSON is embedded
 * byte for byte, never parsed and written again; nested deeper than 63 levels it goes as a string.
 *
 * <p>An MQTT 5 message that is a CloudEvent already, by the CloudEvents MQTT binding, is forwarded
 * with its own attributes: in structured mode (content type {@code application/cloudevents+json})
 * the payload itself, in binary mode (user properties {@code specversion}, {@code id}, {@code
 * source}, {@code type}) with its user properties as attributes. Where such an event is malformed,
 * the table above applies.
 */
public final class CloudEvent {
  /** The Content-Type of what {@link #json} makes. */
  public static final String CONTENT_TYPE = "application/cloudevents+json; charset=utf-8";

  private static final String STRUCTURED = "application/cloudevents+json";
  private static final String BYTES = "application/octet-stream";
  private static final String TEXT = "text/plain; charset=utf-8";
  private static final List<String> REQUIRED = List.of("specversion", "id", "source", "type");
  private static final Pattern RFC_3339 =
      Pattern.compile(
          "\\d{4}-\\d{2}-\\d{2}[Tt]\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?([Zz]|[+-]\\d{2}:\\d{2})");

  private CloudEvent() {}

  /** Maps a message, with nothing added. */
  public static byte[] json(
      Publish message, MqttVersion version, long receivedAt, String source, String id) {
    return json(message, version, receivedAt, source, id, Map.of());
  }

  /**
   * Maps a message.
   *
   * @param message a parsed packet whose topic is known
   * @param version the publisher's: an MQTT 3.1.1 message has no properties, so its payload is
   *     bytes
   * @param receivedAt milliseconds since 1970, within the years 0 to 9999
   * @param source the namespace's name
   * @param id unique per message; the same when the message is sent again
   * @param more attributes that are added, texts or whole numbers, in place of such that the
   *     message has itself
   * @return the event as UTF-8
   */
  public static byte[] json(
      Publish message,
      MqttVersion version,
      long receivedAt,
      String source,
      String id,
      Map<String, Object> more) {
    boolean properties = version == MqttVersion.V5;
    String contentType = properties ? message.contentType() : null;
    if (contentType != null && contentType.isEmpty()) {
      contentType = null;
    }
    String mediaType = mediaType(contentType);
    byte[] payload = message.array();
    int offset = message.payloadOffset();
    int length = message.payloadLength();
    if (mediaType.equals(STRUCTURED)) {
      int skip = byteOrderMark(payload, offset, length);
      if (isStructured(payload, offset + skip, length - skip)) {
        return structured(payload, offset + skip, length - skip, more);
      }
    }
    // room for Base64 and the attributes, so that most events are written without growing
    JsonText out = new JsonText(320 + message.topicLength() + length + length / 2);
    Map<String, String> own =
        properties && message.userPropertiesBytes() > 0
            ? binaryAttributes(message.userProperties())
            : null;
    if (own == null) {
      out.raw("{\"specversion\":\"1.0\",\"id\":").string(id);
      out.raw(",\"source\":").string(source);
      out.raw(",\"type\":\"MQTT.EventPublished\",\"subject\":");
      out.string(message.topicArray(), message.topicOffset(), message.topicLength());
      time(out.raw(",\"time\":\""), receivedAt);
    } else {
      own.keySet().removeAll(more.keySet());
      String separator = "{\"";
      for (Map.Entry<String, String> attribute : own.entrySet()) {
        out.raw(separator).raw(attribute.getKey()).raw("\":").string(attribute.getValue());
        separator = ",\"";
      }
    }
    boolean utf8 = properties && message.payloadFormatUtf8();
    if (contentType == null) {
      contentType = utf8 ? TEXT : BYTES;
    }
    out.raw(",\"datacontenttype\":").string(contentType);
    data(out, payload, offset, length, isJson(mediaType), utf8);
    add(out, more);
    return out.raw("}").toBytes();
  }

  private static void add(JsonText out, Map<String, Object> more) {
    for (Map.Entry<String, Object> one : more.entrySet()) {
      out.raw(",").string(one.getKey()).raw(":");
      if (one.getValue() instanceof Number number) {
        out.raw(Long.toString(number.longValue()));
      } else {
        out.string((String) one.getValue());
      }
    }
  }

  /** An event as it came, byte for byte, but for what is added to it or replaced in it. */
  private static byte[] structured(
      byte[] payload, int offset, int length, Map<String, Object> more) {
    JsonText out = new JsonText(length + 64 * more.size());
    if (more.isEmpty()) {
      return out.raw(payload, offset, length).toBytes();
    }
    // the parser counts characters
    String text = new String(payload, offset, length, UTF_8);
    try (JsonParser parser = JsonText.parser(payload, offset, length)) {
      parser.nextToken();
      String separator = "{";
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        int from = (int) parser.currentTokenLocation().getCharOffset();
        boolean isReplaced = more.containsKey(parser.currentName());
        parser.nextToken();
        parser.skipChildren();
        parser.finishToken();
        if (!isReplaced) {
          int to = (int) parser.currentLocation().getCharOffset();
          byte[] member = text.substring(from, to).getBytes(UTF_8);
          out.raw(separator).raw(member, 0, member.length);
          separator = ",";
        }
      }
    } catch (IOException e) {
      throw new IllegalStateException("an event that was judged cannot be read", e);
    }
    add(out, more);
    return out.raw("}").toBytes();
  }

  private static void data(
      JsonText out, byte[] payload, int offset, int length, boolean json, boolean utf8) {
    if (json && Utf8.isValid(payload, offset, length)) {
      int skip = byteOrderMark(payload, offset, length);
      if (JsonText.isValue(payload, offset + skip, length - skip)) {
        out.raw(",\"data\":").raw(payload, offset + skip, length - skip);
        return;
      }
    }
    if ((json || utf8) && isText(payload, offset, length)) {
      out.raw(",\"data\":").string(payload, offset, length);
    } else {
      out.raw(",\"data_base64\":").base64(payload, offset, length);
    }
  }

  /**
   * Whether a payload is UTF-8. Unlike in MQTT's own strings U+0000 is allowed there; its byte is
   * part of no other character, so what stands between such bytes may be judged piece by piece.
   */
  private static boolean isText(byte[] payload, int offset, int length) {
    int from = offset;
    int end = offset + length;
    for (int i = offset; i < end; i++) {
      if (payload[i] == 0) {
        if (!Utf8.isValid(payload, from, i - from)) {
          return false;
        }
        from = i + 1;
      }
    }
    return Utf8.isValid(payload, from, end - from);
  }

  /** Bytes of a UTF-8 byte order mark, which may precede a JSON text but not stand within one. */
  private static int byteOrderMark(byte[] payload, int offset, int length) {
    return length >= 3
            && payload[offset] == (byte) 0xef
            && payload[offset + 1] == (byte) 0xbb
            && payload[offset + 2] == (byte) 0xbf
        ? 3
        : 0;
  }

  /** The type and subtype in lower case, without parameters; empty where there is none. */
  private static String mediaType(String contentType) {
    if (contentType == null) {
      return "";
    }
    int semicolon = contentType.indexOf(';');
    String type = semicolon < 0 ? contentType : contentType.substring(0, semicolon);
    return type.strip().toLowerCase(Locale.ROOT);
  }

  private static boolean isJson(String mediaType) {
    int slash = mediaType.indexOf('/');
    if (slash < 1) {
      return false;
    }
    String subtype = mediaType.substring(slash + 1);
    return subtype.equals("json") || (subtype.endsWith("+json") && subtype.length() > 5);
  }

  /** Writes the rest of an RFC 3339 time in UTC with milliseconds, and the closing quote. */
  private static void time(JsonText out, long millis) {
    LocalDate date = LocalDate.ofEpochDay(Math.floorDiv(millis, 86_400_000L));
    long ofDay = Math.floorMod(millis, 86_400_000L);
    out.digits(date.getYear(), 4).raw("-").digits(date.getMonthValue(), 2);
    out.raw("-").digits(date.getDayOfMonth(), 2);
    out.raw("T").digits(ofDay / 3_600_000, 2).raw(":").digits(ofDay / 60_000 % 60, 2);
    out.raw(":").digits(ofDay / 1_000 % 60, 2).raw(".").digits(ofDay % 1_000, 3).raw("Z\"");
  }

  /** Whether a message says that its payload is an event, with attributes of its own. */
  public static boolean isStructured(Publish message, MqttVersion version) {
    String type = version == MqttVersion.V5 ? message.contentType() : null;
    return type != null && mediaType(type).equals(STRUCTURED);
  }

  /** Whether a payload is one CloudEvent in the JSON event format (its section 3). */
  private static boolean isStructured(byte[] payload, int offset, int length) {
    if (!Utf8.isValid(payload, offset, length)) {
      return false;
    }
    try (JsonParser parser = JsonText.parser(payload, offset, length)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return false;
      }
      Set<String> names = new HashSet<>();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        if (!names.add(name) || !isMember(name, parser)) {
          return false;
        }
      }
      return parser.nextToken() == null
          && names.containsAll(REQUIRED)
          && !(names.contains("data") && names.contains("data_base64"));
    } catch (IOException e) {
      return false; // malformed is an answer here, not a failure
    }
  }

  /** Whether the value that the parser stands at may have this name; leaves it at its end. */
  private static boolean isMember(String name, JsonParser parser) throws IOException {
    if (name.equals("data")) {
      parser.skipChildren();
      return true;
    }
    JsonToken value = parser.currentToken();
    if (name.equals("data_base64")) {
      if (value == JsonToken.VALUE_STRING) {
        parser.getBinaryValue(); // throws if it is not Base64
        return true;
      }
      return value == JsonToken.VALUE_NULL;
    }
    return switch (value) {
      case VALUE_STRING -> isAttribute(name, parser.getText());
      case VALUE_NULL -> isName(name) && !REQUIRED.contains(name);
      case VALUE_TRUE, VALUE_FALSE, VALUE_NUMBER_INT -> isName(name) && isExtension(name);
      default -> false;
    };
  }

  /**
   * The attributes of an event in binary mode, the required ones first; null if the user properties
   * are not those of one. Properties whose names no attribute can have are left out.
   */
  private static Map<String, String> binaryAttributes(List<Map.Entry<String, String>> properties) {
    if (properties.size() < REQUIRED.size()) {
      return null;
    }
    Map<String, String> attributes = new LinkedHashMap<>();
    for (String name : REQUIRED) {
      attributes.put(name, "");
    }
    Set<String> seen = new HashSet<>();
    for (Map.Entry<String, String> property : properties) {
      String name = property.getKey();
      // the content type has its own MQTT property, the data is the payload
      if (!isName(name) || name.equals("data") || name.equals("datacontenttype")) {
        continue;
      }
      if (!seen.add(name) || !isAttribute(name, property.getValue())) {
        return null;
      }
      attributes.put(name, property.getValue());
    }
    return seen.containsAll(REQUIRED) ? attributes : null;
  }

  private static boolean isAttribute(String name, String value) {
    return switch (name) {
      case "specversion" -> value.equals("1.0");
      case "time" -> isTime(value);
      default -> isName(name) && (isExtension(name) || !value.isEmpty());
    };
  }

  /** Whether an attribute is none of those that CloudEvents 1.0 defines. */
  private static boolean isExtension(String name) {
    return switch (name) {
      case "specversion",
          "id",
          "source",
          "type",
          "subject",
          "time",
          "dataschema",
          "datacontenttype" ->
          false;
      default -> true;
    };
  }

  private static boolean isName(String name) {
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) {
        return false;
      }
    }
    return !name.isEmpty();
  }

  private static boolean isTime(String value) {
    if (!RFC_3339.matcher(value).matches()) {
      return false;
    }
    try {
      OffsetDateTime.parse(value.toUpperCase(Locale.ROOT));
      return true;
    } catch (DateTimeException e) {
      return false; // of the right form, but no such date
    }
  }
}
