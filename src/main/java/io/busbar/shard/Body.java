package io.busbar.shard;

/** A message as it was published, shared by all queues that hold it: written once. */
final class Body {
  final byte[] packet;

  /** The checkpoint that has it already, and its number in that. */
  int checkpoint;

  int ordinal;

  Body(byte[] packet) {
    this.packet = packet;
  }
}
