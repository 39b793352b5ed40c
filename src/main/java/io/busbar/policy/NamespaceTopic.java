package io.busbar.policy;

/**
 * Where events are published, for those who subscribe to it
 * (Microsoft.EventGrid/namespaces/topics).
 *
 * @param name 3 to 50 of {@code A-Z a-z 0-9 -}
 * @param eventRetentionInDays how long events are kept at most, 1 to 7
 */
public record NamespaceTopic(String name, int eventRetentionInDays) implements Resource {
  /** The longest retention. */
  public static final int MAX_RETENTION = 7;

  /**
   * Judges the values.
   *
   * @throws PolicyException if one breaks a rule
   */
  public NamespaceTopic {
    Namespace.requireName("name", name);
    if (eventRetentionInDays < 1 || eventRetentionInDays > MAX_RETENTION) {
      throw new PolicyException(
          "eventRetentionInDays", eventRetentionInDays + " (allowed: 1 to " + MAX_RETENTION + ")");
    }
  }

  @Override
  public Kind kind() {
    return Kind.TOPIC;
  }
}
