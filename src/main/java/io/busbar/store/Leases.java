package io.busbar.store;

import io.busbar.bus.Wire;
import io.busbar.shard.Command;
import io.busbar.shard.Entry;
import io.busbar.shard.Result;
import io.microraft.RaftEndpoint;
import io.microraft.report.RaftGroupMembers;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;

/**
 * Until when a node may serve, and from when on it certainly does not. Runs in the {@link Turn}.
 *
 * <p>A node serves while it holds a grant of the leader, given in a round that a majority has
 * answered since the node asked; it counts from its asking, on its own clock. So a node that is cut
 * off stops by itself. Who has to know that another node serves no more (to answer SUBACK without
 * it, to give its sessions away, to publish its wills) waits for {@link Command.Gone}: the leader
 * appends that for a node that is away when it has refused it grants for longer than one lasts, or
 * when nobody answers at the node's address any more.
 *
 * <p>What holds this over a change of leaders: a leader grants nothing to a node that has not come
 * to the beginning of its term, so that a node which is gone has read so itself; and it appends in
 * the term in which it refused, or not at all. Clocks may differ, if their rates do so by less than
 * a fifth.
 */
final class Leases {
  /** How long a grant lasts, in nanoseconds. */
  static final long LEASE = TimeUnit.SECONDS.toNanos(3);

  /** How long grants are refused until none can be in force on a clock that is slow. */
  private static final long WAIT = LEASE + LEASE / 5;

  private static final long LOOK = TimeUnit.MILLISECONDS.toNanos(100);

  /** How often an address is tried. */
  private static final long TRY = TimeUnit.MILLISECONDS.toNanos(500);

  /** Behind a node's id: the origin of what it appends as a leader, its term the incarnation. */
  private static final String AS_LEADER = "/leader";

  private final Replica replica;
  private final Turn turn;
  private final NodeEndpoint self;
  private final Outside outside;
  private final Set<Safeguard> without;

  /** When the grant ends that this node holds. */
  private long until;

  private boolean isHeld;

  /** The term of this leader: where its log began, or {@link Long#MAX_VALUE}. */
  private long stint = Long.MAX_VALUE;

  private long appended;
  private boolean isAsking;
  private Map<NodeEndpoint, Exchange.Presence> asks = new HashMap<>();
  private final Map<NodeEndpoint, Away> away = new HashMap<>();

  /** Where in the log a node was taken for gone: it has to have come there to be one anew. */
  private final Map<String, Long> goneAt = new HashMap<>();

  /** Nodes that have been there in this term, members or not. */
  private final Set<NodeEndpoint> known = new HashSet<>();

  /** A node that gets no grants. */
  private static final class Away {
    final long since;
    long triedAt;
    boolean isDead;
    byte[] entry;
    boolean isTold;

    Away(long now) {
      since = now;
      triedAt = now - TRY;
    }
  }

  /** Other nodes, and who has to know. */
  interface Outside {
    /** The nodes that are there now, this one too. */
    Collection<NodeEndpoint> present();

    /** A grant for another node. */
    void grant(NodeEndpoint node, Exchange.Grant grant);

    /** Calls back, in the turn, if nobody listens at a node's address. */
    void tryAddress(NodeEndpoint node, Runnable dead);

    /** Whether all who read the log understand {@code forms} ({@link Wire.Introduction#forms}). */
    boolean areAllOf(int forms);

    /** Milliseconds since 1970. */
    long wallClock();
  }

  Leases(Replica replica, Turn turn, NodeEndpoint self, Outside outside, Set<Safeguard> without) {
    this.replica = replica;
    this.turn = turn;
    this.self = self;
    this.outside = outside;
    this.without = without;
  }

  /** Looks from now on. */
  void start() {
    turn.after(LOOK, this::look);
  }

  // --- as any node ---

  /** A grant for this node, of this start of it. */
  void granted(Exchange.Grant grant, LongConsumer then) {
    long end = grant.asked() + LEASE;
    if (!isHeld || end - until > 0) {
      isHeld = true;
      until = end;
      then.accept(end);
    }
  }

  // --- as the leader ---

  /** A node asks, this one too: what it says of itself says so. */
  void asked(NodeEndpoint node, Exchange.Presence presence) {
    if (presence.asks() && replica.leads()) {
      asks.put(node, presence);
      ask();
    }
  }

