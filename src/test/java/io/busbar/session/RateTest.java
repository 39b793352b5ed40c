package io.busbar.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class RateTest {

  @Test
  void asMuchAsASecondHasIsThereAtOnce_andComesBackSteadily() {
    Rate rate = new Rate(10, 1_000);
    for (int i = 0; i < 10; i++) {
      assertThat(rate.take(1, 1_000)).isTrue();
    }
    assertThat(rate.take(1, 1_000)).isFalse();
    // parts of one let one pass: it is made up for
    assertThat(rate.take(1, 1_050)).isTrue();
    assertThat(rate.take(1, 1_100)).isFalse();
    assertThat(rate.take(1, 1_101)).isTrue();
    assertThat(rate.take(1, 1_150)).isFalse();
  }

  @Test
  void whatIsNotUsedIsNotSaved() {
    Rate rate = new Rate(3, 0);
    long passed = 0;
    for (int i = 0; i < 100; i++) {
      passed += rate.take(1, 1_000_000) ? 1 : 0;
    }
    assertThat(passed).isEqualTo(3);
  }

  @Test
  void whatIsLargerThanASecondPasses_andIsMadeUpFor() {
    Rate rate = new Rate(1_000, 0);
    assertThat(rate.take(5_000, 0)).isTrue();
    assertThat(rate.take(1, 3_999)).isFalse();
    assertThat(rate.take(1, 4_001)).isTrue();
  }

  @Test
  void aClockThatStandsStillGivesNothing() {
    Rate rate = new Rate(1, 5);
    assertThat(rate.take(1, 5)).isTrue();
    assertThat(rate.isLeft(5)).isFalse();
    assertThat(rate.isLeft(1)).isFalse();
    assertThat(rate.isLeft(Long.MAX_VALUE / 2)).isTrue();
  }

  @Test
  void eachOfManyHasItsOwn_andThoseBeyondANumberShareOne() {
    Rates rates = new Rates(1, 2, 3);
    for (String name : new String[] {"a", "b", "c"}) {
      assertThat(rates.take(name, 0)).isTrue();
      assertThat(rates.take(name, 0)).isTrue();
      assertThat(rates.take(name, 0)).as(name).isFalse();
    }
    // there is no room for more to be told apart
    assertThat(rates.take("d", 0)).isTrue();
    assertThat(rates.take("e", 0)).isTrue();
    assertThat(rates.take("f", 0)).isFalse();
    // until those before have used nothing for a while
    assertThat(rates.take("f", 2_000)).isTrue();
    assertThat(rates.take("g", 2_000)).isTrue();
    assertThat(rates.take("a", 2_000)).isTrue();
    assertThat(new Rates(0, 0, 1).take("a", 0)).as("not bounded").isTrue();
  }

  /** However it is asked: never more than a second's worth, and what comes back meanwhile, pass. */
  @Test
  void theRateIsKept() {
    for (int seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      int perSecond = 1 + random.nextInt(500);
      Rate rate = new Rate(perSecond, 0);
      long passed = 0;
      long now = 0;
      for (int i = 0; i < 2_000; i++) {
        now += random.nextInt(20);
        passed += rate.take(1, now) ? 1 : 0;
        assertThat(passed)
            .as("seed %d", seed)
            .isLessThanOrEqualTo(1 + perSecond + now * perSecond / 1_000);
      }
      long asked = 2_000;
      long allowed = now * perSecond / 1_000;
      assertThat(passed).as("seed %d", seed).isGreaterThanOrEqualTo(Math.min(asked, allowed) / 2);
    }
  }
}
