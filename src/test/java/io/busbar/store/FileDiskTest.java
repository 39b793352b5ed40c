package io.busbar.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileDiskTest {
  @TempDir private Path folder;

  @Test
  void holdsFiles() throws IOException {
    Disk disk = new FileDisk(folder);
    Files.createDirectory(folder.resolve("folder"));
    try (Disk.File file = disk.open("b")) {
      file.write(ByteBuffer.wrap(new byte[] {1, 2, 3, 4}, 1, 2), 3);
      file.sync();
      assertThat(file.length()).isEqualTo(5);
      ByteBuffer read = ByteBuffer.allocate(10);
      assertThat(file.read(read, 2)).isEqualTo(3);
      assertThat(read.flip()).isEqualTo(ByteBuffer.wrap(new byte[] {0, 2, 3}));
      assertThat(file.read(ByteBuffer.allocate(1), 5)).isZero();
      assertThat(file.read(ByteBuffer.allocate(1), 99)).isZero();
      file.truncate(4);
      assertThat(file.length()).isEqualTo(4);
    }
    disk.open("a").close();
    disk.syncNames();
    assertThat(disk.names()).containsExactly("a", "b");
    disk.rename("b", "a");
    assertThat(disk.names()).containsExactly("a");
    assertThat(Files.size(folder.resolve("a"))).isEqualTo(4);
    disk.delete("a");
    disk.delete("a");
    assertThat(disk.names()).isEmpty();
    assertThat(disk.usable()).isPositive();
  }

  @Test
  void writesMoreThanAtOnce() throws IOException {
    byte[] bytes = new byte[(5 << 20) + 3];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) ((i * 31) >> 5);
    }
    try (Disk.File file = new FileDisk(folder).open("a")) {
      ByteBuffer from = ByteBuffer.wrap(bytes, 1, bytes.length - 2);
      file.write(from, 7);
      assertThat(from.remaining()).isZero();
      assertThat(from.limit()).isEqualTo(bytes.length - 1);
      ByteBuffer read = ByteBuffer.allocate(bytes.length - 2);
      assertThat(file.read(read, 7)).isEqualTo(bytes.length - 2);
      assertThat(read.flip()).isEqualTo(ByteBuffer.wrap(bytes, 1, bytes.length - 2));
    }
  }

  @Test
  void needsAFolder() throws IOException {
    Path file = Files.createFile(folder.resolve("a"));
    assertThatThrownBy(() -> new FileDisk(file)).hasMessageContaining("is not a directory");
  }

  @Test
  void carriesAJournal() throws IOException {
    Disk disk = new FileDisk(folder);
    byte[] body = new byte[10_000];
    try (Journal journal = Journal.open(disk, 64_000, (position, group, kind, read) -> {})) {
      for (int i = 0; i < 100; i++) {
        body[0] = (byte) i;
        long position = journal.append(i, 1, ByteBuffer.wrap(body));
        journal.sync();
        assertThat(journal.read(position).array()).isEqualTo(body);
      }
      journal.release(500_000);
    }
    assertThat(disk.names().size()).isBetween(8, 10);
    List<Integer> groups = new ArrayList<>();
    try (Journal journal =
        Journal.open(disk, 64_000, (position, group, kind, read) -> groups.add(group))) {
      assertThat(groups).endsWith(97, 98, 99).isSorted();
      assertThat(journal.start()).isBetween(400_000L, 500_000L);
      assertThat(groups).hasSizeBetween(50, 60);
      assertThat(journal.recovery().cutBytes()).isZero();
    }
  }
}
