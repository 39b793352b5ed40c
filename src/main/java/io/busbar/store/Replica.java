package io.busbar.store;

import io.busbar.shard.Effect;
import io.busbar.shard.Entry;
import io.busbar.shard.Machine;
import io.busbar.shard.Result;
import io.microraft.Ordered;
import io.microraft.QueryPolicy;
import io.microraft.RaftConfig;
import io.microraft.RaftEndpoint;
import io.microraft.RaftNode;
import io.microraft.RaftNodeStatus;
import io.microraft.RaftRole;
import io.microraft.exception.NotLeaderException;
import io.microraft.impl.RaftNodeImpl;
import io.microraft.impl.log.RaftLog;
import io.microraft.impl.log.SnapshotChunkCollector;
import io.microraft.impl.state.FollowerState;
import io.microraft.impl.state.LeaderState;
import io.microraft.impl.state.RaftState;
import io.microraft.model.groupop.RaftGroupOp;
import io.microraft.model.groupop.UpdateRaftGroupMembersOp;
import io.microraft.model.log.LogEntry;
import io.microraft.model.log.SnapshotChunk;
import io.microraft.model.log.SnapshotEntry;
import io.microraft.model.message.AppendEntriesFailureResponse;
import io.microraft.model.message.AppendEntriesRequest;
import io.microraft.model.message.AppendEntriesSuccessResponse;
import io.microraft.model.message.InstallSnapshotRequest;
import io.microraft.model.message.InstallSnapshotResponse;
import io.microraft.model.message.PreVoteRequest;
import io.microraft.model.message.PreVoteResponse;
import io.microraft.model.message.RaftMessage;
import io.microraft.model.message.VoteResponse;
import io.microraft.persistence.RestoredRaftState;
import io.microraft.report.RaftNodeReport;
import io.microraft.report.RaftNodeReport.RaftNodeReportReason;
import io.microraft.statemachine.StateMachine;
import io.microraft.transport.Transport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * One group on one node: the Raft engine, the machine that it drives, and their checkpoints. Runs
 * in the {@link Turn}.
 *
 * <p>What MicroRaft 0.7 does wrong is put right here, at its messages, and each has a seed of the
 * simulation that fails without it (docs/decisions/0005-store.md).
 */
final class Replica implements StateMachine, Transport {
  /** In the engine's time, which goes {@link Turn#SPEED} times as fast. */
  private static RaftConfig config(int snapshotEntries) {
    return RaftConfig.newBuilder()
        .setLeaderHeartbeatPeriodSecs(1)
        .setLeaderHeartbeatTimeoutSecs(10)
        .setLeaderElectionTimeoutMillis(3_000)
        .setAppendEntriesRequestBatchSize(64)
        .setCommitCountToTakeSnapshot(snapshotEntries)
        .setMaxPendingLogEntryCount(1_000)
        .setTransferSnapshotsFromFollowersEnabled(false)
        .setRaftNodeReportPublishPeriodSecs(3_600)
        .build();
  }

  /** What a request holds of entries, unless a single one is larger. */
  private static final long REQUEST_BYTES = 4L << 20;

  /** Times the log on the heap comes before a snapshot is due, at least. */
  private static final int LEAST_OF_HEAP = 4;

  /** What one turn writes of a checkpoint. */
  private static final int SLICE_BYTES = 64 * 1024;

  private static final long WATCH = TimeUnit.MILLISECONDS.toNanos(100);

  private static final long HANDING_OVER = TimeUnit.SECONDS.toNanos(2);

  /** Is asked of the group to learn who leads it. */
  private static final String WHO_LEADS = "who leads";

  private static final long NOWHERE = -1;

  private final int group;
  private final NodeEndpoint self;
  private final GroupLog log;
  private final Checkpoints checkpoints;
  private final Turn turn;
  private final Peers peers;
  private final Told told;
  private final Set<Safeguard> without;
  private RaftNodeImpl node;
  private Machine machine;

  /** The log index that the machine stands for. */
  private long applied;

  private long bytesSinceSnapshot;

  /** When it last handed over, or NOWHERE. */
  private long transferredAt = NOWHERE;

  /** What the engine's answer counts from, while it handles {@link #behindSnapshot}. */
  private long answerFrom = NOWHERE;

  /** As a leader: the entry that began the term; what is behind it is this leader's to tell. */
  private long leaderFrom = Long.MAX_VALUE;

  /** How messages get to other nodes; a message may be lost. */
  interface Peers {
    void send(NodeEndpoint to, int group, RaftMessage message);
  }

