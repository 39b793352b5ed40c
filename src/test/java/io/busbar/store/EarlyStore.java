package io.busbar.store;

import io.busbar.config.Settings;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.UnaryOperator;

/**
 * A store that answers before what it answers is on the disk, which takes its time, so that a test
 * can notice it.
 */
public final class EarlyStore {
  /** A store without some of what its promises rest on, by name. */
  public static Store without(
      Collection<String> safeguards, Settings settings, StoreMeters meters) {
    Set<Safeguard> without = EnumSet.noneOf(Safeguard.class);
    safeguards.forEach(name -> without.add(Safeguard.valueOf(name)));
    return Stores.open(settings, meters, without, UnaryOperator.identity());
  }

  private EarlyStore() {}

  /** As {@link Stores#open}. */
  public static Store open(Settings settings, StoreMeters meters) {
    return Stores.open(
        settings,
        meters,
        Set.of(Safeguard.SYNC_BEFORE_COUNT, Safeguard.HELD_ANSWERS),
        SlowDisk::new);
  }

  /** A disk on which each sync takes long. */
  private record SlowDisk(Disk disk) implements Disk {
    private static final long SYNC = TimeUnit.MILLISECONDS.toNanos(100);

    @Override
    public List<String> names() throws IOException {
      return disk.names();
    }

    @Override
    public File open(String name) throws IOException {
      return new SlowFile(disk.open(name));
    }

    @Override
    public void delete(String name) throws IOException {
      disk.delete(name);
    }

    @Override
    public void rename(String from, String to) throws IOException {
      disk.rename(from, to);
    }

    @Override
    public void syncNames() throws IOException {
      disk.syncNames();
    }

    @Override
    public long usable() throws IOException {
      return disk.usable();
    }
  }

  private record SlowFile(Disk.File file) implements Disk.File {
    @Override
    public long length() throws IOException {
      return file.length();
    }

    @Override
    public int read(ByteBuffer into, long at) throws IOException {
      return file.read(into, at);
    }

    @Override
    public void write(ByteBuffer from, long at) throws IOException {
      file.write(from, at);
    }

    @Override
    public void truncate(long length) throws IOException {
      file.truncate(length);
    }

    @Override
    public void sync() throws IOException {
      LockSupport.parkNanos(SlowDisk.SYNC);
      file.sync();
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }
}
