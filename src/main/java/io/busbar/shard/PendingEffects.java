package io.busbar.shard;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;

/** Effects that were told and are not confirmed yet, in the order in which they were told. */
final class PendingEffects {
  private final Map<Long, Effect.Pending> byId = new LinkedHashMap<>();
  private long lastId;

  Effect.Pending add(LongFunction<Effect.Pending> effect) {
    Effect.Pending added = effect.apply(++lastId);
    byId.put(lastId, added);
    return added;
  }

  void confirm(long id) {
    byId.remove(id);
  }

  long lastId() {
    return lastId;
  }

  /** Of a group that is restored: those it had, and the last identifier. */
  void restore(long last, List<Effect.Pending> effects) {
    lastId = last;
    effects.forEach(effect -> byId.put(effect.id(), effect));
  }

  List<Effect.Pending> list() {
    return List.copyOf(byId.values());
  }
}
