package io.busbar.tool.load;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
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
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;

/**
 * Where the load goes and how it gets there: the one place that knows transport and address. Plain
 * TCP to this machine only, because a load on anything else is an attack by mistake.
 */
final class Target {
  /** Connections from one source address before the next is used; ports are about 28,000. */
  private static final int CONNECTIONS_PER_SOURCE = 15_000;

  private static final int CONNECT_MILLIS = 10_000;
  private static final int READ_BYTES = 256 * 1024;

  private final InetSocketAddress address;

  /**
   * A broker on this machine.
   *
   * @throws LoadException if {@code host} is not a loopback address or {@code port} no port
   */
  Target(String host, int port) {
    if (port < 1 || port > 65_535) {
      throw new LoadException("--port: " + port + " (allowed: 1 to 65535)");
    }
    InetAddress resolved;
    try {
      resolved = InetAddress.getByName(host);
    } catch (UnknownHostException e) {
      throw new LoadException("--host: " + host + " is unknown (allowed: loopback addresses)");
    }
    if (!resolved.isLoopbackAddress()) {
      throw new LoadException("--host: " + host + " (allowed: loopback addresses)");
    }
    this.address = new InetSocketAddress(resolved, port);
  }

  /** One event loop on the best transport of this machine. */
  static EventLoopGroup newLoop() {
    return new MultiThreadIoEventLoopGroup(
        1, Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
  }

  /**
   * Opens a connection.
   *
   * @param ordinal how many connections were opened before; spreads them over the loopback
   *     network's source addresses where the platform can, so that ports do not run out
   */
  ChannelFuture open(EventLoopGroup loop, ChannelHandler handler, int ordinal) {
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
            .handler(handler);
    if (epoll && address.getAddress() instanceof Inet4Address) {
      int source = ordinal / CONNECTIONS_PER_SOURCE % (200 * 200);
      bootstrap
          .option(EpollChannelOption.IP_BIND_ADDRESS_NO_PORT, true)
          .localAddress(loopback(1 + source / 200, 2 + source % 200));
    }
    return bootstrap.connect(address);
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
