package io.busbar.testing;

import io.busbar.store.Disk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

/**
 * A folder in memory that knows what is synced and forgets the rest as real disks do: at a {@link
 * #crash} each write that was not synced is there wholly, partly, in some of its sectors, as zeros,
 * as what a cut had left there, or not at all, and each name that was not synced has or has not
 * changed. The same numbers give the same outcome.
 */
public final class SimDisk implements Disk {
  private static final int SECTOR = 512;

  private final RandomGenerator random;
  private TreeMap<String, Content> seen = new TreeMap<>();
  private TreeMap<String, Content> kept = new TreeMap<>();
  private final List<Naming> namings = new ArrayList<>();
  private int life;
  private long capacity = Long.MAX_VALUE;
  private boolean full;
  private boolean failWrite;
  private boolean failSync;
  private int changesLeft = Integer.MAX_VALUE;
  private long writes;
  private long syncs;
  private long nameSyncs;

  /** An empty one. */
  public SimDisk(RandomGenerator random) {
    this.random = random;
  }

  /** The power fails: open files are void, what is not synced is left to chance. */
  public void crash() {
    kill();
    for (Naming naming : namings) {
      if (random.nextBoolean()) {
        naming.apply(kept);
      }
    }
    namings.clear();
    kept.values().forEach(content -> content.crash(random));
    seen = new TreeMap<>(kept);
  }

  /** The process dies, the system lives: open files are void, all that was written is seen. */
  public void kill() {
    life++;
    changesLeft = Integer.MAX_VALUE;
  }

  /**
   * After so many changes (writes, cuts, syncs, changes of names) nothing works until the {@link
   * #crash} or {@link #kill} that has to follow.
   */
  public void endAfter(int changes) {
    changesLeft = changes;
  }

  private void change() throws IOException {
    if (changesLeft == 0) {
      throw new IOException("the power is off");
    }
    if (changesLeft < Integer.MAX_VALUE) {
      changesLeft--;
    }
  }

  /** A new disk: nothing is there. */
  public void wipe() {
    crash();
    namings.clear();
    kept.clear();
    seen.clear();
  }

  /** Turns one bit of a byte, now and for good. */
  public void flip(String name, long offset) {
    Content content = seen.get(name);
    byte bit = (byte) (1 << random.nextInt(8));
    content.seen[(int) offset] ^= bit;
    if (offset < content.keptLength) {
      content.kept[(int) offset] ^= bit;
    }
  }

  /** Puts a file in place, synced. */
  public void put(String name, byte[] bytes) {
    Content content = new Content();
    content.write(0, ByteBuffer.wrap(bytes));
    content.sync();
    seen.put(name, content);
    kept.put(name, content);
  }

  /** What a file holds, or null. */
  public byte[] get(String name) {
    Content content = seen.get(name);
    return content == null ? null : Arrays.copyOf(content.seen, content.seenLength);
  }

  /** While full no file grows; of a write that fails a part may be written. */
  public void full(boolean now) {
    full = now;
  }

  /** Bytes of all files at most. */
  public void capacity(long bytes) {
    capacity = bytes;
  }

  /** Whether every write fails. */
  public void failWrite(boolean now) {
    failWrite = now;
  }

  /**
   * Whether every sync fails. What a file's failed sync should have kept is kept by chance, though
   * it is seen until a crash, and no later sync makes up for it.
   */
  public void failSync(boolean now) {
    failSync = now;
  }

  /** Writes to files so far. */
  public long writes() {
    return writes;
  }

  /** Syncs of files so far. */
  public long syncs() {
    return syncs;
  }

  /** Syncs of the names so far. */
  public long nameSyncs() {
    return nameSyncs;
  }

  @Override
  public List<String> names() {
    return List.copyOf(seen.keySet());
  }

  @Override
  public File open(String name) throws IOException {
    Content content = seen.get(name);
    if (content == null) {
      change();
      if (failWrite || (full && random.nextBoolean())) {
        throw new IOException(failWrite ? "Input/output error" : "No space left on device");
      }
      content = new Content();
      change(new Naming(null, name, content));
    }
    return new Open(content);
  }

  @Override
  public void delete(String name) throws IOException {
    change();
    if (seen.containsKey(name)) {
      change(new Naming(name, null, null));
    }
  }

  @Override
  public void rename(String from, String to) throws IOException {
    change();
    Content content = seen.get(from);
    if (content == null) {
      throw new IOException("no file " + from);
    }
    change(new Naming(from, to, content));
  }

  private void change(Naming naming) {
    naming.apply(seen);
    namings.add(naming);
  }

  @Override
  public void syncNames() throws IOException {
    nameSyncs++;
    change();
    if (failSync) {
      throw new IOException("Input/output error");
    }
    namings.forEach(naming -> naming.apply(kept));
    namings.clear();
  }

  @Override
  public long usable() {
    if (full) {
      return 0;
    }
    long used = 0;
    for (Content content : seen.values()) {
      used += content.seenLength;
    }
    return Math.max(0, capacity - used);
  }

  private final class Open implements File {
    private final Content content;
    private final int opened = life;
    private boolean closed;

    Open(Content content) {
      this.content = content;
    }

