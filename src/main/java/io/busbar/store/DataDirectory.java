package io.busbar.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;

/** The directory with all that a node must not forget. One process at a time has it open. */
public final class DataDirectory implements AutoCloseable {
  /** What may be in a directory that is new: a file system's own, and what a crash left. */
  private static final Set<String> NOTHING =
      Set.of(DirectoryLock.NAME, IdentityFile.NEXT, "lost+found", "dead-letters");

  /**
   * What a directory has to be, or is made to be.
   *
   * @param name of the node, for a new directory
   * @param cluster the id of the configured cluster, empty if none is configured
   * @param shards of a new directory
   * @param groups of a new directory
   */
  public record Setup(String name, String cluster, int shards, int groups) {}

  private final Path path;
  private final DirectoryLock lock;
  private final Disk disk;
  private Identity identity;

  private DataDirectory(Path path, DirectoryLock lock, Disk disk, Identity identity) {
    this.path = path;
    this.lock = lock;
    this.disk = disk;
    this.identity = identity;
  }

  /**
   * Opens a data directory, or makes one where nothing is. Counts the start, on the disk.
   *
   * @param clock for when it was made
   * @throws DataDirectoryException if it cannot be used
   */
  public static DataDirectory open(Path path, Setup setup, InstantSource clock)
      throws DataDirectoryException {
    try {
      create(path);
      refuseForeign(path);
      DirectoryLock lock = DirectoryLock.take(path);
      try {
        refuseForeign(path); // before the lock it might have been half made
        Disk disk = new FileDisk(path);
        Identity identity = identity(path, disk, setup, clock);
        IdentityFile.write(disk, identity);
        return new DataDirectory(path, lock, disk, identity);
      } catch (IOException | RuntimeException e) {
        lock.close();
        throw e;
      }
    } catch (DataDirectoryException e) {
      throw e;
    } catch (IOException e) {
      throw new DataDirectoryException("data directory " + path + " cannot be used: " + e, e);
    }
  }

  private static void create(Path path) throws IOException {
    if (!Files.exists(path)) {
      Deque<Path> missing = new ArrayDeque<>();
      for (Path at = path.toAbsolutePath(); at != null && !Files.exists(at); at = at.getParent()) {
        missing.push(at);
      }
      Files.createDirectories(path, ownersOnly(path));
      for (Path at : missing) {
        new FileDisk(at.getParent()).syncNames();
      }
    }
    if (!Files.isDirectory(path)) {
      throw new DataDirectoryException(
          "data directory " + path + " is not a directory: name one, or a path where nothing is");
    }
    if (!Files.isWritable(path)) {
      throw new DataDirectoryException(
          "data directory "
              + path
              + " cannot be written by this process: let its user own the directory, and mount it"
              + " for writing");
    }
  }

  private static FileAttribute<?>[] ownersOnly(Path path) {
    return path.getFileSystem().supportedFileAttributeViews().contains("posix")
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        }
        : new FileAttribute<?>[0];
  }

  private static void refuseForeign(Path path) throws IOException {
    try (Stream<Path> files = Files.list(path)) {
      List<String> names = files.map(file -> file.getFileName().toString()).sorted().toList();
      if (!names.contains(IdentityFile.NAME) && !NOTHING.containsAll(names)) {
        String other = names.stream().filter(name -> !NOTHING.contains(name)).findFirst().get();
        throw new DataDirectoryException(
            "data directory "
                + path
                + " is not Busbar's: it holds "
                + other
                + " and no identity: name an empty directory, or restore the file "
                + IdentityFile.NAME
                + " from a backup");
      }
    }
  }

  /** Who the directory is from this start on. */
  private static Identity identity(Path path, Disk disk, Setup setup, InstantSource clock)
      throws IOException {
    String text = IdentityFile.read(disk);
    if (text == null) {
      return new Identity(
          UUID.randomUUID(),
          setup.name,
          setup.cluster,
          clock.instant().truncatedTo(ChronoUnit.MILLIS),
          setup.shards,
          setup.groups,
          1);
    }
    Identity identity = parse(path, text).startedAgain();
    if (identity.cluster().isEmpty()) {
      return identity.in(setup.cluster);
    }
    refuseOther(path, identity, setup.cluster);
    return identity;
  }

  private static Identity parse(Path path, String text) throws DataDirectoryException {
    int format = Identity.format(text);
    if (format > Identity.FORMAT) {
      throw new DataDirectoryException(
          "data directory "
              + path
              + " has format "
              + format
              + " of a newer version of Busbar, this one knows "
              + Identity.FORMAT
              + ": start that version again, or one after it");
    }
    try {
      return Identity.of(text);
    } catch (IllegalArgumentException e) {
      throw new DataDirectoryException(
          "data directory "
              + path
              + " has a damaged file "
              + IdentityFile.NAME
              + " ("
              + e.getMessage()
              + "): restore it from a backup, or have the node begin anew in an empty directory",
          e);
    }
  }

  private static void refuseOther(Path path, Identity identity, String cluster)
      throws DataDirectoryException {
    if (!cluster.isEmpty() && !cluster.equals(identity.cluster())) {
      throw new DataDirectoryException(
          "data directory "
              + path
              + " belongs to cluster "
              + identity.cluster()
              + ", not to "
              + cluster
              + ": configure that cluster, or name another directory");
    }
  }

  /**
   * Makes it the directory of a cluster, once and for all; on the disk when this returns.
   *
   * @throws DataDirectoryException if it is another cluster's, or cannot be written
   */
  public void join(String cluster) throws DataDirectoryException {
    if (cluster.isEmpty() || !Identity.isCluster(cluster)) {
      throw new IllegalArgumentException("cluster id '" + cluster + "'");
    }
    if (!identity.cluster().isEmpty()) {
      refuseOther(path, identity, cluster);
      return;
    }
    write(identity.in(cluster));
  }

  /**
   * Makes it the directory of another cluster, which begins with what this one has; on the disk
   * when this returns.
   *
   * @throws DataDirectoryException if it cannot be written
   */
  void found(String cluster) throws DataDirectoryException {
    write(identity.in(cluster));
  }

  private void write(Identity next) throws DataDirectoryException {
    try {
      IdentityFile.write(disk, next);
    } catch (IOException e) {
      throw new DataDirectoryException("data directory " + path + " cannot be written: " + e, e);
    }
    identity = next;
  }

  /**
   * Makes it the directory of another disk of the node, which has nothing of the cluster yet; on
   * the disk when this returns.
   *
   * @throws DataDirectoryException if it cannot be written
   */
  void renew() throws DataDirectoryException {
    write(identity.renewed());
  }

  /** Who it is. */
  public Identity identity() {
    return identity;
  }

  /** Where it is. */
  public Path path() {
    return path;
  }

  /** A folder in it, made if it is not there; its existence is synced. */
  public Disk folder(String name) throws IOException {
    Path folder = path.resolve(name);
    Files.createDirectories(folder, ownersOnly(folder));
    disk.syncNames();
    return new FileDisk(folder);
  }

  /** Lets others have it. */
  @Override
  public void close() throws IOException {
    lock.close();
  }
}
