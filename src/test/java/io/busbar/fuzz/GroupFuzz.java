package io.busbar.fuzz;

import io.busbar.shard.GroupWalk;

/** The machine of stored sessions against its slow model: the bytes choose the entries. */
public final class GroupFuzz {
  private static final int STEPS = 400;

  private GroupFuzz() {}

  /** Walks as the bytes say. */
  public static void fuzzerTestOneInput(byte[] input) {
    GroupWalk.walk(new Bytes(input), STEPS);
  }

  /** A byte for each choice, two where it has more outcomes than a byte. */
  private static final class Bytes implements GroupWalk.Choice {
    private final byte[] bytes;
    private int at;

    Bytes(byte[] bytes) {
      this.bytes = bytes;
    }

    @Override
    public int next(int bound) {
      int value = one();
      if (bound > 0x100) {
        value = value << 8 | one();
      }
      return value % bound;
    }

    private int one() {
      return isOver() ? 0 : bytes[at++] & 0xff;
    }

    @Override
    public boolean isOver() {
      return at >= bytes.length;
    }
  }
}
