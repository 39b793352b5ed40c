package io.busbar.store;

import io.busbar.shard.FormException;
import io.busbar.shard.Result;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** What nodes send each other about a group, by kind, and the forms of what is not the engine's. */
final class Exchange {
  /** A message of the engine: {@link RaftMessages}. */
  static final int RAFT = 1;

  /** An entry for the leader: {@link Append}. */
  static final int APPEND = 2;

  /** What became of it: {@link Answer}. */
  static final int ANSWER = 3;

  /** That the sender is there, and what it wants, for whoever leads: {@link Presence}. */
  static final int PRESENCE = 4;

  /** The leader's answer to one who has something of the log and is no member: {@link Out}. */
  static final int OUT = 5;

  /** The leader's answer to a node that it lets serve: {@link Grant}. */
  static final int GRANT = 6;

  private Exchange() {}

  /**
   * A node is there: u8 version = 1, i64 incarnation, u8 whether it wants to leave, i64 last; from
   * one that asks for a grant, i64 asked and i64 applied follow.
   *
   * @param incarnation larger than that of any earlier start of the same disk
   * @param last index of its log; 0 if it has none of the group yet
   * @param asked when it asks for a grant, in nanoseconds of a clock of its own
   * @param applied the index that its machine stands for; negative if it does not ask
   */
  record Presence(long incarnation, boolean leaves, long last, long asked, long applied) {
    private static final int VERSION = 1;
    private static final int LENGTH = 2 + 2 * Long.BYTES;
    private static final int MORE = 2 * Long.BYTES;
    private static final long NOTHING = -1;

    boolean asks() {
      return applied >= 0;
    }

    /** What is known of a node after this, if an earlier or a later one may come after it. */
    Presence after(Presence known) {
      if (known == null || known.incarnation < incarnation) {
        return this;
      }
      return known.incarnation > incarnation
          ? known
          : new Presence(
              incarnation, leaves || known.leaves, Math.max(last, known.last), asked, applied);
    }

    byte[] encode() {
      ByteBuffer out =
          ByteBuffer.allocate(LENGTH + (asks() ? MORE : 0))
              .put((byte) VERSION)
              .putLong(incarnation)
              .put((byte) (leaves ? 1 : 0))
              .putLong(last);
      return (asks() ? out.putLong(asked).putLong(applied) : out).array();
    }

    static Presence decode(ByteBuffer in) {
      version(in, VERSION, LENGTH);
      long incarnation = in.getLong();
      boolean leaves = in.get() != 0;
      long last = in.getLong();
      return in.remaining() < MORE
          ? new Presence(incarnation, leaves, last, NOTHING, NOTHING)
          : new Presence(incarnation, leaves, last, in.getLong(), in.getLong());
    }
  }

  /**
   * A node may serve for {@link Leases#LEASE} from when it asked: u8 version = 1, i64 incarnation,
   * i64 asked.
   *
   * @param incarnation the asking node's
   * @param asked as it said
   */
  record Grant(long incarnation, long asked) {
    private static final int VERSION = 1;
    private static final int LENGTH = 1 + 2 * Long.BYTES;

    byte[] encode() {
      return ByteBuffer.allocate(LENGTH)
          .put((byte) VERSION)
          .putLong(incarnation)
          .putLong(asked)
          .array();
    }

    static Grant decode(ByteBuffer in) {
      version(in, VERSION, LENGTH);
      return new Grant(in.getLong(), in.getLong());
    }
  }

  /**
   * A node is no member of the group: u8 version = 1, i64 term, i64 committed.
   *
   * @param term in which the sender leads
   * @param committed up to which index of the log it knows
   */
  record Out(long term, long committed) {
    private static final int VERSION = 1;
    private static final int LENGTH = 1 + 2 * Long.BYTES;

    byte[] encode() {
      return ByteBuffer.allocate(LENGTH)
          .put((byte) VERSION)
          .putLong(term)
          .putLong(committed)
          .array();
    }

    static Out decode(ByteBuffer in) {
      version(in, VERSION, LENGTH);
      return new Out(in.getLong(), in.getLong());
    }
  }

