package io.busbar.shard;

/**
 * Where a session is connected.
 *
 * @param loop the event loop of the node
 * @param connection the connection's key on it
 */
public record Location(String node, int loop, long connection) {}
