package io.busbar.api;

import io.busbar.config.Profile;
import io.busbar.config.ResourceForm;
import io.busbar.policy.NamespaceSettings;
import io.busbar.policy.Resource.Kind;
import io.busbar.policy.TokenIssuer;
import io.busbar.shard.StoredResource;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Set;

/**
 * The namespace itself in the shape of Azure Resource Manager. What Busbar acts on stands in the
 * stored form under its own names; the rest of what was sent is kept as it was, and given back.
 */
final class NamespaceShape {
  /** Where the stored form has what was sent. */
  private static final String SENT = "sent";

  private static final String SOURCES = "alternativeAuthenticationNameSources";
  private static final List<String> AUTHORITIES =
      List.of("customJwtAuthentication", "oauth2JwtAuthentication", "webhookAuthentication");
  private static final String SPACES = "topicSpacesConfiguration";
  private static final String SESSIONS = "maximumClientSessionsPerAuthenticationName";
  private static final String ROUTE = "routeTopicResourceId";
  private static final String LIFE_CYCLE = "lifeCycleTopicResourceId";
  private static final List<String> NETWORK = List.of("publicNetworkAccess", "inboundIpRules");
  private static final String ENRICHMENTS = "routingEnrichments";
  private static final String AUTHENTICATION = "clientAuthentication";
  private static final List<String> TOP = List.of("location", "tags", "sku", "identity");
  private static final Set<String> READ_ONLY =
      Set.of("provisioningState", "privateEndpointConnections");

  private final String host;
  private final long sessionExpirySeconds;
  private final Profile profile;

  /**
   * The shape of a node's namespace.
   *
   * @param host where clients reach it
   * @param sessionExpirySeconds the longest Session Expiry Interval
   * @param profile in which a namespace may be no more than Event Grid's
   */
  NamespaceShape(String host, long sessionExpirySeconds, Profile profile) {
    this.host = host;
    this.sessionExpirySeconds = sessionExpirySeconds;
    this.profile = profile;
  }

  static String name(StoredResource stored) {
    return new JsonObject(Buffer.buffer(stored.value())).getString("name");
  }

  /** The stored form of what was sent. */
  byte[] made(String name, JsonObject body) {
    JsonObject sent = new JsonObject();
    for (String key : TOP) {
      if (body.getValue(key) != null) {
        sent.put(key, body.getValue(key));
      }
    }
    JsonObject properties = object(body, "properties").copy();
    READ_ONLY.forEach(properties::remove);
    return stored(name, sent.put("properties", properties));
  }

  /** The stored form after a PATCH: what was sent takes the place of what was there. */
  byte[] changed(StoredResource now, JsonObject body) {
    JsonObject before = new JsonObject(Buffer.buffer(now.value()));
    JsonObject sent = object(before, SENT).copy();
    for (String key : TOP) {
      if (body.containsKey(key)) {
        sent.put(key, body.getValue(key));
      }
    }
    JsonObject properties = object(sent, "properties");
    for (String key : object(body, "properties").fieldNames()) {
      Object value = object(body, "properties").getValue(key);
      if (value instanceof JsonObject part && properties.getValue(key) instanceof JsonObject old) {
        properties.put(key, old.copy().mergeIn(part));
      } else if (!READ_ONLY.contains(key)) {
        properties.put(key, value);
      }
    }
    return stored(before.getString("name"), sent.put("properties", properties));
  }

