package io.busbar.chaos;

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
  final String topic;
  final int qos;
  private int count;
  private int refused;
  private final BitSet acknowledged = new BitSet();
  private final Map<Integer, Integer> repeats = new HashMap<>();

  Sent(String topic, int qos) {
    this.topic = topic;
    this.qos = qos;
  }

  /** The number of the next message, which is sent now for the first time. */
  int next() {
    return count++;
  }

  /** A message was sent once more, as it was not acknowledged when a connection broke. */
  void repeated(int sequence) {
    repeats.merge(sequence, 1, Integer::sum);
  }

  void acknowledged(int sequence) {
    acknowledged.set(sequence);
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
