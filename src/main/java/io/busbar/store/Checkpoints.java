package io.busbar.store;

import io.busbar.shard.Checkpoint;
import io.busbar.shard.FormException;
import io.busbar.shard.Machine;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;

/**
 * The checkpoint files of one group: at most one that is whole, one that is being written and one
 * that is being received. A file gets its name when all of it is on disk.
 */
final class Checkpoints {
  /** So much is written before it is synced: a sync of more would hold the turn. */
  private static final int SYNC_BYTES = 1 << 20;

  /** A part that another node is sent, about. */
  private static final int PART_BYTES = 256 * 1024;

  private static final int MAX_PARTS = 4_096;
  private static final int READ_BYTES = 64 * 1024;

  /**
   * Before the bytes of a part that is sent: where they belong, and what tells the file from any
   * other of the same index, whose parts are cut otherwise.
   */
  private static final int HEAD = Long.BYTES + Integer.BYTES;

  private final Disk disk;
  private final String prefix;
  private Writing writing;
  private Receiving receiving;
  private long newest;
  private long newestLength;
  private int newestCrc;

  /** Bytes that wait for the disk. */
  private static final class Pending extends ByteArrayOutputStream {
    /** All of them, until more come. */
    ByteBuffer view() {
      return ByteBuffer.wrap(buf, 0, count);
    }
  }

  /** A checkpoint that is being written. */
  private static final class Writing {
    final long index;
    final Checkpoint source;

    /** Null until the disk takes it. */
    Disk.File file;

    /** What the source gave and the file does not have yet. */
    final Pending pending = new Pending();

    final CRC32C crc = new CRC32C();
    boolean isDrained;
    long length;
    long synced;

    Writing(long index, Checkpoint source) {
      this.index = index;
      this.source = source;
    }
  }

  /** A checkpoint that comes from another node. */
  private static final class Receiving {
    final long index;
    final int crc;
    final Disk.File file;
    final BitSet parts = new BitSet();

    Receiving(long index, int crc, Disk.File file) {
      this.index = index;
      this.crc = crc;
      this.file = file;
    }
  }

  Checkpoints(Disk disk, int group) {
    this.disk = disk;
    this.prefix = "checkpoint-" + group + "-";
  }

  private String name(long index) {
    return prefix + index;
  }

  private String newName(long index) {
    return name(index) + ".new";
  }

  private String inName(long index) {
    return name(index) + ".in";
  }

  /**
   * In how many parts a checkpoint is sent that is not written yet.
   *
   * @param grown bytes of the entries since the last one
   */
  int parts(long grown) {
    return (int) Math.max(1, Math.min(MAX_PARTS, (newestLength + grown) / PART_BYTES));
  }

  // --- written here ---

  /** Begins to write one; one that was not whole is given up. */
  void begin(long index, Checkpoint source) throws IOException {
    abandon();
    writing = new Writing(index, source);
  }

  boolean isWriting() {
    return writing != null;
  }

  /**
   * Writes some of it.
   *
   * @return whether it is whole, on disk and has its name
   * @throws WriteFailedException if the disk does not take it now; nothing is lost
   */
  boolean write(int budget) throws IOException {
    Writing it = writing;
    if (it.file == null) {
      it.file = create(newName(it.index));
    }
    if (!it.isDrained && it.pending.size() == 0) {
      it.isDrained = it.source.writeSome(budget, it.pending::writeBytes);
    }
    if (it.pending.size() > 0) {
      ByteBuffer bytes = it.pending.view();
      try {
        it.file.write(bytes, it.length);
      } catch (IOException e) {
        throw failed(newName(it.index), it.pending.size(), e);
      }
      it.crc.update(bytes.rewind());
      it.length += it.pending.size();
      it.pending.reset();
    }
    if (it.isDrained || it.length - it.synced >= SYNC_BYTES) {
      sync(it.file, newName(it.index));
      it.synced = it.length;
    }
    if (!it.isDrained) {
      return false;
    }
    it.file.close();
    writing = null;
    named(newName(it.index), it.index);
    newestLength = it.length;
    newestCrc = (int) it.crc.getValue();
    return true;
  }

  /** Gives up the one that is being written. */
  void abandon() throws IOException {
    if (writing != null) {
      if (writing.file != null) {
        writing.file.close();
        disk.delete(newName(writing.index));
      }
      writing = null;
    }
  }

  /** A file of which nothing is there yet. */
  private Disk.File create(String name) throws IOException {
    try {
      Disk.File file = disk.open(name);
      file.truncate(0);
      return file;
    } catch (IOException e) {
      throw failed(name, 0, e);
    }
  }

