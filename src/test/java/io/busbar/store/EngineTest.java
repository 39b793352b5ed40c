package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.microraft.impl.log.RaftLog;
import io.microraft.model.log.LogEntry;
import io.microraft.model.log.SnapshotEntry;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** What the Raft engine does that {@link Replica} has to know of. */
class EngineTest {
  private static SnapshotEntry snapshot(long index) {
    return RaftForm.MODELS
        .createSnapshotEntryBuilder()
        .setIndex(index)
        .setTerm(1)
        .setSnapshotChunks(List.of())
        .setGroupMembersView(null)
        .build();
  }

  private static LogEntry entry(long index) {
    return RaftForm.MODELS
        .createLogEntryBuilder()
        .setIndex(index)
        .setTerm(1)
        .setOperation(new EntryBytes(new byte[0]))
        .build();
  }

  /**
   * It keeps some entries before a snapshot. In a log that began at one not long ago it takes
   * places that never had an entry for those: hence {@link EngineLog}.
   */
  @Test
  void aSnapshotOfALogThatBeganNotLongAgoMakesHoles() {
    List<LogEntry> entries = LongStream.rangeClosed(101, 110).mapToObj(EngineTest::entry).toList();
    RaftLog log = RaftLog.restore(200, snapshot(100), entries);
    assertThat(log.containsLogEntry(100)).isFalse();
    int kept = RaftLog.getLogCapacity(150, 0) - 150;
    assertThat(kept).isEqualTo(15);
    log.setSnapshot(snapshot(110), 110 - kept);
    assertThat(log.containsLogEntry(100)).isTrue();
    // null, but for an assertion of its own that looks into it
    assertThatThrownBy(() -> log.getLogEntry(100)).isInstanceOf(NullPointerException.class);

    EngineLog.beginWithAnEntry(log);
    assertThat(log.containsLogEntry(100)).isFalse();
    assertThat(log.getLogEntry(101).getIndex()).isEqualTo(101);
    assertThat(log.lastLogOrSnapshotIndex()).isEqualTo(110);
  }
}
