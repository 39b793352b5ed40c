package io.busbar.tool.load;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToDoubleFunction;

/**
 * A run as it is kept in a directory: {@code run.json} with command, commit, machine, figures and
 * each second, for programs; {@code report.md} and its charts, for people. Several beside each
 * other make a comparison.
 *
 * @param name whose run it is, such as a broker's
 * @param facts how and where it was made: command, commit, machine
 * @param figures as the report has them, as text
 */
record Results(
    String name,
    Map<String, String> facts,
    Map<String, String> figures,
    List<Series.Point> seconds) {
  private static final String RUN = "run.json";
  private static final int MAX_COMPARED = 6;

  Results {
    seconds = List.copyOf(seconds);
  }

  /**
   * Writes a run.
   *
   * @throws IOException if the directory cannot be made or written
   */
  static void save(
      Path directory, String name, Map<String, String> facts, Report report, Series series)
      throws IOException {
    Files.createDirectories(directory);
    try (JsonGenerator json =
        new JsonFactory().createGenerator(Files.newBufferedWriter(directory.resolve(RUN)))) {
      json.writeStartObject();
      json.writeStringField("name", name);
      json.writeObjectFieldStart("facts");
      for (Map.Entry<String, String> fact : facts.entrySet()) {
        json.writeStringField(fact.getKey(), fact.getValue());
      }
      json.writeEndObject();
      json.writeFieldName("figures");
      report.write(json);
      json.writeArrayFieldStart("seconds");
      for (Series.Point point : series.points()) {
        json.writeStartArray();
        for (double value :
            new double[] {point.at(), point.perSecond(), point.p50Micros(), point.p99Micros()}) {
          json.writeNumber(Math.round(value * 1000) / 1000.0);
        }
        json.writeEndArray();
      }
      json.writeEndArray();
      json.writeEndObject();
    }
    publish(directory, List.of(new Results(name, facts, report.texts(), series.points())));
  }

  /**
   * Reads a run.
   *
   * @throws LoadException if there is none
   */
  static Results read(Path directory) {
    Path file = directory.resolve(RUN);
    Map<String, String> facts = new LinkedHashMap<>();
    Map<String, String> figures = new LinkedHashMap<>();
    List<Series.Point> seconds = new ArrayList<>();
    String name = "";
    try (JsonParser json = new JsonFactory().createParser(file.toFile())) {
      json.nextToken();
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String field = json.currentName();
        json.nextToken();
        switch (field) {
          case "name" -> name = json.getText();
          case "facts" -> texts(json, facts);
          case "figures" -> texts(json, figures);
          case "seconds" -> points(json, seconds);
          default -> json.skipChildren();
        }
      }
    } catch (NoSuchFileException | java.io.FileNotFoundException e) {
      throw new LoadException(file + ": missing (allowed: directories that --save has written)");
    } catch (IOException e) {
      throw new LoadException(file + ": no run: " + e.getMessage().lines().findFirst().orElse(""));
    }
    return new Results(name, facts, figures, seconds);
  }

  private static void texts(JsonParser json, Map<String, String> into) throws IOException {
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      JsonToken value = json.nextToken();
      into.put(
          name,
          value == JsonToken.VALUE_NUMBER_INT
              ? Report.text(json.getLongValue())
              : value == JsonToken.VALUE_NUMBER_FLOAT
                  ? Report.text(json.getDoubleValue())
                  : json.getText());
    }
  }

  private static void points(JsonParser json, List<Series.Point> into) throws IOException {
    while (json.nextToken() == JsonToken.START_ARRAY) {
      double[] values = new double[4];
      for (int i = 0; json.nextToken() != JsonToken.END_ARRAY; i++) {
        if (i == values.length) {
          throw new IOException("a second has more than 4 values");
        }
        values[i] = json.getDoubleValue();
      }
      into.add(new Series.Point(values[0], values[1], values[2], values[3]));
    }
  }

  /**
   * Writes a report of some runs, a column each, and charts in which each is a line.
   *
   * @throws LoadException if they are none, or too many for one chart
   */
  static void publish(Path directory, List<Results> runs) throws IOException {
    Plan.check("runs", runs.size(), 1, MAX_COMPARED);
    Files.createDirectories(directory);
    Files.writeString(
        directory.resolve("rate.svg"),
        chart("Rate", "per second", runs, Map.of("", Series.Point::perSecond)));
    Map<String, ToDoubleFunction<Series.Point>> latencies = new LinkedHashMap<>();
    latencies.put("p50", point -> point.p50Micros() / 1e3);
    latencies.put("p99", point -> point.p99Micros() / 1e3);
    Files.writeString(directory.resolve("latency.svg"), chart("Latency", "ms", runs, latencies));
    Files.writeString(directory.resolve("report.md"), table(runs));
  }

  private static String chart(
      String title,
      String unit,
      List<Results> runs,
      Map<String, ToDoubleFunction<Series.Point>> shown) {
    List<Svg.Line> lines = new ArrayList<>();
    for (Results run : runs) {
      shown.forEach(
          (what, value) ->
              lines.add(
                  new Svg.Line(
                      (run.name + " " + what).trim(),
                      run.seconds.stream()
                          .map(point -> new Svg.Point(point.at(), value.applyAsDouble(point)))
                          .toList())));
    }
    return Svg.chart(title, "seconds", unit, lines);
  }

  /** Markdown: what is the same for all, then a row for each figure and a column for each run. */
  static String table(List<Results> runs) {
    StringBuilder out = new StringBuilder("# Load\n\n");
    Set<String> facts = new LinkedHashSet<>();
    Set<String> figures = new LinkedHashSet<>();
    for (Results run : runs) {
      facts.addAll(run.facts.keySet());
      figures.addAll(run.figures.keySet());
    }
    for (String fact : facts) {
      Set<String> said = new LinkedHashSet<>();
      runs.forEach(run -> said.add(run.facts.getOrDefault(fact, "–")));
      if (said.size() == 1) {
        out.append("- ").append(fact).append(": ").append(said.iterator().next()).append('\n');
      } else {
        runs.forEach(
            run ->
                out.append("- ")
                    .append(fact)
                    .append(", ")
                    .append(run.name)
                    .append(": ")
                    .append(run.facts.getOrDefault(fact, "–"))
                    .append('\n'));
      }
    }
    out.append("\n| |");
    runs.forEach(run -> out.append(' ').append(cell(run.name)).append(" |"));
    out.append("\n|---|").append("---:|".repeat(runs.size())).append('\n');
    for (String figure : figures) {
      out.append("| ").append(figure).append(" |");
      runs.forEach(
          run -> out.append(' ').append(cell(run.figures.getOrDefault(figure, "–"))).append(" |"));
      out.append('\n');
    }
    return out.append("\n![rate](rate.svg)\n\n![latency](latency.svg)\n").toString();
  }

  private static String cell(String text) {
    return text.replace("|", "\\|");
  }
}
