package io.busbar.mqtt;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A packet of either side as people are shown it. Of what is secret only the length is told:
 * passwords, authentication data, the values of user properties; of a message so also its payload
 * and the values of its user properties, unless they are asked for. All is bounded, whatever the
 * packet holds. What is no packet of the standard is shown as far as it can be read.
 *
 * @param type as the standard writes it
 * @param fields in the order of the packet, by names for JSON: texts, numbers, true (what is false
 *     is left out), byte arrays, lists and maps of those
 */
public record PacketFields(String type, Map<String, Object> fields) {
  /** Characters of a text that are shown. */
  public static final int MOST_TEXT = 256;

  /** Filters, reason codes or user properties that are shown. */
  static final int MOST_ITEMS = 16;

  private static final String[] TYPES = {
    "packet type 0",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH"
  };

  /**
   * Reads a whole packet.
   *
   * @param version what the connection speaks; ignored for CONNECT
   * @param payload bytes of a message's payload that are shown; 0 to show nothing of its contents
   */
  public static PacketFields of(
      byte[] packet, int start, int end, MqttVersion version, int payload) {
    Reading reading = new Reading(packet, start, end, version, payload);
    reading.read();
    return new PacketFields(TYPES[reading.type], reading.fields);
  }

  /** The beginning of a text. */
  public static String cut(String text) {
    if (text.length() <= MOST_TEXT) {
      return text;
    }
    boolean isInPair = Character.isHighSurrogate(text.charAt(MOST_TEXT - 1));
    return text.substring(0, isInPair ? MOST_TEXT - 1 : MOST_TEXT) + "…";
  }

  /** A reason code with its name. */
  public static String reason(int code) {
    ReasonCode known = ReasonCode.of(code);
    return "0x%02x%s"
        .formatted(
            code,
            known == null ? "" : " " + known.name().toLowerCase(Locale.ROOT).replace('_', ' '));
  }

  private static final class Reading {
    private final Reader in = new Reader();
    private final int type;
    private final int flags;
    private final int most;
    private final Map<String, Object> fields = new LinkedHashMap<>();
    private boolean v5;

    Reading(byte[] packet, int start, int end, MqttVersion version, int payload) {
      type = (packet[start] & 0xf0) >> 4;
      flags = packet[start] & 0x0f;
      most = payload;
      v5 = version == MqttVersion.V5;
      int body = start + 1;
      while (body < end && packet[body++] < 0) {
        // the remaining length
      }
      in.of(packet, body, end);
    }

    void read() {
      try {
        switch (type) {
          case Packet.CONNECT -> connect();
          case Packet.CONNACK -> connack();
          case Packet.PUBLISH -> publish();
          case Packet.PUBACK, Packet.PUBREC, Packet.PUBREL, Packet.PUBCOMP -> ack();
          case Packet.SUBSCRIBE -> subscribe();
          case Packet.SUBACK, Packet.UNSUBACK -> suback();
          case Packet.UNSUBSCRIBE -> unsubscribe();
          case Packet.DISCONNECT, Packet.AUTH -> reasoned();
          default -> {} // PINGREQ and PINGRESP have no fields
        }
      } catch (MqttException e) {
        fields.put("malformed", e.getMessage());
      }
    }

    private void connect() throws MqttException {
      String protocol = text();
      int level = in.u8();
      v5 = level == MqttVersion.V5.level();
      fields.put("version", v5 ? "5" : level == 4 ? "3.1.1" : protocol + " " + level);
      final int has = in.u8();
      if ((has & 0x02) != 0) {
        fields.put("cleanStart", true);
      }
      fields.put("keepAlive", in.u16());
      properties(fields, false);
      fields.put("clientId", text());
      if ((has & 0x04) != 0) {
        fields.put("will", will(has));
      }
      if ((has & 0x80) != 0) {
        fields.put("userName", userName(text()));
      }
      if ((has & 0x40) != 0) {
        fields.put("passwordBytes", length());
      }
    }

