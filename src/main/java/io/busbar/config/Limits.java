package io.busbar.config;

import io.busbar.shard.Bounds.Overflow;
import java.util.EnumMap;
import java.util.Map;

/** The limits in force on a node: a profile's values with the configured ones over them. */
public final class Limits {
  private final EnumMap<Limit, Long> values = new EnumMap<>(Limit.class);
  private final Overflow overflow;

  /**
   * Values of a profile, some replaced.
   *
   * @throws IllegalArgumentException if a value is out of its range
   */
  public Limits(Profile profile, Map<Limit, Long> configured) {
    this(profile, configured, overflow(profile));
  }

  /** The same, with what happens to a queue that is full. */
  public Limits(Profile profile, Map<Limit, Long> configured, Overflow overflow) {
    this.overflow = overflow;
    for (Limit limit : Limit.values()) {
      long value = configured.getOrDefault(limit, limit.value(profile));
      if (value < limit.least() || value > limit.most()) {
        throw new IllegalArgumentException(
            "limits.%s: %d (allowed: %d to %d %s)"
                .formatted(limit.key(), value, limit.least(), limit.most(), limit.unit()));
      }
      values.put(limit, value);
    }
  }

  /** What happens to a message for a queue that is full, where a profile decides. */
  static Overflow overflow(Profile profile) {
    return profile == Profile.AZURE ? Overflow.END_SESSION : Overflow.DROP_OLDEST;
  }

  /** What happens to a message for a queue that is full. */
  public Overflow overflow() {
    return overflow;
  }

  /** The value in force, in the limit's unit. */
  public long get(Limit limit) {
    return values.get(limit);
  }

  /** The value in force as an int, for limits that fit one; larger ones are cut to the largest. */
  public int intValue(Limit limit) {
    return (int) Math.min(Integer.MAX_VALUE, values.get(limit));
  }
}
