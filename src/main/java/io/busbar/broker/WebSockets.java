package io.busbar.broker;

import io.busbar.config.Settings;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.ContinuationWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketDecoderConfig;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshaker;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshaker13;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshakerFactory;
import io.netty.handler.codec.http.websocketx.WebSocketVersion;
import io.netty.util.ReferenceCountUtil;
import java.util.Arrays;

/**
 * MQTT over WebSocket (MQTT 5.0 section 6): turns the binary frames into the byte stream that a
 * {@link Connection} reads, and what it writes into frames. Packets and frames need not align, so a
 * frame may hold several packets or a part of one.
 */
final class WebSockets {
  /** Tells the handlers behind that the client has said its end with a close frame. */
  static final Object CLOSED_BY_CLIENT = new Object();

  private static final int REQUEST_LINE_BYTES = 4_096;
  private static final int HEADER_BYTES = 16_384;
  private static final String VERSION = WebSocketVersion.V13.toHttpHeaderValue();

  private WebSockets() {}

  static void configure(ChannelPipeline pipeline, Settings.Listener listener, int frameBytes) {
    pipeline.addBefore(
        "handler", "http", new HttpServerCodec(REQUEST_LINE_BYTES, HEADER_BYTES, 1_024));
    pipeline.addBefore("handler", "request", new HttpObjectAggregator(1_024));
    pipeline.addBefore("handler", "handshake", new Handshake(listener, frameBytes));
  }

  /** Answers the one HTTP request that opens a WebSocket. */
  private static final class Handshake extends SimpleChannelInboundHandler<FullHttpRequest> {
    private final Settings.Listener listener;
    private final int frameBytes;

    Handshake(Settings.Listener listener, int frameBytes) {
      this.listener = listener;
      this.frameBytes = frameBytes;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
      if (!request.decoderResult().isSuccess()) {
        refuse(ctx, HttpResponseStatus.BAD_REQUEST, "not an HTTP request");
      } else if (!new QueryStringDecoder(request.uri()).rawPath().equals(listener.path())) {
        refuse(ctx, HttpResponseStatus.NOT_FOUND, "MQTT is at " + listener.path());
      } else if (!request.method().equals(HttpMethod.GET)
          || !request.headers().contains(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET, true)
          || !request
              .headers()
              .containsValue(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE, true)) {
        refuse(ctx, HttpResponseStatus.UPGRADE_REQUIRED, "only WebSocket is spoken here");
      } else if (!offersSubprotocol(request)) {
        // [MQTT-6.0.0-3] the client must offer "mqtt"
        refuse(
            ctx,
            HttpResponseStatus.BAD_REQUEST,
            "Sec-WebSocket-Protocol must offer one of " + listener.subprotocols());
      } else if (!VERSION.equals(request.headers().get(HttpHeaderNames.SEC_WEBSOCKET_VERSION))) {
        // Netty speaks drafts of the protocol too, whose frames are others; MQTT is at home in
        // RFC 6455 only
        WebSocketServerHandshakerFactory.sendUnsupportedVersionResponse(ctx.channel())
            .addListener(ChannelFutureListener.CLOSE);
      } else if (!request.headers().contains(HttpHeaderNames.SEC_WEBSOCKET_KEY)) {
        refuse(ctx, HttpResponseStatus.BAD_REQUEST, "Sec-WebSocket-Key is missing");
      } else {
        upgrade(ctx, request);
      }
    }

    private boolean offersSubprotocol(FullHttpRequest request) {
      return request.headers().getAll(HttpHeaderNames.SEC_WEBSOCKET_PROTOCOL).stream()
          .flatMap(line -> Arrays.stream(line.split(",")))
          .map(String::trim)
          .anyMatch(listener.subprotocols()::contains);
    }

    private void upgrade(ChannelHandlerContext ctx, FullHttpRequest request) {
      WebSocketDecoderConfig config =
          WebSocketDecoderConfig.newBuilder()
              .maxFramePayloadLength(frameBytes)
              .allowExtensions(false)
              .withUTF8Validator(false)
              // Frames says so, once
              .closeOnProtocolViolation(false)
              .build();
      WebSocketServerHandshaker handshaker =
          new WebSocketServerHandshaker13(
              listener.path(), String.join(",", listener.subprotocols()), config);
      ChannelPipeline pipeline = ctx.pipeline();
      pipeline.addBefore("mqtt", "framing", new Framing());
      pipeline.addBefore("mqtt", "frames", new Frames());
      handshaker.handshake(ctx.channel(), request);
      pipeline.remove(this);
    }

