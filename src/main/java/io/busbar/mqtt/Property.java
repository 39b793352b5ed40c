package io.busbar.mqtt;

/**
 * Identifiers of MQTT 5.0 properties (section 2.2.2.2), their types and the packets that may carry
 * them.
 */
public final class Property {
  public static final int PAYLOAD_FORMAT_INDICATOR = 0x01;
  public static final int MESSAGE_EXPIRY_INTERVAL = 0x02;
  public static final int CONTENT_TYPE = 0x03;
  public static final int RESPONSE_TOPIC = 0x08;
  public static final int CORRELATION_DATA = 0x09;
  public static final int SUBSCRIPTION_IDENTIFIER = 0x0b;
  public static final int SESSION_EXPIRY_INTERVAL = 0x11;
  public static final int ASSIGNED_CLIENT_IDENTIFIER = 0x12;
  public static final int SERVER_KEEP_ALIVE = 0x13;
  public static final int AUTHENTICATION_METHOD = 0x15;
  public static final int AUTHENTICATION_DATA = 0x16;
  public static final int REQUEST_PROBLEM_INFORMATION = 0x17;
  public static final int WILL_DELAY_INTERVAL = 0x18;
  public static final int REQUEST_RESPONSE_INFORMATION = 0x19;
  public static final int RESPONSE_INFORMATION = 0x1a;
  public static final int SERVER_REFERENCE = 0x1c;
  public static final int REASON_STRING = 0x1f;
  public static final int RECEIVE_MAXIMUM = 0x21;
  public static final int TOPIC_ALIAS_MAXIMUM = 0x22;
  public static final int TOPIC_ALIAS = 0x23;
  public static final int MAXIMUM_QOS = 0x24;
  public static final int RETAIN_AVAILABLE = 0x25;
  public static final int USER_PROPERTY = 0x26;
  public static final int MAXIMUM_PACKET_SIZE = 0x27;
  public static final int WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28;
  public static final int SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29;
  public static final int SHARED_SUBSCRIPTION_AVAILABLE = 0x2a;

  /** A set of properties as bits: bit n is the property with identifier n. */
  static final long CONNECT =
      bits(
          SESSION_EXPIRY_INTERVAL,
          AUTHENTICATION_METHOD,
          AUTHENTICATION_DATA,
          REQUEST_PROBLEM_INFORMATION,
          REQUEST_RESPONSE_INFORMATION,
          RECEIVE_MAXIMUM,
          TOPIC_ALIAS_MAXIMUM,
          USER_PROPERTY,
          MAXIMUM_PACKET_SIZE);

  static final long WILL =
      bits(
          PAYLOAD_FORMAT_INDICATOR,
          MESSAGE_EXPIRY_INTERVAL,
          CONTENT_TYPE,
          RESPONSE_TOPIC,
          CORRELATION_DATA,
          WILL_DELAY_INTERVAL,
          USER_PROPERTY);

  static final long CONNACK =
      bits(
          SESSION_EXPIRY_INTERVAL,
          ASSIGNED_CLIENT_IDENTIFIER,
          SERVER_KEEP_ALIVE,
          AUTHENTICATION_METHOD,
          AUTHENTICATION_DATA,
          RESPONSE_INFORMATION,
          SERVER_REFERENCE,
          REASON_STRING,
          RECEIVE_MAXIMUM,
          TOPIC_ALIAS_MAXIMUM,
          MAXIMUM_QOS,
          RETAIN_AVAILABLE,
          USER_PROPERTY,
          MAXIMUM_PACKET_SIZE,
          WILDCARD_SUBSCRIPTION_AVAILABLE,
          SUBSCRIPTION_IDENTIFIER_AVAILABLE,
          SHARED_SUBSCRIPTION_AVAILABLE);

  /** What a client may put in PUBLISH; a server may add the subscription identifier. */
  static final long PUBLISH =
      bits(
          PAYLOAD_FORMAT_INDICATOR,
          MESSAGE_EXPIRY_INTERVAL,
          CONTENT_TYPE,
          RESPONSE_TOPIC,
          CORRELATION_DATA,
          TOPIC_ALIAS,
          USER_PROPERTY);

  static final long ACK = bits(REASON_STRING, USER_PROPERTY);
  static final long SUBSCRIBE = bits(SUBSCRIPTION_IDENTIFIER, USER_PROPERTY);
  static final long UNSUBSCRIBE = bits(USER_PROPERTY);

  static final long DISCONNECT =
      bits(SESSION_EXPIRY_INTERVAL, SERVER_REFERENCE, REASON_STRING, USER_PROPERTY);

  static final long AUTH =
      bits(AUTHENTICATION_METHOD, AUTHENTICATION_DATA, REASON_STRING, USER_PROPERTY);

  /** How a property's value is encoded (section 1.5). */
  enum Type {
    BYTE,
    TWO_BYTE,
    FOUR_BYTE,
    VARIABLE,
    STRING,
    BINARY,
    PAIR
  }

  private Property() {}

  /** The type of a property, or null where the standard defines none. */
  static Type type(int id) {
    return switch (id) {
      case PAYLOAD_FORMAT_INDICATOR,
          REQUEST_PROBLEM_INFORMATION,
          REQUEST_RESPONSE_INFORMATION,
          MAXIMUM_QOS,
          RETAIN_AVAILABLE,
          WILDCARD_SUBSCRIPTION_AVAILABLE,
          SUBSCRIPTION_IDENTIFIER_AVAILABLE,
          SHARED_SUBSCRIPTION_AVAILABLE ->
          Type.BYTE;
      case SERVER_KEEP_ALIVE, RECEIVE_MAXIMUM, TOPIC_ALIAS_MAXIMUM, TOPIC_ALIAS -> Type.TWO_BYTE;
      case MESSAGE_EXPIRY_INTERVAL,
          SESSION_EXPIRY_INTERVAL,
          WILL_DELAY_INTERVAL,
          MAXIMUM_PACKET_SIZE ->
          Type.FOUR_BYTE;
      case SUBSCRIPTION_IDENTIFIER -> Type.VARIABLE;
      case CONTENT_TYPE,
          RESPONSE_TOPIC,
          ASSIGNED_CLIENT_IDENTIFIER,
          AUTHENTICATION_METHOD,
          RESPONSE_INFORMATION,
          SERVER_REFERENCE,
          REASON_STRING ->
          Type.STRING;
      case CORRELATION_DATA, AUTHENTICATION_DATA -> Type.BINARY;
      case USER_PROPERTY -> Type.PAIR;
      default -> null;
    };
  }

  static long bits(int... ids) {
    long set = 0;
    for (int id : ids) {
      set |= 1L << id;
    }
    return set;
  }
}
