package io.busbar.store;

import io.busbar.config.Settings;
import io.busbar.shard.Bounds;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.FormException;
import io.busbar.shard.Group;
import io.busbar.shard.InboxPage;
import io.busbar.shard.Location;
import io.busbar.shard.Refusal;
import io.busbar.shard.Retained;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The store of a node with a disk: what it has answered is on it. A Raft group holds it all; on a
 * single node that is a group of one.
 *
 * <p>All of it runs in one thread ({@link TurnThread}); the outer methods hand in there.
 */
public final class DurableStore implements Store {
  private static final Logger LOG = LoggerFactory.getLogger(DurableStore.class);

  /** The group that holds all sessions. */
  private static final int GROUP = 0;

  private static final int GROUPS = 1;
  private static final int SHARDS = 1_024;
  private static final String FOLDER = "store";

  /** After so many entries the group's log begins anew, at the latest. */
  private static final int SNAPSHOT_ENTRIES = 100_000;

  /** What a command costs besides its message. */
  private static final int OVERHEAD = 64;

  /** How often it is looked how much room the disk has. */
  private static final long LOOK = TimeUnit.MILLISECONDS.toNanos(500);

  /** A sync that takes longer is worth a line. */
  private static final long SLOW_SYNC = TimeUnit.SECONDS.toNanos(1);

  /** What is kept free: segments of the journal, for what makes room. */
  private static final int FREE_SEGMENTS = 3;

  private final String name;
  private final Path path;
  private final long segmentBytes;
  private final Bounds bounds;
  private final StoreMeters meters;
  private final Consumer<Throwable> fatal;
  private final boolean acceptsLoss;
  private final Set<Safeguard> without;
  private final UnaryOperator<Disk> disks;
  private final Promise<Void> started = Promise.promise();
  private final Promise<Void> closed = Promise.promise();
  private final TurnThread thread;
  private Consumer<Effect> effects;
  private DataDirectory directory;
  private Disk disk;
  private Replicas replicas;
  private boolean isServing;
  private boolean isTicking;
  private long looked = Long.MIN_VALUE;
  private volatile Turn turn;
  private volatile boolean isFull;
  private volatile long journalBytes;
  private volatile int sessions;
  private volatile int retained;
  private volatile int restored;

  /**
   * A store that is not opened yet.
   *
   * @param name of the node
   * @param storage where and how
   * @param fatal ends the process: what is in memory and what is on disk may differ
   * @param without empty but in tests
   * @param disks the identity but in tests
   */
  DurableStore(
      String name,
      Settings.Storage storage,
      Bounds bounds,
      StoreMeters meters,
      Consumer<Throwable> fatal,
      Set<Safeguard> without,
      UnaryOperator<Disk> disks) {
    this.name = name;
    this.path = storage.directory();
    this.segmentBytes = storage.segmentBytes();
    this.acceptsLoss = storage.acceptsLoss();
    this.bounds = bounds;
    this.meters = meters;
    this.fatal = fatal;
    this.without = without;
    this.disks = disks;
    this.thread = new TurnThread("busbar-store", new Body());
  }

  // --- from the session verticle ---

  @Override
  public Future<Void> start(Consumer<Effect> told) {
    effects = told;
    thread.start();
    return started.future();
  }

  @Override
  public Future<Void> close() {
    thread.close();
    return closed.future();
  }

  @Override
  public String node() {
    return directory.identity().node().id();
  }

  @Override
  public void append(List<Command> commands, Consumer<Appended> then) {
    turn.execute(() -> appendNow(commands, then));
  }

  private void appendNow(List<Command> commands, Consumer<Appended> then) {
    if (isFull && commands.stream().anyMatch(Command::needsRoom)) {
      // in its order
      replicas.append(GROUP, List.of(), 0, done -> then.accept(new Appended.Refused(Refusal.FULL)));
    } else {
      replicas.append(GROUP, commands, bytes(commands), then);
    }
  }

  private static int bytes(List<Command> commands) {
    int bytes = 0;
    for (Command command : commands) {
      bytes += OVERHEAD;
      if (command instanceof Command.Publish publish) {
        bytes += publish.packet().length;
      } else if (command instanceof Command.Once once) {
        bytes += once.publish().packet().length;
      } else if (command instanceof Command.Replay replay) {
        bytes += replay.packets().stream().mapToInt(packet -> packet.length).sum();
      }
    }
    return bytes;
  }

  @Override
  public void retained(byte[] filter, byte[] after, Consumer<Retained.Page> then) {
    turn.execute(
        () ->
            then.accept(
                group()
                    .retained()
                    .read(filter, after, PAGE_MESSAGES, PAGE_BYTES, System.currentTimeMillis())));
  }

