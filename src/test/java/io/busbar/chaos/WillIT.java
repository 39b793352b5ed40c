package io.busbar.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient;
import com.hivemq.client.mqtt.mqtt5.Mqtt5Client;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5ConnAckException;
import io.busbar.testing.TestNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A node is killed while a device with a will is connected to it: who subscribed at another node is
 * told once, within a bound.
 */
@Timeout(180)
class WillIT {
  private static final int NODES = 3;

  /**
   * A node that is killed is taken for gone after ten seconds, by whoever leads then; that one may
   * have to be found first.
   */
  private static final Duration BOUND = Duration.ofSeconds(20);

  @TempDir private Path folder;
  private final List<Target> nodes = new ArrayList<>();
  private final List<Mqtt5BlockingClient> clients = new ArrayList<>();

  @BeforeEach
  void start() throws Exception {
    List<Integer> ports = TestNode.freePorts(2 * NODES);
    String peers =
        String.join(
            ",", ports.subList(NODES, 2 * NODES).stream().map(p -> "127.0.0.1:" + p).toList());
    for (int i = 0; i < NODES; i++) {
      String name = "node-" + (i + 1);
      String command =
          Kill.busbar(OpenNode.Promise.FSYNC)
              .replace("{node}", name)
              .replace("{port}", String.valueOf(ports.get(i)))
              .replace("{peer}", String.valueOf(ports.get(NODES + i)))
              .replace("{host}", "127.0.0.1")
              .replace("{http}", "0")
              .replace("{peers}", peers)
              .replace("{data}", folder.resolve(name).toString());
      nodes.add(
          new Target(name, command, Target.onLoopback(ports.get(i)), folder, Optional.empty()));
    }
    for (Target node : nodes) {
      node.start();
    }
    for (Target node : nodes) {
      node.awaitReady(60);
    }
    // a node serves before it votes; only three that vote go on without one
    nodes.get(0).awaitSaid("change=ADD_OR_PROMOTE_TO_FOLLOWER", NODES - 1, 60);
  }

  @AfterEach
  void stop() throws Exception {
    clients.stream().filter(one -> one.getState().isConnected()).forEach(c -> c.disconnect());
    for (Target node : nodes) {
      node.stop();
    }
  }

  private Mqtt5BlockingClient client(String id, int node) {
    Mqtt5BlockingClient client =
        Mqtt5Client.builder()
            .identifier(id)
            .serverHost("127.0.0.1")
            .serverPort(nodes.get(node).address().getPort())
            .buildBlocking();
    clients.add(client);
    return client;
  }

  private static void connectWithWill(Mqtt5BlockingClient client, String topic, long delay) {
    client
        .connectWith()
        .cleanStart(false)
        .sessionExpiryInterval(600)
        .willPublish()
        .topic(topic)
        .qos(MqttQos.AT_LEAST_ONCE)
        .payload("gone".getBytes(StandardCharsets.UTF_8))
        .delayInterval(delay)
        .applyWillPublish()
        .send();
  }

  /** Comes again at another node, which may not know yet who leads now. */
  private void roam() throws InterruptedException {
    long began = System.nanoTime();
    while (true) {
      try {
        connectWithWill(client("roamer", 1), "wills/roamer", 60);
        return;
      } catch (Mqtt5ConnAckException e) {
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(BOUND);
        Thread.sleep(200);
      }
    }
  }

  private Mqtt5BlockingClient listener(String id, int node, long expiry) {
    Mqtt5BlockingClient client = client(id, node);
    client.connectWith().cleanStart(expiry == 0).sessionExpiryInterval(expiry).send();
    client.subscribeWith().topicFilter("wills/#").qos(MqttQos.AT_LEAST_ONCE).send();
    return client;
  }

  @Test
  void itsWillComesOnceToThoseAtOtherNodes() throws Exception {
    // the founder leads: when it dies another one has to, before anybody is taken for gone
    connectWithWill(client("device", 0), "wills/device", 0);
    // and this one comes back elsewhere before its will is due
    connectWithWill(client("roamer", 0), "wills/roamer", 60);
    Mqtt5BlockingClient transientOne = listener("transient", 1, 0);
    Mqtt5BlockingClient stored = listener("stored", 2, 600);
    try (var atOne = transientOne.publishes(MqttGlobalPublishFilter.ALL);
        var atOther = stored.publishes(MqttGlobalPublishFilter.ALL)) {
      long killed = System.nanoTime();
      nodes.get(0).kill();
      roam();
      for (var messages : List.of(atOne, atOther)) {
        var will = messages.receive(BOUND.toMillis(), TimeUnit.MILLISECONDS);
        assertThat(will).as("a will within %s", BOUND).isPresent();
        assertThat(will.get().getTopic()).hasToString("wills/device");
      }
      assertThat(Duration.ofNanos(System.nanoTime() - killed)).isLessThan(BOUND);
      // once: also when the node is back
      nodes.get(0).start();
      nodes.get(0).awaitBack(60);
      assertThat(atOne.receive(3, TimeUnit.SECONDS)).isEmpty();
      assertThat(atOther.receive(100, TimeUnit.MILLISECONDS)).isEmpty();
    }
  }
}
