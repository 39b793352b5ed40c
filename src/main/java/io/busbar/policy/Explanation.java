package io.busbar.policy;

import java.util.List;

/**
 * Why a client may do something, or may not.
 *
 * @param allowed whether it may
 * @param reason in one line
 * @param client the registry's, or null if there is none of that name
 * @param groups those that the client is in
 * @param bindings those of the right that was asked for, of all groups
 */
public record Explanation(
    boolean allowed, String reason, Client client, List<String> groups, List<Binding> bindings) {
  /** Copies the lists. */
  public Explanation {
    groups = List.copyOf(groups);
    bindings = List.copyOf(bindings);
  }

  /**
   * What a binding has to do with it.
   *
   * @param isInGroup whether the client is in its group
   * @param templates of its topic space
   */
  public record Binding(
      String name, String group, String topicSpace, boolean isInGroup, List<Template> templates) {
    /** Copies the list. */
    public Binding {
      templates = List.copyOf(templates);
    }
  }

  /**
   * What a template comes to for the client.
   *
   * @param filters some of the topic filters that it makes with the client's values
   * @param whyNone why it makes none, or null
   * @param matches whether it allows what was asked for to those in the group
   */
  public record Template(String text, List<String> filters, String whyNone, boolean matches) {
    /** Copies the list. */
    public Template {
      filters = List.copyOf(filters);
    }
  }
}
