package io.busbar.event;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.event.RetrySchedule.Verdict;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RetryScheduleTest {
  @ParameterizedTest
  @CsvSource({
    "1, 500, 0",
    "2, 500, 10000",
    "3, 500, 30000",
    "4, 500, 60000",
    "5, 500, 300000",
    "6, 500, 300000",
    "100, 0, 300000",
    "2, 503, 30000",
    "4, 503, 60000",
    "2, 408, 120000",
    "4, 408, 120000",
    "5, 408, 300000",
    "2, 0, 10000",
    "2, 302, 10000"
  })
  void delay_withoutJitter(int attempt, int status, long millis) {
    assertThat(RetrySchedule.STANDARD.delayMillis(attempt, status, 0.5)).isEqualTo(millis);
  }

  @Test
  void jitter_isATenthEitherWay_butNeverLessThanAsked() {
    assertThat(RetrySchedule.STANDARD.delayMillis(3, 500, 0)).isEqualTo(27_000);
    assertThat(RetrySchedule.STANDARD.delayMillis(3, 500, 0.999_999)).isEqualTo(33_000);
    assertThat(RetrySchedule.STANDARD.delayMillis(2, 500, 0)).isEqualTo(10_000);
    assertThat(RetrySchedule.STANDARD.delayMillis(3, 503, 0)).isEqualTo(30_000);
    assertThat(RetrySchedule.STANDARD.delayMillis(1, 500, 0.9)).isZero();
  }

  @Test
  void unit_scalesAll() {
    assertThat(new RetrySchedule(2).delayMillis(5, 500, 0.5)).isEqualTo(600);
    assertThat(new RetrySchedule(2).delayMillis(2, 408, 0.5)).isEqualTo(240);
  }

  @Test
  void everyStatus_hasItsVerdict() {
    for (int status = 0; status < 1_000; status++) {
      Verdict expected =
          switch (status) {
            case 200, 201, 202, 203, 204 -> Verdict.TAKEN;
            case 400, 401, 403, 404, 413, 414 -> Verdict.REFUSED;
            default -> Verdict.RETRY;
          };
      assertThat(RetrySchedule.verdict(status)).as("status %d", status).isEqualTo(expected);
    }
  }
}
