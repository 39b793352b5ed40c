package io.busbar;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.bus.Bus;
import io.busbar.config.EventQueues;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.ResourceForm;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.EventDelivery;
import io.busbar.policy.EventSubscription;
import io.busbar.policy.NamespaceTopic;
import io.busbar.shard.Bounds.Overflow;
import io.busbar.shard.Command;
import io.busbar.shard.Outcome;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.busbar.testing.WebSocketFrames;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Who comes and goes, who is registered, and why each reason for going is told; and what is added
 * to the events of messages.
 */
@Timeout(60)
class LifeCycleIT {
  private static final String PREFIX = "Microsoft.EventGrid.MQTTClient";
  private static final String NAMESPACE =
      """
      name: plant
      caCertificates:
        - {name: ours, file: ca.pem}
      clients:
        - {name: truck-1, authenticationName: Truck One, attributes: {type: truck, load: 5, tools: [gps, lte]}}
        - {name: watcher}
      clientGroups:
        - {name: trucks, query: attributes.type = "truck"}
        - {name: watchers, query: authenticationName = "watcher"}
      topicSpaces:
        - {name: all, topicTemplates: ["trucks/#"]}
        - {name: other, topicTemplates: ["other/#"]}
        - {name: clients, topicTemplates: ["$SYS/clients/#"]}
        - {name: everything, topicTemplates: ["#"]}
      permissionBindings:
        - {name: publish-all, clientGroupName: $all, topicSpaceName: all, permission: Publisher}
        - {name: hear-all, clientGroupName: $all, topicSpaceName: all, permission: Subscriber}
        - {name: hear-clients, clientGroupName: watchers, topicSpaceName: clients, permission: Subscriber}
        - {name: tell-clients, clientGroupName: watchers, topicSpaceName: clients, permission: Publisher}
        - {name: hear-everything, clientGroupName: watchers, topicSpaceName: everything, permission: Subscriber}
        - {name: hear-other, clientGroupName: $all, topicSpaceName: other, permission: Subscriber}
      lifeCycleTopic: clients
      routeTopic: messages
      routingEnrichments:
        static:
          - {key: site, value: hull}
        dynamic:
          - {key: clientname, value: "${client.authenticationName}"}
          - {key: type1, value: "${client.attributes.type}"}
          - {key: load, value: "${client.attributes.load}"}
          - {key: tools, value: "${client.attributes.tools}"}
          - {key: none, value: "${client.attributes.none}"}
          - {key: trip, value: "${mqtt.message.userProperties.trip}"}
          - {key: odd, value: "${mqtt.message.userProperties['a.b\\\\'c']}"}
          - {key: topicname, value: "${mqtt.message.topicName}"}
          - {key: answer, value: "${mqtt.message.responseTopic}"}
          - {key: correlation, value: "${mqtt.message.correlationData}"}
          - {key: pfi, value: "${mqtt.message.pfi}"}
      topics:
        - name: clients
          eventSubscriptions:
            - {name: all, deliveryConfiguration: {deliveryMode: Queue}}
        - name: messages
          eventSubscriptions:
            - name: of-hull
              deliveryConfiguration: {deliveryMode: Queue}
              filtersConfiguration:
                filters: [{operatorType: StringIn, key: site, values: [hull]}]
      """;

