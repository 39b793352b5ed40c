package io.busbar.chaos;

import io.netty.buffer.ByteBuf;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Sends messages on some topics at one QoS, in turn, as many as its window and rate leave room for,
 * and after an interruption whatever is unacknowledged, as the standard asks: in the same order,
 * under the same packet id, with DUP [MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-3.3.1-1].
 */
final class Publisher extends Client {
  private static final int PACKET_IDS = 65_535;

  private final long run;
  private final int firstStream;
  private final int qos;
  private final List<Sent> sent;
  private final Rate rate;
  private final Map<Integer, Flight> flights = new LinkedHashMap<>();
  private final ArrayDeque<Integer> again = new ArrayDeque<>();
  private final List<String> foreign = new ArrayList<>();
  private int window;
  private int topic;
  private int lastId;
  private boolean publishing;
  private long answers;
  private long abandoned;
  private long unknownIds;

  /** A message whose exchange has not ended. */
  private static final class Flight {
    final int topic;
    final int sequence;

    /** QoS 2: PUBREC has come; what follows is PUBREL, never the message again. */
    boolean received;

    Flight(int topic, int sequence) {
      this.topic = topic;
      this.sequence = sequence;
    }
  }

  /**
   * A publisher of the streams from {@code firstStream} on.
   *
   * @param window most messages unsettled at any time
   */
  Publisher(
      Loop loop,
      String id,
      List<InetSocketAddress> nodes,
      int number,
      long run,
      int firstStream,
      List<Sent> sent,
      int window,
      Rate rate) {
    super(loop, id, nodes, number);
    this.run = run;
    this.firstStream = firstStream;
    this.sent = sent;
    this.qos = sent.get(0).qos;
    this.window = window;
    this.rate = rate;
  }

  void publish(boolean on) {
    publishing = on;
  }

  boolean isSettled() {
    return flights.isEmpty();
  }

  /** Messages whose exchange has not ended. */
  int unsettled() {
    return flights.size();
  }

  /** Acknowledgements of any kind so far: when it grows, the broker serves. */
  long answers() {
    return answers;
  }

  /** Messages that were unacknowledged when the broker had lost the session: sent no more. */
  long abandoned() {
    return abandoned;
  }

  /** PUBCOMPs that say the broker did not know the packet id, allowed in recovery only. */
  long unknownIds() {
    return unknownIds;
  }

  /** Packets that answer nothing that is in flight, in words. */
  List<String> foreign() {
    return foreign;
  }

  @Override
  void connected(boolean present, int receiveMaximum) {
    window = Math.min(window, receiveMaximum);
    again.clear();
    if (!present) {
      // Both sides drop the session's state; to send on would be a new message, a duplicate.
      abandoned += flights.values().stream().filter(flight -> !flight.received).count();
      flights.clear();
    }
    again.addAll(flights.keySet());
  }

  @Override
  void act(long now) {
    while (!again.isEmpty() && hasRoom()) {
      repeat(again.poll());
    }
    while (publishing
        && again.isEmpty()
        && flights.size() < window
        && hasRoom()
        && rate.take(now)) {
      send();
    }
  }

  private void repeat(int packetId) {
    Flight flight = flights.get(packetId);
    if (flight.received) {
      Wire.ack(out(), Wire.PUBREL, packetId, 0);
    } else {
      sent.get(flight.topic).repeated(flight.sequence);
      write(flight, packetId, true);
    }
  }

  private void send() {
    topic = (topic + 1) % sent.size();
    do {
      lastId = lastId % PACKET_IDS + 1;
    } while (flights.containsKey(lastId));
    Flight flight = new Flight(topic, sent.get(topic).next());
    flights.put(lastId, flight);
    write(flight, lastId, false);
  }

  private void write(Flight flight, int packetId, boolean dup) {
    byte[] payload = new Message(run, firstStream + flight.topic, flight.sequence).payload();
    Sent stream = sent.get(flight.topic);
    Wire.publish(out(), stream.topic, qos, dup, stream.isRetained, packetId, payload);
  }

  @Override
  void packet(int first, ByteBuf body) {
    int type = first >> 4;
    int packetId = body.readUnsignedShort();
    int reason = body.isReadable() ? body.readUnsignedByte() : 0;
    Flight flight = flights.get(packetId);
    boolean expected =
        flight != null
            && !again.contains(packetId)
            && (qos == 1
                ? type == Wire.PUBACK
                : type == Wire.PUBREC || (type == Wire.PUBCOMP && flight.received));
    if (!expected) {
      foreign.add("%s: packet type %d for packet id %d".formatted(id, type, packetId));
      return;
    }
    answers++;
    if (type == Wire.PUBCOMP) {
      flights.remove(packetId);
      unknownIds += reason == Wire.PACKET_ID_NOT_FOUND ? 1 : 0;
    } else if (reason >= Wire.FIRST_ERROR) {
      flights.remove(packetId);
      sent.get(flight.topic).refused();
    } else {
      sent.get(flight.topic).acknowledged(flight.sequence);
      if (type == Wire.PUBACK) {
        flights.remove(packetId);
      } else {
        flight.received = true;
        Wire.ack(out(), Wire.PUBREL, packetId, 0);
      }
    }
  }
}
