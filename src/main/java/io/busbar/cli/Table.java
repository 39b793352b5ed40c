package io.busbar.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Columns of text for people. */
final class Table {
  /** A wider cell does not widen its column. */
  private static final int WIDEST = 48;

  private final List<String[]> rows = new ArrayList<>();
  private final int[] widths;

  Table(String... heads) {
    widths = new int[heads.length];
    row(Arrays.stream(heads).map(head -> head.toUpperCase(Locale.ROOT)).toArray(String[]::new));
  }

  void row(String... cells) {
    for (int i = 0; i < widths.length; i++) {
      widths[i] = Math.max(widths[i], Math.min(WIDEST, cells[i].length()));
    }
    rows.add(cells);
  }

  void print(PrintWriter out) {
    for (String[] row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < row.length; i++) {
        line.append(row[i]);
        if (i < row.length - 1) {
          line.append(" ".repeat(Math.max(0, widths[i] - row[i].length()) + 2));
        }
      }
      out.println(line.toString().stripTrailing());
    }
  }
}
