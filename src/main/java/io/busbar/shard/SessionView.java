package io.busbar.shard;

import java.util.List;

/**
 * A stored session, as people look at it.
 *
 * @param owner the authentication name of its client, empty where all are alike
 * @param expirySeconds Session Expiry Interval; 0xFFFFFFFF for one that does not expire
 * @param location where it is connected, or null
 * @param endsAt when it ends if its client does not come back, in milliseconds since 1970, or
 *     Long.MAX_VALUE
 * @param will as it will be published, or null
 * @param queued messages in its inbox, those in flight included
 */
public record SessionView(
    String name,
    String owner,
    long expirySeconds,
    Location location,
    long endsAt,
    Will will,
    List<StoredSubscription> subscriptions,
    int queued) {

  /** A place among the sessions, which stand in the order of their epochs. */
  public record Mark(String name, long epoch) {}

  /**
   * Some of them. A session that is opened meanwhile may be in two pages; one that is there all the
   * while is in one at least.
   *
   * @param next where to go on, or null at the end
   */
  public record Page(List<SessionView> sessions, Mark next) {}
}
