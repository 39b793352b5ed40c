package io.busbar.tool.load;

import java.util.Arrays;

/**
 * What one subscriber has received of one stream: exact counts of lost, duplicated and reordered
 * messages. Sequences start at 0. Memory grows with the number of separate gaps, not of messages.
 *
 * <pre>
 *   received: 0 1 2 . . 5 6 . 8        next = 9, gaps = [3,5) [7,8)
 * </pre>
 */
final class Arrivals {
  /** So many separate gaps can be told apart; a run with more cannot be accounted for exactly. */
  static final int MAX_GAPS = 1 << 18;

  private long next;
  private long duplicated;
  private long reordered;

  /**
   * Gaps below {@link #next}, ascending: from {@code gaps[2i]} up to but without {@code
   * gaps[2i+1]}.
   */
  private long[] gaps = {};

  private int gapCount;

  /**
   * Records an arrival.
   *
   * @return whether this is the first arrival of {@code sequence}
   * @throws LoadException if the gaps exceed {@link #MAX_GAPS}
   */
  boolean accept(long sequence) {
    if (sequence == next) {
      next++;
      return true;
    }
    if (sequence > next) {
      insertGap(gapCount, next, sequence);
      next = sequence + 1;
      return true;
    }
    int gap = gapWith(sequence);
    if (gap < 0) {
      duplicated++;
      return false;
    }
    reordered++;
    fill(gap, sequence);
    return true;
  }

  /** How many of the {@code sent} messages have not arrived. */
  long lost(long sent) {
    long lost = sent - next;
    for (int i = 0; i < gapCount; i++) {
      lost += gaps[2 * i + 1] - gaps[2 * i];
    }
    return lost;
  }

  /** Whether {@code sequence} has not arrived. */
  boolean misses(long sequence) {
    return sequence >= next || gapWith(sequence) >= 0;
  }

  /** Arrivals of messages that had arrived before. */
  long duplicated() {
    return duplicated;
  }

  /** First arrivals that came after an arrival of a later message. */
  long reordered() {
    return reordered;
  }

  private int gapWith(long sequence) {
    int low = 0;
    int high = gapCount - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      if (sequence < gaps[2 * middle]) {
        high = middle - 1;
      } else if (sequence >= gaps[2 * middle + 1]) {
        low = middle + 1;
      } else {
        return middle;
      }
    }
    return -1;
  }

  private void fill(int gap, long sequence) {
    long from = gaps[2 * gap];
    long to = gaps[2 * gap + 1];
    if (to - from == 1) {
      System.arraycopy(gaps, 2 * gap + 2, gaps, 2 * gap, 2 * (gapCount - gap - 1));
      gapCount--;
    } else if (sequence == from) {
      gaps[2 * gap] = sequence + 1;
    } else {
      gaps[2 * gap + 1] = sequence;
      if (sequence + 1 < to) {
        insertGap(gap + 1, sequence + 1, to);
      }
    }
  }

  private void insertGap(int at, long from, long to) {
    if (gapCount == MAX_GAPS) {
      throw new LoadException(
          "gaps in one stream: more than " + MAX_GAPS + " (the broker drops too much to count)");
    }
    if (gaps.length < 2 * gapCount + 2) {
      gaps = Arrays.copyOf(gaps, Math.max(16, 2 * gaps.length));
    }
    System.arraycopy(gaps, 2 * at, gaps, 2 * at + 2, 2 * (gapCount - at));
    gaps[2 * at] = from;
    gaps[2 * at + 1] = to;
    gapCount++;
  }
}
