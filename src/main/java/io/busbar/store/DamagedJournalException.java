package io.busbar.store;

import java.io.IOException;

/**
 * The journal has lost or changed what was synced. Whoever relied on it must not go on as if that
 * had never been written: this replica is void.
 */
public final class DamagedJournalException extends IOException {
  private static final long serialVersionUID = 1L;

  private final String file;
  private final long position;
  private final long readableRecords;
  private final long readableBytes;

  DamagedJournalException(
      String file, long position, long readableRecords, long readableBytes, String what) {
    super(
        "the journal is damaged at position "
            + position
            + " (file "
            + file
            + "): "
            + what
            + ("; behind it " + readableRecords + " records of ")
            + (readableBytes + " bytes are readable"));
    this.file = file;
    this.position = position;
    this.readableRecords = readableRecords;
    this.readableBytes = readableBytes;
  }

  /** The name of the file, also of one that is missing. */
  public String file() {
    return file;
  }

  /** Where the first record is that is not there. */
  public long position() {
    return position;
  }

  /** Records that are readable behind the damage. */
  public long readableRecords() {
    return readableRecords;
  }

  /** Their bytes. */
  public long readableBytes() {
    return readableBytes;
  }
}
