package io.busbar.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.busbar.mqtt.Utf8;
import io.vertx.core.MultiMap;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLDecoder;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * A CloudEvent that was published (CloudEvents 1.0, JSON format and HTTP binding), judged.
 *
 * @param json all of it, to be looked at
 * @param bytes the same as UTF-8: what was sent, byte for byte, so that no number loses a digit
 */
record IncomingEvent(JsonObject json, byte[] bytes) {
  private static final JsonFactory JSON = new JsonFactory();

  static final String STRUCTURED = "application/cloudevents+json";
  static final String BATCH = "application/cloudevents-batch+json";

  private static final int MAX_EVENTS = 1_000;
  private static final int MAX_TEXT = 2_048;
  private static final Pattern EXTENSION = Pattern.compile("[a-z0-9]{1,20}");
  private static final Set<String> REQUIRED = Set.of("id", "source", "type");
  private static final Set<String> OPTIONAL =
      Set.of("subject", "dataschema", "datacontenttype", "time");

  /**
   * The events of a request, in one of the three forms.
   *
   * @throws ApiError if one of them is none
   */
  static List<IncomingEvent> read(MultiMap headers, byte[] body) {
    String type = headers.get("content-type");
    String bare = type == null ? "" : type.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
    if (bare.equals(BATCH)) {
      return batch(body);
    } else if (bare.equals(STRUCTURED)) {
      JsonObject event = object(body);
      judge(event, "");
      return List.of(new IncomingEvent(event, isPlain(body) ? body : encoded(event)));
    } else if (headers.contains("ce-specversion")) {
      return List.of(binary(headers, bare, type, body));
    }
    throw new ApiError(
        400,
        "BadRequest",
        "the content type is not one of events (allowed: %s, %s, or headers ce-…)"
            .formatted(STRUCTURED, BATCH));
  }

