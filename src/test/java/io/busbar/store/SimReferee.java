package io.busbar.store;

import io.microraft.impl.RaftNodeImpl;
import io.microraft.impl.log.RaftLog;
import io.microraft.impl.state.FollowerState;
import io.microraft.impl.state.RaftState;
import io.microraft.model.log.LogEntry;
import io.microraft.model.message.AppendEntriesRequest;
import io.microraft.model.message.InstallSnapshotRequest;
import io.microraft.model.message.PreVoteRequest;
import io.microraft.model.message.PreVoteResponse;
import io.microraft.model.message.RaftMessage;
import io.microraft.model.message.TriggerLeaderElectionRequest;
import io.microraft.model.message.VoteRequest;
import io.microraft.model.message.VoteResponse;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * What must hold at every moment, judged by what the nodes say to each other and by what they
 * apply: one leader and one vote of a node per term, the same entry at the same place everywhere,
 * nothing applied twice in a life, and no promise forgotten by a node that starts again.
 */
final class SimReferee {
  private final Map<Term, String> leaders = new HashMap<>();
  private final Map<Voter, String> votes = new HashMap<>();
  private final Map<Replicated, Integer> entries = new HashMap<>();
  private final Map<Place, Integer> applied = new HashMap<>();
  private final Map<Member, Integer> terms = new HashMap<>();

  private record Term(int group, int term) {}

  private record Voter(int group, int term, String node) {}

  private record Replicated(int group, int term, long index) {}

  private record Place(int group, long index) {}

  private record Member(int group, String node) {}

  /** A node says something to another. */
  void said(String from, String to, RaftMessage message) {
    int group = (Integer) message.getGroupId();
    int term = message.getTerm();
    if (message instanceof PreVoteRequest || message instanceof PreVoteResponse) {
      // of a term that nobody may ever enter
      return;
    }
    terms.merge(new Member(group, from), term, Math::max);
    if (message instanceof VoteRequest) {
      votes(group, term, from, from);
    } else if (message instanceof VoteResponse it && it.isGranted()) {
      votes(group, term, from, to);
    } else if (message instanceof AppendEntriesRequest it) {
      leads(group, term, from);
      int previous = it.getPreviousLogTerm();
      for (LogEntry entry : it.getLogEntries()) {
        matches(group, entry, previous);
        previous = entry.getTerm();
      }
    } else if (message instanceof TriggerLeaderElectionRequest
        || (message instanceof InstallSnapshotRequest it && it.isSenderLeader())) {
      leads(group, term, from);
    }
  }

  private void votes(int group, int term, String voter, String candidate) {
    String before = votes.putIfAbsent(new Voter(group, term, voter), candidate);
    if (before != null && !before.equals(candidate)) {
      throw new SimCluster.Violation(
          "group %d, term %d: %s votes for %s and %s"
              .formatted(group, term, voter, before, candidate));
    }
  }

  /** A node leads, or says so. */
  void leads(int group, int term, String node) {
    String before = leaders.putIfAbsent(new Term(group, term), node);
    if (before != null && !before.equals(node)) {
      throw new SimCluster.Violation(
          "group %d, term %d: led by %s and %s".formatted(group, term, before, node));
    }
  }

  /** What the same leader put at the same place is the same, and so is what is before it. */
  private void matches(int group, LogEntry entry, int previousTerm) {
    int operation =
        entry.getOperation() instanceof EntryBytes bytes
            ? Arrays.hashCode(bytes.get())
            : previousTerm;
    int hash = Objects.hash(previousTerm, operation);
    Integer before =
        entries.putIfAbsent(new Replicated(group, entry.getTerm(), entry.getIndex()), hash);
    if (before != null && before != hash) {
      throw new SimCluster.Violation(
          "group %d, term %d: two logs differ at entry %d"
              .formatted(group, entry.getTerm(), entry.getIndex()));
    }
  }

  /**
   * A node applies an entry.
   *
   * @param last what it applied before in this life, or 0
   */
  void applies(int group, long index, byte[] entry, String node, long last) {
    if (index <= last) {
      throw new SimCluster.Violation(
          "group %d, entry %d: %s applies it after %d".formatted(group, index, node, last));
    }
    int hash = Arrays.hashCode(entry);
    Integer before = applied.putIfAbsent(new Place(group, index), hash);
    if (before != null && before != hash) {
      throw new SimCluster.Violation(
          "group %d, entry %d: %s applies another one".formatted(group, index, node));
    }
  }

  /** What a leader counts as being on another node of its term is there. */
  void counts(int group, RaftState leader, RaftState follower) {
    FollowerState counted = leader.leaderState().getFollowerStateOrNull(follower.localEndpoint());
    boolean isNothing = counted == null || counted.matchIndex() == 0;
    if (isNothing || follower.term() != leader.term()) {
      return;
    }
    long index = counted.matchIndex();
    if (index > leader.log().lastLogOrSnapshotIndex()
        || index > follower.log().lastLogOrSnapshotIndex()
        || differs(leader.log(), follower.log(), index)) {
      throw new SimCluster.Violation(
          "group %d, term %d: %s counts entry %d as on %s, which has another or none"
              .formatted(
                  group,
                  leader.term(),
                  leader.localEndpoint().getId(),
                  index,
                  follower.localEndpoint().getId()));
    }
  }

  private static boolean differs(RaftLog one, RaftLog other, long index) {
    LogEntry here = one.getLogEntry(index);
    LogEntry there = other.getLogEntry(index);
    return here != null && there != null && here.getTerm() != there.getTerm();
  }

  /** A node starts again, from its disk. */
  void starts(int group, String node, Replica replica) {
    RaftState state = ((RaftNodeImpl) replica.raft()).state();
    int told = terms.getOrDefault(new Member(group, node), 0);
    if (state.term() < told) {
      throw new SimCluster.Violation(
          "group %d: %s told of term %d and starts in %d"
              .formatted(group, node, told, state.term()));
    }
    String vote = votes.get(new Voter(group, state.term(), node));
    boolean isForgotten =
        vote != null
            && (state.votedEndpoint() == null || !vote.equals(state.votedEndpoint().getId()));
    if (isForgotten) {
      throw new SimCluster.Violation(
          "group %d, term %d: %s voted for %s and starts with a vote for %s"
              .formatted(group, state.term(), node, vote, state.votedEndpoint()));
    }
  }
}
