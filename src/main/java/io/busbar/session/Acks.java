package io.busbar.session;

import io.busbar.mqtt.ReasonCode;
import java.util.ArrayDeque;
import java.util.function.Consumer;

/**
 * Acknowledgements owed to a publisher, sent in the order of its PUBLISH packets [MQTT-4.6.0-2],
 * however the events they wait for come in. Empty while nothing has to be waited for.
 */
public final class Acks {
  /** One PUBACK that waits. */
  public static final class Ack {
    private final int packetId;
    private final ReasonCode reason;
    private int waitsFor;

    private Ack(int packetId, ReasonCode reason) {
      this.packetId = packetId;
      this.reason = reason;
    }

    /** The packet identifier of the PUBLISH. */
    public int packetId() {
      return packetId;
    }

    /** The outcome. */
    public ReasonCode reason() {
      return reason;
    }

    /** One more event has to come. */
    public void await() {
      waitsFor++;
    }

    /** An awaited event came; true if it was the last. */
    public boolean arrived() {
      return --waitsFor == 0;
    }
  }

  private final ArrayDeque<Ack> owed = new ArrayDeque<>(0);

  /** Whether nothing is owed: an acknowledgement that waits for nothing may go out at once. */
  public boolean isEmpty() {
    return owed.isEmpty();
  }

  /** How many are owed. */
  public int size() {
    return owed.size();
  }

  /** Owes an acknowledgement behind those that are owed already. */
  public Ack owe(int packetId, ReasonCode reason) {
    Ack ack = new Ack(packetId, reason);
    owed.add(ack);
    return ack;
  }

  /** Takes out, in order, those that wait for nothing and for no earlier one. */
  public void settle(Consumer<Ack> send) {
    while (!owed.isEmpty() && owed.peek().waitsFor == 0) {
      send.accept(owed.remove());
    }
  }
}