  /** One round at a time, for all who asked before it began. */
  private void ask() {
    if (isAsking || asks.isEmpty()) {
      return;
    }
    isAsking = true;
    Map<NodeEndpoint, Exchange.Presence> round = asks;
    asks = new HashMap<>();
    replica.confirm(
        isLeader -> {
          isAsking = false;
          if (isLeader) {
            round.forEach(this::answer);
          }
          ask();
        });
  }

  private void answer(NodeEndpoint node, Exchange.Presence presence) {
    long place = presence.applied();
    Away is = away.get(node);
    boolean isRefused = is != null && !without.contains(Safeguard.REFUSED_GRANTS);
    if (replica.leads()
        && place >= replica.leadsFrom()
        && place >= goneAt.getOrDefault(node.id(), 0L)
        && !isRefused) {
      outside.grant(node, new Exchange.Grant(presence.incarnation(), presence.asked()));
    }
  }

  private void look() {
    if (replica.leads()) {
      watch(Set.copyOf(outside.present()));
    } else {
      forget();
    }
    turn.after(LOOK, this::look);
  }

  private void forget() {
    stint = Long.MAX_VALUE;
    appended = 0;
    away.clear();
    goneAt.clear();
    known.clear();
  }

  private void watch(Set<NodeEndpoint> there) {
    if (stint != replica.leadsFrom()) {
      forget();
      stint = replica.leadsFrom();
    }
    RaftGroupMembers members = replica.raft().getCommittedMembers();
    Collection<RaftEndpoint> voters = members.getVotingMembers();
    known.addAll(there);
    members.getMembers().forEach(member -> known.add((NodeEndpoint) member));
    // whoever is alone knows nothing of the others
    boolean seesMost = 2 * voters.stream().filter(there::contains).count() > voters.size();
    for (NodeEndpoint node : known) {
      boolean isAway = !there.contains(node) && !node.equals(self);
      Away is = away.get(node);
      if (!isAway && (is == null || is.entry == null || is.isTold)) {
        away.remove(node);
      } else if (isAway && is == null && seesMost) {
        away.put(node, new Away(turn.now()));
      }
    }
    away.forEach((node, is) -> step(node, is, seesMost));
    known.removeIf(
        node ->
            !there.contains(node)
                && !members.getMembers().contains(node)
                && (!away.containsKey(node) || away.get(node).isTold));
  }

  private void step(NodeEndpoint node, Away is, boolean seesMost) {
    if (is.isTold || (is.entry == null && !seesMost)) {
      return;
    }
    long now = turn.now();
    if (is.entry == null && !is.isDead && now - is.triedAt >= TRY) {
      is.triedAt = now;
      outside.tryAddress(node, () -> is.isDead = true);
    }
    boolean isOver = now - is.since > WAIT || without.contains(Safeguard.LEASE_WAIT);
    if (is.entry == null && (is.isDead || isOver)) {
      append(node, is);
    }
  }

  /** In this term alone: who leads the next one may have granted the node another lease. */
  private void append(NodeEndpoint node, Away is) {
    long term = replica.raft().getTerm().getTerm();
    Command.Gone.Cause cause = is.isDead ? Command.Gone.Cause.ADDRESS : Command.Gone.Cause.LEASE;
    Command gone =
        outside.areAllOf(Wire.Introduction.WITH_CAUSES)
            ? new Command.Gone(node.id(), cause)
            : new Command.Gone(node.id());
    is.entry = new Entry(self.id() + AS_LEADER, term, ++appended, 0, List.of(gone)).encode();
    send(node, is, stint);
  }

  private void send(NodeEndpoint node, Away is, long in) {
    if (!replica.leads() || replica.leadsFrom() != in) {
      return;
    }
    replica.append(
        is.entry.clone(),
        outside.wallClock(),
        answer -> {
          if (stint != in) {
            return;
          }
          if (answer instanceof Replica.Answer.Judged judged
              && !(judged.result() instanceof Result.Gap)) {
            goneAt.merge(node.id(), judged.index(), Math::max);
            is.isTold = true;
          } else {
            // under its number: it may have come there
            turn.after(LOOK, () -> send(node, is, in));
          }
        });
  }
}