  private static void sync(Disk.File file, String name) throws IOException {
    try {
      file.sync();
    } catch (IOException e) {
      throw new SyncFailedException("file " + name, e);
    }
  }

  private void named(String from, long index) throws IOException {
    disk.rename(from, name(index));
    try {
      disk.syncNames();
    } catch (IOException e) {
      throw new SyncFailedException("the name of " + name(index), e);
    }
    newest = index;
  }

  // --- between nodes ---

  /** A part as it is sent: where it belongs, how long the whole is, and the bytes; or null. */
  byte[] read(Part part) throws IOException {
    if (part.index() != newest) {
      return null;
    }
    try (Disk.File file = disk.open(name(newest))) {
      long length = file.length();
      long begin = part.begin(length);
      ByteBuffer bytes = ByteBuffer.allocate(HEAD + (int) (part.end(length) - begin));
      bytes.putLong(begin).putInt(newestCrc);
      file.read(bytes, begin);
      return bytes.array();
    }
  }

  /**
   * Takes a part that another node sent.
   *
   * @return whether the checkpoint is whole now, on disk, and has its name
   */
  boolean receive(Part part, byte[] sent) throws IOException {
    if (receiving != null && receiving.index > part.index()) {
      return false;
    }
    ByteBuffer bytes = ByteBuffer.wrap(sent);
    long begin = bytes.getLong();
    int crc = bytes.getInt();
    if (receiving == null || !isOf(part, crc)) {
      stopReceiving();
      receiving = new Receiving(part.index(), crc, create(inName(part.index())));
    }
    try {
      receiving.file.write(bytes, begin);
    } catch (IOException e) {
      throw failed(inName(part.index()), sent.length, e);
    }
    receiving.parts.set(part.number());
    if (receiving.parts.cardinality() < part.count()) {
      return false;
    }
    sync(receiving.file, inName(part.index()));
    receiving.file.close();
    receiving = null;
    // what is written here is of an older state, and would take its place
    abandon();
    named(inName(part.index()), part.index());
    newestCrc = crc;
    return true;
  }

  /** Whether a part begins another file than the one whose parts came before it. */
  boolean isOther(Part part, byte[] sent) {
    return receiving != null && !isOf(part, ByteBuffer.wrap(sent).getInt(Long.BYTES));
  }

  private boolean isOf(Part part, int crc) {
    return receiving.index == part.index() && receiving.crc == crc;
  }

  private void stopReceiving() throws IOException {
    if (receiving != null) {
      receiving.file.close();
      disk.delete(inName(receiving.index));
      receiving = null;
    }
  }

  private WriteFailedException failed(String file, int bytes, IOException cause)
      throws IOException {
    return new WriteFailedException(file, bytes, disk.usable() < bytes, cause);
  }

  /** Bytes of the newest that is whole, 0 for none. */
  long length() {
    return newestLength;
  }

  /** The log index of the newest that is whole, or 0. */
  long newest() {
    return newest;
  }

  // --- read back ---

  /**
   * The machine of a checkpoint that is whole.
   *
   * @throws IOException if it is not there, or damaged
   */
  Machine restore(long index) throws IOException {
    try (Disk.File file = disk.open(name(index))) {
      CheckedInputStream checked =
          new CheckedInputStream(
              new BufferedInputStream(new Input(file), READ_BYTES), new CRC32C());
      Machine machine = Machine.restore(checked);
      newest = index;
      newestLength = file.length();
      newestCrc = (int) checked.getChecksum().getValue();
      return machine;
    } catch (FormException.Damaged e) {
      throw new DamagedCheckpointException(name(index), e);
    }
  }

  /** A file read from its beginning. */
  private static final class Input extends InputStream {
    private final Disk.File file;
    private long at;

    Input(Disk.File file) {
      this.file = file;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
      int count = file.read(ByteBuffer.wrap(into, offset, length), at);
      at += count;
      return count == 0 && length > 0 ? -1 : count;
    }
  }

  /** Deletes all but this one and what is being written or received. */
  void keep(long index) throws IOException {
    for (String name : disk.names()) {
      boolean isOther = name.startsWith(prefix) && !name.equals(name(index));
      boolean isOpen =
          (writing != null && name.equals(newName(writing.index)))
              || (receiving != null && name.equals(inName(receiving.index)));
      if (isOther && !isOpen) {
        disk.delete(name);
      }
    }
  }
}
