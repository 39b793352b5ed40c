package io.busbar.policy;

import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Whose rights a change may have changed.
 *
 * @param everyone all clients'
 * @param names those of clients of these authentication names, {@linkplain #is folded}
 */
public record Affected(boolean everyone, Set<String> names) {
  /** Nobody's. */
  public static final Affected NOBODY = new Affected(false, Set.of());

  /** Everybody's. */
  public static final Affected EVERYONE = new Affected(true, Set.of());

  /** Copies the names. */
  public Affected {
    names = Set.copyOf(names);
  }

  static Affected client(String authenticationName) {
    return new Affected(false, Set.of(Text.fold(authenticationName)));
  }

  /** Whose rights either change may have changed. */
  Affected and(Affected other) {
    return all(List.of(this, other));
  }

  /** Whose rights any of these changes may have changed. */
  public static Affected all(Collection<Affected> changes) {
    Set<String> names = new HashSet<>();
    for (Affected one : changes) {
      if (one.everyone) {
        return EVERYONE;
      }
      names.addAll(one.names);
    }
    return new Affected(false, names);
  }

  /** Whether it is nobody. */
  public boolean isNobody() {
    return !everyone && names.isEmpty();
  }

  /** Whether the client of an authentication name is among them. */
  public boolean is(String authenticationName) {
    return everyone || names.contains(Text.fold(authenticationName));
  }
}
