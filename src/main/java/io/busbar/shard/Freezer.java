package io.busbar.shard;

import java.util.ArrayDeque;

/**
 * Keeps the state as it was when a checkpoint began: what is about to change and is not written yet
 * is copied first. Whoever changes a session, a share or a retained message tells it before.
 */
final class Freezer {
  /** A part of a checkpoint, which does not change any more. */
  interface Frozen {
    /**
     * Writes on; false if there is more to be written.
     *
     * @param out full at some time: then the rest waits
     */
    boolean write(CheckpointWriter out);
  }

  /** Number of the last checkpoint that began: what has it was written, or came later. */
  int checkpoint;

  /** Copies that are not written yet. */
  final ArrayDeque<Frozen> copies = new ArrayDeque<>();

  private boolean isOn;

  /** A checkpoint begins. */
  void begin() {
    checkpoint++;
    copies.clear();
    isOn = true;
  }

  /** Everything is written. */
  void end() {
    isOn = false;
  }

  boolean isOn() {
    return isOn;
  }

  /** A session is about to change, or to end. */
  void before(StoredSession session) {
    if (isOn && session.checkpoint != checkpoint) {
      copies.add(FrozenSession.of(session));
    }
    session.checkpoint = checkpoint;
  }

  /** A share is about to change, or to close. */
  void before(Share share) {
    if (isOn && share.checkpoint != checkpoint) {
      copies.add(FrozenShare.of(share));
    }
    share.checkpoint = checkpoint;
  }
}
