package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.testing.SimDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Walks a journal through appends, syncs, releases, full and failing disks, crashes at any moment
 * and damage, beside a model: what was synced is there in order, what was not is there up to some
 * record, nothing else ever is, and damage to what was provably synced is always told.
 */
final class JournalWalk {
  private static final int STEPS = 60;
  private static final int SEGMENT = 1_500;
  private static final int[] SIZES = {0, 0, 0, 8, 8, 32, 100, 700, 2_000};

  /** A record as it was appended; a mark has no body. */
  private record Entry(long position, int group, int kind, byte[] body) {
    long end() {
      return position + JournalRecord.HEADER + (body == null ? 0 : body.length);
    }
  }

  private final SplittableRandom random;
  private final SimDisk disk;
  private final List<Entry> entries = new ArrayList<>();
  private final List<Entry> replayed = new ArrayList<>();
  private Journal journal;

  /** The least that has to be there. */
  private long synced;

  private long start;

  private boolean failing;

  /** Starts that did not come to an end: each may have left its mark, or not. */
  private int starts;

  private JournalWalk(long seed) {
    random = new SplittableRandom(seed);
    disk = new SimDisk(random.split());
  }

  /** Walks one seed; throws what is wrong. */
  static void walk(long seed) throws IOException {
    new JournalWalk(seed).walk();
  }

  private void walk() throws IOException {
    reopen();
    for (int i = 0; i < STEPS; i++) {
      step();
    }
    restart();
    damage();
  }

  private void step() throws IOException {
    switch (random.nextInt(20)) {
      case 0, 1 -> restart();
      case 2 -> endSoon();
      case 3 -> release();
      case 4 -> mark();
      case 5 -> full();
      case 6 -> failSync();
      case 7, 8, 9, 10 -> sync();
      case 11 -> read();
      default -> append();
    }
  }

  private long end() {
    return entries.isEmpty() ? start : entries.get(entries.size() - 1).end();
  }

  private void append() {
    byte[] body = new byte[SIZES[random.nextInt(SIZES.length)]];
    random.nextBytes(body);
    int group = random.nextInt(65_536);
    int kind = random.nextInt(255);
    int half = random.nextInt(body.length + 1);
    long position =
        journal.append(
            group,
            kind,
            ByteBuffer.wrap(body, 0, half),
            ByteBuffer.wrap(body, half, body.length - half).slice().asReadOnlyBuffer());
    assertThat(position).isEqualTo(end());
    entries.add(new Entry(position, group, kind, body));
    assertThat(journal.end()).isEqualTo(end());
    assertThat(journal.isDirty()).isTrue();
  }

  private void sync() throws IOException {
    journal.sync();
    assertThat(journal.isDirty()).isFalse();
    assertThat(journal.synced()).isEqualTo(end());
    synced = end();
  }

  private void mark() throws IOException {
    if (journal.mark()) {
      entries.add(new Entry(end(), 0, JournalRecord.MARK, null));
      sync();
      assertThat(journal.mark()).isFalse();
    }
  }

  private void read() throws IOException {
    if (!entries.isEmpty()) {
      Entry entry = entries.get(random.nextInt(entries.size()));
      if (entry.body != null) {
        assertThat(journal.read(entry.position).array()).isEqualTo(entry.body);
      }
    }
  }

  private void release() throws IOException {
    long position = start + random.nextLong(end() - start + 1);
    journal.release(position);
    released(position);
  }

  /** The journal gave up what is before its start. */
  private void released(long most) {
    assertThat(journal.start()).isBetween(start, Math.max(start, most));
    start = journal.start();
    entries.removeIf(entry -> entry.position < start);
  }

  /** The disk is full or fails for a while: nothing is lost, and later it goes on. */
  private void full() throws IOException {
    boolean full = random.nextBoolean();
    disk.full(full);
    disk.failWrite(!full);
    failing = true;
    if (random.nextInt(4) == 0) {
      restart();
    }
    if (journal.isDirty()) {
      long buffered = journal.buffered();
      assertThatThrownBy(journal::sync)
          .isInstanceOfSatisfying(
              WriteFailedException.class, e -> assertThat(e.isFull()).isEqualTo(full));
      assertThat(journal.synced()).isBetween(synced, end());
      assertThat(journal.buffered())
          .isEqualTo(end() - journal.synced())
          .isLessThanOrEqualTo(buffered);
      synced = journal.synced();
      if (random.nextBoolean()) {
        append();
      }
      if (random.nextBoolean()) {
        release();
      }
    }
    disk.full(false);
    disk.failWrite(false);
    failing = false;
    if (random.nextInt(4) == 0) {
      restart();
    } else {
      sync();
    }
  }

