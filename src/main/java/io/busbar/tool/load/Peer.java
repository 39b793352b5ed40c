package io.busbar.tool.load;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import java.io.IOException;

/**
 * One MQTT connection: cuts the byte stream into packets and does the handshake. Subclasses say
 * what the connection is for.
 */
abstract class Peer extends ChannelInboundHandlerAdapter {
  /** Set while the peer waits for its {@link #turn}; belongs to {@link Run#touch}. */
  boolean touched;

  private final Run run;
  private final String clientId;
  private final int number;
  private Channel channel;
  private ByteBuf rest;
  private int keepAliveSeconds = Run.KEEP_ALIVE_SECONDS;
  private long dialedAt;
  private boolean leaving;
  private boolean active;
  private boolean gone;
  private String reason = "closed by the broker";

  Peer(Run run, String role, int number) {
    this.run = run;
    this.number = number;
    this.clientId = "load-" + Integer.toHexString(run.runId) + "-" + role + number;
  }

  /** The broker accepted the connection. */
  abstract void connected(Wire.Connack connack);

  /** The TCP connection is about to be made. */
  void opening(long now) {}

  /** How long the session stays without a connection; 0: it begins and ends with it. */
  int expirySeconds() {
    return 0;
  }

  /** Reads a packet that is none of the handshake's; {@code at} is where its body begins. */
  void packet(int first, ByteBuf in, int at, int length) {
    throw new LoadException(clientId + ": unexpected packet type " + (first >>> 4));
  }

  /** Called once before the packets of one read. */
  void reading(long now) {}

  /** Writes what has come up since the last turn. */
  void turn(long now) {}

  /** Which of its role this is; says whose certificate it shows. */
  final int number() {
    return number;
  }

  final boolean isOpen() {
    return active && !gone;
  }

  final boolean isWritable() {
    return isOpen() && channel.isWritable();
  }

  final ByteBuf buffer(int bytes) {
    return channel.alloc().ioBuffer(bytes);
  }

  final void write(ByteBuf out) {
    channel.writeAndFlush(out, channel.voidPromise());
  }

  /** Says DISCONNECT; the broker is to close. */
  final void leave() {
    leave(false);
  }

  /** Says DISCONNECT; {@code ends}: the session ends too, whatever its expiry (MQTT 5). */
  final void leave(boolean ends) {
    if (isOpen()) {
      leaving = true;
      ByteBuf out = buffer(16);
      Wire.disconnect(out, ends);
      write(out);
    }
  }

  /** Closes without a word, for a peer that got no answer. */
  final void abort(String why) {
    reason = why;
    leaving = false;
    if (channel != null) {
      channel.close();
    }
  }

  /** Sends PINGREQ in this peer's share of the seconds, so that pings are spread out. */
  final void keepAlive(int number, long second) {
    int period = Math.max(1, keepAliveSeconds / 2);
    if (keepAliveSeconds > 0 && isWritable() && number % period == second % period) {
      ByteBuf out = buffer(2);
      Wire.pingreq(out);
      write(out);
    }
  }

  @Override
  public final void handlerAdded(ChannelHandlerContext ctx) {
    channel = ctx.channel();
    dialedAt = run.now();
    opening(dialedAt);
  }

  @Override
  public final void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof SslHandshakeCompletionEvent handshake) {
      if (handshake.isSuccess()) {
        run.tls()
            .orElseThrow()
            .completed(ctx.pipeline().get(SslHandler.class).engine(), run.now() - dialedAt);
      } else {
        reason = run.target(this).explain(handshake.cause());
        ctx.close();
      }
    }
  }

  @Override
  public final void channelActive(ChannelHandlerContext ctx) {
    active = true;
    run.connections().add(this);
    ByteBuf out = buffer(128);
    Wire.connect(
        out, run.version, clientId, Run.KEEP_ALIVE_SECONDS, expirySeconds(), run.userName(this));
    write(out);
  }

  @Override
  public final void channelInactive(ChannelHandlerContext ctx) {
    gone = true;
    run.connections().remove(this);
    if (rest != null) {
      rest.release();
      rest = null;
    }
    SslHandler ssl = ctx.pipeline().get(SslHandler.class);
    if (ssl != null) {
      run.tls().ifPresent(tls -> tls.forget(ssl.engine()));
    }
    if (leaving) {
      left();
    } else {
      run.closed(this, clientId + ": " + reason);
    }
  }

  /** The connection ended as it should, after {@link #leave}. */
  void left() {}

  @Override
  public final void channelWritabilityChanged(ChannelHandlerContext ctx) {
    run.touch(this);
  }

  @Override
  public final void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    Throwable root =
        cause instanceof DecoderException && cause.getCause() != null ? cause.getCause() : cause;
    if (root instanceof IOException) {
      reason = run.target(this).explain(root);
      ctx.close();
    } else {
      run.fail(root);
    }
  }

  @Override
  public final void channelRead(ChannelHandlerContext ctx, Object message) {
    ByteBuf in = (ByteBuf) message;
    if (rest != null) {
      ByteBuf whole = buffer(rest.readableBytes() + in.readableBytes());
      whole.writeBytes(rest).writeBytes(in);
      rest.release();
      rest = null;
      in.release();
      in = whole;
    }
    try {
      packets(in);
      if (in.isReadable() && !gone) {
        rest = buffer(in.readableBytes()).writeBytes(in);
      }
    } finally {
      in.release();
    }
  }

  private void packets(ByteBuf in) {
    reading(run.now());
    int at = in.readerIndex();
    int end = in.writerIndex();
    while (at < end) {
      long frame = Wire.frame(in, at, end);
      if (frame == Wire.INCOMPLETE) {
        break;
      }
      int body = at + (int) (frame >>> 32);
      int length = (int) frame;
      if (end - body < length) {
        break;
      }
      int first = in.getUnsignedByte(at);
      switch (first >>> 4) {
        case Wire.CONNACK -> connack(in, body, length);
        case Wire.PINGRESP -> {}
        case Wire.DISCONNECT ->
            reason = "DISCONNECT " + hex(length == 0 ? 0 : in.getUnsignedByte(body));
        default -> packet(first, in, body, length);
      }
      at = body + length;
    }
    in.readerIndex(at);
  }

  private void connack(ByteBuf in, int at, int length) {
    Wire.Connack connack = Wire.connack(in, run.version, at, length, Run.KEEP_ALIVE_SECONDS);
    if (connack.reason() != 0) {
      reason = "CONNACK " + hex(connack.reason());
      channel.close();
      return;
    }
    keepAliveSeconds = connack.keepAliveSeconds();
    connected(connack);
  }

  static String hex(int code) {
    return String.format("0x%02X", code);
  }
}
