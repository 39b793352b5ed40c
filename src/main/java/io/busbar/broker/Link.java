package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.config.Limit;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.session.Acks;
import io.busbar.shard.Sending;
import io.busbar.telemetry.Loss;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.ReplyException;
import io.vertx.core.eventbus.ReplyFailure;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * The stream of messages from one event loop to another, of this node or of another one. What a
 * turn gathers is one bus message; to another node, where each costs much, what gathers until the
 * one before is answered. Bytes on their way are bounded by credit (limit forward-bytes): when it
 * is used up, the publishers that feed the stream are not read any more, and QoS 0 is dropped once
 * that has lasted a second.
 */
final class Link {
  /** How long the other side may take to say that it has a batch, in milliseconds. */
  private static final long TIMEOUT = 10_000;

  /** So many bytes go to another node though the answer to others is not there yet. */
  private static final int ENOUGH = 256 * 1024;

  /** How long fewer may wait for that answer, in microseconds. */
  private static final long MOST_WAIT = 1_000;

  private static final String LEFT = "the node has left";

  private final Loop loop;
  private final String address;
  private final boolean remote;
  private final Credit credit;
  private final ByteBuf batch = Unpooled.buffer(4096);
  private int messages;
  private List<Waiting> waiting = new ArrayList<>(0);
  private List<Bus.Directed> directed = new ArrayList<>(0);
  private List<Wire.Again> again = new ArrayList<>(0);
  private int bytes;

  /** What each QoS 2 message of the batch is called, and the one before them. */
  private long[] numbers = new long[8];

  private int numbered;
  private long lastNumber;

  /** When the first message of the batch was read ({@link Bus.Handover#readAt}). */
  private long readAt = Bus.Handover.UNREAD;

  /** Batches that are on their way to another node. */
  private final Set<Promise<Object>> underWay = new HashSet<>();

  private boolean hasLeft;

  /** Whether the end of the turn looks at it. */
  private boolean isDirty;

  private boolean isTimed;

  /** A publisher's acknowledgement that waits for this stream. */
  private record Waiting(Connection publisher, Acks.Ack ack) {}

  Link(Loop loop, String address, boolean remote) {
    this.loop = loop;
    this.address = address;
    this.remote = remote;
    this.credit = new Credit(loop, loop.broker.limits.get(Limit.FORWARD_BYTES));
  }

  /**
   * Adds a message to the turn's batch.
   *
   * @param publisher who is paused when credit runs out, or null for a message from another node
   * @param ack what waits until the other side has the message, or null
   * @param number what another node knows a QoS 2 message by ({@link Sending#number}), or 0
   */
  void append(Publish publish, Connection publisher, Acks.Ack ack, long number) {
    if (isDropped(publish)) {
      return;
    }
    if (remote && publish.qos() == 2) {
      if (numbered == numbers.length) {
        numbers = Arrays.copyOf(numbers, 2 * numbered);
      }
      numbers[numbered++] = number;
    }
    int before = batch.readableBytes();
    publish.write(batch, MqttVersion.V5, publish.qos(), publish.retain(), Route.NO_IDS);
    await(publisher, ack);
    added(batch.readableBytes() - before, publisher);
  }

  /** Nothing else bounds QoS 0 when credit is used up for long. */
  private boolean isDropped(Publish publish) {
    boolean isDropped = publish.qos() == 0 && credit.isExhausted();
    if (isDropped) {
      loop.counters.lost(Loss.NODE_BUSY, 1);
    }
    return isDropped;
  }

  private void await(Connection publisher, Acks.Ack ack) {
    if (ack != null && (!remote || loop.broker.has(Safeguard.ACKED_FORWARDS))) {
      ack.await();
      waiting.add(new Waiting(publisher, ack));
    }
  }

  /**
   * Adds a message for a member of a shared subscription.
   *
   * @param connection the member; not looked at by another node, which chooses one itself
   * @param publisher who is paused when credit runs out, or null
   * @param ack what waits until another node has the message, or null
   */
  void direct(
      Publish publish, long connection, Share.Key share, Connection publisher, Acks.Ack ack) {
    if (isDropped(publish)) {
      return;
    }
    byte[] packet = packet(publish);
    directed.add(new Bus.Directed(packet, connection, share.name(), share.filter()));
    await(publisher, ack);
    added(packet.length, publisher);
  }

  /** Adds a QoS 2 message for another node that may have it already. */
  void again(Publish publish, Connection publisher, Acks.Ack ack, Sending sending) {
    byte[] packet = packet(publish);
    again.add(new Wire.Again(sending, packet));
    await(publisher, ack);
    added(packet.length, publisher);
  }

  private static byte[] packet(Publish publish) {
    ByteBuf one = Unpooled.buffer(publish.packetLength() + 8);
    publish.write(one, MqttVersion.V5, publish.qos(), publish.retain(), Route.NO_IDS);
    byte[] packet = new byte[one.readableBytes()];
    one.readBytes(packet);
    return packet;
  }

  private void added(int size, Connection publisher) {
    if (!isDirty) {
      isDirty = true;
      loop.dirtyLinks.add(this);
      loop.schedule();
    }
    if (messages == 0) {
      readAt = loop.readAt();
    }
    messages++;
    bytes += size;
    credit.take(size, publisher);
  }

