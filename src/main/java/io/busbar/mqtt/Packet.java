package io.busbar.mqtt;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A decoded control packet. PUBLISH is not among them: the hot path reads it in place with {@link
 * Publish}.
 */
public sealed interface Packet {
  /** Its properties; none in 3.1.1. */
  default Properties properties() {
    return Properties.NONE;
  }

  /** Packet types (section 2.1.2). */
  int CONNECT = 1;

  int CONNACK = 2;
  int PUBLISH = 3;
  int PUBACK = 4;
  int PUBREC = 5;
  int PUBREL = 6;
  int PUBCOMP = 7;
  int SUBSCRIBE = 8;
  int SUBACK = 9;
  int UNSUBSCRIBE = 10;
  int UNSUBACK = 11;
  int PINGREQ = 12;
  int PINGRESP = 13;
  int DISCONNECT = 14;
  int AUTH = 15;

  /**
   * CONNECT (section 3.1).
   *
   * @param keepAlive seconds, 0 for none
   * @param clientId may be empty
   * @param will the will message, or null
   * @param userName or null
   * @param password or null; never logged
   */
  record Connect(
      MqttVersion version,
      boolean cleanStart,
      int keepAlive,
      String clientId,
      Will will,
      String userName,
      byte[] password,
      Properties properties)
      implements Packet {}

  /**
   * The will of a CONNECT (sections 3.1.2.5 to 3.1.3.4).
   *
   * @param messageProperties the properties of the message, as a PUBLISH carries them
   * @param properties all of them, the Will Delay Interval too
   */
  record Will(
      int qos,
      boolean retain,
      String topic,
      byte[] payload,
      byte[] messageProperties,
      Properties properties) {

    /** The will message as an MQTT 5 PUBLISH with its QoS and RETAIN, packet identifier 0. */
    public byte[] publish() {
      byte[] name = topic.getBytes(StandardCharsets.UTF_8);
      int length = 2 + name.length + (qos > 0 ? 2 : 0) + payload.length + messageProperties.length;
      ByteBuf out = Unpooled.buffer(length + 10);
      out.writeByte((PUBLISH << 4) | (qos << 1) | (retain ? 1 : 0));
      Variable.write(out, length + Variable.size(messageProperties.length));
      out.writeShort(name.length);
      out.writeBytes(name);
      if (qos > 0) {
        out.writeShort(0);
      }
      Variable.write(out, messageProperties.length);
      out.writeBytes(messageProperties);
      out.writeBytes(payload);
      byte[] packet = new byte[out.readableBytes()];
      out.readBytes(packet);
      return packet;
    }
  }

  /** CONNACK (section 3.2), as clients read it; the return code of 3.1.1 stands in {@code code}. */
  record Connack(boolean sessionPresent, int code, Properties properties) implements Packet {}

  /** PUBACK, PUBREC, PUBREL or PUBCOMP (sections 3.4 to 3.7). */
  record Ack(int type, int packetId, ReasonCode reason, Properties properties) implements Packet {}

  /** SUBSCRIBE (section 3.8). */
  record Subscribe(int packetId, List<Filter> filters, Properties properties) implements Packet {}

  /**
   * A topic filter with its options (section 3.8.3.1).
   *
   * @param filter UTF-8, not yet judged by the grammar of filters
   * @param qos the most the client wants, 0 to 2
   */
  record Filter(
      byte[] filter, int qos, boolean noLocal, boolean retainAsPublished, int retainHandling) {}

  /** SUBACK or UNSUBACK (sections 3.9 and 3.11), as clients read them. */
  record Suback(int type, int packetId, List<Integer> codes, Properties properties)
      implements Packet {}

  /** UNSUBSCRIBE (section 3.10). */
  record Unsubscribe(int packetId, List<byte[]> filters, Properties properties) implements Packet {}

  /** PINGREQ (section 3.12) or PINGRESP. */
  record Ping(int type) implements Packet {}

  /** DISCONNECT (section 3.14). */
  record Disconnect(ReasonCode reason, Properties properties) implements Packet {}

  /** AUTH (section 3.15). */
  record Auth(ReasonCode reason, Properties properties) implements Packet {}
}
