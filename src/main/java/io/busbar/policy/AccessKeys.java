package io.busbar.policy;

/**
 * The keys by which events are published and received (listKeys of a namespace). Two, so that one
 * is used while the other is made anew.
 */
public record AccessKeys(String key1, String key2) implements Resource {
  @Override
  public Kind kind() {
    return Kind.ACCESS_KEYS;
  }

  @Override
  public String name() {
    return "keys";
  }

  /** There is one of them. */
  @Override
  public String id() {
    return "";
  }

  /** Without what is secret. */
  @Override
  public String toString() {
    return "AccessKeys[]";
  }
}
