package io.busbar.shard;

import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;

/** MQTT 5 PUBLISH packets as the log holds them: they were judged before they came there. */
final class Packets {
  private Packets() {}

  /** Reads a packet into a view of it. */
  static void parse(byte[] packet, Publish view) {
    try {
      view.parse(packet, 0, packet.length, MqttVersion.V5);
    } catch (MqttException e) {
      throw new IllegalStateException("a packet that was accepted", e);
    }
  }

  /** When a message expires that was published now, or Long.MAX_VALUE. */
  static long expiresAt(Publish message, long now) {
    return message.expirySeconds() < 0 ? Long.MAX_VALUE : now + message.expirySeconds() * 1_000;
  }

  /**
   * A packet with what is left of its Message Expiry Interval [MQTT-3.3.2-6], in whole seconds,
   * none of them lost.
   *
   * @param expiryAt where the interval stands in the packet, or -1
   * @param expiresAt in milliseconds, after {@code now}
   */
  static byte[] countedDown(byte[] packet, int expiryAt, long expiresAt, long now) {
    if (expiryAt < 0 || expiresAt == Long.MAX_VALUE) {
      return packet;
    }
    byte[] counted = packet.clone();
    long seconds = (expiresAt - now + 999) / 1_000;
    for (int i = 0; i < 4; i++) {
      counted[expiryAt + i] = (byte) (seconds >>> (24 - 8 * i));
    }
    return counted;
  }
}
