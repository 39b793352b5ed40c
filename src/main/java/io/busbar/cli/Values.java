package io.busbar.cli;

import io.busbar.config.ConfigException;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Values that people give on a command line. */
final class Values {
  private Values() {}

  /**
   * Puts a property, which may be one of another one: {@code attributes.type}.
   *
   * @param value null takes it away
   */
  static void put(JsonObject properties, String path, Object value) {
    JsonObject at = properties;
    String[] steps = path.split("\\.", -1);
    for (int i = 0; i < steps.length - 1; i++) {
      if (!(at.getValue(steps[i]) instanceof JsonObject)) {
        at.put(steps[i], new JsonObject());
      }
      at = at.getJsonObject(steps[i]);
    }
    if (value == null) {
      at.remove(steps[steps.length - 1]);
    } else {
      at.put(steps[steps.length - 1], value);
    }
  }

  /** A number, a list, an object, true, false or a quoted text, if it is JSON; else the text. */
  static Object of(String text) {
    try {
      Object json = Json.decodeValue(text);
      return json == null ? text : json;
    } catch (DecodeException e) {
      return text;
    }
  }

  /** The same; what follows an @ sign is the name of a file that has the text. */
  static Object orFile(String text) throws IOException {
    if (!text.startsWith("@")) {
      return of(text);
    }
    Path file = Path.of(text.substring(1));
    if (!Files.isReadable(file)) {
      throw new ConfigException(file + ": cannot be read");
    }
    return Files.readString(file);
  }
}
