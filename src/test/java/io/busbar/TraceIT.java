package io.busbar;

import static io.busbar.testing.ApiClient.OPERATOR;
import static io.busbar.testing.ApiClient.READER;
import static io.busbar.testing.ApiClient.await;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.bus.Bus;
import io.busbar.bus.Trace;
import io.busbar.bus.Wire;
import io.busbar.config.Limit;
import io.busbar.config.Passwords;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.ApiClient;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.core.parsetools.RecordParser;
import io.vertx.core.spi.cluster.ClusterManager;
import io.vertx.ext.web.client.HttpResponse;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** What somebody sees who looks at one client, at one node and at several; and that it ends. */
@Timeout(60)
class TraceIT {
  private static final String NAMESPACE =
      """
      name: plant
      clients:
        - {name: sensor, passwordAuthentication: {passwordHash: "%s"}}
        - {name: peer, passwordAuthentication: {passwordHash: "%s"}}
      topicSpaces:
        - {name: sensors, topicTemplates: ["sensors/#"]}
      permissionBindings:
        - {name: publish, clientGroupName: $all, topicSpaceName: sensors, permission: Publisher}
        - {name: subscribe, clientGroupName: $all, topicSpaceName: sensors, permission: Subscriber}
      """;

  @TempDir static Path home;
  private static ApiClient api;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
              () ->
                  ApiClient.with(
                      TestNode.secured(
                          TestPki.in(home).server(),
                          home,
                          NAMESPACE.formatted(hash("sensor-secret"), hash("peer-secret")),
                          Map.of(Limit.QUEUE_MESSAGES, 2L)),
                      home))
          .durable();

  @RegisterExtension
  static final TestNode CLUSTER = TestNode.with(1, Profile.OPEN, Map.of()).nodes(2);

  private HttpClient https;
  private HttpClient http;

  private static String hash(String password) {
    return Passwords.hash(password.getBytes(UTF_8), new SecureRandom()).text();
  }

  @BeforeAll
  static void open() {
    api = new ApiClient(home.resolve("ca.pem"), () -> NODE.apiPort(0));
  }

  @AfterAll
  static void close() {
    api.close();
  }

  @AfterEach
  void nothingIsHeldOfWhoHasGone() throws Exception {
    for (HttpClient one : new HttpClient[] {https, http}) {
      if (one != null) {
        await(one.close());
      }
    }
    Await.until(
        "nobody looks",
        () -> NODE.gauge(Meter.TRACES) + CLUSTER.gauge(Meter.TRACES) == 0,
        () -> "%s, %s".formatted(NODE.gauge(Meter.TRACES), CLUSTER.gauge(Meter.TRACES)));
  }

  /** What somebody sees. */
  private static final class Seen {
    final List<JsonObject> events = new CopyOnWriteArrayList<>();
    final List<String> raw = new CopyOnWriteArrayList<>();

    void line(String line) {
      raw.add(line);
      if (!line.isBlank()) {
        events.add(new JsonObject(line));
      }
    }

    JsonObject first(String what, Predicate<JsonObject> which) {
      return events.stream()
          .filter(one -> what.equals(one.getString("what")) && which.test(one))
          .findFirst()
          .orElse(null);
    }

    JsonObject until(String what, Predicate<JsonObject> which) {
      Await.until(what, () -> first(what, which) != null, () -> raw);
      return first(what, which);
    }

    JsonObject until(String what) {
      return until(what, one -> true);
    }

    JsonObject untilWay(String what, String way) {
      return until(what, one -> way.equals(one.getString("way")));
    }

    List<String> whats() {
      return events.stream()
          .map(one -> one.getString("way", "").replaceAll(".+", "$0 ") + one.getString("what"))
          .toList();
    }
  }

  private static JsonObject fields(JsonObject event) {
    return event.getJsonObject("fields");
  }

  private Seen look(JsonObject whom) throws Exception {
    if (https == null) {
      https =
          api.vertx()
              .createHttpClient(
                  new HttpClientOptions()
                      .setSsl(true)
                      .setTrustOptions(
                          new PemTrustOptions().addCertPath(home.resolve("ca.pem").toString())),
                  new PoolOptions().setHttp1MaxSize(20));
    }
    return look(https, NODE.apiPort(0), whom);
  }

  private Seen lookAtCluster(JsonObject whom) throws Exception {
    if (http == null) {
      http = api.vertx().createHttpClient();
    }
    Seen seen = look(http, CLUSTER.httpPort(), whom);
    seen.until("traced", one -> "test-1".equals(one.getString("node")));
    return seen;
  }

  private static Seen look(HttpClient client, int port, JsonObject whom) throws Exception {
    Seen seen = new Seen();
    RecordParser lines = RecordParser.newDelimited("\n", line -> seen.line(line.toString(UTF_8)));
    HttpClientResponse answer =
        await(
            client
                .request(HttpMethod.POST, port, "localhost", "/trace")
                .compose(
                    request ->
                        request
                            .putHeader("authorization", "Bearer " + OPERATOR)
                            .send(whom.toBuffer()))
                .onSuccess(response -> response.handler(lines)));
    assertThat(answer.statusCode()).isEqualTo(200);
    // it is in force when it is answered
    seen.until("traced");
    return seen;
  }

  private static JsonObject client(String name) {
    return new JsonObject().put("client", name);
  }

  private static RawClient send(String user, String password, PropertyWriter properties)
      throws IOException {
    RawClient client = NODE.open(Transport.TCP, MqttVersion.V5);
    byte[] secret = password.getBytes(UTF_8);
    boolean isClean = properties.size() == 0;
    client.send(
        RawClient.bytes(
            out ->
                Encoder.connect(out, MqttVersion.V5, user, isClean, 30, user, secret, properties)));
    return client;
  }

  private static RawClient connected(String user, PropertyWriter properties) throws IOException {
    RawClient client = send(user, user + "-secret", properties);
    assertThat(client.read(Packet.Connack.class).code()).isZero();
    return client;
  }

  // --- one node ---

  @Test
  void allThatAClientDoesIsSeen_andNothingOfOthers() throws Exception {
    Seen seen = look(client("SENSOR").put("payload", 4));
    RawClient peer = connected("peer", new PropertyWriter());
    RawClient sensor = connected("sensor", new PropertyWriter());
    Packet.Suback suback =
        sensor.subscribe(
            new Packet.Filter("sensors/in/#".getBytes(UTF_8), 2, false, false, 0),
            new Packet.Filter("others/#".getBytes(UTF_8), 1, false, false, 0));
    assertThat(suback.codes()).containsExactly(2, 0x87);
    peer.publish("sensors/in/0", "zero");
    assertThat(sensor.readPublish().qos()).isZero();
    peer.publishAcked("sensors/in/1", "one");
    sensor.puback(sensor.readPublish());
    peer.publishExactly("sensors/in/2", "two-and-more", 5);
    sensor.complete(sensor.readPublish());
    sensor.publish("sensors/out", "zero");
    sensor.publishAcked("sensors/out", "one");
    sensor.publishExactly("sensors/out", "two", 6);
    assertThat(sensor.publishAcked("others/x", "no")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    sensor.send(
        RawClient.bytes(
            out ->
                Encoder.disconnect(out, MqttVersion.V5, ReasonCode.SUCCESS, new PropertyWriter())));
    seen.until("closed");

    assertThat(seen.whats())
        .containsSubsequence(
            "traced",
            "in CONNECT",
            "authenticated",
            "session",
            "out CONNACK",
            "in SUBSCRIBE",
            "subscription granted",
            "subscription refused",
            "out SUBACK",
            "out PUBLISH",
            "out PUBLISH",
            "in PUBACK",
            "out PUBLISH",
            "in PUBREC",
            "out PUBREL",
            "in PUBCOMP",
            "in PUBLISH",
            "in PUBLISH",
            "out PUBACK",
            "in PUBLISH",
            "out PUBREC",
            "in PUBREL",
            "out PUBCOMP",
            "in PUBLISH",
            "out PUBACK",
            "in DISCONNECT",
            "closed");
    assertThat(seen.events.stream().skip(1))
        .allSatisfy(
            one -> {
              assertThat(one.getString("node")).isEqualTo("secured");
              assertThat(one.getString("session")).isEqualTo("sensor");
            });
    assertThat(fields(seen.untilWay("CONNECT", "in")).getInteger("passwordBytes")).isEqualTo(13);
    assertThat(seen.until("authenticated").getString("text")).isEqualTo("by its password");
    assertThat(seen.until("subscription refused").getString("text"))
        .startsWith("'others/#': no Subscriber binding of client 'sensor'");
    JsonObject denied = seen.until("PUBLISH", one -> Boolean.FALSE.equals(one.getValue("allowed")));
    assertThat(fields(denied).getString("topic")).isEqualTo("others/x");
    assertThat(denied.getString("text")).startsWith("no Publisher binding of client 'sensor'");
    JsonObject exact =
        seen.until(
            "PUBLISH",
            one ->
                "out".equals(one.getString("way"))
                    && "sensors/in/2".equals(fields(one).getString("topic")));
    assertThat(fields(exact).getInteger("qos")).isEqualTo(2);
    assertThat(fields(exact).getInteger("bytes")).isEqualTo(12);
    assertThat(fields(exact).getBinary("payloadBase64")).isEqualTo("two-".getBytes(UTF_8));
    assertThat(seen.until("closed").getString("text")).isEqualTo("client disconnect");
    assertThat(String.join("\n", seen.raw)).doesNotContain("-secret");
  }

  @Test
  void whoIsRefusedIsSeen_andNoSecret() throws Exception {
    Seen seen = look(client("sensor"));
    PropertyWriter properties = new PropertyWriter().user("token", "hunter2");
    RawClient refused = send("sensor", "a-wrong-one", properties);
    assertThat(refused.read(Packet.Connack.class).code()).isNotZero();
    RawClient other = send("peer", "a-wrong-one", new PropertyWriter());
    assertThat(other.read(Packet.Connack.class).code()).isNotZero();
    seen.until("closed");
    assertThat(seen.whats())
        .containsExactly("traced", "in CONNECT", "refused", "out CONNACK", "closed");
    assertThat(seen.until("refused").getString("reason")).startsWith("0x8");
    assertThat(fields(seen.until("CONNECT")).getJsonArray("userProperties"))
        .containsExactly("token (7 bytes)");
    assertThat(String.join("\n", seen.raw)).doesNotContain("a-wrong-one", "hunter2");
  }

  @Test
  void whoIsConnectedAlreadyIsSeenFromNowOn() throws Exception {
    RawClient sensor = connected("sensor", new PropertyWriter());
    Seen seen = look(new JsonObject().put("session", "sensor"));
    seen.until("connected");
    PropertyWriter alias = new PropertyWriter().number(Property.TOPIC_ALIAS, 1);
    sensor.publishAcked("sensors/out", "x", alias);
    PropertyWriter known = new PropertyWriter().number(Property.TOPIC_ALIAS, 1);
    sensor.publishAcked("", "y", known);
    assertThat(seen.until("PUBLISH", one -> one.containsKey("aliasedTopic")).getValue("allowed"))
        .isEqualTo(true);
    assertThat(seen.whats()).doesNotContain("in CONNECT");
  }

  @Test
  void whatIsKeptForAStoredSessionIsSeen_andWhatIsDropped() throws Exception {
    Seen seen = look(client("sensor"));
    PropertyWriter stored = new PropertyWriter().number(Property.SESSION_EXPIRY_INTERVAL, 60);
    RawClient sensor = connected("sensor", stored);
    sensor.subscribe("sensors/in", 1);
    sensor.close();
    seen.until("closed");
    RawClient peer = connected("peer", new PropertyWriter());
    for (int i = 1; i <= 3; i++) {
      peer.publishAcked("sensors/in", "m" + i);
    }
    JsonObject dropped = seen.until("dropped");
    assertThat(dropped.getString("text")).isEqualTo("the session's queue is full");
    assertThat(fields(dropped).getString("topic")).isEqualTo("sensors/in");
    assertThat(dropped.getString("session")).isEqualTo("sensor");
    assertThat(seen.whats().stream().filter("kept"::equals)).hasSize(3);

    RawClient again = connected("sensor", stored);
    again.puback(again.expectMessage("m2"));
    again.puback(again.expectMessage("m3"));
    seen.until("session", one -> one.getString("text").contains("resumed with 1"));
    seen.untilWay("PUBACK", "in");
    again.close();
    seen.until("closed");
    // nothing stays for the other cases
    connected("sensor", new PropertyWriter());
    seen.until("session ended");
  }

  // --- who may, and how many ---

  @Test
  void itIsForOperators_andSaysWhatIsWrong() throws Exception {
    assertThat(ask(HttpMethod.POST, READER, "{\"client\":\"sensor\"}").statusCode()).isEqualTo(403);
    assertThat(ask(HttpMethod.POST, "nobody", "{\"client\":\"sensor\"}").statusCode())
        .isEqualTo(401);
    assertThat(ask(HttpMethod.GET, OPERATOR, "").statusCode()).isEqualTo(405);
    for (String body :
        List.of(
            "",
            "[]",
            "{}",
            "{\"client\":\"\"}",
            "{\"client\":1}",
            "{\"client\":\"a\",\"session\":\"b\"}",
            "{\"client\":\"a\",\"minutes\":0}",
            "{\"client\":\"a\",\"minutes\":61}",
            "{\"client\":\"a\",\"minutes\":\"5\"}",
            "{\"client\":\"a\",\"payload\":1025}",
            "{\"client\":\"a\",\"payload\":-1}")) {
      HttpResponse<Buffer> answer = ask(HttpMethod.POST, OPERATOR, body);
      assertThat(answer.statusCode()).as(body).isEqualTo(400);
      assertThat(answer.bodyAsString()).as(body).contains("allowed: ");
    }
  }

  private static HttpResponse<Buffer> ask(HttpMethod method, String key, String body)
      throws Exception {
    return await(api.request(method, "/trace", key).sendBuffer(Buffer.buffer(body)));
  }

  @Test
  void soManyAreLookedAtAtOnce() throws Exception {
    for (int i = 0; i < 8; i++) {
      look(client("c" + i));
    }
    assertThat(NODE.gauge(Meter.TRACES)).isEqualTo(8);
    HttpResponse<Buffer> answer = ask(HttpMethod.POST, OPERATOR, "{\"client\":\"c\"}");
    assertThat(answer.statusCode()).isEqualTo(429);
    assertThat(answer.bodyAsString()).contains("8 clients are looked at already");
  }

  // --- two nodes ---

  @Test
  void aClientIsSeenWhereverItIs() throws Exception {
    Seen seen = lookAtCluster(client("mover"));
    RawClient there = at(1);
    there.connect("mover");
    JsonObject first = seen.untilWay("CONNECT", "in");
    assertThat(first.getString("node")).isEqualTo("test-1");
    there.subscribe("moved", 1);
    RawClient here = at(0);
    here.connect("mover");
    seen.until("CONNECT", one -> "test-0".equals(one.getString("node")));
    JsonObject ends = seen.until("ends");
    assertThat(ends.getString("node")).isEqualTo("test-1");
    assertThat(ends.getString("reason")).isEqualTo("0x8e session taken over");
    here.subscribe("moved", 1);
    here.publish("moved", "x");
    here.expectMessage("x");
    JsonObject got = seen.untilWay("PUBLISH", "out");
    assertThat(got.getString("node")).isEqualTo("test-0");
    assertThat(CLUSTER.gauge(Meter.TRACES)).as("one at each node").isEqualTo(2);
  }

  private static RawClient at(int node) throws IOException {
    Socket socket = new Socket();
    socket.connect(
        new InetSocketAddress(
            InetAddress.getLoopbackAddress(), CLUSTER.port(Settings.Protocol.MQTT, node)));
    return CLUSTER.adopt(RawClient.over(socket, MqttVersion.V5));
  }

  @Test
  void whoDoesNotAskAnyMoreDoesNotLookAnyMore() throws Exception {
    // as a node that is killed while somebody looks there
    ClusterManager manager = ((VertxInternal) CLUSTER.vertx()).clusterManager();
    String other =
        manager.getNodes().stream()
            .filter(id -> !id.equals(manager.getNodeId()))
            .findFirst()
            .orElseThrow();
    Wire.TraceQuestion question =
        new Wire.TraceQuestion("killed", new Trace.Whom(false, "busy", 0));
    Buffer answer =
        await(
                CLUSTER
                    .vertx()
                    .eventBus()
                    .<Buffer>request(Bus.nodeTraces(other), question.encode(), Bus.remote(10_000)))
            .body();
    assertThat(Wire.TraceAnswer.decode(answer))
        .isEqualTo(new Wire.TraceAnswer("test-1", "", List.of()));
    assertThat(CLUSTER.gauge(Meter.TRACES)).isEqualTo(1);
    Await.until(
        "nobody looks", () -> CLUSTER.gauge(Meter.TRACES) == 0, () -> CLUSTER.gauge(Meter.TRACES));
  }
}
