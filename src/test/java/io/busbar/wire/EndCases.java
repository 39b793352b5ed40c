package io.busbar.wire;

import static io.busbar.testing.RawClient.hex;
import static io.busbar.wire.Case.both;
import static io.busbar.wire.Case.v5;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import java.io.IOException;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Sections 3.14 and 4.13: how a connection ends. */
final class EndCases {
  private static final PropertyWriter NONE = new PropertyWriter();

  private EndCases() {}

  static final List<Case> TABLE =
      List.of(
          both(
              "3.14.4 DISCONNECT closes without a word",
              wire -> {
                RawClient client = wire.connected("bye");
                client.send("e000");
                client.expectClose();
              }),
          v5(
              "3.14.2.2.2 DISCONNECT may not raise the session expiry from 0",
              wire -> {
                ended(wire, "e007 00 05 11 00000001", ReasonCode.PROTOCOL_ERROR);
                RawClient client = wire.connected("bye");
                client.send("e007 00 05 11 00000000");
                client.expectClose();
              }),
          v5(
              "3.14.2.1 a reason code that does not exist",
              wire -> ended(wire, "e001 7f", ReasonCode.PROTOCOL_ERROR)),
          v5(
              "MQTT-3.14.0-1 a CONNECT that is refused is answered by CONNACK alone",
              wire -> {
                String tooLong = "x".repeat((int) wire.node().limit(Limit.CLIENT_ID_BYTES) + 1);
                for (String id : List.of(tooLong, "\u0000")) {
                  RawClient client = wire.open();
                  client.send(client.connectPacket(id, 0, NONE));
                  assertThat(client.read(Packet.Connack.class).code()).isGreaterThan(0x80);
                  client.expectClose();
                }
              }),
          v5(
              "MQTT-3.14.2-1, MQTT-3.14.2-2, MQTT-3.14.4-1, MQTT-3.14.4-2, MQTT-4.13.2-1"
                  + " the server's DISCONNECT says why and is its last packet",
              wire -> {
                RawClient other = wire.connected("end-o");
                PropertyWriter alias = new PropertyWriter().number(Property.TOPIC_ALIAS, 0);
                Map<ReasonCode, byte[]> errors = new EnumMap<>(ReasonCode.class);
                errors.put(ReasonCode.MALFORMED_PACKET, hex("c100"));
                errors.put(ReasonCode.PROTOCOL_ERROR, hex("d000"));
                errors.put(ReasonCode.PACKET_TOO_LARGE, hex("30ffffff7f"));
                errors.put(ReasonCode.TOPIC_NAME_INVALID, publish(other, "t/+", NONE));
                errors.put(ReasonCode.TOPIC_ALIAS_INVALID, publish(other, "t", alias));
                errors.put(ReasonCode.NOT_AUTHORIZED, publish(other, "$x", NONE));
                for (Map.Entry<ReasonCode, byte[]> error : errors.entrySet()) {
                  RawClient client = wire.open();
                  client.resume("end", 100);
                  client.subscribe("end", 0);
                  client.send(
                      ConnectCases.concat(
                          error.getValue(),
                          client.publishPacket("end", 0, 0, "mine", NONE),
                          RawClient.bytes(Encoder::pingreq)));
                  Packet.Disconnect end = client.read(Packet.Disconnect.class);
                  other.publish("end", "another's");
                  assertThat(end.reason()).isEqualTo(error.getKey());
                  assertThat(end.properties().has(Property.SESSION_EXPIRY_INTERVAL)).isFalse();
                  client.expectClose();
                  wire.forget("end");
                }
              }));

  private static byte[] publish(RawClient client, String topic, PropertyWriter properties) {
    return client.publishPacket(topic, 0, 0, "", properties);
  }

  /** An open connection ends for what was sent. */
  private static void ended(Case.Wire wire, String packet, ReasonCode reason) throws IOException {
    RawClient client = wire.connected("ended");
    client.send(packet);
    client.expectEnd(reason);
  }
}
