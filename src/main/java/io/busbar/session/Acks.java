package io.busbar.session;

import io.busbar.mqtt.ReasonCode;
import java.util.ArrayDeque;
import java.util.function.Consumer;

/**
 * PUBACKs and PUBRECs owed to a publisher, sent in the order of its PUBLISH packets [MQTT-4.6.0-2]
 * [MQTT-4.6.0-3], however the events they wait for come in. Empty while nothing has to be waited
 * for.
 */
public final class Acks {
  /** One that waits. */
  public static final class Ack {
    private final int qos;
    private final boolean retain;
    private final long since;
    private final int packetId;
    private final boolean counts;
    private final Consumer<ReasonCode> then;
    private ReasonCode reason;
    private String why;
    private int waitsFor;

    private Ack(int qos, boolean retain, int packetId, ReasonCode reason, long since) {
      this.qos = qos;
      this.retain = retain;
      this.since = since;
      this.packetId = packetId;
      this.reason = reason;
      // a QoS 2 message that is not refused counts by its packet identifier, which stays in use
      this.counts = qos == 1 || reason.isError();
      this.then = null;
    }

    /**
     * Of messages that no client is owed an acknowledgement of.
     *
     * @param then gets the outcome when all has come that is awaited
     */
    public Ack(Consumer<ReasonCode> then) {
      this.qos = 0;
      this.retain = false;
      this.since = 0;
      this.packetId = 0;
      this.reason = ReasonCode.SUCCESS;
      this.counts = false;
      this.then = then;
    }

    /** The QoS of the PUBLISH: 1 is answered with PUBACK, 2 with PUBREC. */
    public int qos() {
      return qos;
    }

    /** The RETAIN flag of the PUBLISH. */
    public boolean retain() {
      return retain;
    }

    /** When the PUBLISH came, on the clock of whoever owed it. */
    public long since() {
      return since;
    }

    /** The packet identifier of the PUBLISH. */
    public int packetId() {
      return packetId;
    }

    /** The outcome. */
    public ReasonCode reason() {
      return reason;
    }

    /** What explains the outcome to the publisher, or null. */
    public String why() {
      return why;
    }

    /** One more event has to come. */
    public void await() {
      waitsFor++;
    }

    /** An awaited event came; true if it was the last and a client is owed. */
    public boolean arrived() {
      if (--waitsFor > 0) {
        return false;
      }
      if (then != null) {
        then.accept(reason);
      }
      return then == null;
    }

    /**
     * What was awaited came to something else than success.
     *
     * @param text for the publisher, or null
     */
    public void failed(ReasonCode code, String text) {
      reason = code;
      why = text;
    }
  }

  private final ArrayDeque<Ack> owed = new ArrayDeque<>(0);
  private int acknowledgements;

  /** Whether nothing is owed: an acknowledgement that waits for nothing may go out at once. */
  public boolean isEmpty() {
    return owed.isEmpty();
  }

  /** How many PUBACKs are owed, and PUBRECs that refuse. */
  public int acknowledgements() {
    return acknowledgements;
  }

  /** Whether the PUBREC of a packet identifier is owed. */
  public boolean owesReceived(int packetId) {
    for (Ack ack : owed) {
      if (ack.qos == 2 && ack.packetId == packetId) {
        return true;
      }
    }
    return false;
  }

  /**
   * Owes an acknowledgement of a QoS 1 or 2 message behind those that are owed already.
   *
   * @param since when it came, on any clock
   */
  public Ack owe(int qos, boolean retain, int packetId, ReasonCode reason, long since) {
    Ack ack = new Ack(qos, retain, packetId, reason, since);
    owed.add(ack);
    acknowledgements += ack.counts ? 1 : 0;
    return ack;
  }

  /** Takes out, in order, those that wait for nothing and for no earlier one. */
  public void settle(Consumer<Ack> send) {
    while (!owed.isEmpty() && owed.peek().waitsFor == 0) {
      Ack ack = owed.remove();
      acknowledgements -= ack.counts ? 1 : 0;
      send.accept(ack);
    }
  }
}
