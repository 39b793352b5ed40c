package io.busbar.store;

import java.io.IOException;

/** A node does not see most of the voters of its store any more, and so may have been replaced. */
final class CutOffException extends IOException {
  private static final long serialVersionUID = 1L;

  CutOffException(String message) {
    super(message);
  }
}
