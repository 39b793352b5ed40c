package io.busbar.fuzz;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** The WebSocket frames of one side (RFC 6455 section 5.2), read when all bytes are there. */
final class SlowFrames {
  /** Why reading stopped. */
  enum End {
    /** After a whole frame: there is nothing more. */
    CLEAN,
    /** Inside a frame, which may already be wrong. */
    PARTIAL,
    /** At a close frame, a text frame or what is no frame. */
    ENDED
  }

  final ByteArrayOutputStream data = new ByteArrayOutputStream();
  final List<String> pings = new ArrayList<>();
  final List<String> pongs = new ArrayList<>();
  boolean closed;
  End end = End.CLEAN;

  /** Bytes that were not looked at. */
  final int unread;

  private boolean inMessage;

  /**
   * Reads frames.
   *
   * @param fromClient whose frames are masked
   * @param most bytes of a payload
   */
  SlowFrames(byte[] bytes, boolean fromClient, int most) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    while (in.hasRemaining() && end == End.CLEAN) {
      end = in.remaining() < 2 ? End.PARTIAL : frame(in, fromClient, most);
    }
    unread = in.remaining();
  }

  private End frame(ByteBuffer in, boolean fromClient, int most) {
    int first = in.get() & 255;
    int second = in.get() & 255;
    boolean last = first >= 128;
    int opcode = first % 16;
    long length = second % 128;
    boolean control = opcode >= 8;
    boolean known = List.of(0, 1, 2, 8, 9, 10).contains(opcode);
    if (!known || first % 128 >= 16 || (second >= 128) != fromClient) {
      return End.ENDED;
    }
    if (control ? !last || length > 125 : (opcode == 0) != inMessage) {
      return End.ENDED;
    }
    if (length > 125) {
      int size = length == 126 ? 2 : 8;
      if (in.remaining() < size) {
        return End.PARTIAL;
      }
      length = size == 2 ? in.getShort() & 65_535 : in.getLong();
      if (length < (size == 2 ? 126 : 65_536)) {
        return End.ENDED;
      }
    }
    if (length > most) {
      return End.ENDED;
    }
    if (in.remaining() < length + (fromClient ? 4 : 0)) {
      return End.PARTIAL;
    }
    byte[] mask = new byte[4];
    if (fromClient) {
      in.get(mask);
    }
    byte[] payload = new byte[(int) length];
    in.get(payload);
    for (int i = 0; i < payload.length; i++) {
      payload[i] ^= mask[i % 4];
    }
    switch (opcode) {
      case 1 -> {
        return End.ENDED;
      }
      case 8 -> {
        closed = true;
        return End.ENDED;
      }
      case 9 -> pings.add(HexFormat.of().formatHex(payload));
      case 10 -> pongs.add(HexFormat.of().formatHex(payload));
      default -> {
        inMessage = !last;
        data.writeBytes(payload);
      }
    }
    return End.CLEAN;
  }
}
