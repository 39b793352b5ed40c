package io.busbar.store;

import static io.busbar.store.RaftForm.MODELS;
import static io.busbar.store.RaftForm.VERSION;

import io.busbar.shard.FormException;
import io.microraft.model.log.SnapshotChunk;
import io.microraft.model.message.AppendEntriesFailureResponse;
import io.microraft.model.message.AppendEntriesRequest;
import io.microraft.model.message.AppendEntriesSuccessResponse;
import io.microraft.model.message.InstallSnapshotRequest;
import io.microraft.model.message.InstallSnapshotResponse;
import io.microraft.model.message.PreVoteRequest;
import io.microraft.model.message.PreVoteResponse;
import io.microraft.model.message.RaftMessage;
import io.microraft.model.message.TriggerLeaderElectionRequest;
import io.microraft.model.message.VoteRequest;
import io.microraft.model.message.VoteResponse;
import java.nio.ByteBuffer;

/**
 * The binary form of the messages between the nodes of a Raft group. What is not said here is in
 * {@link RaftForm}.
 *
 * <pre>
 *   message  u8 version=1, u8 type, n group, node sender, n term, and by type
 *     1 pre-vote request    n last term, n last index
 *     2 pre-vote answer     u8 granted
 *     3 vote request        n last term, n last index, u8 sticky
 *     4 vote answer         u8 granted
 *     5 append              n previous term, n previous index, n commit index, n query, n flow,
 *                           n count, entries
 *     6 appended            n last index, n query, n flow
 *     7 not appended        n expected index, n query, n flow
 *     8 install             u8 from the leader, n term, n index, n chunks, u8 has chunk,
 *                           chunk (if it has), nodes that have it, view, n query, n flow
 *     9 installed           n index, n chunk wanted, n query, n flow
 *    10 elect               n last term, n last index
 * </pre>
 */
public final class RaftMessages {
  private static final int MAX_GROUP = 0xffff;

  private RaftMessages() {}

  /** What all messages begin with. */
  private record Head(Integer group, NodeEndpoint sender, int term) {}

  /**
   * The form of a message.
   *
   * @throws IllegalArgumentException if it holds what has no form: an operation other than bytes or
   *     a membership change, a group that is no number of 16 bits, another kind of node
   */
  public static byte[] write(RaftMessage message) {
    return FormWriter.bytes(out -> write(out.u8(VERSION), message));
  }

  /**
   * Reads a message; all of the buffer is it.
   *
   * @throws FormException if it is none
   */
  public static RaftMessage read(ByteBuffer in) {
    return FormReader.read(in, VERSION, RaftMessages::message);
  }

  private static void write(FormWriter out, RaftMessage message) {
    if (message instanceof AppendEntriesRequest it) {
      head(out, 5, it)
          .number(it.getPreviousLogTerm())
          .number(it.getPreviousLogIndex())
          .number(it.getCommitIndex());
      rounds(out, it.getQuerySequenceNumber(), it.getFlowControlSequenceNumber());
      RaftForm.write(out, it.getLogEntries());
    } else if (message instanceof AppendEntriesSuccessResponse it) {
      head(out, 6, it).number(it.getLastLogIndex());
      rounds(out, it.getQuerySequenceNumber(), it.getFlowControlSequenceNumber());
    } else if (message instanceof AppendEntriesFailureResponse it) {
      head(out, 7, it).number(it.getExpectedNextIndex());
      rounds(out, it.getQuerySequenceNumber(), it.getFlowControlSequenceNumber());
    } else if (message instanceof PreVoteRequest it) {
      head(out, 1, it).number(it.getLastLogTerm()).number(it.getLastLogIndex());
    } else if (message instanceof PreVoteResponse it) {
      head(out, 2, it).flag(it.isGranted());
    } else if (message instanceof VoteRequest it) {
      head(out, 3, it).number(it.getLastLogTerm()).number(it.getLastLogIndex()).flag(it.isSticky());
    } else if (message instanceof VoteResponse it) {
      head(out, 4, it).flag(it.isGranted());
    } else if (message instanceof InstallSnapshotRequest it) {
      install(head(out, 8, it), it);
    } else if (message instanceof InstallSnapshotResponse it) {
      head(out, 9, it).number(it.getSnapshotIndex()).number(it.getRequestedSnapshotChunkIndex());
      rounds(out, it.getQuerySequenceNumber(), it.getFlowControlSequenceNumber());
    } else if (message instanceof TriggerLeaderElectionRequest it) {
      head(out, 10, it).number(it.getLastLogTerm()).number(it.getLastLogIndex());
    } else {
      throw new IllegalArgumentException("message of " + RaftForm.type(message));
    }
  }

  private static FormWriter head(FormWriter out, int type, RaftMessage message) {
    if (!(message.getGroupId() instanceof Integer group) || group < 0 || group > MAX_GROUP) {
      throw new IllegalArgumentException(
          "group: %s (allowed: an Integer, 0 to %d)".formatted(message.getGroupId(), MAX_GROUP));
    }
    RaftForm.write(out.u8(type).number(group), message.getSender());
    return out.number(message.getTerm());
  }

  private static void rounds(FormWriter out, long query, long flow) {
    out.number(query).number(flow);
  }

