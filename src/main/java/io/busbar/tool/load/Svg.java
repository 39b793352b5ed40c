package io.busbar.tool.load;

import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/** Line charts as SVG: small, without scripts, readable on light and dark pages. */
final class Svg {
  private static final int WIDTH = 760;
  private static final int HEIGHT = 340;
  private static final int LEFT = 70;
  private static final int RIGHT = 20;
  private static final int TOP = 40;
  private static final int BOTTOM = 70;
  private static final int TICKS = 5;
  private static final List<String> COLOURS =
      List.of("#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b");

  private Svg() {}

  /** A point of a line. */
  record Point(double x, double y) {}

  /**
   * A line.
   *
   * @param name for the legend
   * @param points in the order of their x; none is no line
   */
  record Line(String name, List<Point> points) {
    Line {
      points = List.copyOf(points);
    }
  }

  /**
   * A chart whose axes begin at 0.
   *
   * @param xUnit what is to the right
   * @param yUnit what is upwards
   */
  static String chart(String title, String xUnit, String yUnit, List<Line> lines) {
    double right = axis(lines.stream().flatMap(l -> l.points.stream()).mapToDouble(Point::x));
    double up = axis(lines.stream().flatMap(l -> l.points.stream()).mapToDouble(Point::y));
    StringBuilder out = new StringBuilder();
    put(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">",
        WIDTH,
        HEIGHT);
    put(out, "<title>%s</title>", escaped(title));
    put(out, "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>", WIDTH, HEIGHT);
    put(out, "<text x=\"%d\" y=\"20\" font-size=\"15\">%s</text>", LEFT, escaped(title));
    for (int i = 0; i <= TICKS; i++) {
      double x = LEFT + (double) i / TICKS * plotWidth();
      double y = HEIGHT - BOTTOM - (double) i / TICKS * plotHeight();
      put(
          out,
          "<path d=\"M%d %.1fH%d\" stroke=\"#dddddd\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>",
          LEFT,
          y,
          WIDTH - RIGHT,
          LEFT - 6,
          y + 4,
          label(up * i / TICKS));
      put(
          out,
          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>",
          x,
          HEIGHT - BOTTOM + 18,
          label(right * i / TICKS));
    }
    put(
        out,
        "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text><text x=\"%d\" y=\"%d\">%s</text>",
        WIDTH - RIGHT,
        HEIGHT - BOTTOM + 34,
        escaped(xUnit),
        LEFT,
        TOP - 6,
        escaped(yUnit));
    for (int i = 0; i < lines.size(); i++) {
      line(out, lines.get(i), i, lines.size(), right, up);
    }
    put(out, "</svg>");
    return out.toString();
  }

  private static void line(
      StringBuilder out, Line line, int number, int count, double right, double up) {
    String colour = COLOURS.get(number % COLOURS.size());
    StringBuilder path = new StringBuilder();
    for (Point point : line.points) {
      path.append(
          String.format(
              Locale.ROOT,
              "%s%.1f %.1f",
              path.isEmpty() ? "M" : "L",
              LEFT + point.x / right * plotWidth(),
              HEIGHT - BOTTOM - point.y / up * plotHeight()));
    }
    if (!path.isEmpty()) {
      put(
          out,
          "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\"/>",
          path.toString(),
          colour);
    }
    int x = LEFT + number * plotWidth() / Math.max(1, count);
    put(
        out,
        "<path d=\"M%d %dh18\" stroke=\"%s\" stroke-width=\"3\"/><text x=\"%d\" y=\"%d\">%s</text>",
        x,
        HEIGHT - 16,
        colour,
        x + 24,
        HEIGHT - 12,
        escaped(line.name));
  }

  private static int plotWidth() {
    return WIDTH - LEFT - RIGHT;
  }

  private static int plotHeight() {
    return HEIGHT - TOP - BOTTOM;
  }

  /** The end of an axis: the least 1, 2, 2.5 or 5 times a power of ten that holds all values. */
  private static double axis(DoubleStream values) {
    return end(values.max().orElse(0));
  }

  static double end(double most) {
    if (most <= 0) {
      return 1;
    }
    double power = Math.pow(10, Math.floor(Math.log10(most)));
    for (double step : new double[] {1, 2, 2.5, 5}) {
      if (step * power >= most) {
        return step * power;
      }
    }
    return 10 * power;
  }

  private static String label(double value) {
    return value == Math.rint(value)
        ? String.format(Locale.ROOT, "%,d", (long) value)
        : String.format(Locale.ROOT, "%.3g", value);
  }

  private static void put(StringBuilder out, String format, Object... values) {
    out.append(String.format(Locale.ROOT, format, values)).append('\n');
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
