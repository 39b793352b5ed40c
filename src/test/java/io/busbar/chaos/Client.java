package io.busbar.chaos;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * An MQTT 5 client with a durable session: it goes to the next node when a connection breaks, and
 * on with its session there. Belongs to the thread of its {@link Loop}.
 */
abstract class Client {
  /** Longer than any run. */
  private static final int EXPIRY_SECONDS = 7 * 24 * 3_600;

  private static final int RECEIVE_MAXIMUM = 200;
  private static final int RETRY_MILLIS = 50;
  private static final long CONNECT_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final long PING_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final long SILENCE_NANOS = TimeUnit.SECONDS.toNanos(6);
  private static final int OUT_BYTES = 512 * 1024;

  final Loop loop;
  final String id;
  private final List<InetSocketAddress> nodes;
  private final ByteBuffer chunk = ByteBuffer.allocateDirect(128 * 1024);
  private int node;
  private SelectionKey key;
  private boolean wanted;
  private boolean open;
  private boolean hadSession;
  private long openedAt;
  private long heardAt;
  private long pingedAt;
  private int connection;
  private int sessionsLost;
  private long patience = SILENCE_NANOS;
  private ByteBuf in = Unpooled.buffer();
  private ByteBuf out = Unpooled.buffer();

  Client(Loop loop, String id, List<InetSocketAddress> nodes, int firstNode) {
    this.loop = loop;
    this.id = id;
    this.nodes = nodes;
    this.node = firstNode % nodes.size();
  }

  /** CONNACK has come; {@code present} as it says. */
  abstract void connected(boolean present, int receiveMaximum);

  /** A packet other than CONNACK; the buffer stands after the fixed header and ends with it. */
  abstract void packet(int first, ByteBuf body);

  /** Writes CONNECT: with the session that it has, or a new one. */
  void connect(ByteBuf to) {
    Wire.connect(to, id, false, EXPIRY_SECONDS, RECEIVE_MAXIMUM);
  }

  /** A connection that was open has ended, if politely with DISCONNECT. */
  void disconnected(boolean politely) {}

  /** Does what there is to do. */
  void act(long now) {}

  /** Connects, and again when a connection breaks, until {@link #leave}. */
  final void come() {
    if (!wanted) {
      wanted = true;
      open();
    }
  }

  /**
   * Ends the connection; the session stays.
   *
   * @param politely with DISCONNECT; else as if the client died
   */
  final void leave(boolean politely) {
    wanted = false;
    if (open && politely) {
      Wire.disconnect(out);
      flush();
    }
    drop(politely);
  }

  /** How long a node may be silent before the client goes to another one. */
  final void patience(int seconds) {
    patience = TimeUnit.SECONDS.toNanos(seconds);
  }

  final boolean isOpen() {
    return open;
  }

  /** How often CONNACK has come. */
  final int connection() {
    return connection;
  }

  /** How often a CONNACK said that there is no session where there must be one. */
  final int sessionsLost() {
    return sessionsLost;
  }

  /** Where packets are written; they leave at the end of the turn. */
  final ByteBuf out() {
    return out;
  }

  final boolean hasRoom() {
    return out.readableBytes() < OUT_BYTES;
  }

  private void open() {
    if (!wanted || key != null) {
      return;
    }
    openedAt = System.nanoTime();
    try {
      key = loop.connect(this, nodes.get(node));
    } catch (IOException e) {
      broken();
    }
  }

  private void drop(boolean politely) {
    if (open) {
      disconnected(politely);
    }
    open = false;
    if (key != null) {
      try {
        key.channel().close();
      } catch (IOException e) {
        throw new KillException(id + ": cannot close a socket", e);
      }
      key = null;
    }
    in.clear();
    out.clear();
  }

  /** To the next node: this one may be gone for a while. */
  private void broken() {
    drop(false);
    node = (node + 1) % nodes.size();
    if (wanted) {
      loop.after(RETRY_MILLIS, this::open);
    }
  }

  final void ready(SelectionKey ready) {
    if (ready != key) {
      return;
    }
    try {
      if (key.isConnectable()) {
        SocketChannel channel = (SocketChannel) key.channel();
        channel.finishConnect();
        channel.socket().setTcpNoDelay(true);
        key.interestOps(SelectionKey.OP_READ);
        connect(out);
      } else if (key.isReadable()) {
        read();
      }
    } catch (IOException e) {
      broken(); // refused or reset: what a broker that dies does
    }
  }

  private void read() throws IOException {
    chunk.clear();
    int n = ((SocketChannel) key.channel()).read(chunk);
    if (n < 0) {
      broken();
      return;
    }
    heardAt = System.nanoTime();
    in.writeBytes(chunk.flip());
    for (int length = Wire.length(in);
        length >= 0 && length <= in.readableBytes();
        length = Wire.length(in)) {
      ByteBuf body = in.readSlice(length);
      int first = body.readUnsignedByte();
      Wire.variable(body);
      if (first >> 4 == Wire.CONNACK) {
        connack(body);
      } else if (first >> 4 == Wire.DISCONNECT) {
        broken();
      } else if (first >> 4 != Wire.PINGRESP) {
        packet(first, body);
      }
      if (!open) {
        return;
      }
    }
    in.discardSomeReadBytes();
  }

  private void connack(ByteBuf body) {
    boolean present = body.readUnsignedByte() == 1;
    int reason = body.readUnsignedByte();
    if (reason != 0) {
      broken(); // such as busy, or shutting down
      return;
    }
    open = true;
    connection++;
    pingedAt = heardAt;
    if (hadSession && !present) {
      sessionsLost++;
    }
    hadSession = true;
    connected(present, Wire.receiveMaximum(body));
  }

  final void turn(long now) {
    if (key == null) {
      return;
    }
    if (open ? now - heardAt > patience : now - openedAt > CONNECT_NANOS) {
      broken();
      return;
    }
    if (open) {
      if (now - pingedAt > PING_NANOS) {
        pingedAt = now;
        Wire.ping(out);
      }
      act(now);
    }
    flush();
  }

  private void flush() {
    if (!out.isReadable() || key == null) {
      return;
    }
    try {
      int n = ((SocketChannel) key.channel()).write(out.nioBuffer());
      out.skipBytes(n);
      out.discardSomeReadBytes();
      key.interestOps(SelectionKey.OP_READ | (out.isReadable() ? SelectionKey.OP_WRITE : 0));
    } catch (IOException e) {
      broken();
    }
  }
}