  /** Who hears what the group decides. */
  interface Told {
    /** An entry has an effect; only the leader's are told, but for those on the index. */
    void effect(Effect effect, boolean isLeader);

    /** It has come to an entry of the log. */
    void applied(long index, byte[] entry);

    /** This replica begins to lead, or does no more. */
    void leads(boolean isLeader);

    /** Another machine took the place of the one before: the leader sent its state. */
    void replaced(Machine before);

    /** The journal may be needed from further on than before. */
    void reclaim();

    /** It cannot go on: memory and disk may differ. */
    void fatal(Throwable cause);
  }

  /** What became of an entry that was to be appended. */
  sealed interface Answer {
    /**
     * The group has come to an answer.
     *
     * @param index of the log
     */
    record Judged(Result result, long index) implements Answer {}

    /** This is not the leader, but knows who is. */
    record NotLeader(String leader) implements Answer {}

    /** Nobody knows who leads, there is no room now, or the outcome is not known. */
    record Again() implements Answer {}
  }

  Replica(
      int group,
      NodeEndpoint self,
      GroupLog log,
      Checkpoints checkpoints,
      Turn turn,
      Peers peers,
      Told told,
      Set<Safeguard> without) {
    this.group = group;
    this.self = self;
    this.log = log;
    this.checkpoints = checkpoints;
    this.turn = turn;
    this.peers = peers;
    this.told = told;
    this.without = without;
  }

  // --- start ---

  /**
   * Begins, from what the journal holds of the group or anew.
   *
   * @param voters the members of a group that is new
   * @param snapshotEntries after how many entries the engine takes a snapshot, at the latest
   * @param clock wall clock, {@link Turn#SPEED} times as fast
   */
  void start(Collection<NodeEndpoint> voters, int snapshotEntries, Clock clock, Random random)
      throws IOException {
    var builder =
        RaftNode.newBuilder()
            .setGroupId(group)
            .setConfig(config(snapshotEntries))
            .setExecutor(turn)
            .setTransport(this)
            .setStateMachine(this)
            .setStore(log)
            .setModelFactory(RaftForm.MODELS)
            .setClock(clock)
            .setRandom(random)
            .setRaftNodeReportListener(this::report);
    RestoredRaftState restored = restore();
    if (restored == null) {
      builder.setLocalEndpoint(self).setInitialGroupMembers(List.copyOf(voters));
    } else {
      builder.setRestoredState(restored);
    }
    node = (RaftNodeImpl) builder.build();
    startEngine();
    turn.after(WATCH, this::watch);
  }

  /** Has the engine begin as soon as the disk takes something. */
  private void startEngine() {
    if (turn.isFull()) {
      turn.after(WATCH, this::startEngine);
      return;
    }
    node.start()
        .whenComplete(
            (started, failure) -> {
              if (failure != null) {
                told.fatal(failure);
              }
            });
  }

  /** The machine as of the engine's snapshot, and the entries behind it. */
  private RestoredRaftState restore() throws IOException {
    SnapshotChunk from = log.checkpoint();
    if (from == null) {
      machine = guarded(new Machine());
    } else {
      machine = guarded(checkpoints.restore(from.getIndex()));
      applied = from.getIndex();
    }
    List<LogEntry> entries = log.takeEntries();
    SnapshotChunk ahead = log.snapshotAhead();
    if (ahead != null) {
      // the engine's log begins there, and what it called a snapshot was committed
      for (LogEntry entry : entries) {
        if (entry.getIndex() <= ahead.getIndex()) {
          apply(entry.getIndex(), entry.getOperation());
        }
      }
      if (applied != ahead.getIndex()) {
        throw new IOException(
            "group %d: the entries end at %d, before the snapshot at %d"
                .formatted(group, applied, ahead.getIndex()));
      }
      from = ahead;
    }
    long behind = applied;
    if (ahead != null) {
      begin(ahead.getIndex());
    }
    return log.restored(
        from == null ? null : snapshot(from),
        entries.stream().filter(entry -> entry.getIndex() > behind).toList());
  }

  /** A snapshot as the engine wants it: all its parts, none of its bytes. */
  private static SnapshotEntry snapshot(SnapshotChunk mark) {
    List<SnapshotChunk> parts = new ArrayList<>();
    for (int i = 0; i < mark.getSnapshotChunkCount(); i++) {
      parts.add(with(mark, i, new Part(mark.getIndex(), i, mark.getSnapshotChunkCount(), false)));
    }
    return RaftForm.MODELS
        .createSnapshotEntryBuilder()
        .setIndex(mark.getIndex())
        .setTerm(mark.getTerm())
        .setSnapshotChunks(parts)
        .setGroupMembersView(mark.getGroupMembersView())
        .build();
  }

