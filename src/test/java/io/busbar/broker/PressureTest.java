package io.busbar.broker;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PressureTest {
  private static final int LOOPS = 2;

  private double heap;
  private double buffers;

  private Pressure pressure(Map<Limit, Long> limits) {
    return new Pressure(new Limits(Profile.OPEN, limits), LOOPS, () -> heap, () -> buffers);
  }

  private static void late(Pressure pressure, int loop, long millis, int seconds) {
    for (int i = 0; i < seconds * Loop.SWEEPS; i++) {
      pressure.late(loop, millis);
    }
  }

  @Test
  void memoryBeyondTheWatermarkIsPressureUntilThereIsRoomAgain() {
    Pressure pressure = pressure(Map.of(Limit.MEMORY_WATERMARK, 80L));
    heap = 0.79;
    pressure.look();
    assertThat(pressure.why()).isNull();
    heap = 0.81;
    pressure.look();
    assertThat(pressure.why())
        .isEqualTo("the node is short of memory: heap 81 % (memory-watermark = 80 %)");
    heap = 0.75;
    pressure.look();
    assertThat(pressure.why()).isNotNull();
    heap = 0.71;
    pressure.look();
    assertThat(pressure.why()).isNull();
  }

  @Test
  void buffersAreMemoryToo() {
    Pressure pressure = pressure(Map.of(Limit.MEMORY_WATERMARK, 80L));
    buffers = 0.9;
    pressure.look();
    assertThat(pressure.why())
        .isEqualTo("the node is short of memory: buffers 90 % (memory-watermark = 80 %)");
  }

  @Test
  void aLoopThatStaysLateIsPressure() {
    Pressure pressure = pressure(Map.of(Limit.LAG_WATERMARK, 1_000L));
    late(pressure, 0, 0, 10);
    late(pressure, 1, 3_000, 10);
    pressure.look();
    assertThat(pressure.lag()).isBetween(2_000L, 3_000L);
    assertThat(pressure.why())
        .startsWith("the node is late: ")
        .endsWith("(lag-watermark = 1000 ms)");
    late(pressure, 1, 0, 20);
    pressure.look();
    assertThat(pressure.why()).isNull();
  }

  @Test
  void oneStallIsNone() {
    Pressure pressure = pressure(Map.of(Limit.LAG_WATERMARK, 1_000L));
    late(pressure, 0, 0, 10);
    pressure.late(0, 30_000);
    late(pressure, 0, 0, 1);
    pressure.look();
    assertThat(pressure.why()).isNull();
  }

  @Test
  void withoutAWatermarkLatenessIsNone() {
    Pressure pressure = pressure(Map.of(Limit.LAG_WATERMARK, 0L));
    late(pressure, 0, 60_000, 10);
    pressure.look();
    assertThat(pressure.why()).isNull();
  }
}
