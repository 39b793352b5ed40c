package io.busbar.store;

import io.busbar.shard.FormException;
import io.busbar.store.Channel.Count;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.internal.net.NetSocketInternal;
import io.vertx.core.net.NetSocket;

/** One connection of the channel, in either direction. On the channel's context only. */
final class Link {
  /** Whoever made the link. */
  interface Owner {
    /** The peer's first frame; a link that is not wanted is to be closed here. */
    void greeted(Link link, Hello hello);

    /** A frame that is not the channel's own. */
    void took(Link link, Frame frame);

    /** It has ended; called once. */
    void ended(Link link, String why);
  }

  private final NetSocket socket;
  private final Owner owner;
  private final Channel.Common common;
  private final Frame.Reader reader = new Frame.Reader(Hello.MAX_BYTES);

  private Hello hello;
  private int ticks;
  private int heardAt;
  private long unwritten;
  private boolean closed;
  private boolean ended;
  private String why;

  /** Begins to listen to a socket. */
  Link(NetSocket socket, Owner owner, Channel.Common common) {
    this.socket = socket;
    this.owner = owner;
    this.common = common;
    socket.exceptionHandler(e -> fail(reason(e)));
    socket.closeHandler(
        end -> {
          closed = true;
          ended = true;
          owner.ended(this, why == null ? "it closed the connection" : why);
        });
    socket.handler(this::read);
  }

  /** What an exception says, for a log. */
  static String reason(Throwable e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  NetSocket socket() {
    return socket;
  }

  /** Who the peer is, or null before it said so. */
  Hello hello() {
    return hello;
  }

  /** Whether it is older than the longest silence. */
  boolean isProven() {
    return hello != null && ticks >= common.silentTicks();
  }

  /** Writes at once; {@code then} is called when the bytes are with the kernel, or never will. */
  void write(Buffer bytes, Runnable then) {
    unwritten += bytes.length();
    socket
        .write(bytes)
        .onComplete(
            written -> {
              unwritten -= bytes.length();
              then.run();
            });
  }

  void write(Frame frame) {
    Buffer bytes = Buffer.buffer(frame.bytes());
    frame.write(bytes);
    write(bytes, () -> {});
  }

  /** A heartbeat has passed: says that this side is there, judges whether the other is. */
  void tick() {
    if (closed) {
      return;
    }
    ticks++;
    if (ticks - heardAt > common.silentTicks()) {
      common.counters().add(Count.SILENT, 1);
      abort("it said nothing for too long");
    } else if (hello == null && ticks > common.silentTicks()) {
      common.counters().add(Count.SILENT, 1);
      abort("it did not say who it is");
    } else if (hello != null && unwritten == 0) {
      write(new Frame(Frame.HEARTBEAT, 0, new byte[0]));
    }
  }

  /** Closes it after what was written, but does not wait long for that. */
  void close(String reason) {
    fail(reason);
    closed = true;
    socket.close();
    common
        .vertx()
        .setTimer(
            common.settings().heartbeatMillis(),
            timer -> {
              if (!ended) {
                abort(reason);
              }
            });
  }

  /** Closes it at once: a peer that does not read would have a mere close wait for ever. */
  private void abort(String reason) {
    fail(reason);
    closed = true;
    ((NetSocketInternal) socket).channelHandlerContext().close();
  }

  private void fail(String reason) {
    if (why == null) {
      why = reason;
    }
  }

  private void read(Buffer in) {
    heardAt = ticks;
    if (closed) {
      return;
    }
    try {
      reader.read(in, this::take);
    } catch (FormException e) {
      common.counters().add(Count.REFUSED_GARBAGE, 1);
      close(reason(e));
    } catch (RuntimeException e) {
      // the rest of the bytes would be read from the wrong place
      close("its frame could not be taken: " + e);
      throw e;
    }
  }

  private boolean take(Frame frame) {
    if (hello == null) {
      if (frame.kind() != Frame.HELLO) {
        throw new FormException("frame of kind %d before a hello".formatted(frame.kind()));
      }
      hello = Hello.decode(frame.body());
      reader.most(common.settings().frameBytes());
      owner.greeted(this, hello);
    } else if (frame.kind() == Frame.HELLO) {
      throw new FormException("a second hello");
    } else if (frame.kind() != Frame.HEARTBEAT) {
      common.counters().add(Count.FRAMES_RECEIVED, 1);
      common.counters().add(Count.BYTES_RECEIVED, frame.bytes());
      owner.took(this, frame);
    }
    return !closed;
  }
}