  /** A sync fails: the process ends, and the next one finds what was safe. */
  private void failSync() throws IOException {
    if (journal.isDirty()) {
      disk.failSync(true);
      assertThatThrownBy(journal::sync).isInstanceOf(SyncFailedException.class);
      synced = journal.synced();
      disk.failSync(false);
      assertThatThrownBy(journal::sync).isInstanceOf(IOException.class);
      assertThatThrownBy(() -> journal.append(0, 0)).isInstanceOf(IllegalStateException.class);
      restart();
    }
  }

  /** Power or process end in the midst of a sync, a release, or the recovery after it. */
  private void endSoon() throws IOException {
    disk.endAfter(random.nextInt(6));
    try {
      if (random.nextBoolean()) {
        journal.release(end());
      }
      journal.sync();
    } catch (IOException e) {
      isPowerOff(e);
    }
    synced = Math.max(synced, journal.synced());
    int recoveries = random.nextInt(3);
    for (int i = 0; i < recoveries; i++) {
      stop();
      disk.endAfter(random.nextInt(5));
      starts++;
      try {
        open();
      } catch (IOException e) {
        isPowerOff(e);
      }
    }
    restart();
  }

  private static void isPowerOff(IOException e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    assertThat(cause.getMessage()).isEqualTo("the power is off");
  }

  /** The power fails, or only the process. */
  private void stop() {
    if (random.nextInt(3) == 0) {
      disk.kill();
    } else {
      disk.crash();
    }
  }

  private void restart() throws IOException {
    stop();
    reopen();
  }

  private void open() throws IOException {
    replayed.clear();
    journal =
        Journal.open(
            disk,
            SEGMENT,
            (position, group, kind, body) -> {
              byte[] copy = new byte[body.remaining()];
              body.get(copy);
              replayed.add(new Entry(position, group, kind, copy));
            });
  }

  private void reopen() throws IOException {
    open();
    released(synced);
    long found = journal.end() - JournalRecord.HEADER;
    assertThat(found).isBetween(synced, end() + (long) starts * JournalRecord.HEADER);
    cut(found);
    assertThat(found).isEqualTo(end());
    assertThat(journal.recovery().records()).isEqualTo(entries.size());
    assertThat(journal.recovery().bytes()).isEqualTo(found - start);
    isReplayed(entries);
    entries.add(new Entry(found, 0, JournalRecord.MARK, null));
    synced = journal.synced();
    assertThat(synced).isEqualTo(failing ? found : end());
    starts = 0;
  }

  /** Leaves in the model what was replayed, and the marks of starts that the power cut short. */
  private void cut(long found) {
    int count = 0;
    int bodies = 0;
    for (Entry entry : entries) {
      bodies += entry.body == null ? 0 : 1;
      if (bodies > replayed.size() || entry.end() > found) {
        break;
      }
      count++;
    }
    entries.subList(count, entries.size()).clear();
    for (; starts > 0 && end() < found; starts--) {
      entries.add(new Entry(end(), 0, JournalRecord.MARK, null));
    }
  }

  /** Whether these, marks aside, were replayed. */
  private void isReplayed(List<Entry> expected) {
    List<Entry> bodies = expected.stream().filter(entry -> entry.body != null).toList();
    assertThat(replayed).hasSameSizeAs(bodies);
    for (int i = 0; i < bodies.size(); i++) {
      Entry a = replayed.get(i);
      Entry b = bodies.get(i);
      boolean same = a.position == b.position && a.group == b.group && a.kind == b.kind;
      if (!same || !Arrays.equals(a.body, b.body)) {
        throw new AssertionError(a + " instead of " + b);
      }
    }
  }

  /** One byte rots, or a file is gone: told, if anything behind proves that it was synced. */
  private void damage() throws IOException {
    if (entries.isEmpty()) {
      return;
    }
    mark();
    append();
    sync();
    disk.kill();
    // The last record has nothing behind it: it goes as if it had never been synced.
    int which = random.nextInt(entries.size());
    Entry hit = entries.get(which);
    Segment file = Segment.all(disk).floorEntry(hit.position).getValue();
    long more = random.nextLong(hit.end() - hit.position);
    disk.flip(file.name(), hit.position - file.start() + more);
    if (which == entries.size() - 1 && hit.position > start) {
      open();
      assertThat(journal.recovery().cutAt()).isEqualTo(hit.position);
    } else {
      assertThatThrownBy(this::open)
          .isInstanceOfSatisfying(
              DamagedJournalException.class, e -> assertThat(e.position()).isEqualTo(hit.position));
    }
    isReplayed(entries.subList(0, which));
  }
}
