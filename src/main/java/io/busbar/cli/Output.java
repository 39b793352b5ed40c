package io.busbar.cli;

import picocli.CommandLine.Option;

/** How an answer is shown. */
final class Output {
  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORM",
      description = "table or json: as the API has it, one on a line (${DEFAULT-VALUE})",
      defaultValue = "table")
  private Form form;

  /** The forms. */
  enum Form {
    /** Columns. */
    table,
    /** JSON. */
    json
  }

  boolean isJson() {
    return form == Form.json;
  }
}
