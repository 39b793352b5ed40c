package io.busbar.broker;

import io.busbar.bus.Wire;
import io.busbar.shard.Command;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Which nodes of a shared store are not there any more and may serve devices still. One is settled
 * when it has said that it ends, the store says that it is gone, or another life of it is there.
 */
final class Absence {
  /**
   * When a node is settled whatever the store says, in ns: one that disagrees with the others about
   * who is there has long ended itself.
   */
  static final long OVERDUE = TimeUnit.SECONDS.toNanos(60);

  /** What nodes are called in the store, by their ids; those that have no part of it are not. */
  private final Map<String, Wire.Introduction> known = new HashMap<>();

  /** And when they went. */
  private final Map<String, Long> unsettled = new HashMap<>();

  /** Nodes that are there still, and certainly do not serve any more. */
  private final Set<String> over = new HashSet<>();

  private List<String> there = List.of();

  /** The nodes that are there. */
  List<String> there() {
    return there;
  }

  /** Those that are not, and may serve still. */
  Set<String> unsettled() {
    return Set.copyOf(unsettled.keySet());
  }

  /**
   * The members of the cluster are these now.
   *
   * @param now nanoseconds of a clock that only goes forward
   * @return who may serve longer than anybody is waited for
   */
  List<String> are(List<String> members, long now) {
    for (String node : there) {
      if (!members.contains(node) && known.containsKey(node) && !over.contains(node)) {
        unsettled.put(node, now);
      }
    }
    there = List.copyOf(members);
    there.forEach(unsettled::remove);
    over.retainAll(there);
    List<String> overdue = new ArrayList<>();
    unsettled.forEach(
        (node, since) -> {
          if (now - since > OVERDUE) {
            overdue.add(node);
          }
        });
    overdue.forEach(unsettled::remove);
    settle();
    return overdue;
  }

  /** A node that is there has said who it is. */
  void introduced(String node, Wire.Introduction introduction) {
    if (!introduction.cluster().isEmpty() && there.contains(node)) {
      known.put(node, introduction);
      settle();
    }
  }

  /** A node has said that its connections have ended, and that it does. */
  void ended(String node) {
    unsettled.remove(node);
    if (there.contains(node)) {
      over.add(node);
    }
    settle();
  }

  /**
   * The store says that a node serves no more.
   *
   * @param gone as in {@link Command.Gone#node}; a node that begins says so of its former lives,
   *     with its name
   */
  void gone(String gone) {
    Command.Gone command = new Command.Gone(gone);
    boolean isOfName = gone.endsWith(String.valueOf(Command.Gone.OF_NAME));
    known.forEach(
        (node, introduction) -> {
          if (!command.isOf(introduction.node())) {
            return;
          }
          unsettled.remove(node);
          if (isOfName) {
            // the log had taken a life for gone that was before this one
            over.remove(node);
          } else if (there.contains(node)) {
            over.add(node);
          }
        });
    settle();
  }

  /** One of a name at a time: its directory is locked. And what does not count is forgotten. */
  private void settle() {
    unsettled.keySet().removeIf(node -> there.stream().anyMatch(other -> isSameName(node, other)));
    known.keySet().removeIf(node -> !there.contains(node) && !unsettled.containsKey(node));
  }

  private boolean isSameName(String node, String other) {
    return known.containsKey(other) && known.get(other).name().equals(known.get(node).name());
  }
}
