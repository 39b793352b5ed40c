package io.busbar.api;

/**
 * Who asks something of the management API.
 *
 * @param name as the audit has it: of its key, or of its certificate
 */
record Caller(Role role, String name) {
  /** Where whoever comes may do anything. */
  static final Caller ANYBODY = new Caller(Role.OWNER, "anybody");
}
