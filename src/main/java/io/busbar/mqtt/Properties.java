package io.busbar.mqtt;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The properties of one MQTT 5.0 packet other than PUBLISH (section 2.2.2). Absent ones read as
 * null or the default that the standard gives; all of an MQTT 3.1.1 packet are absent.
 */
public final class Properties {
  /** No properties. */
  public static final Properties NONE = new Properties();

  private long present;
  private final long[] numbers = new long[0x2b];
  private String authenticationMethod;
  private byte[] authenticationData;
  private String reasonString;
  private String assignedClientId;
  private String responseInformation;
  private String serverReference;
  private List<Map.Entry<String, String>> userProperties = List.of();

  Properties() {}

  /**
   * Reads a property length and the properties, strictly.
   *
   * @param allowed the properties that this packet may carry, as bits
   * @throws MqttException 0x82 for a property that is twice or out of range, 0x81 for one that is
   *     misplaced (section 2.2.2.2) and for bytes that are no properties
   */
  static Properties read(Reader in, long allowed) throws MqttException {
    int length = in.variable();
    if (length == 0) {
      return NONE;
    }
    if (length > in.remaining()) {
      throw Reader.malformed("property length " + length + " goes beyond the packet");
    }
    int packetEnd = in.end;
    in.end = in.position + length;
    Properties properties = new Properties();
    while (in.position < in.end) {
      properties.readOne(in, allowed);
    }
    in.end = packetEnd;
    return properties;
  }

  private void readOne(Reader in, long allowed) throws MqttException {
    int id = in.variable();
    Property.Type type = Property.type(id);
    if (type == null) {
      throw Reader.malformed("property 0x%02x is unknown".formatted(id));
    }
    if ((allowed & (1L << id)) == 0) {
      throw Reader.malformed("property 0x%02x does not belong in this packet".formatted(id));
    }
    if (has(id) && id != Property.USER_PROPERTY) {
      throw Reader.protocol("property 0x%02x is there twice".formatted(id));
    }
    present |= 1L << id;
    switch (type) {
      case BYTE -> {
        numbers[id] = in.u8();
        if (numbers[id] > 1) {
          throw Reader.protocol(
              "property 0x%02x is %d (allowed: 0 or 1)".formatted(id, numbers[id]));
        }
      }
      case TWO_BYTE -> numbers[id] = in.u16();
      case FOUR_BYTE -> numbers[id] = in.u32();
      case VARIABLE -> numbers[id] = in.variable();
      case STRING -> readString(in, id);
      case BINARY -> {
        byte[] value = in.binary();
        if (id == Property.AUTHENTICATION_DATA) {
          authenticationData = value;
        }
      }
      case PAIR -> {
        if (userProperties.isEmpty()) {
          userProperties = new ArrayList<>();
        }
        String name = in.string("user property name");
        userProperties.add(Map.entry(name, in.string("user property value")));
      }
    }
    boolean mayBeZero =
        id != Property.RECEIVE_MAXIMUM
            && id != Property.MAXIMUM_PACKET_SIZE
            && id != Property.SUBSCRIPTION_IDENTIFIER;
    if (numbers[id] == 0 && !mayBeZero) {
      throw Reader.protocol("property 0x%02x is 0 (allowed: 1 and above)".formatted(id));
    }
  }

  private void readString(Reader in, int id) throws MqttException {
    String value = in.string("property 0x%02x".formatted(id));
    switch (id) {
      case Property.AUTHENTICATION_METHOD -> authenticationMethod = value;
      case Property.REASON_STRING -> reasonString = value;
      case Property.RESPONSE_INFORMATION -> responseInformation = value;
      case Property.SERVER_REFERENCE -> serverReference = value;
      case Property.ASSIGNED_CLIENT_IDENTIFIER -> assignedClientId = value;
      case Property.RESPONSE_TOPIC -> {
        byte[] name = value.getBytes(StandardCharsets.UTF_8);
        String error = Topics.nameError(name, 0, name.length, Integer.MAX_VALUE);
        if (error != null) {
          throw Reader.protocol("response topic: " + error + " [MQTT-3.3.2-14]");
        }
      }
      default -> {} // validated; nobody asks for its value
    }
  }

  /** Whether a property is present, by its identifier. */
  public boolean has(int id) {
    return (present & (1L << id)) != 0;
  }

  /** A numeric property, or a default where it is absent. */
  public long number(int id, long absent) {
    return has(id) ? numbers[id] : absent;
  }

  /** Authentication Method, or null. */
  public String authenticationMethod() {
    return authenticationMethod;
  }

  /** Authentication Data, or null; never logged. */
  public byte[] authenticationData() {
    return authenticationData;
  }

  /** Reason String, or null. */
  public String reasonString() {
    return reasonString;
  }

  /** Assigned Client Identifier, or null. */
  public String assignedClientId() {
    return assignedClientId;
  }

  /** Response Information, or null. */
  public String responseInformation() {
    return responseInformation;
  }

  /** Server Reference, or null. */
  public String serverReference() {
    return serverReference;
  }

  /** User properties in order. */
  public List<Map.Entry<String, String>> userProperties() {
    return userProperties;
  }
}
