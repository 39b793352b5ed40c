package io.busbar.policy;

import java.util.regex.Pattern;

/**
 * Where the events of a subscription go that nobody took
 * (deadLetterDestinationWithResourceIdentity).
 *
 * @param kind what it is
 * @param name of the container, or of the topic
 */
public record DeadLetterDestination(Kind kind, String name) {
  private static final String PROPERTY =
      "deadLetterDestinationWithResourceIdentity.deadLetterDestination.properties.";

  /** Names of containers of a storage account. */
  private static final Pattern CONTAINER = Pattern.compile("[a-z0-9](?:-?[a-z0-9]){2,62}");

  /** What it may be. */
  public enum Kind {
    /** A container of a storage account, which stands for a directory or a store of blobs. */
    CONTAINER,
    /** Another topic of the namespace. */
    TOPIC
  }

  /**
   * Judges the values.
   *
   * @throws PolicyException if one breaks a rule
   */
  public DeadLetterDestination {
    if (kind == Kind.TOPIC) {
      Namespace.requireName(PROPERTY + "resourceId", name);
    } else if (!CONTAINER.matcher(name).matches()) {
      throw new PolicyException(
          PROPERTY + "blobContainerName",
          Text.quote(name)
              + " is no container (allowed: 3 to 63 of a-z 0-9 -, as in dead-letters)");
    }
  }
}
