package io.busbar.store;

import io.microraft.RaftEndpoint;

/**
 * A node as the Raft groups know it: by the id of its disk, so that a node that lost its disk is
 * another one.
 *
 * @param id 1 to 255 printable ASCII characters
 */
public record NodeEndpoint(String id) implements RaftEndpoint {
  static final int MAX_LENGTH = 255;

  /** Refuses an id that has no form on the wire. */
  public NodeEndpoint {
    if (id.isEmpty() || id.length() > MAX_LENGTH || !id.chars().allMatch(NodeEndpoint::isAllowed)) {
      throw new IllegalArgumentException(
          "node id: \"%s\" (allowed: 1 to %d printable ASCII characters)"
              .formatted(id, MAX_LENGTH));
    }
  }

  static boolean isAllowed(int character) {
    return character > ' ' && character < 0x7f;
  }

  @Override
  public Object getId() {
    return id;
  }

  @Override
  public String toString() {
    return id;
  }
}
