package io.busbar.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.session.SendQueue.Message;
import java.util.ArrayDeque;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SendQueueTest {
  /** What an empty message costs. */
  private static final int OVERHEAD = 64;

  private static Message message(int bytes) {
    return new Message(new byte[bytes], 0, -1, Long.MAX_VALUE, null);
  }

  @Test
  void dropsTheOldestBeyondTheMessages() {
    SendQueue queue = new SendQueue(2);
    Message second = message(2);
    assertThat(queue.add(message(1), 1_000)).isZero();
    assertThat(queue.add(second, 1_000)).isZero();
    assertThat(queue.add(message(3), 1_000)).isEqualTo(1);

    assertThat(queue.size()).isEqualTo(2);
    assertThat(queue.peek()).isSameAs(second);
    assertThat(queue.bytes()).isEqualTo(2 + 3 + 2 * OVERHEAD);
  }

  @Test
  void dropsEvenTheNewestWhereItAloneIsTooMuch() {
    SendQueue queue = new SendQueue(10);
    queue.add(message(10), 1_000);
    queue.add(message(10), 1_000);

    assertThat(queue.add(message(1_000), 1_000)).isEqualTo(3);
    assertThat(queue.size()).isZero();
    assertThat(queue.bytes()).isZero();
    assertThat(queue.peek()).isNull();
  }

  @Test
  void theBoundOfBytesMayShrink() {
    SendQueue queue = new SendQueue(100);
    for (int i = 0; i < 10; i++) {
      queue.add(message(36), 1_000);
    }
    assertThat(queue.bytes()).isEqualTo(1_000);

    assertThat(queue.add(message(36), 300)).isEqualTo(8);
    assertThat(queue.size()).isEqualTo(3);
  }

  @Test
  void agreesWithAPlainQueue() {
    Random random = new Random(9);
    SendQueue queue = new SendQueue(20);
    ArrayDeque<Message> model = new ArrayDeque<>();
    for (int i = 0; i < 100_000; i++) {
      if (random.nextInt(5) < 3) {
        Message message = message(random.nextInt(500));
        long maxBytes = random.nextInt(10) == 0 ? 600 : 5_000;
        model.add(message);
        int dropped = 0;
        while (model.size() > 20 || cost(model) > maxBytes) {
          model.remove();
          dropped++;
        }
        assertThat(queue.add(message, maxBytes)).isEqualTo(dropped);
      } else if (!model.isEmpty()) {
        assertThat(queue.peek()).isSameAs(model.remove());
        queue.remove();
      }
      if (queue.size() != model.size() || queue.bytes() != cost(model)) {
        throw new AssertionError(queue.size() + " messages of " + queue.bytes() + " bytes");
      }
    }
  }

  private static long cost(ArrayDeque<Message> messages) {
    return messages.stream().mapToLong(m -> m.packet().length + OVERHEAD).sum();
  }

  /** [MQTT-3.3.2-6]: what is left of the interval, a second begun counted whole. */
  @ParameterizedTest
  @CsvSource({"0, 5", "1, 5", "999, 5", "1000, 4", "4001, 1", "4999, 1", "5000, 0", "9000, 0"})
  void countsDownTheExpiry(long now, int left) {
    byte[] packet = {9, 9, 9, 9, 9, 9, 9};
    new Message(packet, 0, 2, 5_000, null).countDown(now);

    assertThat(packet).containsExactly(9, 9, 0, 0, 0, left, 9);
  }

  @Test
  void countsDownTheLongestExpiry() {
    byte[] packet = new byte[4];
    new Message(packet, 0, 0, 4_294_967_295_000L, null).countDown(0);

    assertThat(packet).containsOnly(0xff);
  }

  @Test
  void leavesAloneWhatDoesNotExpire() {
    byte[] packet = {9, 9, 9, 9, 9};
    new Message(packet, 0, -1, Long.MAX_VALUE, null).countDown(1);

    assertThat(packet).containsOnly(9);
  }
}
