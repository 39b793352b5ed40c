package io.busbar.shard;

import java.util.function.Consumer;
import java.util.zip.CRC32C;

/**
 * Writes the form of a checkpoint: blocks of items. {@link Restore} reads it.
 *
 * <pre>
 *   block      four bytes length of the items, four bytes their CRC32C, items
 *   item       u8 kind, then what it has, in the types of {@link FormWriter} and {@link ValueForm}
 *    1 header    u8 version = 1, i64 now, number last epoch, number last schedule, number last
 *                effect, bounds
 *    2 stream    string origin, number incarnation, number last, flag and list of outcome for the
 *                last answer, and for the one before it
 *    3 will      number id, string session, string owner, bytes packet: a pending effect
 *    4 repick    number id, string share, bytes filter, bytes packet: a pending effect
 *    5 once      number group, number id
 *    6 session   string name, string owner, number epoch, number expiry, number window, optional
 *                location, optional will, time of the will, time of the end, time scheduled, number
 *                schedule, number next sequence, list of subscription, list of number receiving,
 *                list of (string filter, optional bytes after), number in flight, number waiting
 *    7 delivery  of the session before it: u8 flags (0x03 qos, 0x04 retain, 0x08 sent, 0x10
 *                released, 0x20 of a share, 0x40 with ids), number sequence less the former, body,
 *                time of expiry, [string share, bytes filter], [list of number id]
 *    8 share     string name, bytes filter, list of string member, number pooled
 *    9 pooled    of the share before it: body, u8 qos, time of expiry
 *   10 retained  bytes packet, time of expiry
 *   12 resource  u8 kind, string name, optional string key, string owner, number created, number
 *                modified, bytes value
 *   13 queue     string name, number number, number lock, number deliveries, number ttl, number
 *                events, number bytes, number next sequence, number events that follow
 *   14 event     of the queue before it: number sequence, body, number published, number
 *                deliveries, flag locked, number until, number first, number last, number result,
 *                dead letter
 *   11 end       number of items before it
 *   16 forms     number of what all understand
 *   15 sending   of the session before it: number packet id that it is receiving, i64 stream,
 *                number number
 *   body       number 0 and bytes, or the number of an earlier body, counted from 1
 *   time       number of milliseconds + 1, or 0 for never
 * </pre>
 *
 * <p>Header, streams, effects, onces and forms come first; sessions, shares, retained messages,
 * resources and queues follow in whatever order; the end is last. Of a state that did not change
 * meanwhile there is one form only.
 */
final class CheckpointWriter {
  static final int VERSION = 1;
  static final int HEADER = 1;
  static final int STREAM = 2;
  static final int WILL = 3;
  static final int REPICK = 4;
  static final int ONCE = 5;
  static final int SESSION = 6;
  static final int DELIVERY = 7;
  static final int SHARE = 8;
  static final int POOLED = 9;
  static final int RETAINED = 10;
  static final int END = 11;
  static final int RESOURCE = 12;
  static final int QUEUE = 13;
  static final int EVENT = 14;
  static final int SENDING = 15;
  static final int FORMS = 16;

  /** A block is written when it has so many bytes. */
  private static final int BLOCK = 32 * 1024;

  /** What stands before a block: its length and its checksum. */
  private static final int FRAME = 8;

  private final int checkpoint;
  private final FormWriter block = new FormWriter(BLOCK + 4_096);
  private int bodies;
  private long items;
  private long written;
  private long limit;
  private Consumer<byte[]> out;

  /** The form of a checkpoint of this number, by which bodies that it has are known. */
  CheckpointWriter(int checkpoint) {
    this.checkpoint = checkpoint;
  }

  /** A slice begins, of so many bytes; blocks that get full in it go out. */
  void begin(int budget, Consumer<byte[]> to) {
    limit = written + block.length() + budget;
    out = to;
  }

  /** Whether the slice is at its end. */
  boolean isFull() {
    return written + block.length() >= limit;
  }

  /** What is not written costs time too. */
  void skipped() {
    limit -= 16;
  }

  /** Begins an item, in the block that is being written or in a new one. */
  FormWriter item(int kind) {
    // where blocks end depends on nothing but what is in them
    if (block.length() >= BLOCK) {
      flush();
    }
    items++;
    return block.u8(kind);
  }

  void body(Body body) {
    if (body.checkpoint == checkpoint) {
      block.number(body.ordinal);
    } else {
      body.checkpoint = checkpoint;
      body.ordinal = ++bodies;
      block.number(0).bytes(body.packet);
    }
  }

  /** Writes a pending effect; true, as all of it is written. */
  boolean effect(Effect.Pending effect) {
    if (effect instanceof Effect.WillDue it) {
      item(WILL).number(it.id()).string(it.session()).string(it.owner()).bytes(it.packet());
    } else if (effect instanceof Effect.Repick it) {
      item(REPICK).number(it.id()).string(it.share()).bytes(it.filter()).bytes(it.packet());
    }
    return true;
  }

  /** Writes an effect that came; true, as all of it is written. */
  boolean once(Group.Once once) {
    item(ONCE).number(once.group()).number(once.id());
    return true;
  }

  /** Writes what all understand; true, as all of it is written. */
  boolean understood(int forms) {
    item(FORMS).number(forms);
    return true;
  }

  /** Writes a resource; true, as all of it is written. */
  boolean resource(StoredResource it) {
    FormWriter form = item(RESOURCE).u8(it.kind()).string(it.name());
    ValueForm.write(form, it.key());
    form.string(it.owner()).number(it.created()).number(it.modified()).bytes(it.value());
    return true;
  }

  /** Writes an event of the queue before it. */
  void event(
      long sequence,
      Body body,
      long published,
      int deliveries,
      boolean isLocked,
      long until,
      long first,
      long last,
      int result,
      DeadLetter letter) {
    FormWriter form = item(EVENT).number(sequence);
    body(body);
    form.number(published).number(deliveries).flag(isLocked);
    form.number(until).number(first).number(last).number(result);
    DeadLetter.write(form, letter);
  }

  static void time(FormWriter form, long time) {
    form.number(time == Long.MAX_VALUE ? 0 : time + 1);
  }

  void end() {
    long before = items;
    item(END).number(before);
    flush();
  }

  private void flush() {
    int payload = block.length();
    byte[] framed = block.take(FRAME);
    CRC32C crc = new CRC32C();
    crc.update(framed, FRAME, payload);
    put(framed, 0, payload);
    put(framed, 4, (int) crc.getValue());
    written += payload;
    out.accept(framed);
  }

  private static void put(byte[] into, int at, int value) {
    for (int i = 0; i < 4; i++) {
      into[at + i] = (byte) (value >>> (24 - 8 * i));
    }
  }
}
