package io.busbar.store;

import io.busbar.bus.Wire;
import io.busbar.config.Settings;
import io.busbar.shard.Bounds;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.EventQueueView;
import io.busbar.shard.FormException;
import io.busbar.shard.Group;
import io.busbar.shard.InboxPage;
import io.busbar.shard.Location;
import io.busbar.shard.Machine;
import io.busbar.shard.Outcome;
import io.busbar.shard.Owned;
import io.busbar.shard.Refusal;
import io.busbar.shard.Retained;
import io.busbar.shard.SessionView;
import io.microraft.RaftEndpoint;
import io.microraft.impl.state.RaftGroupMembersState;
import io.microraft.report.RaftGroupMembers;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiPredicate;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The store of a node with a disk: what it has answered is on the disks of most voters. A Raft
 * group holds it all; on a single node that is a group of one.
 *
 * <p>All of it runs in one thread ({@link TurnThread}); the outer methods hand in there.
 */
public final class DurableStore implements Store {
  private static final Logger LOG = LoggerFactory.getLogger(DurableStore.class);

  /** The group that holds all sessions. */
  private static final int GROUP = 0;

  /** What a command costs besides its message. */
  private static final int OVERHEAD = 64;

  /** How often it is looked how much room the disk has. */
  private static final long LOOK = TimeUnit.MILLISECONDS.toNanos(500);

  /** A sync that takes longer is worth a line. */
  private static final long SLOW_SYNC = TimeUnit.SECONDS.toNanos(1);

  /** So long another node may take to lead instead of this one. */
  private static final long HAND_OVER = TimeUnit.SECONDS.toNanos(1);

  /** So long a node that leaves waits to hear that it has left when it is stopped meanwhile. */
  private static final long LEAVING = TimeUnit.SECONDS.toNanos(3);

  /** So long it may not see most of the nodes, then it begins anew. */
  private static final long CUT_OFF = TimeUnit.SECONDS.toNanos(15);

  private static final long NEVER = Long.MIN_VALUE;

  /** How often is told that it does not serve yet. */
  private static final long TELL = TimeUnit.SECONDS.toNanos(10);

  /** How soon it is looked again whether it may serve. */
  private static final long LOOK_AGAIN = TimeUnit.MILLISECONDS.toNanos(50);

  /** What is kept free: segments of the journal, for what makes room. */
  private static final int FREE_SEGMENTS = 3;

  private final String name;
  private final Settings.Storage storage;
  private final Bounds bounds;
  private final StoreMeters meters;
  private final Consumer<Throwable> fatal;
  private final Set<Safeguard> without;
  private final UnaryOperator<Disk> disks;

  /** The other nodes, or null: then the store is this node's alone. */
  private final Ensemble others;

  private final Promise<Void> started = Promise.promise();
  private final Promise<Void> closed = Promise.promise();
  private final TurnThread thread;
  private final PriorityQueue<Awaited> awaited = new PriorityQueue<>(Awaited.BY_POSITION);
  private Vertx vertx;
  private Consumer<Effect> effects;
  private StoreOpening opening;
  private Replicas replicas;
  private boolean isServing;
  private boolean isTicking;
  private boolean isStopping;
  private long looked = Long.MIN_VALUE;

  /** Completes when this node is no member any more, as it wanted. */
  private final Promise<Void> left = Promise.promise();

  private boolean isLeaving;
  private boolean hasLeft;

  /** Sessions that somebody looks at, or null. */
  private volatile BiPredicate<String, String> watched;

  /** What must have come here before it serves. */
  private long owed;

  private volatile Turn turn;
  private volatile boolean isFull;
  private volatile long journalBytes;
  private volatile long position;
  private volatile List<String> voters = List.of();
  private long membersAt = -1;
  private long cutOffSince = NEVER;

  /** Until when it serves, if it is one of several; {@link #hasLease} says whether that is set. */
  private volatile long servesUntil;

  private volatile boolean hasLease;
  private volatile boolean isLeader;

  /** What all nodes that are there, and all that have a copy, understand. */
  private volatile int forms;

  private volatile int sessions;
  private volatile int retained;
  private volatile long retainedBytes;
  private volatile long retainedExpired;
  private volatile int queuedEvents;
  private volatile int restored;

