package io.busbar.broker;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Settings;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The request that opens a WebSocket. */
class WebSocketsTest {
  private static final Settings.Listener LISTENER =
      new Settings.Listener(
          Settings.Protocol.WS,
          new Settings.Address("127.0.0.1", 0),
          Optional.empty(),
          Optional.empty(),
          "/mqtt",
          List.of("mqtt"));

  private static final List<String> REQUEST =
      List.of(
          "GET /mqtt HTTP/1.1",
          "Host: h",
          "Connection: Upgrade",
          "Upgrade: websocket",
          "Sec-WebSocket-Version: 13",
          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
          "Sec-WebSocket-Protocol: mqtt");

  @ParameterizedTest
  @CsvSource({
    "nothing, '', 101",
    "Connection, 'Connection: keep-alive, Upgrade', 101",
    "Connection, '', 426",
    "Connection, Connection: close, 426",
    "Upgrade:, '', 426",
    "Sec-WebSocket-Version, '', 426",
    "Sec-WebSocket-Version, Sec-WebSocket-Version: 8, 426",
    "Sec-WebSocket-Version, Sec-WebSocket-Version: 14, 426",
    "Sec-WebSocket-Key, '', 400",
    "Sec-WebSocket-Protocol, '', 400",
    "Sec-WebSocket-Protocol, Sec-WebSocket-Protocol: chat, 400",
    "GET, POST /mqtt HTTP/1.1, 426",
    "GET, GET /mqtt/ HTTP/1.1, 404",
  })
  void answers(String line, String instead, int status) {
    List<String> lines = new ArrayList<>(REQUEST);
    lines.replaceAll(text -> text.startsWith(line) ? instead : text);
    lines.removeIf(String::isEmpty);
    String request = lines.stream().map(text -> text + "\r\n").collect(Collectors.joining());
    EmbeddedChannel channel = new EmbeddedChannel();
    channel.pipeline().addLast("handler", new ChannelInboundHandlerAdapter());
    WebSocketPipeline.configure(
        channel.pipeline(), LISTENER, 512, new ChannelInboundHandlerAdapter());

    channel.writeInbound(Unpooled.copiedBuffer(request + "\r\n", US_ASCII));

    ByteBuf answer = channel.readOutbound();
    assertThat(answer.toString(US_ASCII)).startsWith("HTTP/1.1 " + status + " ");
    answer.release();
    assertThat(channel.isOpen()).isEqualTo(status == 101);
    channel.finishAndReleaseAll();
  }
}
