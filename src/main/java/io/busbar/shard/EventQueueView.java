package io.busbar.shard;

/**
 * What waits in a queue of events, as people look at it.
 *
 * @param name of the queue: the id of its subscription, or of its dead letters
 * @param events those in it, whoever has them
 * @param away those of them that somebody has or that wait to be tried again
 * @param bytes as the queue counts them
 * @param oldest when the oldest that is ready came in, in milliseconds since 1970, or 0
 */
public record EventQueueView(
    String name, int events, int away, long bytes, long oldest, QueueRules rules) {}
