package io.busbar.testing;

import io.busbar.shard.Bounds;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.EventQueueView;
import io.busbar.shard.InboxPage;
import io.busbar.shard.Outcome;
import io.busbar.shard.Owned;
import io.busbar.shard.Refusal;
import io.busbar.shard.Retained;
import io.busbar.shard.SessionView;
import io.busbar.store.Appended;
import io.busbar.store.Feed;
import io.busbar.store.MemoryStore;
import io.busbar.store.Store;
import io.busbar.store.StoreMeters;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiPredicate;
import java.util.function.Consumer;

/**
 * A store that answers later, from its own thread, as one on a disk does; and that can be told to
 * have no room, to be away, to lose its answers, or not to answer at all.
 */
public final class ReluctantStore implements Store {
  /** How it takes what it is given. */
  public enum Mood {
    /** Applies and answers. */
    WILLING,
    /** Has no room: refuses batches with a command that needs some. */
    FULL,
    /** Refuses all. */
    AWAY,
    /** Applies nothing and says that it does not know. */
    UNSURE,
    /** Applies and says that it does not know. */
    FORGETFUL,
    /** Applies nothing, answers nothing, and lets nothing be read. */
    SILENT,
    /** Keeps what it is given, to go on when it is willing again. */
    STALLED
  }

  private final MemoryStore kept;

  /** What comes after the end is thrown away. */
  private final ExecutorService thread =
      new ThreadPoolExecutor(
          1,
          1,
          0,
          TimeUnit.SECONDS,
          new LinkedBlockingQueue<>(),
          task -> new Thread(task, "reluctant-store"),
          new ThreadPoolExecutor.DiscardPolicy());

  private final List<Stalled> stalled = new CopyOnWriteArrayList<>();

  private record Stalled(List<Command> commands, Runnable taken) {}

  private final StoreMeters meters;
  private volatile Mood mood = Mood.WILLING;
  private volatile Class<? extends Command> refused;
  private final AtomicLong bytes = new AtomicLong();
  private final List<Command> carriedOut = Collections.synchronizedList(new ArrayList<>());

  /** An empty store that tells of a journal which it has not got. */
  public ReluctantStore(Bounds bounds, StoreMeters meters) {
    this.kept = new MemoryStore(bounds, System::currentTimeMillis);
    this.meters = meters;
  }

  /** Changes its ways; returns when it has. */
  public void be(Mood other) throws Exception {
    thread
        .submit(
            () -> {
              mood = other;
              if (other == Mood.WILLING) {
                stalled.forEach(one -> one.taken.run());
                stalled.clear();
              }
            })
        .get();
  }

  @Override
  public Future<Void> start(Vertx vertx, Consumer<Effect> effects) {
    Promise<Void> started = Promise.promise();
    thread.execute(
        () -> {
          meters.journal(bytes::get, () -> mood == Mood.FULL);
          kept.start(vertx, effects).onComplete(started);
        });
    return started.future();
  }

  @Override
  public Future<Void> close() {
    Promise<Void> closed = Promise.promise();
    thread.execute(
        () -> {
          kept.close().onComplete(closed);
          thread.shutdown();
        });
    return closed.future();
  }

  @Override
  public void append(List<Command> commands, Feed feed, Consumer<Appended> then) {
    thread.execute(() -> take(commands, then));
  }

  /** Says that it is away to the next batch that has a command of a kind. */
  public void refuseOnce(Class<? extends Command> kind) {
    refused = kind;
  }

  /** Whether a command of a kind waits for it to be willing again. */
  public boolean hasStalled(Class<? extends Command> kind) {
    return stalled.stream().flatMap(one -> one.commands.stream()).anyMatch(kind::isInstance);
  }

  /** What was taken of pending effects that were carried out: the doing, and that it is done. */
  public List<Command> carriedOut() {
    return List.copyOf(carriedOut);
  }

  private void take(List<Command> commands, Consumer<Appended> then) {
    Class<? extends Command> once = refused;
    if (once != null && commands.stream().anyMatch(once::isInstance)) {
      refused = null;
      then.accept(new Appended.Refused(Refusal.UNAVAILABLE));
      return;
    }
    switch (mood) {
      case WILLING -> apply(commands, then);
      case FULL -> {
        if (commands.stream().anyMatch(Command::needsRoom)) {
          then.accept(new Appended.Refused(Refusal.FULL));
        } else {
          apply(commands, then);
        }
      }
      case AWAY -> then.accept(new Appended.Refused(Refusal.UNAVAILABLE));
      case UNSURE -> then.accept(new Appended.Unknown());
      case FORGETFUL -> apply(commands, applied -> then.accept(new Appended.Unknown()));
      case SILENT -> {}
      case STALLED -> stalled.add(new Stalled(commands, () -> apply(commands, then)));
    }
  }

  private void apply(List<Command> commands, Consumer<Appended> then) {
    commands.stream()
        .filter(one -> one instanceof Command.Once || one instanceof Command.Confirm)
        .forEach(carriedOut::add);
    kept.append(commands, then);
    bytes.addAndGet(commands.size());
    meters.synced(1_000);
  }

  @Override
  public void retained(byte[] filter, byte[] after, Consumer<Retained.Page> then) {
    thread.execute(() -> read(() -> kept.retained(filter, after, then)));
  }

  @Override
  public void retained(String session, String name, byte[] after, Consumer<Retained.Page> then) {
    thread.execute(() -> read(() -> kept.retained(session, name, after, then)));
  }

  @Override
  public void review(boolean isNew, int most, Consumer<List<Owned>> then) {
    thread.execute(() -> read(() -> kept.review(isNew, most, then)));
  }

  @Override
  public void session(String name, Consumer<SessionView> then) {
    kept.session(name, then);
  }

  @Override
  public void sessions(
      SessionView.Mark after,
      int most,
      BiPredicate<String, String> wanted,
      Consumer<SessionView.Page> then) {
    kept.sessions(after, most, wanted, then);
  }

  @Override
  public void inbox(String session, long epoch, long from, int most, Consumer<InboxPage> then) {
    thread.execute(() -> read(() -> kept.inbox(session, epoch, from, most, then)));
  }

  @Override
  public void events(String queue, List<Outcome.Took> took, Consumer<List<byte[]>> then) {
    thread.execute(() -> read(() -> kept.events(queue, took, then)));
  }

  @Override
  public void queues(String after, int most, Consumer<List<EventQueueView>> then) {
    thread.execute(() -> read(() -> kept.queues(after, most, then)));
  }

  private void read(Runnable reading) {
    if (mood != Mood.SILENT) {
      reading.run();
    }
  }

  @Override
  public void watch(BiPredicate<String, String> sessions) {
    kept.watch(sessions);
  }

  @Override
  public void tick() {
    thread.execute(kept::tick);
  }

  @Override
  public String node() {
    return kept.node();
  }

  @Override
  public int restored() {
    return kept.restored();
  }

  @Override
  public int sessions() {
    return kept.sessions();
  }

  @Override
  public long retainedBytes() {
    return kept.retainedBytes();
  }

  @Override
  public long retainedExpired() {
    return kept.retainedExpired();
  }

  @Override
  public int retainedMessages() {
    return kept.retainedMessages();
  }

  @Override
  public int queuedEvents() {
    return kept.queuedEvents();
  }
}
