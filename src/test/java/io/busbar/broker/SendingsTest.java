package io.busbar.broker;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.shard.Sending;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Messages that are sent again, at the node that is to have each of them once. */
class SendingsTest {
  private static final long THEIRS = 7;

  private final Sendings sendings = new Sendings(Set.of(1L));
  private final Sendings.Stream stream = sendings.of(THEIRS);

  private boolean again(long number) {
    return sendings.again(new Sending(THEIRS, number));
  }

  private void come(long before, long... numbers) {
    stream.follows(before, numbers[0]);
    for (long number : numbers) {
      assertThat(stream.first(number)).isTrue();
    }
  }

  @Test
  void whatCameIsNotTakenAgain() {
    come(0, 1, 2, 5);
    assertThat(again(1)).isFalse();
    assertThat(again(5)).isFalse();
    // 3 and 4 were not for this node
    assertThat(again(3)).isFalse();
  }

  @Test
  void whatDidNotComeIsTakenOnce_andNotWhenItComesLate() {
    come(0, 1);
    assertThat(again(2)).isTrue();
    assertThat(again(2)).isFalse();
    stream.follows(1, 2);
    assertThat(stream.first(2)).isFalse();
    assertThat(stream.first(3)).isTrue();
  }

  @Test
  void whatWasSentBeforeButDidNotComeIsTaken() {
    come(0, 1);
    // 2 to 4 were in a batch that did not come
    come(4, 6);
    assertThat(again(3)).isTrue();
    assertThat(again(3)).isFalse();
    assertThat(again(6)).isFalse();
    assertThat(again(1)).isFalse();
    // the batch comes after all
    stream.follows(1, 2);
    assertThat(stream.first(2)).isTrue();
    assertThat(stream.first(3)).isFalse();
    assertThat(again(2)).isFalse();
  }

  @Test
  void aStreamThatBeginsAnewHidesNothing() {
    come(0, 1, 2);
    // the other node has taken this one for gone meanwhile
    come(0, 9);
    assertThat(again(5)).isTrue();
    assertThat(again(2)).isFalse();
  }

  @Test
  void whatThisNodeSendsItHasHad() {
    assertThat(sendings.again(new Sending(1, 5))).isFalse();
  }

  @Test
  void streamsThatAreNotUsedAreForgotten() {
    come(0, 1);
    for (long other = 100; other < 100 + 5_000; other++) {
      sendings.of(other);
    }
    assertThat(again(1)).isTrue();
  }

  /** Batches are lost, come late or twice apart; messages are sent again: each is taken once. */
  @Test
  void eachIsTakenOnce_whateverBecomesOfBatches() {
    for (int seed = 0; seed < 300; seed++) {
      walk(new Random(seed), seed);
    }
  }

  private static void walk(Random random, int seed) {
    Sendings sendings = new Sendings(Set.of());
    Sendings.Stream stream = sendings.of(THEIRS);
    Map<Long, Integer> taken = new HashMap<>();
    List<long[]> late = new ArrayList<>();
    long number = 0;
    long before = 0;
    for (int step = 0; step < 200; step++) {
      switch (random.nextInt(5)) {
        case 0, 1 -> {
          long[] batch = new long[2 + random.nextInt(4)];
          batch[0] = before;
          for (int i = 1; i < batch.length; i++) {
            number += 1 + random.nextInt(2);
            batch[i] = number;
          }
          before = number;
          if (random.nextInt(4) == 0) {
            late.add(batch);
          } else {
            deliver(stream, batch, taken);
          }
        }
        case 2 -> {
          if (!late.isEmpty() && random.nextInt(3) == 0) {
            deliver(stream, late.remove(random.nextInt(late.size())), taken);
          }
        }
        default -> {
          long one = 1L + random.nextInt((int) number + 1);
          if (one <= number && sendings.again(new Sending(THEIRS, one))) {
            taken.merge(one, 1, Integer::sum);
          }
        }
      }
    }
    for (long[] batch : late) {
      for (int i = 1; i < batch.length; i++) {
        if (sendings.again(new Sending(THEIRS, batch[i]))) {
          taken.merge(batch[i], 1, Integer::sum);
        }
        assertThat(taken).as("seed %d: %d", seed, batch[i]).containsEntry(batch[i], 1);
      }
    }
    assertThat(taken.values()).as("seed %d", seed).containsOnly(1);
  }

  private static void deliver(Sendings.Stream stream, long[] batch, Map<Long, Integer> taken) {
    stream.follows(batch[0], batch[1]);
    for (int i = 1; i < batch.length; i++) {
      if (stream.first(batch[i])) {
        taken.merge(batch[i], 1, Integer::sum);
      }
    }
  }
}
