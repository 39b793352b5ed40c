package io.busbar.broker;

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
  Route route;

  /** The index's generation for this topic when the route was made. */
  long generation;

  /** The index's changes when the route was last found to be right. */
  long checked = -1;

  private Topic(byte[] name, int hash) {
    this.name = name;
    this.hash = hash;
  }

  boolean is(byte[] bytes, int offset, int length) {
    return Bytes.equal(name, bytes, offset, length);
  }

  /**
   * The topics an event loop met last: a table with four places for each hash, the place that is
   * taken over chosen in turn. It grows with what it holds, up to a bound. Not thread-safe.
   *
   * <p>A message's topic is seldom in the processor's cache when there are many. So hashes stand
   * together, apart from the topics: of a topic that is not the one looked for, nothing is read.
   */
  static final class Cache {
    private static final int WAYS = 4;
    private static final int LEAST = 1 << 10;

    /** A sweep looks at one in so many places. */
    static final int SLICES = 64;

    /** Longer names are not kept, so that nobody fills the table with them. */
    private static final int KEPT_BYTES = 512;

    /** The table does not grow any more when its names have so many bytes together. */
    private static final int GROWING_BYTES = 8 << 20;

    private final int most;
    private final int maxBytes;
    private final int maxLevels;
    private Topic[] places;
    private int[] hashes;
    private int mask;
    private int count;
    private int nameBytes;
    private int turn;
    private int slice;

    /** A cache with at most so many places, a power of two. */
    Cache(int most, int maxBytes, int maxLevels) {
      this.most = most;
      this.maxBytes = maxBytes;
      this.maxLevels = maxLevels;
      allocate(Math.min(LEAST, most));
    }

    private void allocate(int size) {
      places = new Topic[size];
      hashes = new int[size];
      mask = size - WAYS;
    }

    /**
     * The topic of a name.
     *
     * @throws MqttException 0x81 or 0x90 if the name is not valid or beyond a limit
     */
    Topic find(byte[] bytes, int offset, int length) throws MqttException {
      int hash = Bytes.hash(bytes, offset, length);
      int base = hash & mask;
      for (int i = base; i < base + WAYS; i++) {
        if (hashes[i] == hash) {
          Topic topic = places[i];
          if (topic != null && topic.is(bytes, offset, length)) {
            return topic;
          }
        }
      }
      return add(bytes, offset, length, hash);
    }

    private Topic add(byte[] bytes, int offset, int length, int hash) throws MqttException {
      if (length > maxBytes || Topics.nameError(bytes, offset, length, maxLevels) != null) {
        throw refused(bytes, offset, length);
      }
      Topic topic = new Topic(Arrays.copyOfRange(bytes, offset, offset + length), hash);
      if (length <= KEPT_BYTES) {
        if (count > mask / 2 && places.length < most && nameBytes < GROWING_BYTES) {
          grow();
        }
        put(topic);
      }
      return topic;
    }

    private void remove(int place) {
      nameBytes -= places[place].name.length;
      count--;
      places[place] = null;
    }

    private void put(Topic topic) {
      int base = topic.hash & mask;
      int place = base;
      while (place < base + WAYS && places[place] != null) {
        place++;
      }
      if (place == base + WAYS) {
        place = base + (turn++ & (WAYS - 1));
        remove(place);
      }
      places[place] = topic;
      hashes[place] = topic.hash;
      nameBytes += topic.name.length;
      count++;
    }

    private void grow() {
      Topic[] before = places;
      allocate(before.length * 2);
      count = 0;
      nameBytes = 0;
      for (Topic topic : before) {
        if (topic != null) {
          put(topic);
        }
      }
    }

    /**
     * Lets go of routes that nobody has asked for since subscriptions changed: they may be of
     * connections that have ended, and would hold them for as long as their topic has its place. A
     * topic that has been without a route since it came by last is forgotten. Called {@link
     * #SLICES} times it has come by all.
     *
     * @param changes of the index
     */
    void sweep(long changes) {
      int length = Math.max(1, places.length / SLICES);
      int from = slice * length;
      for (int i = from; i < Math.min(from + length, places.length); i++) {
        Topic topic = places[i];
        if (topic == null || topic.checked == changes) {
          continue;
        }
        if (topic.route == null) {
          remove(i);
        }
        topic.route = null;
      }
      slice = (slice + 1) % SLICES;
    }

    /** Places for topics. */
    int size() {
      return places.length;
    }

    private MqttException refused(byte[] bytes, int offset, int length) {
      if (!Utf8.isValid(bytes, offset, length)) {
        return new MqttException(
            ReasonCode.MALFORMED_PACKET, "topic name is not valid UTF-8 without U+0000");
      }
      if (length > maxBytes) {
        return new MqttException(
            ReasonCode.TOPIC_NAME_INVALID,
            "topic name has %d bytes (allowed: at most %d)".formatted(length, maxBytes));
      }
      return new MqttException(
          ReasonCode.TOPIC_NAME_INVALID, Topics.nameError(bytes, offset, length, maxLevels));
    }
  }
}
