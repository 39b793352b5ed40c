package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.shard.Command;
import io.busbar.shard.Outcome;
import io.busbar.shard.Refusal;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of appends while nobody leads, and after. */
class AppenderTest {
  private static final List<Command> ONE = List.of(new Command.Tick());

  @TempDir private Path directory;
  private Journal journal;
  private Turn turn;
  private Appender appender;
  private long now;
  private final List<Long> sent = new ArrayList<>();
  private final Map<String, Appended> told = new TreeMap<>();

  @BeforeEach
  void open() throws IOException {
    journal = Journal.open(new FileDisk(directory), 64_000, (position, group, kind, body) -> {});
    turn =
        new Turn(
            journal,
            () -> now,
            () -> {},
            position -> {},
            e -> {
              throw new AssertionError(e);
            },
            Set.of());
    Appender.Path path =
        new Appender.Path() {
          @Override
          public void send(long number, byte[] entry) {
            sent.add(number);
          }

          @Override
          public void elsewhere() {
            // there is one only
          }
        };
    appender = new Appender("node", 1, turn, path, Set.of());
  }

  @AfterEach
  void close() throws IOException {
    journal.close();
  }

  private void append(String name, int source, long heard) {
    turn.execute(
        () ->
            appender.append(
                ONE, new Feed(source, heard), 64, appended -> told.put(name, appended)));
    turn.work();
  }

  private void pass(int seconds) {
    for (int i = 0; i < seconds; i++) {
      now += TimeUnit.SECONDS.toNanos(1);
      turn.work();
    }
  }

  private void applied(long number, int commands) {
    turn.execute(() -> appender.applied(number, Collections.nCopies(commands, new Outcome.Done())));
    turn.work();
  }

  private static Appended refused(long refusals) {
    return new Appended.Refused(Refusal.UNAVAILABLE, refusals);
  }

  @Test
  void whatWaitsBehindARefusedOneIsRefusedToo_andWhatIsSentBeforeThatIsHeard() {
    append("first", 1, 0);
    append("second", 1, 0);
    append("old", 1, 0);
    pass(8);
    append("young", 1, 0);
    append("other's", 2, 0);
    append("nobody's", 0, 0);
    assertThat(told).isEmpty();
    pass(4);
    assertThat(told)
        .isEqualTo(
            Map.of(
                "old",
                refused(1),
                "young",
                refused(2),
                "other's",
                refused(1),
                "nobody's",
                refused(0)));

    // on its way when that was told
    told.clear();
    append("late", 1, 0);
    append("late, of nobody", 0, 0);
    append("heard one only", 1, 1);
    append("heard", 1, 2);
    assertThat(told)
        .isEqualTo(Map.of("late", refused(3), "heard one only", refused(4), "heard", refused(5)));
    append("heard all", 1, 5);
    append("other's, heard", 2, 1);
    assertThat(told).hasSize(3);

    // somebody leads again
    told.clear();
    applied(1, 1);
    applied(2, 1);
    applied(3, 3);
    assertThat(told.keySet())
        .containsExactly("first", "heard all", "late, of nobody", "other's, heard", "second");
    assertThat(told.values()).allMatch(Appended.Outcomes.class::isInstance);
    assertThat(sent).contains(1L, 2L, 3L).doesNotContain(4L);
  }
}
