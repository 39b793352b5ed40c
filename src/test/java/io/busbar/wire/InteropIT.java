package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import com.hivemq.client.mqtt.MqttClient;
import com.hivemq.client.mqtt.MqttClientBuilder;
import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt3.Mqtt3BlockingClient;
import com.hivemq.client.mqtt.mqtt3.message.publish.Mqtt3Publish;
import com.hivemq.client.mqtt.mqtt5.Mqtt5AsyncClient;
import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import io.busbar.config.Profile;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import io.netty.handler.codec.mqtt.MqttQoS;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.mqtt.MqttClientOptions;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Clients that others wrote. */
class InteropIT {
  private static final long SECONDS = 20;

  @RegisterExtension static final TestNode NODE = TestNode.with(2, Profile.OPEN, Map.of());

  private static MqttClientBuilder client(String id, Transport transport) {
    MqttClientBuilder builder =
        MqttClient.builder()
            .identifier(id)
            .serverHost("127.0.0.1")
            .serverPort(NODE.port(transport));
    return transport == Transport.WS
        ? builder.webSocketConfig().serverPath("mqtt").subprotocol("mqtt").applyWebSocketConfig()
        : builder;
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String text(byte[] payload) {
    return new String(payload, StandardCharsets.UTF_8);
  }

  private static <T> T get(CompletableFuture<T> future) throws Exception {
    return future.get(SECONDS, TimeUnit.SECONDS);
  }

  private static <T> T get(Future<T> future) throws Exception {
    return get(future.toCompletionStage().toCompletableFuture());
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void hiveMq3(Transport transport) throws Exception {
    Mqtt3BlockingClient subscriber =
        client("hive-3-sub", transport).useMqttVersion3().buildBlocking();
    Mqtt3BlockingClient publisher =
        client("hive-3-pub", transport).useMqttVersion3().buildBlocking();
    subscriber.connect();
    publisher.connect();
    try (Mqtt3BlockingClient.Mqtt3Publishes messages =
        subscriber.publishes(MqttGlobalPublishFilter.ALL)) {
      subscriber.subscribeWith().topicFilter("hive/+").qos(MqttQos.EXACTLY_ONCE).send();
      for (MqttQos qos : MqttQos.values()) {
        publisher.publishWith().topic("hive/3").qos(qos).payload(utf8(qos.name())).send();
        Mqtt3Publish message = messages.receive(SECONDS, TimeUnit.SECONDS).orElseThrow();
        assertThat(text(message.getPayloadAsBytes())).isEqualTo(qos.name());
        assertThat(message.getQos()).isEqualTo(qos);
      }
    }
    publisher.disconnect();
    subscriber.disconnect();
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void hiveMq5RequestAndResponse(Transport transport) throws Exception {
    Mqtt5BlockingClient service = client("service", transport).useMqttVersion5().buildBlocking();
    Mqtt5BlockingClient caller = client("caller", transport).useMqttVersion5().buildBlocking();
    service.connect();
    caller.connect();
    try (Mqtt5BlockingClient.Mqtt5Publishes requests =
            service.publishes(MqttGlobalPublishFilter.ALL);
        Mqtt5BlockingClient.Mqtt5Publishes responses =
            caller.publishes(MqttGlobalPublishFilter.ALL)) {
      service.subscribeWith().topicFilter("requests/+").send();
      caller.subscribeWith().topicFilter("responses/caller").send();
      caller
          .publishWith()
          .topic("requests/time")
          .qos(MqttQos.AT_LEAST_ONCE)
          .responseTopic("responses/caller")
          .correlationData(utf8("17"))
          .contentType("text/plain")
          .userProperties()
          .add("unit", "s")
          .applyUserProperties()
          .payload(utf8("now?"))
          .send();
      Mqtt5Publish request = requests.receive(SECONDS, TimeUnit.SECONDS).orElseThrow();
      assertThat(request.getContentType().orElseThrow().toString()).isEqualTo("text/plain");
      assertThat(request.getUserProperties().asList()).hasSize(1);
      service
          .publishWith()
          .topic(request.getResponseTopic().orElseThrow())
          .correlationData(request.getCorrelationData().orElseThrow())
          .payload(utf8("now!"))
          .send();
      Mqtt5Publish response = responses.receive(SECONDS, TimeUnit.SECONDS).orElseThrow();
      assertThat(text(response.getPayloadAsBytes())).isEqualTo("now!");
      assertThat(response.getCorrelationData().orElseThrow())
          .isEqualTo(ByteBuffer.wrap(utf8("17")));
    }
    caller.disconnect();
    service.disconnect();
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void hiveMq5ThousandInOrder(Transport transport) throws Exception {
    Mqtt5AsyncClient subscriber = client("sub", transport).useMqttVersion5().buildAsync();
    Mqtt5AsyncClient publisher = client("pub", transport).useMqttVersion5().buildAsync();
    get(subscriber.connect());
    get(publisher.connect());
    BlockingQueue<String> received = new LinkedBlockingQueue<>();
    get(
        subscriber
            .subscribeWith()
            .topicFilter("thousand")
            .qos(MqttQos.AT_LEAST_ONCE)
            .callback(message -> received.add(text(message.getPayloadAsBytes())))
            .send());
    List<CompletableFuture<?>> acked = new ArrayList<>();
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      expected.add("" + i);
      acked.add(
          publisher
              .publishWith()
              .topic("thousand")
              .qos(MqttQos.AT_LEAST_ONCE)
              .payload(utf8("" + i))
              .send());
    }
    get(CompletableFuture.allOf(acked.toArray(new CompletableFuture<?>[0])));
    List<String> actual = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      actual.add(received.poll(SECONDS, TimeUnit.SECONDS));
    }
    assertThat(actual).isEqualTo(expected);
    get(publisher.disconnect());
    get(subscriber.disconnect());
  }

  @Test
  void hiveMq5ConnectsAgain() {
    for (int i = 0; i < 5; i++) {
      Mqtt5BlockingClient client = client("again", Transport.TCP).useMqttVersion5().buildBlocking();
      assertThat(client.connect().isSessionPresent()).isFalse();
      client.publishWith().topic("again").qos(MqttQos.AT_LEAST_ONCE).send();
      client.disconnect();
      assertThat(client.connect().isSessionPresent()).isFalse();
      client.disconnect();
    }
  }

  @Test
  void vertxMqtt() throws Exception {
    Vertx vertx = Vertx.vertx();
    try {
      io.vertx.mqtt.MqttClient client =
          io.vertx.mqtt.MqttClient.create(vertx, new MqttClientOptions().setClientId("vertx"));
      BlockingQueue<String> received = new LinkedBlockingQueue<>();
      client.publishHandler(message -> received.add(message.payload().toString()));
      get(client.connect(NODE.port(Transport.TCP), "127.0.0.1"));
      CompletableFuture<List<Integer>> granted = new CompletableFuture<>();
      client.subscribeCompletionHandler(ack -> granted.complete(ack.grantedQoSLevels()));
      get(client.subscribe("vertx/#", 1));
      assertThat(get(granted)).containsExactly(1);
      for (MqttQoS qos : List.of(MqttQoS.AT_MOST_ONCE, MqttQoS.AT_LEAST_ONCE)) {
        get(client.publish("vertx/x", Buffer.buffer(qos.name()), qos, false, false));
        assertThat(received.poll(SECONDS, TimeUnit.SECONDS)).isEqualTo(qos.name());
      }
      get(client.disconnect());
    } finally {
      get(vertx.close());
    }
  }
}
