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
    assertThat(RetrySchedule.STANDARD.at(2).delayMillis(5, 500, 0.5)).isEqualTo(600);
    assertThat(RetrySchedule.STANDARD.at(2).delayMillis(2, 408, 0.5)).isEqualTo(240);
    assertThat(RetrySchedule.STANDARD.at(2).restMillis(404, false)).isEqualTo(600);
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

  @ParameterizedTest
  @CsvSource({
    "400, true, 0",
    "413, true, 0",
    "414, true, 0",
    "401, false, 300000",
    "403, false, 300000",
    "404, false, 300000",
    "-2, false, 300000",
    "0, false, 0",
    "0, true, 30000",
    "-1, false, 0",
    "-1, true, 10000",
    "500, false, 0",
    "500, true, 10000",
    "503, true, 10000"
  })
  void whoFailsRests(int status, boolean isAgain, long millis) {
    assertThat(RetrySchedule.STANDARD.restMillis(status, isAgain)).isEqualTo(millis);
  }

  @ParameterizedTest
  @CsvSource({"1, 0", "2, 10000", "3, 60000", "4, 300000", "9, 300000"})
  void deadLettersHaveAScheduleOfTheirOwn(int attempt, long millis) {
    assertThat(RetrySchedule.DEAD_LETTERS.delayMillis(attempt, 0, 0.5)).isEqualTo(millis);
  }
}
