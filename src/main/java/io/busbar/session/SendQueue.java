package io.busbar.session;

import java.util.ArrayDeque;

/**
 * QoS 1 and 2 messages that wait for room in flight or in the socket: bounded in messages and
 * bytes, the oldest dropped first. Each is kept as the packet that this client will get.
 */
public final class SendQueue {
  /** What a message costs besides its bytes, so that empty ones are not free. */
  private static final int OVERHEAD = 64;

  /**
   * A packet to be sent.
   *
   * @param packet the PUBLISH, its packet identifier 0
   * @param packetIdAt where the identifier stands
   * @param expiryAt where the Message Expiry Interval stands, or -1 if the packet has none
   * @param expiresAt when the message expires, in milliseconds of the caller's clock, or
   *     Long.MAX_VALUE
   * @param tag what the caller wants to know when it is sent, or null
   */
  public record Message(byte[] packet, int packetIdAt, int expiryAt, long expiresAt, Object tag) {
    /** The QoS that it is sent at. */
    public int qos() {
      return (packet[0] >> 1) & 0x03;
    }

    /** Sets the Message Expiry Interval to what is left of it [MQTT-3.3.2-6]. */
    public void countDown(long now) {
      if (expiryAt >= 0) {
        long seconds = Math.max(0, (expiresAt - now + 999) / 1000);
        for (int i = 0; i < 4; i++) {
          packet[expiryAt + i] = (byte) (seconds >>> (24 - 8 * i));
        }
      }
    }
  }

  private final int maxMessages;
  private final ArrayDeque<Message> messages = new ArrayDeque<>(0);
  private long bytes;

  /** An empty queue. */
  public SendQueue(int maxMessages) {
    this.maxMessages = maxMessages;
  }

  /**
   * Adds a message at the end.
   *
   * @param maxBytes how many bytes may wait from now on
   * @return how many old messages were dropped for it; the new one may be among them
   */
  public int add(Message message, long maxBytes) {
    messages.add(message);
    bytes += cost(message);
    int dropped = 0;
    while (messages.size() > maxMessages || bytes > maxBytes) {
      bytes -= cost(messages.remove());
      dropped++;
    }
    return dropped;
  }

  /**
   * Adds a message at the end if there is room for it.
   *
   * @param maxBytes how many bytes may wait
   * @return whether it was added
   */
  public boolean offer(Message message, long maxBytes) {
    if (messages.size() >= maxMessages || bytes + cost(message) > maxBytes) {
      return false;
    }
    messages.add(message);
    bytes += cost(message);
    return true;
  }

  /** The oldest message, or null. */
  public Message peek() {
    return messages.peek();
  }

  /** Removes the oldest message. */
  public void remove() {
    bytes -= cost(messages.remove());
  }

  /** Messages waiting. */
  public int size() {
    return messages.size();
  }

  /** What they cost in bytes. */
  public long bytes() {
    return bytes;
  }

  private static long cost(Message message) {
    return (long) message.packet.length + OVERHEAD;
  }
}
