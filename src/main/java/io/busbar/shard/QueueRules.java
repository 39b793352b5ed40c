package io.busbar.shard;

/**
 * What holds for a queue of events.
 *
 * @param lockMillis how long whoever received an event has it to itself
 * @param maxDeliveries how often an event is given out; then it is dropped
 * @param ttlMillis how long an event is kept
 * @param mostEvents in the queue; beyond, no more is taken
 * @param mostBytes their bytes
 * @param deadLetters the queue that gets what nobody took, or "" where it is dropped
 */
public record QueueRules(
    long lockMillis,
    int maxDeliveries,
    long ttlMillis,
    int mostEvents,
    long mostBytes,
    String deadLetters) {
  static void write(FormWriter out, QueueRules it) {
    out.number(it.lockMillis).number(it.maxDeliveries).number(it.ttlMillis);
    out.number(it.mostEvents).number(it.mostBytes).string(it.deadLetters);
  }

  static QueueRules read(FormReader in) {
    return new QueueRules(in.number(), in.u31(), in.number(), in.u31(), in.number(), in.string());
  }
}
