package io.busbar.store;

import java.io.IOException;

/** A data directory that cannot be used: one line that names it, says why, and what to do. */
public final class DataDirectoryException extends IOException {
  private static final long serialVersionUID = 1L;

  DataDirectoryException(String message) {
    super(message);
  }

  DataDirectoryException(String message, Throwable cause) {
    super(message, cause);
  }
}
