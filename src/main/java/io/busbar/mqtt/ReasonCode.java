package io.busbar.mqtt;

import java.util.EnumSet;
import java.util.Set;

/**
 * Reason codes of MQTT 5.0 (section 2.4) and what an MQTT 3.1.1 client is told instead.
 *
 * <p>3.1.1 knows codes in CONNACK (section 3.2.2.3) and SUBACK (section 3.9.3) only; everywhere
 * else the server can but close the connection.
 */
public enum ReasonCode {
  SUCCESS(
      0x00,
      Packet.CONNACK,
      Packet.PUBACK,
      Packet.PUBREC,
      Packet.PUBREL,
      Packet.PUBCOMP,
      Packet.SUBACK,
      Packet.UNSUBACK,
      Packet.DISCONNECT,
      Packet.AUTH),
  GRANTED_QOS_1(0x01, Packet.SUBACK),
  GRANTED_QOS_2(0x02, Packet.SUBACK),
  DISCONNECT_WITH_WILL(0x04, Packet.DISCONNECT),
  NO_MATCHING_SUBSCRIBERS(0x10, Packet.PUBACK, Packet.PUBREC),
  NO_SUBSCRIPTION_EXISTED(0x11, Packet.UNSUBACK),
  CONTINUE_AUTHENTICATION(0x18, Packet.AUTH),
  REAUTHENTICATE(0x19, Packet.AUTH),
  UNSPECIFIED_ERROR(
      0x80,
      Packet.CONNACK,
      Packet.PUBACK,
      Packet.PUBREC,
      Packet.SUBACK,
      Packet.UNSUBACK,
      Packet.DISCONNECT),
  MALFORMED_PACKET(0x81, Packet.CONNACK, Packet.DISCONNECT),
  PROTOCOL_ERROR(0x82, Packet.CONNACK, Packet.DISCONNECT),
  IMPLEMENTATION_SPECIFIC_ERROR(
      0x83,
      Packet.CONNACK,
      Packet.PUBACK,
      Packet.PUBREC,
      Packet.SUBACK,
      Packet.UNSUBACK,
      Packet.DISCONNECT),
  UNSUPPORTED_PROTOCOL_VERSION(0x84, Packet.CONNACK),
  CLIENT_IDENTIFIER_NOT_VALID(0x85, Packet.CONNACK),
  BAD_USER_NAME_OR_PASSWORD(0x86, Packet.CONNACK),
  NOT_AUTHORIZED(
      0x87,
      Packet.CONNACK,
      Packet.PUBACK,
      Packet.PUBREC,
      Packet.SUBACK,
      Packet.UNSUBACK,
      Packet.DISCONNECT),
  SERVER_UNAVAILABLE(0x88, Packet.CONNACK),
  SERVER_BUSY(0x89, Packet.CONNACK, Packet.DISCONNECT),
  BANNED(0x8A, Packet.CONNACK),
  SERVER_SHUTTING_DOWN(0x8B, Packet.DISCONNECT),
  BAD_AUTHENTICATION_METHOD(0x8C, Packet.CONNACK, Packet.DISCONNECT),
  KEEP_ALIVE_TIMEOUT(0x8D, Packet.DISCONNECT),
  SESSION_TAKEN_OVER(0x8E, Packet.DISCONNECT),
  TOPIC_FILTER_INVALID(0x8F, Packet.SUBACK, Packet.UNSUBACK, Packet.DISCONNECT),
  TOPIC_NAME_INVALID(0x90, Packet.CONNACK, Packet.PUBACK, Packet.PUBREC, Packet.DISCONNECT),
  PACKET_IDENTIFIER_IN_USE(0x91, Packet.PUBACK, Packet.PUBREC, Packet.SUBACK, Packet.UNSUBACK),
  PACKET_IDENTIFIER_NOT_FOUND(0x92, Packet.PUBREL, Packet.PUBCOMP),
  RECEIVE_MAXIMUM_EXCEEDED(0x93, Packet.DISCONNECT),
  TOPIC_ALIAS_INVALID(0x94, Packet.DISCONNECT),
  PACKET_TOO_LARGE(0x95, Packet.CONNACK, Packet.DISCONNECT),
  MESSAGE_RATE_TOO_HIGH(0x96, Packet.DISCONNECT),
  QUOTA_EXCEEDED(
      0x97, Packet.CONNACK, Packet.PUBACK, Packet.PUBREC, Packet.SUBACK, Packet.DISCONNECT),
  ADMINISTRATIVE_ACTION(0x98, Packet.DISCONNECT),
  PAYLOAD_FORMAT_INVALID(0x99, Packet.CONNACK, Packet.PUBACK, Packet.PUBREC, Packet.DISCONNECT),
  RETAIN_NOT_SUPPORTED(0x9A, Packet.CONNACK, Packet.DISCONNECT),
  QOS_NOT_SUPPORTED(0x9B, Packet.CONNACK, Packet.DISCONNECT),
  USE_ANOTHER_SERVER(0x9C, Packet.CONNACK, Packet.DISCONNECT),
  SERVER_MOVED(0x9D, Packet.CONNACK, Packet.DISCONNECT),
  SHARED_SUBSCRIPTIONS_NOT_SUPPORTED(0x9E, Packet.SUBACK, Packet.DISCONNECT),
  CONNECTION_RATE_EXCEEDED(0x9F, Packet.CONNACK, Packet.DISCONNECT),
  MAXIMUM_CONNECT_TIME(0xA0, Packet.DISCONNECT),
  SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED(0xA1, Packet.SUBACK, Packet.DISCONNECT),
  WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED(0xA2, Packet.SUBACK, Packet.DISCONNECT);

