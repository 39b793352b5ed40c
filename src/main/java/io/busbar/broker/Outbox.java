package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.mqtt.ReasonCode;
import io.busbar.shard.Command;
import io.busbar.shard.Outcome;
import io.busbar.shard.Refusal;
import io.vertx.core.eventbus.Message;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
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
  private List<Waiter> waiting = new ArrayList<>();
  private long bytes;

  /** As {@link Bus.Appended#refusals}: of the last one, and when the turn's batch began. */
  private long refusals;

  private long heard;

  /** What must be taken one day, and was not yet. */
  private List<Runnable> again = new ArrayList<>();

  /** Publishes of pending effects that were not taken yet, in their order. */
  private final Set<InTurn> inTurn = new LinkedHashSet<>();

  /** Whether some of them are on their way. */
  private boolean isInTurn;

  /** One of them; each is another, whatever it holds. */
  private static final class InTurn {
    final Command.Once command;
    final int size;
    final Consumer<Outcome> then;

    InTurn(Command.Once command, int size, Consumer<Outcome> then) {
      this.command = command;
      this.size = size;
      this.then = then;
    }
  }

  /** Who waits for what becomes of a command; told once, on its loop. */
  interface Waiter {
    /** It is applied, and as safe as the store promises. */
    void applied(Outcome outcome);

    /** It is known not to be applied: whoever asked may be told no. */
    void refused(Refusal why);

    /** It is applied or not: nobody may be told either. */
    void unknown();

    /** Tells of the outcome; without one, or if the session is another's, ends the connection. */
    static Waiter orEnd(Connection connection, Consumer<Outcome> then) {
      return new Waiter() {
        @Override
        public void applied(Outcome outcome) {
          if (outcome instanceof Outcome.Stale) {
            connection.end(ReasonCode.SESSION_TAKEN_OVER, Unstored.STALE);
          }
          then.accept(outcome);
        }

        @Override
        public void refused(Refusal why) {
          connection.end(Unstored.ends(why), Unstored.text(why));
        }

        @Override
        public void unknown() {
          connection.end(ReasonCode.SERVER_UNAVAILABLE, Unstored.UNKNOWN);
        }
      };
    }
  }

  Outbox(Loop loop) {
    this.loop = loop;
    this.credit = new Credit(loop, loop.broker.limits.get(Limit.FORWARD_BYTES));
  }

  /**
   * Adds a command to the turn's batch.
   *
   * @param size bytes of its message
   * @param feeder the publisher that is paused when credit runs out, or null
   */
  void add(Command command, int size, Connection feeder, Waiter waiter) {
    if (commands.isEmpty()) {
      heard = refusals;
    }
    commands.add(command);
    waiting.add(waiter);
    bytes += size + OVERHEAD;
    credit.take(size + OVERHEAD, feeder);
    loop.schedule();
  }

  /** Adds a command without a message, of a connection that ends if the store does not take it. */
  void add(Command command, Connection connection, Consumer<Outcome> then) {
    add(command, 0, null, Waiter.orEnd(connection, then));
  }

  /**
   * Adds a command that nobody waits for: it is tried again, each second, until it is taken; taken
   * twice it does no harm.
   */
  void addUntilTaken(Command command) {
    add(
        command,
        0,
        null,
        new Waiter() {
          @Override
          public void applied(Outcome outcome) {
            // that is all
          }

          @Override
          public void refused(Refusal why) {
            unknown();
          }

          @Override
          public void unknown() {
            again.add(() -> addUntilTaken(command));
          }
        });
  }

  /**
   * Adds the publish of a pending effect: it is tried again until it is taken, and not taken before
   * those that came earlier, so that one client's wills keep their order. The store may refuse what
   * has waited for long and take what came later: so the next ones wait until those before are.
   *
   * @param size bytes of its message
   * @param then gets the outcome
   */
  void addInTurn(Command.Once command, int size, Consumer<Outcome> then) {
    inTurn.add(new InTurn(command, size, then));
    addNextInTurn();
  }

  private void addNextInTurn() {
    if (isInTurn) {
      return;
    }
    isInTurn = !inTurn.isEmpty();
    // one batch, so that all of them are taken or none is
    List<InTurn> all = new ArrayList<>(inTurn);
    for (InTurn one : all) {
      add(
          one.command,
          one.size,
          null,
          new Waiter() {
            @Override
            public void applied(Outcome outcome) {
              inTurn.remove(one);
              one.then.accept(outcome);
              told();
            }

            @Override
            public void refused(Refusal why) {
              unknown();
            }

            @Override
            public void unknown() {
              told();
            }

            private void told() {
              if (one != all.get(all.size() - 1)) {
                return;
              }
              isInTurn = false;
              if (all.stream().noneMatch(inTurn::contains)) {
                addNextInTurn();
              } else {
                again.add(Outbox.this::addNextInTurn);
              }
            }
          });
    }
  }

  /**
   * Adds an event that nobody waits for: it is tried again until it is taken, unless the store has
   * no room; taken twice, it is told twice.
   */
  void addUnlessFull(Command.Enqueue event) {
    add(
        event,
        event.events().get(0).event().length,
        null,
        new Waiter() {
          @Override
          public void applied(Outcome outcome) {
            // a queue that is full is in the ledger
          }

          @Override
          public void refused(Refusal why) {
            if (why == Refusal.FULL) {
              loop.counters.lost(Unstored.loss(why), 1);
            } else {
              unknown();
            }
          }

          @Override
          public void unknown() {
            again.add(() -> addUnlessFull(event));
          }
        });
  }

  /** Sends the turn's batch. */
  void send() {
    if (commands.isEmpty()) {
      return;
    }
    final List<Waiter> told = waiting;
    final long size = bytes;
    Bus.Append batch = new Bus.Append(commands, loop.id + 1, heard);
    commands = new ArrayList<>();
    waiting = new ArrayList<>();
    bytes = 0;
    loop.<Bus.Local>request(Bus.SESSION, batch, Bus.local(TIMEOUT))
        .onComplete(
            reply ->
                loop.execute(
                    () -> {
                      loop.counters.busMessages++;
                      credit.give(size);
                      if (reply.succeeded()) {
                        outcomes(reply.result(), told);
                      } else {
                        loop.limitedLog.warn("the store did not answer: entries={}", told.size());
                        told.forEach(Waiter::unknown);
                      }
                    }));
  }

  private void outcomes(Message<Bus.Local> reply, List<Waiter> told) {
    Bus.Appended appended = (Bus.Appended) reply.body();
    refusals = Math.max(refusals, appended.refusals());
    if (appended.refusal() != null) {
      loop.limitedLog.warn("the store refused: reason={}", Unstored.text(appended.refusal()));
    }
    for (int i = 0; i < told.size(); i++) {
      Outcome outcome = appended.outcomes().get(i);
      if (outcome == null) {
        told.get(i).refused(appended.refusal());
      } else {
        told.get(i).applied(outcome);
      }
    }
  }

  /** Each second. */
  void sweep() {
    credit.sweep();
    List<Runnable> once = again;
    again = new ArrayList<>();
    once.forEach(Runnable::run);
  }
}
