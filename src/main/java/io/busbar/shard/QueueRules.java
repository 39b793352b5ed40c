package io.busbar.shard;

/**
 * What holds for a queue of events.
 *
 * @param lockMillis how long whoever received an event has it to itself
 * @param maxDeliveries how often an event is given out; then it is dropped
 * @param ttlMillis how long an event is kept
 * @param mostEvents in the queue; beyond, no more is taken
 * @param mostBytes their bytes
 */
public record QueueRules(
    long lockMillis, int maxDeliveries, long ttlMillis, int mostEvents, long mostBytes) {}
