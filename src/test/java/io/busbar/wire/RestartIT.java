package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Profile;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import io.busbar.telemetry.Meter;
import io.busbar.testing.Await;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What sessions find again when their node was stopped and started with the same directory. */
class RestartIT {
  private static final byte[] DISCONNECT = {(byte) 0xe0, 0};

  @RegisterExtension
  static final TestNode NODE = TestNode.with(2, Profile.OPEN, Map.of()).durable();

  private static RawClient stored(MqttVersion version, String session, boolean isThere)
      throws IOException {
    RawClient client = NODE.open(Transport.TCP, version);
    assertThat(client.resume(session, 1_000).sessionPresent()).isEqualTo(isThere);
    return client;
  }

  private static void forget(String... sessions) throws IOException {
    for (String session : sessions) {
      NODE.connected(MqttVersion.V5, session).send(DISCONNECT);
    }
  }

  @ParameterizedTest
  @EnumSource(MqttVersion.class)
  void messagesForASessionThatIsAway(MqttVersion version) throws Exception {
    RawClient receiver = stored(version, "away", false);
    receiver.subscribe("t/#", 2);
    receiver.send(DISCONNECT);
    receiver.expectClose();
    RawClient publisher = NODE.connected(version, "publisher");
    assertThat(publisher.publishAcked("t/1", "one")).isEqualTo(ReasonCode.SUCCESS);
    assertThat(publisher.publishExactly("t/2", "two", 7)).isEqualTo(ReasonCode.SUCCESS);
    NODE.restart();
    assertThat(NODE.gauge(Meter.SESSIONS_STORED)).isEqualTo(1);
    assertThat(NODE.gauge(Meter.DELIVERIES_PENDING)).isEqualTo(2);

    NODE.connected(version, "publisher").publishAcked("t/3", "three");
    RawClient back = stored(version, "away", true);
    List<Publish> messages = new ArrayList<>();
    for (String payload : List.of("one", "two", "three")) {
      messages.add(back.expectMessage(payload));
    }
    assertThat(messages).as("none was ever sent").noneMatch(Publish::dup);
    back.puback(messages.get(0));
    back.complete(messages.get(1));
    back.puback(messages.get(2));
    back.expectNothing();
    forget("away");
  }

  @Test
  void aMessageThatWasSentComesAgainAsADuplicateUnderItsIdentifier() throws Exception {
    RawClient receiver = stored(MqttVersion.V5, "there", false);
    receiver.subscribe("t", 2);
    RawClient publisher = NODE.connected(MqttVersion.V5, "publisher");
    publisher.publishAcked("t", "sent");
    final Publish first = receiver.expectMessage("sent");
    publisher.publishExactly("t", "received", 3);
    final Publish second = receiver.expectMessage("received");
    receiver.sendAck(Packet.PUBREC, second.packetId());
    receiver.expectAck(Packet.PUBREL, second.packetId());
    NODE.restart();

    RawClient back = stored(MqttVersion.V5, "there", true);
    Publish again = back.expectMessage("sent");
    assertThat(again.dup()).isTrue();
    assertThat(again.packetId()).isEqualTo(first.packetId());
    back.puback(again);
    back.expectAck(Packet.PUBREL, second.packetId());
    back.sendAck(Packet.PUBCOMP, second.packetId());
    back.expectNothing();
    forget("there");
  }

  @Test
  void anIdentifierOfAQos2PublishThatIsInUse() throws Exception {
    RawClient receiver = stored(MqttVersion.V5, "receiver", false);
    receiver.subscribe("t", 2);
    RawClient sender = stored(MqttVersion.V5, "sender", false);
    sender.send(sender.publishPacket("t", 2, 9, "once", new PropertyWriter()));
    sender.expectAck(Packet.PUBREC, 9);
    receiver.complete(receiver.expectMessage("once"));
    Await.until(
        "its PUBCOMP has arrived",
        () -> NODE.gauge(Meter.DELIVERIES_PENDING) == 0,
        () -> NODE.gauge(Meter.DELIVERIES_PENDING));
    NODE.restart();

    RawClient again = stored(MqttVersion.V5, "sender", true);
    again.send(again.publishPacket("t", 2, 9, "once", new PropertyWriter()));
    again.expectAck(Packet.PUBREC, 9);
    again.sendAck(Packet.PUBREL, 9);
    again.expectAck(Packet.PUBCOMP, 9);
    stored(MqttVersion.V5, "receiver", true).expectNothing();
    forget("sender", "receiver");
  }

  @Test
  void retainedMessages() throws Exception {
    RawClient publisher = NODE.connected(MqttVersion.V5, "publisher");
    publisher.retain("kept/a", "still here");
    publisher.retain("kept/b", "gone");
    publisher.retain("kept/b", "");
    NODE.restart();

    RawClient reader = NODE.connected(MqttVersion.V5, "reader");
    reader.subscribe("kept/#", 0);
    assertThat(reader.expectMessage("still here").retain()).isTrue();
    reader.expectNothing();
    NODE.connected(MqttVersion.V5, "publisher").retain("kept/a", "");
  }

  @Test
  void theWillOfAConnectionThatTheStopCut() throws Exception {
    RawClient watcher = stored(MqttVersion.V5, "watcher", false);
    watcher.subscribe("will", 1);
    watcher.send(DISCONNECT);
    RawClient mortal = NODE.open(Transport.TCP, MqttVersion.V5);
    mortal.resume(
        "mortal", 1_000, new RawClient.Will("will", "testament", 1, false, new PropertyWriter()));
    NODE.restart();

    RawClient back = stored(MqttVersion.V5, "watcher", true);
    back.puback(back.expectMessage("testament"));
    back.expectNothing();
    forget("watcher", "mortal");
  }

  @Test
  void aSharedSubscriptionsMessagesWait() throws Exception {
    RawClient member = stored(MqttVersion.V5, "member", false);
    member.subscribe("$share/g/jobs", 1);
    member.send(DISCONNECT);
    member.expectClose();
    NODE.connected(MqttVersion.V5, "publisher").publishAcked("jobs", "first");
    NODE.restart();
    NODE.connected(MqttVersion.V5, "publisher").publishAcked("jobs", "second");
    RawClient back = stored(MqttVersion.V5, "member", true);
    for (String payload : List.of("first", "second")) {
      back.puback(back.expectMessage(payload));
    }
    back.expectNothing();
    forget("member");
  }
}
