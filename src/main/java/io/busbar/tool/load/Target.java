package io.busbar.tool.load;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.ssl.NotSslRecordException;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import java.net.ConnectException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.security.cert.CertificateException;
import java.util.Locale;
import javax.net.ssl.SSLException;

/**
 * Where the load goes and how it gets there: the one place that knows transport and address. This
 * machine only, because a load on anything else is an attack by mistake.
 */
final class Target {
  /** Connections from one source address before the next is used; ports are about 28,000. */
  private static final int CONNECTIONS_PER_SOURCE = 15_000;

  private static final int CONNECT_MILLIS = 10_000;
  private static final int READ_BYTES = 256 * 1024;

  /** How MQTT is carried. */
  enum Transport {
    MQTT(1883, false, false),
    MQTTS(8883, true, false),
    WS(8083, false, true),
    WSS(8443, true, true);

    final int port;
    final boolean isSecure;
    final boolean isWebSocket;

    Transport(int port, boolean isSecure, boolean isWebSocket) {
      this.port = port;
      this.isSecure = isSecure;
      this.isWebSocket = isWebSocket;
    }
  }

  private final Transport transport;
  private final InetSocketAddress address;
  private final String path;

  private Target(Transport transport, InetSocketAddress address, String path) {
    this.transport = transport;
    this.address = address;
    this.path = path;
  }

  /**
   * A broker on this machine.
   *
   * @param text {@code mqtt://}, {@code mqtts://}, {@code ws://} or {@code wss://}, host and port
   *     (else the transport's usual one), and for WebSockets a path (else {@code /mqtt}); or a port
   *     alone, which is MQTT over TCP
   * @throws LoadException if it is something else, or no loopback address
   */
  static Target parse(String text) {
    boolean isPort = !text.isEmpty() && text.chars().allMatch(c -> c >= '0' && c <= '9');
    URI uri;
    Transport transport;
    try {
      uri = new URI(isPort ? "mqtt://127.0.0.1:" + text : text);
      transport = Transport.valueOf(String.valueOf(uri.getScheme()).toUpperCase(Locale.ROOT));
    } catch (URISyntaxException | IllegalArgumentException e) {
      throw refused(text, "a port, or mqtt, mqtts, ws or wss://HOST:PORT");
    }
    int port = uri.getPort() < 0 ? transport.port : uri.getPort();
    if (uri.getHost() == null || uri.getUserInfo() != null || port < 1 || port > 65_535) {
      throw refused(text, "a port from 1 to 65535, or mqtt, mqtts, ws or wss://HOST:PORT");
    }
    String path = uri.getRawPath();
    if (!transport.isWebSocket && !path.isEmpty()) {
      throw refused(text, "a path with ws and wss only");
    }
    InetAddress resolved;
    try {
      resolved = InetAddress.getByName(uri.getHost());
    } catch (UnknownHostException e) {
      throw refused(text, "loopback addresses");
    }
    if (!resolved.isLoopbackAddress()) {
      throw refused(text, "loopback addresses");
    }
    return new Target(
        transport, new InetSocketAddress(resolved, port), path.isEmpty() ? "/mqtt" : path);
  }

  private static LoadException refused(String text, String allowed) {
    return new LoadException("--target: " + text + " (allowed: " + allowed + ")");
  }

  boolean isSecure() {
    return transport.isSecure;
  }

  /** As {@link #parse} reads it. */
  @Override
  public String toString() {
    String host = address.getAddress().getHostAddress();
    return "%s://%s:%d%s"
        .formatted(
            transport.name().toLowerCase(Locale.ROOT),
            host.contains(":") ? "[" + host + "]" : host,
            address.getPort(),
            transport.isWebSocket ? path : "");
  }