  /**
   * An entry to append: u8 version = 1, i64 incarnation, i64 number, {@link io.busbar.shard.Entry}.
   *
   * @param incarnation the entry's, and
   * @param number the entry's, so that it need not be read to be answered
   */
  record Append(long incarnation, long number, byte[] entry) {
    private static final int VERSION = 1;

    byte[] encode() {
      return ByteBuffer.allocate(1 + 2 * Long.BYTES + entry.length)
          .put((byte) VERSION)
          .putLong(incarnation)
          .putLong(number)
          .put(entry)
          .array();
    }

    static Append decode(ByteBuffer in) {
      version(in, VERSION, 1 + 2 * Long.BYTES);
      return new Append(in.getLong(), in.getLong(), rest(in));
    }
  }

  /**
   * An answer to an {@link Append}: u8 version = 1, i64 incarnation, i64 number, u8 kind, and
   *
   * <pre>
   *   1 judged      i64 index, {@link Result}: the group has come to an answer
   *   2 not leader  id of the leader
   *   3 again       nobody knows who leads, there is no room now, or the outcome is not known
   * </pre>
   *
   * @param incarnation of the append: an answer to an earlier life of the node is none to this one
   * @param result null unless it is judged
   * @param index of the log: where the group came to it; 0 unless it is judged
   * @param leader who leads, or null
   */
  record Answer(long incarnation, long number, Result result, long index, String leader) {
    private static final int VERSION = 1;
    private static final int JUDGED = 1;
    private static final int NOT_LEADER = 2;
    private static final int AGAIN = 3;
    private static final byte[] NOTHING = {};

    static Answer of(long incarnation, long number, Replica.Answer answer) {
      if (answer instanceof Replica.Answer.Judged it) {
        return new Answer(incarnation, number, it.result(), it.index(), null);
      }
      String leader = answer instanceof Replica.Answer.NotLeader it ? it.leader() : null;
      return new Answer(incarnation, number, null, 0, leader);
    }

    byte[] encode() {
      int kind = result != null ? JUDGED : leader != null ? NOT_LEADER : AGAIN;
      byte[] body =
          switch (kind) {
            case JUDGED -> judged();
            case NOT_LEADER -> leader.getBytes(StandardCharsets.US_ASCII);
            default -> NOTHING;
          };
      return ByteBuffer.allocate(2 + 2 * Long.BYTES + body.length)
          .put((byte) VERSION)
          .putLong(incarnation)
          .putLong(number)
          .put((byte) kind)
          .put(body)
          .array();
    }

    private byte[] judged() {
      byte[] form = result.encode();
      return ByteBuffer.allocate(Long.BYTES + form.length).putLong(index).put(form).array();
    }

    static Answer decode(ByteBuffer in) {
      version(in, VERSION, 2 + 2 * Long.BYTES);
      long incarnation = in.getLong();
      long number = in.getLong();
      int kind = in.get();
      return switch (kind) {
        case JUDGED -> {
          long index = readIndex(in);
          yield new Answer(incarnation, number, Result.decode(rest(in)), index, null);
        }
        case NOT_LEADER -> {
          String leader = new String(rest(in), StandardCharsets.US_ASCII);
          yield new Answer(incarnation, number, null, 0, leader);
        }
        case AGAIN -> new Answer(incarnation, number, null, 0, null);
        default -> throw new FormException("answer of kind " + kind);
      };
    }
  }

  private static long readIndex(ByteBuffer in) {
    atLeast(in, Long.BYTES);
    return in.getLong();
  }

  private static void atLeast(ByteBuffer in, int bytes) {
    if (in.remaining() < bytes) {
      throw new FormException("frame of %d bytes (%d at least)".formatted(in.remaining(), bytes));
    }
  }

  private static void version(ByteBuffer in, int known, int least) {
    atLeast(in, least);
    int version = in.get();
    if (version != known) {
      throw new FormException("frame of version %d (known: %d)".formatted(version, known));
    }
  }

  private static byte[] rest(ByteBuffer in) {
    byte[] rest = new byte[in.remaining()];
    in.get(rest);
    return rest;
  }
}
