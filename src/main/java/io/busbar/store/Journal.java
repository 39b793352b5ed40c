package io.busbar.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.NavigableMap;
import java.util.zip.CRC32C;

/**
 * The log of a node, one for all Raft groups. Records are appended in memory; {@link #sync} writes
 * them all at once and has them on the disk. A record's position is an offset in bytes over the
 * whole life of the journal. It lies in files named by the position where they start, which are
 * given up from the oldest on.
 *
 * <p>After a crash the journal ends before the first record that is not whole, which may cut only
 * what was never synced ({@link JournalReader} tells how that is known). One thread uses it.
 */
public final class Journal implements AutoCloseable {
  /** Bytes of a file when there is no reason for others. */
  public static final long SEGMENT_BYTES = 64L << 20;

  /** The highest kind a caller may use. */
  public static final int HIGHEST_KIND = JournalRecord.MARK - 1;

  /** Bytes of a body at most. */
  public static final int MOST_BODY = JournalRecord.MOST - JournalRecord.HEADER;

  /** Bytes that wait for a sync at most; who appends must stop well before. */
  public static final int MOST_BUFFERED = 256 << 20;

  /** A buffer that grew beyond is given back after the sync. */
  private static final int KEPT_BUFFER = 4 << 20;

  private static final int FIRST_BUFFER = 4 << 10;

  /** Bytes read at once to have most records whole. */
  private static final int READ_BYTES = 4 << 10;

  /** Takes the records of a journal that is opened. */
  public interface Replay {
    /**
     * The next record.
     *
     * @param body valid during the call
     */
    void record(long position, int group, int kind, ByteBuffer body) throws IOException;
  }

  /**
   * What was found when the journal was opened.
   *
   * @param records how many were replayed, marks included
   * @param bytes their bytes
   * @param cutBytes of a torn tail, 0 if there was none
   * @param cutAt the position of the cut, -1 if there was none
   */
  public record Recovery(long records, long bytes, long cutBytes, long cutAt) {}

  private final Disk disk;
  private final long segmentBytes;
  private final CRC32C crc = new CRC32C();
  private final NavigableMap<Long, Segment> segments;

  /** The starts of files that are still to be created, for records in the buffer. */
  private final Deque<Long> starts = new ArrayDeque<>();

  /** The records from {@link #synced} to {@link #end}. */
  private ByteBuffer buffer = ByteBuffer.allocate(FIRST_BUFFER);

  private final ByteBuffer scratch = ByteBuffer.allocate(READ_BYTES);
  private Recovery recovery;
  private long synced;
  private long end;

  /** The end of the mark that this life begins with: it is synced before what follows it. */
  private long begun;

  private long lastStart;
  private int lastCrc;
  private boolean marked;
  private IOException failure;

  private Journal(Disk disk, long segmentBytes) throws IOException {
    this.disk = disk;
    this.segmentBytes = segmentBytes;
    this.segments = Segment.all(disk);
  }

  /**
   * Opens the journal in a folder, or starts one in an empty folder. Replays all records in order;
   * what was replayed counts only when this returns. All of it is synced then. Each opening appends
   * a mark (see {@link #mark}), so a journal without any record is new, or has lost its files; on a
   * full disk the mark waits and the journal is dirty.
   *
   * @param segmentBytes bytes of a file at most, unless one record is longer
   * @throws DamagedJournalException if something that was synced is not there
   */
  public static Journal open(Disk disk, long segmentBytes, Replay replay) throws IOException {
    Journal journal = new Journal(disk, segmentBytes);
    try {
      journal.recover(replay);
    } catch (IOException | RuntimeException e) {
      try {
        journal.close();
      } catch (IOException f) {
        e.addSuppressed(f);
      }
      throw e;
    }
    return journal;
  }

  private void recover(Replay replay) throws IOException {
    if (segments.isEmpty()) {
      segments.put(0L, new Segment(disk, 0));
    }
    JournalReader reader = new JournalReader(segments, replay);
    reader.read();
    end = reader.end();
    synced = end;
    lastStart = segments.lastKey();
    lastCrc = reader.last();
    marked = reader.isMarked();
    long torn = reader.torn();
    recovery = new Recovery(reader.records(), bytes(), torn, torn > 0 ? end : -1);
    Disk.File file = segments.lastEntry().getValue().file();
    if (torn > 0) {
      file.truncate(end - lastStart);
    }
    // A process that died may have left records which are read here and not yet on the disk.
    try {
      file.sync();
      disk.syncNames();
    } catch (IOException e) {
      throw new SyncFailedException("what was found in the journal", e);
    }
    begin();
  }

