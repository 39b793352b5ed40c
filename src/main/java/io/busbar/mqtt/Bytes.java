package io.busbar.mqtt;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Ranges of bytes as keys: topics are looked up without making a string of them. */
public final class Bytes {
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle SHORTS =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);
  private static final VarHandle INTS =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
  private static final long MIX = 0x9e37_79b9_7f4a_7c15L;

  private Bytes() {}

  /** Eight bytes, the first one lowest. */
  static long word(byte[] bytes, int at) {
    return (long) LONGS.get(bytes, at);
  }

  /** Two bytes as a number, the first one highest. */
  static int u16(byte[] bytes, int at) {
    return (short) SHORTS.get(bytes, at) & 0xffff;
  }

  /** Four bytes as a number, the first one highest. */
  static long u32(byte[] bytes, int at) {
    return (int) INTS.get(bytes, at) & 0xffff_ffffL;
  }

  /** A hash of a range, eight bytes at a time. Not fit against an adversary, only fast. */
  public static int hash(byte[] bytes, int offset, int length) {
    long hash = length * MIX;
    int i = offset;
    int end = offset + length;
    for (; i + 8 <= end; i += 8) {
      hash = (hash ^ word(bytes, i)) * MIX;
      hash ^= hash >>> 32;
    }
    long tail = 0;
    for (; i < end; i++) {
      tail = (tail << 8) | (bytes[i] & 0xff);
    }
    hash = (hash ^ tail) * MIX;
    return (int) (hash ^ (hash >>> 32));
  }

  /** Whether a range holds the same bytes as a whole array. */
  public static boolean equal(byte[] whole, byte[] bytes, int offset, int length) {
    return whole.length == length
        && Arrays.equals(whole, 0, length, bytes, offset, offset + length);
  }
}
