package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.shard.Command;
import io.busbar.shard.Owned;
import io.busbar.store.Store;
import io.vertx.core.eventbus.EventBus;
import java.util.List;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes from stored sessions, connected or not, the subscriptions that their clients have no right
 * to any more: page after page, whenever the policy has changed. For one thread.
 */
final class Review {
  private static final Logger LOG = LoggerFactory.getLogger(SessionVerticle.class);

  /** Sessions of a page. */
  private static final int SOME = 256;

  /** How long the authorization verticle may take, in milliseconds. */
  private static final long TIMEOUT = 5_000;

  private final EventBus bus;
  private final Store store;
  private final Hop hop;
  private final BiConsumer<List<Command>, Runnable> append;
  private boolean isRunning;

  /** The policy has changed since the reading began. */
  private boolean isStale;

  /**
   * Nothing to review yet.
   *
   * @param append gives the store entries, and calls back when it has answered
   */
  Review(EventBus bus, Store store, Hop hop, BiConsumer<List<Command>, Runnable> append) {
    this.bus = bus;
    this.store = store;
    this.hop = hop;
    this.append = append;
  }

  /** The policy has changed. */
  void begin() {
    isStale = true;
    if (!isRunning) {
      isRunning = true;
      next();
    }
  }

  private void next() {
    boolean isNew = isStale;
    isStale = false;
    store.review(isNew, SOME, some -> hop.execute(() -> judge(some)));
  }

  private void judge(List<Owned> some) {
    if (some.isEmpty() && !isStale) {
      isRunning = false;
      return;
    }
    bus.<Bus.Local>request(Bus.AUTHORIZATION, new Bus.Covered(some), Bus.local(TIMEOUT))
        .onComplete(
            reply -> {
              if (reply.failed()) {
                LOG.warn("stored sessions are reviewed again: cause={}", reply.cause().toString());
                isStale = true;
                next();
                return;
              }
              List<Command> taken = ((Bus.Uncovered) reply.result().body()).commands();
              if (taken.isEmpty()) {
                next();
              } else {
                append.accept(taken, this::next);
              }
            });
  }
}
