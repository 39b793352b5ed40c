package io.busbar.shard;

/**
 * Which of the QoS 2 messages that an event loop sent to other nodes a message is. Who has it from
 * there can tell that it is the same one when its publisher sends it again at another node.
 *
 * @param stream the event loop's, another one after each start
 * @param number counted from 1
 */
public record Sending(long stream, long number) {
  static Sending read(FormReader in) {
    return new Sending(in.i64(), in.number());
  }

  void write(FormWriter out) {
    out.i64(stream).number(number);
  }
}