  @Override
  public void inbox(String session, long epoch, long from, int most, Consumer<InboxPage> then) {
    turn.execute(() -> then.accept(group().page(session, epoch, from, most)));
  }

  @Override
  public void tick() {
    turn.execute(
        () -> {
          boolean isDue =
              replicas.replica(GROUP).leads() && group().nextDue() <= System.currentTimeMillis();
          if (isDue && !isTicking) {
            isTicking = true;
            replicas.append(
                GROUP, List.of(new Command.Tick()), OVERHEAD, done -> isTicking = false);
          }
        });
  }

  @Override
  public int sessions() {
    return sessions;
  }

  @Override
  public int retainedMessages() {
    return retained;
  }

  @Override
  public int restored() {
    return restored;
  }

  private Group group() {
    return replicas.replica(GROUP).machine().group();
  }

  // --- the thread ---

  private final class Body implements TurnThread.Body {
    @Override
    public boolean open() {
      try {
        DurableStore.this.open();
        return true;
      } catch (IOException | RuntimeException e) {
        started.fail(e);
        return false;
      }
    }

    @Override
    public Turn turn() {
      return turn;
    }

    @Override
    public Journal journal() {
      return replicas.journal();
    }

    @Override
    public void failed(Throwable cause) {
      fatal.accept(cause);
    }

    @Override
    public void turned() {
      count();
      look();
    }

    @Override
    public void close() {
      started.tryFail(new IOException("the store was closed"));
      try {
        if (replicas != null) {
          replicas.journal().close();
        }
        if (directory != null) {
          directory.close();
        }
        closed.complete();
      } catch (IOException e) {
        closed.fail(e);
      }
    }
  }

  private void open() throws IOException {
    long begun = System.nanoTime();
    DataDirectory.Setup setup = new DataDirectory.Setup(name, "", SHARDS, GROUPS);
    directory = DataDirectory.open(path, setup, InstantSource.system());
    Identity identity = directory.identity();
    // before it is opened: that begins a new one
    refuseLost(identity);
    replicas = replicas(identity);
    Journal journal = replicas.journal();
    tell(journal.recovery(), System.nanoTime() - begun);
    turn = replicas.turn();
    meters.journal(() -> journalBytes, () -> isFull);
    // whoever was connected here is not any more
    List<Command> first =
        List.of(new Command.Configure(bounds), new Command.Gone(identity.node().id()));
    replicas.append(GROUP, first, OVERHEAD, this::begin);
  }

  /** The groups, from what is on the disk, or from what an operator accepts to be left with. */
  private Replicas replicas(Identity identity) throws IOException {
    try {
      return groups(identity);
    } catch (IOException | FormException e) {
      if (!acceptsLoss) {
        throw new DataDirectoryException(
            "data directory %s: %s: restore it from a backup, or give up what it cannot read:"
                    .formatted(path, e.getMessage())
                + " busbar start --accept-loss",
            e);
      }
      long position = e instanceof DamagedJournalException damaged ? damaged.position() : 0;
      return salvaged(identity, position, e);
    }
  }

  private Replicas salvaged(Identity identity, long position, Exception why) throws IOException {
    Path aside = Salvage.before(path.resolve(FOLDER), position);
    LOG.warn(
        "loss accepted: cause={} kept={} all of it is still in {}",
        why.getMessage(),
        position == 0 ? "nothing" : "what stands before position " + position,
        aside);
    try {
      return groups(identity);
    } catch (IOException | FormException e) {
      if (position == 0) {
        throw e;
      }
      // what stands there begins with a checkpoint that is gone
      return salvaged(identity, 0, e);
    }
  }

  private Replicas groups(Identity identity) throws IOException {
    disk = disks.apply(directory.folder(FOLDER));
    NodeEndpoint self = identity.node();
    return new Replicas(
        new Replicas.Site(
            self,
            identity.starts(),
            List.of(self),
            1,
            identity.groups(),
            disk,
            segmentBytes,
            SNAPSHOT_ENTRIES,
            without),
        new World());
  }

  /** A directory that served before has a journal. */
  private void refuseLost(Identity identity) throws IOException {
    boolean isLost =
        !identity.cluster().isEmpty() && Segment.all(directory.folder(FOLDER)).isEmpty();
    if (isLost && acceptsLoss) {
      LOG.warn("loss accepted: data directory {} has lost its journal", path);
    } else if (isLost) {
      throw new DataDirectoryException(
          "data directory %s has lost its journal: folder %s holds none: restore it from a backup,"
                  .formatted(path, FOLDER)
              + " or give up what was stored: busbar start --accept-loss");
    }
  }

