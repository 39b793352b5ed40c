package io.busbar.store;

import java.io.IOException;

/** A checkpoint is not what was written: this replica is void. */
final class DamagedCheckpointException extends IOException {
  private static final long serialVersionUID = 1L;

  DamagedCheckpointException(String file, Exception cause) {
    super("%s is damaged: %s".formatted(file, cause.getMessage()), cause);
  }
}
