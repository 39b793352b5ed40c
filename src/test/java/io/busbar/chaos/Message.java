package io.busbar.chaos;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;

/**
 * One message of a run, whose bytes follow from its number alone, so that a sender can send it
 * again and a receiver can tell it from any that was never sent.
 *
 * @param run tells this run's messages from those of others
 * @param stream which publisher and topic
 * @param sequence from 0, per stream
 */
record Message(long run, int stream, int sequence) {
  private static final int HEADER_BYTES = 16;
  private static final int SMALL_BYTES = 64;
  private static final int LARGE_BYTES = 10 * 1024;
  private static final int LARGE_EVERY = 50;

  /** 64 bytes, and 10 KiB for one of fifty. */
  byte[] payload() {
    boolean large = Math.floorMod(mix(), LARGE_EVERY) == 0;
    ByteBuffer bytes = ByteBuffer.allocate(large ? LARGE_BYTES : SMALL_BYTES);
    bytes.putLong(run).putInt(stream).putInt(sequence);
    long fill = mix();
    while (bytes.remaining() >= 8) {
      bytes.putLong(fill);
      fill += 0x9E3779B97F4A7C15L;
    }
    return bytes.array();
  }

  private long mix() {
    long x = run ^ ((long) stream << 32 | sequence) * 0x9E3779B97F4A7C15L;
    x = (x ^ x >>> 30) * 0xBF58476D1CE4E5B9L;
    return x ^ x >>> 27;
  }

  /** The message that a payload is, or null if it is none of this run, bit for bit. */
  static Message of(long run, ByteBuf payload) {
    int at = payload.readerIndex();
    if (payload.readableBytes() < HEADER_BYTES || payload.getLong(at) != run) {
      return null;
    }
    Message message = new Message(run, payload.getInt(at + 8), payload.getInt(at + 12));
    return payload.nioBuffer().equals(ByteBuffer.wrap(message.payload())) ? message : null;
  }
}
