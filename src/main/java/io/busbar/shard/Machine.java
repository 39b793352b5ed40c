package io.busbar.shard;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * What a replica of a group does with the entries of its log: each is applied once and in its
 * origin's order, however often and in whatever order it comes, and answered again when it is
 * repeated. So whoever does not know what became of an entry gives it again, with its number.
 *
 * <p>An origin has two entries on their way at most: the answers of the last two are kept.
 *
 * <p>The same entries come to the same results and effects on every replica. Time never goes back:
 * the entries of a new leader whose clock is behind have the time of the last one. Not thread-safe;
 * after an exception the state is not to be used any more.
 */
public final class Machine {
  private final Group group;
  private final Map<String, Stream> streams = new TreeMap<>();
  private long now;

  /** A machine without any state, as each replica begins: its bounds come with the first entry. */
  public Machine() {
    this(Bounds.INITIAL);
  }

  /** A machine without any state but its bounds, which must be the same on all replicas. */
  public Machine(Bounds bounds) {
    group = new Group(bounds);
  }

  /**
   * Applies an entry if it is the next of its origin. What is not applied changes nothing and has
   * no effects.
   *
   * @param told gets what the entry wants done, in order
   */
  public Result apply(Entry entry, Consumer<Effect> told) {
    Stream stream = streams.get(entry.origin());
    if (stream != null && stream.incarnation > entry.incarnation()) {
      return new Result.Stale(stream.incarnation);
    }
    boolean isNew = stream == null || stream.incarnation < entry.incarnation();
    if (isNew) {
      stream = new Stream(entry.origin(), entry.incarnation());
    }
    Result known = stream.judge(entry.number());
    if (known != null) {
      return known;
    }
    if (isNew) {
      streams.put(entry.origin(), stream);
    }
    now = Math.max(now, entry.time());
    List<Outcome> outcomes = new ArrayList<>(entry.commands().size());
    for (Command command : entry.commands()) {
      outcomes.add(group.apply(now, command, told));
    }
    stream.applied(List.copyOf(outcomes));
    return new Result.Applied(stream.answer);
  }

  /**
   * Begins a checkpoint of the state as it is now, which takes little time: it is written in slices
   * ({@link Checkpoint#writeSome}). One that was begun before and is not written to its end is
   * void.
   */
  public Checkpoint checkpoint() {
    group.rewind();
    List<Freezer.Frozen> first = new ArrayList<>(group.small(now));
    // behind the header
    streams.values().forEach(stream -> first.add(stream.frozen()));
    return new Checkpoint(group.freezer(), group, first.iterator());
  }

  /**
   * The machine of a checkpoint: it goes on as the one that was at that moment.
   *
   * @throws FormException if the bytes are not a whole checkpoint, or damaged
   * @throws IOException if they cannot be read
   */
  public static Machine restore(InputStream bytes) throws IOException {
    return new Restore(bytes).machine();
  }

  /** A machine with the state of a checkpoint. */
  Machine(Group group, long now, List<Stream> restored) {
    this.group = group;
    this.now = now;
    restored.forEach(stream -> streams.put(stream.origin, stream));
  }

  /** What the entries have come to, to be read. */
  public Group group() {
    return group;
  }
}
