package io.busbar.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * An event of a trace as people read it. What comes from devices is in quotes, and whatever a
 * terminal might obey is written as {@code \}{@code uXXXX}.
 */
final class TraceLine {
  private static final String PAYLOAD = "payloadBase64";

  /** Where the time of day stands in a time, to the millisecond. */
  private static final int DAY = "2026-11-29T".length();

  private static final int DAY_END = DAY + "00:00:00.000".length();

  /** Fields of a line that have a place of their own. */
  private static final List<String> OWN = List.of("fields", "allowed", "reason", "text");

  private TraceLine() {}

  /** A line. */
  static String of(JsonObject event) {
    if (event.getString("what") == null) {
      return "--- " + harmless(event.getString("ended", event.getString("failed", event.encode())));
    }
    String time = event.getString("time", "");
    StringBuilder line = new StringBuilder();
    line.append(time.length() >= DAY_END ? harmless(time.substring(DAY, DAY_END)) : "-");
    line.append(' ').append(harmless(event.getString("node", "-")));
    line.append(' ').append(word(event.getString("session", event.getString("client", "-"))));
    String way = event.getString("way", "");
    line.append(way.equals("in") ? " -> " : way.equals("out") ? " <- " : " -- ");
    line.append(harmless(event.getString("what")));
    if (event.getValue("events") != null) {
      line.append(' ').append(harmless(String.valueOf(event.getValue("events")))).append(" events");
    }
    fields(line, event.getJsonObject("fields", new JsonObject()));
    OWN.stream().skip(1).forEach(name -> own(line, name, event.getValue(name)));
    return line.toString();
  }

  private static void own(StringBuilder line, String name, Object value) {
    if (value == null) {
      return;
    }
    String shown = harmless(value.toString());
    if (name.equals("allowed")) {
      shown = value.equals(true) ? "allowed" : "DENIED";
    }
    line.append(name.equals("text") ? ": " : " ").append(shown);
  }

  private static void fields(StringBuilder line, JsonObject fields) {
    for (Map.Entry<String, Object> field : fields) {
      if (field.getKey().equals(PAYLOAD)) {
        line.append(" payload=").append(payload(fields.getBinary(PAYLOAD)));
      } else if (field.getValue().equals(true)) {
        line.append(' ').append(harmless(field.getKey()));
      } else {
        line.append(' ').append(harmless(field.getKey())).append('=');
        value(line, field.getValue());
      }
    }
  }

  private static void value(StringBuilder line, Object value) {
    if (value instanceof JsonObject object) {
      StringBuilder inner = new StringBuilder();
      fields(inner, object);
      line.append('(').append(inner.toString().strip()).append(')');
    } else if (value instanceof JsonArray array) {
      line.append('[');
      for (int i = 0; i < array.size(); i++) {
        line.append(i == 0 ? "" : ", ");
        value(line, array.getValue(i));
      }
      line.append(']');
    } else if (value instanceof String text) {
      line.append(quoted(text));
    } else {
      line.append(harmless(String.valueOf(value)));
    }
  }

  /** What is text is shown so, the rest in hexadecimal digits. */
  private static String payload(byte[] payload) {
    CharsetDecoder decoder =
        UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    CharBuffer text = CharBuffer.allocate(payload.length + 1);
    // it may end within a character
    CoderResult result = decoder.decode(ByteBuffer.wrap(payload), text, false);
    return result.isError()
        ? "0x" + HexFormat.of().formatHex(payload)
        : quoted(text.flip().toString());
  }

  /** A name: in quotes where it is not plain. */
  static String word(String text) {
    return text.matches("[A-Za-z0-9._:@/+-]+") ? text : quoted(text);
  }

  private static String quoted(String text) {
    return "'" + harmless(text.replace("\\", "\\\\").replace("'", "\\'")) + "'";
  }

  /**
   * A text in which nothing is left that a terminal might obey: control and formatting characters,
   * line ends and lone surrogates. JSON stays the same JSON.
   */
  static String harmless(String text) {
    StringBuilder out = new StringBuilder(text.length());
    for (int at = 0; at < text.length(); ) {
      int c = text.codePointAt(at);
      int next = at + Character.charCount(c);
      switch (Character.getType(c)) {
        case Character.CONTROL,
            Character.FORMAT,
            Character.SURROGATE,
            Character.PRIVATE_USE,
            Character.UNASSIGNED,
            Character.LINE_SEPARATOR,
            Character.PARAGRAPH_SEPARATOR -> {
          for (int i = at; i < next; i++) {
            out.append("\\u%04x".formatted((int) text.charAt(i)));
          }
        }
        default -> out.appendCodePoint(c);
      }
      at = next;
    }
    return out.toString();
  }
}