  private static SnapshotChunk with(SnapshotChunk mark, int number, Object operation) {
    return RaftForm.MODELS
        .createSnapshotChunkBuilder()
        .setIndex(mark.getIndex())
        .setTerm(mark.getTerm())
        .setSnapshotChunkIndex(number)
        .setSnapshotChunkCount(mark.getSnapshotChunkCount())
        .setGroupMembersView(mark.getGroupMembersView())
        .setOperation(operation)
        .build();
  }

  // --- appending and reading ---

  /**
   * Appends an entry, if this is the leader and its disk takes something.
   *
   * @param entry as {@link Entry#encode} gives it; gets the leader's time
   * @param time milliseconds since 1970
   */
  void append(byte[] entry, long time, Consumer<Answer> then) {
    if (turn.isFull()) {
      then.accept(new Answer.Again());
      return;
    }
    Entry.stamp(entry, time);
    node.<Result>replicate(new EntryBytes(entry))
        .whenComplete((done, failure) -> then.accept(answer(done, failure)));
  }

  /** Asks the group whether this replica leads it; the answer is of a moment since the call. */
  void confirm(Consumer<Boolean> then) {
    node.query(WHO_LEADS, QueryPolicy.LINEARIZABLE, Optional.empty(), Optional.empty())
        .whenComplete((done, failure) -> then.accept(failure == null));
  }

  private static Answer answer(Ordered<Result> done, Throwable failure) {
    if (failure == null) {
      return new Answer.Judged(done.getResult(), done.getCommitIndex());
    }
    boolean isKnown = failure instanceof NotLeaderException it && it.getLeader() != null;
    return isKnown
        ? new Answer.NotLeader(((NotLeaderException) failure).getLeader().getId().toString())
        : new Answer.Again();
  }

  /** What the group has come to here; only to be read. */
  Machine machine() {
    return machine;
  }

  /** The log index that {@link #machine} stands for. */
  long applied() {
    return applied;
  }

  /** The engine, for membership and reports. */
  RaftNode raft() {
    return node;
  }

  /** What the engine knows. */
  RaftState state() {
    return node.state();
  }

  /** Whether this replica leads and everything that was committed before is applied. */
  boolean leads() {
    return applied >= leaderFrom;
  }

  /** Where in the log this leader's term begins. */
  long leadsFrom() {
    return leaderFrom;
  }

  /** Who leads, as far as is known here, or null. */
  RaftEndpoint leader() {
    return node.getTerm().getLeaderEndpoint();
  }

  // --- the machine ---

  @Override
  public Object runOperation(long index, Object operation) {
    return apply(index, operation);
  }

  private Result apply(long index, Object operation) {
    try {
      applied = index;
      if (!(operation instanceof EntryBytes bytes)) {
        return null;
      }
      byte[] form = bytes.get();
      bytesSinceSnapshot += form.length;
      told.applied(index, form);
      if (form.length == 0) {
        if (index == leaderFrom) {
          told.leads(true);
        }
        return null;
      }
      boolean isLeader = leads();
      return machine.apply(Entry.decode(form), effect -> told.effect(effect, isLeader));
    } catch (RuntimeException | Error e) {
      // the engine would take it for the answer, and replicas would differ
      told.fatal(e);
      throw e;
    }
  }

  @Override
  public Object getNewTermOperation() {
    return new EntryBytes(new byte[0]);
  }

  private void report(RaftNodeReport report) {
    if (report.getReason() == RaftNodeReportReason.TAKE_SNAPSHOT) {
      EngineLog.beginWithAnEntry(node.state().log());
    }
    if (report.getReason() != RaftNodeReportReason.ROLE_CHANGE) {
      return;
    }
    boolean isLeader = report.getRole() == RaftRole.LEADER;
    boolean was = leaderFrom != Long.MAX_VALUE;
    if (isLeader && !was) {
      leaderFrom = report.getLog().getLastLogOrSnapshotIndex();
    } else if (!isLeader && was) {
      leaderFrom = Long.MAX_VALUE;
      told.leads(false);
    }
  }

  // --- checkpoints ---

  @Override
  public void takeSnapshot(long index, Consumer<Object> parts) {
    try {
      applied = index;
      if (checkpoints.isWriting()) {
        finish();
      }
      long grown = bytesSinceSnapshot;
      begin(index);
      int count = checkpoints.parts(grown);
      for (int i = 0; i < count; i++) {
        parts.accept(new Part(index, i, count, false));
      }
    } catch (IOException e) {
      told.fatal(e);
    }
  }

