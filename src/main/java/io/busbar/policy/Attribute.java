package io.busbar.policy;

import java.util.List;

/** The value of a client's attribute: a text, a whole number or a list of texts. */
public sealed interface Attribute {
  /** The values as texts: one, or those of the list. */
  List<String> texts();

  /** A text. */
  record Text(String value) implements Attribute {
    @Override
    public List<String> texts() {
      return List.of(value);
    }
  }

  /** A whole number. */
  record Whole(long value) implements Attribute {
    @Override
    public List<String> texts() {
      return List.of(Long.toString(value));
    }
  }

  /** A list of texts; queries and templates hold for it if they hold for any element. */
  record Texts(List<String> values) implements Attribute {
    /** Copies the list, so that attributes do not change. */
    public Texts {
      values = List.copyOf(values);
    }

    @Override
    public List<String> texts() {
      return values;
    }
  }
}
