package io.busbar.store;

import io.microraft.MembershipChangeMode;
import io.microraft.RaftEndpoint;
import io.microraft.impl.state.FollowerState;
import io.microraft.impl.state.LeaderState;
import io.microraft.report.RaftGroupMembers;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which nodes hold a group: all that are there, and as many of them vote as are wanted. The leader
 * lets them in and takes them out. One step at a time: the next one follows when the one before is
 * committed. Runs in the {@link Turn}.
 *
 * <p>A node is let in as a learner. It votes, if its vote is wanted, when it has nearly all of the
 * log, so that a vote of its that is needed does not wait for a long transfer.
 *
 * <p>Taken out is a disk whose node is there with another one; a node that wants to leave, or that
 * an operator gives up; and a voter that has been away for long. (A learner that is away is in
 * nobody's way, and may not know yet that it was let in.) A voter is taken out after another node
 * votes in its place, so that there are never fewer copies than before. Only where none is left to
 * do so, and the others are there, may one who leaves make them fewer; who is away never does.
 */
final class Placement {
  private static final Logger LOG = LoggerFactory.getLogger(Placement.class);

  private static final long LOOK = TimeUnit.MILLISECONDS.toNanos(200);

  /** A learner votes when not more than so many entries are missing. */
  private static final long CAUGHT_UP = 1_000;

  /** What a node wants it says again and again; what it said so long ago is not known any more. */
  private static final long SAID = TimeUnit.SECONDS.toNanos(3);

  private static final Comparator<RaftEndpoint> BY_ID =
      Comparator.comparing(one -> one.getId().toString());

  private final Replica replica;
  private final Turn turn;
  private final NodeEndpoint self;
  private final Wanted wanted;
  private final Supplier<Collection<NodeEndpoint>> present;

  /** Who said that it is there, and what it wants. */
  private final Map<RaftEndpoint, Said> said = new HashMap<>();

  private boolean leavesItself;
  private final Set<RaftEndpoint> givenUp = new HashSet<>();
  private final Map<RaftEndpoint, Long> awaySince = new HashMap<>();
  private boolean isChanging;

  private record Said(Exchange.Presence presence, long at) {}

  /**
   * What is wanted.
   *
   * @param voters how many there are to be, if so many nodes are there
   * @param replaceAfter how long a node may be away before it is replaced
   */
  record Wanted(int voters, Duration replaceAfter) {
    static Wanted of(Ensemble others) {
      return new Wanted(others.voters(), others.replaceAfter());
    }
  }

  /**
   * The placement of a group.
   *
   * @param present the nodes that are there now, this one too
   */
  Placement(
      Replica replica,
      Turn turn,
      NodeEndpoint self,
      Wanted wanted,
      Supplier<Collection<NodeEndpoint>> present) {
    this.replica = replica;
    this.turn = turn;
    this.self = self;
    this.wanted = wanted;
    this.present = present;
  }

  /** Looks from now on. */
  void start() {
    turn.after(LOOK, this::look);
  }

  /** This node wants to leave. */
  void leave() {
    leavesItself = true;
  }

  /**
   * Another node says that it is there.
   *
   * @return whether it has something of the log and is no member, nor about to be: this one leads,
   *     and knows
   */
  boolean isThere(NodeEndpoint node, Exchange.Presence presence) {
    Said known = said.get(node);
    Exchange.Presence now = presence.after(known == null ? null : known.presence);
    said.put(node, new Said(now, turn.now()));
    RaftGroupMembers members = replica.raft().getCommittedMembers();
    return (presence.last() > 0 || presence.leaves())
        && replica.leads()
        && !isChanging
        && !isUnderWay(members)
        && !members.getMembers().contains(node);
  }

  /**
   * A node will not come back, an operator says.
   *
   * @return whether it is a member, and not there
   */
  boolean giveUp(NodeEndpoint node) {
    boolean may =
        replica.raft().getCommittedMembers().getMembers().contains(node)
            && !present.get().contains(node);
    if (may) {
      givenUp.add(node);
    }
    return may;
  }

  private void look() {
    if (replica.leads() && !isChanging) {
      RaftGroupMembers members = replica.raft().getCommittedMembers();
      if (!isUnderWay(members)) {
        step(members, Set.copyOf(present.get()));
      }
    } else if (!replica.leads()) {
      // another one may have seen them
      awaySince.clear();
      givenUp.clear();
    }
    turn.after(LOOK, this::look);
  }

  private boolean isUnderWay(RaftGroupMembers members) {
    return members.getLogIndex() != replica.raft().getEffectiveMembers().getLogIndex()
        // whoever is about to lead must not be taken out meanwhile
        || replica.isHandingOver();
  }

  private void step(RaftGroupMembers members, Set<RaftEndpoint> there) {
    Collection<RaftEndpoint> all = members.getMembers();
    Collection<RaftEndpoint> voters = members.getVotingMembers();
    watchAway(all, there);
    said.keySet().removeIf(one -> !there.contains(one) && !all.contains(one));
    List<RaftEndpoint> out =
        all.stream()
            .filter(
                one ->
                    isReplaced(one, there)
                        || mayMakeFewer(one)
                        || (voters.contains(one) && isAwayForLong(one)))
            .sorted(BY_ID)
            .toList();
    List<RaftEndpoint> staying = voters.stream().filter(voter -> !out.contains(voter)).toList();
    List<RaftEndpoint> learners = all.stream().filter(one -> !voters.contains(one)).toList();
    List<RaftEndpoint> coming =
        learners.stream().filter(one -> there.contains(one) && !out.contains(one)).toList();
    Optional<RaftEndpoint> ready = first(coming.stream().filter(this::isCaughtUp));
    Optional<RaftEndpoint> stranger =
        first(there.stream().filter(one -> !all.contains(one) && mayComeIn(one)));
    Optional<RaftEndpoint> gone = out.stream().filter(learners::contains).findFirst();
    boolean isReplaceable = !coming.isEmpty() || stranger.isPresent();
    Optional<RaftEndpoint> spare =
        out.stream()
            .filter(voters::contains)
            .filter(one -> staying.size() >= wanted.voters || (mayMakeFewer(one) && !isReplaceable))
            .filter(one -> suffice(voters, one, there))
            .findFirst();
    if (gone.isPresent()) {
      change(members, gone.get(), MembershipChangeMode.REMOVE_MEMBER);
    } else if (staying.size() < wanted.voters && ready.isPresent()) {
      change(members, ready.get(), MembershipChangeMode.ADD_OR_PROMOTE_TO_FOLLOWER);
    } else if (spare.isPresent() && spare.get().equals(self)) {
      replica.handOver(staying::contains);
    } else if (spare.isPresent()) {
      change(members, spare.get(), MembershipChangeMode.REMOVE_MEMBER);
    } else if (stranger.isPresent() && coming.stream().allMatch(this::isCaughtUp)) {
      // one at a time gets the log
      change(members, stranger.get(), MembershipChangeMode.ADD_LEARNER);
    }
  }

  private void watchAway(Collection<RaftEndpoint> members, Set<RaftEndpoint> there) {
    awaySince.keySet().retainAll(members);
    awaySince.keySet().removeAll(there);
    givenUp.retainAll(members);
    givenUp.removeAll(there);
    for (RaftEndpoint member : members) {
      if (!there.contains(member)) {
        awaySince.putIfAbsent(member, turn.now());
      }
    }
  }

  /** Whether a node has said that it wants to leave, as far as this one has heard. */
  boolean isLeaving(RaftEndpoint node) {
    Said last = said.get(node);
    return node.equals(self) ? leavesItself : isNew(last) && last.presence.leaves();
  }

  private boolean isNew(Said last) {
    return last != null && turn.now() - last.at < SAID;
  }

  /**
   * A disk comes in once: the engine does not take it a second time, and what it has may be of
   * another history.
   */
  private boolean mayComeIn(RaftEndpoint node) {
    Said last = said.get(node);
    return isNew(last) && !last.presence.leaves() && last.presence.last() == 0;
  }

  private boolean isAwayForLong(RaftEndpoint member) {
    Long since = awaySince.get(member);
    return since != null && turn.now() - since > wanted.replaceAfter.toNanos();
  }

  private boolean mayMakeFewer(RaftEndpoint member) {
    return isLeaving(member) || givenUp.contains(member);
  }

  /** Whether most of the voters are there that are left without one, so that they decide. */
  private static boolean suffice(
      Collection<RaftEndpoint> voters, RaftEndpoint without, Set<RaftEndpoint> there) {
    long left = voters.stream().filter(one -> !one.equals(without) && there.contains(one)).count();
    return 2 * left > voters.size() - 1;
  }

  private static Optional<RaftEndpoint> first(Stream<RaftEndpoint> nodes) {
    return nodes.min(BY_ID);
  }

  /** Whether a node of the name that this disk had is there with another one. */
  private static boolean isReplaced(RaftEndpoint member, Set<RaftEndpoint> there) {
    String name = ((NodeEndpoint) member).name();
    return !name.isEmpty()
        && !there.contains(member)
        && there.stream().anyMatch(one -> ((NodeEndpoint) one).name().equals(name));
  }

  /** How many entries a member lacks, if this node leads and knows; else -1. */
  long behind(RaftEndpoint member) {
    long last = replica.state().log().lastLogOrSnapshotIndex();
    LeaderState leader = replica.state().leaderState();
    FollowerState follower = leader == null ? null : leader.getFollowerStateOrNull(member);
    return follower == null || follower.matchIndex() == 0 ? -1 : last - follower.matchIndex();
  }

  /**
   * Whether a learner may vote. What it has goes beyond the entry that let it in: a disk that was
   * in before, and had come to nothing, ends at the entry that took it out, and comes as another
   * one.
   */
  private boolean isCaughtUp(RaftEndpoint learner) {
    long behind = behind(learner);
    long last = replica.state().log().lastLogOrSnapshotIndex();
    return behind >= 0
        && behind <= CAUGHT_UP
        && last - behind >= replica.raft().getCommittedMembers().getLogIndex();
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
