package io.busbar.tool.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ArrivalsTest {
  @ParameterizedTest(name = "{0} of {1} sent: lost {2}, duplicated {3}, reordered {4}")
  @CsvSource({
    "0 1 2 3, 4, 0, 0, 0",
    "0 1 2,   4, 1, 0, 0", // the last is lost
    "1 2 3,   4, 1, 0, 0", // the first is lost
    "0 3,     4, 2, 0, 0", // a gap of two
    "0 2 1 3, 4, 0, 0, 1", // late, not lost
    "3 2 1 0, 4, 0, 0, 3",
    "0 0 1 2 3, 4, 0, 1, 0",
    "0 1 2 3 3 3, 4, 0, 2, 0", // a duplicate of the last message
    "0 2 1 1 3, 4, 0, 1, 1", // late, then twice
    "0 4 2 2, 5, 2, 1, 1", // a gap split in two by a late one
  })
  void countsEachFault(String arriving, long sent, long lost, long duplicated, long reordered) {
    Arrivals arrivals = new Arrivals();
    for (String sequence : arriving.trim().split(" ")) {
      arrivals.accept(Long.parseLong(sequence));
    }
    assertThat(arrivals.lost(sent)).as("lost").isEqualTo(lost);
    assertThat(arrivals.duplicated()).as("duplicated").isEqualTo(duplicated);
    assertThat(arrivals.reordered()).as("reordered").isEqualTo(reordered);
  }

  @Test
  void nothingArrived_allIsLost() {
    assertThat(new Arrivals().lost(7)).isEqualTo(7);
    assertThat(new Arrivals().misses(0)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void agreesWithASetOnAnySequence(long seed) {
    Random random = new Random(seed);
    int sent = 300;
    Arrivals arrivals = new Arrivals();
    Set<Long> seen = new HashSet<>();
    long highest = -1;
    long duplicated = 0;
    long reordered = 0;
    for (int i = 0; i < 600; i++) {
      long sequence = random.nextInt(sent);
      boolean first = seen.add(sequence);
      assertThat(arrivals.accept(sequence)).as("arrival %d of %d", i, sequence).isEqualTo(first);
      duplicated += first ? 0 : 1;
      reordered += first && sequence < highest ? 1 : 0;
      highest = Math.max(highest, sequence);
      assertThat(arrivals.lost(sent)).isEqualTo(sent - seen.size());
    }
    assertThat(arrivals.duplicated()).isEqualTo(duplicated);
    assertThat(arrivals.reordered()).isEqualTo(reordered);
    for (long sequence = 0; sequence < sent; sequence++) {
      assertThat(arrivals.misses(sequence)).isEqualTo(!seen.contains(sequence));
    }
  }

  @Test
  void moreGapsThanCanBeTold_isAnErrorNotAGuess() {
    Arrivals arrivals = new Arrivals();
    assertThatThrownBy(
            () -> {
              for (long i = 0; i <= Arrivals.MAX_GAPS; i++) {
                arrivals.accept(2 * i + 1);
              }
            })
        .isInstanceOf(LoadException.class)
        .hasMessageContaining("gaps");
  }
}
