package io.busbar.tool.load;

import io.busbar.mqtt.MqttVersion;

/**
 * What a traffic run is to do.
 *
 * @param qos 0 or 1, for publishing and subscribing
 * @param size payload bytes
 * @param rate messages per second published by all publishers together, on a fixed schedule; 0
 *     means as fast as the bounds allow (closed loop)
 * @param window unacknowledged messages per publisher at QoS 1
 * @param maxLag messages per publisher that were sent but have not yet arrived; 0 means no bound
 */
record Plan(
    Shape shape,
    MqttVersion version,
    int publishers,
    int subscribers,
    int qos,
    int size,
    double rate,
    int window,
    int maxLag,
    int warmUpSeconds,
    int seconds) {

  /** Who hears whom. */
  enum Shape {
    /** Publisher <i>n</i> to subscriber <i>n</i>. */
    P2P,
    /** All publishers to one topic that all subscribers hear. */
    FANOUT,
    /** Each publisher to its own topic, each subscriber on the wildcard over them. */
    FANIN
  }

  /** Refuses what cannot be run. */
  Plan {
    check("connections", publishers + subscribers, 2, 60_000);
    check("qos", qos, 0, 1);
    check("size", size, Stream.HEADER_BYTES, 1 << 20);
    check("window", window, 1, 65_535);
    check("max-lag", maxLag, 0, 1_000_000);
    check("warm-up", warmUpSeconds, 0, 600);
    check("seconds", seconds, 1, 3600);
    Run.checkRate(rate);
    Setup.requireFiles(publishers + subscribers);
  }

  static void check(String option, int value, int low, int high) {
    if (value < low || value > high) {
      throw new LoadException(
          "--" + option + ": " + value + " (allowed: " + low + " to " + high + ")");
    }
  }

  /** How many subscribers hear each message. */
  int fan() {
    return shape == Shape.P2P ? 1 : subscribers;
  }

  String topic(String prefix, int publisher) {
    return shape == Shape.FANOUT ? prefix + "/all" : prefix + "/" + publisher;
  }

  String filter(String prefix, int subscriber) {
    return shape == Shape.FANIN ? prefix + "/+" : topic(prefix, subscriber);
  }

  /** The first stream that {@code subscriber} hears; it hears {@link #heard} in a row. */
  int firstHeard(int subscriber) {
    return shape == Shape.P2P ? subscriber : 0;
  }

  int heard() {
    return shape == Shape.P2P ? 1 : publishers;
  }
}
