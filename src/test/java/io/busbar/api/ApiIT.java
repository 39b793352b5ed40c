package io.busbar.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.Node;
import io.busbar.config.Durability;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.config.Settings.Address;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.AuditRecords;
import io.busbar.testing.NpmScript;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestPki;
import io.busbar.tool.Certificates;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.ext.web.client.HttpRequest;
import io.vertx.ext.web.client.HttpResponse;
import io.vertx.ext.web.client.WebClient;
import io.vertx.ext.web.client.WebClientOptions;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The management API over HTTPS, on a node whose store is on disk; what it makes is in force. */
@Timeout(60)
class ApiIT {
  private static final String ARM =
      "/subscriptions/s-1/resourceGroups/g-1/providers/Microsoft.EventGrid/namespaces/plant";
  private static final String VERSION = "?api-version=2025-02-15";

  @TempDir static Path home;
  private static TestPki pki;
  private static Settings settings;
  private static Node node;
  private static Vertx vertx;
  private static WebClient client;

  @BeforeAll
  static void start() throws Exception {
    pki = TestPki.in(home);
    Certificates.Identity server = pki.server();
    Files.writeString(
        home.resolve("api-keys"),
        "# of this test\nowner %s the owner\n\nreader %s\nreader %s in haste\noperator subject CN=alice\n"
            .formatted(hash("the-owner"), hash("a-reader"), hash("in-haste")));
    settings =
        new Settings(
                "api",
                Profile.OPEN,
                List.of(
                    new Settings.Listener(
                        Settings.Protocol.MQTTS,
                        new Address("127.0.0.1", 0),
                        Optional.of(server.certificate()),
                        Optional.of(server.key()),
                        "/mqtt",
                        List.of("mqtt"))),
                new Address("127.0.0.1", 0),
                Settings.Cluster.single(),
                Optional.empty(),
                false,
                1,
                new Limits(Profile.OPEN, Map.of(Limit.API_REQUESTS, 300L)))
            .with(
                new Settings.Storage(
                    home.resolve("data"), Durability.FSYNC, Settings.Storage.SEGMENT_BYTES))
            .with(
                new Settings.Api(
                    new Address("127.0.0.1", 0),
                    server.certificate(),
                    server.key(),
                    home.resolve("api-keys"),
                    Optional.of(home.resolve("ca.pem"))));
    vertx = Vertx.vertx();
    client =
        WebClient.create(
            vertx,
            new WebClientOptions()
                .setSsl(true)
                .setTrustOptions(
                    new PemTrustOptions().addCertPath(home.resolve("ca.pem").toString())));
    node = await(Node.start(settings));
  }

