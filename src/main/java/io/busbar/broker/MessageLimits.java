package io.busbar.broker;

import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;

/** What a message may be, whichever way it comes. */
final class MessageLimits {
  private MessageLimits() {}

  /**
   * Judges a message.
   *
   * @throws MqttException if it is more than the limits allow
   */
  static void check(Publish publish, Limits limits) throws MqttException {
    int qos = publish.qos();
    if (qos > 0 && qos > limits.intValue(Limit.MAXIMUM_QOS)) {
      throw new MqttException(
          ReasonCode.QOS_NOT_SUPPORTED,
          "PUBLISH with QoS %d (allowed: at most %d)"
              .formatted(qos, limits.intValue(Limit.MAXIMUM_QOS)));
    }
    if (publish.retain()) {
      checkRetain(publish, limits);
    }
    if (publish.userPropertiesBytes() > limits.get(Limit.USER_PROPERTIES_BYTES)) {
      throw new MqttException(
          ReasonCode.QUOTA_EXCEEDED,
          "user properties have %d bytes (allowed: %s = %d)"
              .formatted(
                  publish.userPropertiesBytes(),
                  Limit.USER_PROPERTIES_BYTES.key(),
                  limits.get(Limit.USER_PROPERTIES_BYTES)));
    }
  }

  /**
   * Judges how large a message is that did not come as a packet.
   *
   * @throws MqttException if it is larger than a packet may be
   */
  static void checkLength(byte[] packet, Limits limits) throws MqttException {
    if (packet.length > limits.get(Limit.PACKET_BYTES)) {
      throw new MqttException(
          ReasonCode.PACKET_TOO_LARGE,
          "packet has %d bytes (allowed: %s = %d)"
              .formatted(packet.length, Limit.PACKET_BYTES.key(), limits.get(Limit.PACKET_BYTES)));
    }
  }

  private static void checkRetain(Publish publish, Limits limits) throws MqttException {
    if (limits.get(Limit.RETAIN_AVAILABLE) == 0) {
      throw new MqttException(
          ReasonCode.RETAIN_NOT_SUPPORTED, "PUBLISH with RETAIN, which is not available");
    }
    if (publish.packetLength() > limits.get(Limit.RETAINED_BYTES)) {
      throw new MqttException(
          ReasonCode.PACKET_TOO_LARGE,
          "message to be retained has %d bytes (allowed: %s = %d)"
              .formatted(
                  publish.packetLength(),
                  Limit.RETAINED_BYTES.key(),
                  limits.get(Limit.RETAINED_BYTES)));
    }
  }
}
