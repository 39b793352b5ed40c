package io.busbar.broker;

import io.busbar.mqtt.Publish;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.Arrays;

/**
 * Messages of one turn for the many subscribers of one route: each message is encoded once per
 * variant into a block, and each subscriber gets the whole block. There is one block at a time; a
 * message for another route sends it on first, so that every subscriber keeps the publisher's
 * order.
 */
final class FanOut {
  /** A block is sent on when it holds this much. */
  private static final int BLOCK_BYTES = 256 * 1024;

  private final Loop loop;
  private final Block[] blocks = new Block[Route.VARIANTS];
  private Route route;

  FanOut(Loop loop) {
    this.loop = loop;
    for (int i = 0; i < blocks.length; i++) {
      blocks[i] = new Block();
    }
  }

  /** Adds a message for a route's groups; those apart are served by the caller. */
  void add(Publish publish, Route to, Topic topic) {
    if (to != route) {
      emit();
      route = to;
    }
    boolean full = false;
    for (int variant = 0; variant < blocks.length; variant++) {
      if (to.groups[variant] != null) {
        blocks[variant].add(publish, variant, topic, loop.now);
        full |= blocks[variant].bytes.readableBytes() > BLOCK_BYTES;
      }
    }
    if (full) {
      emit();
    }
  }

  /** Sends on what a direct write for another route would overtake. */
  void before(Route other) {
    if (route != null && route != other) {
      emit();
    }
  }

  /** Gives the blocks to their subscribers. */
  void emit() {
    if (route == null) {
      return;
    }
    Route from = route;
    route = null;
    for (int variant = 0; variant < blocks.length; variant++) {
      Block block = blocks[variant];
      if (block.count > 0) {
        for (Connection connection : from.groups[variant]) {
          connection.outgoing().deliver(block);
        }
        block.reset();
      }
    }
  }

  /** A run of packets of one variant. */
  static final class Block {
    ByteBuf bytes;
    int count;

    /** The topic of all of them. */
    Topic topic;

    /** How many of them are QoS 1 or 2. */
    int acknowledged;

    /** The size of the largest packet. */
    int largest;

    /** Where each packet begins, its identifier stands (or -1) and its expiry stands (or -1). */
    int[] startAt = new int[64];

    int[] packetIdAt = new int[64];
    int[] expiryAt = new int[64];
    byte[] qosOf = new byte[64];
    long[] expiresAt = new long[64];

    private void add(Publish publish, int variant, Topic of, long now) {
      topic = of;
      if (bytes == null) {
        bytes = ByteBufAllocator.DEFAULT.directBuffer(4096);
      }
      if (count == startAt.length) {
        startAt = Arrays.copyOf(startAt, count * 2);
        packetIdAt = Arrays.copyOf(packetIdAt, count * 2);
        expiryAt = Arrays.copyOf(expiryAt, count * 2);
        qosOf = Arrays.copyOf(qosOf, count * 2);
        expiresAt = Arrays.copyOf(expiresAt, count * 2);
      }
      int at = bytes.writerIndex();
      int qos = Math.min(publish.qos(), Route.qos(variant));
      startAt[count] = at;
      qosOf[count] = (byte) qos;
      int idAt = publish.write(bytes, Route.version(variant), qos);
      packetIdAt[count] = idAt;
      expiryAt[count] = publish.writtenExpiryAt();
      expiresAt[count] = Loop.expiresAt(publish, now);
      count++;
      if (qos > 0) {
        acknowledged++;
      }
      largest = Math.max(largest, bytes.writerIndex() - at);
    }

    /** Where a packet ends. */
    int endOf(int i) {
      return i + 1 < count ? startAt[i + 1] : bytes.writerIndex();
    }

    private void reset() {
      bytes.release();
      bytes = null;
      count = 0;
      acknowledged = 0;
      largest = 0;
    }
  }
}
