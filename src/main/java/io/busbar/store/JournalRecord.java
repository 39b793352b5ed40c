package io.busbar.store;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * The form of a journal's record, version 1, big endian:
 *
 * <pre>
 *  0  u32  length of the whole record
 *  4  u32  CRC32C of all that follows
 *  8  u8   version of the form
 *  9  u8   kind
 * 10  u16  group
 * 12  u32  CRC32C of the record before, 0 if this is the journal's first
 * 16  u64  position of this record in the journal
 * 24  u64  position up to which the journal was known to be synced when this was appended
 * 32       body
 * </pre>
 *
 * A record stands for itself (CRC and position), so that one behind a damage can be recognized. It
 * is also tied to the one before it: after a cut, bytes of an earlier life of the file may show up
 * again behind new records, at the position they claim.
 */
final class JournalRecord {
  static final int HEADER = 32;
  static final int VERSION = 1;

  /** The kind of {@link Journal#mark}. */
  static final int MARK = 255;

  /** Bytes of a record at most. */
  static final int MOST = 64 << 20;

  private static final int BODY_OF_CRC = 8;

  private JournalRecord() {}

  /** Writes the header before a body that is in its place already; returns the CRC. */
  static int seal(
      ByteBuffer in,
      int at,
      int length,
      int group,
      int kind,
      int before,
      long position,
      long synced,
      CRC32C crc) {
    in.putInt(at, length);
    in.put(at + 8, (byte) VERSION);
    in.put(at + 9, (byte) kind);
    in.putShort(at + 10, (short) group);
    in.putInt(at + 12, before);
    in.putLong(at + 16, position);
    in.putLong(at + 24, synced);
    int sum = sum(in, at, length, crc);
    in.putInt(at + 4, sum);
    return sum;
  }

  /**
   * The length that a header states, or -1 if this is not the header of the record at a position.
   *
   * @param room the bytes from here to the end of the file
   */
  static int length(ByteBuffer in, int at, long position, long room) {
    int length = in.getInt(at);
    boolean fits = length >= HEADER && length <= MOST && length <= room;
    return fits && position(in, at) == position && synced(in, at) <= position ? length : -1;
  }

  /** Whether the CRC of a record of this length is right. */
  static boolean isSound(ByteBuffer in, int at, int length, CRC32C crc) {
    return sum(in, at, length, crc) == crc(in, at);
  }

  static int crc(ByteBuffer in, int at) {
    return in.getInt(at + 4);
  }

  static int version(ByteBuffer in, int at) {
    return in.get(at + 8) & 0xFF;
  }

  static int kind(ByteBuffer in, int at) {
    return in.get(at + 9) & 0xFF;
  }

  static int group(ByteBuffer in, int at) {
    return in.getShort(at + 10) & 0xFFFF;
  }

  static int before(ByteBuffer in, int at) {
    return in.getInt(at + 12);
  }

  static long position(ByteBuffer in, int at) {
    return in.getLong(at + 16);
  }

  static long synced(ByteBuffer in, int at) {
    return in.getLong(at + 24);
  }

  private static int sum(ByteBuffer in, int at, int length, CRC32C crc) {
    crc.reset();
    crc.update(in.array(), in.arrayOffset() + at + BODY_OF_CRC, length - BODY_OF_CRC);
    return (int) crc.getValue();
  }
}