  private void begin(long index) throws IOException {
    bytesSinceSnapshot = 0;
    if (checkpoints.newest() == index) {
      // the leader sent it, and entries brought the machine there before the engine took it
      return;
    }
    checkpoints.begin(index, machine.checkpoint());
    turn.after(0, this::slice);
  }

  private void slice() {
    try {
      if (checkpoints.isWriting() && checkpoints.write(SLICE_BYTES)) {
        written();
      } else if (checkpoints.isWriting()) {
        turn.after(0, this::slice);
      }
    } catch (WriteFailedException e) {
      turn.after(WATCH, this::slice);
    } catch (IOException e) {
      told.fatal(e);
    }
  }

  /** A snapshot is due before the checkpoint of the one before it is whole. */
  private void finish() throws IOException {
    try {
      boolean isWhole = false;
      while (!isWhole) {
        isWhole = checkpoints.write(Integer.MAX_VALUE);
      }
      written();
    } catch (WriteFailedException e) {
      // the disk is full: the journal has it all, and the next checkpoint takes its place
      checkpoints.abandon();
    }
  }

  private void written() throws IOException {
    SnapshotChunk mark = log.snapshotAhead();
    long index = checkpoints.newest();
    if (mark == null || mark.getIndex() != index) {
      throw new IOException("checkpoint %d of no snapshot".formatted(index));
    }
    checkpointed(mark);
  }

  private void checkpointed(SnapshotChunk mark) throws IOException {
    log.checkpointed(mark);
    turn.answer(
        () -> {
          try {
            if (checkpoints.newest() == mark.getIndex()) {
              // one that was received since is the newer, and would be taken for a remnant
              checkpoints.keep(mark.getIndex());
            }
            told.reclaim();
          } catch (IOException e) {
            told.fatal(e);
          }
        });
  }

  @Override
  public void installSnapshot(long index, List<Object> parts) {
    if (index == applied) {
      // the start: the machine is there already
      return;
    }
    try {
      Machine before = machine;
      machine = guarded(checkpoints.restore(index));
      applied = index;
      bytesSinceSnapshot = 0;
      told.replaced(before);
    } catch (IOException | RuntimeException e) {
      told.fatal(e);
    }
  }

  // --- messages ---

  /** A message from another node. */
  void receive(RaftMessage message) {
    if (node.getStatus() == RaftNodeStatus.TERMINATED) {
      // it has come to the entry that took it out
      return;
    }
    RaftMessage judged = judged(message);
    if (judged != null) {
      turn.inline(() -> node.handle(judged));
    }
    answerFrom = NOWHERE;
  }

  /** What the engine may be given of a message, or null. */
  private RaftMessage judged(RaftMessage message) {
    if (message instanceof AppendEntriesSuccessResponse
        && message.getTerm() < node.getTerm().getTerm()
        && has(Safeguard.STALE_ANSWERS)) {
      // it speaks of a log that another leader may have cut since; the engine would count it
      return null;
    }
    if (message instanceof AppendEntriesFailureResponse response) {
      return isOvertaken(response) ? null : farther(response);
    }
    if (message instanceof PreVoteResponse response && isBehind(response)) {
      // whoever has more of the log but an older term would ask in vain, and nobody else could win
      node.toFollower(response.getTerm());
      node.runPreVote();
      return null;
    }
    if (message instanceof AppendEntriesRequest request) {
      return request.getTerm() < node.getTerm().getTerm()
          ? request
          : behindSnapshot(turn.isFull() ? withoutEntries(request) : request);
    }
    if (message instanceof InstallSnapshotRequest request) {
      if (isCovered(request)) {
        return covered(request);
      }
      return request.getSnapshotChunk() == null ? announced(request) : received(request);
    }
    return message;
  }

  /** Whether a vote is refused for a term that this replica has missed: the engine stays behind. */
  private boolean isBehind(PreVoteResponse response) {
    RaftState state = node.state();
    // one more than its own is what it asked for
    return !response.isGranted()
        && response.getTerm() > state.term() + 1
        && state.role() == RaftRole.FOLLOWER
        && state.preCandidateState() != null
        && has(Safeguard.VOTES_AGAIN);
  }

  /** A refusal from before the follower was found to agree up to there: it came late, or twice. */
  private boolean isOvertaken(AppendEntriesFailureResponse response) {
    LeaderState leader = node.state().leaderState();
    FollowerState follower =
        leader == null ? null : leader.getFollowerStateOrNull(response.getSender());
    return follower != null
        && response.getTerm() <= node.getTerm().getTerm()
        && response.getExpectedNextIndex() <= follower.matchIndex() + 1;
  }

