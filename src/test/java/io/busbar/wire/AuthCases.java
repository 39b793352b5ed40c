package io.busbar.wire;

import static io.busbar.testing.RawClient.bytes;
import static io.busbar.wire.Case.v5;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import java.io.IOException;
import java.util.List;

/** Sections 4.12 and 3.15: enhanced authentication; what a node that has methods announces. */
final class AuthCases {
  private AuthCases() {}

  static final List<Case> TABLE =
      List.of(
          v5(
              "MQTT-4.12.0-2, MQTT-4.12.0-5, MQTT-3.15.1-1 a challenge and its answer, then CONNACK",
              wire -> {
                RawClient client = wire.open();
                client.send(connect("turns", "BACKWARDS", null));
                Packet.Auth challenge = client.read(Packet.Auth.class);
                assertThat(challenge.reason()).isEqualTo(ReasonCode.CONTINUE_AUTHENTICATION);
                assertThat(challenge.properties().authenticationMethod()).isEqualTo("BACKWARDS");
                assertThat(challenge.properties().authenticationData()).asString().isEqualTo("123");
                client.send(auth(ReasonCode.CONTINUE_AUTHENTICATION, "BACKWARDS", "321"));
                Packet.Connack connack = client.read(Packet.Connack.class);
                assertThat(connack.code()).isZero();
                assertThat(connack.properties().authenticationMethod()).isEqualTo("BACKWARDS");
                assertThat(connack.properties().authenticationData())
                    .asString()
                    .isEqualTo("welcome");
                client.expectNothing();
              }),
          v5(
              "MQTT-4.12.0-4 a wrong answer is refused in CONNACK, and the connection closed",
              wire -> {
                RawClient client = wire.open();
                client.send(connect("wrong", "BACKWARDS", null));
                client.read(Packet.Auth.class);
                client.send(auth(ReasonCode.CONTINUE_AUTHENTICATION, "BACKWARDS", "123"));
                refused(client, ReasonCode.NOT_AUTHORIZED);
              }),
          v5(
              "MQTT-4.12.0-1 a method that is not offered, and one whose authority fails",
              wire -> {
                for (String[] attempt :
                    new String[][] {
                      {"WORD", "no", "86"},
                      {"WORD", "down", "88"},
                      {"WORD", "throw", "88"},
                      {"word", "open", "8c"},
                      {"", "open", "8c"}
                    }) {
                  RawClient client = wire.open();
                  client.send(connect("refused", attempt[0], attempt[1]));
                  refused(client, ReasonCode.of(Integer.parseInt(attempt[2], 16)));
                }
              }),
          v5(
              "MQTT-3.1.2-30 until CONNACK nothing but AUTH and DISCONNECT",
              wire -> {
                for (byte[] early :
                    List.of(
                        bytes(Encoder::pingreq),
                        RawClient.hex("3004 000174 00"),
                        connect("early", "BACKWARDS", null))) {
                  RawClient client = wire.open();
                  client.send(connect("early", "BACKWARDS", null));
                  client.read(Packet.Auth.class);
                  client.send(early);
                  refused(client, ReasonCode.PROTOCOL_ERROR);
                }
                RawClient leaves = wire.open();
                leaves.send(connect("early", "BACKWARDS", null));
                leaves.read(Packet.Auth.class);
                leaves.send("e000");
                leaves.expectClose();
              }),
          v5(
              "MQTT-4.12.0-3, MQTT-4.12.0-5 an answer of another method, or none, or reason",
              wire -> {
                for (byte[] wrong :
                    List.of(
                        auth(ReasonCode.CONTINUE_AUTHENTICATION, "WORD", "321"),
                        auth(ReasonCode.CONTINUE_AUTHENTICATION, null, "321"),
                        auth(ReasonCode.REAUTHENTICATE, "BACKWARDS", "321"),
                        auth(ReasonCode.SUCCESS, "BACKWARDS", "321"))) {
                  RawClient client = wire.open();
                  client.send(connect("another", "BACKWARDS", null));
                  client.read(Packet.Auth.class);
                  client.send(wrong);
                  refused(client, ReasonCode.PROTOCOL_ERROR);
                }
              }),
          v5(
              "MQTT-4.12.1-1 authenticating again, while everything else goes on",
              wire -> {
                RawClient client = wire.open();
                client.send(connect("again", "BACKWARDS", null));
                client.read(Packet.Auth.class);
                client.send(auth(ReasonCode.CONTINUE_AUTHENTICATION, "BACKWARDS", "321"));
                client.read(Packet.Connack.class);
                for (int i = 0; i < 2; i++) {
                  client.send(auth(ReasonCode.REAUTHENTICATE, "BACKWARDS", null));
                  assertThat(client.read(Packet.Auth.class).reason())
                      .isEqualTo(ReasonCode.CONTINUE_AUTHENTICATION);
                  assertThat(client.publishAcked("again", "x"))
                      .isEqualTo(ReasonCode.NO_MATCHING_SUBSCRIBERS);
                  client.send(auth(ReasonCode.CONTINUE_AUTHENTICATION, "BACKWARDS", "321"));
                  Packet.Auth done = client.read(Packet.Auth.class);
                  assertThat(done.reason()).isEqualTo(ReasonCode.SUCCESS);
                  assertThat(done.properties().authenticationMethod()).isEqualTo("BACKWARDS");
                }
              }),
          v5(
              "MQTT-4.12.1-2 authenticating again in vain ends the connection",
              wire -> {
                for (String word : List.of("no", "down", "other")) {
                  RawClient client = word(wire, "vain", "open");
                  client.send(auth(ReasonCode.REAUTHENTICATE, "WORD", word));
                  Packet.Disconnect end = client.read(Packet.Disconnect.class);
                  assertThat(end.reason()).as(word).isEqualTo(ReasonCode.NOT_AUTHORIZED);
                  client.expectClose();
                }
              }),
          v5(
              "4.12.1 rights are those of the last time",
              wire -> {
                RawClient client = word(wire, "narrow", "open");
                assertThat(client.subscribe("kept", 0)).isZero();
                client.publishAcked("t", "x");
                client.send(auth(ReasonCode.REAUTHENTICATE, "WORD", "narrow"));
                assertThat(client.read(Packet.Auth.class).reason()).isEqualTo(ReasonCode.SUCCESS);
                assertThat(client.publishAcked("t", "x")).isEqualTo(ReasonCode.NOT_AUTHORIZED);
                assertThat(client.subscribe("other", 0)).isEqualTo(0x87);
                client.send(auth(ReasonCode.REAUTHENTICATE, "WORD", "open"));
                client.read(Packet.Auth.class);
                assertThat(client.subscribe("other", 0)).isZero();
                client.send(auth(ReasonCode.REAUTHENTICATE, "WORD", "narrow"));
                client.expectEnd(ReasonCode.NOT_AUTHORIZED);
              }),
          v5(
              "MQTT-3.15.2-1, MQTT-4.12.0-3, MQTT-4.12.0-7 an AUTH that may not come",
              wire -> {
                for (ReasonCode reason :
                    List.of(ReasonCode.SUCCESS, ReasonCode.CONTINUE_AUTHENTICATION)) {
                  RawClient client = word(wire, "unasked", "open");
                  client.send(auth(reason, "WORD", "open"));
                  client.expectEnd(ReasonCode.PROTOCOL_ERROR);
                }
                RawClient other = word(wire, "unasked", "open");
                other.send(auth(ReasonCode.REAUTHENTICATE, "BACKWARDS", null));
                other.expectEnd(ReasonCode.PROTOCOL_ERROR);
                RawClient without = wire.connected("unasked");
                without.send(auth(ReasonCode.REAUTHENTICATE, "WORD", "open"));
                without.expectEnd(ReasonCode.PROTOCOL_ERROR);
              }),
          v5(
              "MQTT-3.15.2-2, MQTT-3.15.2-3, MQTT-3.1.2-24 no AUTH beyond the maximum packet size",
              wire -> {
                RawClient client = wire.open();
                PropertyWriter properties = method("BACKWARDS", null);
                properties.number(Property.MAXIMUM_PACKET_SIZE, 20);
                client.send(client.connectPacket("small", 0, properties));
                refused(client, ReasonCode.PACKET_TOO_LARGE);
              }),
          v5(
              "3.2.2.3.15 Response Information for who asks, with its own name as one level",
              wire -> {
                RawClient asks = wire.open();
                PropertyWriter wish =
                    new PropertyWriter().number(Property.REQUEST_RESPONSE_INFORMATION, 1);
                assertThat(asks.connect("me", wish).properties().responseInformation())
                    .isEqualTo("replies/me/");
                for (String name : List.of("a/b", "+", "#")) {
                  assertThat(wire.open().connect(name, wish).properties().responseInformation())
                      .isNull();
                }
              }),
          v5(
              "MQTT-3.1.2-28 no Response Information for who does not ask",
              wire ->
                  assertThat(
                          wire.open()
                              .connect("silent")
                              .properties()
                              .has(Property.RESPONSE_INFORMATION))
                      .isFalse()));

  private static PropertyWriter method(String method, String data) {
    PropertyWriter properties = new PropertyWriter();
    if (method != null) {
      properties.string(Property.AUTHENTICATION_METHOD, method);
    }
    if (data != null) {
      properties.string(Property.AUTHENTICATION_DATA, data);
    }
    return properties;
  }

  private static byte[] connect(String clientId, String method, String data) {
    PropertyWriter properties = method(method, data);
    return bytes(
        out -> Encoder.connect(out, MqttVersion.V5, clientId, true, 0, null, null, properties));
  }

  private static byte[] auth(ReasonCode reason, String method, String data) {
    return bytes(out -> Encoder.auth(out, reason, method(method, data)));
  }

  private static RawClient word(Case.Wire wire, String clientId, String word) throws IOException {
    RawClient client = wire.open();
    client.send(connect(clientId, "WORD", word));
    assertThat(client.read(Packet.Connack.class).code()).isZero();
    return client;
  }

  private static void refused(RawClient client, ReasonCode reason) throws IOException {
    assertThat(client.read(Packet.Connack.class).code()).isEqualTo(reason.code());
    client.expectClose();
  }
}