  /** One event loop on the best transport of this machine. */
  static EventLoopGroup newLoop() {
    return new MultiThreadIoEventLoopGroup(
        1, Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
  }

  /**
   * Opens a connection.
   *
   * @param handler becomes active when MQTT can be sent
   * @param tls shows certificates, where this target is secure
   * @param identity whose certificate, and whose sessions are resumed
   * @param ordinal how many connections were opened before; spreads them over the loopback
   *     network's source addresses where the platform can, so that ports do not run out
   */
  ChannelFuture open(
      EventLoopGroup loop, ChannelHandler handler, Tls tls, int identity, int ordinal) {
    boolean epoll = Epoll.isAvailable();
    Class<? extends Channel> channel = epoll ? EpollSocketChannel.class : NioSocketChannel.class;
    Bootstrap bootstrap =
        new Bootstrap()
            .group(loop)
            .channel(channel)
            .option(ChannelOption.TCP_NODELAY, true)
            .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_MILLIS)
            .option(
                ChannelOption.RECVBUF_ALLOCATOR,
                new AdaptiveRecvByteBufAllocator(1024, 4096, READ_BYTES))
            .option(
                ChannelOption.WRITE_BUFFER_WATER_MARK,
                new WriteBufferWaterMark(READ_BYTES, 2 * READ_BYTES))
            .handler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    if (transport.isSecure) {
                      channel
                          .pipeline()
                          .addLast(tls.handler(channel.alloc(), identity), new AfterHandshake());
                    }
                    if (transport.isWebSocket) {
                      channel.pipeline().addLast(new WebSocket(authority(), path));
                    }
                    channel.pipeline().addLast(handler);
                  }
                });
    if (epoll && address.getAddress() instanceof Inet4Address) {
      int source = ordinal / CONNECTIONS_PER_SOURCE % (200 * 200);
      bootstrap
          .option(EpollChannelOption.IP_BIND_ADDRESS_NO_PORT, true)
          .localAddress(loopback(1 + source / 200, 2 + source % 200));
    }
    return bootstrap.connect(address);
  }

  /**
   * Lets nobody write before the handshake is done: what waits in the TLS handler when a loop ends
   * is lost, with its buffer.
   */
  private static final class AfterHandshake extends ChannelInboundHandlerAdapter {
    @Override
    public void channelActive(ChannelHandlerContext ctx) {}

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      ctx.fireUserEventTriggered(event);
      if (event instanceof SslHandshakeCompletionEvent handshake && handshake.isSuccess()) {
        ctx.fireChannelActive();
      }
    }
  }

  private String authority() {
    String host = address.getAddress().getHostAddress();
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort();
  }

  /** What went wrong with a connection, and what to do about it, in one line. */
  String explain(Throwable cause) {
    String said = String.valueOf(cause.getMessage()).lines().findFirst().orElse("");
    if (said.contains("Too many open files")) {
      return this + ": too many open files (allow more with ulimit -n, or open fewer connections)";
    }
    if (cause instanceof ConnectException) {
      return this + ": no connection: " + said + " (is the broker started, and is this its port?)";
    }
    if (cause instanceof ClosedChannelException) {
      return this + ": closed during the TLS handshake (is this a port with TLS?)";
    }
    if (cause instanceof NotSslRecordException) {
      return this + ": does not speak TLS (allowed: mqtts and wss at ports with TLS)";
    }
    for (Throwable inner = cause; inner != null; inner = inner.getCause()) {
      if (inner instanceof CertificateException) {
        return this
            + ": the broker's certificate is not of the authority in --certificates: "
            + inner.getMessage();
      }
    }
    if (cause instanceof SSLException) {
      return this
          + ": TLS failed: "
          + said
          + " (does the broker trust ca.pem of --certificates, and allow this version?)";
    }
    return this + ": " + said;
  }

  private static InetSocketAddress loopback(int third, int fourth) {
    try {
      return new InetSocketAddress(
          InetAddress.getByAddress(new byte[] {127, 0, (byte) third, (byte) fourth}), 0);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("four bytes are an address", e);
    }
  }
}
