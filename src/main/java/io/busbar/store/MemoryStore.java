package io.busbar.store;

import io.busbar.shard.Bounds;
import io.busbar.shard.Command;
import io.busbar.shard.Delivery;
import io.busbar.shard.Effect;
import io.busbar.shard.Group;
import io.busbar.shard.Outcome;
import io.busbar.shard.Retained;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/** A store of one node that remembers nothing over its end: an entry is applied as it is given. */
public final class MemoryStore implements Store {
  /** What one page of retained messages holds at most. */
  private static final int PAGE_MESSAGES = 256;

  private static final int PAGE_BYTES = 256 * 1024;

  private final Group group;
  private final LongSupplier clock;
  private final Consumer<Effect> effects;

  /**
   * An empty store.
   *
   * @param clock milliseconds since 1970
   * @param effects is told what the entries want done
   */
  public MemoryStore(Bounds bounds, LongSupplier clock, Consumer<Effect> effects) {
    this.group = new Group(bounds);
    this.clock = clock;
    this.effects = effects;
  }

  @Override
  public void append(Command command, Consumer<Outcome> then) {
    then.accept(group.apply(clock.getAsLong(), command, effects));
  }

  @Override
  public Retained.Page retained(byte[] filter, byte[] after) {
    return group.retained().read(filter, after, PAGE_MESSAGES, PAGE_BYTES, clock.getAsLong());
  }

  @Override
  public List<Delivery> inbox(String session, long epoch, long from, int most) {
    return group.inbox(session, epoch, from, most);
  }

  @Override
  public void tick() {
    if (group.nextDue() <= clock.getAsLong()) {
      append(new Command.Tick(), done -> {});
    }
  }

  @Override
  public int sessions() {
    return group.sessions();
  }

  @Override
  public int retainedMessages() {
    return group.retained().size();
  }
}
