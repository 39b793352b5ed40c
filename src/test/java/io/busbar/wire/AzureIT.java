package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Loss;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.RawClient.Will;
import io.busbar.testing.TestNode;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What profile azure refuses and bounds, on the wire; some bounds made smaller to be reached. */
class AzureIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  @RegisterExtension
  static final TestNode NODE =
      TestNode.with(
          1,
          Profile.AZURE,
          Map.of(
              Limit.WILL_DELAY, 1L,
              Limit.SESSION_EXPIRY, 3L,
              Limit.STORED_SESSIONS, 2L,
              Limit.INFLIGHT, 2L,
              Limit.QUEUE_MESSAGES, 5L,
              Limit.RETAINED_MESSAGES, 2L,
              Limit.RETAINED_TOTAL_BYTES, 65_536L,
              Limit.RETAINED_BYTES, 40_000L));

  private static RawClient open() throws IOException {
    return NODE.open(Transport.TCP, MqttVersion.V5);
  }

  private static RawClient connected(String clientId) throws IOException {
    return NODE.connected(MqttVersion.V5, clientId);
  }

  @Test
  void connackSaysWhatIsNotAvailable() throws IOException {
    var says = open().connect("says").properties();

    assertThat(says.number(Property.MAXIMUM_QOS, 2)).isEqualTo(1);
    assertThat(says.number(Property.RETAIN_AVAILABLE, 1)).isEqualTo(1);
    assertThat(says.number(Property.SHARED_SUBSCRIPTION_AVAILABLE, 1)).isZero();
    assertThat(says.number(Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE, 1)).isZero();
    assertThat(says.number(Property.WILDCARD_SUBSCRIPTION_AVAILABLE, 1)).isEqualTo(1);
    assertThat(says.number(Property.MAXIMUM_PACKET_SIZE, 0)).isEqualTo(524_288);
    assertThat(says.number(Property.TOPIC_ALIAS_MAXIMUM, 0)).isEqualTo(10);
    assertThat(says.number(Property.SERVER_KEEP_ALIVE, 0)).isEqualTo(1_160);
  }

  @Test
  void qos2IsRefused() throws IOException {
    RawClient client = connected("qos2");
    assertThat(client.subscribe("a", 2)).isEqualTo(1);
    client.send(client.publishPacket("a", 2, 1, "x", NONE));
    client.expectEnd(ReasonCode.QOS_NOT_SUPPORTED);

    RawClient dying = open();
    dying.send(dying.connectPacket("will2", true, NONE, new Will("a", "x", 2, false, NONE)));
    assertThat(dying.read(Packet.Connack.class).code()).isEqualTo(0x9B);
    dying.expectClose();
  }

  @Test
  void sharedSubscriptionsAreRefused() throws IOException {
    assertThat(connected("shared").subscribe("$share/g/a", 1)).isEqualTo(0x9E);
  }

  @Test
  void subscriptionIdentifiersAreRefused() throws IOException {
    RawClient client = connected("ids");
    client.send(
        client.subscribePacket(
            List.of(SubscribeCases.filter("a", 0)),
            new PropertyWriter().number(Property.SUBSCRIPTION_IDENTIFIER, 1)));
    client.expectEnd(ReasonCode.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED);
  }

  @Test
  void userPropertiesAreForPublishAndWills() throws IOException {
    PropertyWriter user = new PropertyWriter().user("a", "b");
    RawClient refused = open();
    refused.send(refused.connectPacket("user", 0, user));
    assertThat(refused.read(Packet.Connack.class).code()).isEqualTo(0x83);
    refused.expectClose();

    RawClient client = connected("user");
    client.send(client.subscribePacket(List.of(SubscribeCases.filter("a", 0)), user));
    client.expectEnd(ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR);

    RawClient publisher = connected("user");
    assertThat(publisher.publishAcked("a", "x", user).reason())
        .isEqualTo(ReasonCode.NO_MATCHING_SUBSCRIBERS);
  }

  @Test
  void negativePubackEndsTheConnection() throws IOException {
    RawClient client = connected("nack");
    client.subscribe("nack", 1);
    connected("publisher").publishAcked("nack", "x");
    int id = client.expectMessage("x").packetId();
    client.send(RawClient.hex("4003%04x80".formatted(id)));
    client.expectEnd(ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR);
  }

  @Test
  void noAliasesAreAssigned() throws IOException {
    RawClient client = open();
    client.connect("alias", new PropertyWriter().number(Property.TOPIC_ALIAS_MAXIMUM, 10));
    client.subscribe("alias", 0);
    for (int i = 0; i < 5; i++) {
      client.publish("alias", "x");
      assertThat(client.expectMessage("x").topicAlias()).isZero();
    }
  }

  @Test
  void sessionExpiryIsCut() throws IOException {
    RawClient client = open();
    Packet.Connack connack = client.resume("cut", 4_294_967_295L);
    assertThat(connack.properties().number(Property.SESSION_EXPIRY_INTERVAL, -1)).isEqualTo(3);
    forget("cut");
  }

  @Test
  void willDelayIsCut() throws IOException {
    RawClient watcher = connected("watcher");
    watcher.subscribe("will", 0);
    RawClient client = open();
    PropertyWriter delay = new PropertyWriter().number(Property.WILL_DELAY_INTERVAL, 1_000);
    client.resume("delay", 3, new Will("will", "x", 0, false, delay));
    client.close();
    watcher.expectMessage("x");
    forget("delay");
  }

  @Test
  void storedSessionsAreBounded() throws IOException {
    open().resume("one", 3);
    open().resume("two", 3);
    RawClient third = open();
    PropertyWriter asked = new PropertyWriter().number(Property.SESSION_EXPIRY_INTERVAL, 3);
    third.send(third.connectPacket("three", true, asked, null));
    assertThat(third.read(Packet.Connack.class).code()).isEqualTo(0x97);
    third.expectClose();
    connected("three").expectNothing();
    forget("one");
    forget("two");
  }

  /** Queue-overflow end-session: 2 in flight and 5 that wait, then one more. */
  @Test
  void fullQueueEndsTheSession() throws IOException {
    RawClient client = open();
    client.resume("full", 3);
    client.subscribe("full", 1);
    RawClient publisher = connected("publisher");
    for (int i = 0; i < 8; i++) {
      publisher.publishAcked("full", "" + i);
    }
    client.expectMessage("0");
    client.expectMessage("1");
    client.expectEnd(ReasonCode.QUOTA_EXCEEDED);
    assertThat(open().resume("full", 0).sessionPresent()).isFalse();
    NODE.untilLost(Loss.SESSION_ENDED, 7);
  }

  @Test
  void retainedMessagesAreBounded() throws IOException {
    RawClient publisher = connected("publisher");
    assertThat(publisher.retain("r/1", "x".repeat(30_000)).isError()).isFalse();
    assertThat(publisher.retain("r/2", "x".repeat(39_000)))
        .as("more bytes than retained-total-bytes")
        .isEqualTo(ReasonCode.QUOTA_EXCEEDED);
    assertThat(publisher.retain("r/2", "x").isError()).isFalse();
    assertThat(publisher.retain("r/3", "x"))
        .as("more than retained-messages")
        .isEqualTo(ReasonCode.QUOTA_EXCEEDED);
    assertThat(publisher.retain("r/2", "y").isError()).isFalse();
    byte[] large = publisher.publishPacket("r/2", 1, 9, "x".repeat(40_000), NONE);
    large[0] |= 0x01;
    publisher.send(large);
    publisher.expectEnd(ReasonCode.PACKET_TOO_LARGE);

    RawClient client = connected("client");
    client.subscribe("r/+", 0);
    client.readPublish();
    Publish second = client.expectMessage("y");
    assertThat(second.retain()).isTrue();
    RawClient again = connected("publisher");
    again.retain("r/1", "");
    again.retain("r/2", "");
    Await.until(
        "nothing is retained",
        () -> NODE.gauge(Meter.RETAINED) == 0,
        () -> NODE.gauge(Meter.RETAINED));
  }

  @Test
  void threeOneOneSessionsGetTheLongestExpiry() throws IOException {
    RawClient client = NODE.open(Transport.TCP, MqttVersion.V3_1_1);
    client.resume("three", 0);
    client.close();
    RawClient back = NODE.open(Transport.TCP, MqttVersion.V3_1_1);
    assertThat(back.resume("three", 0).sessionPresent()).isTrue();
    back.close();
    Await.elapsed(Duration.ofMillis(3_500));
    RawClient late = NODE.open(Transport.TCP, MqttVersion.V3_1_1);
    assertThat(late.resume("three", 0).sessionPresent()).isFalse();
    forget("three");
  }

  private static void forget(String clientId) throws IOException {
    connected(clientId).send(RawClient.hex("e000"));
  }
}
