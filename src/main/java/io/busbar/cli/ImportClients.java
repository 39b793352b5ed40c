package io.busbar.cli;

import io.busbar.config.ConfigException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code busbar client import}: many clients from a file. */
@Command(
    name = "import",
    mixinStandardHelpOptions = true,
    description = {
      "Makes or changes the clients of a file, many in a request. Clients that break a rule are left"
          + " out, and told; what the file does not name stays.",
      "A file that ends in .csv has a line of headings: name, authenticationName, state,"
          + " description, attributes.NAME, … Any other has a JSON object on each line, as a"
          + " namespace file has clients."
    },
    footer = {
      "",
      "Examples:",
      "  busbar client import fleet.csv --refused refused.jsonl",
      "  busbar client import fleet.jsonl --from 120001"
    })
final class ImportClients implements Callable<Integer> {
  /** Of one request. */
  private static final int MOST_BYTES = 512 * 1024;

  private static final int MOST_LINES = 2_000;

  /** Refused lines that are shown. */
  private static final int SHOWN = 10;

  @Spec private CommandSpec spec;
  @Mixin private ApiClient api;

  @Parameters(index = "0", paramLabel = "FILE", description = "CSV, or JSON lines")
  private Path file;

  @Option(
      names = "--from",
      paramLabel = "N",
      defaultValue = "1",
      description = "begin with the Nth client of the file (${DEFAULT-VALUE})")
  private long from;

  @Option(
      names = "--refused",
      paramLabel = "FILE",
      description = "write here what was refused, and why, as JSON lines")
  private Path refusedFile;

  private long number;
  private long done;
  private final long[] counts = new long[3];
  private long refused;
  private final List<String> shown = new ArrayList<>();

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (from < 1) {
      throw new ParameterException(
          spec.commandLine(), "--from: %d (allowed: 1 and above)".formatted(from));
    }
    PrintWriter out = spec.commandLine().getOut();
    String path = "/namespaces/" + api.namespace() + "/importClients";
    long began = System.nanoTime();
    try (Lines lines = Lines.of(file);
        PrintWriter report = report()) {
      List<String> part = new ArrayList<>();
      int bytes = 0;
      while (lines.hasNext()) {
        String line = lines.next();
        if (++number < from) {
          continue;
        }
        part.add(line);
        bytes += line.length();
        if (part.size() == MOST_LINES || bytes > MOST_BYTES) {
          send(path, part, report);
          progress(began);
          part.clear();
          bytes = 0;
        }
      }
      if (!part.isEmpty()) {
        send(path, part, report);
        progress(began);
      }
      if (report.checkError()) {
        throw new IOException(refusedFile + ": cannot be written");
      }
    } catch (IOException | UncheckedIOException e) {
      Throwable why = e instanceof UncheckedIOException ? e.getCause() : e;
      throw new IOException(
          "%s (%d clients are in; go on with --from %d)"
              .formatted(why.getMessage(), done, from + done),
          e);
    }
    out.println(
        "%d created, %d changed, %d unchanged, %d refused"
            .formatted(counts[0], counts[1], counts[2], refused));
    shown.forEach(out::println);
    if (refused > shown.size()) {
      out.println("  … (all of them: --refused FILE)");
    }
    out.flush();
    return refused == 0 ? 0 : 1;
  }

  private PrintWriter report() throws IOException {
    return new PrintWriter(
        refusedFile == null ? Writer.nullWriter() : Files.newBufferedWriter(refusedFile));
  }

  private void send(String path, List<String> part, PrintWriter report)
      throws IOException, InterruptedException {
    JsonObject answer = api.send("POST", path, String.join("\n", part)).body();
    counts[0] += answer.getLong("created");
    counts[1] += answer.getLong("changed");
    counts[2] += answer.getLong("unchanged");
    JsonArray all = answer.getJsonArray("refused");
    refused += all.size();
    for (Object one : all) {
      JsonObject why = (JsonObject) one;
      int at = why.getInteger("line") - 1;
      why.put("line", from + done + at);
      report.println(why.copy().put("client", part.get(at)).encode());
      if (shown.size() < SHOWN) {
        shown.add(
            "  client %d%s: %s"
                .formatted(
                    why.getLong("line"),
                    why.getString("name") == null ? "" : " (" + why.getString("name") + ")",
                    why.getString("message")));
      }
    }
    done += part.size();
  }

  private void progress(long began) {
    double seconds = (System.nanoTime() - began) / 1e9;
    PrintWriter err = spec.commandLine().getErr();
    err.printf("%,d clients, %,.0f a second%n", done, done / Math.max(seconds, 1e-3));
    err.flush();
  }

  /** The clients of a file, as JSON objects. */
  private interface Lines extends Iterator<String>, AutoCloseable {
    @Override
    void close() throws IOException;

    static Lines of(Path file) throws IOException {
      if (!Files.isReadable(file)) {
        throw new ConfigException(file + ": cannot be read");
      }
      return file.toString().endsWith(".csv") ? new Csv(file) : new JsonLines(file);
    }
  }

  /** A file of text, without the mark that some programs put before it. */
  private static BufferedReader open(Path file) throws IOException {
    BufferedReader in = Files.newBufferedReader(file);
    in.mark(1);
    if (in.read() != 0xfeff) {
      in.reset();
    }
    return in;
  }

  private static final class JsonLines implements Lines {
    private final BufferedReader in;
    private final Iterator<String> lines;

    JsonLines(Path file) throws IOException {
      in = open(file);
      lines = in.lines().filter(line -> !line.isBlank()).iterator();
    }

    @Override
    public boolean hasNext() {
      return lines.hasNext();
    }

    @Override
    public String next() {
      return lines.next();
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }

  private static final class Csv implements Lines {
    private final CSVParser parser;
    private final Iterator<CSVRecord> records;

    Csv(Path file) throws IOException {
      try {
        parser =
            CSVFormat.RFC4180
                .builder()
                .setHeader()
                .setSkipHeaderRecord(true)
                .setIgnoreSurroundingSpaces(true)
                .get()
                .parse(open(file));
      } catch (IllegalArgumentException e) {
        throw new ConfigException("%s: its headings: %s".formatted(file, e.getMessage()));
      }
      if (!parser.getHeaderNames().contains("name")) {
        parser.close();
        throw new ConfigException(
            "%s: its first line has %s (needed: headings, name among them)"
                .formatted(file, parser.getHeaderNames()));
      }
      records = parser.iterator();
    }

    @Override
    public boolean hasNext() {
      return records.hasNext();
    }

    @Override
    public String next() {
      JsonObject client = new JsonObject();
      CSVRecord row = records.next();
      if (!row.isConsistent()) {
        throw new UncheckedIOException(
            new IOException(
                "line %d has %d cells (allowed: %d, as many as headings)"
                    .formatted(
                        parser.getCurrentLineNumber(),
                        row.size(),
                        parser.getHeaderNames().size())));
      }
      for (Map.Entry<String, String> cell : row.toMap().entrySet()) {
        if (!cell.getValue().isEmpty()) {
          Values.put(client, cell.getKey(), value(cell.getKey(), cell.getValue()));
        }
      }
      return client.encode();
    }

    /** Attributes may be numbers and lists; a name that looks like one is a name. */
    private static Object value(String heading, String text) {
      Object value = heading.startsWith("attributes.") ? Values.of(text) : text;
      return value instanceof Number || value instanceof JsonArray ? value : text;
    }

    @Override
    public void close() throws IOException {
      parser.close();
    }
  }
}
