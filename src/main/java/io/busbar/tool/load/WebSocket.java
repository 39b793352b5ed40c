package io.busbar.tool.load;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The client's end of a WebSocket (RFC 6455) with the subprotocol {@code mqtt}: turns buffers into
 * binary frames and what comes in frames into buffers. The next handler becomes active when the
 * server has switched protocols. Like {@link Wire} it shares nothing with the broker.
 */
final class WebSocket extends ChannelDuplexHandler {
  static final int CONTINUATION = 0;
  static final int BINARY = 2;
  static final int CLOSE = 8;
  static final int PING = 9;
  static final int PONG = 10;

  private static final int FINAL = 0x80;
  private static final int MASKED = 0x80;
  private static final int MAX_HEAD_BYTES = 8192;
  private static final int MAX_CONTROL_BYTES = 125;
  private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

  private final String authority;
  private final String path;
  private final String key;
  private boolean isOpen;
  private ByteBuf rest = Unpooled.EMPTY_BUFFER;

  /** Bytes of the data frame being read that have yet to come. */
  private long missing;

  WebSocket(String authority, String path) {
    this.authority = authority;
    this.path = path;
    byte[] nonce = new byte[16];
    ThreadLocalRandom.current().nextBytes(nonce);
    this.key = Base64.getEncoder().encodeToString(nonce);
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    String request =
        "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
            .formatted(path, authority, key);
    ctx.writeAndFlush(Unpooled.copiedBuffer(request, StandardCharsets.US_ASCII));
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    rest.release();
    rest = Unpooled.EMPTY_BUFFER;
    ctx.fireChannelInactive();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    ByteBuf in = (ByteBuf) message;
    if (rest.isReadable()) {
      in = Unpooled.wrappedBuffer(rest, in);
    }
    rest = Unpooled.EMPTY_BUFFER;
    try {
      if (isOpen || opened(ctx, in)) {
        frames(ctx, in);
      }
      if (in.isReadable()) {
        rest = ctx.alloc().buffer(in.readableBytes()).writeBytes(in);
      }
    } finally {
      in.release();
    }
  }

  private boolean opened(ChannelHandlerContext ctx, ByteBuf in) {
    String head = in.toString(StandardCharsets.ISO_8859_1);
    int end = head.indexOf("\r\n\r\n");
    if (end < 0) {
      if (head.length() > MAX_HEAD_BYTES) {
        throw new LoadException("WebSocket: no answer of at most " + MAX_HEAD_BYTES + " bytes");
      }
      return false;
    }
    judge(head.substring(0, end));
    in.skipBytes(end + 4);
    isOpen = true;
    ctx.fireChannelActive();
    return true;
  }

  /** Refuses an answer that does not switch protocols (section 4.1). */
  private void judge(String head) {
    String[] lines = head.split("\r\n");
    String accept = "";
    String protocol = "";
    for (String line : lines) {
      String name = line.substring(0, Math.max(0, line.indexOf(':'))).toLowerCase(Locale.ROOT);
      String value = line.substring(line.indexOf(':') + 1).trim();
      if (name.equals("sec-websocket-accept")) {
        accept = value;
      } else if (name.equals("sec-websocket-protocol")) {
        protocol = value;
      }
    }
    if (!lines[0].startsWith("HTTP/1.1 101 ")) {
      throw new LoadException(
          "WebSocket: " + lines[0] + " for " + path + " (is this the listener's path?)");
    }
    if (!accept.equals(accept(key))) {
      throw new LoadException("WebSocket: Sec-WebSocket-Accept: " + accept + " is not of the key");
    }
    if (!protocol.equals("mqtt")) {
      throw new LoadException(
          "WebSocket: subprotocol \"" + protocol + "\" (allowed: mqtt, which was asked for)");
    }
  }

  /** What a server answers to a key (section 1.3). */
  static String accept(String key) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-1")
              .digest((key + GUID).getBytes(StandardCharsets.US_ASCII));
      return Base64.getEncoder().encodeToString(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-1", e);
    }
  }

  private void frames(ChannelHandlerContext ctx, ByteBuf in) {
    while (in.isReadable() && ctx.channel().isActive()) {
      if (missing > 0) {
        int bytes = (int) Math.min(missing, in.readableBytes());
        missing -= bytes;
        ctx.fireChannelRead(in.readRetainedSlice(bytes));
      } else if (!frame(ctx, in)) {
        return;
      }
    }
  }

  /** Reads a frame's head, and all of it if it is a control frame; false: not all is there yet. */
  private boolean frame(ChannelHandlerContext ctx, ByteBuf in) {
    int at = in.readerIndex();
    int there = in.readableBytes();
    if (there < 2) {
      return false;
    }
    int first = in.getUnsignedByte(at);
    int second = in.getUnsignedByte(at + 1);
    int head = second < 126 ? 2 : second == 126 ? 4 : 10;
    if ((second & MASKED) != 0) {
      throw new LoadException("WebSocket: a frame of the server is masked");
    }
    if (there < head) {
      return false;
    }
    long length = head == 2 ? second : head == 4 ? in.getUnsignedShort(at + 2) : in.getLong(at + 2);
    int opcode = first & 0x0F;
    if (opcode < CLOSE) {
      if (opcode != BINARY && opcode != CONTINUATION) {
        throw new LoadException("WebSocket: opcode " + opcode + " (allowed: binary data)");
      }
      in.skipBytes(head);
      missing = length;
      return true;
    }
    if (length > MAX_CONTROL_BYTES) {
      throw new LoadException("WebSocket: a control frame of " + length + " bytes");
    }
    if (there < head + length) {
      return false;
    }
    in.skipBytes(head);
    ByteBuf payload = in.readSlice((int) length);
    if (opcode == PING) {
      ctx.writeAndFlush(masked(ctx, PONG, payload));
    } else if (opcode == CLOSE) {
      ctx.writeAndFlush(masked(ctx, CLOSE, payload));
      ctx.close();
    }
    return true;
  }

  @Override
  public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
    ByteBuf payload = (ByteBuf) message;
    try {
      ctx.write(masked(ctx, BINARY, payload), promise);
    } finally {
      payload.release();
    }
  }

  private static ByteBuf masked(ChannelHandlerContext ctx, int opcode, ByteBuf payload) {
    ByteBuf out = ctx.alloc().ioBuffer(payload.readableBytes() + 14);
    frame(out, opcode, payload, ThreadLocalRandom.current().nextInt());
    return out;
  }

  /** Writes a frame as a client does: whole, and masked (sections 5.2 and 5.3). */
  static void frame(ByteBuf out, int opcode, ByteBuf payload, int mask) {
    int length = payload.readableBytes();
    out.writeByte(FINAL | opcode);
    if (length < 126) {
      out.writeByte(MASKED | length);
    } else if (length < 1 << 16) {
      out.writeByte(MASKED | 126).writeShort(length);
    } else {
      out.writeByte(MASKED | 127).writeLong(length);
    }
    out.writeInt(mask);
    long both = ((long) mask << 32) | (mask & 0xFFFF_FFFFL);
    int at = payload.readerIndex();
    int end = payload.writerIndex();
    for (; end - at >= Long.BYTES; at += Long.BYTES) {
      out.writeLong(payload.getLong(at) ^ both);
    }
    for (int shift = 24; at < end; at++, shift = (shift + 24) % 32) {
      out.writeByte(payload.getByte(at) ^ (mask >>> shift));
    }
  }
}
