package io.busbar.shard;

/** Bytes that are not of the form that they should have: damaged, or written by a later version. */
public class FormException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Says what is wrong, and where. */
  public FormException(String message) {
    super(message);
  }

  /** Bytes that are not those that were written: a checksum says so, or they end too early. */
  public static final class Damaged extends FormException {
    private static final long serialVersionUID = 1L;

    /** Says what is wrong, and where. */
    public Damaged(String message) {
      super(message);
    }
  }
}
