package io.busbar.fuzz;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.broker.WebSocketPipeline;
import io.busbar.config.Settings;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.WebSocketHandshakeException;
import java.io.ByteArrayOutputStream;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The first byte says how the rest is cut into reads, and (odd) whether it is the HTTP request too
 * or (even) frames that follow a proper one. {@link SlowFrames} says what of them is for MQTT; that
 * is sent back, so that frames are written as well.
 */
public final class WebSocketFuzz {
  private static final int FRAME_BYTES = 512;
  private static final Settings.Listener LISTENER =
      new Settings.Listener(
          Settings.Protocol.WS,
          new Settings.Address("127.0.0.1", 0),
          Optional.empty(),
          Optional.empty(),
          "/mqtt",
          List.of("mqtt", "mqttv3.1"));
  private static final byte[] REQUEST =
      """
      GET /mqtt HTTP/1.1
      Host: h
      Connection: Upgrade
      Upgrade: websocket
      Sec-WebSocket-Version: 13
      Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==
      Sec-WebSocket-Protocol: mqtt

      """
          .replace("\n", "\r\n")
          .getBytes(US_ASCII);

  private WebSocketFuzz() {}

  /** What a connection does: takes bytes, here sends them back, and closes when all is lost. */
  private static final class Mqtt extends ChannelInboundHandlerAdapter {
    final ByteArrayOutputStream taken = new ByteArrayOutputStream();
    final List<Throwable> causes = new ArrayList<>();
    private boolean ending;

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      ByteBuf in = (ByteBuf) message;
      try {
        if (!ending) {
          byte[] bytes = new byte[in.readableBytes()];
          in.readBytes(bytes);
          taken.writeBytes(bytes);
          ctx.writeAndFlush(ctx.alloc().buffer().writeBytes(bytes));
        }
      } finally {
        in.release();
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      causes.add(cause);
      ending = true;
      ctx.close();
    }
  }

  /** Throws if the product and the model disagree. */
  public static void fuzzerTestOneInput(byte[] data) {
    if (data.length == 0) {
      return;
    }
    boolean raw = data[0] % 2 != 0;
    byte[] bytes = Arrays.copyOfRange(data, 1, data.length);
    UnpooledByteBufAllocator buffers = new UnpooledByteBufAllocator(false);
    Mqtt mqtt = new Mqtt();
    EmbeddedChannel channel = new EmbeddedChannel();
    channel.config().setAllocator(buffers);
    channel.pipeline().addLast("handler", new ChannelInboundHandlerAdapter());
    WebSocketPipeline.configure(channel.pipeline(), LISTENER, FRAME_BYTES, mqtt);
    List<ByteBuf> given = new ArrayList<>();
    ByteArrayOutputStream answers = new ByteArrayOutputStream();
    try {
      if (!raw) {
        send(channel, REQUEST, data[0], given);
        String response = new String(written(channel), US_ASCII);
        assertThat(response).startsWith("HTTP/1.1 101 ").endsWith("\r\n\r\n");
      }
      send(channel, bytes, data[0], given);
      answers.writeBytes(written(channel));
      for (Throwable cause : mqtt.causes) {
        expected(cause);
      }
      if (!raw) {
        frames(bytes, mqtt, channel.isOpen(), answers.toByteArray());
      }
    } finally {
      channel.finishAndReleaseAll();
    }
    assertThat(given).as("reads that nobody released").allMatch(read -> read.refCnt() == 0);
    assertThat(buffers.metric().usedHeapMemory() + buffers.metric().usedDirectMemory())
        .as("bytes of buffers that nobody released")
        .isZero();
  }

  private static void send(EmbeddedChannel channel, byte[] bytes, int cut, List<ByteBuf> given) {
    int seed = cut & 0xff;
    for (int at = 0; at < bytes.length && channel.isOpen(); ) {
      seed = (seed * 109 + 89) % 257;
      int most = (cut & 0x02) == 0 ? bytes.length : 1 + seed % ((cut & 0x04) == 0 ? 4 : 64);
      int next = Math.min(bytes.length, at + most);
      ByteBuf read = channel.alloc().buffer().writeBytes(bytes, at, next - at);
      given.add(read);
      channel.writeInbound(read);
      at = next;
    }
    channel.checkException();
  }

  private static byte[] written(EmbeddedChannel channel) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (Object part = channel.readOutbound(); part != null; part = channel.readOutbound()) {
      ByteBuf out = (ByteBuf) part;
      byte[] bytes = new byte[out.readableBytes()];
      out.readBytes(bytes);
      out.release();
      all.writeBytes(bytes);
    }
    return all.toByteArray();
  }

  /** What a client may bring about; all else would be a defect. */
  private static void expected(Throwable cause) {
    Throwable root =
        cause.getClass() == DecoderException.class && cause.getCause() != null
            ? cause.getCause()
            : cause;
    if (!(root instanceof ClosedChannelException // a second request behind a refused one
        || root instanceof CorruptedWebSocketFrameException
        || root instanceof TooLongFrameException
        || root instanceof WebSocketHandshakeException)) {
      throw new AssertionError("not the fault of a client", cause);
    }
  }

  private static void frames(byte[] bytes, Mqtt mqtt, boolean open, byte[] answers) {
    SlowFrames in = new SlowFrames(bytes, true, FRAME_BYTES);
    assertThat(mqtt.taken.toByteArray()).as("what MQTT is given").isEqualTo(in.data.toByteArray());
    if (in.end != SlowFrames.End.PARTIAL) {
      assertThat(open).as("still open: %s", mqtt.causes).isEqualTo(in.end == SlowFrames.End.CLEAN);
    }
    SlowFrames out = new SlowFrames(answers, false, Integer.MAX_VALUE);
    assertThat(out.data.toByteArray()).as("sent back").isEqualTo(in.data.toByteArray());
    assertThat(out.pongs).as("pongs").isEqualTo(in.pings);
    assertThat(out.pings).isEmpty();
    assertThat(out.closed).as("a close frame is sent").isEqualTo(!open);
    assertThat(out.end).isEqualTo(open ? SlowFrames.End.CLEAN : SlowFrames.End.ENDED);
    if (out.closed) {
      // nothing follows a close frame, whose payload is a status and a text
      assertThat(out.unread).as("bytes behind the close frame").isZero();
    }
  }
}
