package io.busbar.policy;

/**
 * Clients chosen by a query (Microsoft.EventGrid/namespaces/clientGroups).
 *
 * @param name 3 to 50 of {@code A-Z a-z 0-9 -}
 * @param query see {@link Query} for its grammar
 */
public record ClientGroup(String name, String query) implements Resource {
  /** The built-in group of every client. It cannot be defined. */
  public static final String ALL = "$all";

  /**
   * Judges name and query.
   *
   * @throws PolicyException if one breaks a rule
   */
  public ClientGroup {
    Namespace.requireName("name", name);
    Query.parse(query);
  }

  @Override
  public Kind kind() {
    return Kind.CLIENT_GROUP;
  }
}
