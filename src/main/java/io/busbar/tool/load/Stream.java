package io.busbar.tool.load;

import io.netty.buffer.ByteBuf;

/**
 * The messages of one publisher, numbered from 0. Each payload begins with run, stream, the time it
 * was to be sent and its number, so that a receiver can account for it without asking anyone.
 */
final class Stream {
  static final int HEADER_BYTES = 4 + 4 + 8 + 8;

  static final int SENT_AT = 8;
  private static final int SEQUENCE = 16;

  final int id;
  private final int fan;
  private long sent;
  private long delivered;
  private long writtenOff;
  private long deliveredBefore;
  private int stillSeconds;

  /** Stream {@code id}, each of whose messages {@code fan} subscribers hear. */
  Stream(int id, int fan) {
    this.id = id;
    this.fan = fan;
  }

  static void writeHeader(ByteBuf out, int runId, int stream) {
    out.writeInt(runId).writeInt(stream).writeLong(0).writeLong(0);
  }

  static int runId(ByteBuf in, int payload) {
    return in.getInt(payload);
  }

  static int stream(ByteBuf in, int payload) {
    return in.getInt(payload + 4);
  }

  static long sentAt(ByteBuf in, int payload) {
    return in.getLong(payload + SENT_AT);
  }

  static long sequence(ByteBuf in, int payload) {
    return in.getLong(payload + SEQUENCE);
  }

  /** Numbers the payload at {@code payload} as the next message; returns its number. */
  long stamp(ByteBuf out, int payload, long sentAt) {
    out.setLong(payload + SENT_AT, sentAt);
    out.setLong(payload + SEQUENCE, sent);
    return sent++;
  }

  void arrived() {
    delivered++;
  }

  long sent() {
    return sent;
  }

  /** First arrivals at all subscribers together. */
  long delivered() {
    return delivered;
  }

  long expected() {
    return sent * fan;
  }

  /** How many more may be sent while at most {@code maxLag} are under way. */
  long room(int maxLag) {
    long underWay = Math.max(0, expected() - delivered - writtenOff);
    return maxLag - (underWay + fan - 1) / fan;
  }

  /**
   * Called each second; a stream without room on which nothing has arrived for two seconds gives
   * its missing messages up, or it would never send again.
   *
   * @return whether it did
   */
  boolean givesUp(int maxLag) {
    stillSeconds = delivered == deliveredBefore && room(maxLag) <= 0 ? stillSeconds + 1 : 0;
    deliveredBefore = delivered;
    if (stillSeconds < 2) {
      return false;
    }
    stillSeconds = 0;
    writtenOff = expected() - delivered;
    return true;
  }
}