  /**
   * Has a mark on the disk before anything else of this life. What an earlier life left at this
   * very position, cut off now, is a sound record that follows the same one as ours: if it showed
   * up again in place of an unsynced record of ours, nothing could tell.
   */
  private void begin() throws IOException {
    put(0, JournalRecord.MARK);
    begun = end;
    try {
      sync();
    } catch (WriteFailedException later) {
      // A full disk is no reason not to start: reading frees it. The next sync tries again.
    }
  }

  /** What was found when it was opened. */
  public Recovery recovery() {
    return recovery;
  }

  /**
   * Appends a record in memory.
   *
   * @param group 0 to 65,535
   * @param kind 0 to {@link #HIGHEST_KIND}
   * @param body its parts, whose positions stay
   * @return the record's position
   * @throws IllegalArgumentException if the body is longer than {@link #MOST_BODY}
   * @throws IllegalStateException if {@link #MOST_BUFFERED} is reached, or the journal has failed
   */
  public long append(int group, int kind, ByteBuffer... body) {
    if (group < 0 || group > 0xFFFF || kind < 0 || kind > HIGHEST_KIND) {
      throw new IllegalArgumentException("group " + group + ", kind " + kind);
    }
    return put(group, kind, body);
  }

  /**
   * Appends a record that says that all before it is synced: without one, damage to the last
   * records could not be told from a tail that was never synced. For a journal that is idle; has an
   * effect only if the last sync was of something else.
   *
   * @return whether there is something to sync now
   */
  public boolean mark() {
    if (failure == null && (marked || isDirty())) {
      return false;
    }
    put(0, JournalRecord.MARK);
    return true;
  }

  private long put(int group, int kind, ByteBuffer... body) {
    if (failure != null) {
      throw new IllegalStateException("the journal has failed", failure);
    }
    long length = JournalRecord.HEADER;
    for (ByteBuffer part : body) {
      length += part.remaining();
    }
    if (length > JournalRecord.MOST) {
      throw new IllegalArgumentException("a record of " + length + " bytes");
    }
    reserve((int) length);
    if (end > lastStart && end - lastStart + length > segmentBytes) {
      starts.add(end);
      lastStart = end;
    }
    int at = buffer.position();
    buffer.position(at + JournalRecord.HEADER);
    for (ByteBuffer part : body) {
      int from = buffer.position();
      buffer.put(from, part, part.position(), part.remaining());
      buffer.position(from + part.remaining());
    }
    long position = end;
    lastCrc =
        JournalRecord.seal(buffer, at, (int) length, group, kind, lastCrc, position, synced, crc);
    marked = kind == JournalRecord.MARK;
    end += length;
    return position;
  }

  /** Makes room for a record. */
  private void reserve(int length) {
    long needed = buffered() + length;
    if (needed > MOST_BUFFERED) {
      throw new IllegalStateException(needed + " bytes wait for the disk");
    }
    if (needed > buffer.capacity()) {
      long capacity = Math.max(needed, Math.min(MOST_BUFFERED, 2L * buffer.capacity()));
      buffer = ByteBuffer.allocate((int) capacity).put(buffer.flip());
    }
  }

  /** Whether something was appended since the last sync. */
  public boolean isDirty() {
    return end > synced;
  }

  /** Bytes that wait for a sync. */
  public long buffered() {
    return end - synced;
  }

  /**
   * Writes what is buffered and has it on the disk: one write and one sync per file.
   *
   * @throws WriteFailedException if something could not be written: it stays buffered, and may be
   *     tried again
   * @throws SyncFailedException if the fate of the data is unknown: nothing works any more
   */
  public void sync() throws IOException {
    refuseAfterFailure();
    while (isDirty()) {
      Long next = starts.peek();
      if (next != null && next == synced) {
        // The name of a file is proof that all before it was synced: so it comes after that.
        create(synced);
        starts.remove();
      } else {
        long until = next == null ? end : next;
        write(synced < begun ? Math.min(begun, until) : until);
      }
    }
    if (buffer.capacity() > KEPT_BUFFER) {
      buffer = ByteBuffer.allocate(FIRST_BUFFER);
    }
  }

  private void create(long start) throws IOException {
    Segment segment = new Segment(disk, start);
    try {
      segment.file();
    } catch (IOException e) {
      throw writeFailed(segment, buffered(), e);
    }
    segments.put(start, segment);
    syncNames();
  }

