package io.busbar.store;

/**
 * A node that is there now, as it introduced itself.
 *
 * @param node what it is called in the store's groups: its name and its disk
 * @param cluster the id of the cluster it belongs to, empty for one that waits to be let in
 * @param host where it listens for the store's traffic
 * @param port of that address
 */
public record Neighbour(String node, String cluster, String host, int port) {}
