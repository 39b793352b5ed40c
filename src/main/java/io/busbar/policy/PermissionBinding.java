package io.busbar.policy;

/**
 * Gives a group a right on a topic space (Microsoft.EventGrid/namespaces/permissionBindings).
 *
 * @param name 3 to 50 of {@code A-Z a-z 0-9 -}
 * @param clientGroupName a group of the namespace, or {@link ClientGroup#ALL}
 * @param topicSpaceName a topic space of the namespace
 * @param permission which right
 */
public record PermissionBinding(
    String name, String clientGroupName, String topicSpaceName, Permission permission)
    implements Resource {
  /** The right that a binding gives. */
  public enum Permission {
    PUBLISHER,
    SUBSCRIBER
  }

  /**
   * Judges the name.
   *
   * @throws PolicyException if it breaks the rule
   */
  public PermissionBinding {
    Namespace.requireName("name", name);
  }

  @Override
  public Kind kind() {
    return Kind.PERMISSION_BINDING;
  }
}
