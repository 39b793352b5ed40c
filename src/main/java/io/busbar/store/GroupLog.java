package io.busbar.store;

import io.busbar.shard.FormException;
import io.microraft.model.log.LogEntry;
import io.microraft.model.log.RaftGroupMembersView;
import io.microraft.model.log.SnapshotChunk;
import io.microraft.model.log.SnapshotEntry;
import io.microraft.model.persistence.RaftEndpointPersistentState;
import io.microraft.model.persistence.RaftTermPersistentState;
import io.microraft.persistence.RaftStore;
import io.microraft.persistence.RestoredRaftState;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;

/**
 * One group's records in its node's journal.
 *
 * <p>MicroRaft takes a snapshot in an instant; ours is a checkpoint that is written little by
 * little after that. So there are two marks: what the engine calls a snapshot (its log on the heap
 * begins there) and the newest checkpoint that is whole on disk (the journal is needed from there
 * on).
 */
final class GroupLog implements RaftStore {
  // kinds of records
  private static final int ENDPOINT = 1;
  private static final int MEMBERS = 2;
  private static final int TERM = 3;
  private static final int ENTRY = 4;
  private static final int CUT = 5;
  private static final int SNAPSHOT = 6;
  private static final int CHECKPOINT = 7;

  private static final byte[] NOTHING = {};
  private static final long NONE = -1;

  private final int group;
  private final long heapBytes;
  private Journal journal;
  private Turn turn;
  private BooleanSupplier leads;
  private Set<Safeguard> without;
  private RaftEndpointPersistentState endpoint;
  private RaftGroupMembersView members;
  private RaftTermPersistentState term =
      RaftForm.MODELS.createRaftTermPersistentStateBuilder().setTerm(0).build();

  /** What the engine calls its snapshot, and what is whole on disk; null for none. */
  private SnapshotChunk snapshot;

  private SnapshotChunk checkpoint;

  /** Where the newest records of each kind stand: older ones are not needed. */
  private final long[] newest = new long[CHECKPOINT + 1];

  /** The entries behind the checkpoint while records are replayed; null from then on. */
  private List<LogEntry> replayed = new ArrayList<>();

  private final Positions positions = new Positions();

  /** The newest entries, which have their bytes on the heap. */
  private final Deque<EntryBytes> onHeap = new ArrayDeque<>();

  private long bytesOnHeap;

  /** The end of the newest record that must be on disk before this node says anything more. */
  private long promisedUntil;

  /** Whether the engine is about to ask for a flush of its snapshot, which needs none. */
  private boolean isSnapshotNext;

  /**
   * Of a group that nothing is known of before {@link #replay}.
   *
   * @param heapBytes of entries that are held on the heap at most, but for the newest one
   */
  GroupLog(int group, long heapBytes) {
    this.group = group;
    this.heapBytes = heapBytes;
    Arrays.fill(newest, NONE);
  }

  // --- from the journal ---

  /** A record of this group, as the journal is opened. */
  void replay(long position, int kind, ByteBuffer body) {
    newest[kind] = position;
    switch (kind) {
      case ENDPOINT -> endpoint = RaftForm.readEndpoint(body);
      case MEMBERS -> members = RaftForm.readMembers(body);
      case TERM -> term = RaftForm.readTerm(body);
      case ENTRY -> {
        LogEntry entry = RaftForm.readEntry(body);
        if (checkpoint == null || entry.getIndex() > checkpoint.getIndex()) {
          replayed.add(entry);
          stands(entry, position);
        }
      }
      case CUT -> cut(body.getLong());
      case SNAPSHOT -> snapshot = RaftForm.readChunk(body);
      case CHECKPOINT -> {
        checkpoint = RaftForm.readChunk(body);
        behind(checkpoint.getIndex());
      }
      default -> throw new FormException("record of kind " + kind);
    }
  }

  private void cut(long from) {
    positions.cut(from);
    replayed.removeIf(entry -> entry.getIndex() >= from);
  }

  private void behind(long index) {
    positions.behind(index);
    replayed.removeIf(entry -> entry.getIndex() <= index);
  }

  /** The newest checkpoint that is whole on disk, or null. */
  SnapshotChunk checkpoint() {
    return checkpoint;
  }

  /** Where the engine's own snapshot stands, if it is ahead of the checkpoint; else null. */
  SnapshotChunk snapshotAhead() {
    boolean isAhead =
        snapshot != null && (checkpoint == null || snapshot.getIndex() > checkpoint.getIndex());
    return isAhead ? snapshot : null;
  }

