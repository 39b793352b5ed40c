package io.busbar.store;

import io.busbar.shard.Bounds;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.EventQueueView;
import io.busbar.shard.Group;
import io.busbar.shard.InboxPage;
import io.busbar.shard.Outcome;
import io.busbar.shard.Owned;
import io.busbar.shard.Retained;
import io.busbar.shard.SessionView;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiPredicate;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * A store of one node that remembers nothing over its end: a batch is applied and answered within
 * the call.
 */
public final class MemoryStore implements Store {
  private final Group group;
  private final LongSupplier clock;
  private Consumer<Effect> effects;
  private volatile int sessions;
  private volatile int retained;
  private volatile long retainedBytes;
  private volatile long retainedExpired;
  private volatile int queuedEvents;

  /**
   * An empty store.
   *
   * @param clock milliseconds since 1970
   */
  public MemoryStore(Bounds bounds, LongSupplier clock) {
    this.group = new Group(bounds);
    this.clock = clock;
  }

  @Override
  public Future<Void> start(Vertx vertx, Consumer<Effect> told) {
    effects = told;
    return Future.succeededFuture();
  }

  @Override
  public Future<Void> close() {
    return Future.succeededFuture();
  }

  @Override
  public void append(List<Command> commands, Feed feed, Consumer<Appended> then) {
    List<Outcome> outcomes = new ArrayList<>(commands.size());
    for (Command command : commands) {
      outcomes.add(group.apply(clock.getAsLong(), command, effects));
    }
    sessions = group.sessions();
    retained = group.retained().size();
    retainedBytes = group.retained().bytes();
    retainedExpired = group.retained().expired();
    queuedEvents = group.queuedEvents();
    then.accept(new Appended.Outcomes(outcomes));
  }

  @Override
  public void retained(byte[] filter, byte[] after, Consumer<Retained.Page> then) {
    then.accept(group.retained().read(filter, after, PAGE_MESSAGES, PAGE_BYTES, clock.getAsLong()));
  }

  @Override
  public void retained(String session, String name, byte[] after, Consumer<Retained.Page> then) {
    then.accept(group.retained(session, name, after, PAGE_MESSAGES, PAGE_BYTES, clock.getAsLong()));
  }

  @Override
  public void inbox(String session, long epoch, long from, int most, Consumer<InboxPage> then) {
    then.accept(group.page(session, epoch, from, most));
  }

  @Override
  public void events(String queue, List<Outcome.Took> took, Consumer<List<byte[]>> then) {
    then.accept(group.events(queue, took));
  }

  @Override
  public void queues(String after, int most, Consumer<List<EventQueueView>> then) {
    then.accept(group.queues(after, most));
  }

  @Override
  public void session(String name, Consumer<SessionView> then) {
    then.accept(group.view(name));
  }

  @Override
  public void sessions(
      SessionView.Mark after,
      int most,
      BiPredicate<String, String> wanted,
      Consumer<SessionView.Page> then) {
    then.accept(group.sessions(after, most, wanted));
  }

  @Override
  public void watch(BiPredicate<String, String> sessions) {
    group.watch(sessions);
  }

  @Override
  public void tick() {
    if (group.nextDue() <= clock.getAsLong()) {
      append(List.of(new Command.Tick()), done -> {});
    }
  }

  @Override
  public String node() {
    return "";
  }

  @Override
  public void review(boolean isNew, int most, Consumer<List<Owned>> then) {
    if (isNew) {
      group.beginReview();
    }
    then.accept(group.review(most));
  }

  @Override
  public int sessions() {
    return sessions;
  }

  @Override
  public int retainedMessages() {
    return retained;
  }

  @Override
  public long retainedBytes() {
    return retainedBytes;
  }

  @Override
  public long retainedExpired() {
    return retainedExpired;
  }

  @Override
  public int queuedEvents() {
    return queuedEvents;
  }

  @Override
  public int restored() {
    return 0;
  }
}
