package io.busbar.store;

import io.busbar.shard.FormException;
import java.nio.ByteBuffer;

/**
 * The body of the first frame in each direction: who speaks, and with whom it means to speak. What
 * is here keeps its place in all versions, so that any two can tell each other apart; what comes
 * behind it may differ.
 *
 * <pre>
 *   hello  u8 oldest version spoken, u8 newest version spoken,
 *          cluster id, node id, id of the node that it means: each n length and ASCII
 * </pre>
 */
record Hello(int oldest, int newest, String cluster, String node, String other) {
  static final int MAX_BYTES = 1_024;

  private static final int VERSION = 1;

  static Hello of(String cluster, String node, String other) {
    return new Hello(VERSION, VERSION, cluster, node, other);
  }

  byte[] encode() {
    return FormWriter.bytes(
        out -> out.u8(oldest).u8(newest).ascii(cluster).ascii(node).ascii(other));
  }

  /**
   * Reads it.
   *
   * @throws FormException if it is none
   */
  static Hello decode(byte[] body) {
    FormReader in = FormReader.open(ByteBuffer.wrap(body));
    return new Hello(in.u8(), in.u8(), in.ascii(), in.ascii(), in.ascii());
  }

  boolean isOfKnownVersion() {
    return oldest <= VERSION && newest >= VERSION;
  }
}
