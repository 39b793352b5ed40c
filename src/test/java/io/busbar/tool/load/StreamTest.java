package io.busbar.tool.load;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;

class StreamTest {
  private static final int MAX_LAG = 10;

  private final ByteBuf payload = Unpooled.buffer();

  private void send(Stream stream, int messages) {
    for (int i = 0; i < messages; i++) {
      payload.clear();
      Stream.writeHeader(payload, 99, stream.id);
      stream.stamp(payload, 0, 1000 + i);
    }
  }

  private static void arrive(Stream stream, int deliveries) {
    for (int i = 0; i < deliveries; i++) {
      stream.arrived();
    }
  }

  @Test
  void payloadTellsRunStreamTimeAndNumber() {
    Stream stream = new Stream(7, 1);
    send(stream, 3);
    assertThat(Stream.runId(payload, 0)).isEqualTo(99);
    assertThat(Stream.stream(payload, 0)).isEqualTo(7);
    assertThat(Stream.sentAt(payload, 0)).isEqualTo(1002);
    assertThat(Stream.sequence(payload, 0)).isEqualTo(2);
    assertThat(payload.readableBytes()).isEqualTo(Stream.HEADER_BYTES);
  }

  @Test
  void roomCountsAMessageUntilItsLastSubscriberHasIt() {
    Stream stream = new Stream(0, 3);
    send(stream, 4);
    assertThat(stream.room(MAX_LAG)).isEqualTo(6);
    arrive(stream, 11);
    assertThat(stream.room(MAX_LAG)).isEqualTo(9);
    arrive(stream, 1);
    assertThat(stream.room(MAX_LAG)).isEqualTo(10);
  }

  @Test
  void aFullStreamGivesUpAfterTwoStillSeconds_butStillExpectsTheMissing() {
    Stream stream = new Stream(0, 1);
    send(stream, MAX_LAG);
    assertThat(stream.givesUp(MAX_LAG)).isFalse();
    assertThat(stream.givesUp(MAX_LAG)).isTrue();
    assertThat(stream.room(MAX_LAG)).isEqualTo(MAX_LAG);
    assertThat(stream.expected() - stream.delivered()).isEqualTo(MAX_LAG);
  }

  @Test
  void aStreamThatStillDelivers_doesNotGiveUp() {
    Stream stream = new Stream(0, 1);
    for (int second = 0; second < 5; second++) {
      send(stream, (int) stream.room(MAX_LAG));
      assertThat(stream.givesUp(MAX_LAG)).isFalse();
      arrive(stream, 1);
    }
  }
}