    private static void refuse(ChannelHandlerContext ctx, HttpResponseStatus status, String text) {
      DefaultFullHttpResponse response =
          new DefaultFullHttpResponse(
              HttpVersion.HTTP_1_1, status, ByteBufUtil.writeUtf8(ctx.alloc(), text + "\n"));
      response
          .headers()
          .set(HttpHeaderNames.CONTENT_TYPE, "text/plain; charset=utf-8")
          .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE)
          .set(HttpHeaderNames.CONTENT_LENGTH, response.content().readableBytes());
      if (status.equals(HttpResponseStatus.UPGRADE_REQUIRED)) {
        response.headers().set(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET);
      }
      ctx.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
    }
  }

  /** Sends the close frame, if the connection is a WebSocket that has not sent one. */
  static void sayEnd(ChannelHandlerContext ctx) {
    Framing framing = ctx.pipeline().get(Framing.class);
    if (framing != null && !framing.closing) {
      ctx.writeAndFlush(new CloseWebSocketFrame(WebSocketCloseStatus.NORMAL_CLOSURE));
    }
  }

  /** Frames to bytes. */
  private static final class Frames extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      if (message instanceof BinaryWebSocketFrame
          || message instanceof ContinuationWebSocketFrame) {
        ctx.fireChannelRead(((WebSocketFrame) message).content());
      } else if (message instanceof WebSocketFrame frame) {
        control(ctx, frame);
      } else {
        // the request that opened it has been answered
        ReferenceCountUtil.release(message);
      }
    }

    /** A frame that is not allowed: the client is told, the connection ends itself. */
    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      if (cause instanceof CorruptedWebSocketFrameException e) {
        ctx.writeAndFlush(new CloseWebSocketFrame(e.closeStatus()));
      }
      ctx.fireExceptionCaught(cause);
    }

    private void end(ChannelHandlerContext ctx, WebSocketCloseStatus status, String why) {
      exceptionCaught(ctx, new CorruptedWebSocketFrameException(status, why));
    }

    private void control(ChannelHandlerContext ctx, WebSocketFrame frame) {
      try {
        if (frame instanceof PingWebSocketFrame) {
          // one who sends pings and reads nothing is not answered without end
          if (ctx.channel().isWritable()) {
            ctx.writeAndFlush(new PongWebSocketFrame(frame.content().retain()));
          }
        } else if (frame instanceof CloseWebSocketFrame) {
          ctx.fireUserEventTriggered(CLOSED_BY_CLIENT);
          end(ctx, WebSocketCloseStatus.NORMAL_CLOSURE, "closed by the client");
        } else if (frame instanceof TextWebSocketFrame) {
          // [MQTT-6.0.0-1] any other data frame closes the connection
          end(ctx, WebSocketCloseStatus.INVALID_MESSAGE_TYPE, "a text frame [MQTT-6.0.0-1]");
        }
      } finally {
        frame.release();
      }
    }
  }

  /**
   * Bytes to frames: each write is one frame; the end is said with a close frame, after which there
   * is nothing more (RFC 6455 section 5.5.1).
   */
  private static final class Framing extends ChannelOutboundHandlerAdapter {
    private boolean closing;

    @Override
    public void close(ChannelHandlerContext ctx, ChannelPromise promise) {
      if (closing || !ctx.channel().isActive()) {
        ctx.close(promise);
        return;
      }
      closing = true;
      ctx.writeAndFlush(new CloseWebSocketFrame(WebSocketCloseStatus.NORMAL_CLOSURE))
          .addListener(written -> ctx.close(promise));
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
      if (message instanceof ByteBuf bytes && bytes.isReadable()) {
        ctx.write(new BinaryWebSocketFrame(bytes), promise);
      } else {
        closing |= message instanceof CloseWebSocketFrame;
        ctx.write(message, promise);
      }
    }
  }
}