  private static final ReasonCode[] BY_CODE = new ReasonCode[256];

  static {
    for (ReasonCode reason : values()) {
      BY_CODE[reason.code] = reason;
    }
  }

  /** What a client may give as its reason to disconnect; the rest is for servers. */
  private static final Set<ReasonCode> OF_CLIENTS =
      EnumSet.of(
          SUCCESS,
          DISCONNECT_WITH_WILL,
          UNSPECIFIED_ERROR,
          MALFORMED_PACKET,
          PROTOCOL_ERROR,
          IMPLEMENTATION_SPECIFIC_ERROR,
          TOPIC_NAME_INVALID,
          RECEIVE_MAXIMUM_EXCEEDED,
          TOPIC_ALIAS_INVALID,
          PACKET_TOO_LARGE,
          MESSAGE_RATE_TOO_HIGH,
          QUOTA_EXCEEDED,
          ADMINISTRATIVE_ACTION,
          PAYLOAD_FORMAT_INVALID);

  private final int code;

  /** The types of packet that may carry it, as bits. */
  private final int packets;

  ReasonCode(int code, int... packetTypes) {
    this.code = code;
    int bits = 0;
    for (int type : packetTypes) {
      bits |= 1 << type;
    }
    packets = bits;
  }

  /** Whether packets of a type may carry it (section 2.4). */
  public boolean isFor(int packetType) {
    return (packets & (1 << packetType)) != 0;
  }

  /** Whether a client may end its connection with it (section 3.14.2.1). */
  public boolean isForClients() {
    return OF_CLIENTS.contains(this);
  }

  /** The byte on the wire, 0 to 255. */
  public int code() {
    return code;
  }

  /** The code of a subscription that is granted a QoS. */
  public static ReasonCode granted(int qos) {
    return switch (qos) {
      case 0 -> SUCCESS;
      case 1 -> GRANTED_QOS_1;
      default -> GRANTED_QOS_2;
    };
  }

  /** Whether the code tells of a failure (0x80 and above). */
  public boolean isError() {
    return code >= 0x80;
  }

  /** The reason of a byte, or null where the standard defines none. */
  public static ReasonCode of(int code) {
    return BY_CODE[code & 0xff];
  }

  /**
   * The CONNACK return code for a 3.1.1 client (section 3.2.2.3): 1 to 5, or 0 where the standard
   * has none and the connection is closed without a CONNACK.
   */
  public int connectReturnCode() {
    return switch (this) {
      case UNSUPPORTED_PROTOCOL_VERSION -> 1;
      case CLIENT_IDENTIFIER_NOT_VALID -> 2;
      case SERVER_UNAVAILABLE,
          SERVER_BUSY,
          SERVER_SHUTTING_DOWN,
          QUOTA_EXCEEDED,
          CONNECTION_RATE_EXCEEDED,
          USE_ANOTHER_SERVER,
          SERVER_MOVED,
          IMPLEMENTATION_SPECIFIC_ERROR ->
          3;
      case BAD_USER_NAME_OR_PASSWORD -> 4;
      case NOT_AUTHORIZED, BANNED, BAD_AUTHENTICATION_METHOD -> 5;
      default -> 0;
    };
  }
}
