package io.busbar.shard;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * Which session names belong to whom. Costs nothing until it is asked for the first time; from then
 * on it is kept. For one thread.
 */
public final class Owners {
  private final Consumer<BiConsumer<String, String>> everything;
  private Map<String, Set<String>> names;

  /**
   * Of what is there.
   *
   * @param everything tells each owner and name that is there, when that is asked for
   */
  public Owners(Consumer<BiConsumer<String, String>> everything) {
    this.everything = everything;
  }

  /** A name has this owner now. */
  public void added(String owner, String name) {
    if (names != null) {
      names.computeIfAbsent(owner, o -> new HashSet<>(2)).add(name);
    }
  }

  /** It has not any more. */
  public void removed(String owner, String name) {
    if (names != null) {
      names.computeIfPresent(
          owner,
          (o, all) -> {
            all.remove(name);
            return all.isEmpty() ? null : all;
          });
    }
  }

  /** An owner's names. */
  public Set<String> of(String owner) {
    if (names == null) {
      names = new HashMap<>();
      everything.accept(this::added);
    }
    return names.getOrDefault(owner, Set.of());
  }
}