  /** Writes and syncs the buffer up to a position. */
  private void write(long until) throws IOException {
    Segment segment = segments.lastEntry().getValue();
    int length = (int) (until - synced);
    long at = synced - segment.start();
    try {
      segment.file().write(buffer.slice(0, length), at);
    } catch (IOException e) {
      throw cutBack(segment, at, writeFailed(segment, length, e));
    }
    try {
      segment.file().sync();
    } catch (IOException e) {
      throw fail(new SyncFailedException("file " + segment.name(), e));
    }
    synced = until;
    buffer.flip().position(length);
    buffer.compact();
  }

  private WriteFailedException writeFailed(Segment segment, long bytes, IOException e) {
    boolean full;
    try {
      full = disk.usable() < bytes;
    } catch (IOException f) {
      e.addSuppressed(f);
      full = false;
    }
    return new WriteFailedException(segment.name(), bytes, full, e);
  }

  /** Takes back what a failed write may have left; the next one would overwrite it anyway. */
  private static <E extends IOException> E cutBack(Segment segment, long length, E e) {
    try {
      segment.file().truncate(length);
    } catch (IOException f) {
      e.addSuppressed(f);
    }
    return e;
  }

  private void syncNames() throws IOException {
    try {
      disk.syncNames();
    } catch (IOException e) {
      throw fail(new SyncFailedException("the names of its files", e));
    }
  }

  /**
   * After a failed sync the system may hold pages for clean that never reached the disk: a process
   * that starts later would read them and rely on them. So they are cut off.
   */
  private SyncFailedException fail(SyncFailedException e) {
    failure = e;
    Segment segment = segments.lastEntry().getValue();
    return cutBack(segment, synced - segment.start(), e);
  }

  private void refuseAfterFailure() throws IOException {
    if (failure != null) {
      throw new IOException("the journal has failed", failure);
    }
  }

  /**
   * The body of a record, also of one that is only in memory yet.
   *
   * @param position of a record between {@link #start} and {@link #end}
   * @throws DamagedJournalException if the record is not what was written
   */
  public ByteBuffer read(long position) throws IOException {
    refuseAfterFailure();
    if (position < start() || position >= end) {
      throw new IllegalArgumentException(
          "position " + position + " is not from " + start() + " to " + end);
    }
    if (position >= synced) {
      int at = (int) (position - synced);
      return body(Segment.name(lastStart), buffer, at, position, buffer.position() - at);
    }
    Segment segment = segments.floorEntry(position).getValue();
    long offset = position - segment.start();
    int read = segment.file().read(scratch.clear(), offset);
    ByteBuffer record = scratch;
    if (read >= JournalRecord.HEADER) {
      int length = JournalRecord.length(scratch, 0, position, JournalRecord.MOST);
      if (length > read) {
        record = ByteBuffer.allocate(length);
        read = segment.file().read(record, offset);
      }
    }
    return body(segment.name(), record, 0, position, read);
  }

  /** The body of the record in a buffer, in bytes of its own. */
  private ByteBuffer body(String file, ByteBuffer in, int at, long position, int room)
      throws IOException {
    int length = room < JournalRecord.HEADER ? -1 : JournalRecord.length(in, at, position, room);
    if (length < 0 || !JournalRecord.isSound(in, at, length, crc)) {
      throw new DamagedJournalException(file, position, 0, 0, "the record is not what was written");
    }
    int bytes = length - JournalRecord.HEADER;
    ByteBuffer body = ByteBuffer.allocate(bytes);
    body.put(0, in, at + JournalRecord.HEADER, bytes);
    return body;
  }

  /**
   * Gives up the files whose records are all below a position: they may be deleted. The one that is
   * then the first holds something synced.
   */
  public void release(long position) throws IOException {
    refuseAfterFailure();
    while (segments.size() > 1) {
      Segment first = segments.firstEntry().getValue();
      long next = segments.higherKey(first.start());
      if (next > position || next >= synced) {
        return;
      }
      first.close();
      disk.delete(first.name());
      segments.remove(first.start());
      // One by one: of two deletions only the second might last, which would look like damage.
      syncNames();
    }
  }

  /** The position of the oldest record. */
  public long start() {
    return segments.firstKey();
  }

  /** The position behind the newest record. */
  public long end() {
    return end;
  }

  /** The position behind the newest record that is synced. */
  public long synced() {
    return synced;
  }

  /** Bytes from start to end. */
  public long bytes() {
    return end - start();
  }

  /** Closes the files; what is buffered is not written. */
  @Override
  public void close() throws IOException {
    IOException failed = null;
    for (Segment segment : segments.values()) {
      try {
        segment.close();
      } catch (IOException e) {
        failed = e;
      }
    }
    if (failed != null) {
      throw failed;
    }
  }
}
