package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.shard.Bounds.Overflow;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Queue-overflow "refuse" on the wire: who publishes to a stored session without room is told. */
class RefusalIT {
  @RegisterExtension
  static final TestNode NODE =
      TestNode.with(
          1,
          Profile.OPEN,
          new Limits(
              Profile.OPEN, Map.of(Limit.INFLIGHT, 1L, Limit.QUEUE_MESSAGES, 2L), Overflow.REFUSE));

  /** MQTT 3.1.1 has no code to say so, and asks for the end of the connection [MQTT-4.8.0-2]. */
  @ParameterizedTest
  @EnumSource(MqttVersion.class)
  void endsThePublisherWhoseMessageFindsNoRoom(MqttVersion version) throws IOException {
    RawClient receiver = NODE.open(RawClient.Transport.TCP, version);
    receiver.resume("receiver", 100);
    receiver.subscribe("t", 1);
    RawClient publisher = NODE.connected(version, "publisher");
    int taken = 0;
    while (published(publisher, "" + taken)) {
      taken++;
      assertThat(taken).as("one in flight and two that wait").isLessThanOrEqualTo(3);
    }
    assertThat(taken).isEqualTo(3);
    for (int i = 0; i < taken; i++) {
      receiver.puback(receiver.expectMessage("" + i));
    }
    receiver.expectNothing();
    RawClient again = NODE.connected(version, "again");
    assertThat(published(again, "later")).isTrue();
    receiver.puback(receiver.expectMessage("later"));
    NODE.connected(version, "receiver").expectNothing();
  }

  /** Whether a publish is taken; MQTT 5 says why if not, and 3.1.1 ends. */
  private static boolean published(RawClient client, String payload) throws IOException {
    client.send(client.publishPacket("t", 1, 9, payload, new PropertyWriter()));
    byte[] answer = client.readPacket();
    if (answer == null) {
      assertThat(client.v5()).isFalse();
      return false;
    }
    assertThat(answer[0] >> 4).isEqualTo(Packet.PUBACK);
    boolean refused = answer.length > 4 && answer[4] == (byte) ReasonCode.QUOTA_EXCEEDED.code();
    assertThat(refused).isEqualTo(answer.length > 4);
    return !refused;
  }
}
