package io.busbar.config;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One JSON object as the same tree that {@link Yaml} makes; bounded in depth and size. */
final class Json {
  private static final int MAX_NUMBER = 64;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(Yaml.MAX_DEPTH)
                  .maxNumberLength(MAX_NUMBER)
                  .build())
          .build();

  private final JsonParser parser;

  private Json(JsonParser parser) {
    this.parser = parser;
  }

  /**
   * Reads an object.
   *
   * @throws ConfigException if the bytes are not exactly one
   */
  static Yaml.Fields read(byte[] bytes) {
    try (JsonParser parser = FACTORY.createParser(bytes)) {
      Json json = new Json(parser);
      if (parser.nextToken() == null) {
        throw new ConfigException("nothing (allowed: a JSON object)");
      }
      if (!(json.node() instanceof Yaml.Fields fields)) {
        throw new ConfigException("not a JSON object (allowed: {…})");
      }
      if (parser.nextToken() != null) {
        throw json.wrong("something follows the JSON object");
      }
      return fields;
    } catch (JsonProcessingException e) {
      // without its text, which repeats what was sent
      int line = e.getLocation() == null ? 1 : e.getLocation().getLineNr();
      throw new ConfigException("line %d: not JSON".formatted(line));
    } catch (IOException e) {
      // bytes in memory can be read, so they are in no encoding of JSON
      throw new ConfigException("not JSON (allowed: UTF-8)");
    }
  }

  private Yaml.Node node() throws IOException {
    int line = line();
    JsonToken token = parser.currentToken();
    return switch (token) {
      case START_OBJECT -> fields(line);
      case START_ARRAY -> items(line);
      case VALUE_STRING -> new Yaml.Scalar(line, parser.getText(), false);
      default -> new Yaml.Scalar(line, parser.getText(), true);
    };
  }

  private Yaml.Fields fields(int line) throws IOException {
    Map<String, Yaml.Field> fields = new LinkedHashMap<>();
    long size = 1;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String key = parser.currentName();
      int keyLine = line();
      parser.nextToken();
      Yaml.Node value = node();
      size += value.size();
      if (fields.putIfAbsent(key, new Yaml.Field(keyLine, value)) != null) {
        throw wrong("key %s is given again".formatted(Yaml.quote(key)));
      }
    }
    return new Yaml.Fields(line, size, fields);
  }

  private Yaml.Items items(int line) throws IOException {
    List<Yaml.Node> nodes = new ArrayList<>();
    long size = 1;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      Yaml.Node node = node();
      size += node.size();
      nodes.add(node);
    }
    return new Yaml.Items(line, size, nodes);
  }

  private int line() {
    return parser.currentLocation().getLineNr();
  }

  private ConfigException wrong(String problem) {
    return new ConfigException("line %d: %s".formatted(line(), problem));
  }
}
