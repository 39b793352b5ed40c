package io.busbar.cli;

import io.busbar.config.ConfigException;
import io.busbar.config.NamespaceFile;
import io.busbar.config.ResourceForm;
import io.busbar.policy.NamespaceSettings;
import io.busbar.policy.Resource;
import io.busbar.policy.Resource.Kind;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a namespace is to be: what a namespace file says, a directory of them, or an ARM template.
 *
 * @param name the namespace's
 * @param namespace what it is to be itself, as the API has it; null if nothing is said
 * @param entries its resources
 */
record Wanted(String name, JsonObject namespace, List<Entry> entries) {

  /** A resource. */
  record Entry(Kind kind, String id, String name, JsonObject properties) {
    private static Entry of(ResourceForm form) {
      JsonObject properties = new JsonObject(Buffer.buffer(form.encode()));
      properties.remove("name");
      Resource resource = form.resource();
      return new Entry(resource.kind(), resource.id(), resource.name(), properties);
    }
  }

  /**
   * Reads it.
   *
   * @param parameters of a template
   * @throws ConfigException if it breaks a rule
   */
  static Wanted read(Path place, Map<String, Object> parameters) throws IOException {
    if (place.toString().endsWith(".json") && Files.isRegularFile(place)) {
      JsonObject json;
      try {
        json = new JsonObject(Files.readString(place));
      } catch (DecodeException e) {
        throw new ConfigException("%s: not a JSON object: %s".formatted(place, e.getMessage()));
      }
      if (ArmTemplate.is(json)) {
        try {
          return of(new ArmTemplate(json, parameters).resources());
        } catch (ConfigException | ClassCastException e) {
          throw new ConfigException(place + ": " + e.getMessage());
        }
      }
    }
    if (!parameters.isEmpty()) {
      throw new ConfigException(place + ": is no ARM template, which alone has parameters");
    }
    NamespaceFile file = NamespaceFile.read(place);
    NamespaceSettings settings = file.namespace().settings();
    return new Wanted(
        settings.name(),
        Shapes.properties(settings),
        file.resources().stream()
            .filter(form -> ApiClient.KINDS.contains(form.resource().kind()))
            .map(Entry::of)
            .toList());
  }

  private static Wanted of(List<ArmTemplate.Item> items) {
    String name = null;
    JsonObject namespace = null;
    List<Entry> entries = new ArrayList<>();
    for (ArmTemplate.Item item : items) {
      String of = item.names().get(0);
      if (name != null && !name.equalsIgnoreCase(of)) {
        throw new ConfigException(
            "namespaces \"%s\" and \"%s\" (allowed: one)".formatted(name, of));
      }
      name = of;
      JsonObject properties = item.resource().getJsonObject("properties", new JsonObject());
      if (item.type().isEmpty()) {
        namespace = properties;
      } else {
        entries.add(entry(item, properties));
      }
    }
    if (name == null) {
      throw new ConfigException("resources: there are none (allowed: a namespace and below)");
    }
    return new Wanted(name, namespace, entries);
  }

  private static Entry entry(ArmTemplate.Item item, JsonObject properties) {
    String[] types = item.type().split("/");
    Kind kind = ApiClient.kind(types[types.length - 1]);
    boolean isBelowTopic = types[0].toLowerCase(Locale.ROOT).equals("topics") && types.length == 2;
    if (types.length > 1 && !(isBelowTopic && kind == Kind.EVENT_SUBSCRIPTION)) {
      throw new ConfigException("resources: type \"%s\" is not known".formatted(item.type()));
    }
    String name = String.join("/", item.names().subList(1, item.names().size()));
    try {
      return Entry.of(
          ResourceForm.parse(
              kind,
              name,
              new JsonObject()
                  .put("properties", properties)
                  .encode()
                  .getBytes(StandardCharsets.UTF_8)));
    } catch (ConfigException e) {
      throw new ConfigException("%s/%s: %s".formatted(kind.plural(), name, e.getMessage()));
    }
  }
}
