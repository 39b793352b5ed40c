package io.busbar.broker;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A shared subscription (MQTT 5.0 section 4.8.2) as one event loop sees it: each message goes to
 * one member, in turn among those that are ready for more.
 */
final class Share {
  /** What makes two subscriptions the same share: the name and the filter. */
  record Key(String name, byte[] filter) {
    @Override
    public boolean equals(Object other) {
      return other instanceof Key key && key.name.equals(name) && Arrays.equals(key.filter, filter);
    }

    @Override
    public int hashCode() {
      return 31 * name.hashCode() + Arrays.hashCode(filter);
    }
  }

  final Key key;

  private boolean keeps;

  /** A node with more members counts as this many: each stands for a place. */
  private static final int MOST_PLACES = 64;

  private final List<Destination.Subscription> members = new ArrayList<>(4);
  private final List<Destination.RemoteMembers> others = new ArrayList<>(0);
  private int turn;

  /** A share whose first message goes to the member of this number, counted around. */
  Share(Key key, int firstTurn) {
    this.key = key;
    this.turn = firstTurn;
  }

  /** Stored sessions are members: the store keeps what nobody can take now. */
  void keeps() {
    keeps = true;
  }

  void add(Destination.Subscription member) {
    members.add(member);
  }

  /** Members at another node. */
  void add(Destination.RemoteMembers members) {
    for (int i = Math.min(members.weight(), MOST_PLACES); i > 0; i--) {
      others.add(members);
    }
  }

  /** Whether another node has members. */
  boolean isRemote() {
    return !others.isEmpty();
  }

  /** Whether a stored session is a member. */
  boolean isStored() {
    return keeps;
  }

  /**
   * Whose turn it is, a member here or another node that has some; null if none is connected.
   *
   * @param onlyHere whether other nodes are left out
   */
  Destination pick(int loop, boolean onlyHere) {
    Destination.Subscription busy = null;
    for (int i = 0, size = members.size() + (onlyHere ? 0 : others.size()); i < size; i++) {
      turn = turn + 1 < size ? turn + 1 : (turn + 1) % size;
      if (turn >= members.size()) {
        return others.get(turn - members.size());
      }
      Destination.Subscription member = members.get(turn);
      if (member.loop() != loop) {
        return member;
      }
      if (!member.connection().isEnding()) {
        if (member.session() != null || member.connection().outgoing().isReady()) {
          return member;
        }
        busy = busy == null ? member : busy;
      }
    }
    return busy;
  }

  /** The subscription of a connection, or null if it is no member any more. */
  Destination.Subscription of(Connection connection) {
    for (Destination.Subscription member : members) {
      if (member.connection() == connection) {
        return member;
      }
    }
    return null;
  }
}
