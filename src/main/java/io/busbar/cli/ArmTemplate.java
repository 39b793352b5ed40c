package io.busbar.cli;

import io.busbar.config.ConfigException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A template of Azure Resource Manager, as far as it describes one Event Grid namespace and what is
 * in it: the literal form, and what the Bicep compiler makes. Expressions may call the functions of
 * {@link #call}; what depends on what is not looked at, as kinds have an order of their own.
 */
final class ArmTemplate {
  private static final String NAMESPACES = "Microsoft.EventGrid/namespaces";
  private static final int MAX_DEPTH = 32;

  private final JsonObject template;
  private final Map<String, Object> parameters;
  private int depth;

  /** A resource: its type below the namespace ("" for the namespace), and its names. */
  record Item(String type, List<String> names, JsonObject resource) {}

  /**
   * A template.
   *
   * @param parameters given for those that it declares
   */
  ArmTemplate(JsonObject template, Map<String, Object> parameters) {
    this.template = template;
    this.parameters = parameters;
    JsonObject declared = template.getJsonObject("parameters", new JsonObject());
    for (String name : parameters.keySet()) {
      if (!declared.containsKey(name)) {
        throw new ConfigException(
            "the template has no parameter \"%s\" (allowed: %s)"
                .formatted(name, String.join(", ", declared.fieldNames())));
      }
    }
  }

  /** Whether a file's content is a template. */
  static boolean is(JsonObject json) {
    return json.getValue("$schema") instanceof String schema
        && schema.contains("deploymentTemplate");
  }

  /**
   * Its resources, with their expressions evaluated.
   *
   * @throws ConfigException if one is not of Event Grid's namespaces, or says what is not
   *     understood
   */
  List<Item> resources() {
    List<Item> all = new ArrayList<>();
    collect(template.getValue("resources"), "", List.of(), all);
    return all;
  }

  private void collect(Object resources, String type, List<String> names, List<Item> all) {
    Iterable<?> some;
    if (resources instanceof JsonArray list) {
      some = list.stream().toList();
    } else if (resources instanceof JsonObject named) {
      some = named.stream().map(Map.Entry::getValue).toList();
    } else if (resources == null) {
      return;
    } else {
      throw new ConfigException("resources: not a list (allowed: [{…}])");
    }
    for (Object one : some) {
      if (!(one instanceof JsonObject resource)) {
        throw new ConfigException("resources: not an object (allowed: {\"type\", \"name\", …})");
      }
      collect(resource, type, names, all);
    }
  }

  private void collect(JsonObject resource, String type, List<String> names, List<Item> all) {
    String ownType = String.valueOf(resource.getValue("type"));
    String whole = type.isEmpty() ? ownType : type + "/" + ownType;
    if (!whole.toLowerCase(Locale.ROOT).startsWith(NAMESPACES.toLowerCase(Locale.ROOT))) {
      throw new ConfigException(
          "resources: type \"%s\" (allowed: %s and what is below it)".formatted(whole, NAMESPACES));
    }
    for (String unsupported : List.of("copy", "condition")) {
      if (resource.containsKey(unsupported)) {
        throw new ConfigException(
            "resources: \"%s\" is not understood (allowed: each resource by itself)"
                .formatted(unsupported));
      }
    }
    List<String> ownNames = new ArrayList<>(names);
    ownNames.addAll(List.of(text(evaluated(resource.getValue("name"))).split("/")));
    String below = whole.substring(NAMESPACES.length());
    below = below.startsWith("/") ? below.substring(1) : below;
    int levels = below.isEmpty() ? 1 : 1 + below.split("/").length;
    if (ownNames.size() != levels) {
      throw new ConfigException(
          "resources: name \"%s\" of type \"%s\" (allowed: %d names, joined by slashes)"
              .formatted(String.join("/", ownNames), whole, levels));
    }
    JsonObject bare = resource.copy();
    List.of("resources", "dependsOn", "apiVersion", "comments").forEach(bare::remove);
    all.add(new Item(below, ownNames, (JsonObject) evaluated(bare)));
    collect(resource.getValue("resources"), whole, ownNames, all);
  }

  private static String text(Object value) {
    if (value instanceof String text) {
      return text;
    }
    throw new ConfigException("\"%s\" is no text (allowed: a text)".formatted(value));
  }

  // --- expressions ---

  /** A value of the template, all of its expressions evaluated. */
  private Object evaluated(Object value) {
    if (value instanceof JsonObject object) {
      JsonObject result = new JsonObject();
      object.forEach(one -> result.put(one.getKey(), evaluated(one.getValue())));
      return result;
    } else if (value instanceof JsonArray list) {
      JsonArray result = new JsonArray();
      list.forEach(one -> result.add(evaluated(one)));
      return result;
    } else if (value instanceof String text && text.startsWith("[[")) {
      return text.substring(1);
    } else if (value instanceof String text && text.startsWith("[") && text.endsWith("]")) {
      if (++depth > MAX_DEPTH) {
        throw new ConfigException("expression %s: refers to itself".formatted(text));
      }
      Object result = new Expression(text.substring(1, text.length() - 1)).whole();
      depth--;
      return result;
    }
    return value;
  }

  private Object parameter(String name) {
    JsonObject declared = template.getJsonObject("parameters", new JsonObject());
    if (parameters.containsKey(name)) {
      return parameters.get(name);
    }
    if (!declared.containsKey(name)) {
      throw new ConfigException("parameter \"%s\" is not declared".formatted(name));
    }
    if (!declared.getJsonObject(name).containsKey("defaultValue")) {
      throw new ConfigException(
          "parameter \"%s\" has no value (needed: --parameter %s=VALUE)".formatted(name, name));
    }
    return evaluated(declared.getJsonObject(name).getValue("defaultValue"));
  }

  private Object variable(String name) {
    JsonObject variables = template.getJsonObject("variables", new JsonObject());
    if (!variables.containsKey(name)) {
      throw new ConfigException("variable \"%s\" is not declared".formatted(name));
    }
    return evaluated(variables.getValue(name));
  }

  private Object call(String function, List<Object> arguments) {
    List<String> texts = arguments.stream().map(String::valueOf).toList();
    String first = texts.isEmpty() ? "" : texts.get(0);
    return switch (function.toLowerCase(Locale.ROOT)) {
      case "parameters" -> parameter(first);
      case "variables" -> variable(first);
      case "concat" -> String.join("", texts);
      case "tolower" -> first.toLowerCase(Locale.ROOT);
      case "toupper" -> first.toUpperCase(Locale.ROOT);
      case "string" -> first;
      case "format" -> formatted(first, texts.subList(1, texts.size()));
      case "resourceid" -> id(texts);
      case "resourcegroup" -> new JsonObject().put("location", "local").put("name", "local");
      case "subscription" -> new JsonObject().put("subscriptionId", "local");
      case "createarray" -> new JsonArray(arguments);
      default ->
          throw new ConfigException(
              "function \"%s\" is not understood (allowed: parameters, variables, concat, format,"
                      .formatted(function)
                  + " toLower, toUpper, string, resourceId, resourceGroup, subscription,"
                  + " createArray)");
    };
  }

  private static String formatted(String form, List<String> values) {
    String result = form;
    for (int i = 0; i < values.size(); i++) {
      result = result.replace("{" + i + "}", values.get(i));
    }
    return result;
  }

  /** The path of a resource here: its type and names, taken in turn. */
  private static String id(List<String> texts) {
    int type = 0;
    while (type < texts.size() && !texts.get(type).contains("/")) {
      type++;
    }
    if (type == texts.size()) {
      throw new ConfigException(
          "resourceId: no type is given (allowed: %s…)".formatted(NAMESPACES));
    }
    String[] parts = texts.get(type).split("/");
    List<String> names = texts.subList(type + 1, texts.size());
    String path =
        IntStream.range(0, Math.min(names.size(), parts.length - 1))
            .mapToObj(i -> parts[i + 1] + "/" + names.get(i))
            .collect(Collectors.joining("/"));
    return "/" + parts[0] + "/" + path;
  }

  /** An expression, without its brackets. */
  private final class Expression {
    private final String text;
    private int at;

    Expression(String text) {
      this.text = text;
    }

    Object whole() {
      Object value = value();
      blanks();
      if (at < text.length()) {
        throw wrong("its end");
      }
      return value;
    }

    private Object value() {
      blanks();
      if (takes('\'')) {
        StringBuilder literal = new StringBuilder();
        while (at < text.length()) {
          char c = text.charAt(at++);
          if (c != '\'') {
            literal.append(c);
          } else if (takes('\'')) {
            literal.append(c);
          } else {
            return literal.toString();
          }
        }
        throw wrong("'");
      }
      int start = at;
      while (at < text.length()
          && (Character.isLetterOrDigit(text.charAt(at)) || text.charAt(at) == '-')) {
        at++;
      }
      String word = text.substring(start, at);
      if (word.matches("-?[0-9]{1,9}")) {
        return Integer.valueOf(word);
      }
      if (word.isEmpty() || !takes('(')) {
        throw wrong("a text, a number or a function");
      }
      List<Object> arguments = new ArrayList<>();
      blanks();
      if (!takes(')')) {
        do {
          arguments.add(value());
          blanks();
        } while (takes(','));
        if (!takes(')')) {
          throw wrong(")");
        }
      }
      return properties(call(word, arguments));
    }

    /** What follows a value, with a dot. */
    private Object properties(Object of) {
      Object value = of;
      while (takes('.')) {
        int start = at;
        while (at < text.length() && Character.isLetterOrDigit(text.charAt(at))) {
          at++;
        }
        String name = text.substring(start, at);
        if (!(value instanceof JsonObject object) || !object.containsKey(name)) {
          throw wrong("a property that is there");
        }
        value = object.getValue(name);
      }
      return value;
    }

    private void blanks() {
      while (at < text.length() && text.charAt(at) == ' ') {
        at++;
      }
    }

    private boolean takes(char wanted) {
      boolean isIt = at < text.length() && text.charAt(at) == wanted;
      at += isIt ? 1 : 0;
      return isIt;
    }

    private ConfigException wrong(String expected) {
      return new ConfigException(
          "expression [%s], column %d (expected %s)".formatted(text, at + 1, expected));
    }
  }
}
