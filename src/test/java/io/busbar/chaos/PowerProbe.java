package io.busbar.chaos;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * Writes files by every call that a broker on the JVM may use, syncs some, and waits to be killed.
 */
final class PowerProbe {
  private PowerProbe() {}

  /** The folder is the only argument. */
  public static void main(String[] args) throws IOException {
    Path folder = Path.of(args[0]);
    FileChannel journal = open(folder, "journal");
    write(journal, 0, "synced ");
    journal.force(false);
    write(journal, 7, "not synced");
    require(read(journal).equals("synced not synced"), "a process reads what it wrote");
    require(journal.size() == 17, "a file is as long as what was written");
    write(open(folder, "never"), 0, "not synced");

    FileChannel rewritten = open(folder, "rewritten");
    write(rewritten, 0, "aaaaaaaaaa");
    rewritten.force(true);
    write(rewritten, 2, "bb");
    rewritten.force(true);
    write(rewritten, 6, "cc");

    FileChannel cut = open(folder, "cut");
    write(cut, 0, "0123456789");
    cut.force(true);
    cut.truncate(4);
    cut.force(true);
    cut.truncate(2);

    try (RandomAccessFile direct = new RandomAccessFile(folder.resolve("direct").toFile(), "rwd")) {
      direct.write("each write".getBytes(StandardCharsets.UTF_8));
    }
    FileChannel scattered = open(folder, "scattered");
    scattered.write(new ByteBuffer[] {bytes("one "), bytes("two")});
    scattered.force(false);

    FileChannel old = open(folder, "new-name.tmp");
    write(old, 0, "renamed");
    old.force(true);
    FileChannel deleted = open(folder, "deleted");
    write(deleted, 0, "deleted");
    deleted.force(true);
    syncNames(folder);

    // After the last sync of the names:
    Files.move(
        folder.resolve("new-name.tmp"), folder.resolve("new-name"), StandardCopyOption.ATOMIC_MOVE);
    Files.delete(folder.resolve("deleted"));
    Files.createDirectory(folder.resolve("later"));
    FileChannel later = open(folder, "later/file");
    write(later, 0, "later");
    if (args.length > 1) {
      later.force(true);
    }
    System.out.println("written");
    System.in.read();
  }

  private static FileChannel open(Path folder, String name) throws IOException {
    return FileChannel.open(
        folder.resolve(name),
        StandardOpenOption.CREATE,
        StandardOpenOption.READ,
        StandardOpenOption.WRITE);
  }

  private static void syncNames(Path folder) throws IOException {
    try (FileChannel names = FileChannel.open(folder, StandardOpenOption.READ)) {
      names.force(true);
    }
  }

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  private static void write(FileChannel file, long at, String text) throws IOException {
    ByteBuffer bytes = bytes(text);
    while (bytes.hasRemaining()) {
      file.write(bytes, at + bytes.position());
    }
  }

  private static String read(FileChannel file) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(100);
    file.read(bytes, 0);
    return new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8);
  }

  private static void require(boolean condition, String what) {
    if (!condition) {
      throw new IllegalStateException("not so: " + what);
    }
  }
}
