package io.busbar.bus;

import io.busbar.policy.Shadow;
import io.busbar.shard.Command;
import io.busbar.shard.Sending;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.internal.buffer.BufferInternal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The binary forms between nodes. Each begins with its version, so that a node can read what the
 * version before it wrote. Integers are big-endian; a string is u16 length and UTF-8.
 *
 * <pre>
 *   forward    u8 version=1, run of MQTT 5 PUBLISH packets with packet id 0
 *   forward    u8 version=2, u32 length, such a run, then to the end: (string share,
 *              u16 length, filter, u32 length, one such packet)
 *   forward    u8 version=3, u32 length, such a run, i64 stream, i64 number of the last one sent
 *              before, u32 count, count times i64 number (of each QoS 2 message of the run, 0 if it
 *              has none), u32 count, count times (i64 stream, i64 number, u32 length, one such
 *              packet that is sent again), then what version 2 has after its run
 *   interest   u8 version=1, u8 kind, string author, u16 loops, i64 number, u32 count,
 *              count times (u8 flags (1 added, 2 only at QoS 0, 4 share), u16 length, filter,
 *              [string share, u16 weight])
 *   evict      u8 version=1, string session name, i64 epoch, string node,
 *              [string whose other names are asked for]
 *   verdict    u8 version=1, u8 yes
 *   shadow     u8 version=1, u8 kind (1 with changes, 2 without, 3 its end), string id, i32 from,
 *              [u16 count, count times (u8 kind, string id, i32 length or -1, bytes)]
 *   shadowed   u8 version=1, u8 known, i64 compared, i64 left out, u16 count, count times (string
 *              client, string right, string object, u8 allowed, string why)
 *   evicted    u8 version=1, u8 yes, [u16 count, count times string name]
 *   trace      u8 version=1, u8 kind (1 of a client, 2 of a session, 3 its end), string id,
 *              string name, u16 bytes of payloads
 *   traced     u8 version=1, string node, string refused, u16 count, count times (u32 length, line
 *              of JSON)
 *   introduce  u8 version=1, string node, string cluster, string host, u16 port, [u8 forms]
 *   position   u8 version=1, i64 position
 *   order      u8 version=1, u8 kind (1 view, 2 give up, 3 leave), string node
 *   view       u8 version=1, string refused, string cluster, string leader, u8 voters wanted,
 *              u16 count, count times (string node, u8 flags (1 member, 2 votes, 4 there,
 *              8 leaving), i64 behind)
 * </pre>
 */
public final class Wire {
  private static final byte VERSION = 1;

  private static final int ADDED = 1;
  private static final int ONLY_QOS_0 = 2;
  private static final int SHARE = 4;
  private static final int MOST_WEIGHT = 0xffff;

  /** The failure code of a forward that the store of the other node did not take. */
  public static final int NOT_KEPT = 2;

  private static final byte FORWARD_VERSION = 2;
  private static final byte NUMBERED_VERSION = 3;

  private Wire() {}

  /** A message of a shared subscription, one packet, for a member of it that a node has. */
  public record Shared(String share, byte[] filter, byte[] packet) {}

  /**
   * What the QoS 2 messages of a run are called.
   *
   * @param stream that of the event loop that sends them
   * @param before the number of the one that it sent to the node before these
   * @param numbers of each QoS 2 message, in their order; 0 of one that is not sent again
   */
  public record Numbers(long stream, long before, long[] numbers) {
    private static final Numbers NONE = new Numbers(0, 0, new long[0]);
  }

  /** A QoS 2 message, one packet, that its publisher sent again. */
  public record Again(Sending sending, byte[] packet) {}

