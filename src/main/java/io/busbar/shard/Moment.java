package io.busbar.shard;

import java.util.function.Consumer;
import java.util.function.LongFunction;

/** The entry that is being applied: its time, and who is told what it wants done. */
final class Moment {
  /** Milliseconds since 1970, as the entry has it. */
  long now;

  private final PendingEffects pending;
  private Consumer<Effect> effects;

  Moment(PendingEffects pending) {
    this.pending = pending;
  }

  void begin(long time, Consumer<Effect> told) {
    now = time;
    effects = told;
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
