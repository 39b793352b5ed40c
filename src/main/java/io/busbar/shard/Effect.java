package io.busbar.shard;

/** What a {@link Group} wants done outside after an entry was applied. */
public sealed interface Effect {
  /** A connected session has a new delivery. */
  record Bell(Location location, String session, long epoch, Delivery delivery) implements Effect {}

  /**
   * A stored session ended: its subscriptions are gone.
   *
   * @param location where it was connected, or null
   */
  record Ended(String session, long epoch, Location location, Reason reason) implements Effect {}

  /** Why a session ended. */
  enum Reason {
    EXPIRED,
    CLEAN_START,
    CLOSED,
    OVERFLOW,
    REQUESTED
  }

  /**
   * What must not be lost. It stays with the group until a {@link Command.Confirm} names it, and is
   * told again by a restarted node or a new leader ({@link Group#pending}).
   */
  sealed interface Pending extends Effect {
    /** Unique in the group, and rising. */
    long id();
  }

  /** A will is due. */
  record WillDue(long id, String session, String owner, byte[] packet) implements Pending {}

  /**
   * A message of a shared subscription lost its member and is to be given to another that is
   * connected; if there is none, it comes back as a pick without a session.
   *
   * @param packet an MQTT 5 PUBLISH, packet id 0
   */
  record Repick(long id, String share, byte[] filter, byte[] packet) implements Pending {}

  /** The first subscription of a filter at QoS 1 or 2 came, or the last one went. */
  record Interest(byte[] filter, boolean added) implements Effect {}

  /** The first stored subscription of a share and filter came, or the last one went. */
  record ShareInterest(String share, byte[] filter, boolean added) implements Effect {}

  /** A resource of the namespace is this now, or is gone: null. */
  record Changed(int kind, String name, StoredResource resource) implements Effect {}

  /**
   * A node is taken for gone ({@link Command.Gone}): if it is not, its connections have lost their
   * sessions.
   */
  record Left(String node, Command.Gone.Cause cause) implements Effect {
    /** For a cause that is not said. */
    public Left(String node) {
      this(node, Command.Gone.Cause.UNSAID);
    }
  }

  /** A queue that had nothing to give out has something now. */
  record Ready(String queue) implements Effect {}

  /**
   * What became of a message for a session that somebody looks at ({@link Group#watch}), or of the
   * session.
   *
   * @param packet an MQTT 5 PUBLISH, packet id 0, or null if it is about the session
   */
  record Watched(String session, String owner, Change change, long sequence, byte[] packet)
      implements Effect {}

  /** What may become of it. */
  enum Change {
    KEPT,
    QUEUE_FULL,
    EXPIRED,
    SESSION_ENDED
  }

  /** Deliveries, or events in queues, that will not happen. */
  record Lost(Loss loss, int deliveries) implements Effect {}

  /** Why a delivery did not happen. */
  enum Loss {
    QUEUE_FULL,
    EXPIRED,
    SESSION_ENDED,
    EVENT_QUEUE_FULL,
    EVENT_EXPIRED,
    EVENT_UNDELIVERED,
    EVENT_REJECTED,
    EVENT_QUEUE_GONE
  }
}
