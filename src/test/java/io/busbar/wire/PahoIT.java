package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Profile;
import io.busbar.mqtt.MqttVersion;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.mqttv5.client.MqttConnectionOptions;
import org.eclipse.paho.mqttv5.common.MqttMessage;
import org.eclipse.paho.mqttv5.common.MqttSubscription;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The Paho clients, of both versions, with a stored session that they resume: every QoS, retained
 * messages, wills, shares.
 *
 * <p>Each resumes with a new client object. One that disconnects while an acknowledgement of its
 * own has not been sent keeps that in its queue; at the next connect its sender finds it there
 * instead of the CONNECT, stops, and {@code connect} waits for it for ever, so that the broker gets
 * a connection without a CONNECT. The last message before the DISCONNECT is of QoS 0, and it comes
 * after the acknowledgement of the one before has been queued: else that one is rightly sent again.
 */
class PahoIT {
  private static final long SECONDS = 20;

  @RegisterExtension static final TestNode NODE = TestNode.with(2, Profile.OPEN, Map.of());

  private static String uri(Transport transport) {
    return transport == Transport.TCP
        ? "tcp://127.0.0.1:" + NODE.port(transport)
        : "ws://127.0.0.1:" + NODE.port(transport) + "/mqtt";
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String next(BlockingQueue<String> got) throws InterruptedException {
    return got.poll(SECONDS, TimeUnit.SECONDS);
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void version3(Transport transport) throws Exception {
    BlockingQueue<String> got = new LinkedBlockingQueue<>();
    MqttConnectOptions stored = new MqttConnectOptions();
    stored.setCleanSession(false);
    var subscriber = new org.eclipse.paho.client.mqttv3.MqttClient(uri(transport), "paho3-s", null);
    var callback =
        new org.eclipse.paho.client.mqttv3.MqttCallback() {
          @Override
          public void connectionLost(Throwable cause) {
            got.add("lost");
          }

          @Override
          public void messageArrived(
              String topic, org.eclipse.paho.client.mqttv3.MqttMessage message) {
            String text = new String(message.getPayload(), StandardCharsets.UTF_8);
            got.add(text + message.getQos() + (message.isRetained() ? "r" : ""));
          }

          @Override
          public void deliveryComplete(org.eclipse.paho.client.mqttv3.IMqttDeliveryToken token) {
            // what was published is looked at where it arrives
          }
        };
    subscriber.setCallback(callback);
    subscriber.connect(stored);
    subscriber.subscribe("paho3/#", 2);
    var publisher = new org.eclipse.paho.client.mqttv3.MqttClient(uri(transport), "paho3-p", null);
    publisher.connect();
    for (int i = 0; i < 4; i++) {
      publisher.publish("paho3/a", utf8("m"), i % 3, false);
      assertThat(next(got)).isEqualTo("m" + i % 3);
    }
    subscriber.disconnect();
    subscriber.close();
    publisher.publish("paho3/a", utf8("while away"), 2, false);
    // a new object: see the class comment
    subscriber = new org.eclipse.paho.client.mqttv3.MqttClient(uri(transport), "paho3-s", null);
    subscriber.setCallback(callback);
    subscriber.connect(stored);
    assertThat(next(got)).isEqualTo("while away2");
    publisher.publish("paho3/kept", utf8("k"), 1, true);
    assertThat(next(got)).isEqualTo("k1");
    subscriber.subscribe("paho3/kept", 0);
    assertThat(next(got)).isEqualTo("k0r");
    MqttConnectOptions dying = new MqttConnectOptions();
    dying.setWill("paho3/will", utf8("w"), 1, false);
    var gone = new org.eclipse.paho.client.mqttv3.MqttClient(uri(transport), "paho3-w", null);
    gone.connect(dying);
    gone.disconnectForcibly(0, 0, false);
    assertThat(next(got)).isEqualTo("w1");
    publisher.publish("paho3/kept", new byte[0], 1, true);
    assertThat(next(got)).startsWith("1");
    publisher.disconnect();
    subscriber.disconnect();
    publisher.close();
    subscriber.close();
    gone.close();
    forget("paho3-s");
  }

  @ParameterizedTest
  @EnumSource(Transport.class)
  void version5(Transport transport) throws Exception {
    BlockingQueue<String> got = new LinkedBlockingQueue<>();
    MqttConnectionOptions stored = new MqttConnectionOptions();
    stored.setCleanStart(false);
    stored.setSessionExpiryInterval(100L);
    stored.setTopicAliasMaximum(5);
    var subscriber = new org.eclipse.paho.mqttv5.client.MqttClient(uri(transport), "paho5-s", null);
    subscriber.setCallback(new Arrivals(got));
    subscriber.connect(stored);
    subscriber.subscribe(new MqttSubscription[] {new MqttSubscription("paho5/#", 2)});
    var publisher = new org.eclipse.paho.mqttv5.client.MqttClient(uri(transport), "paho5-p", null);
    publisher.connect();
    for (int i = 0; i < 10; i++) {
      publisher.publish("paho5/a", utf8("m"), i % 3, false);
      assertThat(next(got)).isEqualTo("m" + i % 3);
    }
    subscriber.disconnect();
    subscriber.close();
    publisher.publish("paho5/a", utf8("while away"), 2, false);
    subscriber = new org.eclipse.paho.mqttv5.client.MqttClient(uri(transport), "paho5-s", null);
    subscriber.setCallback(new Arrivals(got));
    subscriber.connect(stored);
    assertThat(next(got)).isEqualTo("while away2");
    subscriber.unsubscribe("paho5/#");
    subscriber.subscribe(new MqttSubscription[] {new MqttSubscription("$share/g/paho5/+", 1)});
    publisher.publish("paho5/b", utf8("shared"), 2, false);
    assertThat(next(got)).isEqualTo("shared1");
    MqttConnectionOptions dying = new MqttConnectionOptions();
    MqttMessage will = new MqttMessage(utf8("w"));
    will.setQos(1);
    dying.setWill("paho5/will", will);
    var gone = new org.eclipse.paho.mqttv5.client.MqttClient(uri(transport), "paho5-w", null);
    gone.connect(dying);
    gone.disconnectForcibly(0, 0, false);
    assertThat(next(got)).isEqualTo("w1");
    publisher.disconnect();
    subscriber.disconnect();
    publisher.close();
    subscriber.close();
    gone.close();
    forget("paho5-s");
  }

  private static void forget(String session) throws Exception {
    RawClient client = NODE.connected(MqttVersion.V5, session);
    client.send(RawClient.hex("e000"));
    client.expectClose();
  }

  /** Writes down what arrives. */
  private record Arrivals(BlockingQueue<String> got)
      implements org.eclipse.paho.mqttv5.client.MqttCallback {
    @Override
    public void messageArrived(String topic, MqttMessage message) {
      got.add(new String(message.getPayload(), StandardCharsets.UTF_8) + message.getQos());
    }

    @Override
    public void disconnected(org.eclipse.paho.mqttv5.client.MqttDisconnectResponse response) {
      // told also of ends that the test wanted
    }

    @Override
    public void mqttErrorOccurred(org.eclipse.paho.mqttv5.common.MqttException exception) {
      got.add("error " + exception);
    }

    @Override
    public void deliveryComplete(org.eclipse.paho.mqttv5.client.IMqttToken token) {
      // what was published is looked at where it arrives
    }

    @Override
    public void connectComplete(boolean reconnect, String serverUri) {
      // connecting is waited for
    }

    @Override
    public void authPacketArrived(
        int reasonCode, org.eclipse.paho.mqttv5.common.packet.MqttProperties properties) {
      got.add("AUTH");
    }
  }
}