  /** The turn is over: what it gathered goes, or waits for more. */
  void turned() {
    isDirty = false;
    if (underWay.isEmpty() || bytes >= ENOUGH) {
      send();
    } else if (!isTimed) {
      isTimed = true;
      loop.eventLoop.schedule(
          () ->
              loop.execute(
                  () -> {
                    isTimed = false;
                    send();
                  }),
          MOST_WAIT,
          TimeUnit.MICROSECONDS);
    }
  }

  private void send() {
    if (messages == 0) {
      return;
    }
    // with room for the head of the form, so that it is not copied again
    int start = remote ? 1 : 0;
    byte[] packets = new byte[start + batch.readableBytes()];
    batch.readBytes(packets, start, packets.length - start);
    batch.clear();
    if (batch.capacity() > 4 * credit.limit()) {
      batch.capacity(4096);
    }
    final int sent = messages;
    final int size = bytes;
    final long read = readAt;
    readAt = Bus.Handover.UNREAD;
    final List<Waiting> acks = waiting;
    final List<Bus.Directed> one = directed;
    final List<Wire.Again> repeated = again;
    final Wire.Numbers called = numbers();
    messages = 0;
    bytes = 0;
    waiting = new ArrayList<>(0);
    directed = new ArrayList<>(0);
    again = new ArrayList<>(0);
    if (remote) {
      loop.counters.forwardsSent += sent;
    }
    Future<?> taken =
        remote
            ? forward(packets, one, called, repeated)
            : loop.request(address, new Bus.Handover(packets, one, read), Bus.local(TIMEOUT));
    taken.onComplete(
        outcome ->
            loop.execute(
                () -> {
                  boolean isNotKept = isReply(outcome.cause(), Wire.NOT_KEPT);
                  // the other node has counted what it did not keep
                  if (outcome.failed() && !isNotKept) {
                    boolean isHandedOn =
                        remote
                            && !one.isEmpty()
                            && isNobody(outcome.cause())
                            && loop.dispatcher.handOn(one);
                    int lost = isHandedOn ? sent - one.size() : sent;
                    loop.counters.lost(Loss.NODE_LOST, lost);
                    loop.limitedLog.warn(
                        "messages were not taken: address={} lost={} others={} cause={}",
                        address,
                        lost,
                        sent - lost,
                        outcome.cause().getMessage());
                  }
                  credit.give(size);
                  if (remote && underWay.isEmpty() && !isDirty) {
                    send();
                  }
                  if (isNotKept) {
                    unknown(acks, "another node's store did not take it");
                  } else if (outcome.cause() instanceof ReplyException e
                      && e.failureType() == ReplyFailure.TIMEOUT) {
                    unknown(acks, "another node did not answer");
                  } else {
                    // taken, or the node is gone and its subscribers with it
                    taken(acks);
                  }
                }));
  }

  /** What the batch's QoS 2 messages are called, or null if none is called anything. */
  private Wire.Numbers numbers() {
    long[] all = Arrays.copyOf(numbers, numbered);
    numbered = 0;
    long last = Arrays.stream(all).max().orElse(0);
    if (last == 0) {
      return null;
    }
    Wire.Numbers called = new Wire.Numbers(loop.broker.stream(loop.id), lastNumber, all);
    lastNumber = last;
    return called;
  }

  /** Completes when the other node has the messages; fails too when it has left. */
  private Future<?> forward(
      byte[] packets, List<Bus.Directed> directed, Wire.Numbers numbers, List<Wire.Again> again) {
    if (hasLeft) {
      // a route that is not made anew yet
      return Future.failedFuture(LEFT);
    }
    List<Wire.Shared> shared =
        directed.stream()
            .map(one -> new Wire.Shared(one.share(), one.filter(), one.packet()))
            .toList();
    Buffer form = new Wire.Forward(packets, 1, packets.length, shared, numbers, again).encode();
    Promise<Object> taken = Promise.promise();
    underWay.add(taken);
    loop.<Object>request(address, form, Bus.remote(TIMEOUT))
        .onComplete(taken::tryComplete, taken::tryFail);
    return taken.future().onComplete(outcome -> loop.execute(() -> underWay.remove(taken)));
  }

  /** Whether nobody can have taken it. */
  private static boolean isNobody(Throwable cause) {
    return cause instanceof ReplyException e
        ? e.failureType() == ReplyFailure.NO_HANDLERS
        : LEFT.equals(cause.getMessage());
  }

  private static boolean isReply(Throwable cause, int failureCode) {
    return cause instanceof ReplyException e
        && e.failureType() == ReplyFailure.RECIPIENT_FAILURE
        && e.failureCode() == failureCode;
  }

  /** Not all who are to have the messages have them: the publishers are to send them again. */
  private static void unknown(List<Waiting> acks, String why) {
    for (Waiting one : acks) {
      // a will has no publisher: it stays pending in the store
      if (one.publisher != null) {
        one.publisher.end(ReasonCode.SERVER_UNAVAILABLE, why);
      }
    }
  }

  private static void taken(List<Waiting> acks) {
    for (Waiting one : acks) {
      if (one.ack.arrived() && one.publisher != null) {
        one.publisher.sendAcks();
      }
    }
  }

  /** The other node has left: whoever waits for it does so no more. */
  void left() {
    hasLeft = true;
    List.copyOf(underWay).forEach(batch -> batch.tryFail(LEFT));
  }

  /** Each second: a stream without credit for long lets its publishers on, but for QoS 0. */
  void sweep() {
    credit.sweep();
  }
}
