package io.busbar.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** What is done with the folder of a damaged store when its operator accepts the loss. */
final class Salvage {
  private Salvage() {}

  /**
   * Sets a folder aside, as it is, and leaves in its place what stands before the damage.
   *
   * @param position where the journal's damage begins; 0 leaves nothing
   * @return where the folder is now
   */
  static Path before(Path folder, long position) throws IOException {
    Path kept = folder.resolveSibling(folder.getFileName() + ".salvage");
    clear(kept);
    FileDisk to = new FileDisk(kept);
    if (position > 0) {
      for (Path file : files(folder)) {
        keep(file, kept.resolve(file.getFileName()), position, to);
      }
    }
    to.syncNames();
    // what takes its place is whole; in between there is none, which is refused like a lost one
    Path aside = free(folder);
    Files.move(folder, aside);
    Files.move(kept, folder);
    new FileDisk(folder.toAbsolutePath().getParent()).syncNames();
    return aside;
  }

  /** Deletes a folder: it is gone at once, or as a whole not yet. */
  static void discard(Path folder) throws IOException {
    Path aside = folder.resolveSibling(folder.getFileName() + ".left");
    if (Files.exists(aside)) {
      // of one that was not finished
      clear(aside);
      Files.delete(aside);
    }
    if (Files.exists(folder)) {
      Files.move(folder, aside);
      new FileDisk(folder.toAbsolutePath().getParent()).syncNames();
      clear(aside);
      Files.delete(aside);
    }
  }

  /** Empty, whatever an attempt before has left. */
  private static void clear(Path folder) throws IOException {
    if (Files.exists(folder)) {
      for (Path file : files(folder)) {
        Files.delete(file);
      }
    } else {
      Files.createDirectory(folder);
    }
  }

  private static void keep(Path from, Path to, long position, FileDisk disk) throws IOException {
    String name = from.getFileName().toString();
    long start = Segment.start(name);
    if (start >= position) {
      return;
    }
    Files.copy(from, to);
    try (Disk.File copy = disk.open(name)) {
      if (start >= 0 && copy.length() > position - start) {
        copy.truncate(position - start);
      }
      copy.sync();
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(Files::isRegularFile).toList();
    }
  }

  private static Path free(Path folder) {
    int number = 1;
    Path aside;
    do {
      aside = folder.resolveSibling(folder.getFileName() + ".damaged-" + number++);
    } while (Files.exists(aside));
    return aside;
  }
}
