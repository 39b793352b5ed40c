package io.busbar.config;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.common.Anchor;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.DocumentStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.MappingStartEvent;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.events.SequenceStartEvent;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * One YAML document as a tree whose nodes know their lines. Built from the parser's events and not
 * by its composer, whose recursion hostile nesting could drive out of the stack.
 *
 * <p>Bounded: bytes of the file, depth, and nodes that aliases repeat. Duplicate keys, tags and
 * second documents are errors.
 */
final class Yaml {
  static final int MAX_BYTES = 64 << 20;
  static final int MAX_DEPTH = 64;
  static final int MAX_REPEATED = 100_000;
  private static final int QUOTED = 80;

  /** A value and the line on which it begins, counted from 1. */
  sealed interface Node {
    int line();

    /** How many nodes it is, those behind aliases counted each time. */
    long size();
  }

  /** A scalar; plain if it was written without quotes. */
  record Scalar(int line, String text, boolean plain) implements Node {
    private static final Pattern NULL = Pattern.compile("|~|null|Null|NULL");
    private static final Pattern FLAG = Pattern.compile("true|True|TRUE|false|False|FALSE");
    private static final Pattern WHOLE = Pattern.compile("-?(0|[1-9][0-9]*)");
    private static final Pattern NUMBER =
        Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]*)?([eE][-+]?[0-9]+)?");

    @Override
    public long size() {
      return 1;
    }

    boolean isNull() {
      return plain && NULL.matcher(text).matches();
    }

    boolean isFlag() {
      return plain && FLAG.matcher(text).matches();
    }

    boolean isWhole() {
      return plain && WHOLE.matcher(text).matches();
    }

    boolean isText() {
      return !isNull() && !isFlag() && !(plain && NUMBER.matcher(text).matches());
    }
  }

  /** A list. */
  record Items(int line, long size, List<Node> nodes) implements Node {}

  /** A mapping, in the order of the file. */
  record Fields(int line, long size, Map<String, Field> fields) implements Node {}

  /** The value of a key, and the line of the key. */
  record Field(int line, Node value) {}

  private final Path file;
  private final Iterator<Event> events;
  private final Map<Anchor, Node> anchors = new HashMap<>();
  private long repeated;

  private Yaml(Path file, String text) {
    this.file = file;
    LoadSettings settings =
        LoadSettings.builder().setCodePointLimit(MAX_BYTES).setUseMarks(true).build();
    this.events = new Parse(settings).parseString(text).iterator();
  }

  /**
   * Reads a file that holds one mapping; an empty file is an empty one.
   *
   * @throws ConfigException if it cannot be read or is not such a file
   */
  static Fields read(Path file) {
    Yaml yaml = new Yaml(file, text(file));
    try {
      return yaml.document();
    } catch (MarkedYamlEngineException e) {
      // without its cause, whose text repeats lines of the file, and with them secrets
      int line = e.getProblemMark().or(e::getContextMark).map(m -> m.getLine() + 1).orElse(1);
      throw new ConfigException(
          "%s:%d: not YAML: %s".formatted(file, line, oneLine(e.getProblem())));
    } catch (YamlEngineException e) {
      throw new ConfigException("%s: not YAML: %s".formatted(file, oneLine(e.getMessage())));
    }
  }

  /** A text in double quotes, cut to a bounded length, harmless in a log. */
  static String quote(String text) {
    String some = text.length() > QUOTED ? text.substring(0, QUOTED) + "…" : text;
    return '"' + oneLine(some) + '"';
  }

  private static String oneLine(String text) {
    return text.replaceAll("[\\p{Cntrl}\\p{Cf}\\u2028\\u2029]+", " ").strip();
  }

  private static String text(Path file) {
    byte[] bytes = bytes(file, MAX_BYTES);
    try {
      String text = UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      return text.startsWith("\ufeff") ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw new ConfigException(file + ": is not UTF-8", e);
    }
  }

  /**
   * The bytes of a file of a bounded size.
   *
   * @throws ConfigException if it is larger or cannot be read
   */
  static byte[] bytes(Path file, int most) {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(most + 1);
      if (bytes.length > most) {
        throw new ConfigException(
            "%s: is larger than %d bytes (allowed: at most that)".formatted(file, most));
      }
      return bytes;
    } catch (NoSuchFileException e) {
      throw new ConfigException(file + ": does not exist", e);
    } catch (IOException e) {
      throw new ConfigException(
          "%s: cannot be read: %s"
              .formatted(
                  file,
                  oneLine(String.valueOf(e.getMessage()))
                      + " ("
                      + e.getClass().getSimpleName()
                      + ")"),
          e);
    }
  }

  private Fields document() {
    Optional<Fields> root = Optional.empty();
    while (events.hasNext()) {
      Event event = events.next();
      if (event instanceof DocumentStartEvent) {
        if (root.isPresent()) {
          throw error(line(event), "a second document begins (allowed: one)");
        }
        Node node = node(events.next(), 0);
        if (node instanceof Fields fields) {
          root = Optional.of(fields);
        } else if (node instanceof Scalar scalar && scalar.isNull()) {
          root = Optional.of(new Fields(scalar.line(), 1, Map.of()));
        } else {
          throw error(node.line(), "the document is not a mapping (allowed: key: value)");
        }
      }
    }
    return root.orElseGet(() -> new Fields(1, 1, Map.of()));
  }

  private Node node(Event event, int depth) {
    if (event instanceof AliasEvent alias) {
      Node node = anchors.get(alias.getAlias());
      if (node == null) {
        throw error(line(event), "alias *" + alias.getAlias() + " has no anchor before it");
      }
      repeated += node.size();
      if (repeated > MAX_REPEATED) {
        throw error(line(event), "aliases repeat more than " + MAX_REPEATED + " values");
      }
      return node;
    }
    if (depth > MAX_DEPTH) {
      throw error(line(event), "nests more than " + MAX_DEPTH + " levels deep");
    }
    Node node;
    Optional<String> tag;
    if (event instanceof ScalarEvent scalar) {
      tag = scalar.getTag();
      node =
          new Scalar(line(event), scalar.getValue(), scalar.getScalarStyle() == ScalarStyle.PLAIN);
    } else if (event instanceof SequenceStartEvent sequence) {
      tag = sequence.getTag();
      node = items(line(event), depth);
    } else {
      tag = ((MappingStartEvent) event).getTag();
      node = fields(line(event), depth);
    }
    if (tag.isPresent()) {
      throw error(node.line(), "tag " + quote(tag.get()) + " (allowed: none)");
    }
    ((NodeEvent) event).getAnchor().ifPresent(anchor -> anchors.put(anchor, node));
    return node;
  }

  private Items items(int line, int depth) {
    List<Node> nodes = new ArrayList<>();
    long size = 1;
    for (Event event = events.next();
        event.getEventId() != Event.ID.SequenceEnd;
        event = events.next()) {
      Node node = node(event, depth + 1);
      size += node.size();
      nodes.add(node);
    }
    return new Items(line, size, nodes);
  }

  private Fields fields(int line, int depth) {
    Map<String, Field> fields = new LinkedHashMap<>();
    long size = 1;
    for (Event event = events.next();
        event.getEventId() != Event.ID.MappingEnd;
        event = events.next()) {
      int keyLine = line(event);
      if (!(node(event, depth + 1) instanceof Scalar key)) {
        throw error(keyLine, "a key is a list or mapping (allowed: a text)");
      }
      Node value = node(events.next(), depth + 1);
      size += value.size();
      Field earlier = fields.putIfAbsent(key.text(), new Field(keyLine, value));
      if (earlier != null) {
        throw error(
            keyLine,
            "key %s is given again (first on line %d)"
                .formatted(quote(key.text()), earlier.line()));
      }
    }
    return new Fields(line, size, fields);
  }

  private static int line(Event event) {
    return event.getStartMark().map(mark -> mark.getLine() + 1).orElse(1);
  }

  private ConfigException error(int line, String problem) {
    return new ConfigException("%s:%d: %s".formatted(file, line, problem));
  }
}
