package io.busbar.shard;

/**
 * What bounds a {@link Group}.
 *
 * @param queueMessages deliveries that wait in an inbox or a share's pool, beyond those in flight
 * @param queueBytes their bytes, 64 added for each
 * @param overflow what happens beyond
 * @param sessions stored sessions; beyond, an Open is refused
 * @param retainedMessages retained messages; beyond, new topics are refused
 * @param retainedBytes their bytes
 */
public record Bounds(
    int queueMessages,
    long queueBytes,
    Overflow overflow,
    int sessions,
    int retainedMessages,
    long retainedBytes) {
  /** Those of a group before it is told others: the defaults of the configuration. */
  public static final Bounds INITIAL =
      new Bounds(10_000, 8L << 20, Overflow.DROP_OLDEST, 1_000_000, 10_000_000, 4L << 30);

  /** What happens to a message for an inbox that is full. */
  public enum Overflow {
    /** The oldest that is not in flight goes. */
    DROP_OLDEST,
    /** The new one goes. */
    DROP_NEWEST,
    /** The session ends. */
    END_SESSION,
    /** The publish is refused: nobody gets it. */
    REFUSE
  }
}