  /** The members as of the newest snapshot, or those at the beginning; null if nothing is here. */
  RaftGroupMembersView members() {
    SnapshotChunk from = newestSnapshot();
    return from == null ? members : from.getGroupMembersView();
  }

  /** Up to which index the newest snapshot goes, or 0. */
  long snapshotIndex() {
    SnapshotChunk from = newestSnapshot();
    return from == null ? 0 : from.getIndex();
  }

  /** The term of the entry where it ends, or 0. */
  int snapshotTerm() {
    SnapshotChunk from = newestSnapshot();
    return from == null ? 0 : from.getTerm();
  }

  private SnapshotChunk newestSnapshot() {
    SnapshotChunk ahead = snapshotAhead();
    return ahead == null ? checkpoint : ahead;
  }

  /** The term that this node is in. */
  int term() {
    return term.getTerm();
  }

  /** The entries behind the checkpoint, once. */
  List<LogEntry> takeEntries() {
    List<LogEntry> entries = replayed;
    replayed = null;
    return entries;
  }

  /**
   * What the engine starts again from, or null for a group that is new here.
   *
   * @param entries those behind the engine's snapshot
   */
  RestoredRaftState restored(SnapshotEntry from, List<LogEntry> entries) {
    return endpoint == null
        ? null
        : new RestoredRaftState(endpoint(from), members, term, from, entries);
  }

  /**
   * This node, and whether it votes as of the snapshot: the engine goes on from there by what the
   * entries say, and has no store yet to write a difference to.
   */
  private RaftEndpointPersistentState endpoint(SnapshotEntry from) {
    RaftGroupMembersView as = from == null ? members : from.getGroupMembersView();
    return RaftForm.MODELS
        .createRaftEndpointPersistentStateBuilder()
        .setLocalEndpoint(endpoint.getLocalEndpoint())
        .setVoting(as.getVotingMembers().contains(endpoint.getLocalEndpoint()))
        .build();
  }

  // --- to the journal ---

  /** All was replayed: from now on the group appends. */
  void open(Journal to, Turn in, BooleanSupplier isLeader, Set<Safeguard> less) {
    journal = to;
    turn = in;
    leads = isLeader;
    without = less;
  }

  @Override
  public void persistAndFlushLocalEndpoint(RaftEndpointPersistentState state) throws IOException {
    byte[] form = RaftForm.endpoint(state);
    boolean isKnown = endpoint != null && Arrays.equals(form, RaftForm.endpoint(endpoint));
    endpoint = state;
    if (!isKnown) {
      append(ENDPOINT, form);
      promise();
    }
  }

  @Override
  public void persistAndFlushInitialGroupMembers(RaftGroupMembersView view) throws IOException {
    byte[] form = RaftForm.members(view);
    boolean isKnown = members != null && Arrays.equals(form, RaftForm.members(members));
    members = view;
    if (!isKnown) {
      append(MEMBERS, form);
      promise();
    }
  }

  @Override
  public void persistAndFlushTerm(RaftTermPersistentState state) throws IOException {
    term = state;
    append(TERM, RaftForm.term(state));
    if (!without.contains(Safeguard.SYNCED_TERM)) {
      promise();
    }
  }

  /**
   * Has it on disk before anyone hears of it: now, or if the disk is full, by keeping silent until
   * it is. The engine cannot be told to wait, and would be left half way by an exception.
   */
  private void promise() throws IOException {
    promisedUntil = journal.end();
    try {
      sync();
    } catch (WriteFailedException later) {
      // The next turn tries again, and isSilent() until then.
    }
  }

  /** Whether nothing may be said: a term, a vote or a role is not on disk yet. */
  boolean isSilent() {
    return journal.synced() < promisedUntil;
  }

  private void sync() throws IOException {
    try {
      journal.sync();
    } catch (WriteFailedException e) {
      throw e;
    } catch (IOException e) {
      // the engine would log it and go on
      turn.fail(e);
      throw e;
    }
  }

  @Override
  public void persistLogEntries(List<LogEntry> entries) throws IOException {
    for (LogEntry entry : entries) {
      stands(entry, append(ENTRY, RaftForm.entry(entry)));
    }
  }

  /** An entry stands in the journal: the oldest need not be on the heap any more. */
  private void stands(LogEntry entry, long position) {
    positions.add(entry.getIndex(), position);
    if (entry.getOperation() instanceof EntryBytes bytes) {
      bytes.at(this, position);
      onHeap.add(bytes);
      bytesOnHeap += bytes.length();
      while (bytesOnHeap > heapBytes && onHeap.size() > 1) {
        EntryBytes oldest = onHeap.remove();
        bytesOnHeap -= oldest.length();
        oldest.letGo();
      }
    }
  }

