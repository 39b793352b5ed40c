package io.busbar.tool.load;

/** Why a run could not be made or finished; the message is one line for the operator. */
final class LoadException extends RuntimeException {
  LoadException(String message) {
    super(message);
  }
}
