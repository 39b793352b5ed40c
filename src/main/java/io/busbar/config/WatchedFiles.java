package io.busbar.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;

/**
 * Files that others replace while the node runs, by writing to them, by moving others in their
 * place, or behind symbolic links, as Kubernetes does. For one thread at a time; looks at the disk.
 */
public final class WatchedFiles {
  private final List<Path> files;
  private List<String> seen = List.of();

  /** Nothing was looked at yet. */
  public WatchedFiles(List<Path> files) {
    this.files = List.copyOf(files);
  }

  /** Whether they have not been looked at yet, or were forgotten. */
  public boolean isNew() {
    return seen.isEmpty();
  }

  /** Which files. */
  public List<Path> files() {
    return files;
  }

  /** Whether one of them is another than at the last call; the first time always. */
  public boolean haveChanged() {
    List<String> now = stamps();
    boolean haveChanged = !now.equals(seen);
    seen = now;
    return haveChanged;
  }

  /** Has the next call say that they have changed. */
  public void forget() {
    seen = List.of();
  }

  /** What tells one state of the files from another. */
  private List<String> stamps() {
    List<String> stamps = new ArrayList<>();
    for (Path file : files) {
      try {
        BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
        stamps.add(now.lastModifiedTime() + " " + now.size() + " " + now.fileKey());
      } catch (IOException e) {
        stamps.add("none");
      }
    }
    return stamps;
  }
}
