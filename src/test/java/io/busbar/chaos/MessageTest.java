package io.busbar.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MessageTest {
  @Test
  void isKnownByItsBytesAndByNoOthers() {
    for (int sequence = 0; sequence < 500; sequence++) {
      Message message = new Message(7, 3, sequence);
      byte[] bytes = message.payload();
      assertThat(Message.of(7, Unpooled.wrappedBuffer(bytes))).isEqualTo(message);
      assertThat(Message.of(8, Unpooled.wrappedBuffer(bytes))).isNull();
      bytes[sequence % bytes.length] ^= 1;
      assertThat(Message.of(7, Unpooled.wrappedBuffer(bytes))).isNull();
      assertThat(Message.of(7, Unpooled.wrappedBuffer(bytes, 0, sequence % 64))).isNull();
    }
  }

  @Test
  void someAreLarge() {
    long large =
        IntStream.range(0, 5_000).filter(i -> new Message(7, 3, i).payload().length > 64).count();
    assertThat(large).isBetween(50L, 200L);
  }
}
