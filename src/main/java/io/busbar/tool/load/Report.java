package io.busbar.tool.load;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** The figures of one run, named with their units, in the order in which they were added. */
final class Report {
  private final Map<String, Object> figures = new LinkedHashMap<>();
  private boolean failed;

  void text(String name, String value) {
    figures.put(name, value);
  }

  void count(String name, long value) {
    figures.put(name, value);
  }

  /** A measured value, kept to five digits or the unit, whichever is finer. */
  void number(String name, double value) {
    int decimals = value == 0 ? 0 : (int) Math.max(0, 4 - Math.floor(Math.log10(Math.abs(value))));
    double scale = Math.pow(10, Math.min(6, decimals));
    figures.put(name, Math.round(value * scale) / scale);
  }

  /** Median, tail and maximum in microseconds; nothing if nothing was recorded. */
  void latency(String name, Histogram histogram) {
    if (histogram.count() == 0) {
      return;
    }
    number(name + "_p50_us", histogram.quantile(0.5) / 1e3);
    number(name + "_p99_us", histogram.quantile(0.99) / 1e3);
    number(name + "_p999_us", histogram.quantile(0.999) / 1e3);
    number(name + "_max_us", histogram.max() / 1e3);
  }

  /**
   * What {@code units} messages or connections cost, and how far the machine was disturbed: {@code
   * other_cpu_pct} is CPU that neither broker nor tool used, {@code steal_pct} what the host took;
   * 100 is one core.
   */
  void cost(Machine machine, Machine.Reading from, Machine.Reading to, double seconds, long units) {
    if (!machine.seesMachine()) {
      return;
    }
    double own = to.own() - from.own();
    double broker = to.broker() - from.broker();
    long each = Math.max(1, units);
    if (machine.seesBroker()) {
      number("broker_us_per_unit", 1e6 * broker / each);
      number("broker_cpu_pct", 100 * broker / seconds);
      count("broker_rss_kib", to.brokerRssKib());
      double other = to.busy() - from.busy() - own - broker;
      number("other_cpu_pct", Math.max(0, 100 * other / seconds));
    }
    number("generator_us_per_unit", 1e6 * own / each);
    number("generator_cpu_pct", 100 * own / seconds);
    number("steal_pct", 100 * (to.steal() - from.steal()) / seconds);
  }

  /** States whether the broker broke a promise: the tool then exits with 1. */
  void failed(boolean failed) {
    this.failed = failed;
  }

  boolean hasFailed() {
    return failed;
  }

  /** One JSON object on one line. */
  String json() {
    StringWriter out = new StringWriter();
    try (JsonGenerator json = new JsonFactory().createGenerator(out)) {
      write(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toString();
  }

  /** Writes the figures as one JSON object. */
  void write(JsonGenerator json) throws IOException {
    json.writeStartObject();
    for (Map.Entry<String, Object> figure : figures.entrySet()) {
      json.writeFieldName(figure.getKey());
      if (figure.getValue() instanceof Long count) {
        json.writeNumber(count);
      } else if (figure.getValue() instanceof Double number) {
        json.writeNumber(number);
      } else {
        json.writeString((String) figure.getValue());
      }
    }
    json.writeEndObject();
  }

  /** The figures as text, in their order. */
  Map<String, String> texts() {
    Map<String, String> texts = new LinkedHashMap<>();
    figures.forEach((name, value) -> texts.put(name, text(value)));
    return texts;
  }

  /** A figure for a reader: thousands are set apart. */
  static String text(Object value) {
    if (value instanceof Double number && number != Math.rint(number)) {
      return Math.abs(number) < 1000
          ? number.toString()
          : String.format(Locale.ROOT, "%,.1f", number);
    }
    return value instanceof Number number
        ? String.format(Locale.ROOT, "%,d", number.longValue())
        : value.toString();
  }

  /** One figure per line; numbers are aligned. */
  @Override
  public String toString() {
    StringBuilder out = new StringBuilder();
    figures.forEach(
        (name, value) ->
            out.append(
                String.format(
                    Locale.ROOT,
                    value instanceof Number ? "%-28s %14s%n" : "%-28s %s%n",
                    name,
                    text(value))));
    return out.toString().stripTrailing();
  }
}
