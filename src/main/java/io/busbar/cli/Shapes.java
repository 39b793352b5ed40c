package io.busbar.cli;

import io.busbar.config.ResourceForm;
import io.busbar.policy.NamespaceSettings;
import io.busbar.policy.Resource.Kind;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Map;

/** The namespace's resources as files have them, and as the API has them. */
final class Shapes {
  private static final String ENRICHMENTS = "routingEnrichments";
  private static final List<String> TOPICS = List.of("routeTopic", "lifeCycleTopic");

  /** From where clients may come, and what that is where nothing is said. */
  private static final Map<String, Object> NETWORK =
      Map.of("publicNetworkAccess", "Enabled", "inboundIpRules", new JsonArray());

  private static final String SESSIONS = "maximumClientSessionsPerAuthenticationName";

  private Shapes() {}

  private static final List<String> ISSUERS =
      List.of("customJwtAuthentication", "oauth2JwtAuthentication");

  /** What a namespace itself says, as a namespace file has it. */
  static JsonObject settings(JsonObject namespace) {
    JsonObject given = namespace.getJsonObject("properties", new JsonObject());
    JsonObject spaces = given.getJsonObject("topicSpacesConfiguration", new JsonObject());
    JsonObject authentication = spaces.getJsonObject("clientAuthentication", new JsonObject());
    JsonObject settings = new JsonObject();
    String sources = "alternativeAuthenticationNameSources";
    settings.put(sources, authentication.getJsonArray(sources, new JsonArray()));
    if (spaces.getValue(SESSIONS) != null) {
      settings.put(SESSIONS, spaces.getValue(SESSIONS));
    }
    for (String key : ISSUERS) {
      copy(authentication, settings, key, "tokenIssuer", "audiences", "encodedIssuerCertificates");
    }
    for (String topic : TOPICS) {
      String id = spaces.getString(topic + "ResourceId", "");
      if (!id.isEmpty()) {
        settings.put(topic, id.substring(id.lastIndexOf('/') + 1));
      }
    }
    copy(authentication, settings, "webhookAuthentication", "endpointUrl");
    if (spaces.getValue(ENRICHMENTS) != null) {
      settings.put(ENRICHMENTS, spaces.getValue(ENRICHMENTS));
    }
    for (String key : NETWORK.keySet()) {
      if (given.getValue(key) != null) {
        settings.put(key, given.getValue(key));
      }
    }
    settings.put("name", namespace.getString("name"));
    return settings(
        (NamespaceSettings)
            ResourceForm.decode(Kind.NAMESPACE, settings.toBuffer().getBytes()).resource());
  }

  /** The same as a namespace file has it, without the name. */
  static JsonObject settings(NamespaceSettings settings) {
    JsonObject json = new JsonObject(Buffer.buffer(new ResourceForm(settings, null).encode()));
    json.remove("name");
    return json;
  }

  /** Copies the parts of an object that a namespace file knows. */
  private static void copy(JsonObject from, JsonObject to, String key, String... parts) {
    JsonObject given = from.getJsonObject(key);
    if (given == null) {
      return;
    }
    JsonObject known = new JsonObject();
    for (String part : parts) {
      if (given.getValue(part) != null) {
        known.put(part, given.getValue(part));
      }
    }
    to.put(key, known);
  }

  /** The same as the API has it; what is not there is said, too, as it may be there now. */
  static JsonObject properties(NamespaceSettings of) {
    JsonObject authentication = settings(of);
    JsonObject spaces = new JsonObject();
    JsonObject properties = new JsonObject().put("topicSpacesConfiguration", spaces);
    Object sessions = authentication.remove(SESSIONS);
    if (sessions != null) {
      spaces.put(SESSIONS, sessions);
    }
    for (String topic : TOPICS) {
      Object name = authentication.remove(topic);
      spaces.put(topic + "ResourceId", name == null ? "" : name);
    }
    spaces.put(ENRICHMENTS, authentication.remove(ENRICHMENTS));
    for (Map.Entry<String, Object> one : NETWORK.entrySet()) {
      Object given = authentication.remove(one.getKey());
      properties.put(one.getKey(), given == null ? one.getValue() : given);
    }
    spaces.put("clientAuthentication", authentication);
    return properties;
  }

  /** What a resource is, without what a node adds to it. */
  static JsonObject properties(JsonObject resource) {
    JsonObject properties = resource.getJsonObject("properties").copy();
    for (String added : List.of("provisioningState", "issueTimeInUtc", "expiryTimeInUtc")) {
      properties.remove(added);
    }
    return properties;
  }
}
