package io.busbar.policy;

import java.util.Optional;

/**
 * A client's compiled rights: what the policy allows it, its own values already substituted.
 * Immutable and safe for any thread.
 */
public interface Permit {
  /** The name under which the client is known, in the case of its registry entry. */
  String authenticationName();

  /**
   * Whether the client may publish to a valid topic name, given as UTF-8. Called on the hot path:
   * takes no lock and allocates nothing.
   */
  boolean mayPublish(byte[] topic, int offset, int length);

  /**
   * Whether the client may subscribe to a valid topic filter, given as UTF-8 without any {@code
   * $share/…/} prefix: one template must cover the whole filter.
   */
  boolean maySubscribe(byte[] filter);

  /** Why publishing to a topic is denied, in one line for people, or empty if it is allowed. */
  Optional<String> whyNotPublish(String topic);

  /** Why subscribing to a filter is denied, in one line for people, or empty if it is allowed. */
  Optional<String> whyNotSubscribe(String filter);

  /** The permit of a node without access control: everything is allowed. */
  static Permit all(String authenticationName) {
    return new Permit() {
      @Override
      public String authenticationName() {
        return authenticationName;
      }

      @Override
      public boolean mayPublish(byte[] topic, int offset, int length) {
        return true;
      }

      @Override
      public boolean maySubscribe(byte[] filter) {
        return true;
      }

      @Override
      public Optional<String> whyNotPublish(String topic) {
        return Optional.empty();
      }

      @Override
      public Optional<String> whyNotSubscribe(String filter) {
        return Optional.empty();
      }
    };
  }
}
