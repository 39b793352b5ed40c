package io.busbar.tool.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WebSocketTest {
  private static final Pattern KEY = Pattern.compile("Sec-WebSocket-Key: (\\S+)");

  private static ByteBuf bytes(String hex) {
    return Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(hex.replace(" ", "")));
  }

  private static String hex(Object buffer) {
    String hex = ByteBufUtil.hexDump((ByteBuf) buffer);
    ((ByteBuf) buffer).release();
    return hex;
  }

  private static String text(Object buffer) {
    String text = ((ByteBuf) buffer).toString(StandardCharsets.ISO_8859_1);
    ((ByteBuf) buffer).release();
    return text;
  }

  private static ByteBuf answer(String status, String key, String protocol) {
    return Unpooled.copiedBuffer(
        "HTTP/1.1 %s\r\nupgrade: websocket\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n"
            .formatted(status, WebSocket.accept(key), protocol),
        StandardCharsets.ISO_8859_1);
  }

  private static String key(EmbeddedChannel channel) {
    String request = text(channel.readOutbound());
    assertThat(request)
        .startsWith("GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1:8083\r\n")
        .contains("Sec-WebSocket-Protocol: mqtt\r\n")
        .endsWith("\r\n\r\n");
    Matcher found = KEY.matcher(request);
    assertThat(found.find()).isTrue();
    return found.group(1);
  }

  private static EmbeddedChannel open() {
    EmbeddedChannel channel = new EmbeddedChannel(new WebSocket("127.0.0.1:8083", "/mqtt"));
    channel.writeInbound(answer("101 Switching Protocols", key(channel), "mqtt"));
    return channel;
  }

  @Test
  void theKeyIsAnsweredAsTheStandardsExample() {
    assertThat(WebSocket.accept("dGhlIHNhbXBsZSBub25jZQ=="))
        .isEqualTo("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  }

  @ParameterizedTest
  @CsvSource({
    "200 OK, mqtt, 200 OK",
    "101 Switching Protocols, mqttv3.1, mqttv3.1",
  })
  void anotherAnswerIsRefused(String status, String protocol, String said) {
    EmbeddedChannel channel = new EmbeddedChannel(new WebSocket("127.0.0.1:8083", "/mqtt"));
    String key = key(channel);
    assertThatThrownBy(() -> channel.writeInbound(answer(status, key, protocol)))
        .isInstanceOf(LoadException.class)
        .hasMessageContaining(said);
  }

  @Test
  void anAnswerToAnotherKeyIsRefused() {
    EmbeddedChannel channel = new EmbeddedChannel(new WebSocket("127.0.0.1:8083", "/mqtt"));
    key(channel);
    assertThatThrownBy(() -> channel.writeInbound(answer("101 x", "other", "mqtt")))
        .isInstanceOf(LoadException.class)
        .hasMessageContaining("Accept");
  }

  @Test
  void aFrameIsMasked_asTheStandardsExample() {
    ByteBuf out = Unpooled.buffer();
    WebSocket.frame(out, 1, bytes("48656c6c6f"), 0x37fa213d);
    assertThat(hex(out)).isEqualTo("818537fa213d7f9f4d5158");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 7, 8, 9, 125, 126, 65_535, 65_536})
  void aFrameOfAnyLengthHasItsBytes(int length) {
    ByteBuf payload = Unpooled.buffer();
    for (int i = 0; i < length; i++) {
      payload.writeByte(i * 7);
    }
    ByteBuf out = Unpooled.buffer();
    WebSocket.frame(out, WebSocket.BINARY, payload, 0x01020384);
    int head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
    assertThat(out.readableBytes()).isEqualTo(head + 4 + length);
    byte[] mask = {1, 2, 3, (byte) 0x84};
    for (int i = 0; i < length; i++) {
      assertThat((byte) (out.getByte(head + 4 + i) ^ mask[i & 3])).isEqualTo(payload.getByte(i));
    }
    out.release();
    payload.release();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 100})
  void whatComesInPiecesAndFragments_isRead(int piece) {
    EmbeddedChannel channel = open();
    // Binary with more to come, a ping between, its continuation, one of 126 bytes.
    String longer = "ab".repeat(126);
    ByteBuf all = bytes("0202 0102 8901 77 8001 03 827e007e" + longer);
    while (all.isReadable()) {
      channel.writeInbound(all.readRetainedSlice(Math.min(piece, all.readableBytes())));
    }
    all.release();
    StringBuilder read = new StringBuilder();
    for (Object one = channel.readInbound(); one != null; one = channel.readInbound()) {
      read.append(hex(one));
    }
    assertThat(read).hasToString("010203" + longer);
    assertThat(hex(channel.readOutbound())).startsWith("8a81");
    assertThat(channel.finish()).isFalse();
  }

  @Test
  void aCloseIsAnsweredAndEndsTheConnection() {
    EmbeddedChannel channel = open();
    channel.writeInbound(bytes("880203e8"));
    assertThat(hex(channel.readOutbound())).startsWith("8882");
    assertThat(channel.isActive()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"8285 01020304 0000000000", "8101 41", "897e0080"})
  void whatAServerMayNotSend_isRefused(String frame) {
    EmbeddedChannel channel = open();
    assertThatThrownBy(() -> channel.writeInbound(bytes(frame)))
        .isInstanceOf(LoadException.class)
        .hasMessageContaining("WebSocket");
    channel.finishAndReleaseAll();
  }
}
