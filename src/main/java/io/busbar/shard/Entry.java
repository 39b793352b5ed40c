package io.busbar.shard;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * An entry of the log: commands that are applied together, one after the other.
 *
 * <p>Its form, in the types of {@link FormWriter}: u8 version = 1, i64 time, string origin, number
 * incarnation, number number, list of command ({@link CommandForm}).
 *
 * @param origin the node that it comes from
 * @param incarnation rises with every start of that node
 * @param number 1 for the first of the incarnation, and one more for each that follows
 * @param time milliseconds since 1970, by the clock of whoever put it into the log
 */
public record Entry(
    String origin, long incarnation, long number, long time, List<Command> commands) {
  private static final int VERSION = 1;

  /** Its form in the log and between nodes. */
  public byte[] encode() {
    FormWriter out = new FormWriter(48 + size());
    out.u8(VERSION).i64(time).string(origin).number(incarnation).number(number);
    out.number(commands.size());
    commands.forEach(command -> CommandForm.write(out, command));
    return out.toBytes();
  }

  /** Puts the time into the form of an entry: its origin does not know it. */
  public static void stamp(byte[] form, long time) {
    ByteBuffer.wrap(form).putLong(1, time);
  }

  /** About how many bytes its commands have, so that few copies are made. */
  private int size() {
    int size = 0;
    for (Command command : commands) {
      size += 64 + (command instanceof Command.Publish it ? it.packet().length : 0);
    }
    return size;
  }

  /**
   * Reads what {@link #encode} wrote.
   *
   * @throws FormException if the bytes are not that
   */
  public static Entry decode(byte[] bytes) {
    FormReader in = new FormReader(bytes);
    in.version(VERSION);
    long time = in.i64();
    Entry entry =
        new Entry(in.string(), in.number(), in.number(), time, in.list(CommandForm::read));
    in.end();
    return entry;
  }
}
