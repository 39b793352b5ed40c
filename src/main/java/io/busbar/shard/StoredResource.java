package io.busbar.shard;

import java.util.Arrays;
import java.util.Objects;

/**
 * A resource of the namespace as the store keeps it: what its value means is for others.
 *
 * @param kind of resources, a small number
 * @param name unique among those of its kind
 * @param key unique among those of its kind as well, or null
 * @param owner who looks after it: what changes it may leave those of others alone
 * @param created milliseconds since 1970
 * @param modified milliseconds since 1970
 * @param value its form
 */
public record StoredResource(
    int kind, String name, String key, String owner, long created, long modified, byte[] value) {
  /** Has one text for what is the same: there may be millions of them. */
  public StoredResource {
    key = name.equals(key) ? name : key;
    owner = owner.intern();
  }

  /** Whether a value, its key and its owner are these. */
  boolean has(Command.PutResource put) {
    return Arrays.equals(value, put.value())
        && owner.equals(put.owner())
        && Objects.equals(key, put.key());
  }
}
