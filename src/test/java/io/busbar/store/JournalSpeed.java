package io.busbar.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * How fast a journal is on a real disk: records of 256 bytes, a sync after each batch; then how
 * fast they are replayed. {@code java -cp target/classes:target/test-classes
 * io.busbar.store.JournalSpeed /an/empty/folder}; the folder keeps the files.
 */
public final class JournalSpeed {
  private static final int BODY = 256;
  private static final long NANOS = 5_000_000_000L;

  private JournalSpeed() {}

  /** The folder. */
  public static void main(String[] args) throws IOException {
    for (int batch : new int[] {1, 16, 256, 4096}) {
      Path folder = Files.createDirectories(Path.of(args[0]).resolve("batch" + batch));
      write(folder, batch);
      replay(folder);
    }
  }

  private static void write(Path folder, int batch) throws IOException {
    ByteBuffer body = ByteBuffer.allocate(BODY);
    long[] nanos = new long[1_000_000];
    int syncs = 0;
    try (Journal journal = open(folder, new long[1])) {
      long start = System.nanoTime();
      long before = start;
      while (before - start < NANOS && syncs < nanos.length) {
        for (int i = 0; i < batch; i++) {
          journal.append(i & 15, 1, body);
        }
        journal.sync();
        long now = System.nanoTime();
        nanos[syncs++] = now - before;
        before = now;
      }
      double seconds = (before - start) / 1e9;
      Arrays.sort(nanos, 0, syncs);
      System.out.printf(
          "batch %d: %,.0f records/s, %,.0f syncs/s, a batch takes p50 %d p99 %d us%n",
          batch,
          batch * syncs / seconds,
          syncs / seconds,
          nanos[syncs / 2] / 1000,
          nanos[(int) (syncs * 0.99)] / 1000);
    }
  }

  private static void replay(Path folder) throws IOException {
    long[] bytes = new long[1];
    long start = System.nanoTime();
    try (Journal journal = open(folder, bytes)) {
      double seconds = (System.nanoTime() - start) / 1e9;
      long records = journal.recovery().records();
      System.out.printf(
          "  replayed %,d records in %.2f s: %,.0f/s%n", records, seconds, records / seconds);
    }
  }

  private static Journal open(Path folder, long[] bytes) throws IOException {
    return Journal.open(
        new FileDisk(folder),
        Journal.SEGMENT_BYTES,
        (position, group, kind, body) -> bytes[0] += body.remaining());
  }
}
