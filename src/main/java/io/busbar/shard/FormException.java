package io.busbar.shard;

/** Bytes that are not of the form that they should have: damaged, or written by a later version. */
public final class FormException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Says what is wrong, and where. */
  public FormException(String message) {
    super(message);
  }
}
