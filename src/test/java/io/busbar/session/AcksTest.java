package io.busbar.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.mqtt.ReasonCode;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AcksTest {
  private final Acks acks = new Acks();
  private final List<Integer> sent = new ArrayList<>();

  private void settle() {
    acks.settle(ack -> sent.add(ack.packetId()));
  }

  @Test
  void laterOnesWaitForEarlierOnes() {
    Acks.Ack first = acks.owe(1, false, 1, ReasonCode.SUCCESS, 0);
    Acks.Ack second = acks.owe(1, false, 2, ReasonCode.NOT_AUTHORIZED, 0);
    acks.owe(1, false, 3, ReasonCode.SUCCESS, 0);
    first.await();
    first.await();
    second.await();

    assertThat(second.arrived()).isTrue();
    assertThat(first.arrived()).isFalse();
    settle();
    assertThat(sent).isEmpty();
    assertThat(acks.acknowledgements()).isEqualTo(3);
    assertThat(first.arrived()).isTrue();
    settle();

    assertThat(sent).containsExactly(1, 2, 3);
    assertThat(acks.isEmpty()).isTrue();
    assertThat(second.reason()).isEqualTo(ReasonCode.NOT_AUTHORIZED);
  }

  @Test
  void nothingOwedNothingSent() {
    settle();

    assertThat(sent).isEmpty();
    assertThat(acks.isEmpty()).isTrue();
  }

  @Test
  void alwaysInTheOrderOfThePublishes() {
    Random random = new Random(46);
    List<Acks.Ack> waiting = new ArrayList<>();
    int owed = 0;
    for (int i = 0; i < 20_000; i++) {
      if (random.nextInt(3) == 0) {
        Acks.Ack ack = acks.owe(1, false, owed++, ReasonCode.SUCCESS, 0);
        for (int events = random.nextInt(3); events > 0; events--) {
          ack.await();
          waiting.add(ack);
        }
      } else if (!waiting.isEmpty()) {
        waiting.remove(random.nextInt(waiting.size())).arrived();
      }
      settle();
      assertThat(sent.size() + acks.acknowledgements()).isEqualTo(owed);
    }
    waiting.forEach(Acks.Ack::arrived);
    settle();

    assertThat(sent).hasSize(owed).isSorted();
    assertThat(acks.isEmpty()).isTrue();
  }
}
