package io.busbar.shard;

import java.util.function.Consumer;

/** The entry that is being applied: its time, and who is told what it wants done. */
final class Moment {
  /** Milliseconds since 1970, as the entry has it. */
  long now;

  private Consumer<Effect> effects;

  void begin(long time, Consumer<Effect> told) {
    now = time;
    effects = told;
  }

  void tell(Effect effect) {
    effects.accept(effect);
  }

  void lost(Effect.Loss loss, int deliveries) {
    if (deliveries > 0) {
      tell(new Effect.Lost(loss, deliveries));
    }
  }
}
