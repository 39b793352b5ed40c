package io.busbar.shard;

import java.util.List;

/**
 * Some deliveries of a session's inbox.
 *
 * @param isAll whether there are no more: none behind these in flight, and none that a settlement
 *     would bring into flight. What comes later rings.
 */
public record InboxPage(List<Delivery> deliveries, boolean isAll) {}
