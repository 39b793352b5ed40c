package io.busbar.chaos;

/** The kill test cannot be carried out; the message says why, for who runs it. */
final class KillException extends RuntimeException {
  private static final long serialVersionUID = 1;

  KillException(String message) {
    super(message);
  }

  KillException(String message, Throwable cause) {
    super(message + ": " + cause.getMessage(), cause);
  }
}
