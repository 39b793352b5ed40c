package io.busbar.store;

/**
 * A part of a checkpoint, as the engine knows it: its bytes stay in the checkpoint's file.
 *
 * @param index the log index that the checkpoint stands for
 * @param number of {@code count} parts, from 0
 * @param isReceived whether it came from another node
 */
record Part(long index, int number, int count, boolean isReceived) {
  /** Where the part begins in a file of so many bytes. */
  long begin(long length) {
    return length * number / count;
  }

  /** Where it ends. */
  long end(long length) {
    return length * (number + 1) / count;
  }
}
