package io.busbar.chaos;

import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;

/**
 * What a publisher knows of one stream: its messages on one topic at one QoS, numbered from 0 in
 * the order of sending.
 *
 * <p><b>Acknowledged</b> is a QoS 1 message with its PUBACK and a QoS 2 message with its PUBREC
 * (without an error): with PUBREC the receiver has accepted ownership [MQTT-4.3.3-8] and the sender
 * may not send the message again [MQTT-4.3.3-6], so that it is lost if the receiver loses it.
 * PUBCOMP comes later and would excuse such a loss.
 */
final class Sent {
  /** What topics of wills begin with. */
  static final String WILLS = "kill/will/";

  final String topic;
  final int qos;

  /** Whether durable sessions are to have its messages: those of {@link Subscriber#FILTER}. */
  final boolean isKept;

  /** Whether its messages are to be retained. */
  final boolean isRetained;

  /**
   * Whether each message is the will of another connection. One whose device gave up before CONNACK
   * may be opened by its node long after the device's next one, and then so is its will.
   */
  final boolean isOfConnections;

  private int count;
  private int refused;
  private final BitSet acknowledged = new BitSet();
  private final Map<Integer, Integer> repeats = new HashMap<>();

  /** When each was sent first, and when it was acknowledged, in ns. */
  private long[] sentAt = new long[1024];

  private long[] acknowledgedAt = new long[1024];

  Sent(String topic, int qos) {
    this(topic, qos, false);
  }

  Sent(String topic, int qos, boolean isRetained) {
    this.topic = topic;
    this.qos = qos;
    this.isRetained = isRetained;
    this.isKept = topic.startsWith("kill/");
    this.isOfConnections = topic.startsWith(WILLS);
  }

  /** The number of the next message, which is sent now for the first time. */
  int next() {
    if (count == sentAt.length) {
      sentAt = Arrays.copyOf(sentAt, 2 * count);
      acknowledgedAt = Arrays.copyOf(acknowledgedAt, 2 * count);
    }
    sentAt[count] = System.nanoTime();
    return count++;
  }

  /** When a message was sent for the first time, in ns. */
  long sentAt(int sequence) {
    return sentAt[sequence];
  }

  /** When a message was acknowledged, if it was, in ns. */
  long acknowledgedAt(int sequence) {
    return acknowledgedAt[sequence];
  }

  /** A message was sent once more, as it was not acknowledged when a connection broke. */
  void repeated(int sequence) {
    repeats.merge(sequence, 1, Integer::sum);
  }

  void acknowledged(int sequence) {
    acknowledged.set(sequence);
    acknowledgedAt[sequence] = System.nanoTime();
  }

  /** Answered with an error: the broker has not taken it. */
  void refused() {
    refused++;
  }

  /** How many were sent; those of lower numbers. */
  int count() {
    return count;
  }

  int refusals() {
    return refused;
  }

  int repeats(int sequence) {
    return repeats.getOrDefault(sequence, 0);
  }

  BitSet acknowledged() {
    return acknowledged;
  }
}
