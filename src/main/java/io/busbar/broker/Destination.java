package io.busbar.broker;

import io.busbar.bus.Bus;
import java.util.Arrays;
import java.util.Objects;

/** What stands in the subscription index: who gets the messages of a filter. */
sealed interface Destination {

  /**
   * A subscription of a connection of this node. Compared by identity.
   *
   * @param filter without {@code $share/name/}
   * @param share the share name, or null
   * @param qos the granted QoS
   * @param id the subscription identifier, or 0
   * @param session the session name if the session is stored: then its inbox has what is sent at
   *     QoS 1 and 2; else null
   */
  record Subscription(
      byte[] filter,
      String share,
      int loop,
      Connection connection,
      int qos,
      boolean noLocal,
      boolean retainAsPublished,
      int id,
      String session)
      implements Destination, Bus.Subscriber {
    @Override
    public boolean equals(Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(this);
    }

    @Override
    public String toString() {
      return "Subscription[" + Arrays.toString(filter) + "]";
    }
  }

  /** Stored sessions that have subscriptions of a filter at QoS 1 or 2. Compared by the filter. */
  record Stored(byte[] filter) implements Destination, Bus.Subscriber {
    @Override
    public boolean equals(Object other) {
      return other instanceof Stored stored && Arrays.equals(stored.filter, filter);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(filter);
    }
  }

  /**
   * A shared subscription that stored sessions have: it keeps what no member can take now. Compared
   * by share and filter.
   */
  record Pool(String share, byte[] filter) implements Destination, Bus.Subscriber {
    @Override
    public boolean equals(Object other) {
      return other instanceof Pool pool
          && pool.share.equals(share)
          && Arrays.equals(pool.filter, filter);
    }

    @Override
    public int hashCode() {
      return 31 * share.hashCode() + Arrays.hashCode(filter);
    }
  }

  /**
   * Another node that has members of a shared subscription.
   *
   * @param loops how many event loops it has
   * @param weight how many members
   */
  record RemoteMembers(String node, int loops, String share, byte[] filter, int weight)
      implements Destination {
    @Override
    public boolean equals(Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(this);
    }
  }

  /**
   * Another node that has subscriptions of a filter.
   *
   * @param loops how many event loops it has
   * @param onlyQos0 whether its subscribers get QoS 1 and 2 from the store that both share
   */
  record RemoteNode(String id, int loops, boolean onlyQos0) implements Destination {
    @Override
    public boolean equals(Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return Objects.hash(id);
    }
  }
}