  /** Who waits for a place in the log. */
  private record Awaited(long position, Runnable then) {
    static final Comparator<Awaited> BY_POSITION = Comparator.comparingLong(Awaited::position);
  }

  /**
   * A store that is not opened yet.
   *
   * @param name of the node
   * @param storage where and how
   * @param others the nodes that have the store together with this one, or null
   * @param fatal ends the process: what is in memory and what is on disk may differ
   * @param without empty but in tests
   * @param disks the identity but in tests
   */
  DurableStore(
      String name,
      Settings.Storage storage,
      Ensemble others,
      Bounds bounds,
      StoreMeters meters,
      Consumer<Throwable> fatal,
      Set<Safeguard> without,
      UnaryOperator<Disk> disks) {
    this.name = name;
    this.storage = storage;
    this.others = others;
    this.bounds = bounds;
    this.meters = meters;
    this.fatal = fatal;
    this.without = without;
    this.disks = disks;
    this.thread = new TurnThread("busbar-store", new Body());
  }

  // --- from the session verticle ---

  @Override
  public Future<Void> start(Vertx ofNode, Consumer<Effect> told) {
    vertx = ofNode;
    effects = told;
    thread.start();
    return started.future();
  }

  @Override
  public Future<Void> close() {
    Turn now = turn;
    if (others == null || now == null) {
      thread.close();
    } else {
      now.execute(this::stop);
    }
    if (others != null) {
      others.stopWaiting();
    }
    return closed.future();
  }

  /** Has another node lead before this one goes: the others need not find out that it is gone. */
  private void stop() {
    isStopping = true;
    if (isLeaving && !hasLeft) {
      // it may be out, and about to hear of it
      left.future().onComplete(out -> thread.close());
      replicas.turn().after(LEAVING, thread::close);
    } else if (replicas.replica(GROUP).leads()) {
      replicas.replica(GROUP).handOver();
      replicas.turn().after(HAND_OVER, thread::close);
    } else {
      thread.close();
    }
  }

  @Override
  public boolean isShared() {
    return others != null;
  }

  @Override
  public Wire.Introduction introduction() {
    return others.introduction();
  }

  @Override
  public void met(Collection<Wire.Introduction> nodes, boolean areAll) {
    others.met(nodes, areAll);
    Turn now = turn;
    if (now != null) {
      now.execute(
          () -> {
            watchMajority();
            understand();
          });
    }
  }

  /** What all understand, now or for good: the log says so to those who begin later. */
  private void understand() {
    int all = others.forms(ids(members()));
    int known = group().forms();
    forms = Math.max(all, known);
    if (isToBeSaid(all, known) && isServing && isLeader) {
      // asked again with the next look at who is there, until the log has it
      replicas.append(GROUP, List.of(new Command.Understood(all)), OVERHEAD, done -> {});
    }
  }

  /** Whether the log says less than all understand; earlier nodes know no such entry themselves. */
  static boolean isToBeSaid(int all, int known) {
    return all > known && all >= Wire.Introduction.WITH_UNDERSTOOD;
  }

  /**
   * A node that does not see most voters cannot know what goes on without it: its connections end
   * at once. If that lasts, it has to begin anew, for the others go on as if it were gone.
   */
  private void watchMajority() {
    if (!isServing || isStopping || isLeaving || voters.isEmpty()) {
      return;
    }
    List<String> there = others.present().stream().map(NodeEndpoint::id).toList();
    boolean seesMost = 2 * voters.stream().filter(there::contains).count() > voters.size();
    long now = System.nanoTime();
    if (seesMost) {
      if (cutOffSince != NEVER) {
        LOG.info("sees most nodes of the store again: there={}", there);
      }
      cutOffSince = NEVER;
    } else if (cutOffSince == NEVER) {
      cutOffSince = now;
      LOG.error(
          "cut off from most nodes of the store, all connections end: there={} voters={}",
          there,
          voters);
      effects.accept(new Effect.Left(node()));
    } else if (now - cutOffSince > CUT_OFF) {
      fatal.accept(
          new CutOffException(
              "cut off from most nodes of the store: there=%s voters=%s".formatted(there, voters)));
    }
  }