  private static String hash(String key) throws Exception {
    return HexFormat.of()
        .formatHex(
            MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8)));
  }

  @AfterAll
  static void stop() throws Exception {
    await(node.stop());
    await(vertx.close());
  }

  @BeforeEach
  void empty() throws Exception {
    ask(HttpMethod.DELETE, ARM + VERSION, null);
    JsonObject namespace = new JsonObject().put("location", "westeurope");
    assertThat(put(ARM + VERSION, namespace).statusCode()).isEqualTo(201);
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);
  }

  private static HttpResponse<Buffer> ask(HttpMethod method, String path, Buffer body)
      throws Exception {
    return ask(method, path, body, "the-owner");
  }

  private static HttpResponse<Buffer> ask(HttpMethod method, String path, Buffer body, String key)
      throws Exception {
    HttpRequest<Buffer> request =
        client.request(method, node.api().orElseThrow().port(), "localhost", path);
    if (key != null) {
      request.putHeader("Authorization", "Bearer " + key);
    }
    return await(body == null ? request.send() : request.sendBuffer(body));
  }

  private static HttpResponse<Buffer> get(String path) throws Exception {
    return ask(HttpMethod.GET, path, null);
  }

  private static HttpResponse<Buffer> put(String path, JsonObject body) throws Exception {
    return ask(HttpMethod.PUT, path, body.toBuffer());
  }

  private static HttpResponse<Buffer> put(String kind, String name, JsonObject properties)
      throws Exception {
    return put(
        ARM + "/" + kind + "/" + name + VERSION, new JsonObject().put("properties", properties));
  }

  private static void made(String kind, String name, JsonObject properties) throws Exception {
    HttpResponse<Buffer> made = put(kind, name, properties);
    assertThat(made.statusCode()).as(made.bodyAsString()).isIn(200, 201);
  }

  private static void refused(HttpResponse<Buffer> answer, int status, String code, String why) {
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(status);
    JsonObject error = answer.bodyAsJsonObject().getJsonObject("error");
    assertThat(error.getString("code")).isEqualTo(code);
    assertThat(error.getString("message")).contains(why);
  }

  private static void plant() throws Exception {
    made(
        "caCertificates",
        "ours",
        new JsonObject()
            .put(
                "encodedCertificate",
                Files.readString(home.resolve("ca.pem")).replaceAll("\\R", "")));
    made(
        "clients",
        "truck-1",
        new JsonObject()
            .put("description", "the first")
            .put("attributes", new JsonObject().put("type", "truck").put("load", 5))
            .put(
                "clientCertificateAuthentication",
                new JsonObject().put("validationScheme", "SubjectMatchesAuthenticationName")));
    made("clientGroups", "trucks", new JsonObject().put("query", "attributes.type = 'truck'"));
    made(
        "topicSpaces",
        "own",
        new JsonObject()
            .put("topicTemplates", new JsonArray().add("trucks/${client.authenticationName}/#")));
    made("permissionBindings", "publish", binding("trucks", "own", "Publisher"));
  }

  private static JsonObject binding(String group, String space, String permission) {
    return new JsonObject()
        .put("clientGroupName", group)
        .put("topicSpaceName", space)
        .put("permission", permission);
  }

  private static RawClient truck() throws Exception {
    return TestPki.open(
        node.listeners().get(0).address().port(),
        MqttVersion.V5,
        pki.context(pki.client("truck-1")),
        "TLSv1.3");
  }

  // --- resources ---

  @Test
  void whatIsMadeIsInForceAtOnce() throws Exception {
    try (RawClient early = truck()) {
      assertThat(TestPki.connect(early, "truck-1", "s").code()).isEqualTo(0x87);
    }
    plant();
    try (RawClient truck = truck()) {
      assertThat(TestPki.connect(truck, "truck-1", "s").code()).isZero();
      assertThat(truck.publishAcked("trucks/truck-1/x", "x").isError()).isFalse();
      assertThat(truck.publishAcked("other", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
      assertThat(ask(HttpMethod.DELETE, ARM + "/clients/truck-1" + VERSION, null).statusCode())
          .isEqualTo(200);
      truck.expectEnd(ReasonCode.NOT_AUTHORIZED);
    }
  }

  @Test
  void aResourceHasTheShapeOfAzureResourceManager() throws Exception {
    plant();
    JsonObject client = get(ARM + "/clients/truck-1" + VERSION).bodyAsJsonObject();
    assertThat(client.getString("id")).isEqualTo(ARM + "/clients/truck-1");
    assertThat(client.getString("name")).isEqualTo("truck-1");
    assertThat(client.getString("type")).isEqualTo("Microsoft.EventGrid/namespaces/clients");
    assertThat(client.getJsonObject("systemData").getInstant("createdAt")).isNotNull();
    JsonObject properties = client.getJsonObject("properties");
    assertThat(properties)
        .isEqualTo(
            new JsonObject(
                """
                {"description": "the first", "authenticationName": "truck-1", "state": "Enabled",
                 "clientCertificateAuthentication":
                   {"validationScheme": "SubjectMatchesAuthenticationName"},
                 "attributes": {"load": 5, "type": "truck"}, "provisioningState": "Succeeded"}
                """));
    JsonObject ca = get(ARM + "/caCertificates/ours" + VERSION).bodyAsJsonObject();
    assertThat(ca.getJsonObject("properties").getString("expiryTimeInUtc")).startsWith("20");

    JsonObject namespace = get(ARM + VERSION).bodyAsJsonObject();
    assertThat(namespace.getString("location")).isEqualTo("westeurope");
    assertThat(namespace.getString("type")).isEqualTo("Microsoft.EventGrid/namespaces");
    assertThat(
            namespace
                .getJsonObject("properties")
                .getJsonObject("topicSpacesConfiguration")
                .getString("state"))
        .isEqualTo("Enabled");
    assertThat(get("/namespaces/PLANT").bodyAsJsonObject().getString("name")).isEqualTo("plant");
    assertThat(
            get("/subscriptions/s-1/providers/Microsoft.EventGrid/namespaces" + VERSION)
                .bodyAsJsonObject()
                .getJsonArray("value"))
        .hasSize(1);
  }

  @Test
  void putTellsWhetherItIsNewAndDeleteWhetherItWas() throws Exception {
    JsonObject group = new JsonObject().put("query", "attributes.x = 1");
    assertThat(put("clientGroups", "Some-Group", group).statusCode()).isEqualTo(201);
    HttpResponse<Buffer> again = put("clientGroups", "some-group", group);
    assertThat(again.statusCode()).isEqualTo(200);
    assertThat(again.bodyAsJsonObject().getString("name"))
        .as("the name as it was first given")
        .isEqualTo("Some-Group");
    String path = ARM + "/clientgroups/SOME-GROUP" + VERSION;
    assertThat(get(path).statusCode()).isEqualTo(200);
    assertThat(ask(HttpMethod.DELETE, path, null).statusCode()).isEqualTo(200);
    assertThat(ask(HttpMethod.DELETE, path, null).statusCode()).isEqualTo(204);
    refused(get(path), 404, "ResourceNotFound", "clientGroup 'SOME-GROUP' was not found");
  }

  @Test
  void aNodeAloneHasNoOthersAndDoesNotLeave() throws Exception {
    JsonObject alone = get("/cluster").bodyAsJsonObject();
    assertThat(alone.getBoolean("shared")).isFalse();
    assertThat(ask(HttpMethod.GET, "/cluster", null, "a-reader").statusCode()).isEqualTo(200);
    refused(
        ask(HttpMethod.POST, "/cluster/nodes/secured/leave", null, "a-reader"),
        403,
        "AuthorizationFailed",
        "a key of role reader may not do this (needed: owner)");
    refused(
        ask(HttpMethod.POST, "/cluster/nodes/secured/leave", null),
        409,
        "Conflict",
        "this node has its store alone: there is none to leave");
    refused(
        ask(HttpMethod.DELETE, "/cluster/nodes/secured", null),
        409,
        "Conflict",
        "this node has its store alone: there is none to leave");
    refused(
        ask(HttpMethod.DELETE, "/cluster/nodes/a%2Fb", null),
        404,
        "NotFound",
        "no such path (allowed: /cluster/nodes/NAME, /cluster/nodes/NAME/leave)");
    refused(
        ask(HttpMethod.DELETE, "/cluster/nodes/%zz", null),
        400,
        "InvalidRequest",
        "the path has a percent sign that encodes nothing");
    assertThat(ask(HttpMethod.DELETE, "/cluster", null).statusCode()).isEqualTo(405);
    assertThat(get("/cluster/nodes/secured/leave").statusCode()).isEqualTo(405);
  }

  @Test
  void aNamespaceIsChangedInPlace() throws Exception {
    JsonObject patch =
        new JsonObject(
            """
            {"tags": {"a": "b"}, "properties": {"topicSpacesConfiguration": {
              "maximumSessionExpiryInHours": 2, "clientAuthentication": {
                "alternativeAuthenticationNameSources": ["ClientCertificateSubject"]}}}}
            """);
    HttpResponse<Buffer> changed = ask(HttpMethod.PATCH, ARM + VERSION, patch.toBuffer());
    assertThat(changed.statusCode()).as(changed.bodyAsString()).isEqualTo(200);
    JsonObject namespace = get(ARM + VERSION).bodyAsJsonObject();
    assertThat(namespace.getString("location")).isEqualTo("westeurope");
    assertThat(namespace.getJsonObject("tags").getString("a")).isEqualTo("b");
    plant();
    try (RawClient truck = truck()) {
      assertThat(TestPki.connect(truck, null, "by-certificate").code()).isZero();
    }
    JsonObject wrong =
        new JsonObject(
            """
            {"properties": {"topicSpacesConfiguration": {"clientAuthentication": {
                "alternativeAuthenticationNameSources": ["Passport"]}}}}
            """);
    refused(
        ask(HttpMethod.PATCH, ARM + VERSION, wrong.toBuffer()),
        400,
        "InvalidRequest",
        "alternativeAuthenticationNameSources[0]: \"Passport\" (allowed: ClientCertificateSubject");
  }

  @Test
  void aListComesInPages() throws Exception {
    Set<String> expected = new HashSet<>();
    for (int i = 0; i < 45; i++) {
      made("clients", "c-" + i, new JsonObject());
      expected.add("c-" + i);
    }
    List<String> names = new ArrayList<>();
    String next = ARM + "/clients" + VERSION;
    List<Integer> sizes = new ArrayList<>();
    while (next != null) {
      JsonObject page = get(next).bodyAsJsonObject();
      sizes.add(page.getJsonArray("value").size());
      page.getJsonArray("value").forEach(one -> names.add(((JsonObject) one).getString("name")));
      String link = page.getString("nextLink");
      next = link == null ? null : link.substring(link.indexOf("/subscriptions"));
    }
    assertThat(sizes).containsExactly(20, 20, 5);
    assertThat(names).containsExactlyInAnyOrderElementsOf(expected);
    JsonArray some =
        get(ARM
                + "/clients"
                + VERSION
                + "&$top=100&$filter=contains(name,'-4')%20and%20name%20ne%20'c-4'")
            .bodyAsJsonObject()
            .getJsonArray("value");
    assertThat(some).hasSize(5);
    refused(get(ARM + "/clients" + VERSION + "&$top=0"), 400, "InvalidRequest", "1 to 100");
    refused(get(ARM + "/clients" + VERSION + "&$filter=x"), 400, "InvalidRequest", "column 1");
    refused(
        get(ARM + "/clients" + VERSION + "&$skipToken=%25"), 400, "InvalidRequest", "$skipToken");
  }

  @Test
  void whatIsMadeIsThereAfterARestart() throws Exception {
    plant();
    await(node.stop());
    node = await(Node.start(settings));
    assertThat(get(ARM + "/topicSpaces/own" + VERSION).statusCode()).isEqualTo(200);
    try (RawClient truck = truck()) {
      assertThat(TestPki.connect(truck, "truck-1", "s").code()).isZero();
      assertThat(truck.publishAcked("trucks/truck-1/x", "x").isError()).isFalse();
    }
  }

  // --- many at once ---

  private static JsonObject put(String path, String properties) {
    return new JsonObject()
        .put("method", "PUT")
        .put("path", path)
        .put("properties", new JsonObject(properties));
  }

  private static JsonObject delete(String path) {
    return new JsonObject().put("method", "DELETE").put("path", path);
  }

  private static HttpResponse<Buffer> batch(String query, JsonObject... changes) throws Exception {
    JsonObject body = new JsonObject().put("changes", new JsonArray(List.of(changes)));
    return ask(HttpMethod.POST, "/namespaces/plant/batch" + query, body.toBuffer());
  }

  private static List<String> results(HttpResponse<Buffer> answer) {
    assertThat(answer.statusCode()).as(answer.bodyAsString()).isEqualTo(200);
    return answer.bodyAsJsonObject().getJsonArray("value").stream()
        .map(JsonObject.class::cast)
        .map(one -> one.getString("result") + " " + one.getString("path"))
        .toList();
  }

  @Test
  void aBatchIsDoneWholeOrNotAtAll() throws Exception {
    JsonObject[] plant = {
      put("clients/a", "{\"attributes\": {\"type\": \"truck\"}}"),
      put("clientGroups/trucks", "{\"query\": \"attributes.type = 'truck'\"}"),
      put("topicSpaces/own", "{\"topicTemplates\": [\"trucks/#\"]}"),
      put("permissionBindings/publish", binding("trucks", "own", "Publisher").encode()),
      put("topics/orders", "{}"),
      put(
          "topics/orders/eventSubscriptions/all",
          "{\"deliveryConfiguration\": {\"deliveryMode\": \"Queue\"}}")
    };
    assertThat(results(batch("?dryRun=true", plant)))
        .hasSize(6)
        .allMatch(r -> r.startsWith("created"));
    assertThat(get("/namespaces/plant/clients/a").statusCode()).as("only judged").isEqualTo(404);
    assertThat(results(batch("", plant)))
        .containsExactly(
            "created clients/a",
            "created clientGroups/trucks",
            "created topicSpaces/own",
            "created permissionBindings/publish",
            "created topics/orders",
            "created topics/orders/eventSubscriptions/all");
    assertThat(results(batch("", plant))).allMatch(result -> result.startsWith("unchanged"));

    refused(
        batch("", put("clients/b", "{}"), put("clients/c", "{\"authenticationName\": \"A\"}")),
        409,
        "Conflict",
        "it is that of client 'a'");
    assertThat(get("/namespaces/plant/clients/b").statusCode()).as("nothing").isEqualTo(404);
    refused(
        batch("", put("clients/b", "{}"), put("clients/c", "{\"state\": \"On\"}")),
        400,
        "InvalidRequest",
        "changes[1] clients/c: properties.state: \"On\" (allowed: Enabled, Disabled)");
    refused(
        batch("", put("permissionBindings/some", binding("trucks", "none", "Publisher").encode())),
        400,
        "InvalidRequest",
        "changes[0] permissionBindings/some: properties.topicSpaceName: 'none' does not exist");
    refused(
        batch("", put("clients/b", "{}"), delete("clients/b")),
        400,
        "InvalidRequest",
        "changes[1]: path: named before (allowed: each resource once)");
    refused(batch("", delete("clients")), 400, "InvalidRequest", "changes[0]: path: no resource");
    refused(batch("", delete("/x/y")), 400, "InvalidRequest", "changes[0]: path: missing");
    refused(
        batch("", new JsonObject().put("method", "GET")),
        400,
        "InvalidRequest",
        "changes[0]: method: 'GET' (allowed: PUT, DELETE)");
    JsonObject whole = new JsonObject().put("changes", new JsonArray());
    refused(
        ask(HttpMethod.POST, "/namespaces/plant/batch", whole.toBuffer(), "a-reader"),
        403,
        "AuthorizationFailed",
        "needed: operator");
    refused(
        ask(HttpMethod.POST, "/namespaces/other/batch", whole.toBuffer()),
        409,
        "Conflict",
        "this cluster serves namespace 'plant'");

    HttpResponse<Buffer> gone =
        batch(
            "",
            delete("clients/a"),
            put("clients/c", "{\"authenticationName\": \"A\"}"),
            delete("clientGroups/trucks"),
            delete("topics/orders"),
            delete("topics/none"));
    assertThat(results(gone))
        .as("a name that is free then")
        .containsExactly(
            "deleted clients/a",
            "created clients/c",
            "deleted clientGroups/trucks",
            "deleted topics/orders",
            "absent topics/none");
    assertThat(gone.bodyAsJsonObject().getJsonArray("breaks"))
        .containsExactly("permissionBindings/publish");
    assertThat(get("/namespaces/plant/topics/orders/eventSubscriptions/all").statusCode())
        .isEqualTo(404);
  }

  @Test
  void clientsAreImportedEachForItself() throws Exception {
    String lines =
        """
        {"name": "a", "attributes": {"type": "truck"}}
        {"name": "b", "authenticationName": "A"}
        not JSON

        {"name": "c", "state": "On"}
        {"attributes": {}}
        {"name": "d"}
        """;
    String path = "/namespaces/plant/importClients";
    JsonObject first = ask(HttpMethod.POST, path, Buffer.buffer(lines)).bodyAsJsonObject();
    assertThat(first.getInteger("created")).isEqualTo(2);
    List<String> refused =
        first.getJsonArray("refused").stream()
            .map(JsonObject.class::cast)
            .map(
                one ->
                    one.getInteger("line")
                        + " "
                        + one.getString("name")
                        + " "
                        + one.getString("message"))
            .toList();
    assertThat(refused)
        .satisfiesExactlyInAnyOrder(
            one -> assertThat(one).startsWith("2 b properties.authenticationName: it is that of"),
            one -> assertThat(one).startsWith("3 null not a JSON object"),
            one -> assertThat(one).startsWith("5 c properties.state: \"On\""),
            one -> assertThat(one).startsWith("6 null name: missing"));
    refused(
        ask(HttpMethod.POST, path, Buffer.buffer("x\n".repeat(10_001))),
        413,
        "RequestEntityTooLarge",
        "more than 10000 lines");
    JsonObject again =
        ask(HttpMethod.POST, path, Buffer.buffer("{\"name\":\"d\"}\n{\"name\":\"a\"}"))
            .bodyAsJsonObject();
    assertThat(again.getInteger("unchanged")).isEqualTo(1);
    assertThat(again.getInteger("changed")).isEqualTo(1);
  }

  // --- what it says of itself ---

  private static String filled(String path) {
    return path.replace("{namespace}", "plant")
        .replace("{topic}", "orders")
        .replace("{session}", "none")
        .replace("{node}", "none")
        .replace("{retainedTopic}", "none")
        .replace("/caCertificates/{name}", "/caCertificates/ours")
        .replace("/clients/{name}", "/clients/truck-1")
        .replace("/clientGroups/{name}", "/clientGroups/trucks")
        .replace("/topicSpaces/{name}", "/topicSpaces/own")
        .replace("/permissionBindings/{name}", "/permissionBindings/publish")
        .replace("/topics/{name}", "/topics/orders")
        .replace("{name}", "all");
  }

  @Test
  void itsDescriptionIsWhatItDoes() throws Exception {
    plant();
    made("topics", "orders", new JsonObject());
    made(
        "topics/orders/eventSubscriptions",
        "all",
        new JsonObject()
            .put("deliveryConfiguration", new JsonObject().put("deliveryMode", "Queue")));
    JsonObject described = get("/openapi.json").bodyAsJsonObject();
    JsonObject schemas = described.getJsonObject("components").getJsonObject("schemas");
    List<String> methods = List.of("get", "put", "patch", "post", "delete");
    for (String path : described.getJsonObject("paths").fieldNames()) {
      JsonObject operations = described.getJsonObject("paths").getJsonObject(path);
      for (String method : methods) {
        // a body that nothing takes, so that nothing is changed; and a key that may change nothing
        boolean isRead = method.equals("get");
        // whoever may do everything is told that there is nothing else to do
        String key = operations.containsKey(method) ? "a-reader" : "the-owner";
        HttpResponse<Buffer> answer =
            patiently(
                () ->
                    ask(
                        HttpMethod.valueOf(method.toUpperCase(Locale.ROOT)),
                        filled(path),
                        isRead ? null : Buffer.buffer("[]"),
                        key));
        String what = method + " " + path + ": " + answer.statusCode() + answer.bodyAsString();
        if (!operations.containsKey(method)) {
          assertThat(answer.statusCode()).as(what).isEqualTo(405);
        } else if (isRead) {
          assertThat(answer.statusCode()).as(what).isIn(200, 400, 404);
          assertThat(answer.bodyAsString()).doesNotContain("leads to nothing", "no such path");
        } else {
          String role = operations.getJsonObject(method).getString("x-busbar-role");
          if (role.equals("reader")) {
            refused(answer, 400, "InvalidRequest", "");
          } else {
            refused(answer, 403, "AuthorizationFailed", "needed: " + role);
          }
        }
        String schema =
            isRead && path.endsWith("/{name}") && operations.containsKey(method)
                ? schemaOf(operations)
                : null;
        if (schema != null) {
          assertThat(
                  schemas
                      .getJsonObject(schema + "Properties")
                      .getJsonObject("properties")
                      .fieldNames())
              .as(what)
              .containsAll(answer.bodyAsJsonObject().getJsonObject("properties").fieldNames());
        }
      }
    }
  }

  /** What no property of a resource should be. */
  private static List<Object> nonsense() {
    return Arrays.asList(
        null,
        true,
        -1,
        1e300,
        "",
        "\u0000+#$/${client.authenticationName}\uD83D\uDE00",
        "x".repeat(20_000),
        new JsonArray(),
        new JsonArray().add(new JsonArray().add(new JsonObject())),
        new JsonObject(),
        new JsonObject().put("a", new JsonObject().put("b", new JsonArray().add((Object) null))));
  }

  @Test
  void whateverAPropertyIsTheAnswerSaysWhatIsWrong() throws Exception {
    plant();
    made("topics", "orders", new JsonObject());
    JsonObject queue =
        new JsonObject()
            .put("deliveryConfiguration", new JsonObject().put("deliveryMode", "Queue"));
    made("topics/orders/eventSubscriptions", "all", queue);
    JsonObject described = get("/openapi.json").bodyAsJsonObject();
    JsonObject schemas = described.getJsonObject("components").getJsonObject("schemas");
    for (String path : described.getJsonObject("paths").fieldNames()) {
      JsonObject operations = described.getJsonObject("paths").getJsonObject(path);
      if (!path.endsWith("/{name}") || !operations.containsKey("put")) {
        continue;
      }
      JsonObject good = get(filled(path)).bodyAsJsonObject().getJsonObject("properties");
      for (String property :
          schemas
              .getJsonObject(schemaOf(operations) + "Properties")
              .getJsonObject("properties")
              .fieldNames()) {
        for (Object value : nonsense()) {
          JsonObject bad = good.copy();
          bad.put(property, value);
          HttpResponse<Buffer> answer = patiently(filled(path), bad);
          String what = path + " " + property + " = " + answer.bodyAsString();
          assertThat(answer.statusCode()).as(what).isIn(200, 201, 400, 404, 409);
          if (answer.statusCode() >= 400) {
            JsonObject error = answer.bodyAsJsonObject().getJsonObject("error");
            assertThat(error.getString("code")).as(what).isNotEmpty();
            assertThat(error.getString("message")).as(what).isNotEmpty().hasSizeLessThan(2_000);
          }
        }
      }
      assertThat(patiently(filled(path), good).statusCode()).as("as it was").isEqualTo(200);
    }
  }

  private static HttpResponse<Buffer> patiently(String path, JsonObject properties)
      throws Exception {
    return patiently(() -> put(path, new JsonObject().put("properties", properties)));
  }

  /** A request, again if there were too many within a second. */
  private static HttpResponse<Buffer> patiently(Callable<HttpResponse<Buffer>> request)
      throws Exception {
    while (true) {
      HttpResponse<Buffer> answer = request.call();
      if (answer.statusCode() != 429) {
        return answer;
      }
      Thread.sleep(50);
    }
  }

  @Test
  void ofManyWhoWantOneAuthenticationNameAtOnceOneGetsIt() throws Exception {
    List<Future<HttpResponse<Buffer>>> answers = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      JsonObject wanted =
          new JsonObject().put("properties", new JsonObject().put("authenticationName", "the-one"));
      answers.add(
          client
              .put(node.api().orElseThrow().port(), "localhost", "/namespaces/plant/clients/c-" + i)
              .putHeader("Authorization", "Bearer the-owner")
              .sendJsonObject(wanted));
    }
    await(Future.all(answers));
    List<Integer> statuses = answers.stream().map(one -> one.result().statusCode()).toList();
    assertThat(statuses).containsOnly(201, 409).containsOnlyOnce(201);
    assertThat(get(ARM + "/clients" + VERSION).bodyAsJsonObject().getJsonArray("value")).hasSize(1);
  }

  private static String schemaOf(JsonObject operations) {
    String reference =
        operations
            .getJsonObject("get")
            .getJsonObject("responses")
            .getJsonObject("200")
            .getJsonObject("content")
            .getJsonObject("application/json")
            .getJsonObject("schema")
            .getString("$ref");
    return reference.substring(reference.lastIndexOf('/') + 1);
  }

  // --- who comes ---

  private static int statusFor(String client) throws Exception {
    Certificates.Identity identity = Certificates.in(home, Instant.now()).client(client);
    WebClient own =
        WebClient.create(
            vertx,
            new WebClientOptions()
                .setSsl(true)
                .setKeyCertOptions(
                    new PemKeyCertOptions()
                        .addCertPath(identity.certificate().toString())
                        .addKeyPath(identity.key().toString()))
                .setTrustOptions(
                    new PemTrustOptions().addCertPath(home.resolve("ca.pem").toString())));
    try {
      return await(
              own.put(
                      node.api().orElseThrow().port(),
                      "localhost",
                      "/namespaces/plant/clients/of-" + client)
                  .sendJsonObject(new JsonObject()))
          .statusCode();
    } finally {
      own.close();
    }
  }

  @Test
  void whoeverHasACertificateNeedsNoKey() throws Exception {
    assertThat(statusFor("alice")).isEqualTo(201);
    assertThat(statusFor("truck-1")).as("not one of those who may").isEqualTo(401);
  }

  @Test
  void whoAsksTooOftenIsToldToWait() throws Exception {
    List<HttpResponse<Buffer>> refused = new ArrayList<>();
    int sent = 0;
    // on a busy machine they come less often at first than they may
    for (int round = 0; round < 20 && refused.isEmpty(); round++) {
      List<Future<HttpResponse<Buffer>>> answers = new ArrayList<>();
      for (int i = 0; i < 600; i++) {
        answers.add(
            client
                .get(node.api().orElseThrow().port(), "localhost", "/namespaces")
                .putHeader("Authorization", "Bearer in-haste")
                .send());
      }
      await(Future.all(answers));
      sent += answers.size();
      answers.stream()
          .map(Future::result)
          .filter(one -> one.statusCode() == 429)
          .forEach(refused::add);
      // a second's are there at once; later rounds find what those before have left
      assertThat(sent - refused.size()).isGreaterThanOrEqualTo(300);
    }
    assertThat(refused).isNotEmpty();
    assertThat(refused.get(0).getHeader("Retry-After")).isEqualTo("1");
    refused(refused.get(0), 429, "TooManyRequests", "more than api-requests = 300 requests");
    assertThat(get("/namespaces").statusCode()).as("of another caller").isEqualTo(200);
  }

  // --- sessions and retained messages ---

  private static List<String> names(JsonObject list) {
    return list.getJsonArray("value").stream()
        .map(one -> ((JsonObject) one).getString("name"))
        .toList();
  }

  @Test
  void sessionsAreListedEndedAndDropped() throws Exception {
    plant();
    RawClient stored = truck();
    TestPki.request(stored, "truck-1", "kept/1", 600);
    assertThat(stored.read(Packet.Connack.class).code()).isZero();
    String kept = "/sessions/kept%2F1";
    JsonObject shown = get(kept).bodyAsJsonObject();
    assertThat(shown.getString("client")).isEqualTo("truck-1");
    assertThat(shown.getString("state")).isEqualTo("connected");
    assertThat(shown.getString("node")).isEqualTo("api");
    assertThat(shown.getLong("expirySeconds")).isEqualTo(600);
    assertThat(names(get("/sessions?client=truck-1").bodyAsJsonObject())).containsExactly("kept/1");
    assertThat(names(get("/sessions?client=other").bodyAsJsonObject())).isEmpty();
    refused(
        ask(HttpMethod.POST, kept + "/disconnect", null, "a-reader"),
        403,
        "AuthorizationFailed",
        "needed: operator");
    assertThat(ask(HttpMethod.POST, kept + "/disconnect", null).statusCode()).isEqualTo(200);
    stored.expectEnd(ReasonCode.ADMINISTRATIVE_ACTION);
    assertThat(get(kept).bodyAsJsonObject().getString("state")).isEqualTo("disconnected");
    assertThat(ask(HttpMethod.DELETE, kept, null).statusCode()).isEqualTo(200);
    assertThat(ask(HttpMethod.DELETE, kept, null).statusCode()).isEqualTo(204);
    refused(get(kept), 404, "ResourceNotFound", "session 'kept/1' was not found");
    refused(get("/sessions?$skipToken=eA"), 400, "InvalidRequest", "not one of a nextLink");

    RawClient transientOne = truck();
    assertThat(TestPki.connect(transientOne, "truck-1", "brief").code()).isZero();
    List<String> all = new ArrayList<>();
    String next = "/sessions?$top=1";
    while (next != null) {
      JsonObject page = get(next).bodyAsJsonObject();
      all.addAll(names(page));
      String link = page.getString("nextLink");
      next = link == null ? null : link.substring(link.indexOf("/sessions"));
    }
    assertThat(all).containsExactly("brief");
    assertThat(get("/sessions/brief").bodyAsJsonObject().getBoolean("stored")).isFalse();
    assertThat(ask(HttpMethod.DELETE, "/sessions/brief", null).statusCode()).isEqualTo(200);
    transientOne.expectEnd(ReasonCode.ADMINISTRATIVE_ACTION);
    for (RawClient client : List.of(stored, transientOne)) {
      client.close();
    }
  }

  @Test
  void retainedMessagesAreListedShownAndTakenAway() throws Exception {
    plant();
    try (RawClient truck = truck()) {
      assertThat(TestPki.connect(truck, "truck-1", "s").code()).isZero();
      for (String topic : List.of("a", "b/c", "d")) {
        byte[] packet =
            truck.publishPacket(
                "trucks/truck-1/" + topic, 1, 7, "at " + topic, new PropertyWriter());
        packet[0] |= 1;
        truck.send(packet);
        assertThat(truck.expectAck(Packet.PUBACK, 7).reason().isError()).isFalse();
      }
    }
    JsonObject first = get("/retained?filter=trucks/%23&$top=2").bodyAsJsonObject();
    assertThat(first.getJsonArray("value")).hasSize(2);
    String link = first.getString("nextLink");
    JsonObject second = get(link.substring(link.indexOf("/retained"))).bodyAsJsonObject();
    assertThat(second.getJsonArray("value")).hasSize(1);
    assertThat(second.getString("nextLink")).isNull();
    String path = "/retained/trucks/truck-1/b/c";
    JsonObject shown = get(path).bodyAsJsonObject();
    assertThat(shown.getString("topic")).isEqualTo("trucks/truck-1/b/c");
    assertThat(new String(shown.getBinary("payloadBase64"), StandardCharsets.UTF_8))
        .isEqualTo("at b/c");
    refused(ask(HttpMethod.DELETE, path, null, "a-reader"), 403, "AuthorizationFailed", "operator");
    assertThat(ask(HttpMethod.DELETE, path, null).statusCode()).isEqualTo(200);
    assertThat(ask(HttpMethod.DELETE, path, null).statusCode()).isEqualTo(204);
    refused(get(path), 404, "ResourceNotFound", "was not found");
    refused(get("/retained?filter=a%23"), 400, "InvalidRequest", "filter: ");
    refused(get("/retained/a/%23"), 400, "InvalidRequest", "topic: ");
  }

  @Test
  void aDeletedGroupSaysWhatItBreaks() throws Exception {
    plant();
    HttpResponse<Buffer> gone =
        ask(HttpMethod.DELETE, ARM + "/clientGroups/trucks" + VERSION, null);
    assertThat(gone.statusCode()).isEqualTo(200);
    assertThat(gone.getHeader("x-busbar-breaks")).isEqualTo("permissionBindings/publish");
    try (RawClient truck = truck()) {
      assertThat(TestPki.connect(truck, "truck-1", "s").code()).isZero();
      assertThat(truck.publishAcked("trucks/truck-1/x", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    }
  }

  // --- what is refused ---

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "clients/a%20b | {} | 'a b' (allowed: 1 to 128",
        "clients/a%2Fb | {} | 'a/b' (allowed: 1 to 128",
        "clients/c | {\"state\": \"On\"} | properties.state: \"On\" (allowed: Enabled, Disabled)",
        "clients/c | {\"state\": true} | properties.state: true (allowed: a text",
        "clients/c | {\"state\": null} | properties.state: nothing (allowed: a text",
        "clients/c | {\"attributes\": {\"a\": 1.5}} | properties.attributes.a: 1.5 (allowed:",
        "clients/c | {\"attributes\": {\"a\": {\"b\": 1}}} | a mapping (allowed:",
        "clients/c | {\"attributes\": {\"a b\": 1}} | key 'a b' (allowed: A-Z",
        "clients/c | {\"attributes\": []} | properties.attributes: a list (allowed: a mapping)",
        "clients/c | {\"authenticationName\": \"\"} | '' (allowed: 1 to 128 characters",
        "clients/c | {\"clientCertificateAuthentication\": {\"validationScheme\": \"ThumbprintMatch\"}} | 0 given (allowed: 1 or 2",
        "clientGroups/g-1 | {} | properties.query: missing (required)",
        "clientGroups/g-1 | {\"query\": \"attributes.a =\"} | properties.query: column",
        "clientGroups/$all | {\"query\": \"attributes.a = 1\"} | '$all' (allowed: 3 to 50",
        "topicSpaces/s-1 | {\"topicTemplates\": []} | none given (allowed: at least 1)",
        "topicSpaces/s-1 | {\"topicTemplates\": \"a\"} | properties.topicTemplates: \"a\" (allowed: a list)",
        "topicSpaces/s-1 | {\"topicTemplates\": [\"a/#/b\"]} | properties.topicTemplates[0]:",
        "permissionBindings/b-1 | {\"clientGroupName\": \"nobody\", \"topicSpaceName\": \"none\", \"permission\": \"Publisher\"} | properties.clientGroupName: 'nobody' does not exist",
        "permissionBindings/b-1 | {\"clientGroupName\": \"$all\", \"topicSpaceName\": \"none\", \"permission\": \"Publisher\"} | properties.topicSpaceName: 'none' does not exist",
        "permissionBindings/b-1 | {\"clientGroupName\": \"$all\", \"topicSpaceName\": \"none\", \"permission\": \"Both\"} | properties.permission: \"Both\" (allowed: Publisher, Subscriber)",
        "caCertificates/ca-1 | {} | properties.encodedCertificate: missing (required)",
        "caCertificates/ca-1 | {\"encodedCertificate\": \"x\"} | holds no certificate",
      })
  void aBrokenRuleIsNamed(String path, String properties, String why) throws Exception {
    HttpResponse<Buffer> answer =
        ask(
            HttpMethod.PUT,
            ARM + "/" + path + VERSION,
            Buffer.buffer("{\"properties\": " + properties + "}"));
    refused(answer, 400, "InvalidRequest", why);
    assertThat(get(ARM + "/" + path + VERSION).statusCode()).isEqualTo(404);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{", "{\"properties\": 5}", "{\"a\":1} x", "\"x\"", "nul"})
  void aBodyThatIsNoResourceIsRefused(String body) throws Exception {
    HttpResponse<Buffer> answer =
        ask(HttpMethod.PUT, ARM + "/topicSpaces/s-1" + VERSION, Buffer.buffer(body));
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.bodyAsJsonObject().getJsonObject("error").getString("message")).isNotEmpty();
  }

  @Test
  void bombsAreRefused() throws Exception {
    String path = ARM + "/clients/bomb" + VERSION;
    Buffer deep = Buffer.buffer("{\"properties\":" + "[".repeat(10_000));
    refused(ask(HttpMethod.PUT, path, deep), 400, "InvalidRequest", "not JSON");
    Buffer large = Buffer.buffer(new byte[(1 << 20) + 1]);
    refused(ask(HttpMethod.PUT, path, large), 413, "RequestEntityTooLarge", "1048576");
    assertThat(get(ARM + VERSION).statusCode()).isEqualTo(200);
  }

  @Test
  void anAuthenticationNameIsUniqueAndStays() throws Exception {
    made("clients", "one", new JsonObject().put("authenticationName", "Press-1"));
    refused(
        put("clients", "two", new JsonObject().put("authenticationName", "PRESS-1")),
        409,
        "Conflict",
        "it is that of client 'one'");
    refused(
        put("clients", "one", new JsonObject().put("authenticationName", "press-2")),
        400,
        "InvalidRequest",
        "it is 'Press-1' and cannot be changed");
  }

  @Test
  void aPathOrAMethodThatLeadsToNothingIsSaid() throws Exception {
    refused(get(ARM), 400, "MissingApiVersionParameter", "2025-02-15");
    refused(get(ARM + "?api-version=2020-01-01"), 400, "InvalidApiVersionParameter", "allowed");
    refused(get(ARM + "/things" + VERSION), 404, "ResourceTypeNotFound", "clients, clientGroups");
    refused(get(ARM.replace("plant", "other") + VERSION), 404, "ResourceNotFound", "'other'");
    refused(
        put(ARM.replace("plant", "other") + VERSION, new JsonObject()),
        409,
        "Conflict",
        "this cluster serves namespace 'plant'");
    refused(
        ask(HttpMethod.PUT, ARM + "/clients" + VERSION, Buffer.buffer("{}")),
        405,
        "MethodNotAllowed",
        "a list is only read");
    refused(
        ask(HttpMethod.PATCH, ARM + "/clients/x" + VERSION, Buffer.buffer("{}")),
        405,
        "MethodNotAllowed",
        "GET, PUT, DELETE");
    refused(ask(HttpMethod.POST, ARM + VERSION, Buffer.buffer("{}")), 405, "MethodNotAllowed", "");
    assertThat(get("/elsewhere").statusCode()).isEqualTo(404);
  }

  // --- who may ---

  @Test
  void aKeySaysWhatOneMayDo() throws Exception {
    refused(ask(HttpMethod.GET, ARM + VERSION, null, null), 401, "AuthenticationFailed", "no key");
    refused(
        ask(HttpMethod.GET, ARM + VERSION, null, "guess"),
        401,
        "AuthenticationFailed",
        "not known");
    HttpResponse<Buffer> open = ask(HttpMethod.GET, "/explain?client=x&publish=y", null, null);
    assertThat(open.statusCode()).isEqualTo(401);
    assertThat(open.getHeader("www-authenticate")).isEqualTo("Bearer");
    assertThat(ask(HttpMethod.GET, ARM + VERSION, null, "a-reader").statusCode()).isEqualTo(200);
    refused(
        ask(HttpMethod.DELETE, ARM + VERSION, null, "a-reader"),
        403,
        "AuthorizationFailed",
        "a key of role reader may not do this (needed: operator)");
  }

  @Test
  void whoChangesSomethingOrMayNotIsWrittenDown() throws Exception {
    try (AuditRecords records = new AuditRecords()) {
      made("clients", "truck-1", new JsonObject());
      records.await(
          "request carried out",
          "who=\"key the owner\"",
          "method=\"PUT\"",
          "path=\"" + ARM + "/clients/truck-1\"",
          "status=\"201\"",
          "remote=\"127.0.0.1:");
      ask(HttpMethod.DELETE, ARM + VERSION, null, "a-reader");
      records.await("request refused", "who=\"key ", "method=\"DELETE\"", "status=\"403\"");
      ask(HttpMethod.GET, ARM + VERSION, null, "a-guess");
      records.await("request refused", "who=\"-\"", "status=\"401\"");
      assertThat(records.all().toString()).doesNotContain("a-guess", "a-reader");
    }
  }

  // --- why ---

  @Test
  void explainSaysWhy() throws Exception {
    plant();
    JsonObject yes = get("/explain?client=truck-1&publish=trucks/truck-1/x").bodyAsJsonObject();
    assertThat(yes.getBoolean("allowed")).isTrue();
    assertThat(yes.getString("reason")).contains("permission binding 'publish'");
    JsonObject template =
        yes.getJsonArray("bindings")
            .getJsonObject(0)
            .getJsonArray("topicTemplates")
            .getJsonObject(0);
    assertThat(template.getJsonArray("filters").getString(0)).isEqualTo("trucks/truck-1/#");
    JsonObject no = get("/explain?client=truck-1&subscribe=$share/g/trucks/%23").bodyAsJsonObject();
    assertThat(no.getBoolean("allowed")).isFalse();
    assertThat(no.getString("reason")).contains("has no Subscriber binding");
    assertThat(get("/explain?client=nobody&publish=x").bodyAsJsonObject().getString("reason"))
        .isEqualTo("client 'nobody' is not registered");
    refused(get("/explain?client=x"), 400, "InvalidRequest", "either publish or subscribe");
    refused(get("/explain?client=x&publish=a/%2B"), 400, "InvalidRequest", "publish: ");
    refused(get("/explain?client=x&subscribe=a%23"), 400, "InvalidRequest", "subscribe: ");
  }

  @Test
  void explainSaysWhatWouldBe() throws Exception {
    plant();
    String wish = "/explain?client=truck-1&subscribe=trucks/truck-1/%23";
    JsonObject binding =
        new JsonObject()
            .put("clientGroupName", "$all")
            .put("topicSpaceName", "own")
            .put("permission", "Subscriber");
    JsonObject change =
        new JsonObject()
            .put("method", "PUT")
            .put("path", "permissionBindings/listen")
            .put("properties", binding);
    JsonObject changes = new JsonObject().put("changes", new JsonArray().add(change));
    HttpResponse<Buffer> answer = ask(HttpMethod.POST, wish, changes.toBuffer(), "a-reader");
    JsonObject then = answer.bodyAsJsonObject();
    assertThat(then.getBoolean("allowed")).as("%s", then).isTrue();
    assertThat(then.getString("reason")).contains("permission binding 'listen'");
    assertThat(then.getJsonObject("now").getBoolean("allowed")).isFalse();
    assertThat(then.getJsonObject("now").getString("reason")).contains("no Subscriber binding");
    assertThat(get(wish).bodyAsJsonObject().getBoolean("allowed")).isFalse();
    assertThat(get("/namespaces/plant/permissionBindings/listen").statusCode()).isEqualTo(404);
    binding.put("permission", "Lurker");
    refused(
        ask(HttpMethod.POST, wish, changes.toBuffer()),
        400,
        "InvalidRequest",
        "changes[0] permissionBindings/listen: properties.permission: ");
    refused(ask(HttpMethod.PUT, wish, changes.toBuffer()), 405, "MethodNotAllowed", "GET, POST");
  }

  // --- the official SDK ---

  /** Azure's client for resources, from npm; not where there is no node or no registry. */
  @Test
  @Timeout(240)
  void theOfficialSdkManagesTheNamespace() throws Exception {
    String ca = home.resolve("ca.pem").toString();
    NpmScript.run(
        home.resolve("ca.pem"),
        "arm.mjs",
        List.of("@azure/arm-resources@8"),
        List.of("https://localhost:" + node.api().orElseThrow().port(), "the-owner", ca));
  }
}
