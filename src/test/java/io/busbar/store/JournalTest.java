package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.testing.SimDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a journal does, step by step; {@link JournalWalkTest} has the chances. */
class JournalTest {
  private static final long SEGMENT = 200;

  private final SimDisk disk = new SimDisk(new SplittableRandom(1));
  private final List<String> replayed = new ArrayList<>();

  private Journal open() throws IOException {
    replayed.clear();
    return Journal.open(
        disk,
        SEGMENT,
        (position, group, kind, body) ->
            replayed.add(position + " " + group + " " + kind + " " + text(body)));
  }

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String text(ByteBuffer body) {
    return StandardCharsets.UTF_8.decode(body.duplicate()).toString();
  }

  private static String file(long start) {
    return HexFormat.of().toHexDigits(start) + ".journal";
  }

  @Test
  void replaysWhatWasSynced() throws IOException {
    Journal journal = open();
    assertThat(journal.recovery()).isEqualTo(new Journal.Recovery(0, 0, 0, -1));
    ByteBuffer part = bytes("w");
    long writes = disk.writes();
    long syncs = disk.syncs();
    assertThat(journal.append(1, 2, bytes("one"))).isEqualTo(32);
    assertThat(journal.append(65_535, 254, bytes("t"), part, bytes("o"))).isEqualTo(67);
    assertThat(part.remaining()).isOne();
    assertThat(journal.append(0, 0)).isEqualTo(102);
    assertThat(journal.isDirty()).isTrue();
    assertThat(journal.buffered()).isEqualTo(102);
    journal.sync();
    assertThat(journal.isDirty()).isFalse();
    assertThat(journal.buffered()).isZero();
    assertThat(disk.writes()).isEqualTo(writes + 1);
    assertThat(disk.syncs()).isEqualTo(syncs + 1);
    journal.sync();
    assertThat(disk.syncs()).isEqualTo(syncs + 1);
    journal.append(1, 2, bytes("three"));
    disk.crash();

    journal = open();
    assertThat(replayed).containsExactly("32 1 2 one", "67 65535 254 two", "102 0 0 ");
    assertThat(journal.recovery()).isEqualTo(new Journal.Recovery(4, 134, 0, -1));
    assertThat(journal.end()).isEqualTo(134 + 32);
    assertThat(text(journal.read(67))).isEqualTo("two");
  }

