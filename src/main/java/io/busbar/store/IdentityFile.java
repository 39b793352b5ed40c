package io.busbar.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The file of a data directory's identity: at any moment the old one or the new one, whole. */
final class IdentityFile {
  static final String NAME = "identity";
  static final String NEXT = "identity.new";

  /** Longer than any. */
  private static final int MOST_BYTES = 4096;

  private IdentityFile() {}

  /** The text of the file, or null if there is none. */
  static String read(Disk disk) throws IOException {
    if (!disk.names().contains(NAME)) {
      return null;
    }
    try (Disk.File file = disk.open(NAME)) {
      ByteBuffer bytes = ByteBuffer.allocate(MOST_BYTES);
      int length = file.read(bytes, 0);
      return new String(bytes.array(), 0, length, StandardCharsets.UTF_8);
    }
  }

  /** Takes the place of what was there, once it is on the disk. */
  static void write(Disk disk, Identity identity) throws IOException {
    try (Disk.File file = disk.open(NEXT)) {
      file.truncate(0);
      file.write(ByteBuffer.wrap(identity.text().getBytes(StandardCharsets.UTF_8)), 0);
      file.sync();
    }
    disk.rename(NEXT, NAME);
    disk.syncNames();
  }
}