  @Override
  public boolean serves() {
    return others == null
        || (hasLease && servesUntil - System.nanoTime() > 0)
        || without.contains(Safeguard.LEASE);
  }

  private void leased(long until) {
    servesUntil = until;
    hasLease = true;
  }

  /** Before all nodes are of a version with grants, a node serves while it knows who leads. */
  private void serveWithoutGrants() {
    RaftEndpoint leader = replicas.replica(GROUP).leader();
    if (leader != null && !others.isOf(Wire.Introduction.WITH_GRANTS, leader.getId().toString())) {
      leased(System.nanoTime() + Leases.LEASE);
    }
  }

  @Override
  public int forms() {
    return forms;
  }

  @Override
  public long position() {
    return position;
  }

  // --- who has the store ---

  @Override
  public void view(Consumer<Wire.StoreView> then) {
    Turn now = turn;
    if (now != null) {
      now.execute(() -> then.accept(viewNow()));
    }
  }

  private Wire.StoreView viewNow() {
    Replica replica = replicas.replica(GROUP);
    Placement placement = replicas.placement(GROUP);
    RaftGroupMembers members = replica.raft().getCommittedMembers();
    Collection<NodeEndpoint> there = others.present();
    Set<RaftEndpoint> all = new LinkedHashSet<>(members.getMembers());
    all.addAll(there);
    RaftEndpoint leader = replica.leader();
    List<Wire.StoreNode> nodes =
        all.stream()
            .map(
                node ->
                    new Wire.StoreNode(
                        node.getId().toString(),
                        members.getMembers().contains(node),
                        members.getVotingMembers().contains(node),
                        there.contains(node),
                        placement.isLeaving(node),
                        node.equals(leader) ? 0 : placement.behind(node)))
            .toList();
    return new Wire.StoreView(
        "",
        opening.identity().cluster(),
        leader == null ? "" : leader.getId().toString(),
        others.voters(),
        nodes);
  }

  @Override
  public void giveUp(String node, Consumer<Boolean> then) {
    turn.execute(
        () ->
            then.accept(
                replicas.replica(GROUP).leads()
                    && replicas.placement(GROUP).giveUp(new NodeEndpoint(node))));
  }

  @Override
  public Future<Void> leave() {
    turn.execute(
        () -> {
          isLeaving = true;
          replicas.leave();
        });
    return left.future();
  }

  @Override
  public void reached(long place, Runnable then) {
    Turn now;
    synchronized (awaited) {
      now = turn;
      if (now == null) {
        owed = Math.max(owed, place);
      }
    }
    if (now == null) {
      then.run();
    } else {
      now.execute(() -> reachedNow(place, then));
    }
  }

  private void reachedNow(long place, Runnable then) {
    if (isServing) {
      awaited.add(new Awaited(place, then));
    } else {
      owed = Math.max(owed, place);
      then.run();
    }
  }

  @Override
  public String node() {
    return opening.identity().node().id();
  }

  @Override
  public void append(List<Command> commands, Feed feed, Consumer<Appended> then) {
    turn.execute(() -> appendNow(commands, feed, then));
  }