  private static void install(FormWriter out, InstallSnapshotRequest it) {
    SnapshotChunk chunk = it.getSnapshotChunk();
    out.flag(it.isSenderLeader())
        .number(it.getSnapshotTerm())
        .number(it.getSnapshotIndex())
        .number(RaftForm.chunks(it.getTotalSnapshotChunkCount()))
        .flag(chunk != null);
    if (chunk != null) {
      RaftForm.write(out, chunk);
    }
    RaftForm.write(out, it.getSnapshottedMembers());
    RaftForm.write(out, it.getGroupMembersView());
    rounds(out, it.getQuerySequenceNumber(), it.getFlowControlSequenceNumber());
  }

  private static RaftMessage message(FormReader in) {
    int type = in.u8();
    Head head = new Head(in.number(MAX_GROUP), RaftForm.node(in), in.number(Integer.MAX_VALUE));
    return switch (type) {
      case 1 -> preVoteRequest(head, in);
      case 2 -> preVoteResponse(head, in);
      case 3 -> voteRequest(head, in);
      case 4 -> voteResponse(head, in);
      case 5 -> append(head, in);
      case 6 -> appended(head, in);
      case 7 -> notAppended(head, in);
      case 8 -> install(head, in);
      case 9 -> installed(head, in);
      case 10 -> elect(head, in);
      default -> throw new FormException("message of type " + type);
    };
  }

  private static int term(FormReader in) {
    return in.number(Integer.MAX_VALUE);
  }

  private static RaftMessage preVoteRequest(Head head, FormReader in) {
    return MODELS
        .createPreVoteRequestBuilder()
        .setGroupId(head.group)
        .setSender(head.sender)
        .setTerm(head.term)
        .setLastLogTerm(term(in))
        .setLastLogIndex(in.number())
        .build();
  }

  private static RaftMessage preVoteResponse(Head head, FormReader in) {
    return MODELS
        .createPreVoteResponseBuilder()
        .setGroupId(head.group)
        .setSender(head.sender)
        .setTerm(head.term)
        .setGranted(in.flag())
        .build();
  }

  private static RaftMessage voteRequest(Head head, FormReader in) {
    return MODELS
        .createVoteRequestBuilder()
        .setGroupId(head.group)
        .setSender(head.sender)
        .setTerm(head.term)
        .setLastLogTerm(term(in))
        .setLastLogIndex(in.number())
        .setSticky(in.flag())
        .build();
  }

  private static RaftMessage voteResponse(Head head, FormReader in) {
    return MODELS
        .createVoteResponseBuilder()
        .setGroupId(head.group)
        .setSender(head.sender)
        .setTerm(head.term)
        .setGranted(in.flag())
        .build();
  }

  private static RaftMessage append(Head head, FormReader in) {
    return MODELS
        .createAppendEntriesRequestBuilder()
        .setGroupId(head.group)
        .setSender(head.sender)
        .setTerm(head.term)
        .setPreviousLogTerm(term(in))
        .setPreviousLogIndex(in.number())
        .setCommitIndex(in.number())
        .setQuerySequenceNumber(in.number())
        .setFlowControlSequenceNumber(in.number())
        .setLogEntries(RaftForm.entries(in))
        .build();
  }

  private static RaftMessage appended(Head head, FormReader in) {
    return MODELS
        .createAppendEntriesSuccessResponseBuilder()
        .setGroupId(head.group)
        .setSender(head.sender)
        .setTerm(head.term)
        .setLastLogIndex(in.number())
        .setQuerySequenceNumber(in.number())
        .setFlowControlSequenceNumber(in.number())
        .build();
  }

  private static RaftMessage notAppended(Head head, FormReader in) {
    return MODELS
        .createAppendEntriesFailureResponseBuilder()
        .setGroupId(head.group)
        .setSender(head.sender)
        .setTerm(head.term)
        .setExpectedNextIndex(in.number())
        .setQuerySequenceNumber(in.number())
        .setFlowControlSequenceNumber(in.number())
        .build();
  }

  private static RaftMessage install(Head head, FormReader in) {
    return MODELS
        .createInstallSnapshotRequestBuilder()
        .setGroupId(head.group)
        .setSender(head.sender)
        .setTerm(head.term)
        .setSenderLeader(in.flag())
        .setSnapshotTerm(term(in))
        .setSnapshotIndex(in.number())
        .setTotalSnapshotChunkCount(in.number(RaftForm.MAX_CHUNKS))
        .setSnapshotChunk(in.flag() ? RaftForm.chunk(in) : null)
        .setSnapshottedMembers(RaftForm.nodes(in))
        .setGroupMembersView(RaftForm.members(in))
        .setQuerySequenceNumber(in.number())
        .setFlowControlSequenceNumber(in.number())
        .build();
  }

  private static RaftMessage installed(Head head, FormReader in) {
    return MODELS
        .createInstallSnapshotResponseBuilder()
        .setGroupId(head.group)
        .setSender(head.sender)
        .setTerm(head.term)
        .setSnapshotIndex(in.number())
        .setRequestedSnapshotChunkIndex(in.number(RaftForm.MAX_CHUNKS))
        .setQuerySequenceNumber(in.number())
        .setFlowControlSequenceNumber(in.number())
        .build();
  }

  private static RaftMessage elect(Head head, FormReader in) {
    return MODELS
        .createTriggerLeaderElectionRequestBuilder()
        .setGroupId(head.group)
        .setSender(head.sender)
        .setTerm(head.term)
        .setLastLogTerm(term(in))
        .setLastLogIndex(in.number())
        .build();
  }
}
