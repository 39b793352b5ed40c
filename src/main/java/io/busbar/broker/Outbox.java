package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.shard.Command;
import io.busbar.shard.Outcome;
import io.vertx.core.eventbus.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * What one event loop has for the store: the commands of a turn are one bus message to the session
 * verticle. Bytes on their way are bounded by credit, as on a {@link Link}.
 */
final class Outbox {
  /** How long the store may take, in milliseconds; then the outcome is unknown. */
  private static final long TIMEOUT = 30_000;

  /** What a command costs besides its message. */
  private static final int OVERHEAD = 64;

  private final Loop loop;
  private final Credit credit;
  private List<Command> commands = new ArrayList<>();
  private List<Consumer<Outcome>> waiting = new ArrayList<>();
  private long bytes;

  Outbox(Loop loop) {
    this.loop = loop;
    this.credit = new Credit(loop, loop.broker.limits.get(Limit.FORWARD_BYTES));
  }

  /**
   * Adds a command to the turn's batch.
   *
   * @param size bytes of its message
   * @param feeder the publisher that is paused when credit runs out, or null
   * @param then gets the outcome on this loop, or null if it stays unknown
   */
  void add(Command command, int size, Connection feeder, Consumer<Outcome> then) {
    commands.add(command);
    waiting.add(then);
    bytes += size + OVERHEAD;
    credit.take(size + OVERHEAD, feeder);
    loop.schedule();
  }

  /** Adds a command whose outcome changes nothing here. */
  void add(Command command) {
    add(command, 0, null, outcome -> {});
  }

  /** Sends the turn's batch. */
  void send() {
    if (commands.isEmpty()) {
      return;
    }
    final List<Consumer<Outcome>> told = waiting;
    final long size = bytes;
    Bus.Append batch = new Bus.Append(commands);
    commands = new ArrayList<>();
    waiting = new ArrayList<>();
    bytes = 0;
    loop.bus
        .<Bus.Local>request(Bus.SESSION, batch, Bus.local(TIMEOUT))
        .onComplete(
            reply ->
                loop.execute(
                    () -> {
                      loop.counters.busMessages++;
                      credit.give(size);
                      outcomes(reply.succeeded() ? reply.result() : null, told);
                    }));
  }

  private void outcomes(Message<Bus.Local> reply, List<Consumer<Outcome>> told) {
    List<Outcome> outcomes = reply == null ? null : ((Bus.Appended) reply.body()).outcomes();
    if (outcomes == null) {
      loop.limitedLog.warn("the store did not answer: entries={}", told.size());
    }
    for (int i = 0; i < told.size(); i++) {
      told.get(i).accept(outcomes == null ? null : outcomes.get(i));
    }
  }

  /** Each second. */
  void sweep() {
    credit.sweep();
  }
}
