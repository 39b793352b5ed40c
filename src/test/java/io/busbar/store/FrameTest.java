package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.shard.FormException;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FrameTest {
  private static final long SEED = Long.getLong("seed", 1);

  private static Buffer bytes(Frame frame) {
    Buffer out = Buffer.buffer();
    frame.write(out);
    return out;
  }

  private static Buffer hex(String text) {
    return Buffer.buffer(HexFormat.of().parseHex(text.replace(" ", "")));
  }

  @Test
  void goldenBytes() {
    assertThat(bytes(new Frame(7, 300, new byte[] {1, 2}))).isEqualTo(hex("00000005 07 012c 0102"));
    assertThat(bytes(new Frame(Frame.HEARTBEAT, 0, new byte[0])))
        .isEqualTo(hex("00000003 ff 0000"));
    assertThat(new Hello(1, 2, "c", "ab", "d").encode())
        .isEqualTo(hex("01 02 01 63 02 6162 01 64").getBytes());
  }

  @Test
  void helloOfALaterVersionIsRead() {
    Hello later = new Hello(1, 9, "c", "a", "b");
    byte[] longer = Buffer.buffer(later.encode()).appendLong(77).getBytes();

    assertThat(Hello.decode(longer)).isEqualTo(later);
    assertThat(later.isOfKnownVersion()).isTrue();
    assertThat(new Hello(2, 9, "c", "a", "b").isOfKnownVersion()).isFalse();
    assertThat(new Hello(0, 0, "c", "a", "b").isOfKnownVersion()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "01", "01 01 ff", "01 01 01 0a 01 61 01 62", "01 01 01 63 01 61"})
  void noHello(String text) {
    assertThatThrownBy(() -> Hello.decode(hex(text).getBytes())).isInstanceOf(FormException.class);
  }

  /** Whatever pieces the stream comes in. */
  @Test
  void anyPieces() {
    for (long seed = SEED; seed < SEED + 500; seed++) {
      Random random = new Random(seed);
      List<Frame> sent = new ArrayList<>();
      Buffer stream = Buffer.buffer();
      for (int i = random.nextInt(20); i >= 0; i--) {
        byte[] body = new byte[random.nextInt(random.nextBoolean() ? 3 : 3_000)];
        random.nextBytes(body);
        Frame frame = new Frame(random.nextInt(256), random.nextInt(65_536), body);
        frame.write(stream);
        sent.add(frame);
      }
      List<Frame> taken = new ArrayList<>();
      Frame.Reader reader = new Frame.Reader(3_000);
      int most = 1 + random.nextInt(random.nextBoolean() ? 10 : 10_000);
      for (int at = 0; at < stream.length(); ) {
        int end = Math.min(stream.length(), at + 1 + random.nextInt(most));
        reader.read(stream.getBuffer(at, end), taken::add);
        at = end;
      }
      assertThat(taken).as("-Dseed=%d", seed).hasSameSizeAs(sent);
      for (int i = 0; i < sent.size(); i++) {
        assertThat(bytes(taken.get(i))).as("-Dseed=%d", seed).isEqualTo(bytes(sent.get(i)));
      }
    }
  }

  @Test
  void stopsWhenTheSinkHasEnough() {
    Buffer two = bytes(new Frame(1, 0, new byte[1])).appendBuffer(hex("ffffffff 000000"));
    List<Frame> taken = new ArrayList<>();

    new Frame.Reader(10).read(two, frame -> !taken.add(frame));

    assertThat(taken).hasSize(1);
  }

  @ParameterizedTest
  @CsvSource({"0000000e, 11", "ffffffff, 4294967292", "00000002, -1", "00000000, -3"})
  void lengthsThatAreRefused(String length, long body) {
    assertThatThrownBy(() -> new Frame.Reader(10).read(hex(length + " 01 0000"), frame -> true))
        .isInstanceOf(FormException.class)
        .hasMessageContaining("body of " + body + " bytes")
        .hasMessageContaining("0 to 10");
  }

  @ParameterizedTest
  @CsvSource({
    // name in the certificate, pattern or none, host dialled or none, allowed
    "n1.example.com, , n1.example.com, true",
    "N1.example.com, , n1.EXAMPLE.com, true",
    "n1.example.com, , n2.example.com, false",
    "*.example.com, , n2.example.com, true",
    "*.example.com, , a.n2.example.com, false",
    "*.example.com, , example.com, false",
    "127.0.0.1, , 127.0.0.1, true",
    "0:0:0:0:0:0:0:1, , ::1, true",
    "localhost, , 127.0.0.1, false",
    "*.0.0.1, , 127.0.0.1, false",
    "n1.example.com, , , false",
    "n1.nodes.svc, n*.nodes.svc, , true",
    "n1.nodes.svc, n*.nodes.svc, elsewhere, true",
    "n1.a.nodes.svc, n*.nodes.svc, , false",
    "n1.nodesxsvc, n*.nodes.svc, , false",
    "device-1, n*.nodes.svc, device-1, false",
    "*.nodes.svc, *.nodes.svc, , true",
  })
  void namesOfNodes(String name, String pattern, String host, boolean allowed) {
    String refusal = ChannelTls.refusal(List.of("other", name), pattern, host);

    assertThat(refusal == null).as(refusal).isEqualTo(allowed);
    assertThat(ChannelTls.refusal(List.of(), pattern, host)).isNotNull();
  }
}