  private static List<IncomingEvent> batch(byte[] body) {
    JsonArray all;
    try {
      all = new JsonArray(Buffer.buffer(body));
    } catch (DecodeException | ClassCastException e) {
      throw bad("", "the body is not a JSON array");
    }
    if (all.size() > MAX_EVENTS) {
      throw bad("", "%d events (allowed: %d in one request)".formatted(all.size(), MAX_EVENTS));
    }
    List<byte[]> parts = isPlain(body) ? parts(body) : List.of();
    List<IncomingEvent> events = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) {
      String where = "[" + i + "]";
      if (!(all.getValue(i) instanceof JsonObject event)) {
        throw bad(where, "is not a JSON object");
      }
      judge(event, where + ".");
      events.add(new IncomingEvent(event, parts.isEmpty() ? encoded(event) : parts.get(i)));
    }
    return events;
  }

  /** Whether it is UTF-8, and not another form of Unicode that parsers of JSON read as well. */
  private static boolean isPlain(byte[] body) {
    return Utf8.isValid(body, 0, body.length) && body.length > 0 && body[0] > 0;
  }

  private static byte[] encoded(JsonObject event) {
    return event.toBuffer().getBytes();
  }

  /** The elements of an array, each as it was written. */
  private static List<byte[]> parts(byte[] array) {
    List<byte[]> parts = new ArrayList<>();
    try (JsonParser parser = JSON.createParser(array)) {
      parser.nextToken();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        int from = (int) parser.currentTokenLocation().getByteOffset();
        parser.skipChildren();
        parts.add(Arrays.copyOfRange(array, from, (int) parser.currentLocation().getByteOffset()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return parts;
  }

  private static JsonObject object(byte[] body) {
    try {
      return new JsonObject(Buffer.buffer(body));
    } catch (DecodeException | ClassCastException e) {
      throw bad("", "the body is not a JSON object");
    }
  }

  /** Attributes are headers, and the body is the data. */
  private static IncomingEvent binary(MultiMap headers, String bare, String type, byte[] body) {
    JsonObject attributes = new JsonObject();
    for (Map.Entry<String, String> header : headers) {
      String name = header.getKey().toLowerCase(Locale.ROOT);
      if (name.equals("ce-data") || name.equals("ce-data_base64")) {
        throw bad(name, "is no attribute (allowed: data as the body)");
      }
      if (name.startsWith("ce-")) {
        attributes.put(name.substring(3), decoded(name, header.getValue()));
      }
    }
    if (type != null) {
      attributes.put("datacontenttype", type);
    }
    boolean isJson = bare.endsWith("/json") || bare.endsWith("+json");
    String data;
    if (body.length == 0) {
      data = "";
    } else if (isJson && isPlain(body)) {
      data = ",\"data\":" + new String(body, UTF_8);
    } else if (bare.startsWith("text/")) {
      data = ",\"data\":" + Json.encode(new String(body, UTF_8));
    } else {
      data = ",\"data_base64\":\"" + Base64.getEncoder().encodeToString(body) + "\"";
    }
    String head = attributes.encode();
    byte[] bytes = (head.substring(0, head.length() - 1) + data + "}").getBytes(UTF_8);
    JsonObject event;
    try {
      event = new JsonObject(Buffer.buffer(bytes));
    } catch (DecodeException e) {
      throw bad("", "the body is not the JSON that its content type says");
    }
    judge(event, "");
    return new IncomingEvent(event, bytes);
  }

  private static String decoded(String name, String value) {
    try {
      return URLDecoder.decode(value.replace("+", "%2B"), UTF_8);
    } catch (IllegalArgumentException e) {
      throw bad(name, "has a percent sign that encodes nothing");
    }
  }

  private static void judge(JsonObject event, String where) {
    if (!"1.0".equals(event.getValue("specversion"))) {
      throw bad(where + "specversion", "is not '1.0' (allowed: that)");
    }
    for (String name : REQUIRED) {
      boolean isText = event.getValue(name) instanceof String text && !text.isEmpty();
      if (!isText) {
        throw bad(where + name, "is missing, or not a text (required)");
      }
    }
    for (String name : event.fieldNames()) {
      Object value = event.getValue(name);
      if (value instanceof String text
          && !name.equals("data")
          && !name.equals("data_base64")
          && text.length() > MAX_TEXT) {
        throw bad(where + name, "is longer than %d characters".formatted(MAX_TEXT));
      }
      if (OPTIONAL.contains(name)) {
        if (value != null && !(value instanceof String)) {
          throw bad(where + name, "is not a text");
        }
      } else if (!REQUIRED.contains(name)
          && !name.equals("data")
          && !name.equals("data_base64")
          && !name.equals("specversion")) {
        extension(where, name, value);
      }
    }
    if (event.getString("time") != null) {
      try {
        OffsetDateTime.parse(event.getString("time").toUpperCase(Locale.ROOT));
      } catch (DateTimeParseException e) {
        throw bad(where + "time", "is not a time (allowed: RFC 3339, as in 2026-01-02T03:04:05Z)");
      }
    }
    data(event, where);
  }

  private static void extension(String where, String name, Object value) {
    if (!EXTENSION.matcher(name).matches()) {
      throw bad(
          where + (name.length() > 40 ? name.substring(0, 40) + "…" : name),
          "is no attribute's name (allowed: 1 to 20 of a-z 0-9)");
    }
    boolean isValue =
        value == null
            || value instanceof String
            || value instanceof Boolean
            || value instanceof Integer;
    if (!isValue) {
      throw bad(
          where + name, "is of another kind (allowed: a text, a whole number, true or false)");
    }
  }

  private static void data(JsonObject event, String where) {
    Object base64 = event.getValue("data_base64");
    if (base64 == null) {
      return;
    }
    if (event.getValue("data") != null) {
      throw bad(where + "data_base64", "stands beside data (allowed: one of them)");
    }
    try {
      Base64.getDecoder().decode((String) base64);
    } catch (ClassCastException | IllegalArgumentException e) {
      throw bad(where + "data_base64", "is not base64");
    }
  }

  private static ApiError bad(String where, String what) {
    return new ApiError(400, "BadRequest", where.isEmpty() ? what : where + ": " + what);
  }
}
