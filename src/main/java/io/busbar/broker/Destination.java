package io.busbar.broker;

import io.busbar.bus.Bus;
import java.util.Arrays;
import java.util.Objects;

/** What stands in the subscription index: who gets the messages of a filter. */
sealed interface Destination {

  /**
   * A subscription of a connection of this node. Compared by identity.
   *
   * @param qos the granted QoS
   */
  record Subscription(byte[] filter, int loop, Connection connection, int qos, boolean noLocal)
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

  /**
   * Another node that has subscriptions of a filter.
   *
   * @param loops how many event loops it has
   */
  record RemoteNode(String id, int loops) implements Destination {
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
