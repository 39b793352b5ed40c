package io.busbar.store;

import io.busbar.config.Settings;
import io.busbar.shard.FormException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a node's store stands on: its data directory, and the groups from what is on the disk. */
final class StoreOpening implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(StoreOpening.class);

  static final int GROUPS = 1;
  static final int SHARDS = 1_024;
  static final String FOLDER = "store";

  /** After so many entries the group's log begins anew, at the latest. */
  private static final int SNAPSHOT_ENTRIES = 100_000;

  /** What is held of the log's newest entries, for nodes that are a little behind. */
  static final long HEAP_BYTES = 32L << 20;

  private final Path path;
  private final long segmentBytes;
  private final boolean acceptsLoss;
  private final Set<Safeguard> without;
  private final UnaryOperator<Disk> disks;
  private final DataDirectory directory;
  private Disk disk;

  /**
   * Opens a directory, or makes one.
   *
   * @param name of the node
   * @param without empty but in tests
   * @param disks the identity but in tests
   */
  StoreOpening(
      String name, Settings.Storage storage, Set<Safeguard> without, UnaryOperator<Disk> disks)
      throws DataDirectoryException {
    this.path = storage.directory();
    this.segmentBytes = storage.segmentBytes();
    this.acceptsLoss = storage.acceptsLoss();
    this.without = without;
    this.disks = disks;
    DataDirectory.Setup setup = new DataDirectory.Setup(name, "", SHARDS, GROUPS);
    this.directory = DataDirectory.open(path, setup, InstantSource.system());
  }

  Identity identity() {
    return directory.identity();
  }

  /** Where the groups' files are, once they are open. */
  Disk disk() {
    return disk;
  }

  @Override
  public void close() throws IOException {
    directory.close();
  }

  // --- a store of this node alone ---

  /** The groups, from what is on the disk, or from what an operator accepts to be left with. */
  Replicas alone(Replicas.World world) throws IOException {
    // before it is opened: that begins a new one
    refuseLost();
    try {
      return groups(List.of(identity().node()), null, world);
    } catch (IOException | FormException e) {
      if (!acceptsLoss) {
        throw new DataDirectoryException(
            "data directory %s: %s: restore it from a backup, or give up what it cannot read:"
                    .formatted(path, e.getMessage())
                + " busbar start --accept-loss",
            e);
      }
      long position = e instanceof DamagedJournalException damaged ? damaged.position() : 0;
      return salvaged(position, e, world);
    }
  }

  /** It serves: from now on a journal must be there. */
  void served() throws IOException {
    if (identity().cluster().isEmpty()) {
      directory.join(identity().disk().toString());
    }
  }

  private Replicas salvaged(long position, Exception why, Replicas.World world) throws IOException {
    Path aside = Salvage.before(path.resolve(FOLDER), position);
    LOG.warn(
        "loss accepted: cause={} kept={} all of it is still in {}",
        why.getMessage(),
        position == 0 ? "nothing" : "what stands before position " + position,
        aside);
    try {
      return groups(List.of(identity().node()), null, world);
    } catch (IOException | FormException e) {
      if (position == 0) {
        throw e;
      }
      // what stands there begins with a checkpoint that is gone
      return salvaged(0, e, world);
    }
  }

  /** A directory that served before has a journal. */
  private void refuseLost() throws IOException {
    boolean isLost = !identity().cluster().isEmpty() && !hasJournal();
    if (isLost && acceptsLoss) {
      LOG.warn("loss accepted: data directory {} has lost its journal", path);
    } else if (isLost) {
      throw new DataDirectoryException(
          "data directory %s has lost its journal: folder %s holds none: restore it from a backup,"
                  .formatted(path, FOLDER)
              + " or give up what was stored: busbar start --accept-loss");
    }
  }

  // --- a store that several nodes have ---

  /**
   * The groups, from what is on the disk or with nothing yet. A disk on which something is missing
   * is given up: the node goes on as one with an empty disk, which gets all from the others.
   */
  Replicas together(Ensemble others, Replicas.World world) throws IOException {
    if (hasJournal() && identity().cluster().isEmpty()) {
      // of a start that broke off before anybody was told of it
      renew("a start that was not finished");
    } else if (!hasJournal() && !identity().cluster().isEmpty()) {
      renew("it has no journal: it has left the store, or lost it");
    }
    try {
      return join(others, world);
    } catch (DamagedJournalException | DamagedCheckpointException e) {
      renew(e.getMessage());
      return join(others, world);
    } catch (FormException e) {
      // it is whole, and all nodes may find the same: nothing of it is given up
      throw new DataDirectoryException(
          "data directory %s: %s: start the version that wrote it; or empty the directory, and the"
                  .formatted(path, e.getMessage())
              + " node gets all from the others",
          e);
    }
  }

  private Replicas join(Ensemble others, Replicas.World world) throws IOException {
    Ensemble.Place place = others.place(identity(), hasJournal());
    Replicas replicas = groups(place.voters(), Placement.Wanted.of(others), world);
    try {
      directory.join(place.cluster());
      return replicas;
    } catch (IOException e) {
      replicas.journal().close();
      throw e;
    }
  }

  private void renew(String why) throws IOException {
    final NodeEndpoint former = identity().node();
    boolean isEmpty = directory.folder(FOLDER).names().isEmpty();
    Object aside = isEmpty ? "nothing" : Salvage.before(path.resolve(FOLDER), 0);
    directory.renew();
    LOG.warn(
        "what is on the disk is not used, this node gets all from the others: cause={} disk={}"
            + " former={} aside={}",
        why,
        identity().node(),
        former,
        aside);
  }

  /**
   * Forgets what the other nodes have: the next start is that of a node with an empty disk. Nothing
   * is written any more.
   */
  void forget() throws IOException {
    Salvage.discard(path.resolve(FOLDER));
    LOG.info("what this disk had is deleted: node={}", identity().node());
  }

  // --- both ---

  private boolean hasJournal() throws IOException {
    return !Segment.all(directory.folder(FOLDER)).isEmpty();
  }

  private Replicas groups(List<NodeEndpoint> voters, Placement.Wanted wanted, Replicas.World world)
      throws IOException {
    disk = disks.apply(directory.folder(FOLDER));
    return new Replicas(
        new Replicas.Site(
            identity().node(),
            identity().starts(),
            voters,
            wanted,
            identity().groups(),
            disk,
            segmentBytes,
            SNAPSHOT_ENTRIES,
            HEAP_BYTES,
            without),
        world);
  }
}
