package io.busbar.session;

import java.util.BitSet;

/**
 * The packet identifiers of QoS 2 messages from a client whose PUBREL has not come yet: a PUBLISH
 * with one of them is the same message again (MQTT 5.0 section 4.3.3, method A).
 */
public final class Received {
  private BitSet ids;
  private int count;

  /** How many are in use. */
  public int count() {
    return count;
  }

  /** Whether an identifier is in use. */
  public boolean has(int id) {
    return ids != null && ids.get(id);
  }

  /** Takes an identifier; false if it is in use. */
  public boolean add(int id) {
    if (ids == null) {
      ids = new BitSet();
    }
    if (ids.get(id)) {
      return false;
    }
    ids.set(id);
    count++;
    return true;
  }

  /** Gives an identifier back; false if it was not in use. */
  public boolean remove(int id) {
    if (!has(id)) {
      return false;
    }
    ids.clear(id);
    count--;
    return true;
  }
}