  private void tell(Journal.Recovery found, long nanos) {
    if (found.records() > 0) {
      LOG.info(
          "store opened: directory={} records={} bytes={} ms={}",
          path,
          found.records(),
          found.bytes(),
          TimeUnit.NANOSECONDS.toMillis(nanos));
    }
    if (found.cutBytes() > 0) {
      LOG.warn(
          "the journal ended in {} bytes that were never synced, nor acknowledged: cut at {}",
          found.cutBytes(),
          found.cutAt());
    }
  }

  /** The group has come to this start: what it holds now is what this node serves. */
  private void begin(Appended appended) {
    if (!(appended instanceof Appended.Outcomes)) {
      fail(new TimeoutException("the store's group takes no entries"));
      return;
    }
    try {
      if (directory.identity().cluster().isEmpty()) {
        // from now on a journal must be there
        directory.join(directory.identity().disk().toString());
      }
    } catch (IOException e) {
      fail(e);
      return;
    }
    Group group = group();
    group.tellInterest(effects);
    int handedOn = 0;
    for (Effect.Pending pending : group.pending()) {
      handedOn += pending instanceof Effect.Repick ? 1 : 0;
      effects.accept(pending);
    }
    restored = group.deliveries() + handedOn;
    count();
    isServing = true;
    started.tryComplete();
  }

  private void fail(Exception why) {
    started.tryFail(why);
    thread.close();
  }

  private void count() {
    sessions = group().sessions();
    retained = group().retained().size();
    journalBytes = replicas.journal().bytes();
  }

  /** A disk that is nearly full takes only what makes room. */
  private void look() {
    long now = System.nanoTime();
    if (now - looked < LOOK && looked != Long.MIN_VALUE) {
      return;
    }
    looked = now;
    long usable;
    try {
      usable = disk.usable();
    } catch (IOException e) {
      fatal.accept(e);
      return;
    }
    long enough = FREE_SEGMENTS * segmentBytes;
    boolean isNow = turn.isFull() || usable < (isFull ? enough + segmentBytes : enough);
    if (isNow != isFull) {
      isFull = isNow;
      if (isNow) {
        LOG.warn(
            "the disk of {} is full: {} bytes are left of the {} that must be; what needs room is"
                + " refused until there is more",
            path,
            usable,
            enough);
      } else {
        LOG.info("the disk of {} has room again: {} bytes", path, usable);
      }
    }
  }

  /** What the groups ask for. */
  private final class World implements Replicas.World {
    private final Random random = new Random();
    private long lastSlow = Long.MIN_VALUE;

    @Override
    public long nanoTime() {
      return System.nanoTime();
    }

    @Override
    public long wallClock() {
      return System.currentTimeMillis();
    }

    @Override
    public Random random() {
      return random;
    }

    @Override
    public void wakeUp() {
      thread.wakeUp();
    }

    @Override
    public Collection<NodeEndpoint> present() {
      return List.of();
    }

    @Override
    public void send(String node, int kind, int group, byte[] body) {
      throw new IllegalStateException("a single node has nobody to send to: " + node);
    }

    @Override
    public void effect(int group, Effect effect, boolean isLeader) {
      if (isServing && concerns(effect, isLeader)) {
        effects.accept(effect);
      }
    }

    /** Each effect is carried out by one node, but for what all indexes must know. */
    private boolean concerns(Effect effect, boolean isLeader) {
      if (effect instanceof Effect.Bell bell) {
        return isHere(bell.location());
      } else if (effect instanceof Effect.Ended ended) {
        return ended.location() != null && isHere(ended.location());
      } else if (effect instanceof Effect.Interest || effect instanceof Effect.ShareInterest) {
        return true;
      }
      return isLeader;
    }

    private boolean isHere(Location location) {
      return location.node().equals(node());
    }

    @Override
    public void applied(int group, long index, byte[] entry) {
      // told by its effects and outcomes
    }

    @Override
    public void leads(int group, boolean isLeader) {
      LOG.debug("{} the store's group", isLeader ? "leads" : "does not lead any more");
    }

    @Override
    public void replaced(int group) {
      throw new IllegalStateException("a single node has nobody to get a state from");
    }

    @Override
    public void synced(long nanos) {
      meters.synced(nanos);
      long now = System.nanoTime();
      if (nanos > SLOW_SYNC && (lastSlow == Long.MIN_VALUE || now - lastSlow > 10 * SLOW_SYNC)) {
        lastSlow = now;
        LOG.warn(
            "the disk of {} took {} ms for one sync: acknowledgements wait for it",
            path,
            TimeUnit.NANOSECONDS.toMillis(nanos));
      }
    }

    @Override
    public void fatal(Throwable cause) {
      fatal.accept(cause);
    }
  }
}
