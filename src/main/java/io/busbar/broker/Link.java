package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;
import io.busbar.session.Acks;
import io.busbar.telemetry.Loss;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.vertx.core.Future;
import java.util.ArrayList;
import java.util.List;

/**
 * The stream of messages from one event loop to another, of this node or of another one. What a
 * turn gathers is one bus message. Bytes on their way are bounded by credit (limit forward-bytes):
 * when it is used up, the publishers that feed the stream are not read any more, and QoS 0 is
 * dropped once that has lasted a second.
 */
final class Link {
  /** After this long without credit, in milliseconds, QoS 0 is dropped. */
  private static final long PATIENCE = 1_000;

  /** How long the other side may take to say that it has a batch, in milliseconds. */
  private static final long TIMEOUT = 10_000;

  private final Loop loop;
  private final String address;
  private final boolean remote;
  private final long credit;
  private final ByteBuf batch = Unpooled.buffer(4096);
  private int messages;
  private List<Waiting> waiting = new ArrayList<>(0);
  private final List<Connection> paused = new ArrayList<>(0);
  private long onTheWay;
  private long blockedSince = -1;

  /** A publisher's acknowledgement that waits for this stream. */
  private record Waiting(Connection publisher, Acks.Ack ack) {}

  Link(Loop loop, String address, boolean remote, long credit) {
    this.loop = loop;
    this.address = address;
    this.remote = remote;
    this.credit = credit;
  }

  /**
   * Adds a message to the turn's batch.
   *
   * @param publisher who is paused when credit runs out, or null for a message from another node
   * @param ack what waits until the other side has the message, or null
   */
  void append(Publish publish, Connection publisher, Acks.Ack ack) {
    if (blockedSince >= 0 && loop.now - blockedSince > PATIENCE && publish.qos() == 0) {
      loop.counters.lost(Loss.NODE_BUSY, 1);
      return;
    }
    if (messages == 0) {
      loop.dirtyLinks.add(this);
    }
    publish.write(batch, MqttVersion.V5, publish.qos());
    messages++;
    if (ack != null) {
      ack.await();
      waiting.add(new Waiting(publisher, ack));
    }
    if (onTheWay + batch.readableBytes() > credit) {
      if (blockedSince < 0) {
        blockedSince = loop.now;
      }
      if (publisher != null && publisher.pause(Connection.Pause.NO_CREDIT)) {
        paused.add(publisher);
      }
    }
  }

  /** Sends the turn's batch. */
  void send() {
    byte[] packets = new byte[batch.readableBytes()];
    batch.readBytes(packets);
    batch.clear();
    if (batch.capacity() > 4 * credit) {
      batch.capacity(4096);
    }
    final int sent = messages;
    final List<Waiting> acks = waiting;
    messages = 0;
    waiting = new ArrayList<>(0);
    onTheWay += packets.length;
    Future<?> taken =
        remote
            ? loop.bus.request(address, Wire.forward(packets), Bus.remote(TIMEOUT))
            : loop.bus.request(address, new Bus.Handover(packets), Bus.local(TIMEOUT));
    if (remote) {
      loop.counters.forwardsSent += sent;
    }
    taken.onComplete(
        outcome ->
            loop.execute(
                () -> {
                  if (outcome.failed()) {
                    loop.counters.lost(Loss.NODE_LOST, sent);
                    loop.limitedLog.warn(
                        "messages were not taken: address={} messages={} cause={}",
                        address,
                        sent,
                        outcome.cause().getMessage());
                  }
                  taken(packets.length, acks);
                }));
  }

  private void taken(int bytes, List<Waiting> acks) {
    onTheWay -= bytes;
    for (Waiting one : acks) {
      if (one.ack.arrived()) {
        one.publisher.sendAcks();
      }
    }
    if (blockedSince >= 0 && onTheWay <= credit / 2) {
      blockedSince = -1;
      resume();
    }
  }

  /** Each second: a stream without credit for long lets its publishers on, but for QoS 0. */
  void sweep() {
    if (blockedSince >= 0 && loop.now - blockedSince > PATIENCE) {
      resume();
    }
  }

  private void resume() {
    List<Connection> waitingForCredit = new ArrayList<>(paused);
    paused.clear();
    waitingForCredit.forEach(publisher -> publisher.resume(Connection.Pause.NO_CREDIT));
  }
}
