package io.busbar.shard;

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
      stream = new Stream(entry.incarnation());
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

  /** What the entries have come to, to be read. */
  public Group group() {
    return group;
  }
}
