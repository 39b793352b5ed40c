package io.busbar.shard;

import java.util.Iterator;
import java.util.function.Consumer;

/**
 * The state of a {@link Machine} as it was at one moment, as bytes that {@link Machine#restore}
 * reads. They are written in slices between entries: what an entry is about to change is copied
 * before, if it is not written yet.
 */
public final class Checkpoint {
  private final CheckpointWriter writer;
  private final Freezer freezer;
  private final int number;
  private final Iterator<Freezer.Frozen> first;
  private final Group group;
  private Freezer.Frozen current;
  private boolean isDone;

  /**
   * Begins; the freezer did already.
   *
   * @param first what is small, and copied
   */
  Checkpoint(Freezer freezer, Group group, Iterator<Freezer.Frozen> first) {
    this.freezer = freezer;
    this.number = freezer.checkpoint;
    this.writer = new CheckpointWriter(number);
    this.first = first;
    this.group = group;
  }

  /**
   * Writes on. Called between entries until it is done.
   *
   * @param budgetBytes how many bytes to write, about: a message is written as a whole
   * @param out gets the bytes in order
   * @return whether all is written
   * @throws IllegalStateException if a later checkpoint of the machine has begun
   */
  public boolean writeSome(int budgetBytes, Consumer<byte[]> out) {
    if (number != freezer.checkpoint) {
      throw new IllegalStateException("a later checkpoint has begun");
    }
    writer.begin(Math.max(1, budgetBytes), out);
    while (!isDone && !writer.isFull()) {
      if (current == null) {
        current = next();
      }
      if (current != null && current.write(writer)) {
        current = null;
      } else if (current == null && !writer.isFull()) {
        writer.end();
        freezer.end();
        isDone = true;
      }
    }
    return isDone;
  }

  private Freezer.Frozen next() {
    if (first.hasNext()) {
      return first.next();
    }
    Freezer.Frozen copy = freezer.copies.poll();
    return copy == null ? group.unwritten(writer) : copy;
  }
}