    private Content content() throws IOException {
      if (closed || opened != life) {
        throw new IOException("the file is closed");
      }
      return content;
    }

    @Override
    public long length() throws IOException {
      return content().seenLength;
    }

    @Override
    public int read(ByteBuffer into, long at) throws IOException {
      long there = content().seenLength - at;
      int count = (int) Math.max(0, Math.min(into.remaining(), there));
      into.put(content.seen, (int) at, count);
      return count;
    }

    @Override
    public void write(ByteBuffer from, long at) throws IOException {
      writes++;
      change();
      long growth = at + from.remaining() - content().seenLength;
      if (failWrite || (growth > 0 && (full || capacity < Long.MAX_VALUE) && growth > usable())) {
        int part = random.nextInt(from.remaining() + 1);
        if (full && !failWrite) {
          part = (int) Math.max(0, Math.min(part, content.seenLength - at));
        }
        content.write(at, from.slice(from.position(), part));
        throw new IOException(failWrite ? "Input/output error" : "No space left on device");
      }
      content.write(at, from);
      from.position(from.limit());
    }

    @Override
    public void truncate(long length) throws IOException {
      change();
      content().truncate(length);
    }

    @Override
    public void sync() throws IOException {
      syncs++;
      change();
      if (failSync) {
        content().failSync(random);
        throw new IOException("Input/output error");
      }
      content().sync();
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  /** A file gets a name, loses one, or changes it. */
  private record Naming(String from, String to, Content content) {
    void apply(TreeMap<String, Content> names) {
      if (from != null) {
        names.remove(from);
      }
      if (to != null) {
        names.put(to, content);
      }
    }
  }

  /** Bytes to put at an offset; or, without bytes, a cut. */
  private record Change(int at, byte[] bytes) {}

  /** What a file holds: as it is seen, as it is kept, and the changes between. */
  private static final class Content {
    private static final byte[] EMPTY = {};

    private byte[] seen = EMPTY;
    private int seenLength;
    private byte[] kept = EMPTY;
    private int keptLength;
    private final List<Change> changes = new ArrayList<>();

    /** What was cut off last, and where: it may show up again where the file grows. */
    private byte[] stale = EMPTY;

    private int staleAt;

    void write(long at, ByteBuffer from) {
      byte[] bytes = new byte[from.remaining()];
      from.get(from.position(), bytes);
      int end = (int) at + bytes.length;
      if (bytes.length > 0) {
        seen = room(seen, end);
        System.arraycopy(bytes, 0, seen, (int) at, bytes.length);
        seenLength = Math.max(seenLength, end);
        changes.add(new Change((int) at, bytes));
      }
    }

    void truncate(long length) {
      if (length < seenLength) {
        stale = Arrays.copyOfRange(seen, (int) length, seenLength);
        staleAt = (int) length;
        Arrays.fill(seen, (int) length, seenLength, (byte) 0);
        seenLength = (int) length;
        changes.add(new Change((int) length, null));
      }
    }

    void sync() {
      for (Change change : changes) {
        keep(change, 0, change.bytes == null ? 0 : change.bytes.length);
      }
      changes.clear();
    }

    void failSync(RandomGenerator random) {
      changes.forEach(change -> chance(change, random));
      changes.clear();
    }

    void crash(RandomGenerator random) {
      failSync(random);
      seen = Arrays.copyOf(kept, keptLength);
      seenLength = keptLength;
    }

    private void chance(Change change, RandomGenerator random) {
      int length = change.bytes == null ? 0 : change.bytes.length;
      switch (random.nextInt(5)) {
        case 0 -> {}
        case 1 -> keep(change, 0, length);
        case 2 -> keep(change, 0, random.nextInt(length + 1));
        case 3 -> {
          int end = change.at + length;
          for (int from = change.at; from < end; from += SECTOR - from % SECTOR) {
            int next = Math.min(end, from + SECTOR - from % SECTOR);
            if (random.nextBoolean()) {
              keep(change, from - change.at, next - change.at);
            }
          }
        }
        default -> {
          int from = keptLength;
          grow(change.at + random.nextInt(length + 1));
          if (random.nextBoolean()) {
            for (int i = Math.max(from, staleAt); i < keptLength; i++) {
              kept[i] = i < staleAt + stale.length ? stale[i - staleAt] : 0;
            }
          }
        }
      }
    }

    /** Keeps a part of a change; a cut always does the same. */
    private void keep(Change change, int from, int to) {
      if (change.bytes == null) {
        int length = Math.min(keptLength, change.at);
        Arrays.fill(kept, length, keptLength, (byte) 0);
        keptLength = length;
      } else if (to > from) {
        grow(change.at + to);
        System.arraycopy(change.bytes, from, kept, change.at + from, to - from);
      }
    }

    /** Makes it longer, by zeros. */
    private void grow(int length) {
      kept = room(kept, length);
      keptLength = Math.max(keptLength, length);
    }

    private static byte[] room(byte[] bytes, int length) {
      return length <= bytes.length
          ? bytes
          : Arrays.copyOf(bytes, Math.max(length, Math.max(64, 2 * bytes.length)));
    }
  }
}
