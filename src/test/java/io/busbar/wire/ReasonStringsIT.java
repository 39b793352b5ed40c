package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A node that tells clients codes and no words. */
class ReasonStringsIT {
  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
          () ->
              new Settings(
                  "quiet",
                  Profile.OPEN,
                  TestNode.plaintext(),
                  new Settings.Address("127.0.0.1", 0),
                  Settings.Cluster.single(),
                  Optional.empty(),
                  true,
                  1,
                  new Limits(Profile.OPEN, Map.of(Limit.CLIENT_ID_BYTES, 23L)),
                  new Settings.Announced(Optional.empty(), Optional.empty(), false)));

  @Test
  void nothingThatIsRefusedHasAReasonString() throws Exception {
    RawClient refused = NODE.open(Transport.TCP, MqttVersion.V5);
    refused.send(refused.connectPacket("x".repeat(24), 0, new PropertyWriter()));
    Packet.Connack connack = refused.read(Packet.Connack.class);
    assertThat(connack.code()).isEqualTo(0x85);
    assertThat(connack.properties().reasonString()).isNull();

    RawClient denied = NODE.connected(MqttVersion.V5, "denied");
    Packet.Ack ack = denied.publishAcked("$SYS/x", "x", new PropertyWriter());
    assertThat(ack.reason().isError()).isTrue();
    assertThat(ack.properties().reasonString()).isNull();
    denied.send(denied.connectPacket("denied", 0, new PropertyWriter()));
    Packet.Disconnect ended = denied.read(Packet.Disconnect.class);
    assertThat(ended.reason().code()).isEqualTo(0x82);
    assertThat(ended.properties().reasonString()).isNull();
  }
}
