package io.busbar.tool.load;

import io.netty.buffer.ByteBuf;

/** Hears streams, accounts for each arrival, and acknowledges once per turn. */
final class Subscriber extends Peer {
  private static final int PACKET_ID = 1;
  private static final int ACK_BYTES = 4;

  final int number;
  private final Traffic traffic;
  private final Plan plan;
  private final String filter;
  private final int firstHeard;
  private final Arrivals[] arrivals;
  private ByteBuf acks;
  private long now;

  Subscriber(Traffic traffic, Plan plan, int number, String filter) {
    super(traffic, "s", number);
    this.number = number;
    this.traffic = traffic;
    this.plan = plan;
    this.filter = filter;
    this.firstHeard = plan.firstHeard(number);
    this.arrivals = new Arrivals[plan.heard()];
    for (int i = 0; i < arrivals.length; i++) {
      arrivals[i] = new Arrivals();
    }
  }

  @Override
  void connected(Wire.Connack connack) {
    ByteBuf out = buffer(64 + filter.length());
    Wire.subscribe(out, plan.version(), PACKET_ID, filter, plan.qos());
    write(out);
  }

  @Override
  void reading(long now) {
    this.now = now;
  }

  @Override
  void packet(int first, ByteBuf in, int at, int length) {
    switch (first >>> 4) {
      case Wire.PUBLISH -> publish(first, in, at, at + length);
      case Wire.SUBACK -> suback(in.getUnsignedByte(at + length - 1));
      default -> super.packet(first, in, at, length);
    }
  }

  private void suback(int granted) {
    if (granted >= 0x80 || granted < plan.qos()) {
      throw new LoadException(
          "SUBACK for " + filter + ": " + hex(granted) + " (asked for QoS " + plan.qos() + ")");
    }
    traffic.ready(this);
  }

  private void publish(int first, ByteBuf in, int at, int end) {
    long found = Wire.published(in, plan.version(), first, at, end);
    int payload = (int) found;
    if (found >>> 32 != 0) {
      acknowledge((int) (found >>> 32));
    }
    if (end - payload != plan.size() || Stream.runId(in, payload) != traffic.runId) {
      traffic.foreign();
      return;
    }
    int stream = Stream.stream(in, payload) - firstHeard;
    if (stream < 0 || stream >= arrivals.length) {
      traffic.foreign();
    } else if (arrivals[stream].accept(Stream.sequence(in, payload))) {
      traffic.arrived(firstHeard + stream, Stream.sentAt(in, payload), now);
    }
  }

  private void acknowledge(int packetId) {
    if (acks == null) {
      acks = buffer(256 * ACK_BYTES);
    }
    Wire.puback(acks, packetId);
    traffic.touch(this);
  }

  @Override
  void turn(long now) {
    if (acks == null) {
      return;
    }
    if (isOpen()) {
      write(acks);
    } else {
      acks.release();
    }
    acks = null;
  }

  /** What arrived of {@code stream}, or nothing if this subscriber is not to hear it. */
  Arrivals arrivals(int stream) {
    int i = stream - firstHeard;
    return i >= 0 && i < arrivals.length ? arrivals[i] : null;
  }
}
