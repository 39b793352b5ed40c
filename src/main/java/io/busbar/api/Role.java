package io.busbar.api;

import java.util.Locale;

/** What whoever has a key of the management API may do; each may do what those before it may. */
public enum Role {
  /** Read resources, and ask why. */
  READER,
  /** Change resources. */
  OPERATOR,
  /** All of it, what is secret too. */
  OWNER;

  /** As files have it. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }
}
