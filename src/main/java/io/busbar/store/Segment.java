package io.busbar.store;

import java.io.IOException;
import java.util.HexFormat;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** One file of a journal, named by the position where it starts; opened when it is used. */
final class Segment {
  private static final Pattern NAME = Pattern.compile("[0-7][0-9a-f]{15}\\.journal");

  private final Disk disk;
  private final long start;
  private final String name;
  private Disk.File file;

  Segment(Disk disk, long start) {
    this.disk = disk;
    this.start = start;
    this.name = name(start);
  }

  /** The name of the file that starts at a position. */
  static String name(long start) {
    return HexFormat.of().toHexDigits(start) + ".journal";
  }

  /** Those that are there, by their start. */
  static NavigableMap<Long, Segment> all(Disk disk) throws IOException {
    NavigableMap<Long, Segment> all = new TreeMap<>();
    List<String> names = disk.names();
    for (String name : names) {
      long start = start(name);
      if (start >= 0) {
        all.put(start, new Segment(disk, start));
      }
    }
    return all;
  }

  /** Where the file of a name starts, or -1 for a file that is none of a journal. */
  static long start(String name) {
    return NAME.matcher(name).matches() ? Long.parseLong(name, 0, 16, 16) : -1;
  }

  long start() {
    return start;
  }

  String name() {
    return name;
  }

  /** The open file; created if it is not there. */
  Disk.File file() throws IOException {
    if (file == null) {
      file = disk.open(name);
    }
    return file;
  }

  /** Closes the file; the next use opens it again. */
  void close() throws IOException {
    Disk.File open = file;
    file = null;
    if (open != null) {
      open.close();
    }
  }
}
