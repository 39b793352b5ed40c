package io.busbar.shard;

import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;

/** PUBLISH packets as the store has them. */
final class Messages {
  private Messages() {}

  /** An MQTT 5 PUBLISH, packet id 0; {@code expirySeconds} -1 for none. */
  static byte[] publish(String topic, String payload, int qos, boolean retain, long expirySeconds) {
    PropertyWriter properties = new PropertyWriter();
    if (expirySeconds >= 0) {
      properties.number(Property.MESSAGE_EXPIRY_INTERVAL, expirySeconds);
    }
    ByteBuf out = Unpooled.buffer();
    byte[] body = payload.getBytes(StandardCharsets.UTF_8);
    Encoder.publish(out, MqttVersion.V5, topic, qos, 0, body, properties);
    byte[] packet = ByteBufUtil.getBytes(out);
    packet[0] |= (byte) (retain ? 1 : 0);
    return packet;
  }

  static Publish parsed(byte[] packet) {
    Publish publish = new Publish();
    try {
      publish.parse(packet, 0, packet.length, MqttVersion.V5);
    } catch (MqttException e) {
      throw new AssertionError(e);
    }
    return publish;
  }

  static String topic(byte[] packet) {
    return parsed(packet).topic();
  }

  static String payload(byte[] packet) {
    Publish publish = parsed(packet);
    return new String(
        packet, publish.payloadOffset(), publish.payloadLength(), StandardCharsets.UTF_8);
  }
}
