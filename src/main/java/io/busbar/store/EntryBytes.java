package io.busbar.store;

import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * The bytes of an entry, as the Raft engine holds them in its log. It holds thousands of entries
 * that nobody may need any more, whatever their size: so only the newest have their bytes on the
 * heap ({@link GroupLog#persistLogEntries}), the others are read from the journal, as long as it
 * goes back so far.
 */
final class EntryBytes {
  private final int length;

  /** Null when they are in the journal alone. */
  private byte[] bytes;

  private GroupLog log;
  private long position;

  /** Of an entry that is in no journal yet. */
  EntryBytes(byte[] bytes) {
    this.bytes = bytes;
    this.length = bytes.length;
  }

  /** How many. */
  int length() {
    return length;
  }

  /**
   * All of them; not to be changed.
   *
   * @throws UncheckedIOException if the journal cannot be read
   * @throws IllegalStateException if they {@link #areGone}
   */
  byte[] get() {
    if (bytes != null) {
      return bytes;
    }
    if (areGone()) {
      throw new IllegalStateException("the journal begins behind the entry at " + position);
    }
    try {
      return log.read(position);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether nobody has them here any more: a checkpoint has what came of them. */
  boolean areGone() {
    return bytes == null && !log.reaches(position);
  }

  /** They are in a journal, too. */
  void at(GroupLog in, long where) {
    log = in;
    position = where;
  }

  /** From now on they are in the journal alone. */
  void letGo() {
    bytes = null;
  }
}
