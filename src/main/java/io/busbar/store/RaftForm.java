package io.busbar.store;

import io.busbar.shard.FormException;
import io.microraft.MembershipChangeMode;
import io.microraft.RaftEndpoint;
import io.microraft.model.RaftModelFactory;
import io.microraft.model.groupop.UpdateRaftGroupMembersOp;
import io.microraft.model.impl.DefaultRaftModelFactory;
import io.microraft.model.log.LogEntry;
import io.microraft.model.log.RaftGroupMembersView;
import io.microraft.model.log.SnapshotChunk;
import io.microraft.model.log.SnapshotEntry;
import io.microraft.model.persistence.RaftEndpointPersistentState;
import io.microraft.model.persistence.RaftTermPersistentState;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;

/**
 * The binary forms of what the Raft engine keeps, in the journal; {@link RaftMessages} are made of
 * them. Each that stands alone begins with its version. {@code n} is a number of seven bits a byte,
 * lowest first, not negative; {@code bytes} and {@code node} (an id) are n length and so many
 * bytes.
 *
 * <pre>
 *   entry      u8 version=1, entry
 *   chunk      u8 version=1, chunk
 *   snapshot   u8 version=1, n index, n term, view, n count, chunks
 *   members    u8 version=1, view
 *   endpoint   u8 version=1, node, u8 is voting
 *   term       u8 version=1, n term, u8 has voted, node it voted for (if it has)
 *
 *     entry    n index, n term, operation
 *     operation  u8 0, bytes | u8 1, u8 mode, node, nodes members, nodes voting members
 *     chunk    n index, n term, n number of the chunk, n chunks, view, bytes
 *     view     n log index, nodes members, nodes voting members
 *     nodes    n count, so many different nodes
 * </pre>
 *
 * Writing refuses with IllegalArgumentException what has no form, reading with FormException what
 * is none.
 */
public final class RaftForm {
  static final int VERSION = 1;
  static final RaftModelFactory MODELS = new DefaultRaftModelFactory();

  /** What one snapshot consists of at most: the engine takes memory for each before it comes. */
  static final int MAX_CHUNKS = 1 << 16;

  private static final int BYTES = 0;
  private static final int MEMBERSHIP = 1;

  // The least bytes of what is counted: an empty form of each.
  private static final int ENTRY_BYTES = 4;
  private static final int CHUNK_BYTES = 8;
  private static final int NODE_BYTES = 2;

  private RaftForm() {}

  /** An entry of the log. */
  public static byte[] entry(LogEntry entry) {
    return FormWriter.bytes(out -> write(out.u8(VERSION), entry));
  }

  /** Reads an entry of the log. */
  public static LogEntry readEntry(ByteBuffer in) {
    return FormReader.read(in, VERSION, RaftForm::entry);
  }

  /** A chunk of a snapshot, its operation a byte[]. */
  public static byte[] chunk(SnapshotChunk chunk) {
    return FormWriter.bytes(out -> write(out.u8(VERSION), chunk));
  }

  /** Reads a chunk of a snapshot. */
  public static SnapshotChunk readChunk(ByteBuffer in) {
    return FormReader.read(in, VERSION, RaftForm::chunk);
  }

  /** A snapshot with its chunks. */
  public static byte[] snapshot(SnapshotEntry snapshot) {
    if (!(snapshot.getOperation() instanceof List<?> chunks)) {
      throw new IllegalArgumentException("snapshot of " + type(snapshot.getOperation()));
    }
    return FormWriter.bytes(
        out -> {
          out.u8(VERSION).number(snapshot.getIndex()).number(snapshot.getTerm());
          write(out, snapshot.getGroupMembersView());
          out.number(chunks(chunks.size()));
          for (Object chunk : chunks) {
            write(out, (SnapshotChunk) chunk);
          }
        });
  }

  /** Reads a snapshot with its chunks. */
  public static SnapshotEntry readSnapshot(ByteBuffer in) {
    return FormReader.read(
        in,
        VERSION,
        reader -> {
          var snapshot =
              MODELS
                  .createSnapshotEntryBuilder()
                  .setIndex(reader.number())
                  .setTerm(reader.number(Integer.MAX_VALUE))
                  .setGroupMembersView(members(reader));
          int count = reader.count(CHUNK_BYTES);
          List<SnapshotChunk> chunks = new ArrayList<>(count);
          for (int i = 0; i < count; i++) {
            chunks.add(chunk(reader));
          }
          return snapshot.setSnapshotChunks(chunks).build();
        });
  }

  /** The members of a group. */
  public static byte[] members(RaftGroupMembersView view) {
    return FormWriter.bytes(out -> write(out.u8(VERSION), view));
  }

  /** Reads the members of a group. */
  public static RaftGroupMembersView readMembers(ByteBuffer in) {
    return FormReader.read(in, VERSION, RaftForm::members);
  }

  /** Who a node is in a group. */
  public static byte[] endpoint(RaftEndpointPersistentState state) {
    return FormWriter.bytes(
        out -> write(out.u8(VERSION), state.getLocalEndpoint()).flag(state.isVoting()));
  }

  /** Reads who a node is in a group. */
  public static RaftEndpointPersistentState readEndpoint(ByteBuffer in) {
    return FormReader.read(
        in,
        VERSION,
        reader ->
            MODELS
                .createRaftEndpointPersistentStateBuilder()
                .setLocalEndpoint(node(reader))
                .setVoting(reader.flag())
                .build());
  }

  /** A term and the vote given in it, if one was. */
  public static byte[] term(RaftTermPersistentState state) {
    RaftEndpoint voted = state.getVotedFor();
    return FormWriter.bytes(
        out -> {
          out.u8(VERSION).number(state.getTerm()).flag(voted != null);
          if (voted != null) {
            write(out, voted);
          }
        });
  }

