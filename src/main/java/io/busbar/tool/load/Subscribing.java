package io.busbar.tool.load;

import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;

/**
 * Subscribes on some connections, each to one filter after another that nobody had before, as fast
 * as SUBACK comes; a connection keeps the latest few.
 */
final class Subscribing extends Repeating {
  /** Subscriptions of a connection: beyond, the oldest goes. */
  private static final int KEPT = 40;

  /** Odd ones for SUBSCRIBE, the next even ones for UNSUBSCRIBE. */
  private static final int PACKET_IDS = 30_000;

  private final List<Subscriptions> peers = new ArrayList<>();

  Subscribing(Setup setup, Window window, int connections) {
    super(setup, window, "subscribe", "subscribes", "suback");
    Plan.check("connections", connections, 1, 10_000);
    Setup.requireFiles(connections);
    for (int i = 0; i < connections; i++) {
      peers.add(new Subscriptions(i));
    }
  }

  /**
   * One connection: SUBSCRIBE, SUBACK, and the oldest filter goes, whose UNSUBACK nobody awaits.
   */
  private final class Subscriptions extends Peer {
    private int filters;
    private long since;

    Subscriptions(int number) {
      super(Subscribing.this, "s", number);
    }

    private String filter(int one) {
      return "load/" + Integer.toHexString(runId) + "/" + number() + "/" + one;
    }

    @Override
    void connected(Wire.Connack connack) {
      ready(this);
    }

    @Override
    void turn(long now) {
      ByteBuf out = buffer(256);
      int packetId = 1 + 2 * (filters % PACKET_IDS);
      if (filters >= KEPT) {
        Wire.unsubscribe(out, version, packetId + 1, filter(filters - KEPT));
      }
      Wire.subscribe(out, version, packetId, filter(filters), 0);
      filters++;
      since = now;
      write(out);
    }

    @Override
    void packet(int first, ByteBuf in, int at, int length) {
      if (first >>> 4 == Wire.UNSUBACK) {
        return;
      }
      int code = in.getUnsignedByte(at + length - 1);
      if (first >>> 4 != Wire.SUBACK || code > 2) {
        throw new LoadException("no SUBACK, or one that refuses: " + hex(code));
      }
      done(since);
      if (!isStopped()) {
        touch(this);
      }
    }
  }

  @Override
  void begin() {
    dial(
        peers,
        () -> {
          peers.forEach(this::touch);
          started();
        });
  }

  @Override
  void ready(Peer peer) {
    dialedOne();
  }

  @Override
  void closed(Peer peer, String why) {
    if (!isStopped()) {
      fail(new LoadException(why));
    }
  }

  @Override
  void describe(Report report) {
    report.count("connections", peers.size());
  }
}
