package io.busbar.store;

import io.busbar.bus.Wire;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.FormException;
import io.busbar.shard.Machine;
import io.busbar.shard.Result;
import io.microraft.RaftEndpoint;
import io.microraft.RaftNodeStatus;
import io.microraft.impl.state.RaftState;
import io.microraft.model.message.RaftMessage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The groups of one node: its journal, a replica and a stream of appends for each group, and the
 * frames between nodes. All of it runs in the {@link Turn}; threads, sockets, clocks and chance
 * come from outside, so that whole clusters can run in one thread under a seed.
 */
final class Replicas {
  private static final long SAY = TimeUnit.MILLISECONDS.toNanos(250);

  /** Every so many times all are told: who is no member does not hear who leads. */
  private static final int TO_ALL = 4;

  private final Site site;
  private final World world;
  private final Journal journal;
  private final Turn turn;
  private final List<Member> members = new ArrayList<>();

  /**
   * What a node is and stands on.
   *
   * @param incarnation larger than that of any start before
   * @param voters who votes in groups that are new: those who found them
   * @param wanted who is to hold the groups, or null: this node alone
   * @param groups how many, for ever the same
   * @param segmentBytes of the journal's files
   * @param snapshotEntries after how many entries a group's log begins anew, at the latest
   * @param heapBytes of its entries that a group holds on the heap, about; four times as many come
   *     before its log begins anew, at least
   * @param without empty but in tests
   */
  record Site(
      NodeEndpoint self,
      long incarnation,
      Collection<NodeEndpoint> voters,
      Placement.Wanted wanted,
      int groups,
      Disk disk,
      long segmentBytes,
      int snapshotEntries,
      long heapBytes,
      Set<Safeguard> without) {
    boolean has(Safeguard safeguard) {
      return !without.contains(safeguard);
    }
  }

  /** Everything outside: time, chance, other nodes, and who hears what the groups decide. */
  interface World {
    /** A clock that only goes forward. */
    long nanoTime();

    /** Milliseconds since 1970. */
    long wallClock();

    /** Whole numbers at random, for elections. */
    Random random();

    /** Has {@link Turn#work} and {@link Turn#commit} called soon; from any thread. */
    void wakeUp();

    /** The nodes that are there now, this one too. */
    Collection<NodeEndpoint> present();

    /** A frame for another node; it may be lost. */
    void send(String node, int kind, int group, byte[] body);

    /** An entry has an effect; of those but the ones on the index, only the leader's count. */
    void effect(int group, Effect effect, boolean isLeader);

    /** A group has come to an entry of its log here. */
    void applied(int group, long index, byte[] entry);

    /** This node begins to lead a group, or does no more. */
    void leads(int group, boolean isLeader);

    /**
     * This node is no member of any group any more: what it holds goes no further. That is for
     * ever: it can come back with an empty disk.
     */
    void left();

    /** A group's state came whole from another node, and took the place of the one before. */
    void replaced(int group, Machine before);

    /** This node may serve until then, by {@link #nanoTime}. */
    void leased(int group, long until);

    /** Calls back, in the turn, if nobody listens at a node's address. */
    void tryAddress(NodeEndpoint node, Runnable dead);

    /** Whether all of these understand {@code forms} ({@link Wire.Introduction#forms}). */
    boolean areAllOf(int forms, Collection<RaftEndpoint> nodes);

    /** A sync took so long. */
    void synced(long nanos);

    /** The process must end: what is in memory and what is on disk may differ. */
    void fatal(Throwable cause);
  }

  /**
   * Opens the journal and begins all groups.
   *
   * @throws DamagedJournalException if something that was synced is not there
   */
  Replicas(Site site, World world) throws IOException {
    this.site = site;
    this.world = world;
    List<GroupLog> logs = new ArrayList<>();
    for (int i = 0; i < site.groups; i++) {
      logs.add(new GroupLog(i, site.heapBytes));
    }
    journal =
        Journal.open(
            site.disk,
            site.segmentBytes,
            (position, group, kind, body) -> logs.get(group).replay(position, kind, body));
    turn =
        new Turn(
            journal, world::nanoTime, world::wakeUp, world::synced, world::fatal, site.without);
    for (int i = 0; i < site.groups; i++) {
      members.add(new Member(i, logs.get(i)));
    }
    try {
      for (Member member : members) {
        member.start();
      }
    } catch (IOException | RuntimeException e) {
      journal.close();
      throw e;
    }
  }

  Turn turn() {
    return turn;
  }

  /** The nodes that are there now, this one too. */
  Collection<NodeEndpoint> present() {
    return world.present();
  }

  Journal journal() {
    return journal;
  }

  Replica replica(int group) {
    return members.get(group).replica;
  }

  /**
   * Appends commands to a group, wherever its leader is. When they are answered, this node has come
   * to them, too.
   */
  void append(int group, List<Command> commands, Feed feed, int bytes, Consumer<Appended> then) {
    members.get(group).appender.append(commands, feed, bytes, then);
  }

