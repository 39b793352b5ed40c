package io.busbar.delivery;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.policy.EventSubscription;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * A CloudEvent whose attributes stand beside its data, as headers do (CloudEvents 1.0, binary
 * content mode).
 *
 * @param attributes all but the content type
 * @param contentType of the data
 * @param data as it is, without JSON around it
 */
record BinaryEvent(Map<String, String> attributes, Optional<String> contentType, byte[] data) {
  private static final String TYPE = "datacontenttype";

  /** Takes an event in JSON apart. */
  static BinaryEvent of(byte[] json) {
    JsonObject event = new JsonObject(Buffer.buffer(json));
    Map<String, String> attributes = new LinkedHashMap<>();
    for (Map.Entry<String, Object> one : event) {
      String key = one.getKey();
      boolean isData = key.equals("data") || key.equals("data_base64") || key.equals(TYPE);
      if (!isData && one.getValue() != null) {
        attributes.put(key, String.valueOf(one.getValue()));
      }
    }
    Optional<String> type = Optional.ofNullable(event.getString(TYPE));
    return new BinaryEvent(attributes, type, data(event, type.orElse("application/json")));
  }

  private static byte[] data(JsonObject event, String type) {
    if (event.getValue("data_base64") instanceof String encoded) {
      return Base64.getDecoder().decode(encoded);
    }
    Object data = event.getValue("data");
    if (data == null) {
      return new byte[0];
    }
    String media = type.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
    boolean isJson = media.endsWith("/json") || media.endsWith("+json");
    return data instanceof String text && !isJson
        ? text.getBytes(UTF_8)
        : Json.encodeToBuffer(data).getBytes();
  }

  /** What stands at a key of an event, as text; null if nothing does. */
  static String text(byte[] json, String key) {
    Object value = EventSubscription.value(new JsonObject(Buffer.buffer(json)).getMap(), key);
    if (value instanceof Map<?, ?> || value instanceof Iterable<?>) {
      return Json.encode(value);
    }
    return value == null || value instanceof JsonArray ? null : String.valueOf(value);
  }

  /** A value of an attribute as a header has it (CloudEvents HTTP binding 3.1.3.2). */
  static String encoded(String value) {
    StringBuilder out = new StringBuilder();
    for (byte b : value.getBytes(UTF_8)) {
      boolean isPlain = b > ' ' && b < 0x7f && b != '"' && b != '%';
      if (isPlain) {
        out.append((char) b);
      } else {
        out.append('%').append("%02X".formatted(b & 0xff));
      }
    }
    return out.toString();
  }
}