  /**
   * Messages for another node.
   *
   * @param bytes the run is a part of them; with a byte before it they are the form, and are not
   *     copied: they are not to be used again then
   * @param start of the run: MQTT 5 PUBLISH packets for all that match; and
   * @param end of it
   * @param shared those for members of shares
   * @param numbers of the run's QoS 2 messages, or null
   * @param again messages that are sent again
   */
  public record Forward(
      byte[] bytes, int start, int end, List<Shared> shared, Numbers numbers, List<Again> again) {

    /** Messages that nobody sends again. */
    public Forward(byte[] bytes, int start, int end, List<Shared> shared) {
      this(bytes, start, end, shared, null, List.of());
    }

    /** The form on the wire. */
    public Buffer encode() {
      int length = end - start;
      boolean isNumbered = numbers != null || !again.isEmpty();
      if (!isNumbered && shared.isEmpty() && start > 0) {
        bytes[start - 1] = VERSION;
        return BufferInternal.buffer(Unpooled.wrappedBuffer(bytes, start - 1, length + 1));
      }
      if (!isNumbered && shared.isEmpty()) {
        return Buffer.buffer(length + 1).appendByte(VERSION).appendBytes(bytes, start, length);
      }
      Buffer out = Buffer.buffer(length + 128);
      out.appendByte(isNumbered ? NUMBERED_VERSION : FORWARD_VERSION);
      out.appendUnsignedInt(length).appendBytes(bytes, start, length);
      if (isNumbered) {
        numbers(out, numbers == null ? Numbers.NONE : numbers);
        out.appendInt(again.size());
        for (Again one : again) {
          out.appendLong(one.sending.stream()).appendLong(one.sending.number());
          out.appendInt(one.packet.length).appendBytes(one.packet);
        }
      }
      for (Shared one : shared) {
        string(out, one.share);
        out.appendUnsignedShort(one.filter.length).appendBytes(one.filter);
        out.appendInt(one.packet.length).appendBytes(one.packet);
      }
      return out;
    }

    private static void numbers(Buffer out, Numbers numbers) {
      out.appendLong(numbers.stream).appendLong(numbers.before).appendInt(numbers.numbers.length);
      for (long number : numbers.numbers) {
        out.appendLong(number);
      }
    }

    private static Numbers numbers(Cursor cursor) {
      long stream = cursor.i64();
      long before = cursor.i64();
      long[] numbers = new long[cursor.i32()];
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] = cursor.i64();
      }
      return numbers.length == 0 ? null : new Numbers(stream, before, numbers);
    }

    /** Reads the form on the wire; the packets themselves are not looked at. */
    public static Forward decode(Buffer in) {
      ByteBuf form = ((BufferInternal) in).getByteBuf();
      byte version = form.getByte(form.readerIndex());
      if (version == VERSION) {
        int at = form.arrayOffset() + form.readerIndex();
        return new Forward(form.array(), at + 1, at + form.readableBytes(), List.of());
      }
      byte[] bytes = in.getBytes();
      Cursor cursor =
          new Cursor(in, version == NUMBERED_VERSION ? NUMBERED_VERSION : FORWARD_VERSION);
      int length = cursor.i32();
      int start = cursor.at;
      cursor.at += length;
      Numbers numbers = null;
      List<Again> again = new ArrayList<>(0);
      if (version == NUMBERED_VERSION) {
        numbers = numbers(cursor);
        for (int left = cursor.i32(); left > 0; left--) {
          Sending sending = new Sending(cursor.i64(), cursor.i64());
          again.add(new Again(sending, cursor.bytes(cursor.i32())));
        }
      }
      List<Shared> shared = new ArrayList<>();
      while (cursor.at < bytes.length) {
        shared.add(new Shared(cursor.string(), cursor.bytes(), cursor.bytes(cursor.i32())));
      }
      return new Forward(bytes, start, start + length, shared, numbers, again);
    }
  }

  /** What a message about interest is. */
  public enum Kind {
    /** Filters added or removed since the message before. */
    CHANGES(0),
    /** The first or a further part of all filters; the last part follows. */
    SNAPSHOT_FIRST(1),
    SNAPSHOT_MORE(2),
    /** The last part of all filters; it may be the first, too. */
    SNAPSHOT_LAST(3),
    SNAPSHOT_WHOLE(4);

    private final int code;

    Kind(int code) {
      this.code = code;
    }

    private static Kind of(int code) {
      for (Kind kind : values()) {
        if (kind.code == code) {
          return kind;
        }
      }
      throw new IllegalArgumentException("interest of kind " + code);
    }
  }

  /**
   * A filter that a node has subscribers of, or none any more.
   *
   * @param share the share that they are members of, or null
   * @param onlyQos0 subscribers who get at QoS 1 and 2 what the store that all nodes share has:
   *     they are counted apart from the others
   * @param weight 0 for none any more; else, of a share, how many members it has there, and 1 of
   *     all others
   */
  public record Change(byte[] filter, String share, boolean onlyQos0, int weight) {}

  /**
   * What filters a node has subscribers of.
   *
   * @param author the node
   * @param loops how many event loops it has, for forwards
   * @param number of the last change that this contains; changes are numbered from 1 without gaps
   */
  public record Interest(Kind kind, String author, int loops, long number, List<Change> changes) {

    /** The form on the wire. */
    public Buffer encode() {
      Buffer out = Buffer.buffer().appendByte(VERSION).appendByte((byte) kind.code);
      string(out, author);
      out.appendUnsignedShort(loops).appendLong(number).appendInt(changes.size());
      for (Change change : changes) {
        int flags = (change.weight > 0 ? ADDED : 0) | (change.onlyQos0 ? ONLY_QOS_0 : 0);
        out.appendByte((byte) (flags | (change.share == null ? 0 : SHARE)))
            .appendUnsignedShort(change.filter.length)
            .appendBytes(change.filter);
        if (change.share != null) {
          string(out, change.share);
          out.appendUnsignedShort(Math.min(change.weight, MOST_WEIGHT));
        }
      }
      return out;
    }

    /**
     * Reads the form on the wire.
     *
     * @throws RuntimeException if it is none
     */
    public static Interest decode(Buffer in) {
      Cursor cursor = new Cursor(in);
      Kind kind = Kind.of(cursor.u8());
      String author = cursor.string();
      int loops = cursor.u16();
      long number = cursor.i64();
      int count = cursor.i32();
      List<Change> changes = new ArrayList<>(Math.min(count, 65_536));
      for (int i = 0; i < count; i++) {
        int flags = cursor.u8();
        byte[] filter = cursor.bytes();
        boolean isShare = (flags & SHARE) != 0;
        String share = isShare ? cursor.string() : null;
        int weight = isShare ? cursor.u16() : flags & ADDED;
        changes.add(new Change(filter, share, (flags & ONLY_QOS_0) != 0, weight));
      }
      return new Interest(kind, author, loops, number, changes);
    }
  }

  /**
   * A node wants a session name: whoever holds it under an older epoch is to be closed.
   *
   * @param owner which other names this authentication name holds is asked, too; empty if not
   */
  public record Eviction(String clientId, long epoch, String node, String owner) {

    /** The form on the wire. */
    public Buffer encode() {
      Buffer out = Buffer.buffer().appendByte(VERSION);
      string(out, clientId);
      out.appendLong(epoch);
      string(out, node);
      if (!owner.isEmpty()) {
        string(out, owner);
      }
      return out;
    }

    /** Reads the form on the wire. */
    public static Eviction decode(Buffer in) {
      Cursor cursor = new Cursor(in);
      return new Eviction(
          cursor.string(), cursor.i64(), cursor.string(), cursor.hasMore() ? cursor.string() : "");
    }
  }

  /**
   * The answer to an {@link Eviction}.
   *
   * @param yes whether the name is free for the node that wants it
   * @param others names under which the owner is connected there already
   */
  public record Evicted(boolean yes, List<String> others) {
    /** Copies the names, so that an answer does not change. */
    public Evicted {
      others = List.copyOf(others);
    }

    /** The form on the wire. */
    public Buffer encode() {
      Buffer out = verdict(yes);
      if (!others.isEmpty()) {
        out.appendUnsignedShort(others.size());
        others.forEach(one -> string(out, one));
      }
      return out;
    }

    /** Reads the form on the wire. */
    public static Evicted decode(Buffer in) {
      Cursor cursor = new Cursor(in);
      boolean yes = cursor.u8() == 1;
      List<String> others = new ArrayList<>();
      int count = cursor.hasMore() ? cursor.u16() : 0;
      for (int i = 0; i < count; i++) {
        others.add(cursor.string());
      }
      return new Evicted(yes, others);
    }
  }

  /** What a node is asked about the sessions that are connected to it. */
  public enum SessionWish {
    /** Those that are not stored, from a name on. */
    LIST(0),
    FIND(1),
    DISCONNECT(2);

    private final int code;

    SessionWish(int code) {
      this.code = code;
    }

    static SessionWish of(int code) {
      for (SessionWish one : values()) {
        if (one.code == code) {
          return one;
        }
      }
      throw new IllegalArgumentException("a session wish of code " + code);
    }
  }

  /**
   * A question about the sessions that are connected to a node.
   *
   * @param name of the session; of a list, those that come after it
   * @param most of a list
   */
  public record SessionQuestion(SessionWish wish, String name, int most) {

    /** The form on the wire. */
    public Buffer encode() {
      Buffer out = Buffer.buffer().appendByte(VERSION).appendByte((byte) wish.code);
      string(out, name);
      return out.appendUnsignedShort(most);
    }

    /** Reads the form on the wire. */
    public static SessionQuestion decode(Buffer in) {
      Cursor cursor = new Cursor(in);
      return new SessionQuestion(SessionWish.of(cursor.u8()), cursor.string(), cursor.u16());
    }
  }

  /** A session and the authentication name of its client. */
  public record SessionName(String name, String client) {}

  /**
   * The answer.
   *
   * @param node what people call the node
   * @param isLast whether none comes after them
   */
  public record SessionNames(String node, boolean isLast, List<SessionName> names) {
    /** Copies the names, so that an answer does not change. */
    public SessionNames {
      names = List.copyOf(names);
    }

    /** The form on the wire. */
    public Buffer encode() {
      Buffer out = Buffer.buffer().appendByte(VERSION);
      string(out, node);
      out.appendByte((byte) (isLast ? 1 : 0)).appendUnsignedShort(names.size());
      for (SessionName one : names) {
        string(out, one.name);
        string(out, one.client);
      }
      return out;
    }

    /** Reads the form on the wire. */
    public static SessionNames decode(Buffer in) {
      Cursor cursor = new Cursor(in);
      String node = cursor.string();
      boolean isLast = cursor.u8() == 1;
      List<SessionName> names = new ArrayList<>();
      for (int left = cursor.u16(); left > 0; left--) {
        names.add(new SessionName(cursor.string(), cursor.string()));
      }
      return new SessionNames(node, isLast, names);
    }
  }

  /**
   * A change that a draft makes.
   *
   * @param kind of the resource, by its code
   * @param id of the resource
   * @param resource as it is stored, or null if it is to go
   */
  @SuppressWarnings("ArrayRecordComponent")
  public record DraftChange(int kind, String id, byte[] resource) {}

  /**
   * What does a draft decide otherwise at a node?
   *
   * @param id of whoever asks
   * @param from how many of the node's differences have come
   * @param changes which the draft makes; null where the node is thought to know them
   * @param isEnd whether nobody asks any more
   */
  public record ShadowQuestion(String id, int from, List<DraftChange> changes, boolean isEnd) {
    private static final int WITH_CHANGES = 1;
    private static final int WITHOUT = 2;
    private static final int END = 3;

    /** Copies the changes. */
    public ShadowQuestion {
      changes = changes == null ? null : List.copyOf(changes);
    }

    /** Somebody asks. */
    public ShadowQuestion(String id, int from, List<DraftChange> changes) {
      this(id, from, changes, false);
    }

    /** Nobody asks any more. */
    public static ShadowQuestion end(String id) {
      return new ShadowQuestion(id, 0, null, true);
    }

    /** The form on the wire. */
    public Buffer encode() {
      int form = isEnd ? END : changes == null ? WITHOUT : WITH_CHANGES;
      Buffer out = Buffer.buffer().appendByte(VERSION).appendByte((byte) form);
      string(out, id);
      out.appendInt(from);
      if (changes != null) {
        out.appendUnsignedShort(changes.size());
        for (DraftChange change : changes) {
          out.appendByte((byte) change.kind);
          string(out, change.id);
          out.appendInt(change.resource == null ? -1 : change.resource.length);
          if (change.resource != null) {
            out.appendBytes(change.resource);
          }
        }
      }
      return out;
    }

    /** Reads the form on the wire. */
    public static ShadowQuestion decode(Buffer in) {
      Cursor cursor = new Cursor(in);
      int form = cursor.u8();
      String id = cursor.string();
      int from = cursor.i32();
      if (form != WITH_CHANGES) {
        return new ShadowQuestion(id, from, null, form == END);
      }
      List<DraftChange> changes = new ArrayList<>();
      for (int left = cursor.u16(); left > 0; left--) {
        int kind = cursor.u8();
        String of = cursor.string();
        int length = cursor.i32();
        changes.add(new DraftChange(kind, of, length < 0 ? null : cursor.bytes(length)));
      }
      return new ShadowQuestion(id, from, changes);
    }
  }

  /**
   * The answer.
   *
   * @param isKnown whether the node compares that draft
   * @param compared how many decisions, since it began
   * @param leftOut how many differences are not told
   * @param differences the next of them
   */
  public record ShadowAnswer(
      boolean isKnown, long compared, long leftOut, List<Shadow.Difference> differences) {
    /** Copies the differences. */
    public ShadowAnswer {
      differences = List.copyOf(differences);
    }

    /** The form on the wire. */
    public Buffer encode() {
      Buffer out = Buffer.buffer().appendByte(VERSION).appendByte((byte) (isKnown ? 1 : 0));
      out.appendLong(compared).appendLong(leftOut).appendUnsignedShort(differences.size());
      for (Shadow.Difference one : differences) {
        string(out, one.client());
        string(out, one.right().name());
        string(out, one.object());
        out.appendByte((byte) (one.isAllowed() ? 1 : 0));
        string(out, one.why());
      }
      return out;
    }

    /** Reads the form on the wire. */
    public static ShadowAnswer decode(Buffer in) {
      Cursor cursor = new Cursor(in);
      boolean isKnown = cursor.u8() == 1;
      long compared = cursor.i64();
      long leftOut = cursor.i64();
      List<Shadow.Difference> differences = new ArrayList<>();
      for (int left = cursor.u16(); left > 0; left--) {
        differences.add(
            new Shadow.Difference(
                cursor.string(),
                Shadow.Right.valueOf(cursor.string()),
                cursor.string(),
                cursor.u8() == 1,
                cursor.string()));
      }
      return new ShadowAnswer(isKnown, compared, leftOut, differences);
    }
  }

  /**
   * What has a client done at a node since it was asked last?
   *
   * @param id of whoever looks
   * @param whom null if nobody looks any more
   */
  public record TraceQuestion(String id, Trace.Whom whom) {
    private static final int CLIENT = 1;
    private static final int SESSION = 2;
    private static final int END = 3;

    /** The form on the wire. */
    public Buffer encode() {
      int kind = whom == null ? END : whom.isSession() ? SESSION : CLIENT;
      Buffer out = Buffer.buffer().appendByte(VERSION).appendByte((byte) kind);
      string(out, id);
      string(out, whom == null ? "" : whom.name());
      return out.appendUnsignedShort(whom == null ? 0 : whom.payload());
    }

    /** Reads the form on the wire. */
    public static TraceQuestion decode(Buffer in) {
      Cursor cursor = new Cursor(in);
      int kind = cursor.u8();
      String id = cursor.string();
      Trace.Whom whom = new Trace.Whom(kind == SESSION, cursor.string(), cursor.u16());
      return new TraceQuestion(id, kind == END ? null : whom);
    }
  }

  /**
   * The answer.
   *
   * @param node what people call the node
   * @param refused why it does not look, or empty
   * @param lines what happened, each as JSON
   */
  public record TraceAnswer(String node, String refused, List<String> lines) {
    /** Copies the lines, so that an answer does not change. */
    public TraceAnswer {
      lines = List.copyOf(lines);
    }

    /** The form on the wire. */
    public Buffer encode() {
      Buffer out = Buffer.buffer().appendByte(VERSION);
      string(out, node);
      string(out, refused);
      out.appendUnsignedShort(lines.size());
      for (String line : lines) {
        byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
        out.appendInt(bytes.length).appendBytes(bytes);
      }
      return out;
    }

    /** Reads the form on the wire. */
    public static TraceAnswer decode(Buffer in) {
      Cursor cursor = new Cursor(in);
      String node = cursor.string();
      String refused = cursor.string();
      List<String> lines = new ArrayList<>();
      for (int left = cursor.u16(); left > 0; left--) {
        lines.add(new String(cursor.bytes(cursor.i32()), StandardCharsets.UTF_8));
      }
      return new TraceAnswer(node, refused, lines);
    }
  }

  /**
   * Who a node is in the store that all nodes share.
   *
   * @param node as the store's groups know it
   * @param cluster the id of the store that it has a part of, empty while it has none
   * @param host where it listens for what the groups tell each other; and
   * @param port 0 while it has no part
   * @param forms what it understands: {@link #FORMS} of its version
   */
  public record Introduction(String node, String cluster, String host, int port, int forms) {
    /** The {@link #forms} of this version. */
    public static final int FORMS = 3;

    /** From which on a node asks for grants, and gives them when it leads. */
    public static final int WITH_GRANTS = 2;

    /** From which on a node reads why another one is gone; earlier ones know no such entry. */
    public static final int WITH_CAUSES = 2;

    /** From which on a node knows what QoS 2 messages are called, in forwards and in entries. */
    public static final int WITH_SENDINGS = 3;

    /** From which on a node reads in the log what all understand. */
    public static final int WITH_UNDERSTOOD = 3;

    private static final int FIRST_FORMS = 1;

    /** The node's name, or nothing. */
    public String name() {
      return node.substring(0, Math.max(0, node.indexOf(Command.Gone.OF_NAME)));
    }

    /** The form on the wire. */
    public Buffer encode() {
      Buffer out = Buffer.buffer().appendByte(VERSION);
      string(out, node);
      string(out, cluster);
      string(out, host);
      return out.appendUnsignedShort(port).appendUnsignedByte((short) forms);
    }

    /** Reads the form on the wire. */
    public static Introduction decode(Buffer in) {
      Cursor cursor = new Cursor(in);
      return new Introduction(
          cursor.string(),
          cursor.string(),
          cursor.string(),
          cursor.u16(),
          cursor.hasMore() ? cursor.u8() : FIRST_FORMS);
    }
  }

  /**
   * What an operator wants of the nodes of the shared store.
   *
   * @param node a node's name, or its id in the store; empty for a view
   */
  public record StoreOrder(Wish wish, String node) {
    /** The form on the wire. */
    public Buffer encode() {
      Buffer out = Buffer.buffer().appendByte(VERSION).appendByte(wish.code);
      string(out, node);
      return out;
    }

    /** Reads the form on the wire. */
    public static StoreOrder decode(Buffer in) {
      Cursor cursor = new Cursor(in);
      int code = cursor.u8();
      for (Wish wish : Wish.values()) {
        if (wish.code == code) {
          return new StoreOrder(wish, cursor.string());
        }
      }
      throw new IllegalArgumentException("order %d".formatted(code));
    }
  }

  /** What an operator may want of nodes. */
  public enum Wish {
    /** To see them. */
    VIEW(1),
    /** That one that is away and does not come back is no member any more. */
    GIVE_UP(2),
    /** That one hands on what it has, and is no member any more. */
    LEAVE(3);

    private final byte code;

    Wish(int code) {
      this.code = (byte) code;
    }
  }

  /**
   * A node of the shared store.
   *
   * @param node its id in the store: its name, {@code @}, its disk
   * @param isMember whether it holds the store, or is about to be let in
   * @param votes whether an acknowledgement may count on it
   * @param isThere whether it is there now
   * @param isLeaving whether it hands on what it has
   * @param behind how many entries of the log it lacks; -1 if that is not known
   */
  public record StoreNode(
      String node,
      boolean isMember,
      boolean votes,
      boolean isThere,
      boolean isLeaving,
      long behind) {}

  /**
   * The nodes of the shared store, as one of them sees them.
   *
   * @param refused why what was wanted is not done, or empty
   * @param cluster the store's id
   * @param leader who leads, or empty
   * @param wanted how many are to vote
   */
  public record StoreView(
      String refused, String cluster, String leader, int wanted, List<StoreNode> nodes) {
    private static final int MEMBER = 1;
    private static final int VOTES = 2;
    private static final int THERE = 4;
    private static final int LEAVING = 8;

    /** Copies the list, so that it does not change. */
    public StoreView {
      nodes = List.copyOf(nodes);
    }

    /** The same, as the answer to one whose wish is not done. */
    public StoreView refusing(String why) {
      return new StoreView(why, cluster, leader, wanted, nodes);
    }

    /** The form on the wire. */
    public Buffer encode() {
      Buffer out = Buffer.buffer().appendByte(VERSION);
      string(out, refused);
      string(out, cluster);
      string(out, leader);
      out.appendUnsignedByte((short) wanted).appendUnsignedShort(nodes.size());
      for (StoreNode one : nodes) {
        string(out, one.node);
        int flags =
            (one.isMember ? MEMBER : 0)
                | (one.votes ? VOTES : 0)
                | (one.isThere ? THERE : 0)
                | (one.isLeaving ? LEAVING : 0);
        out.appendUnsignedByte((short) flags).appendLong(one.behind);
      }
      return out;
    }

    /** Reads the form on the wire. */
    public static StoreView decode(Buffer in) {
      Cursor cursor = new Cursor(in);
      String refused = cursor.string();
      String cluster = cursor.string();
      String leader = cursor.string();
      int wanted = cursor.u8();
      List<StoreNode> nodes = new ArrayList<>();
      for (int left = cursor.u16(); left > 0; left--) {
        String node = cursor.string();
        int flags = cursor.u8();
        nodes.add(
            new StoreNode(
                node,
                (flags & MEMBER) != 0,
                (flags & VOTES) != 0,
                (flags & THERE) != 0,
                (flags & LEAVING) != 0,
                cursor.i64()));
      }
      return new StoreView(refused, cluster, leader, wanted, nodes);
    }
  }

  /** A place in the store's log. */
  public static Buffer position(long position) {
    return Buffer.buffer().appendByte(VERSION).appendLong(position);
  }

  /** Reads a place in the store's log. */
  public static long toPosition(Buffer in) {
    return new Cursor(in).i64();
  }

  /** A yes or no. */
  public static Buffer verdict(boolean yes) {
    return Buffer.buffer().appendByte(VERSION).appendByte((byte) (yes ? 1 : 0));
  }

  /** Reads a yes or no. */
  public static boolean isYes(Buffer in) {
    return new Cursor(in).u8() == 1;
  }

  private static void string(Buffer out, String value) {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    out.appendUnsignedShort(bytes.length).appendBytes(bytes);
  }

  /** Reads on; begins behind the version, which it checks. */
  private static final class Cursor {
    private final Buffer in;
    private int at = 1;

    Cursor(Buffer in) {
      this(in, VERSION);
    }

    Cursor(Buffer in, byte version) {
      this.in = in;
      if (in.getByte(0) != version) {
        throw new IllegalArgumentException(
            "wire version %d (known: %d)".formatted(in.getByte(0), version));
      }
    }

    boolean hasMore() {
      return at < in.length();
    }

    int u8() {
      return in.getUnsignedByte(at++);
    }

    int u16() {
      at += 2;
      return in.getUnsignedShort(at - 2);
    }

    int i32() {
      at += 4;
      return in.getInt(at - 4);
    }

    long i64() {
      at += 8;
      return in.getLong(at - 8);
    }

    byte[] bytes() {
      return bytes(u16());
    }

    byte[] bytes(int length) {
      at += length;
      return in.getBytes(at - length, at);
    }

    String string() {
      return new String(bytes(), StandardCharsets.UTF_8);
    }
  }
}