  /** The bytes of the entry that stands there. */
  byte[] read(long position) throws IOException {
    return ((EntryBytes) RaftForm.readEntry(journal.read(position)).getOperation()).get();
  }

  /** Whether the journal goes back as far as that. */
  boolean reaches(long position) {
    return position >= journal.start();
  }

  /** What may be on the heap. */
  long heapBytes() {
    return heapBytes;
  }

  /** Bytes of entries that are on the heap. */
  long bytesOnHeap() {
    return bytesOnHeap;
  }

  @Override
  public void truncateLogEntriesFrom(long index) throws IOException {
    positions.cut(index);
    append(CUT, ByteBuffer.allocate(Long.BYTES).putLong(index).array());
  }

  /**
   * The engine's snapshot: the first of its parts says it. One that was received is on disk before
   * the engine has its last part.
   */
  @Override
  public void persistSnapshotChunk(SnapshotChunk chunk) throws IOException {
    boolean isOwn = !((Part) chunk.getOperation()).isReceived();
    if (isOwn && chunk.getSnapshotChunkIndex() == 0) {
      snapshot = chunk;
      append(SNAPSHOT, mark(chunk));
    }
    isSnapshotNext = isOwn;
  }

  /**
   * A checkpoint is whole on disk: from the next sync on, what is before {@link #neededFrom} is not
   * needed any more.
   */
  void checkpointed(SnapshotChunk mark) throws IOException {
    checkpoint = mark;
    positions.behind(mark.getIndex());
    append(ENDPOINT, RaftForm.endpoint(endpoint));
    append(MEMBERS, RaftForm.members(members));
    append(TERM, RaftForm.term(term));
    append(CHECKPOINT, mark(mark));
  }

  private long append(int kind, byte[] body) {
    newest[kind] = journal.append(group, kind, ByteBuffer.wrap(body));
    return newest[kind];
  }

  /** The journal is needed from this position on. */
  long neededFrom() {
    long from = positions.first();
    for (int kind : new int[] {ENDPOINT, MEMBERS, TERM, CHECKPOINT}) {
      if (newest[kind] != NONE) {
        from = Math.min(from, newest[kind]);
      }
    }
    return from;
  }

  private static byte[] mark(SnapshotChunk chunk) {
    return RaftForm.chunk(
        RaftForm.MODELS
            .createSnapshotChunkBuilder()
            .setIndex(chunk.getIndex())
            .setTerm(chunk.getTerm())
            .setSnapshotChunkIndex(0)
            .setSnapshotChunkCount(chunk.getSnapshotChunkCount())
            .setGroupMembersView(chunk.getGroupMembersView())
            .setOperation(NOTHING)
            .build());
  }

  @Override
  public void truncateLogEntriesUntil(long index) {
    // what is not needed is given up when a checkpoint is whole
  }

  @Override
  public void deleteSnapshotChunks(long index, int count) {
    // a checkpoint that was not received whole is overwritten by the next
  }

  /**
   * The turn syncs, once for all groups, before anyone is told. But a node that becomes the only
   * voter counts its log as on disk at once. A snapshot needs nothing: the entries before it stay
   * until its checkpoint is whole.
   */
  @Override
  public void flush() throws IOException {
    boolean isCounted = turn.isCounting() || without.contains(Safeguard.SYNC_BEFORE_COUNT);
    if (!isSnapshotNext && leads.getAsBoolean() && !isCounted) {
      sync();
    }
    isSnapshotNext = false;
  }

  /** Where the entries behind the checkpoint stand in the journal. */
  private static final class Positions {
    private long[] at = new long[64];
    private int from;
    private int size;
    private long firstIndex = 1;

    void add(long index, long position) {
      if (size == 0) {
        firstIndex = index;
      } else if (index != firstIndex + size) {
        throw new IllegalStateException(
            "entry %d after %d".formatted(index, firstIndex + size - 1));
      }
      if (from + size == at.length) {
        long[] into = size * 2 > at.length ? new long[at.length * 2] : at;
        System.arraycopy(at, from, into, 0, size);
        at = into;
        from = 0;
      }
      at[from + size++] = position;
    }

    void cut(long index) {
      size = (int) Math.max(0, Math.min(size, index - firstIndex));
    }

    void behind(long index) {
      int gone = (int) Math.max(0, Math.min(size, index + 1 - firstIndex));
      from += gone;
      size -= gone;
      firstIndex += gone;
    }

    long first() {
      return size == 0 ? Long.MAX_VALUE : at[from];
    }
  }
}
