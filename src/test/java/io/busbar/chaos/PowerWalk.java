package io.busbar.chaos;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Random;

/** Random writes, cuts and syncs on some files, beside a model of what is on the disk. */
final class PowerWalk {
  static final int FILES = 4;
  private static final int STEPS = 3_000;
  private static final int LONGEST_WRITE = 3_000;
  private static final int LONGEST_FILE = 300_000;
  private static final int HOLE = 70_000;

  private final byte[][] live = new byte[FILES][0];
  private final byte[][] durable = new byte[FILES][0];
  private final Random random;

  private PowerWalk(long seed) {
    random = new Random(seed);
  }

  /** Arguments: folder and seed. Walks, says so, and waits to be killed. */
  public static void main(String[] args) throws IOException {
    Path folder = Path.of(args[0]);
    FileChannel[] files = new FileChannel[FILES];
    for (int i = 0; i < FILES; i++) {
      files[i] =
          FileChannel.open(
              folder.resolve(String.valueOf(i)),
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE);
    }
    try (FileChannel names = FileChannel.open(folder, StandardOpenOption.READ)) {
      names.force(true);
    }
    new PowerWalk(Long.parseLong(args[1])).walk(files);
    System.out.println("written");
    System.in.read();
  }

  /** What is on the disk after a walk, by file. */
  static byte[][] durable(long seed) throws IOException {
    PowerWalk walk = new PowerWalk(seed);
    walk.walk(null);
    return walk.durable;
  }

  /** Walks on files that are open, or on the model alone. */
  private void walk(FileChannel[] files) throws IOException {
    for (int i = 0; i < STEPS; i++) {
      int which = random.nextInt(FILES);
      step(which, files == null ? null : files[which]);
      if (files != null && !Arrays.equals(live[which], content(files[which]))) {
        throw new IllegalStateException("step " + i + ": does not read what it wrote");
      }
    }
  }

  private void step(int which, FileChannel file) throws IOException {
    int length = live[which].length;
    int kind = random.nextInt(100);
    if (kind < 3) {
      durable[which] = live[which].clone();
      if (file != null) {
        file.force(random.nextBoolean());
      } else {
        random.nextBoolean();
      }
    } else if (kind < 5) {
      int to = random.nextInt(length + 1);
      live[which] = Arrays.copyOf(live[which], to);
      if (file != null) {
        file.truncate(to);
      }
    } else {
      // at the end, or anywhere, now and then beyond the end
      int at =
          kind < 50 || length > LONGEST_FILE
              ? random.nextInt(length + 1)
              : length + (kind == 99 ? HOLE : 0);
      byte[] bytes = new byte[1 + random.nextInt(LONGEST_WRITE)];
      random.nextBytes(bytes);
      if (at + bytes.length > length) {
        live[which] = Arrays.copyOf(live[which], at + bytes.length);
      }
      System.arraycopy(bytes, 0, live[which], at, bytes.length);
      if (file != null) {
        write(file, at, bytes, kind);
      }
    }
  }

  /** By a call of those that there are: positioned, where the file stands, of two parts. */
  private static void write(FileChannel file, int at, byte[] bytes, int kind) throws IOException {
    ByteBuffer all = ByteBuffer.wrap(bytes);
    if (kind % 3 == 0) {
      while (all.hasRemaining()) {
        file.write(all, at + all.position());
      }
      return;
    }
    file.position(at);
    int half = bytes.length / 2;
    ByteBuffer[] parts = {
      ByteBuffer.wrap(bytes, 0, half).slice(), ByteBuffer.wrap(bytes, half, bytes.length - half)
    };
    while (kind % 3 == 1 && parts[1].hasRemaining()) {
      file.write(parts);
    }
    while (kind % 3 == 2 && all.hasRemaining()) {
      file.write(all);
    }
  }

  private static byte[] content(FileChannel file) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate((int) file.size());
    while (bytes.hasRemaining()) {
      if (file.read(bytes, bytes.position()) < 0) {
        throw new IllegalStateException("the file is shorter than its size");
      }
    }
    return bytes.array();
  }
}