  private void appendNow(List<Command> commands, Feed feed, Consumer<Appended> then) {
    if (hasLeft) {
      then.accept(new Appended.Refused(Refusal.UNAVAILABLE));
    } else if (isFull && commands.stream().anyMatch(Command::needsRoom)) {
      // in its order
      replicas.append(GROUP, List.of(), 0, done -> then.accept(new Appended.Refused(Refusal.FULL)));
    } else {
      replicas.append(GROUP, commands, feed, bytes(commands), then);
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
      } else if (command instanceof Command.PutResource put) {
        bytes += put.value().length;
      } else if (command instanceof Command.Together all) {
        bytes += bytes(all.commands());
      } else if (command instanceof Command.Replay replay) {
        bytes += replay.packets().stream().mapToInt(packet -> packet.length).sum();
      }
    }
    return bytes;
  }

  @Override
  public void retained(byte[] filter, byte[] after, Consumer<Retained.Page> then) {
    Runnable read =
        () ->
            then.accept(
                group()
                    .retained()
                    .read(filter, after, PAGE_MESSAGES, PAGE_BYTES, System.currentTimeMillis()));
    if (others == null || after != null) {
      turn.execute(read);
      return;
    }
    // what other nodes have answered may not have come here: what this one appends comes after it
    append(
        List.of(new Command.Tick()),
        appended -> {
          if (appended instanceof Appended.Outcomes) {
            read.run();
          }
        });
  }

  @Override
  public void retained(String session, String name, byte[] after, Consumer<Retained.Page> then) {
    turn.execute(
        () ->
            then.accept(
                group()
                    .retained(
                        session,
                        name,
                        after,
                        PAGE_MESSAGES,
                        PAGE_BYTES,
                        System.currentTimeMillis())));
  }

  @Override
  public void inbox(String session, long epoch, long from, int most, Consumer<InboxPage> then) {
    turn.execute(() -> then.accept(group().page(session, epoch, from, most)));
  }

  @Override
  public void events(String queue, List<Outcome.Took> took, Consumer<List<byte[]>> then) {
    turn.execute(() -> then.accept(group().events(queue, took)));
  }

  @Override
  public void queues(String after, int most, Consumer<List<EventQueueView>> then) {
    turn.execute(() -> then.accept(group().queues(after, most)));
  }

  @Override
  public void session(String name, Consumer<SessionView> then) {
    turn.execute(() -> then.accept(group().view(name)));
  }

  @Override
  public void sessions(
      SessionView.Mark after,
      int most,
      BiPredicate<String, String> wanted,
      Consumer<SessionView.Page> then) {
    turn.execute(() -> then.accept(group().sessions(after, most, wanted)));
  }

  @Override
  public void watch(BiPredicate<String, String> sessions) {
    watched = sessions;
    turn.execute(
        () -> {
          if (isServing) {
            group().watch(sessions);
          }
        });
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
          if (others != null) {
            watchMajority();
            serveWithoutGrants();
          }
        });
  }

  @Override
  public void review(boolean isNew, int most, Consumer<List<Owned>> then) {
    turn.execute(
        () -> {
          if (isNew) {
            group().beginReview();
          }
          then.accept(replicas.replica(GROUP).leads() ? group().review(most) : List.of());
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
  public long retainedBytes() {
    return retainedBytes;
  }

  @Override
  public long retainedExpired() {
    return retainedExpired;
  }

  @Override
  public int queuedEvents() {
    return queuedEvents;
  }

  @Override
  public int restored() {
    return restored;
  }

  /** Which nodes vote, as far as this one knows; from any thread. */
  List<String> voters() {
    return voters;
  }

  /** Whether this node leads; from any thread. */
  boolean leads() {
    return isLeader;
  }

  private Group group() {
    return replicas.replica(GROUP).machine().group();
  }

  /** The others went on without this node, for good: what it has is not theirs any more. */
  private Exception forgotten() {
    String former = node();
    try {
      opening.forget();
      return new CutOffException(
          "node %s was taken out of the store while it was away: started again it gets all from the"
                  .formatted(former)
              + " others");
    } catch (IOException e) {
      return e;
    }
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
      tellReached();
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
        if (hasLeft) {
          opening.forget();
        }
        if (opening != null) {
          opening.close();
        }
      } catch (IOException e) {
        closed.fail(e);
      }
      if (others == null) {
        closed.tryComplete();
      } else {
        others.close(closed::tryComplete);
      }
    }
  }

  private void open() throws IOException {
    long begun = System.nanoTime();
    opening = new StoreOpening(name, storage, without, disks);
    replicas = others == null ? opening.alone(new World()) : opening.together(others, new World());
    Journal journal = replicas.journal();
    tell(journal.recovery(), System.nanoTime() - begun);
    synchronized (awaited) {
      turn = replicas.turn();
    }
    if (others != null) {
      others.join(vertx, opening.identity().cluster(), this::receive);
    }
    meters.journal(() -> journalBytes, () -> isFull);
    if (others != null) {
      meters.shared(() -> voters.size(), () -> isLeader, this::serves);
    }
    // whoever was connected here is not any more, whatever disk the node had then
    String here = name.isEmpty() ? node() : name + Command.Gone.OF_NAME;
    List<Command> first = List.of(new Command.Configure(bounds), new Command.Gone(here));
    replicas.append(GROUP, first, OVERHEAD, this::begin);
    replicas.turn().after(TELL, this::tellWaiting);
  }

  private void tellWaiting() {
    if (!isServing) {
      LOG.info(
          "the store does not serve yet: leader={} voters={} there={}",
          replicas.replica(GROUP).leader(),
          voters,
          replicas.present());
      replicas.turn().after(TELL, this::tellWaiting);
    }
  }

  /** What another node sent; on the channel's loop. */
  private void receive(String from, int kind, int group, ByteBuffer body) {
    turn.execute(
        () -> {
          try {
            replicas.receive(from, kind, group, body);
          } catch (FormException e) {
            meters.counted(Channel.Count.REFUSED_GARBAGE, 1);
            LOG.error("a frame of another node is refused: node={} because={}", from, e.toString());
          }
        });
  }

  private void tell(Journal.Recovery found, long nanos) {
    if (found.records() > 0) {
      LOG.info(
          "store opened: directory={} records={} bytes={} ms={}",
          storage.directory(),
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
    Replica replica = replicas.replica(GROUP);
    if (others != null) {
      serveWithoutGrants();
    }
    boolean isEarly = others != null && (hasFewVoters() || replica.applied() < owed || !serves());
    if (isEarly) {
      // fewer copies than were promised, or a change that other nodes count on is not here
      replicas.turn().after(LOOK_AGAIN, () -> begin(appended));
      return;
    }
    try {
      opening.served();
    } catch (IOException e) {
      fail(e);
      return;
    }
    group().tellAll(effects);
    isServing = true;
    if (others != null) {
      understand();
    }
    if (replica.leads()) {
      tellPending();
    }
    restored = others == null ? group().deliveries() + handedOn() : 0;
    count();
    started.tryComplete();
  }

  /** Whether fewer vote than were to found the store, and that is not because others have left. */
  private boolean hasFewVoters() {
    RaftGroupMembers members = replicas.replica(GROUP).raft().getCommittedMembers();
    int votes = members.getVotingMembers().size();
    boolean isFounded = members.getLogIndex() > 0;
    boolean isComing =
        others.present().stream()
            .anyMatch(
                one ->
                    members.getMembers().contains(one)
                        && !members.getVotingMembers().contains(one));
    return votes < others.founders() && (!isFounded || isComing);
  }

  private Collection<RaftEndpoint> members() {
    return replicas.replica(GROUP).raft().getEffectiveMembers().getMembers();
  }

  private static List<String> ids(Collection<RaftEndpoint> members) {
    return members.stream().map(member -> member.getId().toString()).toList();
  }

  private int handedOn() {
    return (int) group().pending().stream().filter(one -> one instanceof Effect.Repick).count();
  }

  /** Nobody may have carried out what is pending: the node that led is gone. */
  private void tellPending() {
    group().pending().forEach(effects);
  }

  private void fail(Exception why) {
    started.tryFail(why);
    thread.close();
  }

  private void count() {
    sessions = group().sessions();
    retained = group().retained().size();
    retainedBytes = group().retained().bytes();
    retainedExpired = group().retained().expired();
    queuedEvents = group().queuedEvents();
    journalBytes = replicas.journal().bytes();
    isLeader = replicas.replica(GROUP).leads();
    RaftGroupMembersState members = replicas.replica(GROUP).state().committedGroupMembers();
    if (members.getLogIndex() != membersAt) {
      membersAt = members.getLogIndex();
      voters = ids(members.getVotingMembers());
    }
  }

  private void tellReached() {
    while (!awaited.isEmpty() && awaited.peek().position <= replicas.replica(GROUP).applied()) {
      awaited.remove().then.run();
    }
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
      usable = opening.disk().usable();
    } catch (IOException e) {
      fatal.accept(e);
      return;
    }
    long enough = FREE_SEGMENTS * storage.segmentBytes();
    boolean isNow = turn.isFull() || usable < (isFull ? enough + storage.segmentBytes() : enough);
    if (isNow != isFull) {
      isFull = isNow;
      if (isNow) {
        LOG.warn(
            "the disk of {} is full: {} bytes are left of the {} that must be; what needs room is"
                + " refused until there is more",
            storage.directory(),
            usable,
            enough);
      } else {
        LOG.info("the disk of {} has room again: {} bytes", storage.directory(), usable);
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
      return others == null ? List.of(opening.identity().node()) : others.present();
    }

    @Override
    public void send(String node, int kind, int group, byte[] body) {
      others.send(node, kind, group, body);
    }

    @Override
    public void leased(int group, long until) {
      DurableStore.this.leased(until);
    }

    @Override
    public void tryAddress(NodeEndpoint node, Runnable dead) {
      others.tryAddress(vertx, node.id(), () -> turn.execute(dead));
    }

    @Override
    public boolean areAllOf(int forms, Collection<RaftEndpoint> nodes) {
      return ids(nodes).stream().allMatch(node -> others.isOf(forms, node));
    }

    @Override
    public void effect(int group, Effect effect, boolean isLeader) {
      boolean isThisOne = effect instanceof Effect.Left left && left.node().equals(node());
      if (isServing && isThisOne && !name.isEmpty()) {
        hasLease = false;
        fatal.accept(
            new CutOffException("the other nodes have taken this one for gone: " + node()));
      } else if (isServing && concerns(effect, isLeader)) {
        if (effect instanceof Effect.Left left) {
          LOG.info(
              "a node is gone, its connections have ended: node={} because={}",
              left.node(),
              because(left.cause()));
        }
        effects.accept(effect);
      }
    }

    private String because(Command.Gone.Cause cause) {
      return switch (cause) {
        case UNSAID -> "it begins anew, or is of an earlier version";
        case LEASE -> "its lease has run out";
        case ADDRESS -> "nobody listens at its address";
      };
    }

    /** Each effect is carried out by one node, but for what all indexes must know. */
    private boolean concerns(Effect effect, boolean isLeader) {
      if (effect instanceof Effect.Bell bell) {
        return isHere(bell.location());
      } else if (effect instanceof Effect.Ended ended) {
        return ended.location() == null ? isLeader : isHere(ended.location());
      } else if (effect instanceof Effect.Interest
          || effect instanceof Effect.ShareInterest
          || effect instanceof Effect.Ready
          || effect instanceof Effect.Changed
          || effect instanceof Effect.Left) {
        return true;
      }
      return isLeader;
    }

    private boolean isHere(Location location) {
      return location.node().equals(node());
    }

    @Override
    public void applied(int group, long index, byte[] entry) {
      position = index;
    }

    @Override
    public void leads(int group, boolean isLeader) {
      if (others != null) {
        LOG.info("this node {} the store", isLeader ? "leads" : "does not lead any more");
      }
      if (isLeader && isServing) {
        tellPending();
      }
      if (isStopping && !isLeader) {
        thread.close();
      }
    }

    @Override
    public void left() {
      if (!isLeaving) {
        fatal.accept(forgotten());
        return;
      }
      LOG.info("this node is no member of the store any more: node={}", node());
      hasLeft = true;
      isServing = false;
      // nobody waits for what does not come here
      awaited.forEach(one -> one.then.run());
      awaited.clear();
      effects.accept(new Effect.Left(node()));
      left.tryComplete();
    }

    @Override
    public void replaced(int group, Machine before) {
      position = replicas.replica(group).applied();
      if (isServing) {
        group().watch(watched);
        group().tellDifference(before.group(), effects);
        // what came for its connections meanwhile was not told
        effects.accept(new Effect.Left(node()));
      }
    }

    @Override
    public void synced(long nanos) {
      meters.synced(nanos);
      long now = System.nanoTime();
      if (nanos > SLOW_SYNC && (lastSlow == Long.MIN_VALUE || now - lastSlow > 10 * SLOW_SYNC)) {
        lastSlow = now;
        LOG.warn(
            "the disk of {} took {} ms for one sync: acknowledgements wait for it",
            storage.directory(),
            TimeUnit.NANOSECONDS.toMillis(nanos));
      }
    }

    @Override
    public void fatal(Throwable cause) {
      fatal.accept(cause);
    }
  }
}
