package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.testing.SimDisk;
import io.microraft.model.log.LogEntry;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** What a group's log holds of its entries: the newest on the heap, the others in the journal. */
class EntryBytesTest {
  private static final int SEGMENT = 8 << 10;
  private static final int HEAP = 4 << 10;
  private static final int ENTRY = 1 << 10;
  private static final int ENTRIES = 40;

  private final SimDisk disk = new SimDisk(new Random(1));
  private GroupLog log = new GroupLog(0, HEAP);
  private Journal journal;

  private void open() throws IOException {
    log = new GroupLog(0, HEAP);
    journal =
        Journal.open(
            disk, SEGMENT, (position, group, kind, body) -> log.replay(position, kind, body));
    log.open(journal, null, () -> false, Set.of());
  }

  private static byte[] bytes(long index) {
    byte[] bytes = new byte[ENTRY];
    new Random(index).nextBytes(bytes);
    return bytes;
  }

  private static List<LogEntry> entries() {
    List<LogEntry> entries = new ArrayList<>();
    LongStream.rangeClosed(1, ENTRIES)
        .forEach(
            index ->
                entries.add(
                    RaftForm.MODELS
                        .createLogEntryBuilder()
                        .setIndex(index)
                        .setTerm(1)
                        .setOperation(new EntryBytes(bytes(index)))
                        .build()));
    return entries;
  }

  private static EntryBytes of(LogEntry entry) {
    return (EntryBytes) entry.getOperation();
  }

  private static void areThere(List<LogEntry> entries) {
    assertThat(entries).hasSize(ENTRIES);
    for (LogEntry entry : entries) {
      assertThat(of(entry).length()).isEqualTo(ENTRY);
      assertThat(of(entry).areGone()).isFalse();
      assertThat(of(entry).get())
          .as("entry %d", entry.getIndex())
          .isEqualTo(bytes(entry.getIndex()));
    }
  }

  @Test
  void holdsTheNewestAndReadsTheOthers() throws IOException {
    open();
    List<LogEntry> entries = entries();
    log.persistLogEntries(entries);
    assertThat(log.bytesOnHeap()).isEqualTo(HEAP);
    areThere(entries); // the journal has them in memory yet
    journal.sync();
    areThere(entries);
  }

  @Test
  void theSameAfterAStart() throws IOException {
    open();
    log.persistLogEntries(entries());
    journal.sync();
    journal.close();
    open();
    assertThat(log.bytesOnHeap()).isEqualTo(HEAP);
    areThere(log.takeEntries());
  }

  @Test
  void oneThatIsLargerIsHeldAlone() throws IOException {
    open();
    EntryBytes small = new EntryBytes(bytes(1));
    EntryBytes large = new EntryBytes(new byte[2 * HEAP]);
    List<LogEntry> entries = new ArrayList<>();
    for (EntryBytes one : List.of(small, large)) {
      entries.add(
          RaftForm.MODELS
              .createLogEntryBuilder()
              .setIndex(entries.size() + 1)
              .setTerm(1)
              .setOperation(one)
              .build());
    }
    log.persistLogEntries(entries);
    assertThat(log.bytesOnHeap()).isEqualTo(2 * HEAP);
    assertThat(large.get()).hasSize(2 * HEAP);
    assertThat(small.get()).isEqualTo(bytes(1));
  }

  @Test
  void whatTheJournalGivesUpIsGone() throws IOException {
    open();
    List<LogEntry> entries = entries();
    log.persistLogEntries(entries);
    journal.sync();
    journal.release(journal.end());
    EntryBytes first = of(entries.get(0));
    assertThat(first.areGone()).isTrue();
    assertThatThrownBy(first::get).isInstanceOf(IllegalStateException.class);
    EntryBytes last = of(entries.get(ENTRIES - 1));
    assertThat(last.areGone()).isFalse();
    assertThat(last.get()).isEqualTo(bytes(ENTRIES));
  }
}
