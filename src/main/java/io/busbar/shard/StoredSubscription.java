package io.busbar.shard;

import java.nio.charset.StandardCharsets;

/**
 * A subscription of a stored session.
 *
 * @param name the filter as sent, {@code $share/name/} included
 * @param share the share name, or null
 * @param filter the topic filter as UTF-8, without the share
 * @param qos granted, 0 to 2; at 0 the node of the connection serves it and the inbox does not
 * @param retainHandling 0 to 2 as sent
 * @param id the subscription identifier, or 0
 */
public record StoredSubscription(
    String name,
    String share,
    byte[] filter,
    int qos,
    boolean noLocal,
    boolean retainAsPublished,
    int retainHandling,
    int id) {
  /** What a client calls a subscription: its filter, after {@code $share/name/} if it is shared. */
  public static String name(String share, byte[] filter) {
    String text = new String(filter, StandardCharsets.UTF_8);
    return share == null ? text : "$share/" + share + "/" + text;
  }
}
