package io.busbar.store;

import java.io.IOException;

/**
 * Nothing more could be written, nothing is lost: what is buffered stays so, and the next sync
 * tries again.
 */
public final class WriteFailedException extends IOException {
  private static final long serialVersionUID = 1L;

  private final boolean full;

  WriteFailedException(String file, long bytes, boolean full, IOException cause) {
    super(
        (full ? "the disk is full: " : "the disk cannot be written: ")
            + (bytes + " bytes wait for file " + file + " (")
            + (cause.getMessage() + ")"),
        cause);
    this.full = full;
  }

  /** Whether the disk has less room than what waits; else it fails for another reason. */
  public boolean isFull() {
    return full;
  }
}
