package io.busbar.testing;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** WebSocket frames of a client (RFC 6455 section 5): reads as the bytes of the binary frames. */
public final class WebSocketFrames extends InputStream {
  public static final int CONTINUATION = 0;
  public static final int TEXT = 1;
  public static final int BINARY = 2;
  public static final int CLOSE = 8;
  public static final int PING = 9;
  public static final int PONG = 10;

  private static final byte[] MASK = {0x37, (byte) 0xfa, 0x21, 0x3d};

  private final InputStream in;
  private final OutputStream out;
  private byte[] payload = {};
  private int at;
  private int closeStatus = -1;
  private int pongs;

  WebSocketFrames(InputStream in, OutputStream out) {
    this.in = in;
    this.out = out;
  }

  /** Sends a masked frame. */
  public void send(int opcode, boolean last, byte[] payload) throws IOException {
    int length = payload.length;
    int head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
    byte[] frame = new byte[head + 4 + length];
    frame[0] = (byte) ((last ? 0x80 : 0) | opcode);
    frame[1] = (byte) (0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127));
    for (int i = 0; i < head - 2; i++) {
      frame[head - 1 - i] = i < 4 ? (byte) (length >>> (8 * i)) : 0;
    }
    System.arraycopy(MASK, 0, frame, head, 4);
    for (int i = 0; i < length; i++) {
      frame[head + 4 + i] = (byte) (payload[i] ^ MASK[i & 3]);
    }
    out.write(frame);
    out.flush();
  }

  /** Sends bytes that need not be a frame. */
  public void sendRaw(byte[] bytes) throws IOException {
    out.write(bytes);
    out.flush();
  }

  /** The status of the close frame that came first, or -1; further ones are an error. */
  public int closeStatus() {
    return closeStatus;
  }

  /** Pongs that came. */
  public int pongs() {
    return pongs;
  }

  @Override
  public int read() throws IOException {
    while (at == payload.length) {
      int first = in.read();
      if (first < 0) {
        return -1;
      }
      if (closeStatus >= 0) {
        throw new IOException("a frame after the close frame: opcode " + (first & 0x0f));
      }
      int length = need();
      if (length == 126) {
        length = (need() << 8) | need();
      } else if (length == 127) {
        in.skipNBytes(4);
        length = (need() << 24) | (need() << 16) | (need() << 8) | need();
      }
      byte[] body = in.readNBytes(length);
      int opcode = first & 0x0f;
      if (opcode == BINARY) {
        payload = body;
        at = 0;
      } else if (opcode == CLOSE) {
        closeStatus = ((body[0] & 0xff) << 8) | (body[1] & 0xff);
      } else if (opcode == PONG) {
        pongs++;
      } else {
        throw new IOException("unexpected frame: opcode " + opcode);
      }
    }
    return payload[at++] & 0xff;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    for (int i = 0; i < length; i++) {
      int b = read();
      if (b < 0) {
        return i == 0 ? -1 : i;
      }
      target[offset + i] = (byte) b;
    }
    return length;
  }

  private int need() throws IOException {
    int b = in.read();
    if (b < 0) {
      throw new EOFException("inside a frame");
    }
    return b;
  }
}
