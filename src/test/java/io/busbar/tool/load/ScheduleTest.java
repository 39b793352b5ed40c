package io.busbar.tool.load;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ScheduleTest {
  private static final long SECOND = 1_000_000_000L;

  @Test
  void aRateIsKeptOverHoursWithoutDrift() {
    Schedule schedule = new Schedule(5, 3);
    assertThat(schedule.due(0)).isEqualTo(5);
    assertThat(schedule.due(1)).isEqualTo(5 + SECOND / 3);
    assertThat(schedule.due(3 * 7_200)).isEqualTo(5 + 7_200 * SECOND);
  }

  @Test
  void aRampIsEven() {
    Schedule ramp = Schedule.ramp(100, 1_000, 10);
    assertThat(ramp.due(0)).isEqualTo(100);
    assertThat(ramp.due(500)).isEqualTo(100 + 5 * SECOND);
    assertThat(ramp.due(999)).isLessThan(100 + 10 * SECOND);
  }

  @Test
  void aRampOfNoTimeIsAllAtOnce() {
    assertThat(Schedule.ramp(100, 1_000, 0).due(999)).isEqualTo(100);
  }
}