  /**
   * A refusal, of a leader that looks for where a follower's log and its own agree. The engine goes
   * back by one entry each time: a node that is new would get the first one after as many round
   * trips as the log has entries. It goes back as far again as it is from the end, but to what it
   * would need the snapshot for not before it has tried without.
   */
  private AppendEntriesFailureResponse farther(AppendEntriesFailureResponse response) {
    RaftState state = node.state();
    LeaderState leader = state.leaderState();
    FollowerState follower =
        leader == null ? null : leader.getFollowerStateOrNull(response.getSender());
    if (follower == null
        || response.getTerm() != state.term()
        || response.getExpectedNextIndex() != follower.nextIndex()) {
      return response;
    }
    long next = follower.nextIndex();
    long afterSnapshot = state.log().snapshotIndex() + 1;
    long least = next > afterSnapshot ? afterSnapshot : 1;
    long back = Math.max(1, state.log().lastLogOrSnapshotIndex() + 1 - next);
    // the engine takes off one more
    long tried = Math.max(next - back, Math.max(least, follower.matchIndex() + 1)) + 1;
    if (tried >= next) {
      return response;
    }
    follower.nextIndex(tried);
    return RaftForm.MODELS
        .createAppendEntriesFailureResponseBuilder()
        .setGroupId(response.getGroupId())
        .setSender(response.getSender())
        .setTerm(response.getTerm())
        .setExpectedNextIndex(tried)
        .setQuerySequenceNumber(response.getQuerySequenceNumber())
        .setFlowControlSequenceNumber(response.getFlowControlSequenceNumber())
        .build();
  }

  /**
   * A request that begins at or before this replica's snapshot. What the snapshot covers is
   * committed, so the leader has it too. But the engine would look for the entry before, not find
   * it, and refuse for ever (its issue 54): it gets what is behind the snapshot as if that were the
   * whole log, and its answer is put right on the way out.
   */
  private AppendEntriesRequest behindSnapshot(AppendEntriesRequest whole) {
    AppendEntriesRequest request = untilOut(whole);
    RaftLog entries = node.state().log();
    long previous = request.getPreviousLogIndex();
    boolean isKnown =
        previous > entries.snapshotIndex()
            || previous == entries.lastLogOrSnapshotIndex()
            || entries.containsLogEntry(previous)
            || entries.snapshotIndex() == 0;
    if (isKnown || !has(Safeguard.BEHIND_SNAPSHOT)) {
      return beforeCommit(request);
    }
    answerFrom = entries.snapshotIndex();
    return with(request, 0, 0, behind(request.getLogEntries(), entries.snapshotIndex()));
  }

  /**
   * A request up to the entry that takes this node out: the engine would come to that, end, and
   * stumble over a change of the members behind it.
   */
  private AppendEntriesRequest untilOut(AppendEntriesRequest request) {
    List<LogEntry> entries = request.getLogEntries();
    for (int i = 0; i < entries.size() - 1; i++) {
      boolean isOut =
          entries.get(i).getOperation() instanceof UpdateRaftGroupMembersOp change
              && !change.getMembers().contains(self);
      if (isOut) {
        return cut(request, i + 1);
      }
    }
    return request;
  }

  /** The first entries of a request, with what it says of them. */
  private static AppendEntriesRequest cut(AppendEntriesRequest request, int entries) {
    List<LogEntry> some = List.copyOf(request.getLogEntries().subList(0, entries));
    long commit = Math.min(request.getCommitIndex(), some.get(entries - 1).getIndex());
    return with(request, request.getPreviousLogIndex(), request.getPreviousLogTerm(), some, commit);
  }

  /**
   * Entries behind an index, up to the first change of the members that may not be put beside one
   * that waits for its commit: without a commit index the engine does not know that the one before
   * is committed. What is left out comes again.
   */
  private List<LogEntry> behind(List<LogEntry> entries, long index) {
    RaftState state = node.state();
    boolean isWaiting = state.effectiveGroupMembers() != state.committedGroupMembers();
    long change = isWaiting ? state.effectiveGroupMembers().getLogIndex() : Long.MAX_VALUE;
    List<LogEntry> behind = new ArrayList<>();
    for (LogEntry entry : entries) {
      if (entry.getOperation() instanceof RaftGroupOp && entry.getIndex() > state.commitIndex()) {
        if (entry.getIndex() > change) {
          break;
        }
        change = entry.getIndex();
      }
      if (entry.getIndex() > index) {
        behind.add(entry);
      }
    }
    return behind;
  }