    private Map<String, Object> will(int has) throws MqttException {
      Map<String, Object> will = new LinkedHashMap<>();
      properties(will, false);
      will.put("topic", text());
      will.put("qos", (has >> 3) & 0x03);
      if ((has & 0x20) != 0) {
        will.put("retain", true);
      }
      will.put("bytes", length());
      return will;
    }

    /** Some put a token there, or what is signed behind a question mark. */
    private static Object userName(String name) {
      int query = name.indexOf('?');
      String shown = query < 0 ? name : name.substring(0, query + 1) + "…";
      boolean isToken = shown.startsWith("eyJ") && shown.indexOf('.') > 0;
      return isToken ? "(a token)" : shown;
    }

    private void connack() throws MqttException {
      if (in.u8() == 1) {
        fields.put("sessionPresent", true);
      }
      int code = in.u8();
      fields.put(v5 ? "reason" : "returnCode", v5 ? (Object) reason(code) : code);
      properties(fields, false);
    }

    private void publish() throws MqttException {
      fields.put("topic", text());
      int qos = (flags >> 1) & 0x03;
      fields.put("qos", qos);
      if (qos > 0) {
        fields.put("packetId", in.u16());
      }
      if ((flags & 0x08) != 0) {
        fields.put("dup", true);
      }
      if ((flags & 0x01) != 0) {
        fields.put("retain", true);
      }
      properties(fields, most > 0);
      int bytes = in.remaining();
      fields.put("bytes", bytes);
      if (most > 0 && bytes > 0) {
        fields.put(
            "payloadBase64",
            Arrays.copyOfRange(in.buffer, in.position, in.position + Math.min(bytes, most)));
      }
    }

    private void ack() throws MqttException {
      fields.put("packetId", in.u16());
      code();
    }

    private void reasoned() throws MqttException {
      code();
    }

    /** A reason code, unless it is left out because all is well, and properties. */
    private void code() throws MqttException {
      if (v5 && in.remaining() > 0) {
        fields.put("reason", reason(in.u8()));
        if (in.remaining() > 0) {
          properties(fields, false);
        }
      }
    }

    private void subscribe() throws MqttException {
      fields.put("packetId", in.u16());
      properties(fields, false);
      List<Object> filters = new ArrayList<>();
      int all = 0;
      for (; in.remaining() > 0; all++) {
        Map<String, Object> filter = new LinkedHashMap<>();
        filter.put("filter", text());
        int options = in.u8();
        filter.put("qos", options & 0x03);
        if ((options & 0x04) != 0) {
          filter.put("noLocal", true);
        }
        if ((options & 0x08) != 0) {
          filter.put("retainAsPublished", true);
        }
        if ((options & 0x30) != 0) {
          filter.put("retainHandling", (options >> 4) & 0x03);
        }
        if (all < MOST_ITEMS) {
          filters.add(filter);
        }
      }
      items("filters", filters, all);
    }

    private void unsubscribe() throws MqttException {
      fields.put("packetId", in.u16());
      properties(fields, false);
      List<Object> filters = new ArrayList<>();
      int all = 0;
      for (; in.remaining() > 0; all++) {
        String filter = text();
        if (all < MOST_ITEMS) {
          filters.add(filter);
        }
      }
      items("filters", filters, all);
    }

    private void suback() throws MqttException {
      fields.put("packetId", in.u16());
      properties(fields, false);
      List<Object> codes = new ArrayList<>();
      int all = 0;
      for (; in.remaining() > 0; all++) {
        int code = in.u8();
        if (all < MOST_ITEMS) {
          boolean isGranted = type == Packet.SUBACK && code <= 2;
          codes.add(isGranted ? "granted qos " + code : reason(code));
        }
      }
      if (all > 0) {
        items("reasons", codes, all);
      }
    }

    private void items(String name, List<Object> shown, int all) {
      if (all > shown.size()) {
        shown.add("… %d more".formatted(all - shown.size()));
      }
      fields.put(name, shown);
    }

    // --- properties ---

