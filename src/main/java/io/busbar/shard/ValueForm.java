package io.busbar.shard;

import java.util.List;

/**
 * The form of what commands, outcomes and checkpoints have in common.
 *
 * <pre>
 *   subscription  u8 flags (0x03 qos, 0x04 no local, 0x08 retain as published, 0x30 retain
 *                 handling, 0x40 shared), [string share], bytes filter, number id
 *   will          bytes packet, number delay in seconds
 *   location      string node, number loop, number connection
 *   bounds        number queue messages, number queue bytes, u8 overflow (0 drop oldest, 1 drop
 *                 newest, 2 end session, 3 refuse), number sessions, number retained messages,
 *                 number retained bytes
 *   optional      u8 0, or u8 1 and the value
 * </pre>
 */
final class ValueForm {
  /** By their codes. */
  private static final List<Bounds.Overflow> OVERFLOWS =
      List.of(
          Bounds.Overflow.DROP_OLDEST,
          Bounds.Overflow.DROP_NEWEST,
          Bounds.Overflow.END_SESSION,
          Bounds.Overflow.REFUSE);

  private ValueForm() {}

  static void write(FormWriter out, StoredSubscription it) {
    String derived = StoredSubscription.name(it.share(), it.filter());
    if (!it.name().equals(derived)) {
      throw new IllegalArgumentException("a subscription named otherwise than its filter: " + it);
    }
    int flags = it.qos() | it.retainHandling() << 4;
    flags |= it.noLocal() ? 0x04 : 0;
    flags |= it.retainAsPublished() ? 0x08 : 0;
    flags |= it.share() == null ? 0 : 0x40;
    out.u8(flags);
    if (it.share() != null) {
      out.string(it.share());
    }
    out.bytes(it.filter()).number(it.id());
  }

  static StoredSubscription subscription(FormReader in) {
    int flags = in.u8();
    int qos = flags & 0x03;
    int retainHandling = flags >> 4 & 0x03;
    if (qos == 3 || retainHandling == 3 || (flags & 0x80) != 0) {
      throw in.wrong("the flags of a subscription are " + flags);
    }
    String share = (flags & 0x40) == 0 ? null : in.string();
    byte[] filter = in.bytes();
    return new StoredSubscription(
        StoredSubscription.name(share, filter),
        share,
        filter,
        qos,
        (flags & 0x04) != 0,
        (flags & 0x08) != 0,
        retainHandling,
        in.u31());
  }

  static void write(FormWriter out, Will it) {
    out.flag(it != null);
    if (it != null) {
      out.bytes(it.packet()).number(it.delaySeconds());
    }
  }

  static Will will(FormReader in) {
    return in.flag() ? new Will(in.bytes(), in.number()) : null;
  }

  static void write(FormWriter out, Location it) {
    out.flag(it != null);
    if (it != null) {
      out.string(it.node()).number(it.loop()).number(it.connection());
    }
  }

  static Location location(FormReader in) {
    return in.flag() ? new Location(in.string(), in.u31(), in.number()) : null;
  }

  static void write(FormWriter out, Bounds it) {
    out.number(it.queueMessages()).number(it.queueBytes());
    out.u8(OVERFLOWS.indexOf(it.overflow())).number(it.sessions());
    out.number(it.retainedMessages()).number(it.retainedBytes());
  }

  static Bounds bounds(FormReader in) {
    return new Bounds(
        in.u31(),
        in.number(),
        OVERFLOWS.get(in.number(OVERFLOWS.size() - 1, "an overflow")),
        in.u31(),
        in.u31(),
        in.number());
  }

  static void write(FormWriter out, String it) {
    out.flag(it != null);
    if (it != null) {
      out.string(it);
    }
  }

  static String string(FormReader in) {
    return in.flag() ? in.string() : null;
  }

  static void write(FormWriter out, byte[] it) {
    out.flag(it != null);
    if (it != null) {
      out.bytes(it);
    }
  }

  static byte[] bytes(FormReader in) {
    return in.flag() ? in.bytes() : null;
  }

  static void write(FormWriter out, long[] it) {
    out.number(it.length);
    for (long value : it) {
      out.number(value);
    }
  }

  static long[] numbers(FormReader in) {
    long[] values = new long[in.count()];
    for (int i = 0; i < values.length; i++) {
      values[i] = in.number();
    }
    return values;
  }
}