  @Test
  void readsWhatIsOnlyInMemoryYet() throws IOException {
    Journal journal = open();
    journal.append(1, 2, bytes("one"));
    journal.sync();
    long two = journal.append(1, 2, bytes("two"));
    long three = journal.append(1, 2, bytes("x".repeat(9_000)));
    assertThat(text(journal.read(two))).isEqualTo("two");
    assertThat(text(journal.read(three))).hasSize(9_000);
    journal.sync();
    assertThat(text(journal.read(two))).isEqualTo("two");
    assertThat(text(journal.read(three))).hasSize(9_000);
    assertThat(text(journal.read(32))).isEqualTo("one");
    assertThatThrownBy(() -> journal.read(journal.end()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> journal.read(33)).isInstanceOf(DamagedJournalException.class);
    disk.flip(file(0), 65);
    assertThatThrownBy(() -> journal.read(32)).isInstanceOf(DamagedJournalException.class);
  }

  @Test
  void goesOnInTheNextFile() throws IOException {
    Journal journal = open();
    for (int i = 0; i < 10; i++) {
      journal.append(i, 1, bytes("x".repeat(50)));
    }
    journal.append(10, 1, bytes("x".repeat(500)));
    journal.append(11, 1);
    journal.sync();
    assertThat(disk.names())
        .containsExactly(
            file(0), file(196), file(360), file(524), file(688), file(852), file(1384));
    assertThat(journal.bytes()).isEqualTo(1_416);
    disk.crash();

    journal = open();
    assertThat(replayed).hasSize(12);
    journal.release(523);
    assertThat(journal.start()).isEqualTo(360);
    assertThat(disk.names()).startsWith(file(360));
  }

  @Test
  void keepsTheFileThatIsReleasedUpToWhenNothingInTheNextIsSynced() throws IOException {
    Journal journal = open();
    journal.append(1, 1, bytes("x".repeat(150)));
    journal.append(2, 1, bytes("x".repeat(150)));
    journal.release(journal.end());
    assertThat(journal.start()).isZero();
    disk.capacity(250);
    assertThatThrownBy(journal::sync).isInstanceOf(WriteFailedException.class);
    assertThat(disk.names()).containsExactly(file(0), file(32), file(214));
    assertThat(journal.synced()).isEqualTo(214);
    journal.release(journal.end());
    assertThat(disk.names()).containsExactly(file(32), file(214));
    disk.capacity(Long.MAX_VALUE);
    disk.crash();

    journal = open();
    assertThat(replayed).hasSize(1);
    journal.release(journal.end());
    assertThat(journal.start()).isEqualTo(214);
  }

  @Test
  void boundsWhatItTakes() throws IOException {
    Journal journal = open();
    for (int[] wrong : new int[][] {{-1, 0}, {65_536, 0}, {0, -1}, {0, 255}}) {
      assertThatThrownBy(() -> journal.append(wrong[0], wrong[1]))
          .isInstanceOf(IllegalArgumentException.class);
    }
    ByteBuffer most = ByteBuffer.allocate(Journal.MOST_BODY);
    assertThatThrownBy(() -> journal.append(0, 0, most, bytes("x")))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(journal.isDirty()).isFalse();
    long third = 0;
    for (int i = 0; i < 3; i++) {
      third = journal.append(0, 0, most);
    }
    journal.append(0, 0, ByteBuffer.allocate(Journal.MOST_BODY - 1));
    assertThatThrownBy(() -> journal.append(0, 0)).isInstanceOf(IllegalStateException.class);
    assertThat(journal.read(third).remaining()).isEqualTo(Journal.MOST_BODY);
  }

  /** What happens to a disk, and what a journal says to it. */
  private record Damage(String name, Act act, long cutAt, long cutBytes, long damagedAt, int more) {
    interface Act {
      void on(SimDisk disk) throws IOException;
    }

    static Damage none(String name, Act act) {
      return new Damage(name, act, -1, 0, -1, 0);
    }

    static Damage cut(String name, long at, long bytes, Act act) {
      return new Damage(name, act, at, bytes, -1, 0);
    }

    /** Damage at a position, with so many records readable behind it. */
    static Damage damaged(String name, long at, int readable, Act act) {
      return new Damage(name, act, -1, 0, at, readable);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static byte[] with(byte[] bytes, int at, int... values) {
    byte[] changed = bytes.clone();
    for (int i = 0; i < values.length; i++) {
      changed[at + i] = (byte) values[i];
    }
    return changed;
  }

  private static void resize(SimDisk disk, long start, int length) {
    disk.put(file(start), Arrays.copyOf(disk.get(file(start)), length));
  }

  private static void zero(SimDisk disk, long start, int from, int to) {
    byte[] bytes = disk.get(file(start));
    Arrays.fill(bytes, from, to, (byte) 0);
    disk.put(file(start), bytes);
  }

  /**
   * To three files: a mark and four records of 40 bytes from 0, five from 192, two from 392; each
   * was synced before the next was appended.
   */
  static Stream<Damage> damages() {
    return Stream.of(
        Damage.none("nothing", disk -> {}),
        Damage.cut("last record flipped", 432, 40, disk -> disk.flip(file(392), 50)),
        Damage.cut("last record torn", 432, 30, disk -> resize(disk, 392, 70)),
        Damage.cut("last record's header torn", 432, 3, disk -> resize(disk, 392, 43)),
        Damage.cut("last record zeroed from the middle", 432, 40, disk -> zero(disk, 392, 60, 80)),
        Damage.cut("last record zeroed", 432, 40, disk -> zero(disk, 392, 40, 80)),
        Damage.cut("zeros behind", 472, 100, disk -> resize(disk, 392, 180)),
        Damage.cut(
            "last length beyond the file",
            432,
            40,
            disk -> disk.put(file(392), with(disk.get(file(392)), 40, 0x7F, -1, -1, -1))),
        Damage.cut(
            "last length negative",
            432,
            40,
            disk -> disk.put(file(392), with(disk.get(file(392)), 40, -1, -1, -1, -1))),
        Damage.none("a file of others", disk -> disk.put("0000.journal", new byte[] {1})),
        Damage.damaged("last but one flipped", 392, 1, disk -> disk.flip(file(392), 39)),
        Damage.damaged("last but one without length", 392, 1, disk -> zero(disk, 392, 0, 4)),
        Damage.damaged("one in the middle flipped", 232, 5, disk -> disk.flip(file(192), 41)),
        Damage.damaged("the very first flipped", 0, 11, disk -> disk.flip(file(0), 10)),
        Damage.damaged("full file's last torn", 352, 2, disk -> resize(disk, 192, 199)),
        Damage.damaged("full file one shorter", 352, 2, disk -> resize(disk, 192, 160)),
        Damage.damaged("full file emptied", 192, 2, disk -> resize(disk, 192, 0)),
        Damage.damaged("more in a full file", 392, 2, disk -> resize(disk, 192, 201)),
        Damage.damaged("a file missing", 192, 2, disk -> disk.delete(file(192))),
        Damage.damaged(
            "two files changed places",
            0,
            2,
            disk -> {
              byte[] first = disk.get(file(0));
              disk.put(file(0), disk.get(file(192)));
              disk.put(file(192), first);
            }),
        Damage.none("the oldest released", disk -> disk.delete(file(0))),
        Damage.damaged(
            "the oldest's first record lost, nothing behind",
            392,
            0,
            disk -> {
              disk.delete(file(0));
              disk.delete(file(192));
              resize(disk, 392, 39);
            }));
  }

  @ParameterizedTest
  @MethodSource("damages")
  void tellsATailFromDamage(Damage damage) throws IOException {
    Journal journal = open();
    for (int i = 1; i <= 11; i++) {
      assertThat(journal.append(i, 1, bytes("body" + (1000 + i)))).isEqualTo(40L * i - 8);
      journal.sync();
    }
    journal.close();
    assertThat(disk.names()).containsExactly(file(0), file(192), file(392));
    damage.act.on(disk);

    if (damage.damagedAt >= 0) {
      assertThatThrownBy(this::open)
          .isInstanceOfSatisfying(
              DamagedJournalException.class,
              e -> {
                assertThat(e.position()).isEqualTo(damage.damagedAt);
                assertThat(e.readableRecords()).isEqualTo(damage.more);
                assertThat(e)
                    .hasMessageContaining("at position " + damage.damagedAt)
                    .hasMessageContaining(e.file())
                    .hasMessageContaining(damage.more + " records of " + e.readableBytes());
                assertThat(e.file()).isIn(file(0), file(192), file(392));
              });
      return;
    }
    journal = open();
    Journal.Recovery recovery = journal.recovery();
    assertThat(recovery.cutAt()).isEqualTo(damage.cutAt);
    assertThat(recovery.cutBytes()).isEqualTo(damage.cutBytes);
    long first = journal.start() == 0 ? 32 : journal.start();
    long end = damage.cutAt < 0 ? 472 : damage.cutAt;
    assertThat(replayed)
        .isEqualTo(
            IntStream.rangeClosed((int) (first + 8) / 40, (int) (end - 32) / 40)
                .mapToObj(i -> (40 * i - 8) + " " + i + " 1 body" + (1000 + i))
                .toList());
    assertThat(recovery.bytes()).isEqualTo(end - journal.start());
    // and it goes on from there
    assertThat(journal.append(7, 7, bytes("next"))).isEqualTo(end + 32);
    journal.sync();
    disk.crash();
    open();
    assertThat(replayed).endsWith((end + 32) + " 7 7 next");
  }

  /** Unsynced writes reach the disk in any order: those behind a hole go with it. */
  @Test
  void cutsWhatIsWholeBehindAHole() throws IOException {
    Journal journal = open();
    for (int i = 0; i < 4; i++) {
      journal.append(i, 1, bytes("body"));
    }
    journal.sync();
    disk.flip(file(0), 36 + 32);
    journal = open();
    assertThat(replayed).containsExactly("32 0 1 body");
    assertThat(journal.recovery()).isEqualTo(new Journal.Recovery(2, 68, 3 * 36, 68));
  }

  @Test
  void markTellsThatTheLastRecordsWereSynced() throws IOException {
    Journal journal = open();
    assertThat(journal.mark()).isFalse();
    journal.append(1, 1, bytes("body"));
    assertThat(journal.mark()).isFalse();
    journal.sync();
    assertThat(journal.mark()).isTrue();
    journal.sync();
    assertThat(journal.mark()).isFalse();
    assertThat(journal.end()).isEqualTo(32 + 36 + 32);
    byte[] sound = disk.get(file(0));
    disk.flip(file(0), 32 + 10);
    assertThatThrownBy(this::open).isInstanceOf(DamagedJournalException.class);
    disk.put(file(0), sound);
    assertThat(open().mark()).isFalse();
    assertThat(replayed).containsExactly("32 1 1 body");
  }

  /** The bytes that a cut left may show up again where the file grows: here they do. */
  @Test
  void neverTakesBytesFromBeyondACut() throws IOException {
    Journal journal = open();
    journal.append(1, 1); // at 32, where the next life's mark will be
    journal.append(2, 1, bytes("old.."));
    journal.append(3, 1, bytes("old"));
    journal.sync();
    byte[] old = disk.get(file(0));
    disk.put(file(0), with(old, 32, new int[32])); // the first of them never reached the disk
    journal = open();
    assertThat(replayed).isEmpty();
    assertThat(journal.recovery().cutBytes()).isEqualTo(32 + 37 + 35);
    journal.append(4, 1, bytes("new.."));
    journal.sync();
    byte[] now = disk.get(file(0));
    assertThat(now).hasSize(32 + 32 + 37);

    byte[] mixed = old.clone();
    System.arraycopy(now, 0, mixed, 0, now.length);
    disk.put(file(0), mixed);
    journal = open();
    assertThat(replayed).containsExactly("64 4 1 new..");
    assertThat(journal.recovery().cutBytes()).isEqualTo(35);
  }

  @Test
  void refusesAnotherForm() throws IOException {
    open();
    byte[] record = disk.get(file(0));
    ByteBuffer of = ByteBuffer.wrap(record);
    of.put(8, (byte) 2);
    CRC32C crc = new CRC32C();
    crc.update(record, 8, record.length - 8);
    of.putInt(4, (int) crc.getValue());
    disk.put(file(0), record);
    assertThatThrownBy(this::open)
        .hasMessageContaining("another version of Busbar")
        .hasMessageContaining("form 2");
    assertThat(disk.get(file(0))).isEqualTo(record);
  }

  /** These bytes are on disks: a change needs another version. */
  @Test
  void formIsFrozen() throws IOException {
    Journal journal = open();
    journal.append(0x1234, 0x56, bytes("body"));
    journal.sync();
    assertThat(HexFormat.of().formatHex(disk.get(file(0))))
        .isEqualTo(
            "000000202609dbe401ff000000000000"
                + "00000000000000000000000000000000"
                + "00000024c7f5af6e015612342609dbe4"
                + "00000000000000200000000000000020"
                + "626f6479");
  }

  @Test
  void keepsEverythingWhileTheDiskIsFull() throws IOException {
    Journal journal = open();
    journal.append(1, 1, bytes("one"));
    journal.sync();
    journal.append(2, 1, bytes("x".repeat(100)));
    journal.append(3, 1, bytes("x".repeat(100)));
    disk.capacity(32 + 35 + 140);
    for (int i = 0; i < 3; i++) {
      assertThatThrownBy(journal::sync)
          .isInstanceOfSatisfying(WriteFailedException.class, e -> assertThat(e.isFull()).isTrue())
          .hasMessageContaining("the disk is full: 132 bytes wait for file " + file(199));
    }
    assertThat(journal.synced()).isEqualTo(199);
    assertThat(disk.get(file(199))).as("cut back").isEmpty();
    assertThat(text(journal.read(32))).isEqualTo("one");
    assertThat(text(journal.read(199))).hasSize(100);
    journal.append(4, 1, bytes("four"));
    disk.capacity(Long.MAX_VALUE);
    disk.failWrite(true);
    assertThatThrownBy(journal::sync)
        .isInstanceOfSatisfying(WriteFailedException.class, e -> assertThat(e.isFull()).isFalse())
        .hasMessageContaining("cannot be written");
    disk.failWrite(false);
    journal.sync();
    disk.crash();
    open();
    assertThat(replayed).hasSize(4).endsWith("331 4 1 four");
  }

  @Test
  void startsOnAFullDiskAndBeginsLater() throws IOException {
    Journal journal = open();
    journal.append(1, 1, bytes("one"));
    journal.sync();
    disk.full(true);
    disk.crash();
    journal = open();
    assertThat(replayed).hasSize(1);
    assertThat(journal.isDirty()).isTrue();
    journal.append(2, 1, bytes("two"));
    assertThatThrownBy(journal::sync).isInstanceOf(WriteFailedException.class);
    disk.full(false);
    long syncs = disk.syncs();
    journal.sync();
    // the mark alone before anything else of this life
    assertThat(disk.syncs()).isEqualTo(syncs + 2);
    disk.crash();
    open();
    assertThat(replayed).containsExactly("32 1 1 one", "99 2 1 two");
  }

  @Test
  void refusesAllAfterAFailedSync() throws IOException {
    Journal journal = open();
    journal.append(1, 1, bytes("one"));
    journal.sync();
    journal.append(2, 1, bytes("two"));
    disk.failSync(true);
    assertThatThrownBy(journal::sync).isInstanceOf(SyncFailedException.class);
    disk.failSync(false);
    assertThatThrownBy(journal::sync).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> journal.read(32)).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> journal.release(32)).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> journal.append(3, 1)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(journal::mark).isInstanceOf(IllegalStateException.class);
    // the system believes the pages are on the disk: the next process must not see them
    disk.kill();
    open();
    assertThat(replayed).containsExactly("32 1 1 one");
  }
}