  /** Reads a term and the vote given in it. */
  public static RaftTermPersistentState readTerm(ByteBuffer in) {
    return FormReader.read(
        in,
        VERSION,
        reader ->
            MODELS
                .createRaftTermPersistentStateBuilder()
                .setTerm(reader.number(Integer.MAX_VALUE))
                .setVotedFor(reader.flag() ? node(reader) : null)
                .build());
  }

  static void write(FormWriter out, List<LogEntry> entries) {
    out.number(entries.size());
    for (LogEntry entry : entries) {
      write(out, entry);
    }
  }

  static List<LogEntry> entries(FormReader in) {
    int count = in.count(ENTRY_BYTES);
    List<LogEntry> entries = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      entries.add(entry(in));
    }
    return entries;
  }

  private static void write(FormWriter out, LogEntry entry) {
    out.number(entry.getIndex()).number(entry.getTerm());
    if (entry.getOperation() instanceof EntryBytes bytes) {
      out.u8(BYTES).run(bytes.get());
    } else if (entry.getOperation() instanceof UpdateRaftGroupMembersOp change) {
      out.u8(MEMBERSHIP).u8(code(change.getMode()));
      write(out, change.getEndpoint());
      write(out, change.getMembers());
      write(out, change.getVotingMembers());
    } else {
      throw new IllegalArgumentException("operation of " + type(entry.getOperation()));
    }
  }

  private static LogEntry entry(FormReader in) {
    return MODELS
        .createLogEntryBuilder()
        .setIndex(in.number())
        .setTerm(in.number(Integer.MAX_VALUE))
        .setOperation(operation(in))
        .build();
  }

  private static Object operation(FormReader in) {
    int kind = in.u8();
    return switch (kind) {
      case BYTES -> new EntryBytes(in.run());
      case MEMBERSHIP ->
          MODELS
              .createUpdateRaftGroupMembersOpBuilder()
              .setMode(mode(in.u8()))
              .setEndpoint(node(in))
              .setMembers(nodes(in))
              .setVotingMembers(nodes(in))
              .build();
      default -> throw new FormException("operation of kind " + kind);
    };
  }

  private static int code(MembershipChangeMode mode) {
    return switch (mode) {
      case ADD_LEARNER -> 0;
      case ADD_OR_PROMOTE_TO_FOLLOWER -> 1;
      case REMOVE_MEMBER -> 2;
    };
  }

  private static MembershipChangeMode mode(int code) {
    return switch (code) {
      case 0 -> MembershipChangeMode.ADD_LEARNER;
      case 1 -> MembershipChangeMode.ADD_OR_PROMOTE_TO_FOLLOWER;
      case 2 -> MembershipChangeMode.REMOVE_MEMBER;
      default -> throw new FormException("membership change of mode " + code);
    };
  }

  static void write(FormWriter out, SnapshotChunk chunk) {
    if (!(chunk.getOperation() instanceof byte[] bytes)) {
      throw new IllegalArgumentException("chunk of " + type(chunk.getOperation()));
    }
    out.number(chunk.getIndex())
        .number(chunk.getTerm())
        .number(chunk.getSnapshotChunkIndex())
        .number(chunks(chunk.getSnapshotChunkCount()));
    write(out, chunk.getGroupMembersView());
    out.run(bytes);
  }

  static SnapshotChunk chunk(FormReader in) {
    return MODELS
        .createSnapshotChunkBuilder()
        .setIndex(in.number())
        .setTerm(in.number(Integer.MAX_VALUE))
        .setSnapshotChunkIndex(in.number(MAX_CHUNKS))
        .setSnapshotChunkCount(in.number(MAX_CHUNKS))
        .setGroupMembersView(members(in))
        .setOperation(in.run())
        .build();
  }

  /** A count of chunks that may be written. */
  static int chunks(int count) {
    if (count > MAX_CHUNKS) {
      throw new IllegalArgumentException(
          "chunks: %d (allowed: up to %d)".formatted(count, MAX_CHUNKS));
    }
    return count;
  }

  static void write(FormWriter out, RaftGroupMembersView view) {
    out.number(view.getLogIndex());
    write(out, view.getMembers());
    write(out, view.getVotingMembers());
  }

  static RaftGroupMembersView members(FormReader in) {
    return MODELS
        .createRaftGroupMembersViewBuilder()
        .setLogIndex(in.number())
        .setMembers(nodes(in))
        .setVotingMembers(nodes(in))
        .build();
  }

  static void write(FormWriter out, Collection<RaftEndpoint> nodes) {
    out.number(nodes.size());
    for (RaftEndpoint node : nodes) {
      write(out, node);
    }
  }

  static Collection<RaftEndpoint> nodes(FormReader in) {
    int count = in.count(NODE_BYTES);
    Collection<RaftEndpoint> nodes = new LinkedHashSet<>();
    for (int i = 0; i < count; i++) {
      NodeEndpoint node = node(in);
      if (!nodes.add(node)) {
        throw new FormException("node " + node + " named twice");
      }
    }
    return nodes;
  }

  static FormWriter write(FormWriter out, RaftEndpoint node) {
    if (!(node instanceof NodeEndpoint endpoint)) {
      throw new IllegalArgumentException("node of " + type(node));
    }
    return out.ascii(endpoint.id());
  }

  static NodeEndpoint node(FormReader in) {
    String id = in.ascii();
    try {
      return new NodeEndpoint(id);
    } catch (IllegalArgumentException e) {
      throw new FormException("node id of %d characters is none".formatted(id.length()));
    }
  }

  static String type(Object value) {
    return value == null ? "nothing" : value.getClass().getName();
  }
}