  /**
   * A request that ends before what is committed here, as a leader sends that looks for where the
   * logs agree, and knows of more commits: the engine would go back to the end of the request.
   */
  private AppendEntriesRequest beforeCommit(AppendEntriesRequest request) {
    long end = request.getPreviousLogIndex() + request.getLogEntries().size();
    return end >= node.state().commitIndex()
        ? request
        : with(
            request,
            request.getPreviousLogIndex(),
            request.getPreviousLogTerm(),
            request.getLogEntries());
  }

  /** What a full disk does not take: that there is a leader is heard, its entries come again. */
  private static AppendEntriesRequest withoutEntries(AppendEntriesRequest request) {
    return with(request, request.getPreviousLogIndex(), request.getPreviousLogTerm(), List.of());
  }

  /** Without a commit index: the next request has it again. */
  private static AppendEntriesRequest with(
      AppendEntriesRequest request, long previous, int previousTerm, List<LogEntry> entries) {
    return with(request, previous, previousTerm, entries, 0);
  }

  private static AppendEntriesRequest with(
      AppendEntriesRequest request,
      long previous,
      int previousTerm,
      List<LogEntry> entries,
      long commit) {
    return RaftForm.MODELS
        .createAppendEntriesRequestBuilder()
        .setGroupId(request.getGroupId())
        .setSender(request.getSender())
        .setTerm(request.getTerm())
        .setPreviousLogIndex(previous)
        .setPreviousLogTerm(previousTerm)
        .setCommitIndex(commit)
        .setLogEntries(entries)
        .setQuerySequenceNumber(request.getQuerySequenceNumber())
        .setFlowControlSequenceNumber(request.getFlowControlSequenceNumber())
        .build();
  }

  /** The engine's answer to {@link #behindSnapshot}. */
  private AppendEntriesSuccessResponse fromSnapshot(AppendEntriesSuccessResponse response) {
    return RaftForm.MODELS
        .createAppendEntriesSuccessResponseBuilder()
        .setGroupId(response.getGroupId())
        .setSender(response.getSender())
        .setTerm(response.getTerm())
        .setLastLogIndex(answerFrom + response.getLastLogIndex())
        .setQuerySequenceNumber(response.getQuerySequenceNumber())
        .setFlowControlSequenceNumber(response.getFlowControlSequenceNumber())
        .build();
  }

  /**
   * Whether all that a snapshot covers is in this log: it is if the entry at its end is. The engine
   * would go back to the members as of the snapshot, and forget a change behind it.
   */
  private boolean isCovered(InstallSnapshotRequest request) {
    RaftState state = node.state();
    long index = request.getSnapshotIndex();
    LogEntry end = index > state.commitIndex() ? state.log().getLogEntry(index) : null;
    return end != null
        && end.getTerm() == request.getSnapshotTerm()
        && request.getTerm() >= state.term();
  }

  /**
   * Says how far this log is the leader's, so that entries follow; or has the engine follow that
   * leader first. A part that comes late, from a node that leads no more, is not wanted.
   */
  private InstallSnapshotRequest covered(InstallSnapshotRequest request) {
    RaftState state = node.state();
    boolean follows =
        request.getTerm() == state.term()
            && (state.role() == RaftRole.FOLLOWER || state.role() == RaftRole.LEARNER);
    if (!request.isSenderLeader()) {
      return null;
    }
    if (!follows) {
      return announced(with(request, null));
    }
    if (!request.getSender().equals(state.leader())) {
      node.leader(request.getSender());
    }
    node.leaderHeartbeatReceived();
    state.snapshotChunkCollector(null);
    send(
        request.getSender(),
        RaftForm.MODELS
            .createAppendEntriesSuccessResponseBuilder()
            .setGroupId(group)
            .setSender(self)
            .setTerm(request.getTerm())
            .setLastLogIndex(request.getSnapshotIndex())
            .setQuerySequenceNumber(request.getQuerySequenceNumber())
            .setFlowControlSequenceNumber(request.getFlowControlSequenceNumber())
            .build());
    return null;
  }

