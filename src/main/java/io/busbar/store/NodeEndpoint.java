package io.busbar.store;

import io.busbar.shard.Command;
import io.microraft.RaftEndpoint;

/**
 * A node as the Raft groups know it: by its disk, so that a node that lost its disk is another one.
 * In front of that stands, if it is known, the name that a node with another disk would have, too:
 * {@code busbar-0@4f6a…}.
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

  /** The node of a name, which may be empty, that has a disk. */
  static NodeEndpoint of(String name, String disk) {
    return new NodeEndpoint(name.isEmpty() ? disk : name + Command.Gone.OF_NAME + disk);
  }

  /** The node's name, or nothing. */
  String name() {
    return id.substring(0, Math.max(0, id.indexOf(Command.Gone.OF_NAME)));
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
