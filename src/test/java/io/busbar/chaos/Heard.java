package io.busbar.chaos;

import java.util.Arrays;
import java.util.BitSet;

/** What a subscriber got of one stream, in the order of arrival. */
final class Heard {
  private static final int DUP = 1;

  /** Sequence, connection and DUP of each arrival. */
  private long[] arrivals = new long[1024];

  private int count;
  private final BitSet sequences = new BitSet();

  /**
   * A message was handed to the application: at QoS 1 each PUBLISH, at QoS 2 each under a packet id
   * that was not in use [MQTT-4.3.3-10].
   *
   * @param connection the subscriber's how many-th, from 1
   * @param dup the flag of the PUBLISH
   */
  void add(int sequence, int connection, boolean dup) {
    if (count == arrivals.length) {
      arrivals = Arrays.copyOf(arrivals, 2 * count);
    }
    arrivals[count++] = (long) sequence << 32 | (long) connection << 1 | (dup ? DUP : 0);
    sequences.set(sequence);
  }

  /** Those of another one, whose connections are told apart by what is added to them. */
  void addAll(Heard other, int connections) {
    for (int i = 0; i < other.count; i++) {
      add(other.sequence(i), other.connection(i) + connections, other.dup(i));
    }
  }

  int count() {
    return count;
  }

  int sequence(int arrival) {
    return (int) (arrivals[arrival] >>> 32);
  }

  int connection(int arrival) {
    return (int) arrivals[arrival] >>> 1;
  }

  boolean dup(int arrival) {
    return (arrivals[arrival] & DUP) != 0;
  }

  /** Whether all of these came; for knowing when to stop waiting, the oracle looks for itself. */
  boolean hasAll(BitSet wanted) {
    BitSet missing = (BitSet) wanted.clone();
    missing.andNot(sequences);
    return missing.isEmpty();
  }
}
