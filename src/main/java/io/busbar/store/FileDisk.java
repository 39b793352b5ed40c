package io.busbar.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/**
 * A folder of the file system. The thread that uses it must not be interrupted, which would close
 * the files under its hands.
 */
public final class FileDisk implements Disk {
  /** The JDK keeps a buffer as long as the longest write; so no write is longer. */
  private static final int WRITE_BYTES = 1 << 20;

  private final Path folder;
  private final boolean posix;

  /**
   * A folder that exists.
   *
   * @throws IOException if it is not a folder
   */
  public FileDisk(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new IOException(folder + " is not a directory");
    }
    this.folder = folder;
    this.posix = folder.getFileSystem().supportedFileAttributeViews().contains("posix");
  }

  @Override
  public List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> file.getFileName().toString())
          .sorted()
          .toList();
    }
  }

  @Override
  public File open(String name) throws IOException {
    return new Open(
        FileChannel.open(
            folder.resolve(name),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE));
  }

  @Override
  public void delete(String name) throws IOException {
    Files.deleteIfExists(folder.resolve(name));
  }

  @Override
  public void rename(String from, String to) throws IOException {
    Files.move(
        folder.resolve(from),
        folder.resolve(to),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
  }

  @Override
  public void syncNames() throws IOException {
    if (posix) { // elsewhere a folder cannot be opened, and its names need no sync
      try (FileChannel names = FileChannel.open(folder, StandardOpenOption.READ)) {
        names.force(true);
      }
    }
  }

  @Override
  public long usable() throws IOException {
    return Files.getFileStore(folder).getUsableSpace();
  }

  private static final class Open implements File {
    private final FileChannel channel;

    Open(FileChannel channel) {
      this.channel = channel;
    }

    @Override
    public long length() throws IOException {
      return channel.size();
    }

    @Override
    public int read(ByteBuffer into, long at) throws IOException {
      int before = into.remaining();
      while (into.hasRemaining()) {
        if (channel.read(into, at + before - into.remaining()) < 0) {
          break;
        }
      }
      return before - into.remaining();
    }

    @Override
    public void write(ByteBuffer from, long at) throws IOException {
      int end = from.limit();
      int first = from.position();
      while (from.position() < end) {
        from.limit(Math.min(end, from.position() + WRITE_BYTES));
        channel.write(from, at + from.position() - first);
        from.limit(end);
      }
    }

    @Override
    public void truncate(long length) throws IOException {
      channel.truncate(length);
    }

    @Override
    public void sync() throws IOException {
      channel.force(false);
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
