package io.busbar.shard;

import java.util.List;

/** A stored session, the authentication name of its client, and what it subscribed to. */
public record Owned(String session, String owner, List<StoredSubscription> subscriptions) {}
