package io.busbar.store;

import io.microraft.MembershipChangeMode;
import io.microraft.RaftEndpoint;
import io.microraft.impl.state.FollowerState;
import io.microraft.impl.state.LeaderState;
import io.microraft.report.RaftGroupMembers;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which nodes hold a group: all that are there, and as many of them vote as are wanted. The leader
 * lets them in; a node whose disk was replaced is let in with the new one, and the former is taken
 * out. One step at a time: the next one follows when the one before is committed. Runs in the
 * {@link Turn}.
 *
 * <p>A node is let in as a learner. It votes, if its vote is wanted, when it has nearly all of the
 * log, so that a vote of its that is needed does not wait for a long transfer. A former disk that
 * votes is taken out after another node votes in its place, so that there are never fewer copies
 * than before.
 */
final class Placement {
  private static final Logger LOG = LoggerFactory.getLogger(Placement.class);

  private static final long LOOK = TimeUnit.MILLISECONDS.toNanos(200);

  /** A learner votes when not more than so many entries are missing. */
  private static final long CAUGHT_UP = 1_000;

  private final Replica replica;
  private final Turn turn;
  private final int wanted;
  private final Supplier<Collection<NodeEndpoint>> present;

  private boolean isChanging;

  /**
   * The placement of a group.
   *
   * @param wanted how many voters there are to be
   * @param present the nodes that are there now, this one too
   */
  Placement(Replica replica, Turn turn, int wanted, Supplier<Collection<NodeEndpoint>> present) {
    this.replica = replica;
    this.turn = turn;
    this.wanted = wanted;
    this.present = present;
  }

  /** Looks from now on. */
  void start() {
    turn.after(LOOK, this::look);
  }

  private void look() {
    if (replica.leads() && !isChanging) {
      step(replica.raft().getCommittedMembers(), Set.copyOf(present.get()));
    }
    turn.after(LOOK, this::look);
  }

  private void step(RaftGroupMembers members, Set<RaftEndpoint> there) {
    boolean isUnderWay =
        members.getLogIndex() != replica.raft().getEffectiveMembers().getLogIndex()
            // whoever is about to lead must not be taken out meanwhile
            || replica.state().leadershipTransferState() != null;
    if (isUnderWay) {
      return;
    }
    Collection<RaftEndpoint> voters = members.getVotingMembers();
    List<RaftEndpoint> replaced =
        members.getMembers().stream().filter(member -> isReplaced(member, there)).toList();
    long staying = voters.stream().filter(voter -> !replaced.contains(voter)).count();
    List<RaftEndpoint> learners =
        members.getMembers().stream().filter(member -> !voters.contains(member)).toList();
    Optional<RaftEndpoint> gone = learners.stream().filter(replaced::contains).findFirst();
    Optional<RaftEndpoint> ready =
        first(learners.stream().filter(one -> there.contains(one) && isCaughtUp(one)));
    Optional<RaftEndpoint> stranger =
        first(there.stream().filter(one -> !members.getMembers().contains(one)));
    // one at a time gets the log
    boolean isBusy = learners.stream().anyMatch(one -> there.contains(one) && !isCaughtUp(one));
    if (gone.isPresent()) {
      change(members, gone.get(), MembershipChangeMode.REMOVE_MEMBER);
    } else if (staying < wanted && ready.isPresent()) {
      change(members, ready.get(), MembershipChangeMode.ADD_OR_PROMOTE_TO_FOLLOWER);
    } else if (staying >= wanted && !replaced.isEmpty()) {
      change(members, replaced.get(0), MembershipChangeMode.REMOVE_MEMBER);
    } else if (stranger.isPresent() && !isBusy) {
      change(members, stranger.get(), MembershipChangeMode.ADD_LEARNER);
    }
  }

  private static Optional<RaftEndpoint> first(Stream<RaftEndpoint> nodes) {
    return nodes.min(Comparator.comparing(one -> one.getId().toString()));
  }

  /** Whether a node of the name that this disk had is there with another one. */
  private static boolean isReplaced(RaftEndpoint member, Set<RaftEndpoint> there) {
    String name = ((NodeEndpoint) member).name();
    return !name.isEmpty()
        && !there.contains(member)
        && there.stream().anyMatch(one -> ((NodeEndpoint) one).name().equals(name));
  }

  private boolean isCaughtUp(RaftEndpoint learner) {
    LeaderState leader = replica.state().leaderState();
    FollowerState follower = leader == null ? null : leader.getFollowerStateOrNull(learner);
    return follower != null
        && follower.matchIndex() > 0
        && follower.matchIndex() + CAUGHT_UP >= replica.state().log().lastLogOrSnapshotIndex();
  }

  private void change(RaftGroupMembers members, RaftEndpoint node, MembershipChangeMode how) {
    isChanging = true;
    replica
        .raft()
        .changeMembership(node, how, members.getLogIndex())
        .whenComplete(
            (done, failure) -> {
              isChanging = false;
              if (failure == null) {
                LOG.info("the nodes of the store: change={} node={}", how, node);
              } else {
                LOG.debug("no change of the store's nodes: {} {}", how, node, failure);
              }
            });
  }
}
