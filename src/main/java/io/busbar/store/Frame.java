package io.busbar.store;

import io.busbar.shard.FormException;
import io.vertx.core.buffer.Buffer;
import java.nio.ByteBuffer;

/**
 * What the channel carries: {u32 length of what follows, u8 kind, u16 group, body}, big-endian.
 *
 * @param kind 1 to 254, a matter of those who send and take it; 0 and 255 are the channel's own
 * @param group the Raft group that it is about
 */
record Frame(int kind, int group, byte[] body) {
  static final int HEADER_BYTES = 7;

  /** The first frame in each direction; see {@link Hello}. */
  static final int HELLO = 0;

  /** Says only that the sender is there. */
  static final int HEARTBEAT = 255;

  /** What of the header the length counts. */
  private static final int COUNTED_BYTES = 3;

  int bytes() {
    return HEADER_BYTES + body.length;
  }

  void write(Buffer out) {
    out.appendInt(COUNTED_BYTES + body.length)
        .appendByte((byte) kind)
        .appendUnsignedShort(group)
        .appendBytes(body);
  }

  /** Takes frames out of a stream. Nothing is taken memory for before its length is judged. */
  static final class Reader {
    private final byte[] header = new byte[HEADER_BYTES];
    private int headerBytes;
    private byte[] body;
    private int bodyBytes;
    private int most;

    /** Reads frames with bodies of at most so many bytes. */
    Reader(int most) {
      this.most = most;
    }

    /** Changes how long bodies may be from the next frame on. */
    void most(int most) {
      this.most = most;
    }

    /** Takes frames. */
    interface Sink {
      /** Takes a frame; the body is the sink's. Returns whether it wants more. */
      boolean take(Frame frame);
    }

    /**
     * Reads the bytes that came next.
     *
     * @throws FormException if a frame is longer than allowed, or shorter than its header
     */
    void read(Buffer in, Sink sink) {
      int at = 0;
      while (at < in.length()) {
        if (body == null) {
          int bytes = Math.min(HEADER_BYTES - headerBytes, in.length() - at);
          in.getBytes(at, at + bytes, header, headerBytes);
          at += bytes;
          headerBytes += bytes;
          if (headerBytes < HEADER_BYTES) {
            return;
          }
          body = new byte[bodyLength()];
        }
        int bytes = Math.min(body.length - bodyBytes, in.length() - at);
        in.getBytes(at, at + bytes, body, bodyBytes);
        at += bytes;
        bodyBytes += bytes;
        if (bodyBytes < body.length) {
          return;
        }
        if (!sink.take(taken())) {
          return;
        }
      }
    }

    private int bodyLength() {
      long length = Integer.toUnsignedLong(ByteBuffer.wrap(header).getInt()) - COUNTED_BYTES;
      if (length < 0 || length > most) {
        throw new FormException(
            "frame with a body of %d bytes (allowed: 0 to %d)".formatted(length, most));
      }
      return (int) length;
    }

    private Frame taken() {
      ByteBuffer fields = ByteBuffer.wrap(header);
      Frame frame =
          new Frame(
              Byte.toUnsignedInt(fields.get(4)), Short.toUnsignedInt(fields.getShort(5)), body);
      headerBytes = 0;
      body = null;
      bodyBytes = 0;
      return frame;
    }
  }
}
