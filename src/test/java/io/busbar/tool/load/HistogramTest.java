package io.busbar.tool.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HistogramTest {
  @ParameterizedTest
  @ValueSource(longs = {0, 1, 127, 128, 255, 256, 257, 99_999, 1L << 40, Long.MAX_VALUE})
  void aSingleValueIsEveryQuantile(long value) {
    Histogram histogram = new Histogram();
    histogram.record(value);
    assertThat(histogram.quantile(0.5)).isEqualTo(value);
    assertThat(histogram.quantile(1)).isEqualTo(value);
    assertThat(histogram.max()).isEqualTo(value);
  }

  @Test
  void quantilesAreWithinOneStep() {
    Histogram histogram = new Histogram();
    for (long nanos = 1; nanos <= 1_000_000; nanos++) {
      histogram.record(nanos);
    }
    for (double share : new double[] {0.01, 0.5, 0.9, 0.99, 0.999}) {
      assertThat((double) histogram.quantile(share))
          .isCloseTo(share * 1_000_000, Percentage.withPercentage(0.8));
    }
  }

  @Test
  void oneSlowOfAThousandShowsInTheTailOnly() {
    Histogram histogram = new Histogram();
    for (int i = 0; i < 999; i++) {
      histogram.record(100);
    }
    histogram.record(5_000_000);
    assertThat(histogram.quantile(0.999)).isEqualTo(100);
    assertThat(histogram.quantile(0.9999)).isCloseTo(5_000_000, within(1L));
  }
}
