package io.busbar.policy;

import java.util.List;

/**
 * Topics under one name (Microsoft.EventGrid/namespaces/topicSpaces).
 *
 * @param name 3 to 50 of {@code A-Z a-z 0-9 -}
 * @param topicTemplates at least one; see {@link TopicTemplate} for the grammar
 */
public record TopicSpace(String name, List<String> topicTemplates) implements Resource {
  /**
   * Judges and copies the values.
   *
   * @throws PolicyException if one breaks a rule
   */
  public TopicSpace {
    Namespace.requireName("name", name);
    topicTemplates = List.copyOf(topicTemplates);
    if (topicTemplates.isEmpty()) {
      throw new PolicyException("topicTemplates", "none given (allowed: at least 1)");
    }
    for (int i = 0; i < topicTemplates.size(); i++) {
      try {
        TopicTemplate.parse(topicTemplates.get(i));
      } catch (TopicTemplate.Malformed e) {
        PolicyException named = new PolicyException("topicTemplates[" + i + "]", e.getMessage());
        named.initCause(e);
        throw named;
      }
    }
  }

  @Override
  public Kind kind() {
    return Kind.TOPIC_SPACE;
  }
}
