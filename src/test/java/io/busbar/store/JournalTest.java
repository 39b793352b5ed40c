package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.testing.SimDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

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

  @Test
  void replaysWhatWasSynced() throws IOException {
    Journal journal = open();
    assertThat(journal.append(1, 2, bytes("one"))).isZero();
    assertThat(journal.append(65_535, 254, bytes("t"), bytes("w"), bytes("o"))).isEqualTo(35);
    assertThat(journal.append(0, 0)).isEqualTo(70);
    assertThat(journal.isDirty()).isTrue();
    journal.sync();
    assertThat(journal.isDirty()).isFalse();
    assertThat(disk.writes()).isOne();
    journal.append(1, 2, bytes("three"));
    disk.crash();

    journal = open();
    assertThat(replayed).containsExactly("0 1 2 one", "35 65535 254 two", "70 0 0 ");
    assertThat(journal.end()).isEqualTo(102);
    assertThat(journal.recovery()).isEqualTo(new Journal.Recovery(3, 102, 0, -1));
    assertThat(text(journal.read(35))).isEqualTo("two");
  }

  @Test
  void readsWhatIsOnlyInMemoryYet() throws IOException {
    Journal journal = open();
    journal.append(1, 2, bytes("one"));
    journal.sync();
    long position = journal.append(1, 2, bytes("two"));
    assertThat(text(journal.read(position))).isEqualTo("two");
    journal.sync();
    assertThat(text(journal.read(position))).isEqualTo("two");
    assertThat(text(journal.read(0))).isEqualTo("one");
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
    assertThat(disk.names()).hasSize(7);
    disk.crash();

    journal = open();
    assertThat(replayed).hasSize(12);
    journal.release(500);
    assertThat(journal.start()).isEqualTo(492);
    disk.crash();

    journal = open();
    assertThat(replayed).hasSize(6);
    assertThat(journal.start()).isEqualTo(492);
  }
}
