package io.busbar.shard;

import java.util.ArrayDeque;

/**
 * The events of a queue that were never given out: they come in at the end and leave at the front.
 * Most of what waits is of this kind, so it is kept in few large objects: a queue that nobody
 * empties costs the collector little, and what a checkpoint holds of it is a list of its chunks.
 */
final class UntouchedEvents {
  private static final int CHUNK = 64;

  private final Freezer freezer;
  private final ArrayDeque<Chunk> chunks = new ArrayDeque<>();

  /** The sequence of the first one, if there is any. */
  private long first;

  /** The sequence of the one that comes in next. */
  private long next;

  /** Events whose sequences follow each other; what was once put into it stays as it is. */
  private static final class Chunk {
    final long from;
    final Body[] bodies = new Body[CHUNK];
    final long[] published = new long[CHUNK];

    /** Null as long as none of them is a dead letter. */
    DeadLetter[] letters;

    Chunk(long from) {
      this.from = from;
    }

    EventQueue.Event get(long sequence) {
      int at = (int) (sequence - from);
      return EventQueue.Event.untouched(sequence, bodies[at], published[at], letter(at));
    }

    DeadLetter letter(int at) {
      return letters == null ? null : letters[at];
    }
  }

  /** None yet; the next one has the sequence {@code next}. */
  UntouchedEvents(Freezer freezer, long next) {
    this.freezer = freezer;
    this.first = next;
    this.next = next;
  }

  long first() {
    return first;
  }

  long next() {
    return next;
  }

  int size() {
    return (int) (next - first);
  }

  void add(Body body, long published, DeadLetter letter) {
    Chunk last = chunks.peekLast();
    if (last == null || next - last.from == CHUNK) {
      last = new Chunk(next);
      chunks.addLast(last);
    }
    int at = (int) (next - last.from);
    last.bodies[at] = body;
    last.published[at] = published;
    if (letter != null) {
      if (last.letters == null) {
        last.letters = new DeadLetter[CHUNK];
      }
      last.letters[at] = letter;
    }
    next++;
  }

  /** The oldest one; there must be one. */
  EventQueue.Event peek() {
    return chunks.getFirst().get(first);
  }

  /** When the oldest one came in; there must be one. */
  long published() {
    Chunk chunk = chunks.getFirst();
    return chunk.published[(int) (first - chunk.from)];
  }

  /** The oldest one leaves. */
  void remove() {
    Chunk chunk = chunks.getFirst();
    if (!freezer.isOn()) {
      // a checkpoint may still have to write it
      chunk.bodies[(int) (first - chunk.from)] = null;
    }
    first++;
    if (first - chunk.from == CHUNK) {
      chunks.removeFirst();
    }
  }

  /** All of them as they are now, whatever becomes of them. */
  Frozen frozen() {
    return new Frozen(chunks.toArray(Chunk[]::new), first, next);
  }

  /** Events as they were when a checkpoint began. */
  static final class Frozen {
    private final Chunk[] chunks;
    private final long end;
    private int chunk;
    private long sequence;

    private Frozen(Chunk[] chunks, long from, long end) {
      this.chunks = chunks;
      this.sequence = from;
      this.end = end;
    }

    boolean isWritten() {
      return sequence == end;
    }

    /** Writes the next one, in the form that all events have. */
    void write(CheckpointWriter out) {
      if (sequence - chunks[chunk].from == CHUNK) {
        chunk++;
      }
      Chunk of = chunks[chunk];
      int at = (int) (sequence - of.from);
      out.event(sequence, of.bodies[at], of.published[at], 0, false, 0, 0, 0, 0, of.letter(at));
      sequence++;
    }
  }
}
