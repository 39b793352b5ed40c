package io.busbar.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * The files of one folder, as the journal and the snapshots need them. What was written is there
 * after a crash only if it was synced before: the content of a file by {@link File#sync}, its
 * existence and name by {@link #syncNames}. One thread uses it.
 */
public interface Disk {
  /** A file that is open. */
  interface File extends AutoCloseable {
    /** Bytes. */
    long length() throws IOException;

    /** Reads until the buffer is full or the file ends; returns how many bytes. */
    int read(ByteBuffer into, long at) throws IOException;

    /** Writes all of the buffer; beyond the end the file grows. */
    void write(ByteBuffer from, long at) throws IOException;

    /** Cuts the file. */
    void truncate(long length) throws IOException;

    /** Has everything that was written, and the length, on the disk. */
    void sync() throws IOException;

    @Override
    void close() throws IOException;
  }

  /** The names of the files, in order. */
  List<String> names() throws IOException;

  /** Opens a file to read and write; creates it if it is not there. */
  File open(String name) throws IOException;

  /** Deletes a file; nothing happens if it is not there. */
  void delete(String name) throws IOException;

  /** Renames a file; takes the place of one that has the new name. */
  void rename(String from, String to) throws IOException;

  /** Has what was created, deleted and renamed on the disk. */
  void syncNames() throws IOException;

  /** Bytes that could still be written, as far as the disk knows. */
  long usable() throws IOException;
}
