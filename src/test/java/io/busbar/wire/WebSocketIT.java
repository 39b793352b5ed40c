package io.busbar.wire;

import static io.busbar.testing.RawClient.hex;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import io.busbar.testing.WebSocketFrames;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** MQTT over WebSocket (MQTT 5.0 section 6, RFC 6455): the handshake and the frames. */
class WebSocketIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  @RegisterExtension
  static final TestNode NODE = TestNode.with(1, Profile.OPEN, Map.of(Limit.CONNECT_TIMEOUT, 1L));

  private static RawClient connected() throws IOException {
    RawClient client = NODE.open(Transport.WS, MqttVersion.V5);
    client.connect("ws");
    return client;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  @ParameterizedTest
  @CsvSource({"/other,mqtt,404", "/mqtt/,mqtt,404", "/,mqtt,404", "/mqtt,,400", "/mqtt,soap,400"})
  void refusesOtherPathsAndSubprotocols(String path, String subprotocol, int status)
      throws IOException {
    RawClient client = NODE.bare(Transport.WS);
    assertThat(client.upgrade(path, subprotocol)).isEqualTo(status);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/mqtt", "/mqtt?token=1"})
  void takesOneOfSeveralSubprotocols(String path) throws IOException {
    RawClient client = NODE.bare(Transport.WS);
    assertThat(client.upgrade(path, "mqtt")).isEqualTo(101);
    client.connect("query");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /mqtt HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        "POST /mqtt HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
        "POST /mqtt HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nzzz\r\n",
        "\u0010\u0013garbage\r\n\r\n",
        "GET /mqtt HTTP/1.1\r\nno colon here\r\n\r\n"
      })
  void answersHttpThatIsNoUpgradeWithAnError(String request) throws IOException {
    RawClient client = NODE.bare(Transport.WS);
    client.send(ascii(request));
    assertThat(client.readHead()).matches("(?s)HTTP/1.1 (4|5)\\d\\d .*");
  }

  @Test
  void refusesHeadersWithoutMeasure() throws IOException {
    RawClient client = NODE.bare(Transport.WS);
    client.sendUnlessClosed(ascii("GET /mqtt HTTP/1.1\r\nX: " + "y".repeat(60_000) + "\r\n\r\n"));
    assertThat(client.readHead()).matches("(?s)HTTP/1.1 4\\d\\d .*");
  }

  @Test
  void refusesAnUpgradeWithoutKey() throws IOException {
    RawClient client = NODE.bare(Transport.WS);
    String[] lines = {
      "GET /mqtt HTTP/1.1",
      "Host: x",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Protocol: mqtt",
      "",
      ""
    };
    client.send(ascii(String.join("\r\n", lines)));
    assertThat(client.readHead()).startsWith("HTTP/1.1 400 ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"G", "GET /mqtt HTTP/1.1\r\n", "GET /mqtt HTTP/1.1\r\nUpgrade: webs"})
  void closesAHandshakeThatStops(String beginning) throws IOException {
    RawClient client = NODE.bare(Transport.WS);
    client.send(ascii(beginning));
    client.expectClose();
  }

  @Test
  void readsOnePacketFromThreeFramesWithAPingBetween() throws IOException {
    RawClient client = connected();
    client.subscribe("t", 0);
    byte[] packet = client.publishPacket("t", 0, 0, "fragmented", NONE);
    WebSocketFrames frames = client.frames();
    frames.send(WebSocketFrames.BINARY, false, Arrays.copyOf(packet, 1));
    frames.send(WebSocketFrames.PING, true, new byte[] {1});
    frames.send(WebSocketFrames.CONTINUATION, false, Arrays.copyOfRange(packet, 1, 7));
    frames.send(WebSocketFrames.CONTINUATION, true, new byte[0]);
    frames.send(WebSocketFrames.BINARY, true, Arrays.copyOfRange(packet, 7, packet.length));
    client.expectMessage("fragmented");
    assertThat(frames.pongs()).isEqualTo(1);
  }

  @Test
  void readsSeveralPacketsFromOneFrame() throws IOException {
    RawClient client = NODE.open(Transport.WS, MqttVersion.V5);
    client.send(
        ConnectCases.concat(
            client.connectPacket("several", 0, NONE),
            hex("c000 c000"),
            client.publishPacket("t", 1, 9, "x", NONE),
            hex("c0")));
    client.send(hex("00"));
    assertThat(client.read(Packet.Connack.class).code()).isZero();
    for (int i = 0; i < 2; i++) {
      assertThat(client.read()).isInstanceOf(Packet.Ping.class);
    }
    assertThat(client.read(Packet.Ack.class).packetId()).isEqualTo(9);
    assertThat(client.read()).isInstanceOf(Packet.Ping.class);
  }

  /** [MQTT-6.0.0-1]. */
  @Test
  void endsForATextFrame() throws IOException {
    RawClient client = connected();
    client.frames().send(WebSocketFrames.TEXT, true, hex("c000"));
    client.expectClose();
    assertThat(client.frames().closeStatus()).isEqualTo(1003);
  }

  @Test
  void answersACloseFrameOnce() throws IOException {
    RawClient client = connected();
    client.frames().send(WebSocketFrames.CLOSE, true, hex("03e8"));
    client.expectClose();
    assertThat(client.frames().closeStatus()).isEqualTo(1000);
  }

  @Test
  void saysGoodByeAfterDisconnect() throws IOException {
    RawClient client = connected();
    client.send("e000");
    client.expectClose();
    assertThat(client.frames().closeStatus()).isEqualTo(1000);
  }

  /** RFC 6455: a stray continuation, reserved bits and opcodes, a long or fragmented ping. */
  @ParameterizedTest
  @CsvSource({
    "0, true, 2, 1002",
    "3, true, 2, 1002",
    "11, true, 2, 1002",
    "66, true, 2, 1002",
    "9, true, 126, 1002",
    "9, false, 2, 1002"
  })
  void endsForFramesThatAreNotAllowed(int opcode, boolean last, int length, int status)
      throws IOException {
    RawClient client = connected();
    client.frames().send(opcode, last, new byte[length]);
    client.expectClose();
    assertThat(client.frames().closeStatus()).isEqualTo(status);
  }

  /** Lengths of 2^63 and more, and a frame that is not masked. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "82 ff ffffffffffffffff 00000000",
        "82 ff 7fffffffffffffff 00000000",
        "82 02 c000"
      })
  void endsForFramesThatLie(String frame) throws IOException {
    RawClient client = connected();
    client.frames().sendRaw(hex(frame));
    client.expectClose();
    assertThat(client.frames().closeStatus()).isIn(1002, 1009);
  }

  @Test
  void answersPings() throws IOException {
    RawClient client = connected();
    client.frames().send(WebSocketFrames.PING, true, new byte[125]);
    client.expectNothing();
    assertThat(client.frames().pongs()).isEqualTo(1);
  }
}
