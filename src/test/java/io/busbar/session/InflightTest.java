package io.busbar.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InflightTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 63, 64, 65, 127, 128, 129, 1_000, 65_535})
  void handsOutEachIdentifierOnceAndNoMore(int limit) {
    Inflight inflight = new Inflight(limit);
    Set<Integer> used = new TreeSet<>();
    for (int i = 0; i < limit; i++) {
      assertThat(inflight.room()).isEqualTo(limit - i);
      int id = inflight.acquire(1);
      assertThat(id).isBetween(1, limit);
      assertThat(used.add(id)).isTrue();
    }

    assertThat(inflight.room()).isZero();
    assertThat(inflight.count()).isEqualTo(limit);
    assertThatIllegalStateException().isThrownBy(() -> inflight.acquire(1));
    used.forEach(id -> assertThat(inflight.acknowledged(id)).isTrue());
    assertThat(inflight.count()).isZero();
  }

  @Test
  void releaseOfWhatIsNotInUse() {
    Inflight inflight = new Inflight(10);

    assertThat(inflight.acknowledged(1)).isFalse();
    int id = inflight.acquire(1);
    for (int unknown : new int[] {0, -1, 2, 10, 11, 64, 65, 65_535, Integer.MIN_VALUE}) {
      assertThat(inflight.acknowledged(unknown)).isFalse();
    }
    assertThat(inflight.acknowledged(id)).isTrue();
    assertThat(inflight.acknowledged(id)).isFalse();
    assertThat(inflight.count()).isZero();
  }

  @Test
  void anIdentifierIsUsedAgainAsLateAsPossible() {
    Inflight inflight = new Inflight(64);
    List<Integer> ids = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      int id = inflight.acquire(1);
      ids.add(id);
      inflight.acknowledged(id);
    }

    for (int i = 0; i < ids.size(); i++) {
      assertThat(ids.get(i)).isEqualTo(1 + i % 64);
    }
  }

  @Test
  void agreesWithASet() {
    Random random = new Random(65_535);
    for (int limit : new int[] {1, 2, 5, 63, 64, 65, 100, 130, 1_024, 65_535}) {
      Inflight inflight = new Inflight(limit);
      TreeSet<Integer> model = new TreeSet<>();
      boolean filling = true;
      for (int i = 0; i < 100_000; i++) {
        // drifts up to the limit and down again
        if (random.nextInt(1_000) == 0) {
          filling = !filling;
        }
        if (model.size() < limit && random.nextInt(4) < (filling ? 3 : 1)) {
          int id = inflight.acquire(1);
          assertThat(id <= limit && id > 0 && model.add(id)).as("identifier %d", id).isTrue();
        } else {
          Integer id = model.ceiling(1 + random.nextInt(limit));
          int released = id == null || random.nextInt(9) == 0 ? 1 + random.nextInt(limit) : id;
          if (inflight.acknowledged(released) != model.remove(released)) {
            throw new AssertionError("release of " + released + " in " + model);
          }
        }
        if (inflight.count() != model.size() || inflight.room() != limit - model.size()) {
          throw new AssertionError(inflight.count() + " in flight, not " + model.size());
        }
      }
    }
  }

  @Test
  void exactlyOnceHasTwoSteps() {
    Inflight inflight = new Inflight(10);
    int one = inflight.acquire(1);
    int two = inflight.acquire(2);

    assertThat(inflight.acknowledged(two)).as("PUBACK of QoS 2").isFalse();
    assertThat(inflight.received(one)).as("PUBREC of QoS 1").isFalse();
    assertThat(inflight.completed(two)).as("PUBCOMP before PUBREC").isFalse();
    assertThat(inflight.received(two)).isTrue();
    assertThat(inflight.received(two)).as("PUBREC again").isTrue();
    assertThat(inflight.count()).isEqualTo(2);
    assertThat(inflight.completed(two)).isTrue();
    assertThat(inflight.completed(two)).isFalse();
    assertThat(inflight.rejected(one)).isFalse();
    assertThat(inflight.acknowledged(one)).isTrue();
    int three = inflight.acquire(2);
    assertThat(inflight.rejected(three)).isTrue();
    assertThat(inflight.count()).isZero();
  }

  @Test
  void aStoredSessionBringsItsOwn() {
    Inflight inflight = new Inflight(3);
    assertThat(inflight.take(65_535, 1)).isTrue();
    assertThat(inflight.take(65_535, 1)).isFalse();
    assertThat(inflight.take(1, 2)).isTrue();
    assertThat(inflight.room()).isEqualTo(1);
    assertThat(inflight.acknowledged(65_535)).isTrue();
    assertThat(inflight.received(1)).isTrue();
    assertThat(inflight.completed(1)).isTrue();
    assertThat(inflight.count()).isZero();
  }
}
