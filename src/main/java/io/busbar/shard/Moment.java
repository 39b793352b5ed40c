package io.busbar.shard;

import java.util.function.BiPredicate;
import java.util.function.Consumer;
import java.util.function.LongFunction;

/** The entry that is being applied: its time, and who is told what it wants done. */
final class Moment {
  /** Milliseconds since 1970, as the entry has it. */
  long now;

  private final PendingEffects pending;
  private Consumer<Effect> effects;

  /** Sessions that somebody looks at, or null while nobody does; set by any thread. */
  private volatile BiPredicate<String, String> watched;

  Moment(PendingEffects pending) {
    this.pending = pending;
  }

  void begin(long time, Consumer<Effect> told) {
    now = time;
    effects = told;
  }

  void watch(BiPredicate<String, String> sessions) {
    watched = sessions;
  }

  /** Tells what became of a message for a session, if somebody looks. */
  void became(StoredSession session, Effect.Change change, long sequence, byte[] packet) {
    BiPredicate<String, String> sessions = watched;
    if (sessions != null && sessions.test(session.name, session.owner)) {
      tell(new Effect.Watched(session.name, session.owner, change, sequence, packet));
    }
  }

  void tell(Effect effect) {
    effects.accept(effect);
  }

  /** Tells what must not be lost: it gets an identifier, and is kept until it is confirmed. */
  void owe(LongFunction<Effect.Pending> effect) {
    tell(pending.add(effect));
  }

  void lost(Effect.Loss loss, int deliveries) {
    if (deliveries > 0) {
      tell(new Effect.Lost(loss, deliveries));
    }
  }
}