  /** The same, of commands that have no order among them. */
  void append(int group, List<Command> commands, int bytes, Consumer<Appended> then) {
    append(group, commands, Feed.NONE, bytes, then);
  }

  /**
   * Has this node taken out of all groups, each after another one leads or votes in its place;
   * {@link World#left} tells when that is done.
   */
  void leave() {
    members.forEach(Member::leave);
  }

  /** Who holds a group: this node has a say in that if it leads. */
  Placement placement(int group) {
    return members.get(group).placement;
  }

  /**
   * A frame from another node.
   *
   * @throws FormException if it is none of this node's groups, or speaks for another node
   */
  void receive(String from, int kind, int group, ByteBuffer body) {
    if (group >= members.size()) {
      throw new FormException(
          "a frame of group %d (there are %d)".formatted(group, members.size()));
    }
    Member member = members.get(group);
    switch (kind) {
      case Exchange.RAFT -> {
        RaftMessage message = RaftMessages.read(body);
        if (!message.getSender().getId().equals(from)) {
          throw new FormException("%s speaks for %s".formatted(from, message.getSender().getId()));
        }
        member.replica.receive(message);
      }
      case Exchange.APPEND -> member.asked(from, Exchange.Append.decode(body));
      case Exchange.ANSWER -> member.answered(Exchange.Answer.decode(body));
      case Exchange.PRESENCE ->
          member.isThere(new NodeEndpoint(from), Exchange.Presence.decode(body));
      case Exchange.OUT -> member.out(Exchange.Out.decode(body));
      case Exchange.GRANT -> member.granted(Exchange.Grant.decode(body));
      default -> throw new FormException("frame of kind " + kind);
    }
  }

  /** Gives up what no group needs of the journal. */
  private void reclaim() {
    long from = journal.end();
    for (Member member : members) {
      from = Math.min(from, member.log.neededFrom());
    }
    try {
      journal.release(from);
    } catch (IOException e) {
      world.fatal(e);
    }
  }

  /** One group on this node. */
  private final class Member implements Replica.Told, Replica.Peers, Appender.Path, Leases.Outside {
    final int group;
    final GroupLog log;
    final Replica replica;
    final Appender appender;

    /** Null on a node that has the groups alone. */
    final Placement placement;

    private final Leases leases;
    private boolean isLeaving;
    private boolean isOut;
    private int said;

    /** Who is asked to append, as far as it is known. */
    private String leader;

    private int turnOf;

    /** Answers of entries that this node has not come to yet. */
    private final Queue<Exchange.Answer> early = new ArrayDeque<>();

    Member(int group, GroupLog log) {
      this.group = group;
      this.log = log;
      log.open(journal, turn, this::leads, site.without);
      Checkpoints checkpoints = new Checkpoints(site.disk, group);
      this.replica =
          new Replica(group, site.self, log, checkpoints, turn, this, this, site.without);
      this.appender = new Appender(site.self.id(), site.incarnation, turn, this, site.without);
      this.placement =
          site.wanted == null
              ? null
              : new Placement(replica, turn, site.self, site.wanted, world::present);
      this.leases = new Leases(replica, turn, site.self, this, site.without);
    }

    void start() throws IOException {
      replica.start(site.voters, site.snapshotEntries, new EngineClock(), world.random());
      if (placement != null) {
        placement.start();
        leases.start();
        say();
      }
    }

    // --- who is a member ---

    void leave() {
      isLeaving = true;
      placement.leave();
    }

    /** Tells whoever leads. */
    private void say() {
      if (replica.raft().getStatus() == RaftNodeStatus.TERMINATED) {
        // it has come to the entry that took it out, and would take no other
        isOut();
      }
      Exchange.Presence presence =
          new Exchange.Presence(
              site.incarnation,
              isLeaving,
              replica.state().log().lastLogOrSnapshotIndex(),
              turn.now(),
              replica.applied());
      RaftEndpoint known = replica.leader();
      boolean isForAll = known == null || said++ % TO_ALL == 0;
      for (NodeEndpoint other : world.present()) {
        if (!other.equals(site.self) && (isForAll || other.equals(known))) {
          world.send(other.id(), Exchange.PRESENCE, group, presence.encode());
        }
      }
      leases.asked(site.self, presence);
      turn.after(SAY, this::say);
    }

    void isThere(NodeEndpoint node, Exchange.Presence presence) {
      leases.asked(node, presence);
      if (placement != null && placement.isThere(node, presence)) {
        RaftState state = replica.state();
        Exchange.Out out = new Exchange.Out(state.term(), state.commitIndex());
        world.send(node.id(), Exchange.OUT, group, out.encode());
      }
    }

    @Override
    public Collection<NodeEndpoint> present() {
      return world.present();
    }

    @Override
    public void grant(NodeEndpoint node, Exchange.Grant grant) {
      if (node.equals(site.self)) {
        granted(grant);
      } else {
        world.send(node.id(), Exchange.GRANT, group, grant.encode());
      }
    }

