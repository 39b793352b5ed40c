package io.busbar.broker;

import io.busbar.match.SubscriptionIndex;
import io.busbar.mqtt.Bytes;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.ReasonCode;
import io.busbar.mqtt.Topics;
import io.busbar.mqtt.Utf8;
import java.util.Arrays;

/**
 * A topic name that an event loop has met: found valid once, with the route that its messages take.
 */
final class Topic {
  final byte[] name;
  final int hash;
  final int[] stripes = new int[SubscriptionIndex.DEPTHS];
  Route route;
  long generation;

  private Topic(byte[] name, int hash) {
    this.name = name;
    this.hash = hash;
  }

  boolean is(byte[] bytes, int offset, int length) {
    return Bytes.equal(name, bytes, offset, length);
  }

  /**
   * The topics an event loop met last: a table of fixed size, four places for each hash, the place
   * that is taken over chosen in turn. Not thread-safe.
   */
  static final class Cache {
    private static final int WAYS = 4;

    /** Longer names are not kept, so that nobody fills the table with them. */
    private static final int KEPT_BYTES = 512;

    private final Topic[] places;
    private final int mask;
    private final int maxBytes;
    private final int maxLevels;
    private final SubscriptionIndex<?> index;
    private int turn;

    /** A cache of a power of two of topics. */
    Cache(int size, int maxBytes, int maxLevels, SubscriptionIndex<?> index) {
      this.places = new Topic[size];
      this.mask = size - WAYS;
      this.maxBytes = maxBytes;
      this.maxLevels = maxLevels;
      this.index = index;
    }

    /**
     * The topic of a name.
     *
     * @throws MqttException 0x81 or 0x90 if the name is not valid or beyond a limit
     */
    Topic find(byte[] bytes, int offset, int length) throws MqttException {
      int hash = Bytes.hash(bytes, offset, length);
      int base = hash & mask;
      int place = -1;
      for (int i = base; i < base + WAYS; i++) {
        Topic topic = places[i];
        if (topic == null) {
          place = i;
        } else if (topic.hash == hash && topic.is(bytes, offset, length)) {
          return topic;
        }
      }
      if (!Utf8.isValid(bytes, offset, length)) {
        throw new MqttException(
            ReasonCode.MALFORMED_PACKET, "topic name is not valid UTF-8 without U+0000");
      }
      if (length > maxBytes) {
        throw new MqttException(
            ReasonCode.TOPIC_NAME_INVALID,
            "topic name has %d bytes (allowed: at most %d)".formatted(length, maxBytes));
      }
      String error = Topics.nameError(bytes, offset, length, maxLevels);
      if (error != null) {
        throw new MqttException(ReasonCode.TOPIC_NAME_INVALID, error);
      }
      Topic topic = new Topic(Arrays.copyOfRange(bytes, offset, offset + length), hash);
      index.stripes(topic.name, 0, length, topic.stripes);
      if (length > KEPT_BYTES) {
        return topic;
      }
      places[place >= 0 ? place : base + (turn++ & (WAYS - 1))] = topic;
      return topic;
    }
  }
}