  /**
   * A snapshot is about to take the place of this log, whose entry at the snapshot's end is another
   * one, or is not there: what is not the leader's goes. The engine would keep what is behind the
   * end, and a change of the members that the snapshot does not know. Entries that may be the
   * leader's stay: they may have been counted.
   */
  private void dropOthers(InstallSnapshotRequest request) {
    RaftState state = node.state();
    long from = request.getSnapshotIndex();
    boolean isOther =
        state.effectiveGroupMembers() != state.committedGroupMembers()
            && state.effectiveGroupMembers().getLogIndex()
                > request.getGroupMembersView().getLogIndex();
    if (isOther) {
      from = Math.min(from, state.effectiveGroupMembers().getLogIndex());
      node.setStatus(RaftNodeStatus.ACTIVE);
      node.revertGroupMembers();
    }
    if (state.log().lastLogOrSnapshotIndex() >= from) {
      state.log().truncateEntriesFrom(from);
    }
  }

  /**
   * A snapshot in other parts than the one that is coming, or of a leader that has no newer one
   * while the leader before it had: from the start. The engine would wait for the other for ever.
   */
  private InstallSnapshotRequest announced(InstallSnapshotRequest request) {
    SnapshotChunkCollector coming = node.state().snapshotChunkCollector();
    boolean isOther =
        coming != null
            && coming.getSnapshotIndex() == request.getSnapshotIndex()
            && coming.getChunkCount() != request.getTotalSnapshotChunkCount();
    boolean isOlder =
        coming != null
            && coming.getSnapshotIndex() > request.getSnapshotIndex()
            && request.isSenderLeader()
            && request.getTerm() >= node.getTerm().getTerm();
    if (isOther || isOlder) {
      node.state().snapshotChunkCollector(null);
    }
    return request;
  }

  /** Puts a part of a snapshot into its file; the engine gets only its name. */
  private InstallSnapshotRequest received(InstallSnapshotRequest request) {
    SnapshotChunk chunk = request.getSnapshotChunk();
    boolean isWanted =
        request.getTerm() >= node.getTerm().getTerm()
            && request.getSnapshotIndex() > node.state().commitIndex();
    Part part =
        new Part(
            chunk.getIndex(), chunk.getSnapshotChunkIndex(), chunk.getSnapshotChunkCount(), true);
    byte[] sent = (byte[]) chunk.getOperation();
    if (isWanted && checkpoints.isOther(part, sent)) {
      node.state().snapshotChunkCollector(null);
    }
    try {
      if (isWanted && checkpoints.receive(part, sent)) {
        // one of its own that it writes yet is older
        checkpoints.abandon();
        dropOthers(request);
        checkpointed(chunk);
      }
    } catch (WriteFailedException e) {
      // it comes again
      return null;
    } catch (IOException e) {
      told.fatal(e);
      return null;
    }
    return with(request, with(chunk, part.number(), part));
  }

  private static InstallSnapshotRequest with(InstallSnapshotRequest request, SnapshotChunk chunk) {
    return RaftForm.MODELS
        .createInstallSnapshotRequestBuilder()
        .setGroupId(request.getGroupId())
        .setSender(request.getSender())
        .setTerm(request.getTerm())
        .setSenderLeader(request.isSenderLeader())
        .setSnapshotTerm(request.getSnapshotTerm())
        .setSnapshotIndex(request.getSnapshotIndex())
        .setTotalSnapshotChunkCount(request.getTotalSnapshotChunkCount())
        .setSnapshotChunk(chunk)
        .setSnapshottedMembers(request.getSnapshottedMembers())
        .setGroupMembersView(request.getGroupMembersView())
        .setQuerySequenceNumber(request.getQuerySequenceNumber())
        .setFlowControlSequenceNumber(request.getFlowControlSequenceNumber())
        .build();
  }

  @Override
  public void send(RaftEndpoint target, RaftMessage message) {
    NodeEndpoint to = (NodeEndpoint) target;
    if (to == null) {
      // its leader, whom the engine does not know when the last part of a snapshot comes from a
      // node that leads no more
      return;
    }
    if (log.isSilent() || (turn.isFull() && isForTheWell(message))) {
      return;
    }
    if (message instanceof AppendEntriesSuccessResponse response && answerFrom != NOWHERE) {
      AppendEntriesSuccessResponse right = fromSnapshot(response);
      turn.answer(() -> peers.send(to, group, right));
    } else if (isAnswer(message)) {
      turn.answer(() -> peers.send(to, group, message));
    } else if (message instanceof InstallSnapshotRequest request
        && request.getSnapshotChunk() != null) {
      sendPart(to, request);
    } else if (message instanceof AppendEntriesRequest request) {
      sendEntries(to, request);
    } else {
      peers.send(to, group, message);
    }
  }

