package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Settings;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestCollector;
import io.busbar.testing.TestCollector.Span;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Traces of OpenTelemetry: what a client has begun goes on here, to subscribers and webhooks. */
@Timeout(60)
class SpansIT {
  private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
  private static final String PARENT = "00f067aa0ba902b7";
  private static final String TRACEPARENT = "00-" + TRACE + "-" + PARENT + "-01";

  private static final String NAMESPACE =
      """
      name: plant
      caCertificates:
        - {name: ours, file: ca.pem}
      clients:
        - {name: truck-1}
      topicSpaces:
        - {name: all, topicTemplates: ["trucks/#"]}
      permissionBindings:
        - {name: publish-all, clientGroupName: $all, topicSpaceName: all, permission: Publisher}
        - {name: hear-all, clientGroupName: $all, topicSpaceName: all, permission: Subscriber}
      routeTopic: messages
      topics:
        - name: messages
          eventSubscriptions:
            - name: pushed
              deliveryConfiguration:
                deliveryMode: Push
                push:
                  destination:
                    endpointType: WebHook
                    properties: {endpointUrl: "http://127.0.0.1:%d/hook"}
      """;

  @TempDir static Path home;
  private static final Vertx VERTX = Vertx.vertx();
  private static final Queue<JsonObject> RECEIVED = new ConcurrentLinkedQueue<>();
  private static TestCollector collector;
  private static TestPki pki;

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
          () -> {
            pki = TestPki.in(home);
            collector = new TestCollector();
            String namespace = NAMESPACE.formatted(webhook());
            return TestNode.secured(pki.server(), home, namespace, Map.of())
                .with(
                    new Settings.Tracing(
                        URI.create(collector.endpoint() + "/v1/traces"), 0, Optional.empty()));
          });

  private static int webhook() throws Exception {
    return VERTX
        .createHttpServer()
        .requestHandler(
            request ->
                request
                    .body()
                    .onSuccess(
                        body -> {
                          RECEIVED.add(
                              new JsonObject()
                                  .put("traceparent", request.getHeader("traceparent"))
                                  .put("event", new JsonObject(body)));
                          request.response().setStatusCode(204).end();
                        }))
        .listen(0, "127.0.0.1")
        .toCompletionStage()
        .toCompletableFuture()
        .get(20, TimeUnit.SECONDS)
        .actualPort();
  }

  @AfterAll
  static void stop() throws Exception {
    collector.close();
    VERTX.close().toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  @BeforeEach
  void collects() {
    collector.answer(200);
    RECEIVED.clear();
  }

  private static RawClient open() throws Exception {
    return NODE.adopt(
        TestPki.open(
            NODE.port(Settings.Protocol.MQTTS),
            MqttVersion.V5,
            pki.context(pki.client("truck-1")),
            "TLSv1.3"));
  }

  private static Packet.Connack connect(RawClient client, String user, String traceparent)
      throws Exception {
    PropertyWriter properties = new PropertyWriter();
    if (traceparent != null) {
      properties.user("traceparent", traceparent);
    }
    client.send(
        RawClient.bytes(
            out -> Encoder.connect(out, MqttVersion.V5, "one", true, 30, user, null, properties)));
    return client.read(Packet.Connack.class);
  }

  private static Span told(String name) {
    Await.until(
        "a span " + name,
        () -> collector.spans(name).stream().anyMatch(span -> span.trace().equals(TRACE)),
        () -> collector.spans(name).toString());
    return collector.spans(name).stream()
        .filter(span -> span.trace().equals(TRACE))
        .reduce((first, last) -> last)
        .orElseThrow();
  }

  private static JsonObject received() {
    Await.until("an event at the webhook", () -> !RECEIVED.isEmpty(), () -> "none came");
    return RECEIVED.remove();
  }

  @Test
  void aTraceThatAClientHasBegunGoesOnToSubscribersAndWebhooks() throws Exception {
    RawClient client = open();
    assertThat(connect(client, "truck-1", TRACEPARENT).code()).isZero();
    client.subscribe("trucks/#", 0);
    PropertyWriter properties =
        new PropertyWriter().user("traceparent", TRACEPARENT).user("tracestate", "ours=1");
    client.send(client.publishPacket("trucks/1", 0, 0, "x", properties));

    Publish heard = client.readPublish();
    assertThat(heard.userProperties())
        .containsExactly(Map.entry("traceparent", TRACEPARENT), Map.entry("tracestate", "ours=1"));
    JsonObject pushed = received();
    assertThat(pushed.getJsonObject("event").getString("traceparent"))
        .as("where the trace began (CloudEvents Distributed Tracing)")
        .isEqualTo(TRACEPARENT);
    assertThat(pushed.getJsonObject("event").getString("tracestate")).isEqualTo("ours=1");

    Span connect = told("CONNECT");
    assertThat(connect.parent()).isEqualTo(PARENT);
    assertThat(connect.attributes())
        .containsEntry("messaging.client.id", "one")
        .containsEntry("enduser.id", "truck-1")
        .containsEntry("network.protocol.version", "5");
    assertThat(connect.error()).isNull();
    Span route = told("route");
    assertThat(route.parent()).isEqualTo(PARENT);
    assertThat(route.attributes()).containsEntry("messaging.destination.name", "trucks/1");
    Span push = told("push");
    assertThat(push.parent()).isEqualTo(PARENT);
    assertThat(push.attributes())
        .containsEntry("messaging.destination.name", "messages/pushed")
        .containsEntry("http.response.status_code", "204");
    assertThat(pushed.getString("traceparent"))
        .as("what the webhook does is part of the request")
        .isEqualTo("00-" + TRACE + "-" + push.id() + "-01");
  }

  @Test
  void whoIsNotLetInIsToldOfWithTheReason() throws Exception {
    RawClient client = open();
    Packet.Connack refused = connect(client, "stranger", TRACEPARENT);
    assertThat(refused.code()).isEqualTo(ReasonCode.NOT_AUTHORIZED.code());
    Await.until(
        "a span of the refusal",
        () ->
            collector.spans("CONNECT").stream()
                .anyMatch(span -> "NOT_AUTHORIZED".equals(span.error())),
        () -> collector.spans("CONNECT").toString());
  }

  @Test
  void aTraceThatIsNotToldOfAndOneThatIsNoneAddNothing() throws Exception {
    RawClient client = open();
    assertThat(connect(client, "truck-1", null).code()).isZero();
    String unsampled = "00-1bf92f3577b34da6a3ce929d0e0e4736-" + PARENT + "-00";
    client.publishAcked("trucks/1", "x", new PropertyWriter().user("traceparent", unsampled));
    JsonObject pushed = received();
    assertThat(pushed.getJsonObject("event").getString("traceparent")).isEqualTo(unsampled);
    assertThat(pushed.getString("traceparent")).endsWith("-00");

    client.publishAcked("trucks/1", "y", new PropertyWriter().user("traceparent", "00-nothing"));
    pushed = received();
    assertThat(pushed.getJsonObject("event").getString("traceparent")).doesNotContain("nothing");

    // what comes after is told of, those before were not
    client.publishAcked("trucks/1", "z", new PropertyWriter().user("traceparent", TRACEPARENT));
    received();
    told("push");
    for (String name : List.of("route", "push")) {
      assertThat(collector.spans(name)).extracting(Span::trace).containsOnly(TRACE);
    }
  }

  @Test
  void whatACollectorDoesNotTakeIsCountedAndHoldsNobodyUp() throws Exception {
    collector.answer(400);
    RawClient client = open();
    assertThat(connect(client, "truck-1", TRACEPARENT).code()).isZero();
    client.publishAcked("trucks/1", "x", new PropertyWriter().user("traceparent", TRACEPARENT));
    received();
    Await.until(
        "the failure is counted",
        () -> NODE.telemetry().adder(Meter.SPANS, "failed").sum() > 0,
        () -> "failed=" + NODE.telemetry().adder(Meter.SPANS, "failed").sum());
  }
}