  private byte[] stored(String name, JsonObject sent) {
    JsonObject authentication = object(object(object(sent, "properties"), SPACES), AUTHENTICATION);
    Object sources = authentication.getValue(SOURCES);
    JsonObject form =
        new JsonObject()
            .put("name", name)
            .put(SOURCES, sources == null ? new JsonArray() : sources);
    Object sessions = object(object(sent, "properties"), SPACES).getValue(SESSIONS);
    if (sessions != null) {
      form.put(SESSIONS, sessions);
    }
    JsonObject spaces = object(object(sent, "properties"), SPACES);
    if (spaces.getValue(ROUTE) instanceof String id && !id.isEmpty()) {
      // of this namespace, or a custom topic of Azure: one of that name here
      form.put("routeTopic", id.substring(id.lastIndexOf('/') + 1));
    }
    if (spaces.getValue(LIFE_CYCLE) instanceof String id && !id.isEmpty()) {
      form.put("lifeCycleTopic", id.substring(id.lastIndexOf('/') + 1));
    }
    if (spaces.getValue(ENRICHMENTS) != null) {
      form.put(ENRICHMENTS, spaces.getValue(ENRICHMENTS));
    }
    for (String key : NETWORK) {
      if (object(sent, "properties").getValue(key) != null) {
        form.put(key, object(sent, "properties").getValue(key));
      }
    }
    for (String key : authentication.fieldNames()) {
      // the documents write some with other capitals than the specification
      for (String authority : AUTHORITIES) {
        if (key.equalsIgnoreCase(authority) && authentication.getValue(key) != null) {
          form.put(authority, authentication.getValue(key));
        }
      }
    }
    judge(
        (NamespaceSettings)
            ResourceForm.decode(Kind.NAMESPACE, form.toBuffer().getBytes()).resource());
    return form.put(SENT, sent).toBuffer().getBytes();
  }

  private void judge(NamespaceSettings settings) {
    for (TokenIssuer issuer : settings.tokenIssuers()) {
      if (profile == Profile.AZURE && issuer.isFetchedHereAlone()) {
        throw ApiError.invalid(
            "%s: this node fetches no keys of its issuer (allowed: encodedIssuerCertificates; jwksUri and discovery in another profile than azure)"
                .formatted(issuer.method().property()));
      }
    }
  }

  private static JsonObject object(JsonObject in, String key) {
    Object value = in.getValue(key);
    if (value != null && !(value instanceof JsonObject)) {
      throw ApiError.invalid(key + ": not an object (allowed: {…})");
    }
    return value == null ? new JsonObject() : (JsonObject) value;
  }

  /** The namespace in its envelope. */
  JsonObject json(ResourcePath path, StoredResource stored) {
    JsonObject form = new JsonObject(Buffer.buffer(stored.value()));
    String name = form.getString("name");
    JsonObject sent = object(form, SENT);
    JsonObject properties = object(sent, "properties").copy();
    JsonObject spaces = object(properties, SPACES).copy();
    JsonObject authentication = object(spaces, AUTHENTICATION).copy();
    authentication.put(SOURCES, form.getJsonArray(SOURCES, new JsonArray()));
    spaces
        .put("state", spaces.getString("state", "Enabled"))
        .put("hostname", host)
        .put(AUTHENTICATION, authentication);
    if (!spaces.containsKey("maximumSessionExpiryInHours")) {
      spaces.put("maximumSessionExpiryInHours", Math.max(1, sessionExpirySeconds / 3_600));
    }
    JsonObject topics = object(properties, "topicsConfiguration").copy().put("hostname", host);
    properties
        .put("provisioningState", "Succeeded")
        .put("publicNetworkAccess", properties.getString("publicNetworkAccess", "Enabled"))
        .put("topicsConfiguration", topics)
        .put(SPACES, spaces);
    JsonObject json =
        new JsonObject()
            .put(
                "id",
                new ResourcePath(path.root(), true, name, null, null, null, null)
                    .id(Kind.NAMESPACE, ""))
            .put("name", name)
            .put("type", ResourcePath.type(Kind.NAMESPACE))
            .put("location", sent.getString("location", "local"))
            .put(
                "sku",
                sent.getValue("sku", new JsonObject().put("name", "Standard").put("capacity", 1)))
            .put("systemData", Resources.systemData(stored));
    if (sent.getValue("tags") != null) {
      json.put("tags", sent.getValue("tags"));
    }
    if (sent.getValue("identity") != null) {
      json.put("identity", sent.getValue("identity"));
    }
    return json.put("properties", properties);
  }
}