  @TempDir static Path home;
  private static TestPki pki;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
              () -> {
                pki = TestPki.in(home);
                Map<Limit, Long> limits =
                    Map.of(
                        Limit.QUEUE_MESSAGES, 2L,
                        Limit.INFLIGHT, 1L,
                        Limit.USER_PROPERTIES_BYTES, 200L);
                Settings of = TestNode.secured(pki.server(), home, NAMESPACE, limits);
                return new Settings(
                    of.nodeName(),
                    of.profile(),
                    of.listeners(),
                    of.http(),
                    of.cluster(),
                    of.namespaceFile(),
                    false,
                    1,
                    new Limits(Profile.OPEN, limits, Overflow.END_SESSION));
              })
          .durable();

  @BeforeEach
  void nothingIsTold() throws Exception {
    take("clients/all");
    take("messages/of-hull");
  }

  @AfterEach
  void asBefore() throws Exception {
    write(NAMESPACE);
    Await.until("a client is let in", () -> isLetIn("truck-1"), () -> "not yet");
  }

  private static boolean isLetIn(String name) {
    try (RawClient client = open(name)) {
      return TestPki.connect(client, user(name), "again").code() == 0
          && client.subscribe("other/x", 1) == 1;
    } catch (Exception | AssertionError e) {
      // closed without an answer
      return false;
    }
  }

  private static String user(String name) {
    return name.equals("truck-1") ? "Truck One" : name;
  }

  private static void write(String text) throws IOException {
    Path next = Files.writeString(home.resolve("next.yaml"), text);
    Files.move(next, home.resolve("namespace.yaml"), StandardCopyOption.ATOMIC_MOVE);
  }

  private static RawClient open(String name) throws Exception {
    return TestPki.open(
        NODE.port(Settings.Protocol.MQTTS),
        MqttVersion.V5,
        pki.context(pki.client(user(name))),
        "TLSv1.3");
  }

  private static RawClient connected(String session) throws Exception {
    RawClient client = NODE.adopt(open("truck-1"));
    assertThat(TestPki.connect(client, "Truck One", session).code()).isZero();
    return client;
  }

  // --- what is told ---

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  private static Bus.Local ask(Bus.Local question) throws Exception {
    return await(
            NODE.vertx().eventBus().<Bus.Local>request(Bus.SESSION, question, Bus.local(20_000)))
        .body();
  }

  /** The events of a queue that nobody has taken yet. */
  private static List<JsonObject> take(String queue) throws Exception {
    Bus.Appended taken =
        (Bus.Appended) ask(new Bus.Append(List.of(new Command.Take(queue, 1_000, 1 << 20))));
    Outcome.Given given = (Outcome.Given) taken.outcomes().get(0);
    Bus.EventBodies bodies = (Bus.EventBodies) ask(new Bus.ReadEvents(queue, given.events()));
    return bodies.events().stream().map(one -> new JsonObject(Buffer.buffer(one))).toList();
  }

  /** The events of a queue, when there are so many. */
  private static List<JsonObject> told(String queue, int count) {
    List<JsonObject> told = new ArrayList<>();
    Await.until(
        count + " events",
        () -> {
          try {
            told.addAll(take(queue));
          } catch (Exception e) {
            throw new AssertionError(e);
          }
          return told.size() >= count;
        },
        () -> told);
    assertThat(told).hasSize(count);
    return told;
  }

  /** A session has come, and gone for this reason, and both are told. */
  private static void gone(String session, String reason) {
    List<JsonObject> told = told("clients/all", 2);
    JsonObject came = told.get(0);
    JsonObject went = told.get(1);
    assertThat(came.getString("type")).isEqualTo(PREFIX + "SessionConnected");
    assertThat(went.getString("type")).isEqualTo(PREFIX + "SessionDisconnected");
    for (JsonObject event : told) {
      assertThat(event.getString("specversion")).isEqualTo("1.0");
      assertThat(event.getString("source")).isEqualTo("/namespaces/plant");
      assertThat(event.getString("subject")).isEqualTo("clients/Truck One/sessions/" + session);
      assertThat(Instant.parse(event.getString("time")))
          .isBetween(Instant.now().minusSeconds(60), Instant.now().plusMillis(1));
      JsonObject data = event.getJsonObject("data");
      assertThat(data.getString("namespaceName")).isEqualTo("plant");
      assertThat(data.getString("clientAuthenticationName")).isEqualTo("Truck One");
      assertThat(data.getString("clientSessionName")).isEqualTo(session);
      assertThat(data.getString("clientName")).isEqualTo("truck-1");
    }
    assertThat(came.getString("id")).isNotEqualTo(went.getString("id"));
    JsonObject data = went.getJsonObject("data");
    assertThat(data.getLong("sequenceNumber"))
        .isEqualTo(came.getJsonObject("data").getLong("sequenceNumber"));
    assertThat(data.getString("disconnectionReason")).isEqualTo(reason);
  }

  @Test
  void whoSaysGoodbyeHasGoneItself() throws Exception {
    RawClient client = connected("polite");
    client.send("e000");
    client.expectClose();
    gone("polite", "ClientInitiatedDisconnect");
  }

  @Test
  void aWebSocketThatIsClosedIsAGoodbye() throws Exception {
    RawClient client =
        NODE.adopt(
            TestPki.open(
                NODE.port(Settings.Protocol.WSS),
                MqttVersion.V5,
                pki.context(pki.client("Truck One")),
                "TLSv1.3"));
    assertThat(client.upgrade("/mqtt", "mqtt")).isEqualTo(101);
    assertThat(TestPki.connect(client, "Truck One", "web").code()).isZero();
    client.frames().send(WebSocketFrames.CLOSE, true, new byte[] {0x03, (byte) 0xe8});
    gone("web", "ClientInitiatedDisconnect");
  }

  @Test
  void aConnectionThatBreaksIsLost() throws Exception {
    connected("broken").close();
    gone("broken", "ConnectionLost");
  }

  @Test
  void whoSendsWhatMayNotBeSentHasErred() throws Exception {
    RawClient client = connected("wrong");
    client.send("00 00");
    client.expectEnd(ReasonCode.MALFORMED_PACKET);
    gone("wrong", "ClientError");
  }

  @Test
  void whoSaysNothingForTooLongHasErred() throws Exception {
    RawClient client = NODE.adopt(open("truck-1"));
    client.send(
        RawClient.bytes(
            out ->
                io.busbar.mqtt.Encoder.connect(
                    out,
                    MqttVersion.V5,
                    "silent",
                    true,
                    1,
                    "Truck One",
                    null,
                    new PropertyWriter())));
    assertThat(client.read(Packet.Connack.class).code()).isZero();
    client.expectEnd(ReasonCode.KEEP_ALIVE_TIMEOUT);
    gone("silent", "ClientError");
  }

  @Test
  void whoseSessionIsTakenOverHasGoneForThatAndTheNextNumberIsHigher() throws Exception {
    RawClient first = connected("same");
    RawClient second = connected("same");
    first.expectEnd(ReasonCode.SESSION_TAKEN_OVER);
    second.send("e000");
    second.expectClose();
    List<JsonObject> told = told("clients/all", 4);
    List<String> reasons =
        told.stream()
            .map(one -> one.getJsonObject("data").getString("disconnectionReason"))
            .toList();
    assertThat(reasons)
        .containsExactlyInAnyOrder(null, "SessionTakenOver", null, "ClientInitiatedDisconnect");
    List<Long> numbers =
        told.stream().map(one -> one.getJsonObject("data").getLong("sequenceNumber")).toList();
    assertThat(numbers.get(3)).isGreaterThan(numbers.get(0));
    assertThat(numbers.stream().distinct()).hasSize(2);
  }

  @Test
  void whoHearsWhatItMayNotAnyMoreIsNotAuthorized() throws Exception {
    RawClient client = connected("ears");
    assertThat(client.subscribe("trucks/#", 1)).isEqualTo(1);
    write(
        NAMESPACE.replace(
            "  - {name: hear-all, clientGroupName: $all, topicSpaceName: all, permission: Subscriber}\n",
            ""));
    client.expectEnd(ReasonCode.NOT_AUTHORIZED);
    gone("ears", "ClientAuthorizationError");
  }

  @Test
  void whoPublishesWhatItMayNotIsNotAuthorized() throws Exception {
    RawClient client = connected("mouth");
    client.publish("other/x", "x");
    client.expectEnd(ReasonCode.NOT_AUTHORIZED);
    gone("mouth", "ClientAuthorizationError");
  }

  @Test
  void whoIsDisabledIsNotAuthenticated() throws Exception {
    RawClient client = connected("disabled");
    write(NAMESPACE.replace("name: truck-1, auth", "name: truck-1, state: Disabled, auth"));
    client.expectEnd(ReasonCode.NOT_AUTHORIZED);
    List<JsonObject> told = told("clients/all", 3);
    assertThat(
            told.stream()
                .map(one -> one.getJsonObject("data").getString("disconnectionReason"))
                .filter(one -> one != null))
        .containsExactly("ClientAuthenticationError");
    JsonObject changed =
        told.stream()
            .filter(one -> one.getString("type").equals(PREFIX + "CreatedOrUpdated"))
            .findFirst()
            .orElseThrow();
    JsonObject data = changed.getJsonObject("data");
    assertThat(changed.getString("subject")).isEqualTo("clients/truck-1");
    assertThat(data.getString("clientAuthenticationName")).isEqualTo("Truck One");
    assertThat(data.getString("state")).isEqualTo("Disabled");
    assertThat(data.getJsonObject("attributes"))
        .isEqualTo(
            new JsonObject()
                .put("type", "truck")
                .put("load", 5)
                .put("tools", new JsonArray().add("gps").add("lte")));
    assertThat(Instant.parse(data.getString("updatedOn")))
        .isAfter(Instant.parse(data.getString("createdOn")));
  }

  @Test
  void whoSendsTooMuchExceedsAQuota() throws Exception {
    RawClient client = connected("verbose");
    client.send(
        client.publishPacket(
            "trucks/x", 1, 1, "x", new PropertyWriter().user("k", "v".repeat(300))));
    client.expectEnd(ReasonCode.QUOTA_EXCEEDED);
    gone("verbose", "QuotaExceeded");
  }

  @Test
  void whoDoesNotTakeWhatIsSentOverflows() throws Exception {
    RawClient client = NODE.adopt(open("truck-1"));
    PropertyWriter properties =
        new PropertyWriter().number(Property.SESSION_EXPIRY_INTERVAL, 1_000);
    client.send(client.connectPacket("full", false, properties, null, "Truck One"));
    assertThat(client.read(Packet.Connack.class).code()).isZero();
    assertThat(client.subscribe("trucks/#", 1)).isEqualTo(1);
    RawClient publisher = NODE.adopt(open("watcher"));
    assertThat(TestPki.connect(publisher, "watcher", "w").code()).isZero();
    for (int i = 0; i < 4; i++) {
      publisher.publishAcked("trucks/x", "" + i);
    }
    Await.until("it is told", () -> reasons().contains("SessionOverflow"), () -> "not yet");
  }

  private static List<String> reasons() {
    try {
      return take("clients/all").stream()
          .map(one -> one.getJsonObject("data").getString("disconnectionReason"))
          .toList();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void whoComesFromWhereNobodyMayIsPutOutAndNotLetInAgain() throws Exception {
    RawClient client = connected("far");
    write(NAMESPACE + "inboundIpRules: [{ipMask: 10.0.0.0/8, action: Allow}]\n");
    client.expectEnd(ReasonCode.NOT_AUTHORIZED);
    gone("far", "IpForbidden");
    long denied = NODE.denials("network");
    assertThat(isLetIn("truck-1")).isFalse();
    assertThat(NODE.denials("network")).isGreaterThan(denied);
    // of two ranges one has it
    write(
        NAMESPACE
            + "publicNetworkAccess: Disabled\n"
            + "inboundIpRules: [{ipMask: 10.0.0.0/8}, {ipMask: 127.0.0.1}]\n");
    Await.until("it may come", () -> isLetIn("truck-1"), () -> "not yet");
  }

  @Test
  void whomTheServerEndsIsToldSo() throws Exception {
    RawClient client = NODE.adopt(open("truck-1"));
    PropertyWriter properties =
        new PropertyWriter().number(Property.SESSION_EXPIRY_INTERVAL, 1_000);
    client.send(client.connectPacket("ended", false, properties, null, "Truck One"));
    assertThat(client.read(Packet.Connack.class).code()).isZero();
    ask(new Bus.Append(List.of(new Command.End("ended"))));
    client.expectEnd(ReasonCode.ADMINISTRATIVE_ACTION);
    gone("ended", "ServerInitiatedDisconnect");
  }

  @Test
  void whomAStopOfTheNodeEndsIsToldThoughItStops() throws Exception {
    RawClient client = connected("stopped");
    NODE.restart();
    client.expectEnd(ReasonCode.SERVER_SHUTTING_DOWN);
    gone("stopped", "ServerInitiatedDisconnect");
  }

  @Test
  void whomTheServerFailsIsToldSo() throws Exception {
    RawClient client = connected("failed");
    NODE.vertx().eventBus().send(Bus.loop(0), new Bus.Disowned(), Bus.local());
    // as DISCONNECT has no code for it
    client.expectEnd(ReasonCode.UNSPECIFIED_ERROR);
    gone("failed", "ServerError");
  }

  @Test
  void clientsThatAreRegisteredAndDeletedAreTold() throws Exception {
    write(NAMESPACE.replace("  - {name: watcher}\n", "  - {name: watcher}\n  - {name: new-one}\n"));
    JsonObject made = told("clients/all", 1).get(0);
    assertThat(made.getString("type")).isEqualTo(PREFIX + "CreatedOrUpdated");
    assertThat(made.getString("subject")).isEqualTo("clients/new-one");
    assertThat(made.getJsonObject("data").getString("state")).isEqualTo("Enabled");
    assertThat(made.getJsonObject("data").getJsonObject("attributes")).isEmpty();
    write(NAMESPACE);
    JsonObject deleted = told("clients/all", 1).get(0);
    assertThat(deleted.getString("type")).isEqualTo(PREFIX + "Deleted");
    assertThat(deleted.getJsonObject("data"))
        .isEqualTo(
            new JsonObject()
                .put("namespaceName", "plant")
                .put("clientName", "new-one")
                .put("clientAuthenticationName", "new-one"));
  }

  /** Whoever subscribed otherwise than by the file is told of the file's clients as well. */
  @Test
  void aSubscriptionThatIsNotOfTheFileIsToldOfItsClients() throws Exception {
    EventSubscription other =
        new EventSubscription(
            "clients/other",
            new EventDelivery.Queue(Duration.ofSeconds(60)),
            10,
            Optional.empty(),
            Optional.empty(),
            List.of(PREFIX + "Deleted"),
            List.of(),
            Optional.empty());
    ResourceForm form = new ResourceForm(other, null);
    List<Command> made = new ArrayList<>();
    made.add(new Command.PutResource(other.kind().code(), other.id(), null, "api", form.encode()));
    made.addAll(EventQueues.made(other, new NamespaceTopic("clients", 1), 1_000, 1 << 20));
    ask(new Bus.Append(made));
    write(NAMESPACE.replace("  - {name: watcher}\n", "  - {name: watcher}\n  - {name: brief}\n"));
    told("clients/all", 1);
    write(NAMESPACE);
    assertThat(told("clients/other", 1).get(0).getString("subject")).isEqualTo("clients/brief");
    List<Command> gone = new ArrayList<>();
    gone.add(new Command.DeleteResource(other.kind().code(), other.id()));
    gone.addAll(EventQueues.gone(other.id()));
    ask(new Bus.Append(gone));
  }

  // --- over MQTT ---

  private static RawClient watcher(String... filters) throws Exception {
    RawClient client = NODE.adopt(open("watcher"));
    assertThat(TestPki.connect(client, "watcher", "eyes").code()).isZero();
    for (String filter : filters) {
      assertThat(client.subscribe(filter, 1)).as(filter).isEqualTo(1);
    }
    return client;
  }

  /** The next message of another client than the watcher itself. */
  private static Publish heard(RawClient watcher) throws IOException {
    Publish message = watcher.readPublish();
    while (message.topic().contains("/watcher")) {
      message = watcher.readPublish();
    }
    return message;
  }

  @Test
  void whoHasTheRightHearsOfClientsOverMqtt() throws Exception {
    RawClient watcher = watcher("$SYS/clients/#");
    RawClient client = connected("a/b+c");
    Publish came = heard(watcher);
    assertThat(came.topic()).isEqualTo("$SYS/clients/Truck One/sessions/a%2Fb%2Bc");
    assertThat(came.qos()).isZero();
    assertThat(came.contentType()).isEqualTo("application/cloudevents+json; charset=utf-8");
    JsonObject event = new JsonObject(RawClient.payload(came));
    assertThat(event.getString("type")).isEqualTo(PREFIX + "SessionConnected");
    assertThat(event).isEqualTo(told("clients/all", 2).get(1));
    client.send("e000");
    client.expectClose();
    JsonObject went = new JsonObject(RawClient.payload(heard(watcher)));
    assertThat(went.getJsonObject("data").getString("disconnectionReason"))
        .isEqualTo("ClientInitiatedDisconnect");
    write(NAMESPACE.replace("  - {name: watcher}\n", "  - {name: watcher}\n  - {name: new-one}\n"));
    Publish made = heard(watcher);
    assertThat(made.topic()).isEqualTo("$SYS/clients/new-one");
    assertThat(RawClient.payload(made)).contains(PREFIX + "CreatedOrUpdated");
    write(NAMESPACE);
    assertThat(RawClient.payload(heard(watcher))).contains(PREFIX + "Deleted");
    // it is none of the messages that become events
    assertThat(take("messages/of-hull")).isEmpty();
  }

  @Test
  void whoHasNotTheRightHearsNothingOfThem() throws Exception {
    RawClient truck = connected("curious");
    assertThat(truck.subscribe("$SYS/clients/#", 1)).isEqualTo(0x87);
    assertThat(truck.subscribe("$SYS/#", 1)).isEqualTo(0x87);
    RawClient watcher = watcher("#");
    assertThat(watcher.subscribe("$SYS/#", 1)).isEqualTo(0x87);
    assertThat(watcher.subscribe("$share/g/$SYS/clients/+/sessions/+", 1)).isEqualTo(1);
    watcher.unsubscribe(List.of("$share/g/$SYS/clients/+/sessions/+"));
    connected("unheard").close();
    assertThat(truck.publishAcked("trucks/x", "last").isError()).isFalse();
    assertThat(RawClient.payload(watcher.readPublish())).isEqualTo("last");
    // nobody may make them up, whatever a binding says
    assertThat(watcher.publishAcked("$SYS/clients/x", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
  }

  // --- what is added to messages ---

  @Test
  void theEventOfAMessageSaysMoreOfItAndOfItsPublisher() throws Exception {
    RawClient client = connected("rich");
    PropertyWriter properties =
        new PropertyWriter()
            .number(Property.PAYLOAD_FORMAT_INDICATOR, 1)
            .string(Property.RESPONSE_TOPIC, "trucks/answer")
            .binary(Property.CORRELATION_DATA, "c1".getBytes(UTF_8))
            .user("trip", "1")
            .user("trip", "2")
            .user("a.b'c", "odd one");
    assertThat(client.publishAcked("trucks/x", "hello", properties).reason().isError()).isFalse();
    JsonObject event = told("messages/of-hull", 1).get(0);
    assertThat(event.getString("subject")).isEqualTo("trucks/x");
    assertThat(event.getString("data")).isEqualTo("hello");
    Map<String, Object> added =
        Map.ofEntries(
            Map.entry("site", "hull"),
            Map.entry("clientname", "Truck One"),
            Map.entry("type1", "truck"),
            Map.entry("load", "5"),
            Map.entry("tools", "gps,lte"),
            Map.entry("none", ""),
            Map.entry("trip", "1,2"),
            Map.entry("odd", "odd one"),
            Map.entry("topicname", "trucks/x"),
            Map.entry("answer", "trucks/answer"),
            Map.entry("correlation", "YzE="),
            Map.entry("pfi", 1));
    added.forEach((key, value) -> assertThat(event.getValue(key)).as(key).isEqualTo(value));
  }

  /** What an operator adds, no publisher can make up. */
  @Test
  void anEventOfTheClientsOwnGetsTheSameInPlaceOfItsOwn() throws Exception {
    RawClient client = connected("own");
    String own =
        "{ \"specversion\":\"1.0\", \"id\":\"7\",\"clientname\" : \"Somebody Else\", \"source\":\"/me\",\"type\":\"t\", \"data\":{ \"x\" : 1.50 },\"mine\":true } ";
    client.publishAcked(
        "trucks/x",
        own,
        new PropertyWriter().string(Property.CONTENT_TYPE, "application/cloudevents+json"));
    client.publishAcked(
        "trucks/x",
        "hi",
        new PropertyWriter()
            .user("specversion", "1.0")
            .user("id", "8")
            .user("source", "/me")
            .user("type", "t")
            .user("clientname", "Somebody Else"));
    List<JsonObject> events = told("messages/of-hull", 2);
    JsonObject structured = events.get(0);
    assertThat(structured.getString("id")).isEqualTo("7");
    assertThat(structured.getBoolean("mine")).isTrue();
    assertThat(structured.getJsonObject("data")).isEqualTo(new JsonObject().put("x", 1.5));
    for (JsonObject event : events) {
      assertThat(event.getString("source")).isEqualTo("/me");
      assertThat(event.getString("clientname")).isEqualTo("Truck One");
      assertThat(event.getString("site")).isEqualTo("hull");
      assertThat(event.getInteger("pfi")).isZero();
    }
    assertThat(NODE.total(Meter.CONNECTS)).isPositive();
  }
}
