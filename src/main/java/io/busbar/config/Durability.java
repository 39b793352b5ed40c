package io.busbar.config;

import java.util.Locale;

/** What an acknowledgement of a message for a stored session promises; the strictest first. */
public enum Durability {
  /** Synced on the disks of a majority of the nodes that hold the session, or of the one node. */
  FSYNC,
  /** Held by a majority of those nodes, and written to their disks soon. */
  REPLICATED,
  /** Held in the memory of one node. */
  MEMORY;

  /** As the configuration and clients have it. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }
}
