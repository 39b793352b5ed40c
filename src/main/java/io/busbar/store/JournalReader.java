package io.busbar.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.NavigableMap;
import java.util.zip.CRC32C;

/**
 * Reads a journal from its files after a start, and judges where it ends.
 *
 * <p>The rule: a record that is not there is a torn tail unless something proves that it was synced
 * once. Proof is a later record that says so, a later file (a file is created when all before it is
 * synced), or being the first of a journal that begins behind 0 (a file is released when the next
 * holds something synced). Only the last file can have a torn tail therefore. Without proof the
 * tail may still hold whole records behind the hole, because unsynced writes reach a disk in any
 * order; they go with it.
 */
final class JournalReader {
  private static final int WINDOW = 1 << 20;

  private final NavigableMap<Long, Segment> segments;
  private final Journal.Replay replay;
  private final CRC32C crc = new CRC32C();
  private Window window;
  private long start;
  private long position;
  private int last;
  private boolean marked;
  private long records;

  JournalReader(NavigableMap<Long, Segment> segments, Journal.Replay replay) {
    this.segments = segments;
    this.replay = replay;
  }

  /** Replays everything up to {@link #end}. The files stay as they are. */
  void read() throws IOException {
    position = segments.firstKey();
    for (Segment segment : segments.values()) {
      enter(segment);
      boolean more = true;
      while (more && position - start < window.length()) {
        more = next();
      }
      Map.Entry<Long, Segment> later = segments.higherEntry(start);
      if (later == null) {
        judge(segment);
      } else if (!more) {
        throw damaged(segment.name(), "a record is not there, and files follow");
      } else if (position != later.getKey()) {
        String next = later.getValue().name();
        throw damaged(segment.name(), "it ends here, but the next file is " + next);
      } else {
        segment.close();
      }
    }
  }

  /** Where the journal ends: the bytes of the last file behind it are a torn tail. */
  long end() {
    return position;
  }

  /** Bytes of the torn tail. */
  long torn() {
    return window.length() - (position - start);
  }

  /** Records before the end. */
  long records() {
    return records;
  }

  /** The CRC of the last record. */
  int last() {
    return last;
  }

  /** Whether the last record is a mark. */
  boolean isMarked() {
    return marked;
  }

  private void enter(Segment segment) throws IOException {
    start = segment.start();
    window = new Window(segment.file(), WINDOW);
  }

  /** Replays the record at the position and goes behind it; false if there is none. */
  private boolean next() throws IOException {
    int at = find(position);
    if (at < 0) {
      return false;
    }
    ByteBuffer buffer = window.buffer();
    boolean first = records == 0 && position > 0;
    if (!first && JournalRecord.before(buffer, at) != last) {
      return false;
    }
    if (JournalRecord.version(buffer, at) != JournalRecord.VERSION) {
      throw new IOException(
          "the journal was written by another version of Busbar: the record at position "
              + (position + " has form " + JournalRecord.version(buffer, at))
              + (", this version reads form " + JournalRecord.VERSION));
    }
    int length = buffer.getInt(at);
    int kind = JournalRecord.kind(buffer, at);
    last = JournalRecord.crc(buffer, at);
    marked = kind == JournalRecord.MARK;
    records++;
    if (!marked) {
      int body = length - JournalRecord.HEADER;
      replay.record(
          position,
          JournalRecord.group(buffer, at),
          kind,
          buffer.slice(at + JournalRecord.HEADER, body));
    }
    position += length;
    return true;
  }

  /** The index in the window of the whole and sound record at a position, or -1. */
  private int find(long at) throws IOException {
    long offset = at - start;
    long room = window.length() - offset;
    if (room < JournalRecord.HEADER) {
      return -1;
    }
    int index = window.at(offset, JournalRecord.HEADER);
    int length = JournalRecord.length(window.buffer(), index, at, room);
    if (length < 0) {
      return -1;
    }
    index = window.at(offset, length);
    return JournalRecord.isSound(window.buffer(), index, length, crc) ? index : -1;
  }

  /** Whether what is not there in the last file is a torn tail; else it is damage. */
  private void judge(Segment segment) throws IOException {
    if (position == start && start == segments.firstKey() && start > 0) {
      throw damaged(segment.name(), "the oldest file has lost its first record");
    }
    long end = start + window.length();
    for (long at = position + 1; at + JournalRecord.HEADER <= end; at++) {
      int index = find(at);
      if (index >= 0 && JournalRecord.synced(window.buffer(), index) > position) {
        throw damaged(segment.name(), "a record is not there, and one at " + at + " tells of it");
      }
    }
  }

  /** Damage at the position, with a count of what is readable behind it. */
  private DamagedJournalException damaged(String file, String what) throws IOException {
    long hole = position;
    long readable = 0;
    long bytes = 0;
    for (Segment segment : segments.tailMap(start, true).values()) {
      enter(segment);
      long end = start + window.length();
      for (long at = Math.max(start, hole); at + JournalRecord.HEADER <= end; ) {
        int index = find(at);
        int length = index < 0 ? 1 : window.buffer().getInt(index);
        if (index >= 0) {
          readable++;
          bytes += length;
        }
        at += length;
      }
      segment.close();
    }
    return new DamagedJournalException(file, hole, readable, bytes, what);
  }
}
