package io.busbar.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Keeps a directory to one user; the system takes the lock back when the process ends. */
final class DirectoryLock implements AutoCloseable {
  static final String NAME = "lock";

  /**
   * Those of this process. Asked first: where locks are the process's, closing any channel to a
   * locked file gives the lock away.
   */
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private final Path directory;
  private final FileChannel channel;

  private DirectoryLock(Path directory, FileChannel channel) {
    this.directory = directory;
    this.channel = channel;
  }

  /**
   * Locks a directory.
   *
   * @throws DataDirectoryException if another has it
   */
  static DirectoryLock take(Path path) throws IOException {
    Path directory = path.toRealPath();
    if (!HELD.add(directory)) {
      throw inUse(path, "this process (" + ProcessHandle.current().pid() + ") already");
    }
    FileChannel channel = null;
    try {
      channel =
          FileChannel.open(
              directory.resolve(NAME), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      FileLock lock = channel.tryLock();
      if (lock == null) {
        throw inUse(path, holder(directory.resolve(NAME)));
      }
      channel.truncate(0);
      String pid = ProcessHandle.current().pid() + "\n";
      channel.write(ByteBuffer.wrap(pid.getBytes(StandardCharsets.US_ASCII)));
      return new DirectoryLock(directory, channel);
    } catch (IOException | RuntimeException e) {
      HELD.remove(directory);
      if (channel != null) {
        channel.close();
      }
      throw e;
    }
  }

  private static DataDirectoryException inUse(Path path, String holder) {
    return new DataDirectoryException(
        "data directory "
            + path
            + " is in use by "
            + holder
            + ": stop that one, or give this node a data directory of its own");
  }

  private static String holder(Path file) throws IOException {
    String text = Files.readString(file, StandardCharsets.US_ASCII).strip();
    return text.matches("[0-9]+") ? "process " + text : "another process";
  }

  @Override
  public void close() throws IOException {
    channel.close();
    HELD.remove(directory);
  }
}