    @Override
    public void tryAddress(NodeEndpoint node, Runnable dead) {
      world.tryAddress(node, dead);
    }

    @Override
    public boolean areAllOf(int forms) {
      return world.areAllOf(forms, replica.raft().getEffectiveMembers().getMembers());
    }

    @Override
    public long wallClock() {
      return world.wallClock();
    }

    void granted(Exchange.Grant grant) {
      if (grant.incarnation() == site.incarnation) {
        leases.granted(grant, until -> world.leased(group, until));
      }
    }

    void out(Exchange.Out out) {
      // one that led before this node was let in has not heard of that
      boolean isKnown =
          out.term() >= replica.raft().getTerm().getTerm()
              || out.committed() >= replica.state().log().lastLogOrSnapshotIndex();
      if (isKnown) {
        isOut();
      }
    }

    private void isOut() {
      if (isOut) {
        return;
      }
      isOut = true;
      if (members.stream().allMatch(member -> member.isOut)) {
        world.left();
      } else {
        // the disk can come back to this group as another one only
        Replicas.this.leave();
      }
    }

    private boolean leads() {
      return replica.raft().getTerm().getLeaderEndpoint() != null
          && site.self.equals(replica.raft().getTerm().getLeaderEndpoint());
    }

    // --- appends that this node makes ---

    @Override
    public void send(long number, byte[] entry) {
      RaftEndpoint known = replica.leader();
      if (known != null) {
        leader = known.getId().toString();
      }
      if (leader == null) {
        elsewhere();
      }
      if (leader.equals(site.self.id())) {
        // a copy: the log keeps it with its time, and this one may be sent again
        replica.append(
            entry.clone(),
            world.wallClock(),
            answer -> answered(Exchange.Answer.of(site.incarnation, number, answer)));
      } else {
        world.send(
            leader,
            Exchange.APPEND,
            group,
            new Exchange.Append(site.incarnation, number, entry).encode());
      }
    }

    @Override
    public void elsewhere() {
      List<RaftEndpoint> all = List.copyOf(replica.raft().getEffectiveMembers().getMembers());
      leader = all.get(turnOf++ % all.size()).getId().toString();
    }

    void answered(Exchange.Answer answer) {
      if (answer.incarnation() != site.incarnation) {
        return;
      }
      if (answer.leader() != null) {
        leader = answer.leader();
      }
      // effects come before the answer, and who has it may read here
      if (answer.index() > replica.applied()) {
        early.add(answer);
      } else {
        told(answer);
      }
    }

    private void told(Exchange.Answer answer) {
      Result result = answer.result();
      if (result instanceof Result.Applied it) {
        appender.applied(answer.number(), it.outcomes());
      } else if (result instanceof Result.Repeated it) {
        appender.applied(answer.number(), it.outcomes());
      } else if (result instanceof Result.Stale it) {
        world.fatal(
            new IOException("another process has this node's identity: start " + it.incarnation()));
      } else if (!(result instanceof Result.Old)) {
        appender.notTaken(answer.number());
      }
    }

    // --- appends that other nodes ask for ---

    void asked(String from, Exchange.Append append) {
      replica.append(
          append.entry(),
          world.wallClock(),
          answer ->
              world.send(
                  from,
                  Exchange.ANSWER,
                  group,
                  Exchange.Answer.of(append.incarnation(), append.number(), answer).encode()));
    }

    // --- the replica ---

    @Override
    public void send(NodeEndpoint to, int ofGroup, RaftMessage message) {
      world.send(to.id(), Exchange.RAFT, ofGroup, RaftMessages.write(message));
    }

    @Override
    public void effect(Effect effect, boolean isLeader) {
      world.effect(group, effect, isLeader);
    }

    @Override
    public void applied(long index, byte[] entry) {
      if (!early.isEmpty()) {
        turn.execute(this::tellEarly);
      }
      world.applied(group, index, entry);
    }

    private void tellEarly() {
      for (int i = early.size(); i > 0; i--) {
        Exchange.Answer answer = early.remove();
        if (answer.index() > replica.applied()) {
          early.add(answer);
        } else {
          told(answer);
        }
      }
    }

    @Override
    public void leads(boolean isLeader) {
      world.leads(group, isLeader);
    }

    @Override
    public void replaced(Machine before) {
      turn.execute(this::tellEarly);
      world.replaced(group, before);
    }

    @Override
    public void reclaim() {
      Replicas.this.reclaim();
    }

    @Override
    public void fatal(Throwable cause) {
      world.fatal(cause);
    }
  }

  /** The engine's clock: it only measures how long something takes. */
  private final class EngineClock extends Clock {
    @Override
    public long millis() {
      return world.nanoTime() / 1_000_000 * Turn.SPEED;
    }

    @Override
    public Instant instant() {
      return Instant.ofEpochMilli(millis());
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }
}
