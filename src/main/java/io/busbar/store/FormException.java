package io.busbar.store;

/** Bytes that are not what they were taken for: damaged, cut, or of a version that is not known. */
public final class FormException extends RuntimeException {
  /** Says what is wrong with the bytes. */
  public FormException(String message) {
    super(message);
  }
}