  private void sendEntries(NodeEndpoint to, AppendEntriesRequest request) {
    boolean isGone =
        request.getLogEntries().stream()
            .anyMatch(entry -> entry.getOperation() instanceof EntryBytes bytes && bytes.areGone());
    if (isGone) {
      // from the very first one on: that is older than the snapshot, which it gets therefore
      node.state().leaderState().getFollowerState(to).nextIndex(1);
    } else {
      try {
        peers.send(to, group, bounded(request));
      } catch (UncheckedIOException e) {
        // the engine would log it, and try for ever
        told.fatal(e);
      }
    }
  }

  /**
   * As many of a request's entries as one frame takes, the first one in any case: the engine counts
   * them, not their bytes. The rest goes with the next request, after the answer to this one.
   */
  private static AppendEntriesRequest bounded(AppendEntriesRequest request) {
    List<LogEntry> entries = request.getLogEntries();
    long bytes = 0;
    for (int i = 0; i < entries.size(); i++) {
      if (entries.get(i).getOperation() instanceof EntryBytes form) {
        bytes += form.length();
      }
      if (bytes > REQUEST_BYTES && i > 0) {
        return cut(request, i);
      }
    }
    return request;
  }

  /**
   * What a node with a full disk does not say: it would wait, without bound, or come to nothing.
   */
  private static boolean isForTheWell(RaftMessage message) {
    return message instanceof PreVoteRequest || isAnswer(message);
  }

  private static boolean isAnswer(RaftMessage message) {
    return message instanceof AppendEntriesSuccessResponse
        || message instanceof AppendEntriesFailureResponse
        || message instanceof VoteResponse
        || message instanceof PreVoteResponse
        || message instanceof InstallSnapshotResponse;
  }

  /** A part that is not on disk yet is not sent: the engine asks for it again. */
  private void sendPart(NodeEndpoint to, InstallSnapshotRequest request) {
    SnapshotChunk chunk = request.getSnapshotChunk();
    try {
      byte[] bytes = checkpoints.read((Part) chunk.getOperation());
      if (bytes != null) {
        peers.send(to, group, with(request, with(chunk, chunk.getSnapshotChunkIndex(), bytes)));
      }
    } catch (IOException e) {
      told.fatal(e);
    }
  }

  @Override
  public boolean isReachable(RaftEndpoint endpoint) {
    return true;
  }

  private Machine guarded(Machine one) {
    if (!has(Safeguard.EPOCHS)) {
      one.group().ignoreEpochs();
    }
    return one;
  }

  private boolean has(Safeguard safeguard) {
    return !without.contains(safeguard);
  }

  // --- watch ---

  /** Has another voter lead, if this one leads and there is one. */
  void handOver() {
    handOver(voter -> true);
  }

  /** Has that of some voters lead that has most of the log, if this one leads. */
  void handOver(Predicate<RaftEndpoint> may) {
    RaftState state = node.state();
    LeaderState leader = state.leaderState();
    // to one who is taken out meanwhile it would be handed over for ever
    boolean isChanging = state.effectiveGroupMembers() != state.committedGroupMembers();
    if (leader == null || isHandingOver() || isChanging) {
      return;
    }
    state.remoteVotingMembers().stream()
        .filter(may)
        .max(Comparator.comparingLong(voter -> leader.getFollowerState(voter).matchIndex()))
        .ifPresent(
            voter -> {
              transferredAt = turn.now();
              node.transferLeadership(voter);
            });
  }

  /**
   * Whether another one may be about to lead, or was not long ago: the engine goes on asking for a
   * while after it has given up.
   */
  boolean isHandingOver() {
    return node.state().leadershipTransferState() != null
        || (transferredAt != NOWHERE && turn.now() - transferredAt < HANDING_OVER);
  }

  private void watch() {
    RaftState state = node.state();
    boolean isStuck =
        state.role() == RaftRole.FOLLOWER
            && state.leader() != null
            && state.preCandidateState() != null
            && node.isLeaderHeartbeatTimeoutElapsed()
            && has(Safeguard.VOTES_AGAIN);
    if (isStuck) {
      // it asked for votes, then its leader came back in the same term: the engine still waits for
      // those votes and would not ask again when this leader dies
      node.leader(null);
      node.runPreVote();
    }
    // while the state does not grow, what is written for checkpoints is half of the log
    long due = Math.max(LEAST_OF_HEAP * log.heapBytes(), 2 * checkpoints.length());
    boolean isDue = bytesSinceSnapshot > due;
    if (isDue && !checkpoints.isWriting()) {
      node.takeSnapshot();
    }
    if (turn.isFull()) {
      // this disk takes nothing more
      handOver();
    }
    turn.after(WATCH, this::watch);
  }
}