    private void properties(Map<String, Object> into, boolean areShown) throws MqttException {
      if (!v5) {
        return;
      }
      int length = in.variable();
      if (length > in.remaining()) {
        throw Reader.malformed("property length " + length + " goes beyond the packet");
      }
      int packetEnd = in.end;
      in.end = in.position + length;
      List<Object> pairs = new ArrayList<>(0);
      int all = 0;
      while (in.remaining() > 0) {
        int id = in.variable();
        if (id != Property.USER_PROPERTY) {
          property(id, into);
          continue;
        }
        String pair = text() + (areShown ? ": " + text() : " (%d bytes)".formatted(length()));
        if (all++ < MOST_ITEMS) {
          pairs.add(pair);
        }
      }
      in.end = packetEnd;
      if (all > pairs.size()) {
        pairs.add("… %d more".formatted(all - pairs.size()));
      }
      if (!pairs.isEmpty()) {
        into.put("userProperties", pairs);
      }
    }

    private void property(int id, Map<String, Object> into) throws MqttException {
      Property.Type valueType = Property.type(id);
      if (valueType == null) {
        throw Reader.malformed("property 0x%02x is unknown".formatted(id));
      }
      String name = name(id);
      switch (valueType) {
        case BYTE -> into.put(name, in.u8());
        case TWO_BYTE -> into.put(name, in.u16());
        case FOUR_BYTE -> into.put(name, in.u32());
        case VARIABLE -> into.put(name, in.variable());
        case STRING -> into.put(name, text());
        case BINARY -> into.put(name + "Bytes", length());
        default -> throw new IllegalStateException("property " + id);
      }
    }

    private static String name(int id) {
      return switch (id) {
        case Property.PAYLOAD_FORMAT_INDICATOR -> "payloadFormat";
        case Property.MESSAGE_EXPIRY_INTERVAL -> "messageExpiry";
        case Property.CONTENT_TYPE -> "contentType";
        case Property.RESPONSE_TOPIC -> "responseTopic";
        case Property.CORRELATION_DATA -> "correlationData";
        case Property.SUBSCRIPTION_IDENTIFIER -> "subscriptionIdentifier";
        case Property.SESSION_EXPIRY_INTERVAL -> "sessionExpiry";
        case Property.ASSIGNED_CLIENT_IDENTIFIER -> "assignedClientId";
        case Property.SERVER_KEEP_ALIVE -> "serverKeepAlive";
        case Property.AUTHENTICATION_METHOD -> "authenticationMethod";
        case Property.AUTHENTICATION_DATA -> "authenticationData";
        case Property.REQUEST_PROBLEM_INFORMATION -> "requestProblemInformation";
        case Property.WILL_DELAY_INTERVAL -> "willDelay";
        case Property.REQUEST_RESPONSE_INFORMATION -> "requestResponseInformation";
        case Property.RESPONSE_INFORMATION -> "responseInformation";
        case Property.SERVER_REFERENCE -> "serverReference";
        case Property.REASON_STRING -> "reasonString";
        case Property.RECEIVE_MAXIMUM -> "receiveMaximum";
        case Property.TOPIC_ALIAS_MAXIMUM -> "topicAliasMaximum";
        case Property.TOPIC_ALIAS -> "topicAlias";
        case Property.MAXIMUM_QOS -> "maximumQos";
        case Property.RETAIN_AVAILABLE -> "retainAvailable";
        case Property.MAXIMUM_PACKET_SIZE -> "maximumPacketSize";
        case Property.WILDCARD_SUBSCRIPTION_AVAILABLE -> "wildcardSubscriptions";
        case Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE -> "subscriptionIdentifiers";
        default -> "sharedSubscriptions";
      };
    }

    // --- values ---

    /** A string, cut; bytes that are no UTF-8 become replacement characters. */
    private String text() throws MqttException {
      int at = in.binaryAt();
      // a character has four bytes at most
      int length = Math.min(in.position - at, 4 * (MOST_TEXT + 1));
      return cut(new String(in.buffer, at, length, StandardCharsets.UTF_8));
    }

    private int length() throws MqttException {
      int at = in.binaryAt();
      return in.position - at;
    }
  }
}
