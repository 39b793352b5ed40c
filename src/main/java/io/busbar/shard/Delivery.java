package io.busbar.shard;

/**
 * A message in a session's inbox. Immutable.
 *
 * @param sequence position in the inbox, rising without gaps but for what was dropped; its packet
 *     identifier is {@code 1 + sequence % 65535}
 * @param packet an MQTT 5 PUBLISH, packet id 0, as it was published
 * @param qos 1 or 2
 * @param retain the RETAIN flag that the client gets
 * @param ids subscription identifiers, none as an empty array
 * @param expiresAt in milliseconds of the log's time, or Long.MAX_VALUE
 * @param sent whether it may have been sent before: DUP
 * @param released whether its PUBREC came: PUBREL is what is sent again
 */
public record Delivery(
    long sequence,
    byte[] packet,
    int qos,
    boolean retain,
    int[] ids,
    long expiresAt,
    boolean sent,
    boolean released) {
  /** Sequences in flight at once must be fewer than there are packet identifiers. */
  public static final int IDENTIFIERS = 65_535;

  /** Its MQTT packet identifier. */
  public int packetId() {
    return (int) (1 + sequence % IDENTIFIERS);
  }
}
