package io.busbar.bus;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Who is looked at, and what is left out. */
class TraceTest {
  @Test
  void aClientIsMeantInAnyCase_aSessionByItsName() {
    Trace.Whom client = new Trace.Whom(false, "Press-7", 0);
    assertThat(client.is("press-7", "other")).isTrue();
    assertThat(client.is("other", "Press-7")).isFalse();
    assertThat(client.is(null, null)).isFalse();
    Trace.Whom session = new Trace.Whom(true, "Press-7", 0);
    assertThat(session.is("other", "Press-7")).isTrue();
    assertThat(session.is("Press-7", "press-7")).isFalse();
  }

  @Test
  void whatComesFasterThanItIsTakenIsCounted_notKept() {
    Trace trace = new Trace(new Trace.Whom(false, "c", 0));
    for (int i = 0; i < 1_000; i++) {
      trace.add("line");
    }
    int kept = trace.take(1_000).size();
    assertThat(kept).isPositive().isLessThan(1_000);
    assertThat(trace.skipped()).isEqualTo(1_000 - kept);
    assertThat(trace.skipped()).as("told once").isZero();
  }

  @Test
  void longLinesTakeTheRoomOfMany() {
    Trace trace = new Trace(new Trace.Whom(false, "c", 0));
    String line = "x".repeat(100_000);
    for (int i = 0; i < 10; i++) {
      trace.add(line);
    }
    assertThat(trace.take(100)).hasSize(5);
    trace.add(line);
    assertThat(trace.take(100)).as("there is room again").hasSize(1);
  }

  @Test
  void afterTheEndNothingIsKept() {
    Trace trace = new Trace(new Trace.Whom(false, "c", 0));
    trace.add("before");
    trace.end();
    trace.add("after");
    assertThat(trace.take(10)).isEmpty();
  }

  @Test
  void linesAreJson_inTheOrderOfTheirTimes() {
    String line = Trace.line("n", Map.of("client", "c"), "PUBLISH", Map.of("way", "in"));
    JsonObject read = new JsonObject(line);
    assertThat(read.fieldNames()).containsExactly("time", "node", "client", "what", "way");
    String earlier = line.replaceFirst("\\d{4}-", "2000-");
    List<String> lines = new ArrayList<>(List.of(line, earlier));
    Trace.sort(lines);
    assertThat(lines).containsExactly(earlier, line);
  }
}
