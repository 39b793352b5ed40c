package io.busbar.store;

import java.io.IOException;
import java.nio.ByteBuffer;

/** A file that is read forward through a buffer, which grows to the longest piece asked for. */
final class Window {
  private final Disk.File file;
  private final long length;
  private ByteBuffer buffer;
  private long from;

  /**
   * Nothing read yet.
   *
   * @param size bytes to read at a time
   */
  Window(Disk.File file, int size) throws IOException {
    this.file = file;
    this.length = file.length();
    this.buffer = ByteBuffer.allocate((int) Math.min(size, length)).limit(0);
  }

  /** Bytes of the file. */
  long length() {
    return length;
  }

  /** Where {@link #at} puts things. */
  ByteBuffer buffer() {
    return buffer;
  }

  /** Has bytes of the file, which must be there, in the buffer; returns the index of the first. */
  int at(long offset, int count) throws IOException {
    if (offset < from || offset + count > from + buffer.limit()) {
      if (count > buffer.capacity()) {
        buffer = ByteBuffer.allocate(count);
      }
      buffer.clear();
      int read = file.read(buffer, offset);
      buffer.position(0).limit(read);
      from = offset;
      if (read < count) {
        throw new IOException("the file ends at " + (offset + read) + " instead of " + length);
      }
    }
    return (int) (offset - from);
  }
}
