package io.busbar.chaos;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What came of a run.
 *
 * @param kills SIGKILLs, where all nodes at once are one
 * @param pauses SIGSTOPs
 * @param restartMillis from each kill until the process lets clients in again
 * @param outageMillis from each kill until every publisher had an answer again after that
 * @param refused messages answered with an error
 * @param abandoned messages of publishers whose session was lost: nobody knows what came of them
 * @param unsettled messages whose exchange did not end in the last drain
 * @param unknownIds PUBCOMPs with 0x92
 * @param millis the whole run
 */
record Result(
    Plan plan,
    Oracle.Verdict verdict,
    int kills,
    int killsOfAll,
    int pauses,
    List<Long> restartMillis,
    List<Long> outageMillis,
    long refused,
    long abandoned,
    int unsettled,
    long unknownIds,
    long millis) {

  /** Whether nothing was violated and all exchanges ended. */
  boolean isClean() {
    return verdict.isClean() && unsettled == 0;
  }

  void print(PrintWriter out) {
    out.printf(
        "%s: %d node(s), %d kills (%d of all nodes), %d pauses, power %s, seed %d, %.1f s%n",
        plan.target(),
        plan.nodes(),
        kills,
        killsOfAll,
        pauses,
        power(),
        plan.seed(),
        millis / 1000.0);
    printRows(out, verdict.rows());
    out.printf("from kill to ready: %s ms; to answers for all: ", spread(restartMillis));
    out.printf("%s ms (min/median/max)%n", spread(outageMillis));
    out.printf("refused %d, abandoned %d, unsettled %d", refused, abandoned, unsettled);
    long withoutDup = verdict.rows().stream().mapToLong(Oracle.Row::withoutDup).sum();
    out.printf(", PUBCOMP 0x92 %d, repeated without DUP %d%n", unknownIds, withoutDup);
    printViolations(out, verdict);
    out.flush();
  }

  static void printRows(PrintWriter out, List<Oracle.Row> rows) {
    out.printf("| subscriber | QoS | published | acked | delivered | lost | duplicated |");
    out.printf(" in excess | reordered |%n|---|---:|---:|---:|---:|---:|---:|---:|---:|%n");
    for (Oracle.Row row : rows) {
      out.printf(
          "| %s | %d | %d | %d | %d | %d | %d | %d | %d |%n",
          row.listener(),
          row.qos(),
          row.sent(),
          row.acknowledged(),
          row.delivered(),
          row.lost(),
          row.copies(),
          row.excess(),
          row.reordered());
    }
  }

  static void printViolations(PrintWriter out, Oracle.Verdict verdict) {
    out.println("violations: " + (verdict.isClean() ? "none" : verdict.violations()));
    verdict.first().forEach(violation -> out.println("  " + violation));
  }

  private String power() {
    return plan.power().map(names -> "lost (" + name(names) + " names)").orElse("kept");
  }

  static String spread(List<Long> millis) {
    if (millis.isEmpty()) {
      return "-";
    }
    List<Long> sorted = millis.stream().sorted().toList();
    return "%d/%d/%d"
        .formatted(sorted.get(0), sorted.get(sorted.size() / 2), sorted.get(sorted.size() - 1));
  }

  private static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  String json() throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
      json.useDefaultPrettyPrinter();
      json.writeStartObject();
      json.writeStringField("target", plan.target());
      json.writeNumberField("nodes", plan.nodes());
      json.writeStringField("power", plan.power().map(Result::name).orElse("kept"));
      json.writeNumberField("seed", plan.seed());
      json.writeNumberField("kills", kills);
      json.writeNumberField("kills_of_all", killsOfAll);
      json.writeNumberField("pauses", pauses);
      json.writeNumberField("millis", millis);
      json.writeBooleanField("clean", isClean());
      numbers(json, "restart_millis", restartMillis);
      numbers(json, "outage_millis", outageMillis);
      json.writeNumberField("refused", refused);
      json.writeNumberField("abandoned", abandoned);
      json.writeNumberField("unsettled", unsettled);
      json.writeNumberField("pubcomp_0x92", unknownIds);
      json.writeArrayFieldStart("subscribers");
      for (Oracle.Row row : verdict.rows()) {
        row(json, row);
      }
      json.writeEndArray();
      json.writeObjectFieldStart("violations");
      for (Map.Entry<Oracle.Kind, Long> entry : verdict.violations().entrySet()) {
        json.writeNumberField(name(entry.getKey()), entry.getValue());
      }
      json.writeEndObject();
      json.writeArrayFieldStart("first");
      for (String violation : verdict.first()) {
        json.writeString(violation);
      }
      json.writeEndArray();
      json.writeEndObject();
    }
    return text.append('\n').toString();
  }

  private static void numbers(JsonGenerator json, String name, List<Long> values)
      throws IOException {
    json.writeArrayFieldStart(name);
    for (long value : values) {
      json.writeNumber(value);
    }
    json.writeEndArray();
  }

  private static void row(JsonGenerator json, Oracle.Row row) throws IOException {
    json.writeStartObject();
    json.writeStringField("subscriber", row.listener());
    json.writeNumberField("qos", row.qos());
    json.writeNumberField("published", row.sent());
    json.writeNumberField("acked", row.acknowledged());
    json.writeNumberField("delivered", row.delivered());
    json.writeNumberField("lost", row.lost());
    json.writeNumberField("duplicated", row.copies());
    json.writeNumberField("in_excess", row.excess());
    json.writeNumberField("without_dup", row.withoutDup());
    json.writeNumberField("reordered", row.reordered());
    json.writeEndObject();
  }
}
