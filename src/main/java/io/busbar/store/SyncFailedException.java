package io.busbar.store;

import java.io.IOException;

/**
 * The disk failed to sync: what of the last writes it holds is unknown, and asking again would be
 * answered with a lie. The journal refuses everything from here on; the process has to end.
 */
public final class SyncFailedException extends IOException {
  private static final long serialVersionUID = 1L;

  SyncFailedException(String what, IOException cause) {
    super("the disk failed to sync " + what + " (" + cause.getMessage() + ")", cause);
  }
}
