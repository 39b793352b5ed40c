package io.busbar.policy;

/**
 * A part of a namespace that breaks a rule. The message reads "property: what was found (allowed:
 * …)"; who knows where the property was written adds file and line.
 */
public final class PolicyException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;
  private final String property;
  private final String problem;

  /**
   * A broken rule.
   *
   * @param property the path of the property within the record, such as {@code attributes.load} or
   *     {@code clients[2].name}
   * @param problem what was found and what is allowed
   */
  public PolicyException(String property, String problem) {
    super(property + ": " + problem);
    this.property = property;
    this.problem = problem;
  }

  /** The path of the property. */
  public String property() {
    return property;
  }

  /** What was found and what is allowed. */
  public String problem() {
    return problem;
  }
}
