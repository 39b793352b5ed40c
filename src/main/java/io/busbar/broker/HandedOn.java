package io.busbar.broker;

import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;
import io.busbar.session.SendQueue;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What shared subscriptions chose a device for and it has not settled: another member gets it when
 * this one leaves. QoS 2 that was sent is never given to another [MQTT-4.8.2-6].
 */
final class HandedOn {
  private final Loop loop;
  private final Map<Integer, Message> sent = new LinkedHashMap<>(0);

  /**
   * A message as another member would get it.
   *
   * @param packet an MQTT 5 PUBLISH, packet id 0
   * @param expiresAt on the loop's clock, or Long.MAX_VALUE
   */
  record Message(Share.Key share, byte[] packet, long expiresAt) {}

  HandedOn(Loop loop) {
    this.loop = loop;
  }

  /** A message for which a share chose the device. */
  Message of(Publish message, Share.Key share) {
    ByteBuf copy = Unpooled.buffer(message.packetLength() + 8);
    message.write(copy, MqttVersion.V5, message.qos(), message.retain(), Route.NO_IDS);
    byte[] packet = new byte[copy.readableBytes()];
    copy.readBytes(packet);
    return new Message(share, packet, Loop.expiresAt(message, loop.now));
  }

  /** The message went out under an identifier; null if no share chose the device for it. */
  void sent(int packetId, int qos, Message message) {
    if (message != null && qos == 1) {
      sent.put(packetId, message);
    }
  }

  /** The device has settled what went out under an identifier. */
  void settled(int packetId) {
    sent.remove(packetId);
  }

  /** The device is gone: others get it, with what still waits for it; returns how many. */
  int handOn(SendQueue waiting) {
    List<Message> messages = new ArrayList<>(sent.values());
    sent.clear();
    while (waiting.size() > 0) {
      if (waiting.peek().tag() instanceof Message message) {
        messages.add(message);
      }
      waiting.remove();
    }
    if (!messages.isEmpty()) {
      // later: the message that is being dispatched now is read from the same bytes
      loop.execute(() -> messages.forEach(loop.dispatcher::handOn));
    }
    return messages.size();
  }
}
